//! Logs of several batches: everything arrives, and an error of any thread ends all of them.

use extant_block::{BlockDevice, DeviceOp, MemoryDevice, read_unaligned};
use extant_format::BlockSize;
use extant_format::journal::{JOURNAL_MAGIC, journal_checksum};
use extant_sync::Arc;
use extant_testkit_device::{Fault, FaultDevice};

use super::super::LoggedCopy;
use super::*;
use crate::{LogPlace, LogRun};

const BLOCK: usize = 1024;
/// Blocks of the journal; as many behind it are homes.
const LENGTH: u32 = 5000;

fn marked(n: u32) -> Vec<u8> {
    n.to_le_bytes().repeat(BLOCK / 4)
}

/// A journal whose blocks hold their numbers, and its device with homes of zeroes behind it.
fn device() -> Arc<FaultDevice> {
    let mut bytes: Vec<u8> = (0..LENGTH).flat_map(marked).collect();
    let superblock = &mut bytes[..BLOCK];
    superblock.fill(0);
    let words = [(0, JOURNAL_MAGIC), (4, 4), (0xc, 1024), (0x10, LENGTH), (0x14, 1), (0x40, 1)];
    for (at, word) in words {
        superblock[at..at + 4].copy_from_slice(&word.to_be_bytes());
    }
    let sum = journal_checksum(superblock);
    superblock[0xfc..0x100].copy_from_slice(&sum.to_be_bytes());
    bytes.resize(2 * LENGTH as usize * BLOCK, 0);
    Arc::new(FaultDevice::new(Arc::new(MemoryDevice::from_vec(bytes))))
}

/// Every block but each tenth has a copy; homes are runs of seven in another order.
fn recovery(device: &Arc<FaultDevice>) -> (Recovery, Vec<(u64, u32)>) {
    let runs = vec![
        LogRun { log: 0, block: 0, len: 3001 },
        LogRun { log: 3001, block: 3001, len: LENGTH - 3001 },
    ];
    let place = LogPlace {
        device: Arc::clone(device) as Arc<dyn BlockDevice>,
        block_size: BlockSize::from_bytes(1024).unwrap(),
        runs,
        superblock_block: 0,
        is_internal: true,
    };
    let mut recovery = Recovery::at_rest(Arc::new(Log::open(place).unwrap()));
    let logged = (1..LENGTH).filter(|n| n % 10 != 0);
    let home = |n: u32| u64::from(LENGTH + (n / 7 * 2311 % 714) * 7 + n % 7);
    let moves: Vec<(u64, u32)> = logged.filter(|n| *n < 4998).map(|n| (home(n), n)).collect();
    let copies = moves.iter().map(|&(home, log)| (home, LoggedCopy { log, escaped: log == 33 }));
    recovery.copies = copies.collect();
    assert_eq!(recovery.copies.len(), moves.len(), "no home twice");
    assert!(moves.len() * BLOCK > 4 * BATCH_BYTES, "more than the buffers hold");
    (recovery, moves)
}

#[test]
fn every_copy_of_many_batches_comes_home() {
    let device = device();
    let (recovery, moves) = recovery(&device);
    recovery.replay(&*device).unwrap();
    let mut found = vec![0; BLOCK];
    for (home, log) in moves {
        read_unaligned(&*device, &mut found, home * BLOCK as u64).unwrap();
        let mut wanted = marked(log);
        if log == 33 {
            wanted[..4].copy_from_slice(&JOURNAL_MAGIC.to_be_bytes());
        }
        assert_eq!(found, wanted, "{log} at {home}");
    }
}

#[test]
fn a_failing_request_ends_it() {
    for op in [DeviceOp::Read, DeviceOp::Write, DeviceOp::Flush] {
        let mut failed = 0;
        for skip in [0, 1, 5, 20, 60, 1 << 20] {
            let device = device();
            let (recovery, _) = recovery(&device);
            device.inject(Fault::once_after(op, skip));
            failed += u32::from(recovery.replay(&*device).is_err());
        }
        assert!((1..6).contains(&failed), "{op:?}: {failed}");
    }
}

/// An error of a flush in between is told, although the last flush goes well.
#[test]
fn an_error_of_an_early_flush_is_told() {
    let device = device();
    device.inject(Fault::once_after(DeviceOp::Flush, 0));
    let (ask, requests) = bounded(1);
    assert!(ask.try_send(()).is_ok());
    drop(ask);
    assert!(flush_on_request(&*device, &requests).is_err());
    assert!(device.flush().is_ok());
}
