//! Sizes, counts and locations that follow from the superblock alone, all checked against each
//! other. Only a [`Geometry`] makes block, group and inode numbers from disk values, so none of
//! them is ever out of range, and no field of an image divides, shifts or bounds a loop unchecked.

use std::iter;

use crate::features::{Compat, FeatureSet, Incompat, RoCompat};
use crate::superblock::{RawSuperblock, wide};
use crate::{BlockNr, BlockSize, Corrupt, CorruptKind, GroupNr, InodeNr, Place};

/// The largest cluster: 2^30 bytes.
const MAX_CLUSTER_LOG: u32 = 20;
/// Extents address 48 bits of blocks.
const MAX_BLOCKS_64BIT: u64 = 1 << 48;

/// The checked layout of a file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Geometry {
    block_size: BlockSize,
    cluster_ratio_bits: u32,
    blocks_count: u64,
    first_data_block: u32,
    blocks_per_group: u32,
    clusters_per_group: u32,
    inodes_per_group: u32,
    inodes_count: u32,
    group_count: u32,
    inode_size: u32,
    first_inode: u32,
    desc_size: u32,
    reserved_gdt_blocks: u32,
    flex_bits: u32,
    first_meta_group: Option<u32>,
    backups: Backups,
}

/// Which groups hold copies of the superblock and the descriptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Backups {
    All,
    Sparse,
    Sparse2([u32; 2]),
}

impl Geometry {
    pub(crate) fn new(raw: &RawSuperblock, features: &FeatureSet) -> Result<Self, Corrupt> {
        let block_size = BlockSize::from_log(raw.log_block_size.get())
            .ok_or_else(|| corrupt(CorruptKind::BlockSizeTooLarge))?;
        let wide_counts = features.incompat(Incompat::BIT64);
        let hi = if wide_counts { raw.blocks_count_hi.get() } else { 0 };
        let mut geometry = Self {
            block_size,
            cluster_ratio_bits: cluster_ratio_bits(raw, features)?,
            blocks_count: wide(hi, raw.blocks_count_lo.get()),
            first_data_block: raw.first_data_block.get(),
            blocks_per_group: raw.blocks_per_group.get(),
            clusters_per_group: raw.clusters_per_group.get(),
            inodes_per_group: raw.inodes_per_group.get(),
            inodes_count: raw.inodes_count.get(),
            group_count: 0,
            inode_size: if raw.rev_level.get() == 0 { 128 } else { raw.inode_size.get().into() },
            first_inode: if raw.rev_level.get() == 0 { 11 } else { raw.first_ino.get() },
            desc_size: if wide_counts { raw.desc_size.get().into() } else { 32 },
            reserved_gdt_blocks: reserved_gdt_blocks(raw, features),
            flex_bits: flex_bits(raw, features)?,
            first_meta_group: features
                .incompat(Incompat::META_BG)
                .then_some(raw.first_meta_bg.get()),
            backups: backups(raw, features),
        };
        geometry.check_sizes(wide_counts)?;
        geometry.check_groups()?;
        geometry.group_count = geometry.checked_group_count()?;
        geometry.check_counts()?;
        Ok(geometry)
    }

    fn check_sizes(&self, wide_counts: bool) -> Result<(), Corrupt> {
        let block = self.block_size.bytes();
        if !self.inode_size.is_power_of_two() || !(128..=block).contains(&self.inode_size) {
            return Err(corrupt(CorruptKind::InodeSize));
        }
        let desc_valid = self.desc_size.is_power_of_two()
            && if wide_counts { (64..=1024).contains(&self.desc_size) } else { true };
        if !desc_valid {
            return Err(corrupt(CorruptKind::DescriptorSize));
        }
        let most = if wide_counts { MAX_BLOCKS_64BIT } else { u64::from(u32::MAX) };
        if self.blocks_count == 0 || self.blocks_count > most {
            return Err(corrupt(CorruptKind::BlocksCount));
        }
        let first = u64::from(self.first_data_block);
        let hides_superblock =
            first == 0 && self.block_size.bits() == 10 && self.cluster_ratio_bits == 0;
        if first >= self.blocks_count || hides_superblock {
            return Err(corrupt(CorruptKind::FirstDataBlock));
        }
        if self.reserved_gdt_blocks > block / 4 {
            return Err(corrupt(CorruptKind::ReservedDescriptorBlocks));
        }
        Ok(())
    }

