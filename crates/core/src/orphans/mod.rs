//! Orphans: inodes that lost their last name while open, or were being cut to their size, when
//! the file system stopped. Finishing them is what a mount does after replaying the journal.
//!
//! They are on a list through the inodes' deletion times, or in the orphan file, or both. Each
//! number is taken at most once, whatever the links between them say, and a bad one is noted and
//! skipped (rows 49, 50). Times of a file that is cut to its size stay as they are.

mod delete;
mod file;
mod listed;
mod values;

use std::collections::HashSet;

use extant_format::inode::RawInode;
use extant_format::superblock::{RawSuperblock, state};
use extant_format::{
    Corrupt, CorruptKind, FileType, Inode, InodeFlags, InodeNr, LogicalBlock, Place, RoCompat,
};
use extant_sync::clock::Timestamp;

use crate::changes::Changes;
use crate::map::change::free_range;
use crate::{Error, Result};
pub(crate) use delete::delete_inode;
use file::OrphanFile;
pub(crate) use listed::{Listed, listed, stored_dtime};

/// Descriptions of damage to keep.
const MAX_DAMAGE: usize = 16;

/// What became of the orphans.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct OrphanReport {
    /// Inodes without links, now free.
    pub(crate) deleted: u32,
    /// Inodes cut to their size.
    pub(crate) truncated: u32,
    /// Orphans and blocks of the orphan file that could not be treated: the first few.
    pub(crate) skipped: Vec<Corrupt>,
    /// The file system is marked as having errors: its orphans were left alone, and the list was
    /// forgotten.
    pub(crate) ignored: bool,
}

/// Refuses where orphans would have to be finished on a device, and that would leave quota files
/// wrong.
///
/// # Errors
/// [`Error::Unsupported`] if there are orphans and the feature `quota` is on; those of a read.
pub(crate) fn refuse_quota(changes: &Changes<'_>) -> Result<()> {
    let superblock = changes.superblock()?;
    let quota = changes.volume().superblock().features().ro_compat(RoCompat::QUOTA);
    if !quota || superblock.state.get() & state::ERRORS != 0 {
        return Ok(());
    }
    let file = OrphanFile::read(changes, &mut Vec::new())?;
    if superblock.last_orphan.get() == 0 && file.is_empty() {
        return Ok(());
    }
    Err(Error::Unsupported { features: vec!["quota".to_owned()] })
}

/// Finishes all orphans: inodes without links are deleted at time `now`, others cut to their size;
/// then the list and the orphan file are empty. Damage that was met is also noted in the
/// superblock's state.
///
/// A file system in whose state errors are noted is left alone but for the head of the list, which
/// is forgotten, as Linux does it. Quotas are not kept: see [`refuse_quota`].
///
/// # Errors
/// Those of the device. What is wrong with an orphan is in the report.
pub(crate) fn finish_orphans(changes: &mut Changes<'_>, now: Timestamp) -> Result<OrphanReport> {
    let superblock = changes.superblock()?;
    if superblock.state.get() & state::ERRORS != 0 {
        return ignore(changes, &superblock);
    }
    let mut work = Work { now, report: OrphanReport::default(), seen: HashSet::new() };
    let file = OrphanFile::read(changes, &mut work.report.skipped)?;
    let file_is_good = work.report.skipped.is_empty();
    work.list(changes, superblock.last_orphan.get())?;
    for number in file.numbers() {
        let orphan = work.take(changes, number);
        work.treat(changes, orphan)?;
    }
    file.clear(changes)?;
    work.close(changes, &superblock, file_is_good)?;
    Ok(work.report)
}

/// Forgets the list.
fn ignore(changes: &mut Changes<'_>, superblock: &RawSuperblock) -> Result<OrphanReport> {
    if superblock.last_orphan.get() != 0 {
        changes.change_superblock(|raw| raw.last_orphan.set(0))?;
    }
    Ok(OrphanReport { ignored: true, ..OrphanReport::default() })
}

struct Work {
    now: Timestamp,
    report: OrphanReport,
    seen: HashSet<InodeNr>,
}

