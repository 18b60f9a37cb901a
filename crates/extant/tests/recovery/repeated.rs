//! Recovery is idempotent (C13): interrupted at any point and repeated, it leaves the bytes that
//! an uninterrupted one leaves.
//!
//! The clock stands still, so the one field that may differ is the number of the journal's next
//! transaction: a recovery that finds the transaction of the first one's orphans or fast commits
//! already in the log takes the number behind it, and ends with one more. One that was interrupted
//! between the two superblocks finds a log with a start in a file system that needs no recovery:
//! it gives that log up and goes on as many numbers later as the log has blocks. Then the numbers
//! in the log differ, too, and with them its checksums: its blocks are not compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use extant::{RecoverOptions, RecoveryReport};
use extant_sync::clock;
use extant_testkit::capability::{Capability, need};
use extant_testkit::dirty::{DIRTY_PROFILES, DirtyProfile, Stop, log, make};
use extant_testkit::hostile::{ImageEditor, Spot};
use extant_testkit::image::{Scratch, debugfs, run};
use extant_testkit::journal::{
    FastCommits, FcTag, LogBuilder, LogChecksum, LogFormat, Transaction,
};
use extant_testkit::oracle;
use extant_testkit_device::{RecordedOp, Snapshot};

use crash::{Change, Crash, Disks, State, crashes, snapshot};

mod crash;

/// Dirty devices, and how they are recovered.
struct Case {
    name: String,
    start: State,
    finish_orphans: bool,
    /// Device and byte offset of the journal's superblock.
    journal: (usize, u64),
    /// Byte offsets of the journal's blocks in the image; empty for one of its own.
    blocks: BTreeSet<u64>,
    block_size: u64,
}

/// What was done before a comparison, and how many interruptions that were.
struct Context(String, u32);

/// How many crashes were tried, and how many there were.
#[derive(Default)]
struct Tried {
    crashes: usize,
    of: usize,
    nested: usize,
}

impl Case {
    fn of(name: String, image: &Path, journal: Option<&Path>, finish_orphans: bool) -> Self {
        let found = log::read(image, journal).unwrap();
        let paths = [Some(image), journal].into_iter().flatten();
        let start: State = paths.map(|path| snapshot(&fs::read(path).unwrap())).collect();
        let editor = ImageEditor::new(fs::read(image).unwrap());
        let block_size = editor.block_size().unwrap();
        let inside = (0..).map_while(|n| editor.journal_block(n).ok()).map(|nr| nr * block_size);
        let blocks = if journal.is_none() { inside.collect() } else { BTreeSet::new() };
        let journal = (start.len() - 1, found.superblock_at);
        assert!(blocks.is_empty() || blocks.contains(&found.superblock_at));
        Self { name, start, finish_orphans, journal, blocks, block_size }
    }

    fn recover(&self, state: &[Snapshot]) -> (State, Vec<Change>, RecoveryReport) {
        let disks = Disks::new(state);
        let options = RecoverOptions {
            journal: disks.device(1),
            finish_orphans: self.finish_orphans,
            ..RecoverOptions::default()
        };
        let report = extant::recover(disks.device(0).unwrap(), &options);
        let report = report.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let (state, log) = disks.done();
        (state, log, report)
    }

    /// The bytes of the journal's superblock that hold the next transaction's number, and the
    /// checksum over it.
    fn is_next_transaction(&self, device: usize, at: u64) -> bool {
        let base = self.journal.1;
        let fields = [0x18..0x1c, 0xfc..0x100];
        device == self.journal.0
            && fields.iter().any(|field| (base + field.start..base + field.end).contains(&at))
    }

    /// A byte of the log, not of its superblock.
    fn is_log(&self, device: usize, at: u64) -> bool {
        let block = at - at % self.block_size;
        let superblock = self.journal.1 - self.journal.1 % self.block_size;
        let inside = self.blocks.is_empty() || self.blocks.contains(&block);
        device == self.journal.0 && inside && block != superblock
    }

