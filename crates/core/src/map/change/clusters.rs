//! Clusters: the unit in which blocks are taken and counted. Without bigalloc a cluster is one
//! block, and nothing here costs a read.

use std::ops::{Range, RangeInclusive};

use extant_format::{BlockNr, Geometry, Inode};

use crate::map::walk::Run;
use crate::{Result, Volume};

/// Units of 512 bytes in a cluster.
pub(super) const fn units_512(geometry: &Geometry) -> u64 {
    1 << (geometry.block_size().bits() + geometry.cluster_ratio_bits() - 9)
}

/// The clusters that hold the `len` blocks from `start`; `len` is not 0.
pub(super) const fn of_run(geometry: &Geometry, start: u64, len: u64) -> RangeInclusive<u64> {
    let bits = geometry.cluster_ratio_bits();
    start >> bits..=(start + (len - 1)) >> bits
}

/// Counts clusters that come in runs in the order of a file, in which runs that share a cluster
/// are neighbours.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    last: Option<u64>,
    count: u64,
}

impl Distinct {
    /// Adds a run of clusters, not empty.
    pub(super) fn add(&mut self, clusters: &RangeInclusive<u64>) {
        let again = u64::from(self.last == Some(*clusters.start()));
        self.count += clusters.end() - clusters.start() + 1 - again;
        self.last = Some(*clusters.end());
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

/// Sets of clusters that stay when others are freed: sorted, disjoint.
#[derive(Debug, Default)]
pub(super) struct Kept(Vec<RangeInclusive<u64>>);

impl Kept {
    /// The clusters of blocks that are mapped right before and right behind `range`, in the same
    /// clusters of the file.
    pub(super) fn around(volume: &Volume, inode: &Inode, range: &Range<u64>) -> Result<Self> {
        let wide = aligned(volume.geometry(), range);
        let mut kept = Self::default();
        for side in [wide.start..range.start, range.end..wide.end] {
            each(volume, inode, side, |clusters| kept.0.push(clusters))?;
        }
        kept.sort();
        Ok(kept)
    }

    /// Keeps `clusters` too.
    pub(super) fn add(&mut self, clusters: RangeInclusive<u64>) {
        self.0.push(clusters);
        self.sort();
    }

    fn sort(&mut self) {
        self.0.sort_unstable_by_key(|clusters| *clusters.start());
        self.0.dedup_by(|next, last| {
            let overlap = next.start() <= last.end();
            if overlap {
                *last = *last.start()..=*last.end().max(next.end());
            }
            overlap
        });
    }

    /// The runs in `clusters` that are not kept.
    pub(super) fn without(
        &self,
        clusters: RangeInclusive<u64>,
    ) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        let (mut next, last) = clusters.into_inner();
        let mut kept = self.0.iter().skip(self.0.partition_point(|kept| *kept.end() < next));
        std::iter::from_fn(move || {
            while next <= last {
                let start = next;
                let Some(kept) = kept.next().filter(|kept| *kept.start() <= last) else {
                    next = last + 1;
                    return Some(start..=last);
                };
                next = kept.end() + 1;
                if start < *kept.start() {
                    return Some(start..=kept.start() - 1);
                }
            }
            None
        })
    }
}

/// How many clusters the inode takes for the logical blocks `range` and for the blocks of the map
/// that lead there. For an aligned range: the blocks of a cluster are in one cluster of the file.
pub(super) fn count(volume: &Volume, inode: &Inode, range: Range<u64>) -> Result<u64> {
    let (mut data, mut map) = (Distinct::default(), 0);
    volume.walk_map(inode, range.clone(), &mut |run| {
        match run {
            Run::Map(_) => map += 1,
            Run::Data(run) => {
                if let Some((_, start, len)) = run.clip(&range) {
                    data.add(&of_run(volume.geometry(), start, len));
                }
            }
        }
        Ok(())
    })?;
    Ok(data.count() + map)
}

/// How many of the clusters `wanted` the inode has already, in the clusters of the file that
/// `range` touches.
pub(super) fn count_owned(
    volume: &Volume,
    inode: &Inode,
    range: &Range<u64>,
    wanted: &RangeInclusive<u64>,
) -> Result<u64> {
    let mut owned = Distinct::default();
    each(volume, inode, aligned(volume.geometry(), range), |clusters| {
        let (start, end) = (clusters.start().max(wanted.start()), clusters.end().min(wanted.end()));
        if start <= end {
            owned.add(&(*start..=*end));
        }
    })?;
    Ok(owned.count().min(wanted.end() - wanted.start() + 1))
}

/// The blocks of clusters `clusters`, as first block and length; `None` if none is inside the file
/// system.
pub(super) fn blocks(
    geometry: &Geometry,
    clusters: &RangeInclusive<u64>,
) -> Option<(BlockNr, u64)> {
    let bits = geometry.cluster_ratio_bits();
    let start = clusters.start().checked_shl(bits)?;
    let end = (clusters.end() + 1).checked_shl(bits)?.min(geometry.blocks_count());
    Some((geometry.block(start)?, end - start))
}

/// `range` widened to whole clusters of the file.
fn aligned(geometry: &Geometry, range: &Range<u64>) -> Range<u64> {
    let mask = (1_u64 << geometry.cluster_ratio_bits()) - 1;
    range.start & !mask..range.end.saturating_add(mask) & !mask
}

/// Calls `f` with the clusters of each run of data in `range`, in the order of the file.
fn each(
    volume: &Volume,
    inode: &Inode,
    range: Range<u64>,
    mut f: impl FnMut(RangeInclusive<u64>),
) -> Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    volume.walk_map(inode, range.clone(), &mut |run| {
        if let Run::Data(run) = run
            && let Some((_, start, len)) = run.clip(&range)
        {
            f(of_run(volume.geometry(), start, len));
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_cut_out() {
        let mut kept = Kept::default();
        for range in [20..=29, 3..=3, 25..=34, 40..=40] {
            kept.add(range);
        }
        assert_eq!(kept.0, [3..=3, 20..=34, 40..=40]);
        let without = |range| kept.without(range).collect::<Vec<_>>();
        assert_eq!(without(0..=50), [0..=2, 4..=19, 35..=39, 41..=50]);
        assert_eq!(without(22..=30), []);
        assert_eq!(without(3..=20), [4..=19]);
        assert_eq!(without(34..=35), [35..=35]);
        assert_eq!(without(4..=4), [4..=4]);
        assert_eq!(Kept::default().without(7..=9).collect::<Vec<_>>(), [7..=9]);
    }

    #[test]
    fn a_cluster_that_two_runs_share_counts_once() {
        let mut distinct = Distinct::default();
        for run in [5..=7, 7..=7, 7..=8, 1..=1] {
            distinct.add(&run);
        }
        assert_eq!(distinct.count(), 3 + 1 + 1);
    }
}
