//! Space and inode counts as statfs(2) gives them.

use extant_format::{Compat, Incompat, InodeNr, RoCompat};

use crate::{InodeUse, Volume};
use extant_block::IoFlags;

/// What statfs(2) tells of a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statfs {
    /// Bytes of a block.
    pub block_size: u32,
    /// Blocks of the file system without its overhead.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks that are not reserved.
    pub blocks_available: u64,
    /// Inodes.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// The file system id: both halves of the UUID folded.
    pub fsid: u64,
    /// The longest name, in bytes.
    pub name_max: u32,
}

/// Free space as the descriptors record it, added up when the file system was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct FreeCounts {
    pub(crate) clusters: u64,
    pub(crate) inodes: u64,
}

/// Clusters that Linux keeps back for its own conversions: 2 %, at most 4,096.
const MAX_KEPT_CLUSTERS: u64 = 4096;

impl Volume {
    /// Space and inode counts, as the kernel gives them for a file system mounted read-only.
    #[must_use]
    pub fn statfs(&self) -> Statfs {
        let geometry = self.geometry();
        let ratio = geometry.cluster_ratio_bits();
        let blocks = geometry.blocks_count();
        let free = (self.free.clusters << ratio).min(blocks);
        let kept = if self.superblock.features().incompat(Incompat::EXTENTS) {
            ((blocks >> ratio) / 50).min(MAX_KEPT_CLUSTERS) << ratio
        } else {
            0
        };
        let reserved = self.superblock.reserved_blocks().saturating_add(kept);
        Statfs {
            block_size: geometry.block_size().bytes(),
            blocks: blocks.saturating_sub(self.overhead_clusters() << ratio),
            blocks_free: free,
            blocks_available: free.saturating_sub(reserved),
            files: geometry.inodes_count().into(),
            files_free: self.free.inodes.min(geometry.inodes_count().into()),
            fsid: self.fsid(),
            name_max: 255,
        }
    }

    fn fsid(&self) -> u64 {
        let (low, high) = self.superblock.raw().uuid.split_at(8);
        let word = |half: &[u8]| half.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
        word(low) ^ word(high)
    }

    /// Clusters taken by the file system itself. With bigalloc the superblock records them, since
    /// metadata of several groups may share a cluster; else they are added up.
    fn overhead_clusters(&self) -> u64 {
        let geometry = self.geometry();
        let recorded = u64::from(self.superblock.raw().overhead_clusters.get());
        let bigalloc = self.superblock.features().ro_compat(RoCompat::BIGALLOC);
        if bigalloc && recorded != 0 && recorded <= geometry.blocks_count() {
            return recorded;
        }
        let blocks = if bigalloc { self.zone_blocks() } else { self.group_overhead() };
        let ratio = geometry.cluster_ratio_bits();
        (u64::from(geometry.first_data_block()) >> ratio)
            + blocks.div_ceil(1 << ratio)
            + (self.journal_blocks() >> ratio)
    }

    /// Superblock copies, descriptors with their reserve, bitmaps and tables of all groups.
    fn group_overhead(&self) -> u64 {
        let geometry = self.geometry();
        let each = u64::from(geometry.inode_table_blocks()) + 2;
        let base = |group| u64::from(geometry.base_meta_blocks(group));
        let copies: u64 = geometry.groups_with_base_meta().map(base).sum();
        u64::from(geometry.group_count()) * each + copies
    }

    fn zone_blocks(&self) -> u64 {
        let zones = self.zones.iter().filter(|(_, _, owner)| owner.is_none());
        zones.map(|(start, end, _)| end - start).sum()
    }

    /// Blocks of an internal journal, from its inode's size.
    fn journal_blocks(&self) -> u64 {
        if !self.superblock.features().compat(Compat::HAS_JOURNAL) {
            return 0;
        }
        let number = self.superblock.raw().journal_inum.get();
        let ino = self.geometry().inode(number).unwrap_or(InodeNr::JOURNAL);
        let inode = self.inode(ino, InodeUse::Special, IoFlags::NONE);
        inode.map_or(0, |inode| inode.size >> self.block_size().bits())
    }
}