    fn next_transaction(&self, state: &[Snapshot]) -> u32 {
        let mut bytes = [0; 4];
        let (device, at) = self.journal;
        read(&state[device], &mut bytes, at + 0x18);
        u32::from_be_bytes(bytes)
    }

    /// `ended` is `wanted`, both made from the same state by the changes of `logs`, the former with
    /// `crashes` interruptions.
    fn same(&self, wanted: &[Snapshot], ended: &[Snapshot], logs: &[&[Change]], context: &Context) {
        let Context(what, crashes) = context;
        let more = self.next_transaction(ended).wrapping_sub(self.next_transaction(wanted));
        let gave_up = more > *crashes;
        let mut length = [0; 4];
        read(&wanted[self.journal.0], &mut length, self.journal.1 + 0x10);
        let most = crashes * (u32::from_be_bytes(length) + 1);
        assert!(more <= most, "{}: {what}: {more} transactions more", self.name);
        let ranges: BTreeSet<(usize, u64, usize)> =
            logs.iter().flat_map(|log| log.iter()).filter_map(range).collect();
        for (device, offset, len) in ranges {
            let (mut one, mut two) = (vec![0; len], vec![0; len]);
            read(&wanted[device], &mut one, offset);
            read(&ended[device], &mut two, offset);
            let differs = |n: &usize| {
                let at = offset + *n as u64;
                let may = self.is_next_transaction(device, at);
                one[*n] != two[*n] && !may && !(gave_up && self.is_log(device, at))
            };
            if let Some(n) = (0..len).find(differs) {
                let (name, at) = (&self.name, offset + n as u64);
                panic!("{name}: {what}: device {device} differs at {at:#x}");
            }
        }
    }

    /// Interrupts the recovery of `start`, which leads to `wanted`, and repeats it.
    fn interrupt(&self, crash: &Crash<'_>, wanted: &[Snapshot], log: &[Change]) -> Vec<Change> {
        let context = format!("after change {}, {:?} left", crash.after, crash.left);
        let (ended, second, _) = self.recover(&crash.state());
        self.same(wanted, &ended, &[log, &second], &Context(context, 1));
        second
    }

    /// Interrupts at no more than about `most` points, evenly spread, and always where nothing
    /// survives that was not durable; some of the second recoveries are interrupted, too.
    fn interrupt_all(&self, most: usize) -> Tried {
        let (wanted, log, report) = self.recover(&self.start);
        let done = Context("repeated when it was done".to_owned(), 0);
        self.same(&wanted, &self.recover(&wanted).0, &[&log], &done);
        let mut tried = Tried::default();
        crashes(&self.start, &log, |_| tried.of += 1);
        let stride = tried.of.div_ceil(most);
        let mut number = 0;
        crashes(&self.start, &log, |crash| {
            number += 1;
            if number % stride != 0 && !crash.is_least() {
                return;
            }
            tried.crashes += 1;
            let second = self.interrupt(crash, &wanted, &log);
            if tried.crashes % 16 == 1 {
                tried.nested += self.interrupt_again(&crash.state(), &second, &wanted, &log);
            }
        });
        println!(
            "{}: {} changes, {} of {} crashes, {} nested; orphans {}+{}, fast {}",
            self.name,
            log.len(),
            tried.crashes,
            tried.of,
            tried.nested,
            report.orphans_deleted,
            report.orphans_truncated,
            report.fast_commit_records
        );
        tried
    }

    /// Interrupts `second`, a recovery of `state`, at a few points; gives how many.
    fn interrupt_again(
        &self,
        state: &[Snapshot],
        second: &[Change],
        wanted: &[Snapshot],
        first: &[Change],
    ) -> usize {
        let (mut all, mut number, mut done) = (0_usize, 0, 0);
        crashes(state, second, |_| all += 1);
        crashes(state, second, |crash| {
            number += 1;
            if number % all.div_ceil(8) == 0 || (crash.is_least() && number > 1) {
                let (ended, third, _) = self.recover(&crash.state());
                let context = format!("second after change {}, {:?}", crash.after, crash.left);
                self.same(wanted, &ended, &[first, second, &third], &Context(context, 2));
                done += 1;
            }
        });
        done
    }
}

