//! Rows 43 to 48 and 51: the journal.

use std::collections::BTreeSet;
use std::sync::Arc;

use extant_block::MemoryDevice;
use extant_fsck::{CheckOptions, Report, check};
use extant_testkit::hostile::{ImageEditor, Part, Spot};
use extant_testkit::journal::{
    FastCommits, LogBuilder, LogChecksum, LogFormat, LogPart, Transaction, attach_journal,
    journal_device,
};

use crate::support::{EXT2, EXT4, I_BLOCK, found, image, only};

const V3: LogFormat = LogFormat::new(LogChecksum::V3, true);
const FAST: LogFormat = LogFormat { fast_commit_blocks: Some(16), ..V3 };

fn with(edit: impl FnOnce(&mut ImageEditor)) -> ImageEditor {
    let mut editor = image(EXT4);
    edit(&mut editor);
    editor
}

/// The superblock of the journal, edited and with a right checksum.
fn superblock(offset: u64, value: u32) -> ImageEditor {
    with(|editor| {
        let spot = Spot::Block(editor.map_block(8, 0).unwrap().unwrap());
        editor.set_bytes(spot, offset, &value.to_be_bytes()).unwrap();
        editor.fix(Part::JournalSuperblock).unwrap();
    })
}

/// An image with a log of three transactions that change blocks of `/fragmented`.
fn dirty(format: LogFormat) -> (ImageEditor, LogBuilder) {
    let mut editor = image(EXT4);
    let mut log = LogBuilder::new(&mut editor, format).unwrap();
    let file = editor.lookup("/fragmented").unwrap();
    for (fill, logical) in [(1, 1), (2, 3), (3, 5)] {
        let home = editor.map_block(file, logical).unwrap();
        let home = home.or_else(|| editor.map_block(file, logical - 1).unwrap()).unwrap();
        let copies = vec![(home, vec![fill; 1024])];
        let time = 1_700_000_000;
        log.transaction(&mut editor, &Transaction { copies, time, ..Transaction::default() })
            .unwrap();
    }
    log.finish(&mut editor).unwrap();
    (editor, log)
}

fn checked(editor: &ImageEditor, options: &CheckOptions) -> Report {
    let device = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
    check(device, options).unwrap()
}

fn ids(report: &Report) -> BTreeSet<&'static str> {
    report.counts.keys().map(|kind| kind.id()).collect()
}

#[test]
fn row_43_journal_inode() {
    let edits: [fn(&mut ImageEditor); 3] = [
        |editor| editor.set_u16(Spot::Inode(8), 0, 0x41ed).unwrap(),
        |editor| editor.set_u16(Spot::Inode(8), 0x1a, 0).unwrap(),
        |editor| editor.set_u32(Spot::Superblock, 0xe0, 4000).unwrap(),
    ];
    for edit in edits.into_iter().take(2) {
        only(&with(edit), &["journal.inode"]);
    }
    let cleared = with(|editor| editor.set_bytes(Spot::Inode(8), 0, &[0; 256]).unwrap());
    only(&cleared, &["journal.inode"]);
}

#[test]
fn row_43_journal_map() {
    let short = with(|editor| editor.set_u32(Spot::Inode(8), 4, 5_000_000).unwrap());
    only(&short, &["journal.map"]);
    only(&superblock(0x10, 5000), &["journal.map"]);
}

/// e2fsck looks at the end only.
#[test]
fn row_43_journal_hole() {
    let args = ["-t", "ext3", "-b", "1024", "-I", "256"];
    let mut editor = image(&args);
    editor.set_u32(Spot::Inode(8), I_BLOCK + 8, 0).unwrap();
    found(&editor, &["journal.map", "inode.blocks", "bitmap.blocks_unused"]);
}

#[test]
fn row_44_journal_superblock() {
    for (offset, value) in [(0, 7), (4, 7), (0xc, 512)] {
        only(&superblock(offset, value), &["journal.superblock"]);
    }
    // e2fsck does not look where the log starts unless there is something in it.
    for (offset, value) in [(0x14, 0), (0x14, 5000), (0x1c, 5000)] {
        found(&superblock(offset, value), &["journal.superblock"]);
    }
    let sum = with(|editor| {
        LogBuilder::new(editor, V3).unwrap();
        let spot = Spot::Block(editor.map_block(8, 0).unwrap().unwrap());
        editor.set_u32(spot, 0xfc, 7).unwrap();
    });
    only(&sum, &["journal.superblock"]);
    // The area of fast commits takes the whole log.
    only(&superblock(0x28, 0x20), &["journal.superblock"]);
}

#[test]
fn row_44_journal_features() {
    only(&superblock(0x28, 0x4000), &["journal.features"]);
    only(&superblock(0x2c, 1), &["journal.features"]);
}

#[test]
fn row_44_journal_users() {
    only(&superblock(0x40, 2), &["journal.users"]);
}

#[test]
fn journal_errno() {
    only(&superblock(0x20, 5), &["journal.errno"]);
}

