//! Orphans with attributes: shared blocks, and values in inodes of their own.

use extant_format::xattr::{EaInode, MAGIC, set_block_refcount};

use super::*;

/// A volume that has the feature `ea_inode`.
fn ea_volume() -> Volume {
    volume(|raw| {
        raw.feature_incompat.set(raw.feature_incompat.get() | Incompat::EA_INODE.bits());
    })
}

/// An entry `user.a` whose value of 2,000 bytes is in inode `number`.
fn entry(number: u32, hash: u32) -> Vec<u8> {
    let mut entry = vec![1, 1, 0, 0];
    for word in [number, 2000, hash] {
        entry.extend(word.to_le_bytes());
    }
    entry.extend(b"a\0\0\0");
    entry
}

/// Gives inode `number` attributes in itself.
fn set_attributes(changes: &mut Changes<'_>, number: u32, entries: &[Vec<u8>]) {
    let ino = ino(changes.volume(), number);
    let written = changes.change_inode(ino, |slot| {
        let area = [&MAGIC.to_le_bytes()[..], &entries.concat()].concat();
        slot[160..160 + area.len()].copy_from_slice(&area);
    });
    written.unwrap();
}

/// Makes inode `number` a value with `refcount` references and hash `hash`.
fn value(changes: &mut Changes<'_>, number: u32, refcount: u64, hash: u32) {
    file(changes, number, 1, (DATA + 10 * u64::from(number), 2));
    let ino = ino(changes.volume(), number);
    let written = changes.change_inode(ino, |slot| {
        let raw = RawInode::from_slot_mut(slot).unwrap();
        raw.flags.set(InodeFlags::EXTENTS.union(InodeFlags::EA_INODE).bits());
        raw.size_lo.set(2000);
        raw.atime.set(hash);
        EaInode::set_refcount(raw, refcount);
    });
    written.unwrap();
}

