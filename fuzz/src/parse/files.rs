//! Inodes, and what single files hold for the file system: MMP, orphans, quota, verity.

use extant_format::verity::{VerityDescriptor, descriptor_offset, tree_offset};
use extant_format::{Inode, Mmp, OrphanFileBlock, QuotaHeader, QuotaKind};

use super::{System, any_block, any_inode, at};

pub(super) fn inode(system: &System, body: &[u8]) {
    let superblock = &system.superblock;
    let mut bytes = body.to_vec();
    bytes.resize(superblock.geometry().inode_size() as usize, 0);
    let ino = any_inode(system);
    if system.options & 1 == 0 {
        fix_inode(system, &mut bytes, ino.get());
    }
    let Ok(inode) = Inode::parse(&bytes, ino, superblock) else { return };
    assert_eq!(inode.bytes(), bytes);
    assert_eq!(inode.map_bytes().len(), 60);
    assert!(inode.ea_offset() <= bytes.len() && inode.ea_area().len() <= bytes.len());
    assert!(i64::try_from(inode.size).is_ok(), "{}", inode.size);
    for time in [Some(inode.atime), Some(inode.mtime), Some(inode.ctime), inode.crtime] {
        assert!(time.is_none_or(|time| time.nanos < 1_000_000_000), "{time:?}");
    }
    let _ = (inode.is_fast_symlink(), extant_format::xattr::EaInode::of(&inode));
    let _ = extant_format::xattr::IbodyXattrs::parse(inode.ea_area(), at());
}

/// Makes the sum right, by the format and not by the product's code.
fn fix_inode(system: &System, bytes: &mut [u8], ino: u32) {
    let mut clear = |field: std::ops::Range<usize>| {
        if let Some(field) = bytes.get_mut(field) {
            field.fill(0);
        }
    };
    clear(0x7c..0x7e);
    let extra = body_u16(bytes, 0x80).unwrap_or(0);
    if extra >= 4
        && let Some(field) = bytes.get_mut(0x82..0x84)
    {
        field.fill(0);
    }
    let sum = |seed, bytes: &[u8]| extant_format::checksum::crc32c(seed, bytes);
    let seed = sum(system.superblock.seed().get(), &ino.to_le_bytes());
    let seed = sum(seed, bytes.get(0x64..0x68).unwrap_or_default());
    let [a, b, c, d] = sum(seed, bytes).to_le_bytes();
    if let Some(field) = bytes.get_mut(0x7c..0x7e) {
        field.copy_from_slice(&[a, b]);
    }
    if extra >= 4
        && let Some(field) = bytes.get_mut(0x82..0x84)
    {
        field.copy_from_slice(&[c, d]);
    }
}

fn body_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

pub(super) fn mmp(system: &System, body: &[u8]) {
    if let Ok(mmp) = Mmp::parse(body, &system.superblock, at()) {
        assert!(mmp.node_name().len() <= 64 && mmp.device_name().len() <= 32);
        assert!((5..=300).contains(&mmp.check_interval()));
        let _ = mmp.state();
    }
}

pub(super) fn orphan_file(system: &System, body: &[u8]) {
    let seed = system.superblock.seed().for_inode(any_inode(system), 7);
    let checked = system.options & 1 != 0;
    if let Ok(block) = OrphanFileBlock::parse(body, seed, any_block(system), checked) {
        assert_eq!(block.slots() * 4 + 8, body.len());
        assert!(block.entries().all(|(slot, ino)| slot < block.slots() && ino != 0));
    }
}

pub(super) fn quota(system: &System, body: &[u8]) {
    for kind in QuotaKind::ALL {
        if let Ok(header) = QuotaHeader::parse(body, kind, system.number, at()) {
            assert!(u64::from(header.blocks) <= system.number / 1024, "{header:?}");
            assert!(header.free_block == 0 || header.free_block < header.blocks, "{header:?}");
            assert!(header.free_entry == 0 || header.free_entry < header.blocks, "{header:?}");
        }
    }
}

pub(super) fn verity(system: &System, body: &[u8]) {
    // Half of the time the size agrees with the descriptor's.
    let said = body.get(8..16).and_then(|size| size.first_chunk()).copied();
    let size = match said {
        Some(size) if system.options & 1 == 0 => u64::from_le_bytes(size),
        _ => system.number,
    };
    let block = system.superblock.geometry().block_size();
    if let Ok(offset) = descriptor_offset(size, system.number << 8, 256, block, at()) {
        assert!(tree_offset(size).is_some_and(|tree| tree <= offset), "{offset}");
    }
    let Ok(descriptor) = VerityDescriptor::parse(body, size, at()) else { return };
    let tree = descriptor.tree();
    assert!(tree.levels().len() <= 14 && descriptor.signature().len() <= body.len());
    let index = system.number % tree.data_blocks().max(1);
    let mut steps = 0;
    for place in tree.path(index) {
        assert!(
            place.offset + descriptor.file_digest().as_bytes().len() <= descriptor.block_bytes()
        );
        assert!(place.block < tree.blocks(), "{place:?} of {tree:?}");
        steps += 1;
    }
    assert_eq!(steps, tree.levels().len());
    let _ = descriptor.verify_block(body, &[0; 32], at());
}
