//! Orphans of small file systems made in memory, hostile ones among them.

use extant_block::IoFlags;
use extant_format::inode::map_bytes_mut;
use extant_format::orphan_file::write_empty_block;
use extant_format::{BlockNr, Compat, Incompat, InodeSeed};

use super::*;
use crate::Volume;
use crate::changes::Mark;
use crate::changes::testing::{BLOCK, INODES, KINDS, Kind};

const KIND: Kind = KINDS[0];
const NOW: Timestamp = Timestamp { secs: 1_700_000_000, nanos: 0 };
/// Blocks of group 2, in which nothing is in use.
const DATA: u64 = 2100;

/// The superblock of an image.
fn raw(image: &mut [u8]) -> &mut RawSuperblock {
    RawSuperblock::from_prefix_mut(&mut image[1024..]).unwrap()
}

/// A volume after changes of its superblock.
fn volume(change: impl FnOnce(&mut RawSuperblock)) -> Volume {
    KIND.volume(|image| {
        let raw = raw(image);
        change(raw);
        raw.seal();
    })
}

fn ino(volume: &Volume, number: u32) -> InodeNr {
    volume.geometry().inode(number).unwrap()
}

fn block(volume: &Volume, nr: u64) -> BlockNr {
    volume.geometry().block(nr).unwrap()
}

/// Makes inode `number` one in use: `mode` and flags, then what `change` makes of it.
fn make(changes: &mut Changes<'_>, number: u32, mode: u16, change: impl FnOnce(&mut RawInode)) {
    let ino = ino(changes.volume(), number);
    changes.mark_inode(ino, Mark::Used, mode >> 12 == 4).unwrap();
    let written = changes.change_inode(ino, |slot| {
        slot.fill(0);
        slot[128] = 32;
        let raw = RawInode::from_slot_mut(slot).unwrap();
        raw.mode.set(mode);
        change(raw);
    });
    written.unwrap();
}

/// Makes inode `number` a file of `len` blocks from `start`, which are in use.
fn file(changes: &mut Changes<'_>, number: u32, links: u16, (start, len): (u64, u16)) {
    make(changes, number, 0o100_644, |raw| {
        raw.links_count.set(links);
        raw.flags.set(InodeFlags::EXTENTS.bits());
        raw.size_lo.set(u32::from(len) * 1024);
        raw.blocks_lo.set(u32::from(len) * 2);
    });
    let nr = block(changes.volume(), start);
    changes.mark_blocks(nr, len.into(), Mark::Used).unwrap();
    let ino = ino(changes.volume(), number);
    changes
        .change_inode(ino, |slot| map_bytes_mut(slot).copy_from_slice(&map(start, len)))
        .unwrap();
}

/// An extent tree of one extent.
fn map(start: u64, len: u16) -> Vec<u8> {
    let mut map = [0xf30a_u16, 1, 4, 0, 0, 0, 0, 0, len, 0].map(u16::to_le_bytes).concat();
    map.extend(u32::try_from(start).unwrap().to_le_bytes());
    map.resize(60, 0);
    map
}

/// Puts the numbers on the list, each pointing to the next, the last to `end`.
fn link(changes: &mut Changes<'_>, numbers: &[u32], end: u32) {
    changes.change_superblock(|raw| raw.last_orphan.set(numbers[0])).unwrap();
    for (n, number) in numbers.iter().enumerate() {
        set_dtime(changes, *number, numbers.get(n + 1).copied().unwrap_or(end));
    }
}

fn set_dtime(changes: &mut Changes<'_>, number: u32, value: u32) {
    let ino = ino(changes.volume(), number);
    let set = |slot: &mut [u8]| RawInode::from_slot_mut(slot).unwrap().dtime.set(value);
    changes.change_inode(ino, set).unwrap();
}

fn finish(changes: &mut Changes<'_>) -> OrphanReport {
    let report = finish_orphans(changes, NOW).unwrap();
    assert_eq!(changes.superblock().unwrap().last_orphan.get(), 0);
    let errors = changes.superblock().unwrap().state.get() & state::ERRORS != 0;
    assert_eq!(errors, !report.skipped.is_empty() || report.ignored);
    // Again there is nothing to do.
    let mut again = Changes::new(changes.volume());
    let second = finish_orphans(&mut again, NOW).unwrap();
    assert_eq!((again.changed().len(), second.deleted, second.truncated), (0, 0, 0));
    report
}

fn bad_inode(number: u32) -> Corrupt {
    let at = Place { inode: Some(number), ..Place::default() };
    Corrupt::new(CorruptKind::OrphanInode, at)
}

