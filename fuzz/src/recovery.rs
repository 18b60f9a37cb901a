//! Recovery in memory and recovery onto the device, which must come to the same.
//!
//! First the image is opened and walked as it would be recovered. Then it is recovered, opened
//! again, and recovered again. What is held against what: the reports of both ways, all bytes of
//! the file system outside the journal, and the walks; a refusal against the other's; and a refusal
//! or a second recovery writes nothing. Both ways share their mistakes, so a second replayer says
//! what must have become of a log that neither fast commits nor orphans follow.

use std::ops::Range;
use std::sync::{Arc, Once};

use extant::{BlockDevice, Error, Filesystem, RecoverOptions, RecoveryReport, recover};
use extant_sync::clock;

use crate::device::FuelDevice;
use crate::image::{Outcome, keep_spare, limits, open, outcome, refusal, spare};
use crate::layout::JournalLayout;
use crate::seeds::Seed;
use crate::walk::{Report, walk};

/// Where the superblock is, and in it the state, the features of which one says that recovery is
/// needed, and the checksum.
const SUPERBLOCK: usize = 1024;
const VOLATILE: [Range<usize>; 3] = [0x3a..0x3c, 0x60..0x64, 0x3fc..0x400];

/// A file system as it is seen, recovered in memory where that is needed.
struct View {
    walked: Report,
    /// What was done in memory.
    report: RecoveryReport,
    /// Its bytes, without those that recovery onto a device changes besides: the journal, and
    /// fields of the superblock.
    bytes: Vec<u8>,
    /// Whether the journal is where it is in the seed. One that was put elsewhere may be over
    /// files, or over its own map, which is then overwritten.
    journal_in_place: bool,
}

impl View {
    fn of(device: &Arc<FuelDevice>, seed: &Seed) -> Result<Self, Error> {
        let fs = open(device, false)?;
        let walked = walk(&fs, limits(device));
        let report = fs.volume().recovery().cloned().unwrap_or_default();
        let mut bytes = spare();
        bytes.resize(usize::try_from(device.size_bytes()).unwrap_or(0), 0);
        let read = fs.volume().device().read_at(&mut bytes, 0);
        assert!(read.is_ok(), "{read:?}");
        let journal_in_place = blank_journal(&fs, &mut bytes, seed.layout.journal.as_ref());
        blank_volatile(&mut bytes);
        Ok(Self { walked, report, bytes, journal_in_place })
    }
}

fn blank_volatile(bytes: &mut [u8]) {
    for field in VOLATILE {
        let place = bytes.get_mut(SUPERBLOCK + field.start..SUPERBLOCK + field.end);
        place.unwrap_or_default().fill(0);
    }
}

/// Blanks the journal's own blocks, and says whether they are those that the seed's journal has,
/// all of them: it may have been made shorter.
fn blank_journal(fs: &Filesystem, bytes: &mut [u8], expected: Option<&JournalLayout>) -> bool {
    let Ok(Some(log)) = fs.volume().journal(None) else { return false };
    let size = usize::try_from(log.block_size().bytes()).unwrap_or(0);
    let mut same = true;
    let mut next = 0;
    while let Some((offset, count)) = log.locate(next) {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        for n in 0..count {
            let start = start.saturating_add(n as usize * size);
            let place = start..start.saturating_add(size);
            same &= expected.and_then(|journal| journal.range(next + n)).as_ref() == Some(&place);
            bytes.get_mut(place).unwrap_or_default().fill(0);
        }
        next += count;
    }
    same && expected.is_some_and(|journal| journal.range(next).is_none())
}

/// Holds what is seen against what the second replayer makes of the same log.
fn judge(device: &FuelDevice, seed: &Seed, view: &View) {
    let (report, journal) = (&view.report, seed.layout.journal.as_ref());
    let judged = report.needed && report.changed_blocks == 0 && view.journal_in_place;
    let Some(journal) = journal.filter(|_| judged) else { return };
    let mut wanted = spare();
    device.copy_to(&mut wanted);
    let Some(replayed) = journal.replay(&wanted, report.log.transactions) else {
        panic!("no log of {} transactions", report.log.transactions)
    };
    let counts = (report.replayed_blocks, report.log.logged_blocks, report.log.revoked_blocks);
    let blocks = replayed.blocks.len() as u64;
    assert_eq!(counts, (blocks, replayed.logged, replayed.revoked), "blocks, copies, revokes");
    replayed.apply(seed.layout.block_size, &mut wanted);
    for place in journal.ranges() {
        wanted.get_mut(place).unwrap_or_default().fill(0);
    }
    blank_volatile(&mut wanted);
    let differs = view.bytes.iter().zip(&wanted).position(|(seen, wanted)| seen != wanted);
    assert!(differs.is_none(), "byte {differs:?} is not what the log makes of it");
    keep_spare(wanted);
}

