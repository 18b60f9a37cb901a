//! Dirty images of every profile: the replayed view is what a kernel that recovers another copy
//! shows; replay onto the image is that of e2fsck byte for byte; with orphans finished, e2fsck
//! finds nothing to complain about.

use std::fs::{self, FileTimes};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use extant_testkit::capability::{Capability, need};
use extant_testkit::dirty::{DIRTY_PROFILES, DirtyImage, DirtyProfile, Stop, log, make, names};
use extant_testkit::image::Scratch;
use extant_testkit::mount::{Access, LoopMount};
use extant_testkit::observe::{Kind, Observed, Statfs, Time, diff, observe_dir, statfs};
use extant_testkit::oracle::{self, VOLATILE, Volatile, Within, differences};

use crate::{view, walker};

/// Seeds of each profile: nine make more than 200 images.
const LONG: std::ops::Range<u64> = 0..9;

macro_rules! profiles {
    ($($name:literal => fn $test:ident, fn $long:ident;)*) => {
        const NAMES: &[&str] = &[$($name),*];

        $(#[test]
        fn $test() {
            let seed = NAMES.iter().position(|name| *name == $name).unwrap() as u64;
            profile($name, [seed % 9, (seed + 4) % 9]);
        })*

        $(#[test]
        #[ignore = "nine seeds of each profile: ./test --long recovery"]
        fn $long() {
            profile($name, LONG);
        })*
    };
}

profiles! {
    "ext3-1k" => fn ext3_1k, fn long_recovery_ext3_1k;
    "ext3-4k" => fn ext3_4k, fn long_recovery_ext3_4k;
    "ext4-1k" => fn ext4_1k, fn long_recovery_ext4_1k;
    "ext4-2k" => fn ext4_2k, fn long_recovery_ext4_2k;
    "ext4-4k" => fn ext4_4k, fn long_recovery_ext4_4k;
    "no-64bit" => fn no_64bit, fn long_recovery_no_64bit;
    "no-csum" => fn no_csum, fn long_recovery_no_csum;
    "uninit-bg" => fn uninit_bg, fn long_recovery_uninit_bg;
    "checksum-v1" => fn checksum_v1, fn long_recovery_checksum_v1;
    "async-commit" => fn async_commit, fn long_recovery_async_commit;
    "async-commit-v1" => fn async_commit_v1, fn long_recovery_async_commit_v1;
    "fast-commit" => fn fast_commit, fn long_recovery_fast_commit;
    "fast-commit-1k" => fn fast_commit_1k, fn long_recovery_fast_commit_1k;
    "fast-commit-inline" => fn fast_commit_inline, fn long_recovery_fast_commit_inline;
    "orphan-file" => fn orphan_file, fn long_recovery_orphan_file;
    "external-journal" => fn external_journal, fn long_recovery_external_journal;
    "external-journal-1k" => fn external_journal_1k, fn long_recovery_external_journal_1k;
    "bigalloc" => fn bigalloc, fn long_recovery_bigalloc;
    "inline-data" => fn inline_data, fn long_recovery_inline_data;
    "ea-inode" => fn ea_inode, fn long_recovery_ea_inode;
    "data-journal" => fn data_journal, fn long_recovery_data_journal;
    "data-journal-ext3" => fn data_journal_ext3, fn long_recovery_data_journal_ext3;
    "meta-bg" => fn meta_bg, fn long_recovery_meta_bg;
    "csum-seed" => fn csum_seed, fn long_recovery_csum_seed;
    "fast-commit-external" => fn fast_commit_external, fn long_recovery_fast_commit_external;
    "fast-commit-bigalloc" => fn fast_commit_bigalloc, fn long_recovery_fast_commit_bigalloc;
    "fast-commit-no-extent" => fn fast_commit_no_extent, fn long_recovery_fast_commit_no_extent;
    "fast-commit-i128" => fn fast_commit_i128, fn long_recovery_fast_commit_i128;
}

