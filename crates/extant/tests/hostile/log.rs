//! Rows 45 to 47: descriptors, revokes and commits; and random logs against a model and e2fsck.

use std::collections::BTreeMap;

use extant_testkit::corpus;
use extant_testkit::hostile::{ImageEditor, Part, Spot};
use extant_testkit::journal::{
    LogChecksum, LogFormat, LogPart, MAGIC, RandomLog, Transaction, e2fsck_replay,
};

use crate::dirty::{Dirty, TIME, filled, formats, homes, recovered, stopped, wrong_blocks};
use crate::support::{EXT4, image, open};
use crate::walk::id_of;

const V3: LogFormat = LogFormat::new(LogChecksum::V3, true);
const NONE: LogFormat = LogFormat::new(LogChecksum::None, true);

/// One transaction with these copies, and one without damage behind it.
fn two(format: LogFormat, copies: &[(u64, Vec<u8>)]) -> Dirty {
    Dirty::new(EXT4, format, |log, image| {
        let home = homes(image, 1)[0];
        for (copies, time) in [copies.to_vec(), vec![(home, filled(9))]].into_iter().zip(TIME..) {
            let whole = Transaction { copies, time, ..Transaction::default() };
            log.transaction(image, &whole).unwrap();
        }
    })
}

#[test]
fn well_formed_logs_are_replayed() {
    for format in formats() {
        let dirty = Dirty::three(EXT4, format);
        let fs = dirty.replays(3);
        let report = fs.volume().recovery().unwrap();
        assert_eq!((report.log.transactions, report.replayed_blocks), (3, 3));
        assert_eq!((report.log.logged_blocks, report.log.revoked_blocks), (5, 1));
    }
}

#[test]
fn row_45_target_outside() {
    for format in formats() {
        let mut outside = vec![0, 8192, u32::MAX.into()];
        outside.extend(format.wide.then_some([1 << 32 | 5000, u64::MAX]).into_iter().flatten());
        for home in outside {
            stopped(&two(format, &[(home, filled(1))]).image, "journal.target");
        }
    }
}

/// The journal's superblock, a block of the log, the last block.
#[test]
fn row_45_target_in_the_journal() {
    let base = image(EXT4);
    for number in [0, 1, 500, 1023] {
        let home = base.journal_block(number).unwrap();
        for format in [V3, NONE] {
            stopped(&two(format, &[(home, filled(1))]).image, "journal.target");
        }
    }
}

/// Without `LAST_TAG` the rest of the descriptor is more tags. Their checksums match nothing; in a
/// log without any, it ends here for lack of a commit.
#[test]
fn row_45_no_last_tag() {
    let homes = homes(&image(EXT4), 3);
    for format in formats() {
        let copies: Vec<_> = homes.iter().map(|home| (*home, filled(1))).collect();
        let mut dirty = two(format, &copies);
        let last = dirty.log.find(LogPart::Copy, 2).unwrap();
        let (descriptor, offset) = last.tag;
        let spot = Spot::Block(descriptor);
        let flags = dirty.image.get_u8(spot, offset + 7).unwrap();
        assert_eq!(flags & 8, 8);
        dirty.image.set_u8(spot, offset + 7, flags & !8).unwrap();
        dirty.image.fix(Part::JournalTail(descriptor)).unwrap();
        match format.checksum {
            LogChecksum::None => drop(dirty.replays(0)),
            LogChecksum::V1 => stopped(&dirty.image, "journal.gap"),
            _ => stopped(&dirty.image, "journal.data"),
        }
    }
}

/// A descriptor that is full needs no last tag.
#[test]
fn row_45_full_descriptor_without_last_tag() {
    // The sum of version 1 is over the descriptor, too.
    for format in formats().filter(|format| format.checksum != LogChecksum::V1) {
        let tags = format.tags_in(1024);
        let copies = homes(&image(EXT4), tags).into_iter().map(|home| (home, filled(1)));
        let copies: Vec<_> = copies.collect();
        assert_eq!(copies.len(), tags);
        let mut dirty = two(format, &copies);
        let (descriptor, offset) = dirty.log.find(LogPart::Copy, tags - 1).unwrap().tag;
        let spot = Spot::Block(descriptor);
        let flags = dirty.image.get_u8(spot, offset + 7).unwrap();
        dirty.image.set_u8(spot, offset + 7, flags & !8).unwrap();
        dirty.image.fix(Part::JournalTail(descriptor)).unwrap();
        dirty.replays(2);
    }
}

