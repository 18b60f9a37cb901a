//! What block allocation remembers between calls, and how far the totals have moved.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use extant_format::{GroupDesc, GroupNr};

use crate::statfs::FreeCounts;

/// State of allocation over the changes of one volume.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Blocks never to be allocated: start to end, disjoint.
    aside: BTreeMap<u64, u64>,
    /// Groups without a block for allocation: full, with a bad descriptor or bitmap, or with
    /// metadata marked free (row 14).
    closed: BTreeSet<GroupNr>,
    /// Where the search goes on if the goal's group has nothing.
    pub(super) last: Option<GroupNr>,
    clusters: i64,
    inodes: i64,
}

impl Space {
    /// Sets the blocks of `range` aside.
    pub(super) fn set_aside(&mut self, mut range: Range<u64>) {
        while let Some(old) = self.aside_touching(&(range.start..range.end.saturating_add(1))) {
            self.aside.remove(&old.start);
            range = range.start.min(old.start)..range.end.max(old.end);
        }
        if !range.is_empty() {
            self.aside.insert(range.start, range.end);
        }
    }

    /// A run set aside that has blocks of `range`, or ends where it starts.
    fn aside_touching(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let (&start, &end) = self.aside.range(..range.end).next_back()?;
        (end >= range.start).then_some(start..end)
    }

    /// The end of a run set aside that has blocks of `range`.
    pub(super) fn aside_end(&self, range: &Range<u64>) -> Option<u64> {
        let (_, &end) = self.aside.range(..range.end).next_back()?;
        (end > range.start).then_some(end)
    }

    pub(super) fn is_closed(&self, group: GroupNr) -> bool {
        self.closed.contains(&group)
    }

    pub(super) fn close(&mut self, group: GroupNr) {
        self.closed.insert(group);
    }

    /// Blocks of `group` became free.
    pub(super) fn reopen(&mut self, group: GroupNr) {
        self.closed.remove(&group);
    }

    pub(super) fn totals_changed(&mut self, old: &GroupDesc, new: &GroupDesc) {
        self.clusters += i64::from(new.free_clusters) - i64::from(old.free_clusters);
        self.inodes += i64::from(new.free_inodes) - i64::from(old.free_inodes);
    }

    /// Free clusters and inodes, from those there were at first.
    pub(super) fn totals(&self, first: FreeCounts) -> (u64, u64) {
        let clusters = first.clusters.saturating_add_signed(self.clusters);
        (clusters, first.inodes.saturating_add_signed(self.inodes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_set_aside_are_found_where_they_are_and_only_there() {
        let mut space = Space::default();
        let runs = [(10, 20), (30, 40), (18, 25), (40, 41), (7, 7), (5, 6), (28, 50)];
        let mut slow = [false; 64];
        for (start, end) in runs {
            space.set_aside(start..end);
            (start..end).for_each(|n| slow[usize::try_from(n).unwrap()] = true);
            for at in 0..60_u64 {
                for len in [1, 3] {
                    let hit = (at..at + len).any(|n| slow[usize::try_from(n).unwrap()]);
                    let found = space.aside_end(&(at..at + len));
                    assert_eq!(found.is_some(), hit, "{at}+{len} after {start}..{end}");
                    let last = found.map(|end| usize::try_from(end).unwrap());
                    assert!(last.is_none_or(|end| slow[end - 1] && !slow[end]));
                }
            }
        }
        assert_eq!(space.aside.len(), 3, "neighbours are joined: {:?}", space.aside);
    }
}