fn slot(changes: &Changes<'_>, number: u32) -> RawInode {
    let volume = changes.volume();
    let (nr, offset) = volume.inode_location(ino(volume, number), IoFlags::NONE).unwrap();
    let mut bytes = changes.block(nr).unwrap().bytes()[offset..offset + 256].to_vec();
    RawInode::from_slot_mut(&mut bytes).unwrap().clone()
}

fn free_clusters(changes: &Changes<'_>, group: u32) -> u32 {
    let group = changes.volume().geometry().group(group).unwrap();
    changes.volume().group_desc(group, IoFlags::NONE).unwrap().free_clusters
}

#[test]
fn the_list_is_deleted_and_truncated() {
    let volume = volume(|_| ());
    let mut changes = Changes::new(&volume);
    let before = free_clusters(&changes, 2);
    file(&mut changes, 12, 0, (DATA, 10));
    file(&mut changes, 13, 2, (DATA + 20, 10));
    make(&mut changes, 14, 0o040_755, |raw| raw.flags.set(0));
    changes
        .change_inode(ino(&volume, 13), |slot| {
            RawInode::from_slot_mut(slot).unwrap().size_lo.set(3 * 1024 + 1);
        })
        .unwrap();
    link(&mut changes, &[14, 12, 13], 0);
    let report = finish(&mut changes);
    assert_eq!(report, OrphanReport { deleted: 2, truncated: 1, ..OrphanReport::default() });
    assert_eq!(free_clusters(&changes, 2), before - 4);
    for number in [12, 14] {
        assert!(!changes.inode_in_use(ino(&volume, number)).unwrap());
        let raw = slot(&changes, number);
        assert_eq!(
            (raw.dtime.get(), raw.size_lo.get(), raw.blocks_lo.get()),
            (1_700_000_000, 0, 0)
        );
        assert_ne!(raw.mode.get(), 0);
    }
    let kept = slot(&changes, 13);
    assert_eq!((kept.dtime.get(), kept.size_lo.get(), kept.blocks_lo.get()), (0, 3073, 8));
    let group = volume.geometry().group(0).unwrap();
    assert_eq!(volume.group_desc(group, IoFlags::NONE).unwrap().used_dirs, 0);
    changes.finish().unwrap();
    assert_eq!(changes.superblock().unwrap().free_inodes.get(), 4 * INODES - 1);
}

#[test]
fn row_49_a_list_that_comes_back_to_itself_ends() {
    for (links, loops) in [(0, vec![12, 13, 14]), (1, vec![12, 13]), (0, vec![12]), (1, vec![12])] {
        let volume = volume(|_| ());
        let mut changes = Changes::new(&volume);
        for (n, number) in loops.iter().enumerate() {
            file(&mut changes, *number, links, (DATA + 10 * n as u64, 2));
        }
        link(&mut changes, &loops, loops[0]);
        let report = finish(&mut changes);
        assert_eq!(report.skipped, [bad_inode(12)], "{links} {loops:?}");
        assert_eq!((report.deleted + report.truncated) as usize, loops.len());
    }
}

#[test]
fn row_49_numbers_that_are_no_orphans_are_skipped() {
    let inodes = 4 * INODES;
    for number in [1, 2, 5, 7, 8, 10, inodes, inodes + 1, u32::MAX, 20, 21, 22, 23] {
        let volume = volume(|raw| raw.journal_inum.set(23));
        let mut changes = Changes::new(&volume);
        make(&mut changes, 20, 0o010_644, |raw| raw.links_count.set(1));
        make(&mut changes, 2, 0o040_755, |_| ());
        // A socket without links may be deleted; one that has them is no orphan. 21 is free, 22
        // has no type.
        make(&mut changes, 22, 0o070_644, |_| ());
        file(&mut changes, 23, 0, (DATA, 4));
        changes.change_superblock(|raw| raw.last_orphan.set(number)).unwrap();
        let mut work = Changes::new(&volume);
        let report = finish(&mut work);
        if number == 22 {
            assert_eq!(report.skipped[0].kind, CorruptKind::InodeMode);
        } else {
            assert_eq!(report.skipped, [bad_inode(number)]);
        }
        assert_eq!((report.deleted, report.truncated), (0, 0));
        assert_eq!(work.changed().collect::<Vec<_>>(), [volume.superblock_block()], "{number}");
    }
}

#[test]
fn row_49_what_follows_a_bad_link_is_lost_and_what_is_before_is_not() {
    let volume = volume(|_| ());
    let mut changes = Changes::new(&volume);
    for (n, number) in [12, 13, 14].into_iter().enumerate() {
        file(&mut changes, number, 0, (DATA + 10 * n as u64, 2));
    }
    link(&mut changes, &[12, 13], 1_600_000_000);
    let report = finish(&mut changes);
    assert_eq!((report.deleted, &report.skipped[..]), (1, &[bad_inode(13)][..]));
    assert!(changes.inode_in_use(ino(&volume, 13)).unwrap());
}

