//! Logs written by [`TransactionWriter`] and broken by hand. The judges with code of their own (log
//! builder, e2fsck, kernel) are in the tests of the crate `extant`.

use extant_block::{BlockDevice, MemoryDevice, WriteFlags, read_unaligned};
use extant_format::journal::{JOURNAL_MAGIC, JournalFeatures, journal_checksum};
use extant_format::{BlockSize, CorruptKind, Timestamp};

use super::*;
use crate::{ChangedBlock, JournalError, LogPlace, LogRun, ReplayDevice, TransactionWriter};

const BLOCK: usize = 1024;
/// The journal's blocks on the device: two runs, so that a log is read in pieces.
const RUNS: [LogRun; 2] =
    [LogRun { log: 0, block: 100, len: 20 }, LogRun { log: 20, block: 150, len: 12 }];
const LENGTH: u32 = 32;
const V3: u32 = JournalFeatures::CSUM_V3 | JournalFeatures::BIT64;

/// A device of 256 blocks, each filled with its own number, with an empty journal.
fn device(compat: u32, incompat: u32, start: u32) -> Arc<MemoryDevice> {
    let mut bytes: Vec<u8> = (0..=255_u8).flat_map(|n| std::iter::repeat_n(n, BLOCK)).collect();
    let superblock = &mut bytes[100 * BLOCK..101 * BLOCK];
    superblock.fill(0);
    let words = [(0, JOURNAL_MAGIC), (4, 4), (0xc, 1024), (0x10, LENGTH), (0x14, 1), (0x18, 7)];
    let more = [(0x1c, start), (0x24, compat), (0x28, incompat), (0x40, 1)];
    for (at, word) in words.into_iter().chain(more) {
        superblock[at..at + 4].copy_from_slice(&word.to_be_bytes());
    }
    superblock[0x50] = 4;
    let sum = journal_checksum(superblock);
    superblock[0xfc..0x100].copy_from_slice(&sum.to_be_bytes());
    Arc::new(MemoryDevice::from_vec(bytes))
}

fn log(device: &Arc<MemoryDevice>) -> Arc<Log> {
    let place = LogPlace {
        device: Arc::clone(device) as Arc<dyn BlockDevice>,
        block_size: BlockSize::from_bytes(1024).unwrap(),
        runs: RUNS.to_vec(),
        superblock_block: 0,
        is_internal: true,
    };
    Arc::new(Log::open(place).unwrap())
}

fn write(writer: &mut TransactionWriter<'_>, homes: &[u64], fill: u8) {
    let content = vec![fill; BLOCK];
    let changes: Vec<ChangedBlock<'_>> =
        homes.iter().map(|home| (*home, content.as_slice())).collect();
    let time = Timestamp { secs: 1000 + i64::from(writer.sequence()), nanos: 0 };
    writer.write(&changes, time).unwrap();
}

fn scan(device: &Arc<MemoryDevice>) -> Result<Recovery, CorruptKind> {
    scan_since(device, 0)
}

fn scan_since(device: &Arc<MemoryDevice>, not_before: u64) -> Result<Recovery, CorruptKind> {
    Recovery::scan(log(device), not_before, |home| home < 256).map_err(|error| match error {
        JournalError::Corrupt(corrupt) => corrupt.kind,
        other => panic!("{other}"),
    })
}

/// Turns over a byte of a block of the log.
fn damage(device: &MemoryDevice, log_block: u64, byte: u64) {
    let block = if log_block < 20 { 100 + log_block } else { 130 + log_block };
    let mut bytes = [0];
    let at = block * BLOCK as u64 + byte;
    device.read_at(&mut bytes, at).unwrap();
    device.write_at(&[bytes[0] ^ 0x40], at, WriteFlags::NONE).unwrap();
}

fn block(device: &dyn BlockDevice, n: u64) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK];
    read_unaligned(device, &mut bytes, n * BLOCK as u64).unwrap();
    bytes
}

/// Three transactions: 10 11, 11 12, 13. Each takes its blocks and two more.
fn three(compat: u32, incompat: u32, start: u32) -> Arc<MemoryDevice> {
    let device = device(compat, incompat, start);
    let log = log(&device);
    let mut writer = TransactionWriter::new(&log, start, 7);
    write(&mut writer, &[10, 11], 0xa1);
    write(&mut writer, &[11, 12], 0xa2);
    write(&mut writer, &[13], 0xa3);
    device
}

fn forms() -> [(u32, u32); 5] {
    let v2 = JournalFeatures::CSUM_V2;
    [(0, 0), (0, V3), (0, v2), (0, JournalFeatures::BIT64), (JournalFeatures::CHECKSUM, 0)]
}