impl Work {
    /// Treats the orphans of the list that starts with the number `first`. Where one is bad, the
    /// rest of the list cannot be found.
    fn list(&mut self, changes: &mut Changes<'_>, first: u32) -> Result<()> {
        let mut next = first;
        while next != 0 {
            let orphan = self.take(changes, next).and_then(|inode| {
                let follows =
                    inode.dtime == 0 || changes.volume().geometry().inode(inode.dtime).is_some();
                follows.then_some(inode).ok_or_else(|| bad(next))
            });
            next = orphan.as_ref().map_or(0, |inode| inode.dtime);
            self.treat(changes, orphan)?;
        }
        Ok(())
    }

    /// The inode with this number, if it may be an orphan and was not met before.
    fn take(&mut self, changes: &Changes<'_>, number: u32) -> Result<Inode> {
        let volume = changes.volume();
        let ino = volume.geometry().inode(number).filter(|ino| volume.is_ordinary_inode(*ino));
        let journal = volume.superblock().raw().journal_inum.get();
        let ino = ino.filter(|ino| *ino != InodeNr::ROOT && ino.get() != journal);
        let ino = ino.ok_or_else(|| bad(number))?;
        if !self.seen.insert(ino) || !changes.inode_in_use(ino)? {
            return Err(bad(number));
        }
        let inode = changes.inode(ino)?;
        if inode.links > 0 && !can_truncate(&inode) {
            return Err(bad(number));
        }
        Ok(inode)
    }

    /// Deletes or truncates an orphan; notes one that is damaged.
    fn treat(&mut self, changes: &mut Changes<'_>, orphan: Result<Inode>) -> Result<()> {
        let done = orphan.and_then(|inode| {
            if inode.links > 0 {
                truncate(changes, &inode)?;
                self.report.truncated += 1;
            } else {
                let found = delete_inode(changes, &inode, self.now)?;
                self.report.deleted += 1;
                found.into_iter().for_each(|corrupt| note(&mut self.report.skipped, corrupt));
            }
            Ok(())
        });
        match done {
            Err(Error::Corrupt(corrupt)) => {
                note(&mut self.report.skipped, corrupt);
                Ok(())
            }
            done => done,
        }
    }

    /// Writes down that there are no orphans any more, and whether anything was wrong.
    fn close(
        &self,
        changes: &mut Changes<'_>,
        before: &RawSuperblock,
        file_is_good: bool,
    ) -> Result<()> {
        let (wrong, mut wanted) = (!self.report.skipped.is_empty(), before.clone());
        settle(&mut wanted, wrong, file_is_good);
        if wanted.bytes() == before.bytes() {
            return Ok(());
        }
        changes.change_superblock(|raw| settle(raw, wrong, file_is_good))
    }
}

/// Empties the list. Damage is an error of the file system; an orphan file with damage stays one
/// that has to be looked at.
fn settle(raw: &mut RawSuperblock, wrong: bool, file_is_good: bool) {
    raw.last_orphan.set(0);
    if file_is_good {
        raw.clear_ro_compat(RoCompat::ORPHAN_PRESENT);
    }
    if wrong {
        raw.state.set(raw.state.get() | state::ERRORS);
    }
}

fn note(skipped: &mut Vec<Corrupt>, corrupt: Corrupt) {
    if skipped.len() < MAX_DAMAGE {
        skipped.push(corrupt);
    }
}

/// An entry that names no orphan.
fn bad(number: u32) -> Error {
    let at = Place { inode: Some(number), ..Place::default() };
    Error::corrupt(CorruptKind::OrphanInode, at)
}

/// Whether blocks past the end of the file may be freed: it has content, and is not the value of
/// an attribute.
fn can_truncate(inode: &Inode) -> bool {
    let mapped = match inode.file_type {
        FileType::Regular | FileType::Directory => true,
        FileType::Symlink => !inode.is_fast_symlink(),
        _ => false,
    };
    mapped && !inode.flags.contains(InodeFlags::EA_INODE)
}

/// Frees what lies behind the end of the file; the last block stays whole. Off the list.
fn truncate(changes: &mut Changes<'_>, inode: &Inode) -> Result<()> {
    let blocks = changes.volume().block_size().blocks_for(inode.size);
    if let Ok(blocks) = u32::try_from(blocks) {
        free_range(changes, inode.ino, LogicalBlock::new(blocks), u64::MAX)?;
    }
    if inode.dtime == 0 {
        return Ok(());
    }
    changes.change_inode(inode.ino, |slot| {
        if let Some(raw) = RawInode::from_slot_mut(slot) {
            raw.dtime.set(0);
        }
    })
}

#[cfg(test)]
mod tests;
