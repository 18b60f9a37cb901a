//! Inodes: changing them in their table, and marking them as used or free.

use std::ops::Range;

use extant_block::IoFlags;
use extant_format::bitmap::{Bits, BitsMut};
use extant_format::inode::set_inode_checksum;
use extant_format::{Corrupt, CorruptKind, GroupDesc, GroupFlags, GroupNr, InodeNr, Place};

use super::Changes;
use super::blocks::Mark;
use crate::Result;

impl Changes<'_> {
    /// Changes the bytes of inode `ino` in its table (as many as an inode has), then makes its
    /// checksum right where there is one. The bytes need not be a valid inode before.
    pub(crate) fn change_inode<R>(
        &mut self,
        ino: InodeNr,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R> {
        let volume = self.volume;
        let (nr, offset) = volume.inode_location(ino, IoFlags::NONE)?;
        let end = offset + volume.geometry().inode_size() as usize;
        self.change(nr, |block| {
            let bytes = block.get_mut(offset..end).unwrap_or_default();
            let result = change(bytes);
            set_inode_checksum(bytes, ino, &volume.superblock);
            result
        })
    }

    /// Whether the bitmap has inode `ino` in use.
    pub(crate) fn inode_in_use(&self, ino: InodeNr) -> Result<bool> {
        let (group, index) = self.volume.geometry().inode_group(ino);
        let bytes = self.inode_bitmap(group, &self.desc(group)?)?;
        Ok(self.inode_bit(&bytes, index))
    }

    fn inode_bit(&self, bitmap: &[u8], index: u32) -> bool {
        let bits = Bits::new(bitmap, self.volume.geometry().inodes_per_group());
        bits.and_then(|bits| bits.get(index)) == Some(true)
    }

    /// Marks an inode in its bitmap, and counts it in its group and, if it is a directory, there.
    /// What is so already stays so and is not counted again.
    ///
    /// An inode is marked as used before its bytes are written: the first use of one that was
    /// never used zeroes all slots of the table up to it that were not either.
    ///
    /// # Errors
    /// Those of a bad group; nothing has been changed then.
    pub(crate) fn mark_inode(&mut self, ino: InodeNr, mark: Mark, directory: bool) -> Result<()> {
        let (group, index) = self.volume.geometry().inode_group(ino);
        let mut desc = self.desc(group)?;
        let mut bytes = self.inode_bitmap(group, &desc)?;
        let used = mark == Mark::Used;
        if self.inode_bit(&bytes, index) == used {
            return Ok(());
        }
        if used {
            self.use_group(group, &mut desc)?;
            self.use_table(group, &mut desc, index)?;
        }
        if let Some(mut bits) = BitsMut::new(&mut bytes, self.volume.geometry().inodes_per_group())
        {
            bits.fill(index..index + 1, used);
        }
        if directory {
            let one = if used { 1 } else { -1 };
            desc.used_dirs = desc.used_dirs.saturating_add_signed(one);
        }
        self.put_inode_bitmap(group, &mut desc, &bytes)
    }

    /// The blocks of a group with inodes in use have a bitmap, too.
    fn use_group(&mut self, group: GroupNr, desc: &mut GroupDesc) -> Result<()> {
        if !desc.flags.contains(GroupFlags::BLOCK_UNINIT) {
            return Ok(());
        }
        let bytes = self.block_bitmap(group, desc)?;
        self.put_block_bitmap(group, desc, &bytes)
    }

    /// Takes slot `index` of the table out of those never used, with all before it.
    fn use_table(&mut self, group: GroupNr, desc: &mut GroupDesc, index: u32) -> Result<()> {
        let all = self.volume.geometry().inodes_per_group();
        let never =
            if desc.flags.contains(GroupFlags::INODE_UNINIT) { all } else { desc.unused_inodes };
        let (start, end) = (all.saturating_sub(never), index + 1);
        if end <= start || !self.volume.superblock.features().group_csum() {
            return Ok(());
        }
        if !desc.flags.contains(GroupFlags::INODE_ZEROED) {
            self.zero_slots(group, desc, start..end)?;
        }
        desc.unused_inodes = all - end;
        Ok(())
    }

    fn zero_slots(&mut self, group: GroupNr, desc: &GroupDesc, slots: Range<u32>) -> Result<()> {
        let geometry = self.volume.geometry();
        let (per_block, size) = (geometry.inodes_per_block(), geometry.inode_size());
        let outside = Corrupt::new(CorruptKind::GroupInodeTable, Place::group(group));
        for block in slots.start / per_block..slots.end.div_ceil(per_block) {
            let nr = geometry.block(desc.inode_table.get() + u64::from(block)).ok_or(outside)?;
            let base = block * per_block;
            let from = slots.start.saturating_sub(base) * size;
            let to = (slots.end - base).min(per_block) * size;
            let range = from as usize..to as usize;
            self.change(nr, |bytes| bytes.get_mut(range).unwrap_or_default().fill(0))?;
        }
        Ok(())
    }
}