/// An escape that was none: the magic number is what the flag says is there.
#[test]
fn row_45_escape_flag_without_need() {
    let base = image(EXT4);
    let home = homes(&base, 2)[1];
    for format in formats() {
        let mut dirty = two(format, &[(home, filled(7))]);
        let copy = dirty.log.find(LogPart::Copy, 0).unwrap();
        let (spot, at) = (Spot::Block(copy.tag.0), copy.tag.1 + 7);
        let flags = dirty.image.get_u8(spot, at).unwrap();
        dirty.image.set_u8(spot, at, flags | 1).unwrap();
        dirty.image.fix(copy.part()).unwrap();
        if format.checksum == LogChecksum::V1 {
            // The sum is over the descriptor, too.
            stopped(&dirty.image, "journal.commit");
            continue;
        }
        let mut wanted = filled(7);
        wanted[..4].copy_from_slice(&MAGIC.to_be_bytes());
        let mut expected = dirty.log.model().blocks(2);
        expected.insert(home, &wanted);
        dirty.replays_as(&expected);
    }
}

/// A copy that looks like a commit, a descriptor or a revoke of its own transaction is a copy.
#[test]
fn row_45_copies_that_look_like_the_log() {
    let home = homes(&image(EXT4), 2)[1];
    for format in [V3, NONE] {
        for kind in [1_u32, 2, 5] {
            let mut dirty = two(format, &[(home, filled(7))]);
            let copy = dirty.log.find(LogPart::Copy, 0).unwrap();
            let header = [MAGIC, kind, copy.sequence].map(u32::to_be_bytes).concat();
            dirty.image.set_bytes(Spot::Block(copy.block), 0, &header).unwrap();
            dirty.image.fix(copy.part()).unwrap();
            let mut wanted = filled(7);
            wanted[..12].copy_from_slice(&header);
            let mut expected = dirty.log.model().blocks(2);
            expected.insert(home, &wanted);
            dirty.replays_as(&expected);
        }
    }
}

/// Three transactions of one copy and one revoke each.
fn three_with_revokes(format: LogFormat, revokes_first: bool) -> Dirty {
    Dirty::new(EXT4, format, |log, image| {
        let homes = homes(image, 3);
        for (number, time) in (0..3).zip(TIME..) {
            let copies = vec![(homes[number], filled(1))];
            let revokes = vec![homes[0]];
            let whole =
                Transaction { copies, revokes, revokes_first, time, ..Transaction::default() };
            log.transaction(image, &whole).unwrap();
        }
    })
}

/// Damage that whole transactions follow is damage; at the end of the log it is its end.
fn damaged(kind: LogPart, number: usize, offset: u64, id: &str) {
    for format in formats().filter(LogFormat::all_blocks) {
        for (whole, nth) in [(true, number), (false, number + 1)] {
            let mut dirty = three_with_revokes(format, false);
            let part = dirty.log.find(kind, nth).unwrap();
            let spot = Spot::Block(part.block);
            let byte = dirty.image.get_u8(spot, offset).unwrap();
            dirty.image.set_u8(spot, offset, byte ^ 0x40).unwrap();
            if whole {
                stopped(&dirty.image, id);
            } else {
                let fs = dirty.replays(2);
                let torn = fs.volume().recovery().unwrap().torn.unwrap();
                assert_eq!(torn.kind.id(), id);
            }
        }
    }
}

/// What makes a block no block of its transaction: magic, kind, number, or all of it.
fn unmade(image: &mut ImageEditor, block: u64) -> impl Iterator<Item = (u64, ImageEditor)> {
    let image = image.clone();
    [0, 7, 11, 1024].into_iter().map(move |offset| {
        let (mut image, spot) = (image.clone(), Spot::Block(block));
        if offset == 1024 {
            image.set_bytes(spot, 0, &filled(0)).unwrap();
        } else {
            let byte = image.get_u8(spot, offset).unwrap();
            image.set_u8(spot, offset, byte ^ 0x40).unwrap();
        }
        (offset, image)
    })
}

