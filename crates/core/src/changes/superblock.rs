//! The superblock under changes: fields now, totals at the end.

use extant_format::superblock::RawSuperblock;
use extant_format::{Corrupt, CorruptKind, Place};

use super::Changes;
use crate::Result;

/// Where the primary superblock is in block 0.
const OFFSET_IN_BLOCK_0: usize = 1024;

impl Changes<'_> {
    /// The superblock as it is now: the volume's own is the one it was opened with.
    pub(crate) fn superblock(&self) -> Result<RawSuperblock> {
        let block = self.block(self.volume.superblock_block)?;
        let mut bytes = block.bytes().get(self.superblock_offset()..).unwrap_or_default().to_vec();
        let raw = RawSuperblock::from_prefix_mut(&mut bytes);
        raw.cloned().ok_or_else(no_superblock)
    }

    /// Changes the superblock in use (not its copies), then makes its checksum right.
    pub(crate) fn change_superblock<R>(
        &mut self,
        change: impl FnOnce(&mut RawSuperblock) -> R,
    ) -> Result<R> {
        let offset = self.superblock_offset();
        self.change(self.volume.superblock_block, |block| {
            let bytes = block.get_mut(offset..).unwrap_or_default();
            let raw = RawSuperblock::from_prefix_mut(bytes).ok_or_else(no_superblock)?;
            let result = change(raw);
            raw.seal();
            Ok(result)
        })?
    }

    /// The primary superblock is 1,024 bytes into the file system, its copies start their blocks.
    fn superblock_offset(&self) -> usize {
        if self.volume.superblock_block.get() == 0 { OFFSET_IN_BLOCK_0 } else { 0 }
    }

    /// Ends the changes: writes the totals of free blocks and inodes, which are the sums over all
    /// readable descriptors, into the superblock if it has others. Free blocks are counted in
    /// whole clusters.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let (clusters, inodes) = self.space.totals(self.volume.free);
        let blocks = clusters << self.volume.geometry().cluster_ratio_bits();
        let inodes = u32::try_from(inodes).unwrap_or(u32::MAX);
        let mut wanted = self.superblock()?;
        let same = |raw: &RawSuperblock| (raw.free_blocks_lo, raw.free_blocks_hi, raw.free_inodes);
        let before = same(&wanted);
        wanted.set_free_blocks(blocks);
        wanted.free_inodes.set(inodes);
        if same(&wanted) == before {
            return Ok(());
        }
        self.change_superblock(|raw| {
            raw.set_free_blocks(blocks);
            raw.free_inodes.set(inodes);
        })
    }
}

fn no_superblock() -> crate::Error {
    Corrupt::new(CorruptKind::SuperblockMagic, Place::superblock()).into()
}
