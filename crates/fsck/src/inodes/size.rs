//! Size and block count of an inode against what it maps.

use extant_format::{FileType, Inode, InodeFlags, Place};

use super::Worker;
use super::claim::Mapped;
use crate::attributes::Attributes;
use crate::{Problem, ProblemKind};

impl Worker<'_> {
    /// Checks size and block count of `inode`.
    pub(super) fn check_size(&mut self, inode: &Inode, mapped: &Mapped, attributes: &Attributes) {
        if !mapped.whole {
            return;
        }
        let bits = self.image.block_size().bits();
        match inode.file_type {
            FileType::Directory => self.check_directory_size(inode, mapped),
            FileType::Regular => {
                let least = mapped.written_end.saturating_sub(1) << bits;
                let verity = inode.flags.contains(InodeFlags::VERITY);
                if inode.size < least && !verity {
                    self.wrong_size(inode, mapped.written_end << bits);
                }
            }
            FileType::Symlink => {}
            _ if inode.size != 0 => self.wrong_size(inode, 0),
            _ => {}
        }
        // Nobody looks at the count of a link inside its inode.
        let inline_link =
            inode.file_type == FileType::Symlink && inode.flags.contains(InodeFlags::INLINE_DATA);
        if attributes.broken || inline_link {
            return;
        }
        let cluster_512 = 1 << (bits - 9 + self.image.geometry().cluster_ratio_bits());
        let blocks_512 = mapped.clusters * cluster_512 + attributes.blocks_512;
        if inode.blocks_512 != blocks_512 {
            let problem = Problem::new(ProblemKind::InodeBlocks, Place::inode(inode.ino));
            self.problems.push(problem.found(inode.blocks_512).expected(blocks_512));
        }
    }

    /// A directory ends with its last block.
    fn check_directory_size(&mut self, inode: &Inode, mapped: &Mapped) {
        let size = self.image.block_size();
        let inline = inode.flags.contains(InodeFlags::INLINE_DATA);
        // A size that is no number of blocks has been told of.
        if inline || !inode.size.is_multiple_of(size.bytes64()) || inode.size == 0 {
            return;
        }
        let blocks = inode.size >> size.bits();
        if blocks != mapped.end {
            self.wrong_size(inode, mapped.end << size.bits());
        }
    }

    fn wrong_size(&mut self, inode: &Inode, expected: u64) {
        let problem = Problem::new(ProblemKind::InodeSize, Place::inode(inode.ino));
        self.problems.push(problem.found(inode.size).expected(expected));
    }
}
