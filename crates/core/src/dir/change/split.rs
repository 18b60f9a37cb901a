//! The entries of a full leaf in the order of their hashes, to be divided.

use extant_format::dir_hash::HashVersion;
use extant_format::{Corrupt, CorruptKind};

use super::DirEdit;
use crate::dir::htree::HashPath;
use crate::dir::names::Wanted;
use crate::{Error, Result};

/// Bytes of a record before its name.
const HEADER: usize = 8;

/// The hashes that names of one leaf may have, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashRange {
    low: u32,
    high: u32,
}

impl HashRange {
    /// Of a directory's only leaf.
    pub(super) const ALL: Self = Self { low: 0, high: u32::MAX };

    /// Of the leaf that `path` leads to; `None` where the nodes contradict each other.
    pub(super) fn of(path: &HashPath) -> Option<Self> {
        let mut range = Self::ALL;
        for step in &path.steps {
            range.low = range.low.max(step.pair()?.hash & !1);
            let Some(next) = step.pair_at(step.index + 1) else { continue };
            // Names of the next pair's own hash are here only if it continues a collision.
            let end =
                if next.continues_collision() { next.hash } else { next.hash.checked_sub(1)? };
            range.high = range.high.min(end);
        }
        (range.low..=range.high).contains(&path.hash).then_some(range)
    }
}

/// The entries of two leaves.
#[derive(Debug)]
pub(super) struct Halves {
    pub(super) low: Vec<Vec<u8>>,
    pub(super) high: Vec<Vec<u8>>,
    /// The hash of the second leaf's pair, with the collision mark.
    pub(super) hash: u32,
}

/// The room that records take.
pub(super) fn total(records: &[Vec<u8>]) -> usize {
    records.iter().map(Vec::len).sum()
}

impl DirEdit<'_, '_> {
    /// Divides entries that do not fit into one leaf of `capacity` bytes. Nearest to the middle is
    /// best, but not between names of one hash if that can be.
    pub(super) fn halve(
        &self,
        records: Vec<Vec<u8>>,
        version: HashVersion,
        range: HashRange,
    ) -> Result<Halves> {
        let capacity = self.leaf_capacity();
        let all = total(&records);
        let mut hashed = Vec::with_capacity(records.len());
        for record in records {
            hashed.push((self.hash_in(&record, version, range)?, record));
        }
        hashed.sort_by_key(|&(hash, _)| hash);
        let mut best = None;
        let mut low = 0;
        for (cut, pair) in hashed.windows(2).enumerate() {
            let [(before, record), (after, _)] = pair else { continue };
            low += record.len();
            let rank = (before == after, (2 * low).abs_diff(all));
            let fits = low <= capacity && all - low <= capacity;
            if fits && best.is_none_or(|(best, _, _)| rank < best) {
                best = Some((rank, cut + 1, *after | u32::from(before == after)));
            }
        }
        // Two leaves hold any block's entries and one more: none is longer than a third of a leaf.
        let (_, cut, hash) = best.ok_or(Error::NoSpace)?;
        let high = hashed.split_off(cut);
        let strip =
            |half: Vec<(u32, Vec<u8>)>| half.into_iter().map(|(_, record)| record).collect();
        Ok(Halves { low: strip(hashed), high: strip(high), hash })
    }

    /// The hash of the name of `record`. A name that its hash does not lead to is damage, but where
    /// another version of the folding tables may have put it: it stays near its place then.
    fn hash_in(&self, record: &[u8], version: HashVersion, range: HashRange) -> Result<u32> {
        let dir = self.dir();
        let len = record.get(6).copied().unwrap_or_default();
        let name = record.get(HEADER..).and_then(|rest| rest.get(..len.into())).unwrap_or_default();
        let at = extant_format::Place::inode(self.inode.ino);
        let hash = Wanted::stored(&dir, name).hash(&dir, version);
        let hash = hash.ok_or(Corrupt::new(CorruptKind::DirHashKey, at))?;
        let inside = hash.clamp(range.low, range.high);
        if hash != inside && !(dir.rule.casefold && dir.folding_may_differ()) {
            return Err(Error::corrupt(CorruptKind::HtreeOrder, at));
        }
        Ok(inside & !1)
    }
}
