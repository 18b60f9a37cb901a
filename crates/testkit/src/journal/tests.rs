//! e2fsck judges: what it makes of a log is what the model says.

use std::collections::BTreeMap;

use super::*;
use crate::hostile::{ImageEditor, Part, SmallImage, Spot, small_image};

const EXT4: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "metadata_csum"];
const EXT3: &[&str] = &["-t", "ext3", "-b", "1024"];
const SUMS: [LogChecksum; 4] =
    [LogChecksum::None, LogChecksum::V1, LogChecksum::V2, LogChecksum::V3];
const TIME: u64 = 1_700_000_000;

fn image(args: &[&str]) -> ImageEditor {
    ImageEditor::new(small_image(&SmallImage::new(args)).unwrap())
}

/// Blocks of a file: nobody minds what they hold.
fn homes(image: &ImageEditor, count: u32) -> Vec<u64> {
    let inode = image.lookup("/fragmented").unwrap();
    let blocks = (0..800).filter_map(|logical| image.map_block(inode, logical).unwrap());
    blocks.take(count as usize).collect()
}

fn block(fill: u8) -> Vec<u8> {
    vec![fill; 1024]
}

fn escaped(fill: u8) -> Vec<u8> {
    [&MAGIC.to_be_bytes()[..], &block(fill)[4..]].concat()
}

/// e2fsck's result is the model's first `complete` transactions; returns what it printed.
fn judged(before: &ImageEditor, image: &ImageEditor, log: &LogBuilder, complete: usize) -> String {
    let replayed = e2fsck_replay(image).unwrap();
    let expected = log.model().blocks(complete);
    let wrong = replayed.wrong_blocks(before, &expected).unwrap();
    assert!(wrong.is_empty(), "{wrong:?} {}", replayed.output);
    replayed.output
}

/// Every part of the log has the checksum that the sums of the editor give.
fn sums_are_right(image: &ImageEditor, log: &LogBuilder) {
    for written in log.written() {
        let sums = image.checksums(written.part()).unwrap();
        assert!(sums.is_none_or(|(stored, right)| stored == right), "{written:?} {sums:x?}");
    }
}

#[test]
fn every_variant_is_replayed() {
    for args in [EXT4, EXT3] {
        let base = image(args);
        let homes = homes(&base, 200);
        for (checksum, wide) in SUMS.into_iter().flat_map(|sum| [(sum, false), (sum, true)]) {
            for uuid in [UuidTags::Never, UuidTags::First, UuidTags::Every] {
                let format = LogFormat { uuid, ..LogFormat::new(checksum, wide) };
                let mut image = base.clone();
                let mut log = LogBuilder::new(&mut image, format).unwrap();
                let end = log.range().1;
                log.start(end - 100, u32::MAX - 1);
                let many = homes.iter().map(|home| (*home, block(7))).collect();
                let first = Transaction { copies: many, time: TIME, ..Transaction::default() };
                log.transaction(&mut image, &first).unwrap();
                let second = Transaction {
                    copies: vec![(homes[0], escaped(8)), (homes[1], block(0))],
                    revokes: homes[100..].to_vec(),
                    time: TIME + 1,
                    ..Transaction::default()
                };
                log.transaction(&mut image, &second).unwrap();
                let third = Transaction {
                    copies: vec![(homes[150], block(9)), (homes[2], escaped(9))],
                    revokes: vec![homes[1]],
                    revokes_first: true,
                    tags: 1,
                    time: TIME + 2,
                };
                log.transaction(&mut image, &third).unwrap();
                log.finish(&mut image).unwrap();
                assert!(log.next() < end - 100, "the log wrapped");
                sums_are_right(&image, &log);
                let expected = log.model().blocks(3);
                assert_eq!(expected.len(), 100, "99 of the first hundred and one more");
                judged(&base, &image, &log, 3);
            }
        }
    }
}

/// A revoke is also for the copies of its own transaction, on either side of it.
#[test]
fn revokes_in_the_same_transaction() {
    let base = image(EXT4);
    let homes = homes(&base, 3);
    for revokes_first in [false, true] {
        let mut image = base.clone();
        let format = LogFormat::new(LogChecksum::V3, true);
        let mut log = LogBuilder::new(&mut image, format).unwrap();
        let copies = vec![(homes[0], block(1)), (homes[1], block(2))];
        let whole =
            Transaction { copies, revokes: vec![homes[0]], revokes_first, tags: 0, time: TIME };
        log.transaction(&mut image, &whole).unwrap();
        log.finish(&mut image).unwrap();
        assert_eq!(log.model().blocks(1), BTreeMap::from([(homes[1], &block(2)[..])]));
        judged(&base, &image, &log, 1);
    }
}

