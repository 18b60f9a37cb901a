//! Which commits of an area count.

use extant_block::{BlockDevice, MemoryDevice, WriteFlags};
use extant_format::BlockSize;
use extant_format::checksum::crc32c;
use extant_format::journal::NameChange;
use extant_jbd2::{Log, LogPlace, LogRun};
use extant_sync::Arc;
use proptest::prelude::*;

use super::super::area::{Record, read, walk_area};
use crate::Error;

const BLOCK: usize = 1024;
/// Blocks of the area, one less than the superblock says.
const AREA: u32 = 7;
const LOG: u32 = 1024;
const TID: u32 = 77;

/// A log on a device, with `area` behind it.
fn log(area: &[u8]) -> Log {
    let blocks = LOG + AREA + 1;
    let device = MemoryDevice::new(blocks as usize * BLOCK);
    let mut superblock = vec![0; BLOCK];
    let words = [0xc03b_3998, 4, 0, 1024, blocks, 1, TID, 0];
    for (at, word) in (0..).step_by(4).zip(words) {
        superblock[at..at + 4].copy_from_slice(&u32::to_be_bytes(word));
    }
    superblock[0x28..0x2c].copy_from_slice(&0x20_u32.to_be_bytes());
    superblock[0x54..0x58].copy_from_slice(&(AREA + 1).to_be_bytes());
    device.write_at(&superblock, 0, WriteFlags::NONE).unwrap();
    let mut area = area.to_vec();
    area.resize(AREA as usize * BLOCK, 0);
    let start = u64::from(LOG + 1) * BLOCK as u64;
    device.write_at(&area, start, WriteFlags::NONE).unwrap();
    let log = Log::open(LogPlace {
        device: Arc::new(device),
        block_size: BlockSize::from_bytes(1024).unwrap(),
        runs: vec![LogRun { log: 0, block: 0, len: blocks }],
        superblock_block: 0,
        is_internal: false,
    });
    log.unwrap()
}

/// Content of an area.
#[derive(Default)]
struct Area {
    bytes: Vec<u8>,
    open: usize,
}

impl Area {
    fn new() -> Self {
        Self::default().head(0, TID)
    }

    fn room(&self) -> usize {
        BLOCK - self.bytes.len() % BLOCK
    }

    fn raw(mut self, tag: u16, len: usize, value: &[u8]) -> Self {
        self.bytes.extend(tag.to_le_bytes());
        self.bytes.extend(u16::try_from(len).unwrap().to_le_bytes());
        self.bytes.extend(value);
        self
    }

    fn head(self, features: u32, tid: u32) -> Self {
        self.raw(9, 8, &[features.to_le_bytes(), tid.to_le_bytes()].concat())
    }

    /// One record, which has `n` in it.
    fn unlink(self, n: u32) -> Self {
        self.raw(5, 9, &[&2_u32.to_le_bytes(), &n.to_le_bytes(), &b"n"[..]].concat())
    }

    fn pad(self) -> Self {
        let len = self.room() - 4;
        self.raw(7, len, &vec![0; len])
    }

    /// A tail whose checksum is wrong in the bits of `damage`.
    fn tail(self, tid: u32, damage: u32) -> Self {
        let len = self.room() - 4;
        let mut area = self.raw(8, len, &tid.to_le_bytes());
        let sum = crc32c(0, &area.bytes[area.open..]) ^ damage;
        area.bytes.extend(sum.to_le_bytes());
        area.bytes.resize(area.bytes.len().next_multiple_of(BLOCK), 0);
        area.open = area.bytes.len();
        area
    }

    /// The numbers in the records that count, commit by commit.
    fn counted(&self) -> Vec<Vec<u32>> {
        numbers(&self.bytes).unwrap()
    }
}

fn numbers(area: &[u8]) -> Result<Vec<Vec<u32>>, Error> {
    let number = |record: &Record| match record {
        Record::Name { change: NameChange::Unlink, ino, .. } => *ino,
        other => panic!("{other:?}"),
    };
    let commits = read(&log(area), TID)?.commits;
    Ok(commits.iter().map(|commit| commit.iter().map(number).collect()).collect())
}

#[test]
fn whole_commits_count_up_to_the_first_that_is_not() {
    let two = || Area::new().unlink(1).unlink(2).tail(TID, 0).unlink(3).tail(TID, 0);
    assert_eq!(two().counted(), [vec![1, 2], vec![3]]);
    assert_eq!(two().unlink(4).counted(), [vec![1, 2], vec![3]], "no tail");
    let late = |damage, tid| two().unlink(4).tail(tid, damage).unlink(5).tail(TID, 0);
    assert_eq!(late(1, TID).counted().len(), 2, "nothing behind a wrong checksum counts");
    assert_eq!(late(0, TID - 1).counted().len(), 2, "nor behind an older commit");
    assert_eq!(late(0, TID).counted().len(), 4);
    assert_eq!(two().head(0, TID).unlink(4).tail(TID, 0).counted().len(), 3, "one more head");
}

