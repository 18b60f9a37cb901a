//! Making a directory longer, by all the blocks wanted or by none.

use extant_format::{BlockNr, Incompat, LogicalBlock};

use super::DirEdit;
use crate::changes::Mark;
use crate::map::change::{append_block, free_range};
use crate::{Error, Result};

/// The largest block number that a pair of a hash tree can hold.
const MAX_HTREE_BLOCK: u32 = 0x0fff_ffff;

/// A block that was taken for the directory.
struct Taken {
    nr: BlockNr,
    /// Whether its cluster was free.
    fresh: bool,
}

impl DirEdit<'_, '_> {
    /// Appends `count` leaves without entries, and returns the numbers of their blocks.
    pub(super) fn append_leaves(&mut self, count: u32) -> Result<Vec<(LogicalBlock, BlockNr)>> {
        let first = self.dir().blocks();
        let end = self.check_growth(first, count)?;
        let mut appended = Vec::new();
        for n in first..end {
            let logical = LogicalBlock::new(n);
            match self.append_leaf(logical) {
                Ok(nr) => appended.push((logical, nr)),
                Err(error) => {
                    // They are behind the end yet; what cannot be undone is space that is lost.
                    let _ = free_range(
                        self.changes,
                        self.inode.ino,
                        LogicalBlock::new(first),
                        u64::MAX,
                    );
                    return Err(error);
                }
            }
        }
        self.change_inode(end, |flags| flags)?;
        Ok(appended)
    }

    /// The number of blocks after adding `count`, which the size field and, if it has one or may
    /// get one, the hash tree must be able to hold.
    fn check_growth(&self, blocks: u32, count: u32) -> Result<u32> {
        let volume = self.changes.volume();
        let end = blocks.checked_add(count).filter(|&end| end <= MAX_HTREE_BLOCK);
        let end = end.ok_or(Error::NoSpace)?;
        let size = u64::from(end) << volume.block_size().bits();
        let large_dir = volume.superblock.features().incompat(Incompat::LARGE_DIR);
        if size > u64::from(u32::MAX) && !large_dir { Err(Error::NoSpace) } else { Ok(end) }
    }

    /// Maps block `logical`, which is behind the end, to a leaf without entries.
    fn append_leaf(&mut self, logical: LogicalBlock) -> Result<BlockNr> {
        let taken = self.take_block(logical)?;
        let nr = taken.nr;
        let written = self.write_leaf(nr, &[]);
        let mapped = written.and_then(|()| append_block(self.changes, self.inode.ino, logical, nr));
        if let Err(error) = mapped {
            self.give_back(&taken);
            return Err(error);
        }
        self.inode = self.changes.inode(self.inode.ino)?;
        Ok(nr)
    }

    /// Maps block 0 of a directory that has none, to these entries. The size is the caller's.
    pub(super) fn map_first(&mut self, records: &[Vec<u8>]) -> Result<()> {
        let taken = self.take_block(LogicalBlock::ZERO)?;
        let written = self.write_leaf(taken.nr, records);
        let mapped = written.and_then(|()| {
            append_block(self.changes, self.inode.ino, LogicalBlock::ZERO, taken.nr)
        });
        if mapped.is_err() {
            self.give_back(&taken);
        }
        mapped
    }

    /// A block for block `logical`: the next one of the cluster of the block before if there is
    /// one (blocks have the same place in their clusters, logical and physical), else a free one.
    fn take_block(&mut self, logical: LogicalBlock) -> Result<Taken> {
        let geometry = self.changes.volume().geometry();
        let before = logical.get().checked_sub(1).map(LogicalBlock::new);
        let before = before.map_or(Ok(None), |before| self.mapped(before))?;
        let after = before.and_then(|nr| geometry.block(nr.get().checked_add(1)?));
        let in_cluster = (1_u64 << geometry.cluster_ratio_bits()) - 1;
        if u64::from(logical.get()) & in_cluster != 0 {
            let nr = after.filter(|_| before.is_some()).ok_or(Error::NoSpace)?;
            return Ok(Taken { nr, fresh: false });
        }
        let (group, _) = geometry.inode_group(self.inode.ino);
        let goal = after.unwrap_or_else(|| geometry.group_first_block(group));
        Ok(Taken { nr: self.changes.allocate_block(goal)?, fresh: true })
    }

    /// Frees a block that was not mapped after all. If that fails, it stays in use: lost space.
    fn give_back(&mut self, taken: &Taken) {
        if taken.fresh {
            let _ = self.changes.mark_blocks(taken.nr, 1, Mark::Free);
        }
    }
}