    fn check_groups(&self) -> Result<(), Corrupt> {
        let bits_in_block = self.block_size.bytes() * 8;
        if self.clusters_per_group == 0 || self.clusters_per_group > bits_in_block {
            return Err(corrupt(CorruptKind::ClustersPerGroup));
        }
        let blocks = u64::from(self.clusters_per_group) << self.cluster_ratio_bits;
        if self.blocks_per_group == 0 || !self.blocks_per_group.is_multiple_of(8) {
            return Err(corrupt(CorruptKind::BlocksPerGroup));
        }
        if self.cluster_ratio_bits == 0 && self.blocks_per_group > bits_in_block {
            return Err(corrupt(CorruptKind::BlocksPerGroup));
        }
        if u64::from(self.blocks_per_group) != blocks {
            return Err(corrupt(CorruptKind::ClustersPerGroup));
        }
        let per_block = self.inodes_per_block();
        let inodes = self.inodes_per_group;
        if inodes == 0 || inodes > bits_in_block || !inodes.is_multiple_of(per_block) {
            return Err(corrupt(CorruptKind::InodesPerGroup));
        }
        Ok(())
    }

    fn checked_group_count(&self) -> Result<u32, Corrupt> {
        let blocks = self.blocks_count - u64::from(self.first_data_block);
        let groups = u32::try_from(blocks.div_ceil(u64::from(self.blocks_per_group)))
            .map_err(|_| corrupt(CorruptKind::GroupCount))?;
        if groups > u32::MAX - self.descs_per_block() {
            return Err(corrupt(CorruptKind::GroupCount));
        }
        Ok(groups)
    }

    fn check_counts(&self) -> Result<(), Corrupt> {
        let inodes = u64::from(self.group_count) * u64::from(self.inodes_per_group);
        if inodes != u64::from(self.inodes_count) {
            return Err(corrupt(CorruptKind::InodesCount));
        }
        if self.first_inode < 11 || self.first_inode > self.inodes_count {
            return Err(corrupt(CorruptKind::FirstInode));
        }
        if self.first_meta_group.is_some_and(|first| first > self.desc_block_count()) {
            return Err(corrupt(CorruptKind::FirstMetaGroup));
        }
        Ok(())
    }

    /// The block size.
    #[must_use]
    pub const fn block_size(&self) -> BlockSize {
        self.block_size
    }

    /// log2 of the blocks in a cluster; 0 without bigalloc.
    #[must_use]
    pub const fn cluster_ratio_bits(&self) -> u32 {
        self.cluster_ratio_bits
    }

    /// Blocks of the file system, from block 0.
    #[must_use]
    pub const fn blocks_count(&self) -> u64 {
        self.blocks_count
    }

