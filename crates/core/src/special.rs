//! Inodes that belong to the file system itself: their blocks are system zones that only they may
//! map (row 21).

use extant_block::IoFlags;
use extant_format::{
    Compat, CorruptKind, IndirectMap, InodeNr, LogicalBlock, RoCompat, Superblock,
};

use crate::{Error, InodeUse, MapKind, Result, SystemZones, Volume};

/// Runs of one special inode to look at: a journal is a few extents, and a hostile one must not
/// cost more than it is worth.
const MAX_RUNS: u32 = 1 << 16;

/// Where the map of the resize inode points to its one block of pointers; what that points to is
/// the reserve for descriptors.
const RESIZE_MAP: u32 = 13;

/// Adds the blocks of the journal, quota files, orphan file, boot loader and resize inode. A
/// special inode that cannot be read is noted as damage; nothing that reads files needs it.
pub(crate) fn add_zones(volume: &mut Volume, zones: &mut SystemZones) {
    for number in special_inodes(volume) {
        let Some(ino) = volume.geometry().inode(number) else { continue };
        match add_inode(volume, ino, zones) {
            // Few file systems have a boot loader.
            Err(Error::Corrupt(corrupt))
                if ino == InodeNr::BOOT_LOADER && corrupt.kind == CorruptKind::InodeUnallocated => {
            }
            Err(Error::Corrupt(corrupt)) => volume.damage.push(corrupt),
            _ => {}
        }
    }
}

/// The numbers of the special inodes in use.
fn special_inodes(volume: &Volume) -> Vec<u32> {
    let (raw, features) = (volume.superblock.raw(), volume.superblock.features());
    let mut numbers = vec![InodeNr::BOOT_LOADER.get()];
    if features.compat(Compat::RESIZE_INODE) {
        numbers.push(InodeNr::RESIZE.get());
    }
    if features.compat(Compat::HAS_JOURNAL) {
        numbers.push(raw.journal_inum.get());
    }
    numbers.extend(quota_inodes(&volume.superblock));
    if features.compat(Compat::ORPHAN_FILE) {
        numbers.push(raw.orphan_file_inum.get());
    }
    numbers.retain(|&n| n != 0 && n != InodeNr::ROOT.get());
    numbers
}

/// The numbers of the quota files, as the superblock has them.
pub(crate) fn quota_inodes(superblock: &Superblock) -> Vec<u32> {
    let (raw, features) = (superblock.raw(), superblock.features());
    if !features.ro_compat(RoCompat::QUOTA) {
        return Vec::new();
    }
    let mut numbers = vec![raw.user_quota_inum.get(), raw.group_quota_inum.get()];
    if features.ro_compat(RoCompat::PROJECT) {
        numbers.push(raw.project_quota_inum.get());
    }
    numbers
}

fn add_inode(volume: &Volume, ino: InodeNr, zones: &mut SystemZones) -> Result<()> {
    let inode = volume.inode(ino, InodeUse::Special, IoFlags::NONE)?;
    if ino == InodeNr::RESIZE {
        let map = IndirectMap::new(inode.map_bytes()).entry(RESIZE_MAP).unwrap_or(0);
        if let Some(block) = volume.geometry().run(map.into(), 1) {
            zones.add(block.get(), 1, Some(ino));
        }
        return Ok(());
    }
    let end = volume.block_size().blocks_for(inode.size);
    let mut next = LogicalBlock::ZERO;
    for _ in 0..MAX_RUNS {
        if u64::from(next.get()) >= end {
            break;
        }
        let map = volume.map_blocks(&inode, next, IoFlags::NONE)?;
        if let MapKind::Mapped(start) | MapKind::Unwritten(start) = map.kind {
            zones.add(start.get(), map.len.into(), Some(ino));
        }
        let Some(after) = map.end() else { break };
        next = after;
    }
    Ok(())
}
