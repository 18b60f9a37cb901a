//! Blocks marked as used or free, and allocation of blocks.
//!
//! Marking is idempotent: only bits that change are counted. A group that is wrong makes the call
//! fail before anything is changed; allocation passes it by.

use std::ops::Range;

use extant_format::bitmap::{Bits, BitsMut};
use extant_format::{BlockNr, Corrupt, CorruptKind, GroupNr, Place};

use super::Changes;
use crate::{Error, Result};

/// What a block or an inode is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// In use.
    Used,
    /// Free.
    Free,
}

impl Changes<'_> {
    /// Marks the clusters of `len` blocks from `start` in the bitmaps. What is so already stays so
    /// and is not counted again. Blocks of the system zones are never freed.
    ///
    /// # Errors
    /// [`CorruptKind::ExtentPhysicalRange`] for blocks outside the file system,
    /// [`CorruptKind::MapSystemZone`] for freeing metadata, those of a bad group; nothing has been
    /// changed then.
    pub(crate) fn mark_blocks(&mut self, start: BlockNr, len: u64, mark: Mark) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let (geometry, at) = (self.volume.geometry(), Place::default().block(start.get()));
        let outside = Corrupt::new(CorruptKind::ExtentPhysicalRange, at);
        let last = start.get().checked_add(len - 1).and_then(|last| geometry.block(last));
        let last = last.ok_or(outside)?;
        if start.get() < geometry.first_data_block().into() {
            return Err(outside.into());
        }
        let groups = geometry.block_group(start).get()..=geometry.block_group(last).get();
        let runs = groups.filter_map(|n| geometry.group(n));
        let runs = runs.map(|group| (group, self.clusters_in(group, start, last)));
        let runs: Vec<_> = runs.collect();
        for (group, clusters) in &runs {
            self.check_markable(*group, clusters, mark)?;
        }
        runs.into_iter().try_for_each(|(group, clusters)| self.mark_clusters(group, clusters, mark))
    }

    /// The clusters of `group` that hold blocks from `start` to `last`.
    fn clusters_in(&self, group: GroupNr, start: BlockNr, last: BlockNr) -> Range<u32> {
        let geometry = self.volume.geometry();
        let first = geometry.group_first_block(group).get();
        let cluster = |block: BlockNr| {
            let offset = block.get().saturating_sub(first) >> geometry.cluster_ratio_bits();
            u32::try_from(offset).unwrap_or(u32::MAX)
        };
        cluster(start)..cluster(last).saturating_add(1).min(self.group_clusters(group))
    }

    /// The blocks of clusters of `group`; the last cluster of all may end behind the file system.
    fn cluster_blocks(&self, group: GroupNr, clusters: &Range<u32>) -> Range<u64> {
        let geometry = self.volume.geometry();
        let first = geometry.group_first_block(group).get();
        let block = |cluster: u32| first + (u64::from(cluster) << geometry.cluster_ratio_bits());
        block(clusters.start)..block(clusters.end)
    }

    /// Whether the group has good bitmaps, and no metadata in what is to be free.
    fn check_markable(&self, group: GroupNr, clusters: &Range<u32>, mark: Mark) -> Result<()> {
        if mark == Mark::Free
            && let Some(zone) =
                self.volume.zones.within(self.cluster_blocks(group, clusters)).next()
        {
            let at = Place::group(group).block(zone.start);
            return Err(Error::corrupt(CorruptKind::MapSystemZone, at));
        }
        self.block_bitmap(group, &self.desc(group)?).map(drop)
    }

    fn mark_clusters(&mut self, group: GroupNr, clusters: Range<u32>, mark: Mark) -> Result<()> {
        let mut desc = self.desc(group)?;
        let mut bytes = self.block_bitmap(group, &desc)?;
        let len = self.group_clusters(group);
        let bits = BitsMut::new(&mut bytes, len);
        let changed = bits.map_or(0, |mut bits| bits.fill(clusters, mark == Mark::Used));
        if changed == 0 {
            return Ok(());
        }
        if mark == Mark::Free {
            self.space.reopen(group);
        }
        self.put_block_bitmap(group, &mut desc, &bytes)
    }

    /// Keeps `len` blocks from `start` from being allocated, whatever the bitmaps say.
    pub(crate) fn set_aside(&mut self, start: BlockNr, len: u64) {
        self.space.set_aside(start.get()..start.get().saturating_add(len));
    }

    /// A free block (the first of a free cluster) at or behind `goal` if there is one, marked as
    /// used; its content is not touched. Never one of the ranges set aside. The rest of the
    /// cluster is the caller's as well.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if no readable group has a free cluster; those of the device.
    pub(crate) fn allocate_block(&mut self, goal: BlockNr) -> Result<BlockNr> {
        let geometry = self.volume.geometry();
        let home = geometry.block_group(goal);
        let offset = goal.get().saturating_sub(geometry.group_first_block(home).get());
        // The cluster behind the one of which `goal` is not the first block.
        let from = offset.div_ceil(1 << geometry.cluster_ratio_bits());
        let from = u32::try_from(from).unwrap_or(u32::MAX);
        if let Some(block) = self.allocate_in(home, from)? {
            return Ok(block);
        }
        let next = self.space.last.map_or(home.get() + 1, GroupNr::get);
        let count = geometry.group_count();
        let others = (next..count).chain(0..next.min(count)).filter_map(|n| geometry.group(n));
        for group in others.filter(|group| *group != home) {
            if let Some(block) = self.allocate_in(group, 0)? {
                self.space.last = Some(group);
                return Ok(block);
            }
        }
        Err(Error::NoSpace)
    }

    /// A free cluster of `group`, from cluster `from` on if there is one. A group without any, or
    /// with a bad descriptor or bitmap, is not looked at again.
    fn allocate_in(&mut self, group: GroupNr, from: u32) -> Result<Option<BlockNr>> {
        if self.space.is_closed(group) {
            return Ok(None);
        }
        let found = match self.find_free(group, from) {
            Err(Error::Corrupt(_)) => None,
            found => found?,
        };
        let Some(cluster) = found else {
            self.space.close(group);
            return Ok(None);
        };
        let clusters = cluster..cluster + 1;
        let block = self.volume.geometry().block(self.cluster_blocks(group, &clusters).start);
        self.mark_clusters(group, clusters, Mark::Used)?;
        Ok(block)
    }

    fn find_free(&self, group: GroupNr, from: u32) -> Result<Option<u32>> {
        let desc = self.desc(group)?;
        if desc.free_clusters == 0 {
            return Ok(None);
        }
        let bytes = self.block_bitmap(group, &desc)?;
        let Some(bits) = Bits::new(&bytes, self.group_clusters(group)) else { return Ok(None) };
        Ok(self.free_cluster(group, bits, from).or_else(|| self.free_cluster(group, bits, 0)))
    }

    /// The first free cluster from `from` on that may be taken. None where metadata is marked
    /// free: such a bitmap cannot be trusted (row 14).
    fn free_cluster(&self, group: GroupNr, bits: Bits<'_>, mut from: u32) -> Option<u32> {
        let geometry = self.volume.geometry();
        loop {
            let cluster = bits.next_clear(from)?;
            let blocks = self.cluster_blocks(group, &(cluster..cluster + 1));
            if let Some(end) = self.space.aside_end(&blocks) {
                let behind = end - geometry.group_first_block(group).get();
                from = u32::try_from(behind.div_ceil(1 << geometry.cluster_ratio_bits())).ok()?;
                continue;
            }
            let metadata = self.volume.zones.within(blocks).next().is_some();
            return (!metadata).then_some(cluster);
        }
    }
}
