//! Changes of maps.

use extant_block::IoFlags;
use extant_format::{Extent, FileType, InodeFlags, InodeNr, LogicalBlock};

use super::area::bad;
use super::replay::Replay;
use super::verify::RangeRecord;
use crate::Result;
use crate::map::change::{append_block, free_range, insert_range};
use crate::map::walk::has_map;

/// Blocks to put one by one into maps without extents: no workload between two transactions comes
/// near, and it bounds the time that records can take.
pub(super) const MAX_SINGLE_BLOCKS: u64 = 1 << 22;

impl Replay<'_, '_> {
    /// A directory's blocks are its names' affair, and inline data has no map: such records are
    /// passed by.
    pub(super) fn change_range(&mut self, record: &RangeRecord) -> Result<()> {
        let (RangeRecord::Add(ino, _) | RangeRecord::Del(ino, ..)) = *record;
        let Some(inode) = self.current(ino)? else { return Err(bad(ino.get()).into()) };
        if inode.file_type == FileType::Directory || !has_map(&inode) {
            return Ok(());
        }
        self.touched.insert(ino);
        match *record {
            RangeRecord::Del(_, from, end) => free_range(self.changes, ino, from, end),
            RangeRecord::Add(_, extent) if inode.flags.contains(InodeFlags::EXTENTS) => {
                insert_range(self.changes, ino, extent)
            }
            RangeRecord::Add(_, extent) => self.add_single_blocks(ino, &extent),
        }
    }

    /// Maps the blocks of `extent` in an inode without extents.
    fn add_single_blocks(&mut self, ino: InodeNr, extent: &Extent) -> Result<()> {
        let wrong = || bad(ino.get());
        self.budget = self.budget.checked_sub(extent.len.into()).ok_or_else(wrong)?;
        if extent.unwritten {
            return Err(wrong().into());
        }
        let volume = self.changes.volume();
        for n in 0..extent.len {
            let logical = extent.logical.checked_add(n).ok_or_else(wrong)?;
            let block = volume.geometry().block(extent.start.get() + u64::from(n));
            let block = block.ok_or_else(wrong)?;
            self.put_block(ino, logical, block)?;
        }
        Ok(())
    }

    fn put_block(
        &mut self,
        ino: InodeNr,
        logical: LogicalBlock,
        block: extant_format::BlockNr,
    ) -> Result<()> {
        let inode = self.changes.inode(ino)?;
        let old = self.changes.volume().map_blocks(&inode, logical, IoFlags::NONE)?;
        match old.written(logical) {
            Some(old) if old == block.get() => Ok(()),
            _ => append_block(self.changes, ino, logical, block),
        }
    }
}