#[test]
fn every_dirty_profile_is_judged() {
    let names: Vec<_> = DIRTY_PROFILES.iter().map(|profile| profile.name).collect();
    assert_eq!(NAMES, names);
    assert!(NAMES.len() as u64 * (LONG.end - LONG.start) >= 200);
}

/// A frozen file system has an empty log, and orphans.
#[test]
fn c16_orphans_without_a_log() {
    for name in ["ext4-1k", "orphan-file", "ext3-4k"] {
        if let Some(scratch) = able() {
            case(&scratch, DirtyProfile::named(name).unwrap(), 7, Stop::Frozen);
        }
    }
}

fn able() -> Option<Scratch> {
    let able = need(Capability::KernelMount) && need(Capability::Compiler);
    able.then(|| Scratch::new().unwrap())
}

fn profile(name: &str, seeds: impl IntoIterator<Item = u64>) {
    let Some(scratch) = able() else { return };
    let profile = DirtyProfile::named(name).unwrap();
    let mut revokes = 0;
    for seed in seeds {
        revokes += case(&scratch, profile, seed, Stop::of(profile, seed));
    }
    println!("{name}: {revokes} revokes in all");
    // With data=journal nothing is revoked: whatever takes the block is in the log, too.
    assert_eq!(revokes == 0, profile.options.contains("data=journal"), "{name}");
}

/// Gives the number of revokes in the log.
fn case(scratch: &Scratch, profile: &'static DirtyProfile, seed: u64, stop: Stop) -> usize {
    let made = make(scratch, profile, seed, stop).unwrap();
    let (transactions, revokes) = (made.log.transactions.len(), made.log.revokes());
    println!("{}: {transactions} transactions, {revokes} revokes", made.name());
    assert!(transactions > 1 || stop == Stop::Frozen, "{}", made.name());
    let kernel = profile.is_for_the_kernel().then(|| KernelView::of(&made));
    let untouched = Untouched::of(&made);
    let lines = same_view(&made.image, made.journal.as_deref(), kernel.as_ref(), &made.name());
    untouched.check(&made);
    if let Some(told) = &made.names {
        view::assert_same_lines(told, &names(&lines), &made.name());
    }
    if !made.has_fast_commits() {
        same_replay(&made);
    }
    finished(&made, kernel.as_ref(), &lines);
    made.remove().unwrap();
    revokes
}

/// What a fresh mount shows of a copy that the kernel recovered.
struct KernelView {
    seen: Vec<Observed>,
    statfs: Statfs,
    /// Before the recovery: times from then on are the recovery's own.
    begun: Time,
    /// There were fast commits.
    fast: bool,
}

impl KernelView {
    fn of(made: &DirtyImage) -> Self {
        let (image, journal) = made.copy("kernel").unwrap();
        // Small inodes have whole seconds.
        let whole_seconds = made.profile.mkfs().unwrap().inode == 128;
        let begun = if whole_seconds { (now().0, 0) } else { now() };
        oracle::kernel_recover(&image, journal.as_deref()).unwrap();
        let verdict = oracle::check(&image, journal.as_deref()).unwrap();
        let fast = made.has_fast_commits();
        assert!(verdict.code == 0 || fast, "{} by the kernel: {}", made.name(), verdict.text);
        let mount = match &journal {
            Some(journal) => LoopMount::with_journal(&image, Access::ReadOnly, journal),
            None => LoopMount::new(&image, Access::ReadOnly),
        };
        let mount = mount.unwrap();
        let statfs = statfs(mount.path()).unwrap();
        let seen = observe_dir(mount.path()).unwrap();
        mount.unmount().unwrap();
        remove(&image, journal.as_deref());
        Self { seen, statfs, begun, fast }
    }