/// Recovers the image on `device`, made of `seed`, both ways.
pub(crate) fn recover_both_ways(
    device: &Arc<FuelDevice>,
    seed: &Seed,
    finish_orphans: bool,
) -> Outcome {
    // The time of deletion of orphans must be the same both ways.
    static FREEZE: Once = Once::new();
    FREEZE.call_once(|| clock::freeze(clock::Timestamp { secs: 1_800_000_000, nanos: 0 }));
    let view = View::of(device, seed);
    if let Ok(view) = &view {
        judge(device, seed, view);
    }
    let options =
        RecoverOptions { finish_orphans, ignore_in_use: true, ..RecoverOptions::default() };
    device.begin_phase(true);
    let done = recover(device.clone(), &options);
    if let Err(error) = &done {
        assert!(device.writes() == 0, "{} writes, and then {error}", device.writes());
    }
    match (&view, &done) {
        (Err(refused), _) => compare_refusal(device, refused, &done, finish_orphans),
        (Ok(view), Err(error)) => {
            // Quotas of orphans are not kept; and where only orphans are to be finished, the
            // journal is looked at to write, not to read.
            let may = matches!(error, Error::Unsupported { .. }) || !view.report.needed;
            assert!(may, "opened, but not recovered: {error}");
        }
        (Ok(view), Ok(report)) => {
            compare_reports(&view.report, report, finish_orphans);
            if view.journal_in_place {
                compare_images(device, seed, view, &options);
            }
        }
    }
    let shown = if cfg!(fuzzing) { String::new() } else { format!("{done:?}") };
    let outcome = outcome(device, view.as_ref().map(|view| &view.walked).map_err(refusal), shown);
    if let Ok(view) = view {
        keep_spare(view.bytes);
    }
    outcome
}

/// What is refused in memory is not recovered, for the same reason; but it may be that there is
/// nothing to recover, or that only orphans were the reason.
fn compare_refusal(
    device: &FuelDevice,
    refused: &Error,
    done: &Result<RecoveryReport, Error>,
    finish_orphans: bool,
) {
    match done {
        Ok(_) => assert!(device.writes() == 0 || !finish_orphans, "recovered, but: {refused}"),
        Err(Error::Unsupported { .. }) => {}
        Err(error) => {
            let same = refusal(refused) == refusal(error);
            assert!(same || !finish_orphans, "{refused} in memory, on the device {error}");
        }
    }
}

fn compare_reports(view: &RecoveryReport, report: &RecoveryReport, finish_orphans: bool) {
    let mut expected = view.clone();
    if !finish_orphans {
        (expected.orphans_deleted, expected.orphans_truncated) = (0, 0);
        expected.orphan_damage.clear();
        expected.orphans_left.clear();
        expected.changed_blocks = report.changed_blocks;
    }
    assert_eq!(*report, expected, "on the device, and in memory");
}

/// Opens again, and recovers again.
fn compare_images(device: &Arc<FuelDevice>, seed: &Seed, view: &View, options: &RecoverOptions) {
    device.begin_phase(false);
    let after = match View::of(device, seed) {
        Ok(after) => after,
        Err(error) => panic!("recovered, and now refused: {error}"),
    };
    assert!(!after.report.needed, "recovered, but dirty");
    let differs = view.bytes.iter().zip(&after.bytes).position(|(old, new)| old != new);
    assert!(differs.is_none(), "byte {differs:?} is not as it was seen");
    assert_eq!(view.walked.findings, after.walked.findings);
    assert_eq!(
        (view.walked.entries, view.walked.directories, view.walked.bytes),
        (after.walked.entries, after.walked.directories, after.walked.bytes)
    );
    device.begin_phase(true);
    let again = match recover(device.clone(), options) {
        Ok(again) => again,
        Err(error) => panic!("recovered, and not again: {error}"),
    };
    // Orphans that cannot be read stay, and are looked at each time.
    let idle = device.writes() == 0 || !view.report.orphan_damage.is_empty();
    assert!(idle && again.changed_blocks == 0, "{} writes: {again:?}", device.writes());
    keep_spare(after.bytes);
}
