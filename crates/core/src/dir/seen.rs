//! Which blocks a scan of a directory has read. A map of a few extents can repeat a few blocks
//! until they fill the largest directory; the first block met twice ends such a scan, so that its
//! cost follows from blocks that the image has (rows 32 and 33).

use std::collections::BTreeMap;

use extant_format::BlockNr;

/// Blocks that a scan has read, in runs.
#[derive(Clone, Debug, Default)]
pub struct SeenBlocks {
    /// First block of each run, and the block behind its last.
    runs: BTreeMap<u64, u64>,
}

impl SeenBlocks {
    /// Adds a block; `false` if it was there.
    #[must_use]
    pub fn add(&mut self, block: BlockNr) -> bool {
        let nr = block.get();
        match self.runs.range_mut(..=nr).next_back() {
            Some((_, end)) if nr < *end => return false,
            Some((_, end)) if nr == *end => *end += 1,
            _ => {
                self.runs.insert(nr, nr + 1);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_new_once() {
        let geometry = crate::check::tests::geometry();
        let mut seen = SeenBlocks::default();
        let mut add = |n| seen.add(geometry.block(n).unwrap());
        for n in [10, 11, 12, 5, 9, 100, 6] {
            assert!(add(n), "{n}");
        }
        for n in [10, 11, 12, 5, 9, 100, 6] {
            assert!(!add(n), "{n}");
        }
        assert!(add(13) && add(7) && add(8) && !add(8));
    }
}
