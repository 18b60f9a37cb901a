//! Bitmaps, descriptors and counts against a model that is a list of booleans.

use extant_block::IoFlags;
use extant_format::bitmap::Bits;
use extant_format::{Corrupt, CorruptKind, GroupFlags, RoCompat};
use extant_sync::Arc;

use super::testing::{BLOCK, GROUPS, INODES, KINDS, Kind, open};
use super::*;
use crate::Error;

const CSUM: Kind = KINDS[0];
const UNINIT: Kind = KINDS[3];

fn kind_of<T>(result: Result<T>) -> CorruptKind {
    match result {
        Err(Error::Corrupt(corrupt)) => corrupt.kind,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("no error"),
    }
}

/// The bits of a group's block bitmap, where it was ever stored, with its checksum checked.
fn stored_bits(changes: &Changes<'_>, n: u32) -> Option<Vec<bool>> {
    let group = changes.volume().geometry().group(n).unwrap();
    let desc = changes.desc(group).unwrap();
    if desc.flags.contains(GroupFlags::BLOCK_UNINIT) {
        return None;
    }
    let bytes = changes.block_bitmap(group, &desc).unwrap();
    let bits = Bits::new(&bytes, u32::try_from(BLOCK * 8).unwrap()).unwrap();
    Some((0..bits.len()).map(|bit| bits.get(bit).unwrap()).collect())
}

/// Everything that the image says of free space agrees with `model`, which has the used clusters.
fn check(changes: &Changes<'_>, kind: Kind, model: &[bool]) {
    for n in 0..GROUPS {
        let range = kind.group(n);
        let used = &model[range.start as usize..range.end as usize];
        let free = used.iter().filter(|used| !**used).count();
        let group = changes.volume().geometry().group(n).unwrap();
        assert_eq!(changes.desc(group).unwrap().free_clusters as usize, free, "{kind:?} group {n}");
        if let Some(bits) = stored_bits(changes, n) {
            assert_eq!(&bits[..used.len()], used, "{kind:?} group {n}");
            assert!(bits[used.len()..].iter().all(|bit| *bit), "{kind:?}: padding of group {n}");
        }
    }
}

fn metadata(kind: Kind) -> Vec<bool> {
    (0..kind.clusters()).map(|cluster| kind.is_metadata_cluster(cluster)).collect()
}

/// The blocks of the file system in use as another opening adds them up.
fn reopened_totals(volume: &Volume) -> (u64, u32, u64) {
    let again = open(Arc::clone(volume.device()));
    let raw = again.superblock().raw();
    assert_eq!(again.damage().1, 0, "{:?}", again.damage());
    let free = again.free.clusters << again.geometry().cluster_ratio_bits();
    assert_eq!((again.superblock().free_blocks(), raw.free_inodes.get()), {
        (free, u32::try_from(again.free.inodes).unwrap())
    });
    (free, raw.free_inodes.get(), again.statfs().blocks_free)
}

#[test]
fn marking_agrees_with_a_model_for_all_kinds() {
    for kind in KINDS {
        let volume = kind.volume(|_| ());
        let mut changes = Changes::new(&volume);
        let mut model = metadata(kind);
        check(&changes, kind, &model);
        let mut random = 12345_u64;
        for round in 0..300_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            let block = u32::try_from(random >> 33).unwrap() % (GROUPS * 1024 - 400) + kind.first();
            let len = if round % 7 == 0 { 1500 } else { 1 + block % 77 };
            let mark = if random >> 32 & 1 == 0 { Mark::Used } else { Mark::Free };
            let offset = block - kind.first();
            let last = (offset + len - 1).min(GROUPS * 1024 - 129);
            let clusters = (offset >> kind.ratio)..=(last >> kind.ratio);
            let start = volume.geometry().block(block.into()).unwrap();
            let result = changes.mark_blocks(start, (last - offset + 1).into(), mark);
            let metadata = clusters.clone().any(|cluster| kind.is_metadata_cluster(cluster));
            if mark == Mark::Free && metadata {
                assert_eq!(kind_of(result), CorruptKind::MapSystemZone);
            } else {
                result.unwrap();
                clusters.for_each(|cluster| model[cluster as usize] = mark == Mark::Used);
            }
            if round % 10 == 0 {
                check(&changes, kind, &model);
            }
        }
        check(&changes, kind, &model);
        assert!((0..GROUPS).all(|n| stored_bits(&changes, n).is_some()), "all groups were used");
        changes.finish().unwrap();
        let free = model.iter().filter(|used| !**used).count() as u64;
        let (blocks, inodes, statfs) = reopened_totals(&volume);
        assert_eq!((blocks, inodes), (free << kind.ratio, INODES * GROUPS), "{kind:?}");
        assert_eq!(statfs, blocks);
    }
}