#[test]
fn an_orphan_with_a_bad_map_is_noted_and_the_next_is_treated() {
    let volume = volume(|_| ());
    let mut changes = Changes::new(&volume);
    file(&mut changes, 12, 0, (DATA, 2));
    file(&mut changes, 13, 0, (DATA + 10, 2));
    // The inode table of group 0.
    let bad = map(KIND.meta(0).into(), 8);
    changes
        .change_inode(ino(&volume, 12), |slot| map_bytes_mut(slot).copy_from_slice(&bad))
        .unwrap();
    link(&mut changes, &[12, 13], 0);
    let report = finish(&mut changes);
    assert_eq!((report.deleted, report.skipped.len()), (1, 1));
    assert_eq!(report.skipped[0].kind, CorruptKind::MapSystemZone);
    assert!(!changes.inode_in_use(ino(&volume, 13)).unwrap());
    assert!(changes.inode_in_use(ino(&volume, 12)).unwrap());
}

#[test]
fn with_errors_noted_only_the_list_is_forgotten() {
    let volume = volume(|raw| raw.state.set(state::VALID | state::ERRORS));
    let mut changes = Changes::new(&volume);
    file(&mut changes, 12, 0, (DATA, 2));
    link(&mut changes, &[12], 0);
    assert!(refuse_quota(&changes).is_ok());
    let mut work = Changes::new(&volume);
    let report = finish(&mut work);
    assert!(report.ignored && report.deleted == 0);
    assert_eq!(work.changed().len(), 1);
    assert!(work.inode_in_use(ino(&volume, 12)).unwrap());
}

#[test]
fn quota_is_refused_where_there_are_orphans() {
    let volume = volume(|raw| {
        let features = raw.feature_ro_compat.get();
        raw.feature_ro_compat.set(features | RoCompat::QUOTA.bits());
    });
    let mut changes = Changes::new(&volume);
    refuse_quota(&changes).unwrap();
    file(&mut changes, 12, 0, (DATA, 2));
    link(&mut changes, &[12], 0);
    let refused = refuse_quota(&changes);
    assert!(matches!(refused, Err(Error::Unsupported { features }) if features == ["quota"]));
}

/// A volume with an orphan file of four blocks: entries in blocks 0 and 2, and the rest after
/// `change`, which gets the contents.
fn with_file(change: impl FnOnce(&mut RawSuperblock, &mut [Vec<u8>; 4])) -> Volume {
    let volume = volume(|raw| {
        raw.feature_compat.set(raw.feature_compat.get() | Compat::ORPHAN_FILE.bits());
        let features = raw.feature_ro_compat.get() | RoCompat::ORPHAN_PRESENT.bits();
        raw.feature_ro_compat.set(features);
        raw.orphan_file_inum.set(11);
    });
    let mut changes = Changes::new(&volume);
    file(&mut changes, 11, 1, (DATA + 500, 4));
    for number in 12..16 {
        file(&mut changes, number, 0, (DATA + 10 * u64::from(number), 2));
    }
    let seed = changes.inode(ino(&volume, 11)).unwrap().seed;
    let numbers: [&[u32]; 4] = [&[0, 12, 0, 13], &[], &[14, 15], &[]];
    let nr = |n: usize| block(&volume, DATA + 500 + n as u64);
    let mut blocks: [Vec<u8>; 4] = std::array::from_fn(|n| slots(numbers[n], seed, nr(n)));
    changes.change_superblock(|raw| change(raw, &mut blocks)).unwrap();
    for (n, bytes) in blocks.iter().enumerate() {
        changes.create(nr(n), |block| block.copy_from_slice(bytes)).unwrap();
    }
    drop(changes);
    volume
}