/// The first block of a transaction is gone: with checksums, whole transactions behind it are proof
/// that it was there. Of the last one nobody was told.
#[test]
fn row_45_first_block_of_a_transaction() {
    for (format, first) in formats().flat_map(|format| [(format, false), (format, true)]) {
        let dirty = three_with_revokes(format, first);
        let kind = if first { LogPart::Revoke } else { LogPart::Descriptor };
        for number in 0..3 {
            let block = dirty.log.find(kind, number).unwrap().block;
            for (offset, image) in unmade(&mut dirty.image.clone(), block) {
                let what = (format, number, offset);
                if number < 2 && format.checksum != LogChecksum::None {
                    println!("{what:?}");
                    stopped(&image, "journal.gap");
                } else {
                    let dirty =
                        Dirty { before: dirty.before.clone(), image, log: dirty.log.clone() };
                    let fs = dirty.replays(number);
                    assert!(fs.volume().recovery().unwrap().torn.is_none(), "{what:?}");
                }
            }
        }
    }
}

/// The same where the first block of a transaction is followed by as many copies as a descriptor
/// lists, and by further descriptors.
#[test]
fn row_45_first_block_of_a_large_transaction() {
    for format in formats().filter(|format| format.checksum != LogChecksum::None) {
        let copies = homes(&image(EXT4), format.tags_in(1024) * 2 + 5);
        let copies: Vec<_> = copies.into_iter().map(|home| (home, filled(1))).collect();
        let dirty = two(format, &copies);
        let block = dirty.log.find(LogPart::Descriptor, 0).unwrap().block;
        for (_, image) in unmade(&mut dirty.image.clone(), block) {
            stopped(&image, "journal.gap");
        }
    }
}

#[test]
fn row_45_descriptor_checksum() {
    damaged(LogPart::Descriptor, 1, 900, "journal.descriptor");
}

#[test]
fn row_45_data_checksum() {
    damaged(LogPart::Copy, 1, 900, "journal.data");
}

#[test]
fn row_46_revoke_checksum() {
    damaged(LogPart::Revoke, 1, 900, "journal.revoke");
}

#[test]
fn row_47_commit_checksum() {
    damaged(LogPart::Commit, 1, 900, "journal.commit");
    damaged(LogPart::Commit, 1, 0x11, "journal.commit");
}

/// All of the log is one transaction without an end.
#[test]
fn row_45_the_log_wraps_onto_itself() {
    for format in formats() {
        let revokes = Dirty::new(EXT4, format, |log, image| {
            let (first, end) = log.range();
            for _ in first..end {
                log.revoke(image, &[7000]).unwrap();
            }
            assert_eq!(log.next(), first);
        });
        stopped(&revokes.image, "journal.loop");
        let descriptors = Dirty::new(EXT4, format, |log, image| {
            let home = homes(image, 1)[0];
            let (first, end) = log.range();
            log.start(end - 3, 7);
            for _ in 0..(end - first) / 2 {
                log.descriptor(image, &[(home, filled(1))]).unwrap();
            }
            log.revoke(image, &[7000]).unwrap();
            assert_eq!(log.next(), end - 3);
        });
        stopped(&descriptors.image, "journal.loop");
    }
}

/// Of a revoke block: its count.
fn revoke_count(format: LogFormat, count: u32) -> Dirty {
    let mut dirty = Dirty::three(EXT4, format);
    let revoke = dirty.log.find(LogPart::Revoke, 0).unwrap();
    dirty.image.set_be32(Spot::Block(revoke.block), 12, count).unwrap();
    dirty.image.fix(revoke.part()).unwrap();
    dirty
}

#[test]
fn row_46_count_out_of_range() {
    for format in formats() {
        let most = if format.all_blocks() { 1020 } else { 1024 };
        for count in [0, 15, most + 1, 4096, u32::MAX] {
            stopped(&revoke_count(format, count).image, "journal.revoke");
        }
        // None at all, and a part of one.
        for count in [16, 17] {
            let dirty = revoke_count(format, count);
            let home = homes(&dirty.before, 3)[2];
            let (mut expected, revived) = (dirty.log.model().blocks(3), filled(1));
            assert_eq!(expected.insert(home, &revived), None);
            dirty.replays_as(&expected);
        }
    }
}