/// Gives inode `number` the attribute block `nr`, which holds `entries`.
fn set_block(
    changes: &mut Changes<'_>,
    number: u32,
    (nr, refcount): (u64, u32),
    entries: &[Vec<u8>],
) {
    let (ino, block) = (ino(changes.volume(), number), block(changes.volume(), nr));
    changes.mark_blocks(block, 1, Mark::Used).unwrap();
    let seed = changes.volume().superblock().seed();
    let written = changes.create(block, |bytes| {
        let header = [MAGIC, refcount, 1, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
        let content = [header, entries.concat()].concat();
        bytes[..content.len()].copy_from_slice(&content);
        set_block_refcount(bytes, block, Some(seed), refcount);
    });
    written.unwrap();
    let set = changes.change_inode(ino, |slot| {
        let raw = RawInode::from_slot_mut(slot).unwrap();
        raw.file_acl_lo.set(u32::try_from(nr).unwrap());
    });
    set.unwrap();
}

#[test]
fn a_shared_attribute_block_goes_with_its_last_inode() {
    let volume = ea_volume();
    let mut changes = Changes::new(&volume);
    let before = free_clusters(&changes, 2);
    value(&mut changes, 20, 1, 77);
    for number in [12, 13] {
        file(&mut changes, number, 0, (DATA + u64::from(number), 1));
        set_block(&mut changes, number, (DATA + 5, 2), &[entry(20, 77)]);
    }
    link(&mut changes, &[12], 0);
    assert_eq!(finish(&mut changes).deleted, 1);
    let inode = changes.inode(ino(&volume, 13)).unwrap();
    let (nr, bytes) = volume.xattr_block(&inode, IoFlags::NONE).unwrap().unwrap();
    assert_eq!((nr.get(), bytes.bytes()[4]), (DATA + 5, 1), "one reference is left");
    assert!(changes.inode_in_use(ino(&volume, 20)).unwrap(), "the block still has the value");
    assert_eq!(slot(&changes, 12).file_acl_lo.get(), 0);

    link(&mut changes, &[13], 0);
    assert_eq!(finish(&mut changes), OrphanReport { deleted: 1, ..OrphanReport::default() });
    assert!(!changes.inode_in_use(ino(&volume, 20)).unwrap());
    assert_eq!(free_clusters(&changes, 2), before);
}

#[test]
fn a_value_goes_with_its_last_reference() {
    let volume = ea_volume();
    let mut changes = Changes::new(&volume);
    value(&mut changes, 20, 0x1_0000_0000, 77);
    value(&mut changes, 21, 2, 78);
    file(&mut changes, 12, 0, (DATA, 1));
    set_attributes(&mut changes, 12, &[entry(20, 77), entry(21, 78), entry(21, 78)]);
    link(&mut changes, &[12], 0);
    assert_eq!(finish(&mut changes).skipped, []);
    let left = EaInode::of(&changes.inode(ino(&volume, 20)).unwrap());
    assert_eq!((left.refcount, left.hash), (0xffff_ffff, 77));
    assert!(!changes.inode_in_use(ino(&volume, 21)).unwrap());
    let erased = slot(&changes, 21);
    assert_eq!((erased.links_count.get(), erased.dtime.get()), (0, 1_700_000_000));
}

#[test]
fn a_value_of_the_old_form_has_one_owner() {
    let volume = ea_volume();
    let mut changes = Changes::new(&volume);
    // Neither hash nor reference count, but the owner's number.
    value(&mut changes, 20, 99, 1);
    changes
        .change_inode(ino(&volume, 20), |slot| {
            RawInode::from_slot_mut(slot).unwrap().mtime.set(12);
        })
        .unwrap();
    file(&mut changes, 12, 0, (DATA, 1));
    set_attributes(&mut changes, 12, &[entry(20, 0)]);
    link(&mut changes, &[12], 0);
    assert_eq!(finish(&mut changes).skipped, []);
    assert!(!changes.inode_in_use(ino(&volume, 20)).unwrap());
}

#[test]
fn row_38_values_that_cannot_be_trusted_stay() {
    // Itself, free, out of range, reserved, not a value, no references, with attributes itself.
    for number in [12, 30, 4 * INODES + 1, 7, 31, 20, 32] {
        let volume = ea_volume();
        let mut changes = Changes::new(&volume);
        value(&mut changes, 20, 0, 77);
        value(&mut changes, 21, 1, 77);
        value(&mut changes, 32, 1, 77);
        set_block(&mut changes, 32, (DATA + 5, 1), &[]);
        file(&mut changes, 31, 1, (DATA + 310, 1));
        file(&mut changes, 12, 0, (DATA, 1));
        set_attributes(&mut changes, 12, &[entry(number, 77), entry(21, 77)]);
        link(&mut changes, &[12], 0);
        let report = finish(&mut changes);
        assert_eq!((report.deleted, report.skipped.len()), (1, 1), "{number}");
        assert_eq!(report.skipped[0].kind, CorruptKind::EaInode, "{number}");
        assert!(!changes.inode_in_use(ino(&volume, 21)).unwrap(), "the next one goes");
        for kept in [20, 31, 32] {
            assert!(changes.inode_in_use(ino(&volume, kept)).unwrap(), "{number}: {kept}");
        }
    }
}

#[test]
fn a_bad_attribute_block_keeps_its_inode() {
    let volume = ea_volume();
    let mut changes = Changes::new(&volume);
    file(&mut changes, 12, 0, (DATA, 3));
    set_block(&mut changes, 12, (DATA + 5, 1), &[]);
    changes.change(block(&volume, DATA + 5), |bytes| bytes[100] ^= 1).unwrap();
    link(&mut changes, &[12], 0);
    let before = free_clusters(&changes, 2);
    let report = finish(&mut changes);
    assert_eq!(report.skipped[0].kind, CorruptKind::XattrChecksum);
    assert_eq!(free_clusters(&changes, 2), before, "nothing was freed");
    assert!(changes.inode_in_use(ino(&volume, 12)).unwrap());
}
