//! What follows from all records together: inodes without names, links of new directories, times
//! of directories, and blocks that one record freed and another took.

use std::collections::{HashMap, HashSet};

use extant_block::IoFlags;
use extant_format::inode::{set_blocks_512, set_change_times};
use extant_format::{FileType, Incompat, Inode, InodeNr};
use extant_sync::clock;

use super::area::bad;
use super::inodes::attributes_512;
use super::names::MAX_DIR_LINKS;
use super::replay::Replay;
use crate::changes::Mark;
use crate::dir::{DirItem, Directory, SeenBlocks};
use crate::map::change::{each_run, mapped_512};
use crate::{Result, orphans};

impl Replay<'_, '_> {
    pub(super) fn finish(mut self) -> Result<()> {
        self.check_moved()?;
        self.set_times()?;
        self.delete_nameless()?;
        for ino in std::mem::take(&mut self.made) {
            self.count_links(ino)?;
        }
        for ino in std::mem::take(&mut self.touched) {
            self.settle_blocks(ino)?;
        }
        self.changes.finish()
    }

    /// The time of deletion: records have no time of their own.
    pub(super) fn deletion_time(&self) -> clock::Timestamp {
        clock::Timestamp { secs: self.newest.secs, nanos: self.newest.nanos }
    }

    /// Directories changed when the inodes whose names came and went did, as far as is known.
    fn set_times(&mut self) -> Result<()> {
        for (ino, time) in std::mem::take(&mut self.times) {
            let Some(inode) = self.current(ino)?.filter(|inode| inode.mtime < time) else {
                continue;
            };
            let time = time.max(inode.ctime);
            self.changes.change_inode(ino, |slot| set_change_times(slot, time))?;
        }
        Ok(())
    }

    /// A directory has one name: one that was not made has lost another.
    fn check_moved(&self) -> Result<()> {
        let mut names = HashMap::<InodeNr, u32>::new();
        for ino in self.names.values().flatten() {
            *names.entry(*ino).or_default() += 1;
        }
        for ino in &self.moved {
            let several = names.get(ino).is_some_and(|names| *names > 1);
            if several || !(self.made.contains(ino) || self.unlinked.contains(ino)) {
                return Err(bad(ino.get()).into());
            }
        }
        Ok(())
    }

    /// Deletes what has lost its last name, but for orphans, which are finished later.
    fn delete_nameless(&mut self) -> Result<()> {
        let named: HashSet<_> = self.names.values().flatten().copied().collect();
        let candidates: Vec<_> = self.touched.union(&self.unlinked).copied().collect();
        for ino in candidates {
            let Some(inode) = self.current(ino)? else { continue };
            let nameless = match inode.file_type {
                FileType::Directory => self.unlinked.contains(&ino) && !named.contains(&ino),
                _ => inode.links == 0,
            };
            if !nameless {
                continue;
            }
            if inode.file_type == FileType::Directory && !self.entries(&inode)?.is_empty() {
                return Err(bad(ino.get()).into());
            }
            if self.listed.contains(ino) {
                self.set_links(ino, 0)?;
            } else {
                orphans::delete_inode(self.changes, &inode, self.deletion_time())?;
            }
        }
        Ok(())
    }

    /// A new directory has two links, and one for each directory in it.
    fn count_links(&mut self, ino: InodeNr) -> Result<()> {
        let directory = |inode: &Inode| inode.file_type == FileType::Directory && inode.links > 0;
        let Some(inode) = self.current(ino)?.filter(directory) else { return Ok(()) };
        let mut links = 2_u32;
        for entry in self.entries(&inode)? {
            let file_type = match entry.file_type {
                Some(file_type) => Some(file_type),
                None => self.current(entry.ino)?.map(|inode| inode.file_type),
            };
            links = links.saturating_add((file_type == Some(FileType::Directory)).into());
        }
        self.set_links(ino, if links > MAX_DIR_LINKS { 1 } else { links })
    }

    /// The entries of a directory besides the first two.
    fn entries(&self, inode: &Inode) -> Result<Vec<DirItem>> {
        let dir = Directory::new(self.changes.volume(), inode);
        let (mut entries, mut seen, mut cursor) = (Vec::new(), SeenBlocks::default(), Some(0));
        while let Some(at) = cursor {
            let chunk = dir.read_chunk(at, IoFlags::NONE)?;
            if chunk.block.is_some_and(|block| !seen.add(block)) {
                return Err(bad(inode.ino.get()).into());
            }
            for item in chunk.items {
                let item = item?;
                if !matches!(item.name.as_slice(), b"." | b"..") {
                    entries.push(item);
                }
            }
            cursor = chunk.next;
        }
        Ok(entries)
    }

    /// Marks all blocks of the inode as used, and counts them.
    fn settle_blocks(&mut self, ino: InodeNr) -> Result<()> {
        let Some(inode) = self.current(ino)? else { return Ok(()) };
        let volume = self.changes.volume();
        let mut runs = Vec::new();
        each_run(volume, &inode, |start, len, _| runs.push((start, len)))?;
        let attributes = Some(inode.file_acl).filter(|&block| block != 0);
        runs.extend(attributes.and_then(|block| volume.geometry().run(block, 1)).map(|nr| (nr, 1)));
        for (start, len) in runs {
            self.changes.mark_blocks(start, len, Mark::Used)?;
        }
        // Attribute values in inodes of their own count, too, and have not changed.
        if volume.superblock().features().incompat(Incompat::EA_INODE) {
            return Ok(());
        }
        let blocks = mapped_512(volume, &inode)? + attributes_512(volume, &inode);
        if blocks == inode.blocks_512 {
            return Ok(());
        }
        let fits = self
            .changes
            .change_inode(ino, |slot| set_blocks_512(slot, blocks, volume.superblock()))?;
        if fits { Ok(()) } else { Err(bad(ino.get()).into()) }
    }
}
