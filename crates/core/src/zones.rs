//! The system zones: blocks that hold metadata, which no file's map may claim (row 21, H1).

use std::ops::Range;

use extant_format::{BlockNr, InodeNr};

/// A run of blocks; `owner` is the inode that may map it, if any may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Zone {
    start: u64,
    end: u64,
    owner: Option<InodeNr>,
}

/// Sorted, disjoint runs of metadata blocks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SystemZones {
    zones: Vec<Zone>,
}

/// Overlaps of metadata to tell of.
const MAX_OVERLAPS: usize = 16;

impl SystemZones {
    /// Adds `len` blocks from `start`. Runs may come in any order; neighbours are joined at once
    /// where they come in ascending order, which keeps the list short.
    pub(crate) fn add(&mut self, start: u64, len: u64, owner: Option<InodeNr>) {
        let end = start.saturating_add(len);
        if let Some(last) = self.zones.last_mut()
            && last.owner == owner
            && start == last.end
        {
            last.end = end;
        } else if len > 0 {
            self.zones.push(Zone { start, end, owner });
        }
    }

    /// Adds all runs of `other`.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.zones.append(&mut other.zones);
    }

    /// Sorts and joins all runs; where runs overlap, one without an owner wins. Returns the first
    /// blocks of runs without an owner that overlap another such run, at most a few.
    pub(crate) fn finish(&mut self) -> Vec<u64> {
        let mut overlaps = Vec::new();
        // Stable: this sort is linear where the list is a few ascending runs.
        self.zones.sort_by_key(|zone| zone.start);
        let mut joined: Vec<Zone> = Vec::with_capacity(self.zones.len());
        for zone in self.zones.drain(..) {
            match joined.last_mut() {
                Some(last) if zone.start < last.end => {
                    let both = last.owner.is_none() && zone.owner.is_none();
                    if both && overlaps.len() < MAX_OVERLAPS {
                        overlaps.push(zone.start);
                    }
                    last.end = last.end.max(zone.end);
                    if last.owner != zone.owner {
                        last.owner = None;
                    }
                }
                Some(last) if zone.start == last.end && zone.owner == last.owner => {
                    last.end = zone.end;
                }
                _ => joined.push(zone),
            }
        }
        joined.shrink_to_fit();
        self.zones = joined;
        overlaps
    }

    /// Whether inode `ino` may map the `len` blocks from `start`.
    #[must_use]
    pub fn allows(&self, ino: InodeNr, start: BlockNr, len: u64) -> bool {
        let (start, end) = (start.get(), start.get().saturating_add(len));
        let first = self.zones.partition_point(|zone| zone.end <= start);
        self.zones
            .iter()
            .skip(first)
            .take_while(|zone| zone.start < end)
            .all(|zone| zone.owner == Some(ino))
    }

    /// The parts of all runs that lie in `blocks`, ascending, whoever may map them.
    pub(crate) fn within(&self, blocks: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.zones.partition_point(|zone| zone.end <= blocks.start);
        let zones = self.zones.iter().skip(first).take_while(move |zone| zone.start < blocks.end);
        zones.map(move |zone| zone.start.max(blocks.start)..zone.end.min(blocks.end))
    }

    /// The runs as (first block, behind the last, owner), ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64, Option<InodeNr>)> + '_ {
        self.zones.iter().map(|zone| (zone.start, zone.end, zone.owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(zones: &SystemZones) -> Vec<(u64, u64)> {
        zones.iter().map(|(start, end, _)| (start, end)).collect()
    }

    #[test]
    fn runs_are_sorted_and_joined() {
        let mut zones = SystemZones::default();
        for (start, len) in [(50, 10), (0, 5), (5, 5), (58, 4), (100, 0), (20, 1)] {
            zones.add(start, len, None);
        }
        assert_eq!(zones.finish(), [58], "two that overlap");
        assert_eq!(runs(&zones), [(0, 10), (20, 21), (50, 62)]);
    }

    #[test]
    fn runs_within_a_range_end_with_it() {
        let mut zones = SystemZones::default();
        for (start, len) in [(10, 10), (30, 10), (50, 10)] {
            zones.add(start, len, None);
        }
        let within = |range| zones.within(range).collect::<Vec<_>>();
        assert_eq!(within(15..52), [15..20, 30..40, 50..52]);
        assert_eq!(within(32..33), std::slice::from_ref(&(32..33)));
        assert!(within(20..30).is_empty() && within(60..90).is_empty());
    }

    #[test]
    fn only_the_owner_may_map_its_zone() {
        let geometry = crate::check::tests::geometry();
        let block = |n| geometry.block(n).unwrap();
        let (owner, other) = (geometry.inode(8).unwrap(), geometry.inode(12).unwrap());
        let mut zones = SystemZones::default();
        zones.add(10, 10, None);
        zones.add(30, 10, Some(owner));
        zones.finish();
        assert!(zones.allows(other, block(20), 10));
        assert!(!zones.allows(other, block(20), 11));
        assert!(!zones.allows(other, block(19), 1));
        assert!(zones.allows(owner, block(30), 10) && !zones.allows(other, block(39), 1));
        assert!(!zones.allows(owner, block(1), 100), "spans a zone without an owner");
    }
}