#[test]
fn marking_twice_changes_nothing_more() {
    let volume = CSUM.volume(|_| ());
    let block = volume.geometry().block(2500).unwrap();
    let mut changes = Changes::new(&volume);
    changes.mark_blocks(block, 10, Mark::Free).unwrap();
    changes.mark_blocks(block, 0, Mark::Used).unwrap();
    assert_eq!(changes.changed().len(), 0, "free already");
    changes.mark_blocks(block, 10, Mark::Used).unwrap();
    let mut again = Changes::new(&volume);
    again.mark_blocks(block, 10, Mark::Used).unwrap();
    assert_eq!((changes.changed().len(), again.changed().len()), (2, 0));
}

#[test]
fn blocks_outside_are_refused() {
    let volume = CSUM.volume(|_| ());
    let mut changes = Changes::new(&volume);
    let block = |n| volume.geometry().block(n).unwrap();
    let end = volume.geometry().blocks_count();
    for (start, len) in [(0, 1), (end - 1, 2), (5, u64::MAX), (5, u64::MAX - 5)] {
        for mark in [Mark::Used, Mark::Free] {
            let result = changes.mark_blocks(block(start), len, mark);
            assert_eq!(kind_of(result), CorruptKind::ExtentPhysicalRange, "{start}+{len}");
        }
    }
    assert_eq!(changes.changed().len(), 0);
}

/// Stores the bitmap of each group, then breaks that of group `n`.
fn with_bad_bitmap(kind: Kind, n: u32) -> Volume {
    let volume = kind.volume(|_| ());
    let mut changes = Changes::new(&volume);
    for group in 0..GROUPS {
        let block = u64::from(kind.first() + group * 1024 + 700);
        changes.mark_blocks(volume.geometry().block(block).unwrap(), 1, Mark::Used).unwrap();
    }
    let bitmap = changes.desc(volume.geometry().group(n).unwrap()).unwrap().block_bitmap;
    changes.change(bitmap, |bytes| bytes[99] ^= 1).unwrap();
    drop(changes);
    volume
}

#[test]
fn a_bad_bitmap_is_an_error_of_its_group_and_others_are_used() {
    let volume = with_bad_bitmap(CSUM, 1);
    let mut changes = Changes::new(&volume);
    let block = |n| volume.geometry().block(n).unwrap();
    for (start, len) in [(1025 + 500, 1), (600, 1024), (600, 2048)] {
        let result = changes.mark_blocks(block(start), len, Mark::Used);
        assert_eq!(kind_of(result), CorruptKind::BlockBitmapChecksum);
        assert_eq!(changes.changed().len(), 0, "nothing in the groups beside");
    }
    changes.mark_blocks(block(2049 + 500), 1, Mark::Used).unwrap();
    let mut taken = 0;
    loop {
        match changes.allocate_block(block(1025 + 500)) {
            Ok(nr) => assert!(!(1025..2049).contains(&nr.get()), "{nr}"),
            Err(Error::NoSpace) => break,
            Err(other) => panic!("{other}"),
        }
        taken += 1;
    }
    let free = [0, 2, 3].map(|n| CSUM.free(n)).iter().sum::<u32>();
    assert_eq!(taken, free - 3 - 1);
}

#[test]
fn a_damaged_descriptor_is_an_error_of_its_group_and_others_are_used() {
    let volume = CSUM.volume(|image| image[2 * BLOCK + 2 * 64 + 0xc] ^= 1);
    let mut changes = Changes::new(&volume);
    let block = |n| volume.geometry().block(n).unwrap();
    let result = changes.mark_blocks(block(2049 + 9), 1, Mark::Used);
    assert_eq!(kind_of(result), CorruptKind::GroupChecksum);
    let nr = changes.allocate_block(block(2049 + 9)).unwrap();
    assert!(nr.get() >= 3073, "the group behind: {nr}");
    let ino = volume.geometry().inode(2 * INODES + 5).unwrap();
    let result = changes.mark_inode(ino, Mark::Used, false);
    assert_eq!(kind_of(result), CorruptKind::GroupChecksum);
}

