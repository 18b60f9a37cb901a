//! Reading the inode tables.

use extant_block::AlignedBuffer;
use extant_format::group::GroupFlags;
use extant_format::{GroupNr, Place, to_usize};

use super::Worker;
use crate::census::Census;
use crate::image::Image;
use crate::{Problem, ProblemKind, threads};

/// Bytes of a table that are read at once.
const CHUNK: usize = 128 << 10;

/// Scans all groups on `threads` threads; `done` is told the number of each group.
pub(crate) fn scan<'a>(
    image: &'a Image,
    census: &'a Census,
    threads: usize,
    done: &(dyn Fn(u64) + Sync),
) -> Vec<Worker<'a>> {
    let groups = u64::from(image.geometry().group_count());
    let new = || Worker::new(image, census);
    threads::for_each(threads, groups, new, |worker, n| {
        let group = u32::try_from(n).ok().and_then(|n| image.geometry().group(n));
        if let Some(group) = group {
            worker.group(group);
            done(n);
        }
    })
}

impl Image {
    /// How many inodes at the start of a group's table may be in use.
    pub(crate) fn inodes_to_scan(&self, group: GroupNr) -> u32 {
        let all = self.geometry().inodes_per_group();
        match self.group(group).desc {
            Some(_) if !self.superblock().features().group_csum() => all,
            Some(desc) if desc.flags.contains(GroupFlags::INODE_UNINIT) => 0,
            Some(desc) => all - desc.unused_inodes,
            None => all,
        }
    }
}

impl Worker<'_> {
    fn group(&mut self, group: GroupNr) {
        let geometry = self.image.geometry();
        let Some(table) = self.image.group(group).inode_table else {
            self.census.lose_blocks();
            self.census.lose_names();
            return;
        };
        let inode_size = geometry.inode_size() as usize;
        let wanted = self.image.inodes_to_scan(group) as usize * inode_size;
        let block_size = geometry.block_size();
        let mut buffer =
            AlignedBuffer::new(wanted.next_multiple_of(block_size.to_usize()).min(CHUNK));
        let first = u64::from(group.get()) * u64::from(geometry.inodes_per_group()) + 1;
        let mut at = 0;
        while at < wanted {
            let len = (wanted - at).min(CHUNK);
            let block = table.get() + (at as u64 >> block_size.bits());
            let bytes = buffer.get_mut(..len).unwrap_or_default();
            if self.image.read(block, bytes).is_err() {
                let at = Place::group(group).block(block);
                self.problems.push(Problem::new(ProblemKind::GroupRead, at));
                self.census.lose_blocks();
                self.census.lose_names();
            } else {
                self.slots(first + (at / inode_size) as u64, bytes);
            }
            at += len;
        }
    }

    /// Inodes from number `first` on, one behind the other.
    fn slots(&mut self, first: u64, bytes: &[u8]) {
        let geometry = self.image.geometry();
        let slots = bytes.chunks_exact(to_usize(geometry.inode_size().into()));
        for (number, slot) in (first..).zip(slots) {
            let ino = u32::try_from(number).ok().and_then(|number| geometry.inode(number));
            if let Some(ino) = ino {
                self.slot(ino, slot);
            }
        }
    }
}