fn read(snapshot: &Snapshot, bytes: &mut [u8], offset: u64) {
    extant::device::BlockDevice::read_at(snapshot, bytes, offset).unwrap();
}

/// Device, offset and length of a change.
fn range((device, op): &Change) -> Option<(usize, u64, usize)> {
    match op {
        RecordedOp::Write { offset, data, .. } => Some((*device, *offset, data.len())),
        RecordedOp::Flush => None,
        RecordedOp::Discard { offset, len } | RecordedOp::WriteZeroes { offset, len } => {
            Some((*device, *offset, usize::try_from(*len).unwrap()))
        }
    }
}

fn freeze() {
    clock::freeze(clock::Timestamp { secs: 1_900_000_000, nanos: 7 });
}

/// Image `number` of the list over `profiles`: its workload and way to stop come from the number;
/// each third has its orphans left alone, some have nothing but orphans.
fn kernel_case(scratch: &Scratch, profiles: &[&'static DirtyProfile], number: usize) -> Case {
    let (profile, round) = (profiles[number % profiles.len()], number / profiles.len());
    let frozen = round > 0 && number % 8 == 5 && !profile.fast_commits();
    // Seed 7 removes files that are open.
    let seed = if frozen { 7 } else { ((number + 5 * round) % 9) as u64 };
    let stop = if frozen { Stop::Frozen } else { Stop::of(profile, seed) };
    let made = make(scratch, profile, seed, stop).unwrap();
    let finish_orphans = frozen || number % 3 != 2;
    let name = format!("{} orphans={finish_orphans}", made.name());
    let case = Case::of(name, &made.image, made.journal.as_deref(), finish_orphans);
    made.remove().unwrap();
    case
}

/// The images `numbers` of the list over the profiles with or without fast commits.
fn kernel_images(fast: bool, numbers: std::ops::Range<usize>, most: usize) {
    if !need(Capability::KernelMount) || !need(Capability::Compiler) {
        return;
    }
    freeze();
    let profiles: Vec<_> = DIRTY_PROFILES.iter().filter(|p| p.fast_commits() == fast).collect();
    let (scratch, count) = (Scratch::new().unwrap(), numbers.len());
    let mut sum = Tried::default();
    for number in numbers {
        let tried = kernel_case(&scratch, &profiles, number).interrupt_all(most);
        sum.crashes += tried.crashes;
        sum.of += tried.of;
        sum.nested += tried.nested;
    }
    println!("{count} images: {} of {} crashes, {} nested", sum.crashes, sum.of, sum.nested);
    assert!(sum.crashes > 20 * count && sum.nested > count);
}

macro_rules! kernel_images {
    ($(fn $test:ident($fast:literal, $numbers:expr);)*) => {
        $(#[test]
        #[ignore = "every crash: ./test --long recovery"]
        fn $test() {
            kernel_images($fast, $numbers, usize::MAX);
        })*
    };
}

// Fifty images: 42 of the 21 profiles without fast commits, eight of the seven with.
kernel_images! {
    fn long_recovery_interrupted_1(false, 0..11);
    fn long_recovery_interrupted_2(false, 11..21);
    fn long_recovery_interrupted_3(false, 21..32);
    fn long_recovery_interrupted_4(false, 32..42);
    fn long_recovery_interrupted_with_fast_commits(true, 0..8);
}

#[test]
fn c13_recovery_interrupted_and_repeated_gives_the_same() {
    kernel_images(false, 0..4, 120);
}

#[test]
fn c13_the_same_with_orphans_in_a_file_and_a_journal_outside() {
    kernel_images(false, 11..14, 120);
}

/// Number 21 is frozen: its log is empty, so that recovery itself makes it needed.
#[test]
fn c13_the_same_with_orphans_alone() {
    kernel_images(false, 21..22, 120);
}

/// An image with a log, fast commits and an orphan, written by hand: a new block of a file, two
/// more names of another, a third that is unlinked.
fn written_by_hand(scratch: &Scratch, finish_orphans: bool) -> Case {
    const LAST: u32 = 40;
    let path = scratch.sparse_file("hand.img", 32).unwrap();
    let text = path.display().to_string();
    let options = ["-q", "-F", "-b", "1024", "-O", "fast_commit", "-J", "size=4"];
    run("mke2fs", &[&["-t", "ext4"], &options[..], &[&text]].concat()).unwrap();
    let source = scratch.join("source");
    fs::write(&source, [7; 100_000]).unwrap();
    let write = |name| format!("write {} {name}", source.display());
    let commands = [
        "mkdir dir".to_owned(),
        write("dir/a"),
        write("dir/b"),
        write("dir/gone"),
        "set_inode_field dir/gone links_count 0".to_owned(),
    ];
    debugfs(&path, &commands).unwrap();
    let mut image = ImageEditor::new(fs::read(&path).unwrap());
    let gone = image.lookup("/dir/gone").unwrap();
    let commands = ["unlink dir/gone".to_owned(), format!("set_super_value last_orphan {gone}")];
    debugfs(&path, &commands).unwrap();
    image = ImageEditor::new(fs::read(&path).unwrap());
    let format =
        LogFormat { fast_commit_blocks: Some(16), ..LogFormat::new(LogChecksum::V3, true) };
    let mut log = LogBuilder::new(&mut image, format).unwrap();
    log.start(log.range().1 - 3, LAST);
    let (dir, a, b) = (lookup(&image, "/dir"), lookup(&image, "/dir/a"), lookup(&image, "/dir/b"));
    let copies = (0..20)
        .map(|n| (image.map_block(b, n * 3).unwrap().unwrap(), vec![n.to_le_bytes()[0]; 1024]));
    let copies = copies.collect();
    let whole = Transaction { copies, time: 1_700_000_000, ..Transaction::default() };
    log.transaction(&mut image, &whole).unwrap();
    let mut fast = FastCommits::new(1024);
    fast.head(0, LAST + 1);
    for (name, links) in [(b"fast", 2), (b"more", 3)] {
        let mut raw = image.get_bytes(Spot::Inode(a), 0, 160).unwrap().to_vec();
        raw[0x1a] = links;
        fast.name(FcTag::Link, dir, a, name).inode(a, &raw).tail(LAST + 1, 0);
    }
    log.fast_commits(&mut image, &fast).unwrap();
    log.finish(&mut image).unwrap();
    fs::write(&path, image.into_bytes()).unwrap();
    Case::of(format!("by hand, orphans={finish_orphans}"), &path, None, finish_orphans)
}

fn lookup(image: &ImageEditor, path: &str) -> u32 {
    image.lookup(path).unwrap()
}

#[test]
fn c13_the_same_with_fast_commits() {
    freeze();
    for finish_orphans in [true, false] {
        let scratch = Scratch::new().unwrap();
        let case = written_by_hand(&scratch, finish_orphans);
        let (wanted, _, report) = case.recover(&case.start);
        assert!(report.fast_commit_records >= 4 && report.replayed_blocks == 20, "{report:?}");
        assert_eq!(report.orphans_deleted, u32::from(finish_orphans));
        let path = scratch.join("recovered.img");
        fs::write(&path, wanted[0].to_vec()).unwrap();
        if finish_orphans {
            let verdict = oracle::check(&path, None).unwrap();
            assert_eq!(verdict.code, 0, "{}", verdict.text);
        }
        let tried = case.interrupt_all(usize::MAX);
        assert!(tried.crashes == tried.of && tried.nested > 5);
    }
}