#[test]
fn allocation_takes_every_free_cluster_once_and_nothing_else() {
    for kind in KINDS {
        let volume = kind.volume(|_| ());
        let mut changes = Changes::new(&volume);
        let mut model = metadata(kind);
        let block = |n: u32| volume.geometry().block(n.into()).unwrap();
        // Not at the bounds of clusters.
        let aside = [(500, 90), (900, 61), (3333, 1)];
        for (start, len) in aside {
            changes.set_aside(block(start), len);
        }
        let is_aside = |first: u32| {
            let end = first + (1 << kind.ratio);
            aside.iter().any(|&(s, len)| first < s + u32::try_from(len).unwrap() && s < end)
        };
        loop {
            let nr = match changes.allocate_block(block(1500)) {
                Ok(nr) => u32::try_from(nr.get()).unwrap(),
                Err(Error::NoSpace) => break,
                Err(other) => panic!("{other}"),
            };
            let offset = nr - kind.first();
            assert_eq!(offset % (1 << kind.ratio), 0, "{kind:?}: the first block of a cluster");
            assert!(!is_aside(nr), "{kind:?} {nr}");
            let cluster = (offset >> kind.ratio) as usize;
            assert!(!std::mem::replace(&mut model[cluster], true), "{kind:?}: {nr} twice");
        }
        for (cluster, used) in model.iter().enumerate() {
            let first = kind.first() + (u32::try_from(cluster).unwrap() << kind.ratio);
            assert!(*used != is_aside(first), "{kind:?} {first}");
        }
        check(&changes, kind, &model);
        // What is freed is found again.
        changes.mark_blocks(block(2500), 1, Mark::Free).unwrap();
        let again = changes.allocate_block(block(100)).unwrap();
        let first = u32::try_from(again.get()).unwrap();
        assert!((first..first + (1 << kind.ratio)).contains(&2500), "{kind:?} {again}");
    }
}

#[test]
fn allocation_starts_at_its_goal() {
    for kind in KINDS {
        let volume = kind.volume(|_| ());
        let mut changes = Changes::new(&volume);
        let goal = u64::from(kind.first()) + 1024 + 512;
        let block = |n| volume.geometry().block(n).unwrap();
        assert_eq!(changes.allocate_block(block(goal)).unwrap().get(), goal);
        let next = changes.allocate_block(block(goal)).unwrap().get();
        assert_eq!(next, goal + (1 << kind.ratio));
        let end = u64::from(kind.first()) + 2048 - (1 << kind.ratio);
        assert_eq!(changes.allocate_block(block(end)).unwrap().get(), end);
        let wrapped = changes.allocate_block(block(end)).unwrap().get();
        assert!(wrapped < goal && wrapped > u64::from(kind.first()) + 1024, "{kind:?} {wrapped}");
    }
}

#[test]
fn a_bitmap_with_metadata_free_is_not_allocated_from() {
    let kind = KINDS[4];
    let table = kind.meta(3) + 2;
    let volume = kind.volume(|image| {
        let bit = (table - 1 - 3 * 1024) as usize;
        let bitmap = kind.meta(3) as usize * BLOCK;
        // Everything before it is in use, it is free.
        image[bitmap..bitmap + bit / 8].fill(0xff);
        image[bitmap + bit / 8] = !(1 << (bit % 8));
    });
    let mut changes = Changes::new(&volume);
    let goal = volume.geometry().block(3 * 1024 + 10).unwrap();
    assert!(changes.allocate_block(goal).unwrap().get() < 3 * 1024);
}

/// Bytes of the inode table of group `n`.
fn table(changes: &Changes<'_>, n: u32) -> Vec<u8> {
    let group = changes.volume().geometry().group(n).unwrap();
    let start = changes.desc(group).unwrap().inode_table.get();
    let blocks = start..start + u64::from(INODES / 4);
    let read = |nr| changes.block(changes.volume().geometry().block(nr).unwrap()).unwrap();
    blocks.flat_map(|nr| read(nr).bytes().to_vec()).collect()
}

