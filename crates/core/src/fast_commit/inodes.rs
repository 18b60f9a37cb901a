//! Inode records: the slot, and what becomes of the inode that was there before.

use std::collections::HashSet;

use extant_block::IoFlags;
use extant_format::extent::NodeBuf;
use extant_format::inode::{MAP_SIZE, RawInode, map_bytes_mut, set_blocks_512};
use extant_format::journal::NameChange;
use extant_format::xattr::{index, set_ibody_value};
use extant_format::{FileType, Inode, InodeFlags, InodeNr, LogicalBlock, Place};

use super::area::bad;
use super::replay::Replay;
use super::verify::{Commit, InodeRecord};
use crate::changes::Mark;
use crate::dir::Directory;
use crate::dir::change::init_directory;
use crate::map::change::{free_range, insert_range};
use crate::map::walk::has_map;
use crate::{Result, Volume, orphans};

/// Flags that say how the content of a directory is kept: the directory on disk knows better.
const CONTENT_FLAGS: InodeFlags =
    InodeFlags::INDEX.union(InodeFlags::EXTENTS).union(InodeFlags::INLINE_DATA);

impl Replay<'_, '_> {
    /// Makes the inode what its record says, but for its map where that is of extents or block
    /// numbers. An older inode in its slot is deleted first.
    pub(super) fn put_inode(&mut self, record: &InodeRecord) -> Result<()> {
        let ino = record.inode.ino;
        self.touched.insert(ino);
        let mut old = self.current(ino)?;
        let dtime = self.dtime(ino)?;
        if let Some(inode) = old.take_if(|old| !is_same(old, &record.inode)) {
            orphans::delete_inode(self.changes, &inode, self.deletion_time())?;
        }
        if old.as_ref().is_some_and(|old| has_map(old) && keeps_map(old, &record.inode).is_none()) {
            free_range(self.changes, ino, LogicalBlock::ZERO, u64::MAX)?;
            old = Some(self.changes.inode(ino)?);
        }
        let directory = record.inode.file_type == FileType::Directory;
        self.changes.mark_inode(ino, Mark::Used, directory)?;
        let slot = self.slot(record, old.as_ref(), dtime)?;
        self.changes.change_inode(ino, |bytes| bytes.copy_from_slice(&slot))?;
        let leaves_inline = old.is_some_and(|old| old.flags.contains(InodeFlags::INLINE_DATA));
        if leaves_inline && has_map(&self.changes.inode(ino)?) {
            // Linux does not record the range that took up the inline data.
            record.extents.iter().try_for_each(|e| insert_range(self.changes, ino, *e))?;
        }
        Ok(())
    }

    /// The deletion time that the inode has to keep: it is the link to the next orphan.
    fn dtime(&self, ino: InodeNr) -> Result<u32> {
        if !self.listed.list.contains(&ino.get()) {
            return Ok(0);
        }
        orphans::stored_dtime(self.changes, ino)
    }

    /// The new bytes of the slot.
    fn slot(&self, record: &InodeRecord, old: Option<&Inode>, dtime: u32) -> Result<Vec<u8>> {
        let volume = self.changes.volume();
        let new = &record.inode;
        let mut slot = new.bytes().to_vec();
        let blocks = match old {
            Some(old) => old.blocks_512,
            None => attributes_512(volume, new),
        };
        if let Some(old) = old {
            keep_tail(&mut slot, record, old)?;
        }
        match old.and_then(|old| keeps_map(old, new)) {
            Some(map) => map_bytes_mut(&mut slot).copy_from_slice(map),
            None => empty_map(&mut slot, new),
        }
        if !set_blocks_512(&mut slot, blocks, volume.superblock()) {
            return Err(bad(new.ino.get()).into());
        }
        if let Some(raw) = RawInode::from_slot_mut(&mut slot) {
            raw.dtime.set(dtime);
            if new.file_type == FileType::Directory {
                keep_directory(raw, old);
            }
        }
        Ok(slot)
    }

    /// Gives the directories that this commit makes their first two entries, parents first: the
    /// order in which they were made.
    pub(super) fn make_directories(&mut self, commit: &Commit) -> Result<()> {
        let directory = |ino: &InodeNr| {
            let record = commit.inodes.get(ino);
            record.is_some_and(|record| record.inode.file_type == FileType::Directory)
        };
        for name in &commit.names {
            if name.change == NameChange::Create && directory(&name.ino) {
                self.check_not_below(name.parent, name.ino)?;
                self.made.insert(name.ino);
                init_directory(self.changes, name.ino, name.parent)?;
            }
        }
        // A directory cannot come from nowhere.
        for ino in commit.inodes.keys().copied().filter(directory) {
            let inode = self.changes.inode(ino)?;
            Directory::new(self.changes.volume(), &inode).parent(IoFlags::NONE)?;
        }
        Ok(())
    }

