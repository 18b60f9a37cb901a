//! Rows 43 to 45 where the journal is on a device of its own.

use std::sync::Arc;

use extant::BlockDevice;
use extant_block::MemoryDevice;
use extant_core::{Error, OpenOptions, RecoverOptions, Volume, recover};
use extant_testkit::hostile::{ImageEditor, Part, Spot};
use extant_testkit::journal::{
    LogBuilder, LogChecksum, LogFormat, Transaction, attach_journal, e2fsck_replay_external,
    journal_device,
};

use crate::dirty::{TIME, filled, formats, homes};
use crate::support::{bounded, image};

const WITHOUT: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "^has_journal"];
const V3: LogFormat = LogFormat::new(LogChecksum::V3, true);

/// A file system and the device of its journal, which holds one transaction.
struct Pair {
    before: ImageEditor,
    image: ImageEditor,
    journal: ImageEditor,
    log: LogBuilder,
}

fn pair(format: LogFormat) -> Pair {
    let before = image(WITHOUT);
    let mut image = before.clone();
    let mut journal = journal_device(1024, 2048, &[]).unwrap();
    let mut log = LogBuilder::new(&mut journal, format).unwrap();
    log.start(log.range().1 - 3, 9);
    let copies = homes(&image, 20).into_iter().map(|home| (home, filled(1))).collect();
    let whole = Transaction { copies, time: TIME, ..Transaction::default() };
    log.transaction(&mut journal, &whole).unwrap();
    log.finish(&mut journal).unwrap();
    attach_journal(&mut image, &mut journal).unwrap();
    Pair { before, image, journal, log }
}

fn device(image: &ImageEditor) -> Arc<MemoryDevice> {
    Arc::new(MemoryDevice::from_vec(image.bytes().to_vec()))
}

fn open(image: &ImageEditor, journal: Option<&ImageEditor>) -> Result<Volume, Error> {
    let image = device(image);
    let journal = journal.map(|journal| device(journal) as Arc<dyn BlockDevice>);
    bounded(move || Volume::open(image, &OpenOptions { journal, ..OpenOptions::default() }))
}

/// Refused as `id`, by recovery on the image, too, which writes to neither device.
fn refused(image: &ImageEditor, journal: &ImageEditor, id: &str) {
    let found = |error| match error {
        Error::Corrupt(corrupt) => corrupt.kind.id(),
        Error::Unsupported { .. } => "unsupported",
        other => panic!("{other:?}"),
    };
    assert_eq!(found(open(image, Some(journal)).unwrap_err()), id);
    let (on, log) = (device(image), device(journal));
    let options = RecoverOptions { journal: Some(log.clone()), ..RecoverOptions::default() };
    assert_eq!(found(recover(on.clone(), &options).unwrap_err()), id);
    assert!(on.to_vec() == image.bytes() && log.to_vec() == journal.bytes());
}

#[test]
fn external_journals_are_replayed() {
    for format in formats() {
        let Pair { before, image, journal, log } = pair(format);
        let volume = open(&image, Some(&journal)).unwrap();
        let mut seen = vec![0; image.bytes().len()];
        volume.device().read_at(&mut seen, 0).unwrap();
        let expected = log.model().blocks(1);
        for (number, seen) in (0..).zip(seen.chunks(1024)) {
            let wanted = match expected.get(&number) {
                Some(copy) => copy,
                None => before.get_bytes(Spot::Block(number), 0, 1024).unwrap(),
            };
            assert!(number == 1 || wanted == seen, "{format:?} {number}");
        }
        let judge = e2fsck_replay_external(&image, &journal).unwrap();
        assert_eq!(judge.wrong_blocks(&before, &expected).unwrap(), [0; 0], "{}", judge.output);
    }
}

#[test]
fn row_43_no_journal_device() {
    let Pair { image, journal, .. } = pair(V3);
    match open(&image, None) {
        Err(Error::JournalMissing { uuid }) => {
            let bytes = journal.get_bytes(Spot::Superblock, 0x68, 16).unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(uuid.replace('-', ""), hex);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn row_43_another_device() {
    let Pair { mut image, journal, .. } = pair(V3);
    // Another journal, a file system, nothing, too little.
    refused(&image, &journal_device(1024, 2048, &[]).unwrap(), "journal.uuid");
    refused(&image, &self::image(WITHOUT), "journal.superblock");
    refused(&image, &ImageEditor::new(vec![0; 1 << 20]), "journal.superblock");
    refused(&image, &ImageEditor::new(vec![0; 1024]), "journal.superblock");
    image.set_u8(Spot::Superblock, 0xd0, 77).unwrap();
    refused(&image, &journal, "journal.uuid");
}

#[test]
fn row_44_superblock_of_the_device() {
    let base = pair(V3);
    let at = Spot::Block(base.journal.journal_superblock().unwrap());
    let edited = |offset, value| {
        let mut journal = base.journal.clone();
        journal.set_be32(at, offset, value).unwrap();
        journal.fix(Part::JournalSuperblock).unwrap();
        journal
    };
    let table: &[(u64, u32, &str)] = &[
        (0x0, 0, "journal.superblock"),
        (0xc, 4096, "journal.superblock"),
        (0x10, 2049, "journal.map"),
        // The log would be over the superblocks.
        (0x14, 1, "journal.map"),
        (0x14, 2, "journal.map"),
        (0x1c, 2048, "journal.superblock"),
        (0x28, 1 << 20, "unsupported"),
        // It is for one file system.
        (0x40, 0, "journal.uuid"),
        (0x40, 2, "journal.uuid"),
    ];
    for (offset, value, id) in table {
        refused(&base.image, &edited(*offset, *value), id);
    }
    let mut short = base.journal.clone().into_bytes();
    short.truncate(2000 * 1024);
    refused(&base.image, &ImageEditor::new(short), "journal.map");
}

/// A block size that is not the file system's.
#[test]
fn row_44_block_size() {
    let mut base = pair(V3);
    let mut journal = journal_device(4096, 1024, &[]).unwrap();
    let uuid = journal.get_bytes(Spot::Superblock, 0x68, 16).unwrap().to_vec();
    base.image.set_bytes(Spot::Superblock, 0xd0, &uuid).unwrap();
    let log = LogBuilder::new(&mut journal, V3).unwrap();
    log.finish(&mut journal).unwrap();
    refused(&base.image, &journal, "journal.superblock");
}

/// A home block with the number of a block of the journal is no block of the journal.
#[test]
fn row_45_target_outside() {
    for (home, id) in
        [(8192, Some("journal.target")), (8191, None), (2, None), (1 << 40, Some("journal.target"))]
    {
        let mut base = pair(V3);
        let mut log = LogBuilder::new(&mut base.journal, V3).unwrap();
        log.start(log.range().0, base.log.sequence());
        let copy = base.image.get_bytes(Spot::Block(home.min(8191)), 0, 1024).unwrap().to_vec();
        let copies = vec![(home, copy)];
        let whole = Transaction { copies, time: TIME, ..Transaction::default() };
        log.transaction(&mut base.journal, &whole).unwrap();
        log.finish(&mut base.journal).unwrap();
        match id {
            Some(id) => refused(&base.image, &base.journal, id),
            None => assert!(open(&base.image, Some(&base.journal)).is_ok()),
        }
    }
}