#[test]
fn a_commit_goes_on_in_the_next_block() {
    let area = Area::new().unlink(1).pad().unlink(2).pad().unlink(3).tail(TID, 0);
    assert_eq!(area.counted(), [[1, 2, 3]]);
    assert_eq!(Area::new().unlink(1).pad().unlink(2).pad().counted(), [[0; 0]; 0]);
}

#[test]
fn an_area_that_is_exactly_full_counts_whole() {
    let mut area = Area::new();
    for n in 0..AREA {
        area = area.unlink(n).tail(TID, 0);
    }
    assert_eq!(area.bytes.len(), AREA as usize * BLOCK);
    assert_eq!(area.counted().len(), AREA as usize);
    let mut area = Area::new();
    for n in 1..AREA {
        area = area.unlink(n).pad();
    }
    assert_eq!(area.unlink(AREA).tail(TID, 0).counted(), [[1, 2, 3, 4, 5, 6, 7]]);
}

#[test]
fn without_a_head_of_this_transaction_nothing_counts() {
    let none: Vec<Vec<u32>> = Vec::new();
    assert_eq!(Area::default().unlink(1).tail(TID, 0).counted(), none);
    assert_eq!(Area::default().tail(TID, 0).counted(), none);
    for tid in [0, TID - 1, TID + 1] {
        assert_eq!(Area::default().head(0, tid).unlink(1).tail(TID, 0).counted(), none);
        assert_eq!(Area::new().unlink(1).tail(tid, 0).counted(), none);
    }
    assert_eq!(Area::new().unlink(1).head(0, TID).tail(TID, 0).counted(), none, "not first");
    assert_eq!(numbers(&[]).unwrap(), none);
    assert_eq!(numbers(&[0xff; 3000]).unwrap(), none);
}

#[test]
fn what_is_no_record_ends_the_area() {
    for (tag, len) in [(0, 4), (10, 4), (4, 8), (6, 100), (5, 1010), (8, 0xffff)] {
        let area = Area::new().unlink(1).tail(TID, 0).raw(tag, len, &[1; 8]).tail(TID, 0);
        assert_eq!(area.counted(), [[1]], "tag {tag}, {len} bytes");
    }
}

#[test]
fn unknown_features_are_refused_only_where_the_commit_is_whole() {
    let area = |damage| Area::default().head(4, TID).unlink(1).tail(TID, damage);
    let refused = numbers(&area(0).bytes);
    let Err(Error::Unsupported { features }) = refused else { panic!("{refused:?}") };
    assert_eq!(features, ["fast_commit FEATURE_F2"]);
    assert!(area(1).counted().is_empty());
}

#[test]
fn the_walk_shows_older_commits_too() {
    let area = Area::new().unlink(1).tail(TID, 0).unlink(2).tail(TID - 1, 0).unlink(3).tail(9, 1);
    let log = log(&area.bytes);
    let (mut tails, mut firsts) = (Vec::new(), Vec::new());
    let end = walk_area(&log, |record| {
        tails.extend(record.tail_matches());
        firsts.extend(record.is_first.then_some((record.block, record.placed.offset)));
        true
    });
    assert_eq!(tails, [true, true, false]);
    assert_eq!(firsts, [(1025, 0), (1026, 0), (1027, 0), (1028, 0)][..3]);
    let end = end.unwrap().unwrap();
    assert_eq!((end.block, end.offset), (Some(1028), Some(0)), "zeroes are no record");
    let mut count = 0;
    let stopped = walk_area(&log, |_| {
        count += 1;
        false
    });
    assert_eq!((stopped.unwrap(), count), (None, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_damage_leaves_a_prefix(at in 0_usize..7 * BLOCK, value in any::<u8>()) {
        let mut area = Area::new();
        for n in 0..5 {
            area = area.unlink(n).unlink(n + 100).tail(TID, 0);
        }
        let whole = area.counted();
        area.bytes.resize(7 * BLOCK, 0);
        area.bytes[at] = value;
        if let Ok(counted) = numbers(&area.bytes) {
            prop_assert!(counted.len() >= (at / BLOCK).min(5));
            prop_assert_eq!(&whole[..counted.len()], &counted[..]);
        }
    }
}