#[test]
fn the_first_inode_of_a_group_initialises_it() {
    for kind in [CSUM, KINDS[1], KINDS[2], UNINIT] {
        let volume = kind.volume(|_| ());
        let mut changes = Changes::new(&volume);
        let group = volume.geometry().group(1).unwrap();
        let ino = |index: u32| volume.geometry().inode(INODES + index + 1).unwrap();
        assert!(!changes.inode_in_use(ino(9)).unwrap());
        changes.mark_inode(ino(9), Mark::Used, true).unwrap();
        let desc = changes.desc(group).unwrap();
        assert_eq!(desc.flags.bits(), 0, "{kind:?}");
        let counts = (desc.free_inodes, desc.used_dirs, desc.unused_inodes, desc.free_clusters);
        assert_eq!(counts, (INODES - 1, 1, INODES - 10, kind.free(1)), "{kind:?}");
        assert!(changes.inode_in_use(ino(9)).unwrap() && !changes.inode_in_use(ino(8)).unwrap());
        assert!(stored_bits(&changes, 1).is_some());
        let bytes = table(&changes, 1);
        assert!(bytes[..10 * 256].iter().all(|byte| *byte == 0), "{kind:?}");
        assert!(bytes[10 * 256..].iter().all(|byte| *byte == 0xa5), "{kind:?}");

        // One before it, which was zeroed, may have been written by now.
        changes.change_inode(ino(8), |slot| slot.fill(7)).unwrap();
        changes.mark_inode(ino(4), Mark::Used, false).unwrap();
        changes.mark_inode(ino(4), Mark::Used, true).unwrap();
        changes.mark_inode(ino(13), Mark::Used, false).unwrap();
        let bytes = table(&changes, 1);
        assert!(bytes[8 * 256 + 200..9 * 256].iter().all(|byte| *byte == 7));
        assert!(bytes[10 * 256..14 * 256].iter().all(|byte| *byte == 0));
        assert!(bytes[14 * 256..].iter().all(|byte| *byte == 0xa5));
        let desc = changes.desc(group).unwrap();
        let counts = (desc.free_inodes, desc.used_dirs, desc.unused_inodes);
        assert_eq!(counts, (INODES - 3, 1, INODES - 14), "{kind:?}");

        changes.mark_inode(ino(9), Mark::Free, true).unwrap();
        changes.mark_inode(ino(9), Mark::Free, true).unwrap();
        let desc = changes.desc(group).unwrap();
        let counts = (desc.free_inodes, desc.used_dirs, desc.unused_inodes);
        assert_eq!(counts, (INODES - 2, 0, INODES - 14), "{kind:?}");
        changes.finish().unwrap();
        assert_eq!(reopened_totals(&volume).1, INODES * GROUPS - 2);
    }
}

#[test]
fn a_zeroed_table_is_not_zeroed_again() {
    let volume = CSUM.volume(|_| ());
    let mut changes = Changes::new(&volume);
    let group = volume.geometry().group(2).unwrap();
    let (index, offset) = volume.geometry().desc_index(group);
    let nr = volume.geometry().desc_block(index, volume.superblock_block()).unwrap();
    changes.change(nr, |block| block[offset + 0x12] |= 4).unwrap();
    let sum = extant_format::group::descriptor_checksum;
    let superblock = volume.superblock();
    changes
        .change(nr, |block| {
            let sum = sum(&block[offset..offset + 64], group, superblock);
            block[offset + 0x1e..offset + 0x20].copy_from_slice(&sum.to_le_bytes());
        })
        .unwrap();
    let ino = volume.geometry().inode(2 * INODES + 20).unwrap();
    changes.mark_inode(ino, Mark::Used, false).unwrap();
    assert!(table(&changes, 2).iter().all(|byte| *byte == 0xa5));
    assert_eq!(changes.desc(group).unwrap().flags, GroupFlags::INODE_ZEROED);
    assert_eq!(changes.desc(group).unwrap().unused_inodes, INODES - 20);
}

#[test]
fn without_checksums_tables_and_unused_counts_are_left_alone() {
    let kind = KINDS[4];
    assert_eq!(kind.ro, RoCompat::from_bits(0));
    let volume = kind.volume(|_| ());
    let mut changes = Changes::new(&volume);
    let ino = volume.geometry().inode(20).unwrap();
    changes.mark_inode(ino, Mark::Used, true).unwrap();
    let desc = changes.desc(volume.geometry().group(0).unwrap()).unwrap();
    assert_eq!((desc.free_inodes, desc.used_dirs, desc.flags.bits()), (INODES - 1, 1, 0));
    assert!(table(&changes, 0).iter().all(|byte| *byte == 0xa5));
}

#[test]
fn a_changed_inode_has_its_checksum() {
    let volume = CSUM.volume(|_| ());
    let mut changes = Changes::new(&volume);
    let ino = volume.geometry().inode(12).unwrap();
    changes.mark_inode(ino, Mark::Used, false).unwrap();
    changes
        .change_inode(ino, |slot| {
            slot[..2].copy_from_slice(&0o100_644_u16.to_le_bytes());
            slot[0x1a] = 1;
            slot[128] = 32;
        })
        .unwrap();
    assert_eq!(changes.inode(ino).unwrap().links, 1);
    let (nr, offset) = volume.inode_location(ino, IoFlags::NONE).unwrap();
    changes.change(nr, |block| block[offset + 0x64] ^= 1).unwrap();
    assert_eq!(kind_of(changes.inode(ino)), CorruptKind::InodeChecksum);
}

#[test]
fn totals_that_are_right_are_not_written() {
    let volume = CSUM.volume(|_| ());
    let mut changes = Changes::new(&volume);
    changes.finish().unwrap();
    assert_eq!(changes.changed().collect::<Vec<_>>(), [volume.superblock_block()], "they were 0");
    let mut again = Changes::new(&volume);
    again.finish().unwrap();
    assert_eq!(again.changed().len(), 0);
    let kept: Option<Corrupt> = volume.damage().0.iter().find(|c| c.at.group.is_some()).copied();
    assert_eq!(kept, None);
}
