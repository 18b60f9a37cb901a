//! Name records: entries, and the links that come and go with them.

use extant_format::inode::RawInode;
use extant_format::journal::NameChange;
use extant_format::{FileType, Inode, InodeNr};

use super::area::bad;
use super::inodes::is_same;
use super::replay::Replay;
use super::verify::{Commit, NameRecord};
use crate::Result;
use crate::dir::Found;
use crate::dir::change::{add_entry, find_entry, remove_entry, set_parent};

/// The most links that a directory counts; one with more has 1.
pub(super) const MAX_DIR_LINKS: u32 = 65_000;

impl Replay<'_, '_> {
    /// Takes away the names in directories that this commit has other inodes in the place of:
    /// afterwards they cannot be found.
    pub(super) fn empty_replaced(&mut self, commit: &Commit) -> Result<()> {
        for record in &commit.names {
            let Some(new) = commit.inodes.get(&record.parent) else { continue };
            let Some(old) = self.current(record.parent)? else { continue };
            let directory = old.file_type == FileType::Directory;
            if record.change == NameChange::Unlink && directory && !is_same(&old, &new.inode) {
                let found = find_entry(self.changes, record.parent, &record.name)?;
                self.unlinked.insert(record.ino);
                self.remove_name(commit, record, found)?;
            }
        }
        Ok(())
    }

    pub(super) fn change_name(&mut self, commit: &Commit, record: &NameRecord) -> Result<()> {
        let leads_to = (record.change != NameChange::Unlink).then_some(record.ino);
        self.names.insert((record.parent, record.name.clone()), leads_to);
        if leads_to.is_none() {
            self.unlinked.insert(record.ino);
        }
        if !self.has_parent(commit, record)? {
            return Ok(());
        }
        let found = find_entry(self.changes, record.parent, &record.name)?;
        match leads_to {
            Some(_) => self.add_name(commit, record, found)?,
            None => self.remove_name(commit, record, found)?,
        }
        let recorded = commit.inodes.get(&record.ino).map(|record| record.inode.ctime);
        let current = self.current(record.ino)?.map(|inode| inode.ctime);
        if let Some(time) = recorded.or(current) {
            let newest = self.times.entry(record.parent).or_insert(time);
            *newest = time.max(*newest);
        }
        Ok(())
    }

    /// Whether the name's directory is there. It may have been removed, and its number reused,
    /// before the commit was written.
    fn has_parent(&self, commit: &Commit, record: &NameRecord) -> Result<bool> {
        let Some(parent) = self.current(record.parent)? else { return Ok(false) };
        let directory = parent.file_type == FileType::Directory;
        if !directory && !commit.inodes.contains_key(&parent.ino) {
            return Err(bad(parent.ino.get()).into());
        }
        Ok(directory)
    }

    fn add_name(
        &mut self,
        commit: &Commit,
        record: &NameRecord,
        found: Option<Found>,
    ) -> Result<()> {
        let NameRecord { change, parent, ino, ref name } = *record;
        // A file that is free here was removed again before the commit was written.
        let Some(inode) = self.current(ino)? else { return Ok(()) };
        let directory = inode.file_type == FileType::Directory;
        if directory {
            self.check_not_below(parent, ino)?;
            self.moved.insert(ino);
        }
        self.touched.extend([parent, ino]);
        add_entry(self.changes, parent, name, ino, inode.file_type)?;
        if directory && change == NameChange::Link {
            set_parent(self.changes, ino, parent)?;
        }
        if let Some(old) = found {
            if old.ino == ino {
                return Ok(());
            }
            self.unlinked.insert(old.ino);
            self.lose_link(commit, parent, old)?;
        }
        if directory {
            self.change_links(parent, 1)
        } else if change == NameChange::Link && !commit.inodes.contains_key(&ino) {
            self.change_links(ino, 1)
        } else {
            Ok(())
        }
    }

    fn remove_name(
        &mut self,
        commit: &Commit,
        record: &NameRecord,
        found: Option<Found>,
    ) -> Result<()> {
        let Some(found) = found.filter(|found| found.ino == record.ino) else { return Ok(()) };
        self.touched.insert(record.parent);
        remove_entry(self.changes, record.parent, &record.name, Some(record.ino))?;
        self.lose_link(commit, record.parent, found)
    }

    /// An entry of `parent` is gone. Its type is that of the entry: another inode may already be
    /// in the place of the one that it led to.
    fn lose_link(&mut self, commit: &Commit, parent: InodeNr, found: Found) -> Result<()> {
        let current = self.current(found.ino)?.map(|inode| inode.file_type);
        let directory = found.file_type.or(current) == Some(FileType::Directory);
        if directory {
            self.change_links(parent, -1)
        } else if !commit.inodes.contains_key(&found.ino)
            && current.is_some_and(|current| current != FileType::Directory)
        {
            self.change_links(found.ino, -1)
        } else {
            Ok(())
        }
    }

    fn change_links(&mut self, ino: InodeNr, by: i32) -> Result<()> {
        self.touched.insert(ino);
        let inode = self.changes.inode(ino)?;
        self.set_links(ino, links_after(&inode, by))
    }

    pub(super) fn set_links(&mut self, ino: InodeNr, links: u32) -> Result<()> {
        let links = u16::try_from(links).unwrap_or(u16::MAX);
        self.changes.change_inode(ino, |slot| {
            if let Some(raw) = RawInode::from_slot_mut(slot) {
                raw.links_count.set(links);
            }
        })
    }
}

/// A directory with more links than can be counted has 1 and keeps it; another has at least 2.
fn links_after(inode: &Inode, by: i32) -> u32 {
    let links = inode.links.saturating_add_signed(by);
    match inode.file_type {
        FileType::Directory if inode.links == 1 || links > MAX_DIR_LINKS => 1,
        FileType::Directory => links.max(2),
        _ => links,
    }
}
