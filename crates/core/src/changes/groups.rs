//! Descriptors and bitmaps of groups, read and written together.
//!
//! A group whose bitmap was never written is initialised when it is first changed: what its bitmap
//! would hold is made up here, and the flag goes away when it is stored. A bitmap with a wrong
//! checksum is an error of its group; other groups stay usable. Counts of a group are counted anew
//! from the bitmap whenever that is stored.

use extant_block::IoFlags;
use extant_format::bitmap::{
    Bits, BitsMut, block_bitmap_checksum, inode_bitmap_checksum, verify_block_bitmap,
    verify_inode_bitmap,
};
use extant_format::{BlockNr, Corrupt, CorruptKind, GroupDesc, GroupFlags, GroupNr, Place};

use super::Changes;
use crate::Result;

impl Changes<'_> {
    pub(super) fn desc(&self, group: GroupNr) -> Result<GroupDesc> {
        self.volume.group_desc(group, IoFlags::NONE)
    }

    /// Stores counts, flags and checksums of `desc`, and keeps the totals in step.
    pub(super) fn put_desc(&mut self, group: GroupNr, desc: &GroupDesc) -> Result<()> {
        let old = self.desc(group)?;
        let volume = self.volume;
        let (index, offset) = volume.geometry().desc_index(group);
        let outside = Corrupt::new(CorruptKind::GroupChecksum, Place::group(group));
        let nr = volume.geometry().desc_block(index, volume.superblock_block).ok_or(outside)?;
        let end = offset + volume.geometry().desc_size() as usize;
        self.change(nr, |block| {
            let bytes = block.get_mut(offset..end).unwrap_or_default();
            desc.store(bytes, group, &volume.superblock);
        })?;
        self.space.totals_changed(&old, desc);
        Ok(())
    }

    /// Clusters of a group: all groups but the last are full.
    pub(super) fn group_clusters(&self, group: GroupNr) -> u32 {
        let geometry = self.volume.geometry();
        geometry.group_blocks(group).div_ceil(1 << geometry.cluster_ratio_bits())
    }

    /// The block bitmap of `group`: its block, or what stands for one never written.
    pub(super) fn block_bitmap(&self, group: GroupNr, desc: &GroupDesc) -> Result<Vec<u8>> {
        if desc.flags.contains(GroupFlags::BLOCK_UNINIT) {
            return Ok(self.fresh_block_bitmap(group));
        }
        let block = self.block(desc.block_bitmap)?;
        verify_block_bitmap(block.bytes(), desc, group, &self.volume.superblock)?;
        Ok(block.bytes().to_vec())
    }

    /// A block bitmap in which only metadata is in use, and the padding.
    fn fresh_block_bitmap(&self, group: GroupNr) -> Vec<u8> {
        let geometry = self.volume.geometry();
        let mut bytes = vec![0; self.volume.block_size().to_usize()];
        let (clusters, ratio) = (self.group_clusters(group), geometry.cluster_ratio_bits());
        let first = geometry.group_first_block(group).get();
        let end = first + u64::from(geometry.group_blocks(group));
        let cluster = |offset: u64| u32::try_from(offset >> ratio).unwrap_or(u32::MAX);
        let Some(mut bits) = BitsMut::new(&mut bytes, clusters) else { return bytes };
        for zone in self.volume.zones.within(first..end) {
            let last = cluster(zone.end - 1 - first);
            bits.fill(cluster(zone.start - first)..last.saturating_add(1), true);
        }
        bits.set_padding();
        bytes
    }

    /// Stores a block bitmap, and in `desc` and the descriptor what follows from it.
    pub(super) fn put_block_bitmap(
        &mut self,
        group: GroupNr,
        desc: &mut GroupDesc,
        bytes: &[u8],
    ) -> Result<()> {
        if let Some(bits) = Bits::new(bytes, self.group_clusters(group)) {
            desc.free_clusters = bits.count_clear();
        }
        if let Some(sum) = block_bitmap_checksum(bytes, &self.volume.superblock) {
            desc.block_bitmap_csum = sum;
        }
        desc.flags = desc.flags.without(GroupFlags::BLOCK_UNINIT);
        self.put_bitmap(desc.block_bitmap, bytes)?;
        self.put_desc(group, desc)
    }

    /// The inode bitmap of `group`: its block, or what stands for one never written.
    pub(super) fn inode_bitmap(&self, group: GroupNr, desc: &GroupDesc) -> Result<Vec<u8>> {
        if desc.flags.contains(GroupFlags::INODE_UNINIT) {
            let mut bytes = vec![0; self.volume.block_size().to_usize()];
            let inodes = self.volume.geometry().inodes_per_group();
            if let Some(mut bits) = BitsMut::new(&mut bytes, inodes) {
                bits.set_padding();
            }
            return Ok(bytes);
        }
        let block = self.block(desc.inode_bitmap)?;
        verify_inode_bitmap(block.bytes(), desc, group, &self.volume.superblock)?;
        Ok(block.bytes().to_vec())
    }

    /// Stores an inode bitmap, and in `desc` and the descriptor what follows from it.
    pub(super) fn put_inode_bitmap(
        &mut self,
        group: GroupNr,
        desc: &mut GroupDesc,
        bytes: &[u8],
    ) -> Result<()> {
        if let Some(bits) = Bits::new(bytes, self.volume.geometry().inodes_per_group()) {
            desc.free_inodes = bits.count_clear();
        }
        if let Some(sum) = inode_bitmap_checksum(bytes, &self.volume.superblock) {
            desc.inode_bitmap_csum = sum;
        }
        desc.flags = desc.flags.without(GroupFlags::INODE_UNINIT);
        self.put_bitmap(desc.inode_bitmap, bytes)?;
        self.put_desc(group, desc)
    }

    fn put_bitmap(&mut self, nr: BlockNr, bytes: &[u8]) -> Result<()> {
        self.create(nr, |block| block.copy_from_slice(bytes))
    }
}