    /// Refuses to put directory `ino` into `parent`, itself or one below it.
    pub(super) fn check_not_below(&self, parent: InodeNr, ino: InodeNr) -> Result<()> {
        let (mut now, mut seen) = (parent, HashSet::new());
        while now != InodeNr::ROOT {
            let inode = self.current(now)?;
            let Some(inode) = inode.filter(|inode| inode.file_type == FileType::Directory) else {
                break;
            };
            if now == ino || !seen.insert(now) {
                return Err(bad(ino.get()).into());
            }
            now = Directory::new(self.changes.volume(), &inode).parent(IoFlags::NONE)?;
        }
        Ok(())
    }
}

/// What the attribute block of an inode takes, in units of 512 bytes.
pub(super) fn attributes_512(volume: &Volume, inode: &Inode) -> u64 {
    let geometry = volume.geometry();
    let bits = geometry.block_size().bits() + geometry.cluster_ratio_bits() - 9;
    if inode.file_acl == 0 { 0 } else { 1 << bits }
}

/// Whether `new` is a later state of `old`, and not another inode in its place.
pub(super) fn is_same(old: &Inode, new: &Inode) -> bool {
    old.generation == new.generation && old.file_type == new.file_type
}

/// The map of `old` if the new state goes on with it: records of ranges say how it changed.
fn keeps_map<'i>(old: &'i Inode, new: &Inode) -> Option<&'i [u8]> {
    let inline = |inode: &Inode| inode.flags.contains(InodeFlags::INLINE_DATA);
    let extents = |inode: &Inode| inode.flags.contains(InodeFlags::EXTENTS);
    let alike = match new.file_type {
        FileType::Directory => true,
        _ => has_map(old) && has_map(new) && extents(old) == extents(new) && !inline(old),
    };
    alike.then(|| old.map_bytes())
}

/// What lies behind the recorded bytes stays: attributes in the inode are not recorded. Of a
/// directory all content stays, as far as it is in the inode.
fn keep_tail(slot: &mut [u8], record: &InodeRecord, old: &Inode) -> Result<()> {
    let directory = record.inode.file_type == FileType::Directory;
    let from = if directory { record.inode.ea_offset() } else { record.bytes.len() };
    let kept = old.bytes().get(from..).unwrap_or_default();
    slot.get_mut(from..).unwrap_or_default().copy_from_slice(kept);
    let inline = |inode: &Inode| inode.flags.contains(InodeFlags::INLINE_DATA);
    if !directory && inline(old) && !inline(&record.inode) {
        let at = Place::inode(old.ino);
        let area = slot.get_mut(record.inode.ea_offset()..).unwrap_or_default();
        set_ibody_value(area, (index::SYSTEM, b"data"), None, at)?;
    }
    Ok(())
}

/// The map of a file to which nothing has been added yet. What is no map stays: inline data, the
/// target of a short symlink, a device number.
fn empty_map(slot: &mut [u8], inode: &Inode) {
    if !has_map(inode) {
        return;
    }
    let map = map_bytes_mut(slot);
    map.fill(0);
    if inode.flags.contains(InodeFlags::EXTENTS) {
        let _ = NodeBuf::for_block(0, MAP_SIZE, false).write(map);
    }
}

/// A directory keeps its size and form; a new one has one block and no hash tree.
fn keep_directory(raw: &mut RawInode, old: Option<&Inode>) {
    let flags = InodeFlags::from_bits(raw.flags.get());
    let flags = match old {
        Some(old) => {
            let mut slot = old.bytes().to_vec();
            if let Some(old) = RawInode::from_slot_mut(&mut slot) {
                (raw.size_lo, raw.size_hi) = (old.size_lo, old.size_hi);
            }
            let kept = old.flags.bits() & CONTENT_FLAGS.bits();
            InodeFlags::from_bits(flags.without(CONTENT_FLAGS).bits() | kept)
        }
        None => flags.without(InodeFlags::INDEX),
    };
    raw.flags.set(flags.bits());
}