#[test]
fn the_last_copy_of_each_block_is_replayed() {
    for (compat, incompat) in forms() {
        // From 25 on the log wraps.
        for start in [1, 18, 25] {
            let device = three(compat, incompat, start);
            let found = Arc::new(scan(&device).unwrap());
            assert_eq!(found.counts().transactions, 3);
            assert_eq!(found.home_blocks().collect::<Vec<_>>(), [10, 11, 12, 13]);
            assert_eq!((found.next_sequence(), found.torn()), (10, None));
            let view = ReplayDevice::new(Arc::clone(&device) as _, Arc::clone(&found));
            found.replay(&*device).unwrap();
            for (home, fill) in [(9, 9), (10, 0xa1), (11, 0xa2), (12, 0xa2), (13, 0xa3), (14, 14)] {
                assert_eq!(block(&view, home), vec![fill; BLOCK], "{home} in the view");
                assert_eq!(block(&*device, home), vec![fill; BLOCK], "{home} at home");
            }
        }
    }
}

#[test]
fn a_view_serves_any_range() {
    let device = three(0, V3, 25);
    let found = Arc::new(scan(&device).unwrap());
    let view = ReplayDevice::new(Arc::clone(&device) as _, Arc::clone(&found));
    let whole: Vec<u8> = (9..15).flat_map(|n| block(&view, n)).collect();
    for (start, len) in [(0, whole.len()), (1, 5000), (1023, 2), (1500, 1000), (4095, 1)] {
        let mut part = vec![0; len];
        view.read_at(&mut part, (9 * BLOCK + start) as u64).unwrap();
        assert_eq!(part, whole[start..start + len], "{start} {len}");
    }
    assert!(view.is_read_only() && view.write_at(&[0], 0, WriteFlags::NONE).is_err());
    assert!(view.read_at(&mut [0; 8], 256 * BLOCK as u64 - 4).is_err(), "past the end");
}

#[test]
fn a_block_with_the_magic_number_is_escaped() {
    let device = device(0, V3, 1);
    let log = log(&device);
    let mut content = vec![5; BLOCK];
    content[..4].copy_from_slice(&JOURNAL_MAGIC.to_be_bytes());
    let changes = [(40, content.as_slice())];
    TransactionWriter::new(&log, 1, 7).write(&changes, Timestamp { secs: 1, nanos: 0 }).unwrap();
    assert_eq!(block(&*device, 102)[..4], [0; 4], "in the log");
    let found = Arc::new(scan(&device).unwrap());
    let view = ReplayDevice::new(Arc::clone(&device) as _, Arc::clone(&found));
    assert_eq!(block(&view, 40), content);
    let mut tail = [0; 3];
    view.read_at(&mut tail, 40 * BLOCK as u64 + 2).unwrap();
    assert_eq!(tail, content[2..5]);
    found.replay(&*device).unwrap();
    assert_eq!(block(&*device, 40), content);
}

#[test]
fn c15_damage_ends_the_log_only_in_its_last_transaction() {
    // Descriptor, copy and commit of each transaction.
    let last = [(9, 700, CorruptKind::JournalDescriptor), (10, 3, CorruptKind::JournalData)];
    for (at, byte, kind) in last.into_iter().chain([(11, 40, CorruptKind::JournalCommit)]) {
        let device = three(0, V3, 1);
        damage(&device, at, byte);
        let found = scan(&device).unwrap();
        assert_eq!((found.counts().transactions, found.next_sequence()), (2, 9), "{kind}");
        assert_eq!(found.torn().map(|torn| torn.kind), Some(kind));
        assert_eq!(found.home_blocks().collect::<Vec<_>>(), [10, 11, 12]);
    }
    let middle = [(5, 700, CorruptKind::JournalDescriptor), (7, 3, CorruptKind::JournalData)];
    for (at, byte, kind) in middle.into_iter().chain([(8, 40, CorruptKind::JournalCommit)]) {
        let device = three(0, V3, 1);
        damage(&device, at, byte);
        assert_eq!(scan(&device).unwrap_err(), kind);
    }
}

#[test]
fn c15_sums_over_transactions_tell_a_torn_one() {
    let device = three(JournalFeatures::CHECKSUM, 0, 1);
    damage(&device, 10, 3);
    let found = scan(&device).unwrap();
    assert_eq!((found.counts().transactions, found.torn().is_some()), (2, true));
    let device = three(JournalFeatures::CHECKSUM, 0, 1);
    damage(&device, 6, 3);
    assert_eq!(scan(&device).unwrap_err(), CorruptKind::JournalCommit);
}