/// Half of a log of revokes, for 100,000 blocks that mostly do not exist.
#[test]
fn row_46_many_revokes() {
    for format in formats() {
        let dirty = Dirty::new(EXT4, format, |log, image| {
            let homes = homes(image, 3);
            let copies = homes.iter().map(|home| (*home, filled(1))).collect();
            let whole = Transaction { copies, time: TIME, ..Transaction::default() };
            log.transaction(image, &whole).unwrap();
            let revokes: Vec<u64> = (0..100_000).map(|n| n * 7919 % (1 << 32)).collect();
            let whole = Transaction { revokes, time: TIME, ..Transaction::default() };
            log.transaction(image, &whole).unwrap();
            log.revoke(image, &homes[..1]).unwrap();
            log.commit(image, TIME).unwrap();
        });
        let fs = dirty.replays(3);
        assert_eq!(fs.volume().recovery().unwrap().log.revoked_blocks, 100_001);
    }
}

/// A commit of another transaction is not the end of this one: the log ends before it.
#[test]
fn row_47_commit_of_another_transaction() {
    for format in formats() {
        let crc32c = matches!(format.checksum, LogChecksum::V2 | LogChecksum::V3);
        for sequence in [0, 1, 4, u32::MAX] {
            let mut dirty = Dirty::three(EXT4, format);
            let commit = dirty.log.find(LogPart::Commit, 2).unwrap();
            let expected = dirty.image.get_be32(Spot::Block(commit.block), 8).unwrap();
            dirty.image.set_be32(Spot::Block(commit.block), 8, sequence).unwrap();
            dirty.image.fix(commit.part()).unwrap();
            // A later commit with a right checksum says that a transaction before it is lost.
            if crc32c && sequence.wrapping_sub(expected) < 1 << 31 {
                stopped(&dirty.image, "journal.gap");
            } else {
                dirty.replays(2);
            }
        }
    }
}

#[test]
fn row_47_thousands_of_empty_transactions() {
    for format in formats() {
        let dirty = Dirty::new(EXT4, format, |log, image| {
            let (first, end) = log.range();
            log.start(first + 100, u32::MAX - 100);
            for time in (TIME..).take((end - first) as usize) {
                log.commit(image, time).unwrap();
            }
            assert_eq!(log.next(), first + 100);
        });
        let fs = dirty.replays(0);
        assert_eq!(fs.volume().recovery().unwrap().log.transactions, 1023);
    }
}

/// Times say nothing about whole transactions.
#[test]
fn row_47_commit_times() {
    for format in formats() {
        for times in [[u64::MAX, 0, 5], [TIME, u64::MAX, TIME], [0, 0, 0], [1 << 63, TIME, 1]] {
            let dirty = Dirty::new(EXT4, format, |log, image| {
                for (home, time) in homes(image, 3).into_iter().zip(times) {
                    let copies = vec![(home, filled(1))];
                    let whole = Transaction { copies, time, ..Transaction::default() };
                    log.transaction(image, &whole).unwrap();
                }
            });
            dirty.replays(3);
        }
    }
}

/// Version 1: a sum over the transaction. Wrong at the end it is the end, in the middle damage.
#[test]
fn row_47_version_1_checksum() {
    let format = LogFormat::new(LogChecksum::V1, true);
    for (kind, offset) in [(LogPart::Commit, 0x12), (LogPart::Copy, 500), (LogPart::Descriptor, 99)]
    {
        let flipped = |number: usize| {
            let mut dirty = Dirty::new(EXT4, format, |log, image| {
                for (home, time) in homes(image, 3).into_iter().zip(TIME..) {
                    let copies = vec![(home, filled(1))];
                    let whole = Transaction { copies, time, ..Transaction::default() };
                    log.transaction(image, &whole).unwrap();
                }
            });
            let part = dirty.log.find(kind, number).unwrap();
            let byte = dirty.image.get_u8(Spot::Block(part.block), offset).unwrap();
            dirty.image.set_u8(Spot::Block(part.block), offset, byte ^ 1).unwrap();
            dirty
        };
        flipped(2).replays(2);
        stopped(&flipped(1).image, "journal.commit");
    }
}