    /// Bytes of the file system.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.blocks_count << self.block_size.bits()
    }

    /// The first block of group 0: 1 where blocks are 1 KiB (0 with bigalloc), else 0.
    #[must_use]
    pub const fn first_data_block(&self) -> u32 {
        self.first_data_block
    }

    /// Blocks in each group but the last.
    #[must_use]
    pub const fn blocks_per_group(&self) -> u32 {
        self.blocks_per_group
    }

    /// Clusters in each group but the last.
    #[must_use]
    pub const fn clusters_per_group(&self) -> u32 {
        self.clusters_per_group
    }

    /// Inodes in each group.
    #[must_use]
    pub const fn inodes_per_group(&self) -> u32 {
        self.inodes_per_group
    }

    /// All inodes.
    #[must_use]
    pub const fn inodes_count(&self) -> u32 {
        self.inodes_count
    }

    /// Block groups.
    #[must_use]
    pub const fn group_count(&self) -> u32 {
        self.group_count
    }

    /// Bytes of an inode, 128 to the block size.
    #[must_use]
    pub const fn inode_size(&self) -> u32 {
        self.inode_size
    }

    /// Inodes in a block of an inode table.
    #[must_use]
    pub const fn inodes_per_block(&self) -> u32 {
        self.block_size.bytes() / self.inode_size
    }

    /// Blocks of each group's inode table.
    #[must_use]
    pub const fn inode_table_blocks(&self) -> u32 {
        self.inodes_per_group / self.inodes_per_block()
    }

    /// The first inode number that is not reserved.
    #[must_use]
    pub const fn first_inode(&self) -> u32 {
        self.first_inode
    }

    /// Bytes of a group descriptor: 32, or 64 to 1,024 with the feature `64bit`.
    #[must_use]
    pub const fn desc_size(&self) -> u32 {
        self.desc_size
    }

    /// Group descriptors in a block.
    #[must_use]
    pub const fn descs_per_block(&self) -> u32 {
        self.block_size.bytes() / self.desc_size
    }

    /// Blocks of the whole descriptor table.
    #[must_use]
    pub const fn desc_block_count(&self) -> u32 {
        self.group_count.div_ceil(self.descs_per_block())
    }

    /// Descriptor blocks reserved for growth behind each copy of the table.
    #[must_use]
    pub const fn reserved_gdt_blocks(&self) -> u32 {
        self.reserved_gdt_blocks
    }

    /// Groups in a flex group; 1 without the feature `flex_bg`.
    #[must_use]
    pub const fn groups_per_flex(&self) -> u32 {
        1 << self.flex_bits
    }

    /// First descriptor block that is laid out by meta block groups (feature `meta_bg`).
    #[must_use]
    pub const fn first_meta_group(&self) -> Option<u32> {
        self.first_meta_group
    }

    /// `n` as a block of this file system.
    #[must_use]
    pub fn block(&self, n: u64) -> Option<BlockNr> {
        (n < self.blocks_count).then_some(BlockNr::new(n))
    }

    /// `start` if the `len` blocks from it are inside the file system and behind the superblock:
    /// what a map of a file may point at.
    #[must_use]
    pub fn run(&self, start: u64, len: u64) -> Option<BlockNr> {
        let end = start.checked_add(len)?;
        (start > u64::from(self.first_data_block) && end <= self.blocks_count && len > 0)
            .then_some(BlockNr::new(start))
    }

    /// `n` as a group of this file system.
    #[must_use]
    pub fn group(&self, n: u32) -> Option<GroupNr> {
        (n < self.group_count).then_some(GroupNr::new(n))
    }

    /// All groups in order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = GroupNr> + use<> {
        (0..self.group_count).map(GroupNr::new)
    }

    /// `n` as an inode of this file system.
    #[must_use]
    pub fn inode(&self, n: u32) -> Option<InodeNr> {
        (n >= 1 && n <= self.inodes_count).then_some(InodeNr::new(n))
    }

    /// The group of an inode, and its index in that group's table.
    #[must_use]
    pub fn inode_group(&self, ino: InodeNr) -> (GroupNr, u32) {
        let index = ino.get() - 1;
        (GroupNr::new(index / self.inodes_per_group), index % self.inodes_per_group)
    }

    /// The group that holds a block; blocks before the first data block count as group 0.
    #[must_use]
    pub fn block_group(&self, block: BlockNr) -> GroupNr {
        let offset = block.get().saturating_sub(u64::from(self.first_data_block));
        let group = offset / u64::from(self.blocks_per_group);
        GroupNr::new(u32::try_from(group).unwrap_or(self.group_count - 1))
    }

    /// The first block of a group.
    #[must_use]
    pub fn group_first_block(&self, group: GroupNr) -> BlockNr {
        let offset = u64::from(group.get()) * u64::from(self.blocks_per_group);
        BlockNr::new(u64::from(self.first_data_block) + offset)
    }

    /// Blocks of a group: all groups but the last are full.
    #[must_use]
    pub fn group_blocks(&self, group: GroupNr) -> u32 {
        let rest = self.blocks_count - self.group_first_block(group).get();
        u32::try_from(rest).unwrap_or(u32::MAX).min(self.blocks_per_group)
    }

    /// Whether a group holds a copy of the superblock (and, without `meta_bg`, of all descriptors).
    #[must_use]
    pub fn has_superblock(&self, group: GroupNr) -> bool {
        let n = group.get();
        match self.backups {
            Backups::All => true,
            _ if n == 0 => true,
            // Powers of odd numbers are odd: that spares most groups the divisions.
            Backups::Sparse => {
                n == 1 || n % 2 == 1 && [3, 5, 7].iter().any(|&base| is_power_of(n, base))
            }
            Backups::Sparse2(groups) => groups.contains(&n),
        }
    }

    /// Groups of which some may start with metadata of their own ([`base_meta_blocks`] above 0),
    /// ascending; no other group does. A few dozen where copies are sparse, else all groups.
    ///
    /// [`base_meta_blocks`]: Self::base_meta_blocks
    pub fn groups_with_base_meta(&self) -> impl Iterator<Item = GroupNr> + use<> {
        let count = self.group_count;
        let powers = |base: u32| iter::successors(Some(base), move |n| n.checked_mul(base));
        let sparse = self.first_meta_group.is_none();
        let mut few = match self.backups {
            Backups::Sparse if sparse => {
                let powers = [3, 5, 7]
                    .into_iter()
                    .flat_map(|base| powers(base).take_while(move |&n| n < count));
                [0, 1].into_iter().chain(powers).collect()
            }
            Backups::Sparse2([a, b]) if sparse => vec![0, a, b],
            _ => Vec::new(),
        };
        few.sort_unstable();
        few.dedup();
        let all = 0..if few.is_empty() { count } else { 0 };
        few.into_iter().chain(all).filter(move |&n| n < count).map(GroupNr::new)
    }

    /// The block with the primary superblock: 1 where blocks are 1 KiB, else 0.
    #[must_use]
    pub fn superblock_block(&self) -> BlockNr {
        BlockNr::new(u64::from(self.block_size.bits() == 10))
    }

    /// The block that holds descriptor block `index` (0 to [`desc_block_count`] - 1), read from
    /// beside the superblock copy at `superblock`. With `meta_bg`, blocks from the first meta
    /// group on lie in the first group of their meta group and have no such copy.
    ///
    /// [`desc_block_count`]: Self::desc_block_count
    #[must_use]
    pub fn desc_block(&self, index: u32, superblock: BlockNr) -> Option<BlockNr> {
        if index >= self.desc_block_count() {
            return None;
        }
        if self.first_meta_group.is_none_or(|first| index < first) {
            return self.block(superblock.get() + 1 + u64::from(index));
        }
        let group = self.group(index * self.descs_per_block())?;
        let mut skip = u64::from(self.has_superblock(group));
        if index == 0 && self.block_size.bits() == 10 && self.first_data_block == 0 {
            skip += 1;
        }
        self.block(self.group_first_block(group).get() + skip)
    }

    /// The descriptor block of a group (an index for [`desc_block`](Self::desc_block)), and the
    /// byte offset of its descriptor there.
    #[must_use]
    pub fn desc_index(&self, group: GroupNr) -> (u32, usize) {
        let per_block = self.descs_per_block();
        (group.get() / per_block, (group.get() % per_block * self.desc_size) as usize)
    }

    /// Descriptor blocks in a group: a whole copy of the table, one block of a meta block group,
    /// or none. Reserved ones are not counted.
    #[must_use]
    pub fn desc_blocks_in(&self, group: GroupNr) -> u32 {
        let per_meta = self.descs_per_block();
        if let Some(first) = self.first_meta_group
            && group.get() / per_meta >= first
        {
            let place = group.get() % per_meta;
            return u32::from(place <= 1 || place == per_meta - 1);
        }
        let copy = self.first_meta_group.unwrap_or_else(|| self.desc_block_count());
        if self.has_superblock(group) { copy } else { 0 }
    }

    /// Blocks at the start of a group taken by the superblock copy, descriptors and the
    /// descriptors' reserve.
    #[must_use]
    pub fn base_meta_blocks(&self, group: GroupNr) -> u32 {
        let copy = self.has_superblock(group);
        let reserve =
            if copy && self.first_meta_group.is_none() { self.reserved_gdt_blocks } else { 0 };
        // With 1 KiB blocks the boot block comes first, which only bigalloc counts into group 0.
        let boot = group.get() == 0 && self.first_data_block == 0 && self.block_size.bits() == 10;
        u32::from(boot) + u32::from(copy) + self.desc_blocks_in(group) + reserve
    }
}

