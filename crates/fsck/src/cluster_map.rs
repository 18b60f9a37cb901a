//! Which clusters are in use, as found: bitmaps that many threads set bits in. A group's bitmap is
//! allocated when the first of its bits is set, so that empty groups of a large file system cost
//! nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use extant_format::{Geometry, GroupNr, to_usize};

/// Bits of a word.
const BITS: u64 = 64;

/// A set of clusters. A cluster is named by its number from the first data block on.
#[derive(Debug)]
pub(crate) struct ClusterMap {
    groups: Vec<OnceLock<Box<[AtomicU64]>>>,
    clusters_per_group: u64,
    clusters: u64,
    first_block: u64,
    ratio_bits: u32,
}

impl ClusterMap {
    /// An empty set for file systems of this geometry.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let ratio_bits = geometry.cluster_ratio_bits();
        let first_block = u64::from(geometry.first_data_block());
        let blocks = geometry.blocks_count() - first_block;
        Self {
            groups: (0..geometry.group_count()).map(|_| OnceLock::new()).collect(),
            clusters_per_group: geometry.clusters_per_group().into(),
            clusters: blocks.div_ceil(1 << ratio_bits),
            first_block,
            ratio_bits,
        }
    }

    /// The cluster that holds `block`; blocks before the first data block are in the first one.
    pub(crate) fn cluster(&self, block: u64) -> u64 {
        block.saturating_sub(self.first_block) >> self.ratio_bits
    }

    /// The first block of `cluster`.
    pub(crate) fn first_block(&self, cluster: u64) -> u64 {
        self.first_block + (cluster << self.ratio_bits)
    }

    /// Adds the clusters of `range`, those that there are; `again` gets those that were in the set
    /// before. Gives how many these were.
    pub(crate) fn add(&self, range: std::ops::Range<u64>, again: Option<&Self>) -> u64 {
        let mut before = 0;
        self.each_word(range, |group, word, mask| {
            let Some(slot) = self.words(group).get(word) else { return };
            let old = slot.fetch_or(mask, Ordering::Relaxed) & mask;
            if old == 0 {
                return;
            }
            before += u64::from(old.count_ones());
            if let Some(slot) = again.and_then(|again| again.words(group).get(word)) {
                slot.fetch_or(old, Ordering::Relaxed);
            }
        });
        before
    }

    /// How many clusters of `range` are in the set.
    pub(crate) fn count_in(&self, range: std::ops::Range<u64>) -> u64 {
        let mut count = 0;
        self.each_word(range, |group, word, mask| {
            let set = self.set_words(group).and_then(|words| words.get(word));
            let set = set.map_or(0, |slot| slot.load(Ordering::Relaxed));
            count += u64::from((set & mask).count_ones());
        });
        count
    }

    /// Whether the set is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.iter().all(|group| group.get().is_none())
    }

    /// Word `word` of the bitmap of `group`: bit 0 of word 0 is its first cluster.
    pub(crate) fn word(&self, group: GroupNr, word: usize) -> u64 {
        let words = self.set_words(group.get() as usize);
        words.and_then(|words| words.get(word)).map_or(0, |slot| slot.load(Ordering::Relaxed))
    }

    fn set_words(&self, group: usize) -> Option<&[AtomicU64]> {
        self.groups.get(group)?.get().map(|words| &**words)
    }

    fn words(&self, group: usize) -> &[AtomicU64] {
        let len = to_usize(self.clusters_per_group.div_ceil(BITS));
        let new = || (0..len).map(|_| AtomicU64::new(0)).collect();
        self.groups.get(group).map_or(&[], |slot| slot.get_or_init(new))
    }

    /// Calls `each` with group, word of its bitmap, and the bits of `range` in it.
    fn each_word(&self, range: std::ops::Range<u64>, mut each: impl FnMut(usize, usize, u64)) {
        let end = range.end.min(self.clusters);
        let mut at = range.start;
        while at < end {
            let group = at / self.clusters_per_group;
            let base = group * self.clusters_per_group;
            let bit = at - base;
            let word_start = bit / BITS * BITS;
            let stop = (word_start + BITS).min(self.clusters_per_group).min(end - base);
            let (low, high) = (bit - word_start, stop - word_start);
            let mask = (u64::MAX >> (BITS - (high - low))) << low;
            each(to_usize(group), to_usize(word_start / BITS), mask);
            at = base + stop;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Four groups of 100 clusters, the last of 30, of 4 blocks from block 1 on.
    fn map() -> ClusterMap {
        ClusterMap {
            groups: (0..4).map(|_| OnceLock::new()).collect(),
            clusters_per_group: 100,
            clusters: 330,
            first_block: 1,
            ratio_bits: 2,
        }
    }

    #[test]
    fn clusters_have_their_blocks() {
        let map = map();
        assert_eq!([0, 1, 4, 5, 400].map(|block| map.cluster(block)), [0, 0, 0, 1, 99]);
        assert_eq!([0, 1, 99].map(|cluster| map.first_block(cluster)), [1, 5, 397]);
    }

    proptest! {
        #[test]
        fn a_sequence_of_ranges_is_a_set(ranges: Vec<(u16, u8)>) {
            let (map, again) = (map(), map());
            let (mut model, mut twice) = (BTreeSet::new(), BTreeSet::new());
            for (start, len) in ranges {
                let start = u64::from(start % 340);
                let range = start..start + u64::from(len);
                let inside = range.clone().filter(|&cluster| cluster < 330);
                let known = inside.clone().filter(|cluster| model.contains(cluster)).count();
                twice.extend(inside.clone().filter(|cluster| model.contains(cluster)));
                prop_assert_eq!(map.count_in(range.clone()), known as u64);
                prop_assert_eq!(map.add(range, Some(&again)), known as u64);
                model.extend(inside);
            }
            for cluster in 0..330 {
                prop_assert_eq!(map.count_in(cluster..cluster + 1) == 1, model.contains(&cluster));
                let found = again.count_in(cluster..cluster + 1) == 1;
                prop_assert_eq!(found, twice.contains(&cluster));
            }
            prop_assert_eq!(again.is_empty(), twice.is_empty());
        }
    }
}