/// Without this a wrong checksum could pass for a right one.
#[test]
fn wrong_checksums_end_the_log() {
    let base = image(EXT4);
    let homes = homes(&base, 3);
    for checksum in [LogChecksum::V1, LogChecksum::V2, LogChecksum::V3] {
        let mut image = base.clone();
        let mut log = LogBuilder::new(&mut image, LogFormat::new(checksum, true)).unwrap();
        for (number, home) in homes.iter().enumerate() {
            let copies = vec![(*home, block(1))];
            let time = TIME + number as u64;
            let whole = Transaction { copies, time, ..Transaction::default() };
            log.transaction(&mut image, &whole).unwrap();
        }
        log.finish(&mut image).unwrap();
        judged(&base, &image, &log, 3);
        let commit = Spot::Block(log.find(LogPart::Commit, 2).unwrap().block);
        let sum = image.get_be32(commit, 0x10).unwrap();
        image.set_be32(commit, 0x10, sum ^ 0x8000).unwrap();
        judged(&base, &image, &log, 2);
    }
}

#[test]
fn a_log_can_be_exactly_full() {
    let base = image(EXT4);
    let homes = homes(&base, 200);
    let mut image = base.clone();
    let format = LogFormat::new(LogChecksum::V3, true);
    let mut log = LogBuilder::new(&mut image, format).unwrap();
    let (first, end) = log.range();
    log.start(first + 10, 50);
    let mut left = end - first;
    while left > 0 {
        // A descriptor, copies, a commit; one block more or less would not fill the log.
        let copies = u32::try_from(format.tags_in(1024)).unwrap().min(left - 2);
        let copies = if (1..3).contains(&(left - 2 - copies)) { copies - 3 } else { copies };
        let fill = block(left.to_le_bytes()[0]);
        let copies = homes.iter().take(copies as usize).map(|home| (*home, fill.clone()));
        let whole = Transaction { copies: copies.collect(), time: TIME, ..Transaction::default() };
        left -= 2 + u32::try_from(whole.copies.len()).unwrap();
        log.transaction(&mut image, &whole).unwrap();
    }
    log.finish(&mut image).unwrap();
    assert_eq!(log.next(), first + 10);
    let transactions = log.model().len();
    judged(&base, &image, &log, transactions);
}

#[test]
fn random_logs_are_replayed_as_the_model_says() {
    let base = image(EXT4);
    let homes = homes(&base, 12);
    let mut ends = BTreeMap::new();
    for seed in 0..150 {
        let made = RandomLog::new(&base, seed, &homes).unwrap();
        *ends.entry(made.end).or_insert(0) += 1;
        let replayed = e2fsck_replay(&made.image).unwrap();
        let expected = made.log.model().blocks(made.complete);
        let wrong = replayed.wrong_blocks(&base, &expected).unwrap();
        let (format, end) = (made.format, made.end);
        assert!(wrong.is_empty(), "{seed} {format:?} {end} {wrong:?} {}", replayed.output);
    }
    assert!(ends.len() == 5 && ends.values().all(|count| *count > 3), "{ends:?}");
}

#[test]
fn journal_devices() {
    let base = image(&["-t", "ext4", "-b", "1024", "-O", "^has_journal"]);
    let homes = homes(&base, 20);
    for checksum in SUMS {
        let mut image = base.clone();
        let mut journal = journal_device(1024, 2048, &[]).unwrap();
        let format = LogFormat::new(checksum, true);
        let mut log = LogBuilder::new(&mut journal, format).unwrap();
        let end = log.range().1;
        log.start(end - 10, 9);
        let copies = homes.iter().map(|home| (*home, block(3))).collect();
        let whole = Transaction { copies, time: TIME, ..Transaction::default() };
        log.transaction(&mut journal, &whole).unwrap();
        log.finish(&mut journal).unwrap();
        attach_journal(&mut image, &mut journal).unwrap();
        let replayed = e2fsck_replay_external(&image, &journal).unwrap();
        let wrong = replayed.wrong_blocks(&base, &log.model().blocks(1)).unwrap();
        assert!(wrong.is_empty(), "{wrong:?} {}", replayed.output);
        assert!(attach_journal(&mut image, &mut journal).is_err(), "it has one now");
    }
}

/// The journal's own checksum, and a part of a journal without checksums.
#[test]
fn the_superblock_of_the_journal() {
    let mut image = image(EXT4);
    let format = LogFormat::new(LogChecksum::V2, false);
    let mut log = LogBuilder::new(&mut image, format).unwrap();
    log.commit(&mut image, TIME).unwrap();
    log.finish(&mut image).unwrap();
    let (stored, right) = image.checksums(Part::JournalSuperblock).unwrap().unwrap();
    assert_eq!(stored, right);
    let superblock = Spot::Block(image.journal_superblock().unwrap());
    image.set_be32(superblock, 0x18, 7).unwrap();
    let (stored, right) = image.checksums(Part::JournalSuperblock).unwrap().unwrap();
    assert_ne!(stored, right);
    image.fix(Part::JournalSuperblock).unwrap();
    assert_eq!(image.get_be32(superblock, 0xfc).unwrap().swap_bytes(), right);
    LogBuilder::new(&mut image, LogFormat::new(LogChecksum::None, false)).unwrap();
    assert_eq!(image.checksums(Part::JournalSuperblock).unwrap(), None);
}