/// A block of the orphan file.
fn slots(numbers: &[u32], seed: InodeSeed, nr: BlockNr) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK];
    write_empty_block(&mut bytes, seed, nr, true);
    for (slot, number) in bytes.chunks_mut(4).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    let message = [&nr.get().to_le_bytes()[..], &bytes[..BLOCK - 8]].concat();
    let sum = seed.sum(&message);
    bytes[BLOCK - 4..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Whether the superblock says that there may be orphans in the file.
fn is_present(changes: &Changes<'_>) -> bool {
    let features = RoCompat::from_bits(changes.superblock().unwrap().feature_ro_compat.get());
    features.contains(RoCompat::ORPHAN_PRESENT)
}

#[test]
fn the_orphan_file_is_treated_and_emptied() {
    let volume = with_file(|_, _| ());
    let mut changes = Changes::new(&volume);
    assert!(is_present(&changes));
    let report = finish(&mut changes);
    assert_eq!(report, OrphanReport { deleted: 4, ..OrphanReport::default() });
    assert!(!is_present(&changes));
    let mut damage = Vec::new();
    assert!(OrphanFile::read(&changes, &mut damage).unwrap().is_empty());
    assert_eq!(damage, []);
}

#[test]
fn row_50_a_bad_block_is_damage_of_that_block() {
    for (byte, kind) in
        [(BLOCK - 8, CorruptKind::OrphanFileBlock), (4, CorruptKind::OrphanFileChecksum)]
    {
        let volume = with_file(|_, blocks| blocks[0][byte] ^= 1);
        let mut changes = Changes::new(&volume);
        let report = finish(&mut changes);
        assert_eq!((report.deleted, report.skipped.len()), (2, 1));
        assert_eq!(report.skipped[0].kind, kind);
        assert_eq!(report.skipped[0].at.block, Some(DATA + 500));
        assert!(is_present(&changes), "someone has to look at it");
        assert!(changes.inode_in_use(ino(&volume, 12)).unwrap());
    }
}

#[test]
fn row_50_bad_entries_are_skipped_one_by_one() {
    let volume = with_file(|_, _| ());
    let mut changes = Changes::new(&volume);
    // 13 twice, 15 is free, one out of range, the orphan file itself.
    changes.mark_inode(ino(&volume, 15), Mark::Free, false).unwrap();
    let seed = changes.inode(ino(&volume, 11)).unwrap().seed;
    let nr = block(&volume, DATA + 501);
    let bytes = slots(&[13, 14, 4 * INODES + 1, 11], seed, nr);
    changes.create(nr, |block| block.copy_from_slice(&bytes)).unwrap();
    let report = finish(&mut changes);
    let numbers: Vec<_> = report.skipped.iter().map(|corrupt| corrupt.at.inode.unwrap()).collect();
    assert_eq!((report.deleted, numbers), (3, vec![13, 4 * INODES + 1, 11, 14, 15]));
    assert!(report.skipped.iter().all(|corrupt| corrupt.kind == CorruptKind::OrphanInode));
    assert!(!is_present(&changes), "the file itself is good");
}

#[test]
fn row_50_a_huge_file_is_read_as_far_as_it_is_of_use() {
    let volume = with_file(|_, _| ());
    let mut changes = Changes::new(&volume);
    changes
        .change_inode(ino(&volume, 11), |slot| {
            RawInode::from_slot_mut(slot).unwrap().size_hi.set(0x3ff);
        })
        .unwrap();
    let report = finish(&mut changes);
    let kinds: Vec<_> = report.skipped.iter().map(|corrupt| corrupt.kind).collect();
    assert_eq!(kinds, [CorruptKind::InodeSizeField, CorruptKind::OrphanFileBlock], "and a hole");
    assert_eq!(report.deleted, 4);
}

#[test]
fn row_50_an_inode_that_is_no_orphan_file_is_damage() {
    for change in [
        (|raw, _| raw.mode.set(0o040_755)) as fn(&mut RawInode, u32),
        |raw, _| raw.links_count.set(0),
        |raw, _| raw.mode.set(0o070_000),
    ] {
        let volume = with_file(|raw, _| raw.last_orphan.set(12));
        let mut changes = Changes::new(&volume);
        changes
            .change_inode(ino(&volume, 11), |slot| {
                change(RawInode::from_slot_mut(slot).unwrap(), 0);
            })
            .unwrap();
        let report = finish(&mut changes);
        assert_eq!((report.deleted, report.skipped.len()), (1, 1), "the list goes on");
        assert!(is_present(&changes));
    }
    for number in [0, 7, 4 * INODES + 1] {
        let volume = with_file(|raw, _| raw.orphan_file_inum.set(number));
        let again = crate::changes::testing::open(extant_sync::Arc::clone(volume.device()));
        let mut changes = Changes::new(&again);
        let report = finish(&mut changes);
        assert_eq!((report.deleted, report.skipped.len()), (0, 1), "{number}");
    }
}

#[test]
fn the_listed_are_those_of_list_and_file() {
    let volume = with_file(|_, _| ());
    let mut changes = Changes::new(&volume);
    file(&mut changes, 20, 0, (DATA, 1));
    file(&mut changes, 21, 1, (DATA + 1, 1));
    for end in [0, 20, 4 * INODES + 1] {
        link(&mut changes, &[20, 21], end);
        let listed = listed(&changes).unwrap();
        assert_eq!(listed.list, HashSet::from([20, 21]), "{end}");
        assert_eq!(listed.file, HashSet::from([12, 13, 14, 15]));
        let of = |number| listed.contains(ino(&volume, number));
        assert!(of(12) && of(20) && !of(11));
        assert_eq!(stored_dtime(&changes, ino(&volume, 21)).unwrap(), end);
    }
}

mod attributes;