#[test]
fn c15_a_missing_commit_with_transactions_behind_it_is_an_error() {
    for at in [4, 8] {
        let device = three(0, V3, 1);
        damage(&device, at, 0);
        assert_eq!(scan(&device).unwrap_err(), CorruptKind::JournalGap, "{at}");
    }
}

/// Each first block of a transaction that is not the last, in any part of its header, or gone.
#[test]
fn c15_a_missing_start_with_transactions_behind_it_is_an_error() {
    for (compat, incompat) in forms() {
        // What has no checksums at all proves nothing.
        let proven = compat != 0 || incompat & (V3 | JournalFeatures::CSUM_V2) != 0;
        let proven = proven && (compat, incompat) != (0, JournalFeatures::BIT64);
        for (at, transactions) in [(1, 0), (5, 1)] {
            for byte in [0, 7, 11, 8] {
                let device = three(compat, incompat, 1);
                damage(&device, at, byte);
                match scan(&device) {
                    Err(kind) => assert!(proven && kind == CorruptKind::JournalGap, "{kind}"),
                    Ok(found) => {
                        let counts = found.counts();
                        assert!(!proven && counts.transactions == transactions, "{at} {byte}");
                    }
                }
            }
            let device = three(compat, incompat, 1);
            device.write_at(&[0; BLOCK], (100 + at) * BLOCK as u64, WriteFlags::NONE).unwrap();
            assert_eq!(scan(&device).is_err(), proven, "{at} zeroed");
        }
    }
}

/// A log whose end is followed by commits of an earlier lap, with smaller numbers, and one whose
/// later numbers are older than the file system.
#[test]
fn c15_what_an_earlier_use_left_proves_nothing() {
    for (compat, incompat) in forms() {
        let device = three(compat, incompat, 1);
        let log = log(&device);
        let mut superblock = log.superblock().clone();
        superblock.sequence = 90;
        log.write_superblock(&superblock).unwrap();
        let found = scan(&device).unwrap();
        assert_eq!((found.counts().transactions, found.torn()), (0, None));
    }
    // Commit times are 1007 to 1009.
    for (at, byte) in [(1, 0), (1, 700), (2, 3), (4, 0), (4, 0x3a)] {
        let device = three(0, V3, 1);
        damage(&device, at, byte);
        let found = scan_since(&device, 1010).unwrap();
        assert_eq!(found.counts().transactions, 0, "{at} {byte}");
        assert!(scan_since(&device, 1009).is_err(), "{at} {byte}");
    }
}

#[test]
fn a_missing_block_ends_the_log() {
    // The commit of the last transaction, or all of it; without checksums any.
    for at in [9, 11] {
        let device = three(0, V3, 1);
        damage(&device, at, 0);
        let found = scan(&device).unwrap();
        assert_eq!((found.counts().transactions, found.torn()), (2, None), "{at}");
    }
    for (at, transactions) in [(1, 0), (4, 0), (5, 1), (8, 1), (9, 2), (11, 2)] {
        let device = three(0, 0, 1);
        damage(&device, at, 0);
        assert_eq!(scan(&device).unwrap().counts().transactions, transactions, "{at}");
    }
}

#[test]
fn transactions_stay_out_of_the_journal_and_in_the_file_system() {
    for home in [100, 119, 150, 161, 256, 1 << 40] {
        let device = device(0, V3, 1);
        let log = log(&device);
        write(&mut TransactionWriter::new(&log, 1, 7), &[home], 1);
        assert_eq!(scan(&device).unwrap_err(), CorruptKind::JournalTarget, "{home}");
    }
}

#[test]
fn a_log_that_wraps_onto_itself_is_refused() {
    let device = device(0, 0, 1);
    let log = log(&device);
    // The log has 31 blocks.
    let homes: Vec<u64> = (0..29).collect();
    write(&mut TransactionWriter::new(&log, 1, 7), &homes, 1);
    assert_eq!(scan(&device).unwrap().counts().transactions, 1, "exactly full");
    // Without the flag of the last tag, the zeroes behind it are tags, too.
    let last_flags = 101 * BLOCK as u64 + 12 + 8 + 16 + 27 * 8 + 7;
    device.write_at(&[2], last_flags, WriteFlags::NONE).unwrap();
    assert!(matches!(scan(&device), Err(CorruptKind::JournalLoop)));
}