    /// Ours with the kernel's fields where its recovery leaves something of its own: the times of
    /// files that it cuts; with fast commits block counts (it forgets attribute blocks), and of
    /// directories times, link counts and sizes. The acknowledged names and e2fsck judge ours.
    fn with_own_fields(&self, mut ours: Vec<Observed>) -> Vec<Observed> {
        for (theirs, ours) in self.seen.iter().zip(&mut ours) {
            if theirs.path == ours.path && theirs.ctime >= self.begun {
                (ours.mtime, ours.ctime) = (theirs.mtime, theirs.ctime);
            }
            if theirs.path == ours.path && self.fast {
                ours.blocks = theirs.blocks;
            }
            if theirs.path == ours.path && self.fast && theirs.kind == Kind::Directory {
                (ours.nlink, ours.size) = (theirs.nlink, theirs.size);
            }
        }
        ours
    }
}

impl KernelView {
    /// Free blocks as the kernel counts them where it may have given a directory another block.
    fn with_own_counts(&self, mut ours: Statfs) -> Statfs {
        if self.fast {
            ours.blocks_free = self.statfs.blocks_free;
            ours.blocks_available = self.statfs.blocks_available;
        }
        ours
    }
}

/// The clock that the kernel's time stamps are taken from, which may lag by a tick.
fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let since = since - std::time::Duration::from_millis(10);
    (i64::try_from(since.as_secs()).unwrap(), since.subsec_nanos())
}

/// Every field of every entry, statfs and the manifest, where the kernel is the judge; the
/// manifest's lines.
fn same_view(
    image: &Path,
    journal: Option<&Path>,
    kernel: Option<&KernelView>,
    context: &str,
) -> Vec<String> {
    let fs = view::open(image, journal);
    assert_eq!(fs.volume().damage().1, 0, "{context}");
    let Some(kernel) = kernel else { return view::lines(&fs) };
    let ours = kernel.with_own_fields(walker::walk(&fs));
    let differences = diff(&kernel.seen, &ours);
    assert!(differences.is_empty(), "{context}:\n{}", differences.join("\n"));
    assert_eq!(kernel.with_own_counts(walker::statfs(&fs)), kernel.statfs, "{context}");
    view::lines(&fs)
}

/// Replay alone: what e2fsck makes of another copy, but for the fields of [`VOLATILE`]. It treats
/// orphans, too, so where there are any ours is compared only when it had the same treatment.
fn same_replay(made: &DirtyImage) {
    let (theirs, their_journal) = made.copy("e2fsck").unwrap();
    let (ours, our_journal) = made.copy("ours").unwrap();
    view::recover(&ours, our_journal.as_deref(), false);
    let log = log::read(&ours, our_journal.as_deref()).unwrap();
    assert_eq!((log.needs_recovery, log.start), (false, 0), "{}", made.name());
    // Nothing in the log may ever be taken for a continuation of what comes next.
    assert!(Some(log.sequence) > made.log.highest, "{}: {}", made.name(), log.sequence);
    e2fsck_replays(&theirs, their_journal.as_deref(), made);
    // e2fsck 1.47 wants more blocks beside a fast-commit area than mke2fs leaves there, and gives
    // up, leaving a state that is not clean: then the kernel and the list are the judges.
    let fast = made.profile.name.starts_with("fast-commit");
    if fast && fs::read(&theirs).unwrap()[STATE] & 1 == 0 {
        println!("{}: e2fsck cannot replay it", made.name());
        return;
    }
    let pairs = [Some((&theirs, &ours)), their_journal.as_ref().zip(our_journal.as_ref())];
    let same = |fields: &[Volatile]| {
        for (n, (theirs, ours)) in pairs.iter().flatten().enumerate() {
            let here = (n == 1) == made.journal.is_some();
            let journal = here.then_some(made.log.superblock_at);
            same_bytes((theirs, ours), journal, fields, &made.name());
        }
    };
    if !log.orphans {
        same(BY_E2FSCK);
    }
    e2fsck_replays(&ours, our_journal.as_deref(), made);
    same(&[]);
    remove(&theirs, their_journal.as_deref());
    remove(&ours, our_journal.as_deref());
}