/// What recovery writes is what opening shows; repeating it changes nothing.
fn recovers(dirty: &Dirty, complete: usize) {
    let (result, bytes) = recovered(&dirty.image);
    result.unwrap();
    let again = ImageEditor::new(bytes);
    let fs = open(&again).unwrap();
    assert!(fs.volume().recovery().is_none());
    let wrong = wrong_blocks(&dirty.before, &fs, &dirty.log.model().blocks(complete));
    assert!(wrong.is_empty(), "{wrong:?}");
    let (result, bytes) = recovered(&again);
    result.unwrap();
    assert!(bytes == again.bytes());
}

#[test]
fn recovery_on_the_image() {
    for format in formats() {
        recovers(&Dirty::three(EXT4, format), 3);
    }
}

#[test]
fn random_logs_are_replayed_as_the_model_and_e2fsck_say() {
    let base = image(EXT4);
    let homes = homes(&base, 12);
    for seed in 0..500 {
        let made = RandomLog::new(&base, seed, &homes).unwrap();
        let what = (seed, made.format, made.end);
        let expected = made.log.model().blocks(made.complete);
        let fs = open(&made.image).unwrap_or_else(|error| panic!("{what:?} {error}"));
        let wrong = wrong_blocks(&base, &fs, &expected);
        assert!(wrong.is_empty(), "{what:?} {wrong:?}");
        let judge = e2fsck_replay(&made.image).unwrap();
        let wrong = judge.wrong_blocks(&base, &expected).unwrap();
        assert!(wrong.is_empty(), "{what:?} {wrong:?} {}", judge.output);
        if seed % 10 == 0 {
            let dirty = Dirty { before: base.clone(), image: made.image, log: made.log };
            recovers(&dirty, made.complete);
        }
    }
}

/// The journal cases of e2fsprogs: what opening says, and why it is not what e2fsck says, where it
/// is not. Opened images have what e2fsck makes of them.
const CORPUS: &[(&str, Option<&str>)] = &[
    // The commit of the first of three transactions is damaged: acknowledged changes are lost.
    // e2fsck calls the journal corrupt, too, drops all three and notes an error; Linux refuses.
    ("j_corrupt_commit_csum", Some("journal.commit")),
    // A descriptor has the number of another transaction, and valid commits follow: acknowledged
    // changes are lost (C15, decision 0010). e2fsck and Linux end the log there without a word.
    ("j_corrupt_descr_tid", Some("journal.gap")),
    // e2fsck gives up replay, empties the journal, and goes on with what is there.
    ("j_corrupt_revoke_rcount", Some("journal.revoke")),
    // e2fsck makes a new superblock, and an empty journal of it.
    ("j_corrupt_sb_csum", Some("journal.checksum")),
    // e2fsck deletes the journal.
    ("j_corrupt_sb_magic", Some("journal.superblock")),
    // A journal device, not a file system.
    ("j_ext_dumpe2fs", Some("EINVAL")),
];

#[test]
fn journal_cases_of_the_corpus() {
    let Some(cases) = corpus::cases().unwrap() else { return };
    let ours = cases.iter().filter(|case| case.name.starts_with("e2fsprogs/j_"));
    let mut met = Vec::new();
    for case in ours {
        let image = ImageEditor::new(case.unpack().unwrap());
        let result = match open(&image) {
            Err(error) => Some(id_of(&error)),
            Ok(fs) => {
                assert!(fs.volume().recovery().is_some(), "{} is clean", case.name);
                let judge = e2fsck_replay(&image).unwrap();
                let mut seen = vec![0; image.bytes().len()];
                fs.volume().device().read_at(&mut seen, 0).unwrap();
                let seen = ImageEditor::new(seen);
                let wrong = judge.wrong_blocks(&seen, &BTreeMap::new()).unwrap();
                assert!(wrong.is_empty(), "{} {wrong:?}", case.name);
                None
            }
        };
        met.push((case.name.trim_start_matches("e2fsprogs/"), result));
    }
    let wanted = CORPUS.iter().map(|(name, id)| (*name, id.map(str::to_owned)));
    assert_eq!(met, Vec::from_iter(wanted));
}