#[test]
fn a_journal_is_where_it_says() {
    let device = device(0, V3, 0);
    let open = |runs: &[LogRun], superblock_block| {
        let block_size = BlockSize::from_bytes(1024).unwrap();
        let device = Arc::clone(&device) as Arc<dyn BlockDevice>;
        let runs = runs.to_vec();
        Log::open(LogPlace { device, block_size, runs, superblock_block, is_internal: true })
    };
    let log = open(&RUNS, 0).unwrap();
    assert_eq!((log.len(), log.advance(31, 1), log.advance(1, 31)), (31, 1, 1));
    assert!(log.contains(119) && !log.contains(120) && log.contains(150));
    let short = [LogRun { log: 0, block: 100, len: 31 }];
    let gap = [RUNS[0], LogRun { log: 21, ..RUNS[1] }];
    let outside = [RUNS[0], LogRun { block: 245, ..RUNS[1] }];
    for runs in [&short[..], &gap, &outside, &[]] {
        assert!(open(runs, 0).is_err(), "{runs:?}");
    }
    assert!(scan(&device).unwrap().home_blocks().len() == 0, "an empty log");
}

#[test]
fn a_torn_descriptor_ends_a_log_that_is_almost_full() {
    for incompat in [V3, JournalFeatures::CSUM_V2] {
        let device = device(0, incompat, 1);
        let log = log(&device);
        let mut writer = TransactionWriter::new(&log, 1, 7);
        write(&mut writer, &(0..24).collect::<Vec<_>>(), 1);
        write(&mut writer, &[30, 31], 2);
        // Its second sector is of an older use: many more tags than the log has blocks left.
        let at = (130 + 27) * BLOCK as u64;
        let size = log.layout().tag_size();
        let mut tag = vec![0; size];
        let same = extant_format::journal::TagFlags::SAME_UUID;
        let old = extant_format::journal::JournalTag { home: 3, flags: same, checksum: 0 };
        log.layout().write(&old, &mut tag);
        let many: Vec<u8> = tag.iter().copied().cycle().take(size * 20).collect();
        device.write_at(&many, at + 12, WriteFlags::NONE).unwrap();
        let found = scan(&device).unwrap();
        assert_eq!((found.counts().transactions, found.next_sequence()), (1, 8));
        assert_eq!(found.torn().map(|torn| torn.kind), Some(CorruptKind::JournalDescriptor));
    }
}

#[test]
fn a_new_transaction_is_not_completed_by_the_rest_of_a_torn_one() {
    // Descriptors of 126 tags; 32 blocks are too few for two, so one is followed by a commit.
    let device = device(0, 0, 1);
    let log = log(&device);
    write(&mut TransactionWriter::new(&log, 1, 7), &[10, 11], 1);
    let old_commit = block(&*device, 104);
    let fresh = self::device(0, 0, 1);
    fresh.write_at(&old_commit, 104 * BLOCK as u64, WriteFlags::NONE).unwrap();
    let log = self::log(&fresh);
    let writer = TransactionWriter::new(&log, 1, 7);
    writer.clear(2).unwrap();
    assert_eq!(block(&*fresh, 104), vec![0; BLOCK], "the place of the commit");
    assert_eq!(block(&*fresh, 103), vec![103; BLOCK], "no header, not touched");
    fresh.write_at(&old_commit, 105 * BLOCK as u64, WriteFlags::NONE).unwrap();
    writer.clear(2).unwrap();
    assert_eq!(block(&*fresh, 105), old_commit, "behind the commit");
}

#[test]
fn what_was_given_up_does_not_continue_a_log_at_rest() {
    let device = three(0, V3, 1);
    let log = log(&device);
    let given_up = Recovery::at_rest(Arc::clone(&log));
    let mut writer = TransactionWriter::new(&log, given_up.head(), given_up.next_sequence());
    let (start, sequence) = (given_up.head(), given_up.next_sequence());
    // As long as the old first one: the old second one stands right behind it.
    write(&mut writer, &[20, 21], 9);
    let mut superblock = log.superblock().clone();
    (superblock.start, superblock.sequence) = (start, sequence);
    log.write_superblock(&superblock).unwrap();
    let found = scan(&device).unwrap();
    assert_eq!(found.home_blocks().collect::<Vec<_>>(), [20, 21]);
}

#[test]
fn runs_that_overlap_are_no_journal() {
    let device = device(0, V3, 0);
    let open = |runs: &[LogRun]| {
        let block_size = BlockSize::from_bytes(1024).unwrap();
        let device = Arc::clone(&device) as Arc<dyn BlockDevice>;
        let runs = runs.to_vec();
        Log::open(LogPlace { device, block_size, runs, superblock_block: 0, is_internal: true })
    };
    for block in [80, 89, 99, 100, 110, 119] {
        let result = open(&[RUNS[0], LogRun { block, len: 21, ..RUNS[1] }]);
        assert!(result.is_err(), "{block}");
    }
    let log = open(&[RUNS[0], LogRun { block: 88, ..RUNS[1] }]).unwrap();
    let inside: Vec<u64> = (0..256).filter(|block| log.contains(*block)).collect();
    assert_eq!(inside, (88..120).collect::<Vec<_>>());
}