fn e2fsck_replays(image: &Path, journal: Option<&Path>, made: &DirtyImage) {
    let verdict = oracle::journal_only(image, journal).unwrap();
    assert!(verdict.code <= 1, "{}: {}", made.name(), verdict.text);
}

/// What e2fsck changes besides.
const BY_E2FSCK: &[Volatile] = &[
    summed("s_free_blocks_count_lo, s_free_inodes_count", 0xc, 8),
    summed("s_free_blocks_count_hi", 0x158, 4),
    Volatile { reason: "where e2fsck found it", ..summed("s_journal_dev", 0xe4, 4) },
];

const fn summed(name: &'static str, offset: u64, length: u64) -> Volatile {
    let reason = "summed up from the groups";
    Volatile { name, within: Within::Superblock, offset, length, reason }
}

/// Where the state is in an image.
const STATE: usize = 0x43a;

/// With meta_bg, e2fsck writes the copy of the descriptors in the second group, too: here behind
/// the first block of a group of 8,192 blocks of 1 KiB.
const META_BG_COPY: Volatile = Volatile {
    name: "group descriptors",
    within: Within::Image,
    offset: 8194 << 10,
    length: 1 << 10,
    reason: "a copy",
};

/// The images are the same but for [`VOLATILE`] and `more`; `journal` is where in them the
/// superblock of the journal is.
fn same_bytes(
    (theirs, ours): (&Path, &Path),
    journal: Option<u64>,
    more: &[Volatile],
    context: &str,
) {
    let (theirs, ours) = (fs::read(theirs).unwrap(), fs::read(ours).unwrap());
    let mut fields = [VOLATILE, more].concat();
    if context.starts_with("meta-bg") {
        fields.push(META_BG_COPY);
    }
    let found = differences(&theirs, &ours, journal, &fields);
    let shown: Vec<_> = found.iter().map(|(start, end)| format!("{start:#x}..{end:#x}")).collect();
    assert!(found.is_empty(), "{context}: e2fsck and we differ at {}", shown.join(", "));
}

/// Recovery with orphans: sound for e2fsck, nothing left to recover, and the same tree.
fn finished(made: &DirtyImage, kernel: Option<&KernelView>, lines: &[String]) {
    let (image, journal) = made.copy("finished").unwrap();
    view::recover(&image, journal.as_deref(), true);
    let verdict = oracle::check(&image, journal.as_deref()).unwrap();
    assert_eq!(verdict.code, 0, "{}: {}", made.name(), verdict.text);
    let again = same_view(&image, journal.as_deref(), kernel, &made.name());
    view::assert_same_lines(lines, &again, &made.name());
    remove(&image, journal.as_deref());
}

/// Content and times of the images, which reading leaves alone.
struct Untouched(Vec<(PathBuf, blake3::Hash, [SystemTime; 2])>);

impl Untouched {
    /// The access time is made so old that any reading would renew it.
    fn of(made: &DirtyImage) -> Self {
        let state = |path: &PathBuf| {
            let hash = blake3::hash(&fs::read(path).unwrap());
            let old = FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH);
            fs::File::options().write(true).open(path).unwrap().set_times(old).unwrap();
            (path.clone(), hash, times(path))
        };
        let paths = [Some(&made.image), made.journal.as_ref()].into_iter().flatten();
        Self(paths.map(state).collect())
    }

    fn check(&self, made: &DirtyImage) {
        for (path, hash, before) in &self.0 {
            assert_eq!(times(path), *before, "{}", made.name());
            assert_eq!(blake3::hash(&fs::read(path).unwrap()), *hash, "{}", made.name());
        }
    }
}

/// Of the last access and the last change.
fn times(path: &Path) -> [SystemTime; 2] {
    let metadata = fs::metadata(path).unwrap();
    [metadata.accessed().unwrap(), metadata.modified().unwrap()]
}

fn remove(image: &Path, journal: Option<&Path>) {
    fs::remove_file(image).unwrap();
    if let Some(journal) = journal {
        fs::remove_file(journal).unwrap();
    }
}
