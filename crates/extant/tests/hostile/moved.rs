//! Rows 43 and 51: what recovery itself stands on must stay where it is, and devices with demands.

use std::sync::Arc;

use extant::BlockDevice;
use extant_block::{Alignment, DeviceError, MemoryDevice};
use extant_core::{Error, RecoverOptions, recover};
use extant_testkit::hostile::{ImageEditor, Spot};
use extant_testkit::journal::{LogBuilder, LogChecksum, LogFormat, Transaction};
use extant_testkit_device::{AlignmentCheckDevice, RecordingDevice};

use crate::dirty::{Dirty, TIME, filled, formats, homes, recovered, stopped};
use crate::support::{EXT4, I_BLOCK, PLAIN, image};

const V3: LogFormat = LogFormat::new(LogChecksum::V3, true);

/// The block with the journal's inode, and its content in `edited`.
fn inode_block(edited: &ImageEditor) -> (u64, Vec<u8>) {
    let number = edited.locate(Spot::Inode(8)).unwrap() / 1024;
    (number, edited.get_bytes(Spot::Block(number), 0, 1024).unwrap().to_vec())
}

/// The log replaces the journal's inode: its second block is another one, all that would be read
/// is still there.
#[test]
fn row_51_replay_moves_the_journal() {
    for (args, format) in [(EXT4, V3), (PLAIN, LogFormat::new(LogChecksum::None, false))] {
        let dirty = Dirty::new(args, format, |log, image| {
            let mut edited = image.clone();
            let inode = Spot::Inode(8);
            let start = edited.get_u32(inode, I_BLOCK + 20).unwrap();
            edited.set_u16(inode, I_BLOCK + 2, 2).unwrap();
            edited.set_u16(inode, I_BLOCK + 16, 1).unwrap();
            edited.set_u32(inode, I_BLOCK + 24, 1).unwrap();
            edited.set_u16(inode, I_BLOCK + 28, 1023).unwrap();
            edited.set_u16(inode, I_BLOCK + 30, 0).unwrap();
            edited.set_u32(inode, I_BLOCK + 32, start + 2).unwrap();
            let copies = vec![inode_block(&edited)];
            let whole = Transaction { copies, time: TIME, ..Transaction::default() };
            log.transaction(image, &whole).unwrap();
        });
        stopped(&dirty.image, "journal.replay");
    }
}

/// The same inode again is what every log of a running file system holds.
#[test]
fn row_51_replay_of_the_same_journal_inode() {
    let dirty = Dirty::new(EXT4, V3, |log, image| {
        let copies = vec![inode_block(image), (homes(image, 1)[0], filled(7))];
        let whole = Transaction { copies, time: TIME, ..Transaction::default() };
        log.transaction(image, &whole).unwrap();
    });
    dirty.replays(1);
}

/// Blocks of 1 KiB on a device that takes only units of 4 KiB.
#[test]
fn recovery_on_a_device_with_large_units() {
    for format in formats() {
        let mut dirty = Dirty::three(EXT4, format);
        let mut log = LogBuilder::new(&mut dirty.image, format).unwrap();
        let copies = homes(&dirty.image, 40).into_iter().step_by(3);
        let copies = copies.map(|home| (home, filled(9))).collect();
        let whole = Transaction { copies, time: TIME, ..Transaction::default() };
        log.transaction(&mut dirty.image, &whole).unwrap();
        log.finish(&mut dirty.image).unwrap();
        orphan(&mut dirty.image);

        let (report, wanted) = recovered(&dirty.image);
        let report = report.unwrap();
        assert_eq!((report.replayed_blocks, report.orphans_deleted), (14, 1));
        let inner = Arc::new(MemoryDevice::from_vec(dirty.image.bytes().to_vec()));
        let demands = Alignment { offset: 4096, memory: 512 };
        let device = Arc::new(AlignmentCheckDevice::new(inner.clone(), demands));
        let options = RecoverOptions { finish_orphans: true, ..RecoverOptions::default() };
        recover(device.clone(), &options).unwrap();
        assert_eq!(device.violations(), 0);
        let ended = inner.to_vec();
        assert_eq!(ended.len(), wanted.len());
        // Times, and what follows from them, may differ: blocks that do are few.
        let differ = ended.chunks(1024).zip(wanted.chunks(1024)).filter(|(a, b)| a != b).count();
        assert!(differ <= 8, "{differ} blocks");
    }
}

/// Makes `/file` an orphan: no links, and the head of the list.
fn orphan(image: &mut ImageEditor) {
    let file = image.lookup("/file").unwrap();
    image.set_u16(Spot::Inode(file), 0x1a, 0).unwrap();
    image.set_u32(Spot::Inode(file), 0x14, 0).unwrap();
    image.set_u32(Spot::Superblock, 0xe8, file).unwrap();
}

/// The image may be written and its journal may not: nothing is written at all.
#[test]
fn recovery_needs_a_journal_that_can_be_written() {
    use extant_testkit::journal::{attach_journal, journal_device};

    let mut image = image(&["-t", "ext4", "-b", "1024", "-O", "^has_journal"]);
    let mut journal = journal_device(1024, 2048, &[]).unwrap();
    let mut log = LogBuilder::new(&mut journal, V3).unwrap();
    let copies = homes(&image, 9).into_iter().map(|home| (home, filled(1))).collect();
    let whole = Transaction { copies, time: TIME, ..Transaction::default() };
    log.transaction(&mut journal, &whole).unwrap();
    log.finish(&mut journal).unwrap();
    attach_journal(&mut image, &mut journal).unwrap();
    let device = Arc::new(MemoryDevice::from_vec(image.bytes().to_vec()));
    let journal: Arc<dyn BlockDevice> =
        Arc::new(RecordingDevice::from_bytes(journal.bytes()).snapshot());
    let options = RecoverOptions { journal: Some(journal), ..RecoverOptions::default() };
    let error = recover(device.clone(), &options).unwrap_err();
    assert!(matches!(error, Error::Device(DeviceError::ReadOnly)), "{error}");
    assert!(device.to_vec() == image.bytes(), "recovery wrote");
}