fn cluster_ratio_bits(raw: &RawSuperblock, features: &FeatureSet) -> Result<u32, Corrupt> {
    let (block, cluster) = (raw.log_block_size.get(), raw.log_cluster_size.get());
    let bigalloc = features.ro_compat(RoCompat::BIGALLOC);
    if cluster > MAX_CLUSTER_LOG || cluster < block || (cluster != block && !bigalloc) {
        return Err(corrupt(CorruptKind::ClusterSize));
    }
    Ok(cluster - block)
}

fn reserved_gdt_blocks(raw: &RawSuperblock, features: &FeatureSet) -> u32 {
    if features.compat(Compat::RESIZE_INODE) { raw.reserved_gdt_blocks.get().into() } else { 0 }
}

/// log2 of the groups in a flex group. Zero, as `mke2fs -G 1` writes it, means no grouping.
fn flex_bits(raw: &RawSuperblock, features: &FeatureSet) -> Result<u32, Corrupt> {
    let bits = u32::from(raw.log_groups_per_flex);
    if !features.incompat(Incompat::FLEX_BG) {
        return Ok(0);
    }
    if bits > 31 { Err(corrupt(CorruptKind::FlexGroupSize)) } else { Ok(bits) }
}

fn backups(raw: &RawSuperblock, features: &FeatureSet) -> Backups {
    if features.compat(Compat::SPARSE_SUPER2) {
        Backups::Sparse2(raw.backup_bgs.map(zerocopy::little_endian::U32::get))
    } else if features.ro_compat(RoCompat::SPARSE_SUPER) {
        Backups::Sparse
    } else {
        Backups::All
    }
}

fn is_power_of(mut n: u32, base: u32) -> bool {
    while n > 1 && n.is_multiple_of(base) {
        n /= base;
    }
    n == 1
}

fn corrupt(kind: CorruptKind) -> Corrupt {
    Corrupt::new(kind, Place::superblock())
}
