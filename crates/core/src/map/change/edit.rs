//! One change of one inode's map: the blocks it takes and gives back, counted, and at the end the
//! inode itself, written once.

use std::ops::RangeInclusive;

use extant_format::inode::{MAP_SIZE, map_bytes_mut, set_blocks_512};
use extant_format::{BlockNr, Corrupt, CorruptKind, Inode, Place};

use super::clusters::{self, Distinct, Kept};
use crate::changes::{Changes, Mark};
use crate::{Error, Result, Volume};

pub(super) struct Edit<'c, 'v> {
    pub(super) changes: &'c mut Changes<'v>,
    /// The inode as it was before.
    pub(super) inode: Inode,
    /// Clusters that stay, whatever is unmapped.
    kept: Kept,
    /// Clusters of data given back.
    freed: Distinct,
    /// Blocks of the map given back; each has a cluster to itself.
    freed_map: u64,
    /// Clusters that the inode takes in addition.
    taken: u64,
    /// A run of blocks to be freed, which the next one may continue.
    pending: Option<(u64, u64)>,
    /// The first failure to free: by then the map may be half changed, so what is left goes on.
    failed: Option<Error>,
}

impl<'c, 'v> Edit<'c, 'v> {
    pub(super) fn new(changes: &'c mut Changes<'v>, inode: Inode, kept: Kept) -> Self {
        Self {
            changes,
            inode,
            kept,
            freed: Distinct::default(),
            freed_map: 0,
            taken: 0,
            pending: None,
            failed: None,
        }
    }

    pub(super) fn volume(&self) -> &'v Volume {
        self.changes.volume()
    }

    /// The place of the inode.
    pub(super) fn at(&self) -> Place {
        Place::inode(self.inode.ino)
    }

    /// Counts `clusters` as taken by data.
    pub(super) fn take(&mut self, clusters: u64) {
        self.taken += clusters;
    }

    /// `count` new blocks for the map, near `goal`, all or none. `fits` says which the map can
    /// point at.
    pub(super) fn map_blocks(
        &mut self,
        count: usize,
        goal: BlockNr,
        fits: impl Fn(BlockNr) -> bool,
    ) -> Result<Vec<BlockNr>> {
        let mut blocks = Vec::with_capacity(count);
        while blocks.len() < count {
            let last = blocks.last().copied().unwrap_or(goal);
            let block = self.changes.allocate_block(last).and_then(|block| {
                blocks.push(block);
                if fits(block) { Ok(block) } else { Err(Error::NoSpace) }
            });
            if let Err(error) = block {
                for block in blocks {
                    self.changes.mark_blocks(block, 1, Mark::Free)?;
                }
                return Err(error);
            }
        }
        self.taken += count as u64;
        Ok(blocks)
    }

    /// Gives back a block of the map.
    pub(super) fn free_map(&mut self, nr: BlockNr) {
        self.freed_map += 1;
        let cluster = nr.get() >> self.volume().geometry().cluster_ratio_bits();
        self.free(&(cluster..=cluster));
    }

    /// Gives back the clusters of the `len` blocks of data from `start` but for those kept. Runs
    /// come in the order of the file.
    pub(super) fn free_data(&mut self, start: BlockNr, len: u64) {
        let Some(last) = len.checked_sub(1) else { return };
        match self.pending {
            Some((first, end)) if end == start.get() => self.pending = Some((first, end + len)),
            _ => {
                self.free_pending();
                self.pending = Some((start.get(), start.get() + last + 1));
            }
        }
    }

    fn free_pending(&mut self) {
        let Some((start, end)) = self.pending.take() else { return };
        let clusters = clusters::of_run(self.volume().geometry(), start, end - start);
        let runs: Vec<_> = self.kept.without(clusters).collect();
        for run in runs {
            self.freed.add(&run);
            self.free(&run);
        }
    }

    fn free(&mut self, clusters: &RangeInclusive<u64>) {
        let outside = || Error::from(Corrupt::new(CorruptKind::ExtentPhysicalRange, self.at()));
        let freed = clusters::blocks(self.volume().geometry(), clusters)
            .ok_or_else(outside)
            .and_then(|(start, len)| self.changes.mark_blocks(start, len, Mark::Free));
        if let Err(error) = freed {
            self.failed.get_or_insert(error);
        }
    }

    /// Writes the inode with its new `map`, if there is one, and its new count of blocks.
    pub(super) fn finish(mut self, map: Option<&[u8; MAP_SIZE]>) -> Result<()> {
        self.free_pending();
        let freed = self.freed.count() + self.freed_map;
        if map.is_some() || freed != self.taken {
            let volume = self.volume();
            let units = clusters::units_512(volume.geometry());
            let blocks = self.inode.blocks_512.saturating_add(self.taken.saturating_mul(units));
            let blocks = blocks.saturating_sub(freed.saturating_mul(units));
            let fits = self.changes.change_inode(self.inode.ino, |slot| {
                let fits = set_blocks_512(slot, blocks, volume.superblock());
                if let (true, Some(map)) = (fits, map) {
                    map_bytes_mut(slot).copy_from_slice(map);
                }
                fits
            })?;
            if !fits {
                return Err(Error::NoSpace);
            }
        }
        self.failed.map_or(Ok(()), Err)
    }
}