#[test]
fn journal_pending() {
    let (mut editor, _) = dirty(V3);
    let features = editor.get_u32(Spot::Superblock, 0x60).unwrap();
    editor.set_u32(Spot::Superblock, 0x60, features & !4).unwrap();
    only(&editor, &["journal.pending"]);
}

/// The number is followed without the feature.
#[test]
fn journal_inode_without_the_feature() {
    for number in [8, 1000, 100_000] {
        let mut editor = image(EXT2);
        editor.set_u32(Spot::Superblock, 0xe0, number).unwrap();
        only(&editor, &["journal.inode"]);
    }
}

#[test]
fn journal_unexpected() {
    let editor = with(|editor| {
        let features = editor.get_u32(Spot::Superblock, 0x5c).unwrap();
        editor.set_u32(Spot::Superblock, 0x5c, features & !4).unwrap();
    });
    only(&editor, &["journal.unexpected"]);
}

#[test]
fn a_log_is_replayed() {
    let (editor, _) = dirty(V3);
    let report = found(&editor, &[]);
    assert_eq!(report.summary.replayed_transactions, 3);
    let recovered = CheckOptions { recovered: true, ..CheckOptions::default() };
    let report = checked(&editor, &recovered);
    assert!(report.problems.is_empty());
    assert_eq!(report.summary.replayed_transactions, 0);
}

#[test]
fn rows_45_to_47_journal_log() {
    for part in [LogPart::Descriptor, LogPart::Commit] {
        let (mut editor, log) = dirty(V3);
        let written = log.find(part, 1).unwrap();
        let byte = editor.get_u8(Spot::Block(written.block), 0x30).unwrap();
        editor.set_u8(Spot::Block(written.block), 0x30, byte ^ 1).unwrap();
        let report = found(&editor, &["journal.log"]);
        assert_eq!(report.summary.replayed_transactions, 0);
    }
}

#[test]
fn row_51_journal_replay() {
    for (offset, value) in [(0x18, 2_u32), (0x68, 7), (0xe0, 12), (0x38, 0)] {
        let mut editor = image(EXT4);
        let mut log = LogBuilder::new(&mut editor, V3).unwrap();
        log.start(log.range().0, 1);
        log.finish(&mut editor).unwrap();
        let mut after = editor.clone();
        after.set_u32(Spot::Superblock, offset, value).unwrap();
        let copy = after.get_bytes(Spot::Block(1), 0, 1024).unwrap().to_vec();
        let mut log = LogBuilder::new(&mut editor, V3).unwrap();
        let copies = vec![(1, copy)];
        let whole = Transaction { copies, time: 1_700_000_000, ..Transaction::default() };
        log.transaction(&mut editor, &whole).unwrap();
        log.finish(&mut editor).unwrap();
        found(&editor, &["journal.replay"]);
    }
}

#[test]
fn row_48_journal_fast_commits() {
    let args = ["-t", "ext4", "-b", "1024", "-O", "fast_commit", "-J", "size=2"];
    for (tid, damage, expected) in [(2, 0, &["journal.fast_commits"][..]), (2, 1, &[]), (3, 0, &[])]
    {
        let mut editor = image(&args);
        let mut log = LogBuilder::new(&mut editor, FAST).unwrap();
        let home = editor.map_block(editor.lookup("/fragmented").unwrap(), 0).unwrap().unwrap();
        let copies = vec![(home, vec![1; 1024])];
        let whole = Transaction { copies, time: 1_700_000_000, ..Transaction::default() };
        log.transaction(&mut editor, &whole).unwrap();
        let mut fast = FastCommits::new(1024);
        fast.head(0, tid).pad().tail(tid, damage);
        log.fast_commits(&mut editor, &fast).unwrap();
        log.finish(&mut editor).unwrap();
        found(&editor, expected);
    }
}

#[test]
fn journal_device_of_its_own() {
    let mut editor = image(&["-t", "ext4", "-b", "1024", "-O", "^has_journal"]);
    let mut journal = journal_device(1024, 2048, &[]).unwrap();
    attach_journal(&mut editor, &mut journal).unwrap();
    let options = |journal: &ImageEditor| {
        let device = MemoryDevice::from_vec(journal.bytes().to_vec());
        CheckOptions { journal: Some(Arc::new(device)), ..CheckOptions::default() }
    };
    assert_eq!(ids(&checked(&editor, &options(&journal))), BTreeSet::new());
    let missing = checked(&editor, &CheckOptions::default());
    assert_eq!(ids(&missing), BTreeSet::from(["journal.device"]));
    let other = journal_device(1024, 2048, &[]).unwrap();
    let foreign = checked(&editor, &options(&other));
    assert_eq!(ids(&foreign), BTreeSet::from(["journal.device"]));
}

/// A journal of which a block cannot be read.
#[test]
fn journal_read_is_told() {
    let editor = with(|editor| editor.set_u32(Spot::Superblock, 0xd0, 7).unwrap());
    only(&editor, &["journal.device"]);
}
