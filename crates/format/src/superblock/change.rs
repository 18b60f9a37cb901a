//! Changing a superblock in place: the fields, then [`RawSuperblock::seal`].

use zerocopy::FromBytes;

use super::{RawSuperblock, checksum};
use crate::features::{Incompat, RoCompat};

/// State flags of the superblock.
pub mod state {
    /// Cleanly unmounted.
    pub const VALID: u16 = 1;
    /// Errors were found.
    pub const ERRORS: u16 = 2;
    /// Orphans are being recovered.
    pub const ORPHANS: u16 = 4;
}

impl RawSuperblock {
    /// The superblock at the start of `bytes`, to be changed; `None` if there are too few.
    #[must_use]
    pub fn from_prefix_mut(bytes: &mut [u8]) -> Option<&mut Self> {
        Self::mut_from_prefix(bytes).ok().map(|(raw, _)| raw)
    }

    /// Sets the number of free blocks. Without the feature `64bit` the upper half stays.
    #[expect(clippy::cast_possible_truncation, reason = "halves")]
    pub fn set_free_blocks(&mut self, blocks: u64) {
        self.free_blocks_lo.set(blocks as u32);
        if Incompat::from_bits(self.feature_incompat.get()).contains(Incompat::BIT64) {
            self.free_blocks_hi.set((blocks >> 32) as u32);
        }
    }

    /// Takes away read-only-compatible features.
    pub fn clear_ro_compat(&mut self, features: RoCompat) {
        let now = RoCompat::from_bits(self.feature_ro_compat.get());
        self.feature_ro_compat.set(now.without(features).bits());
    }

    /// Makes the checksum right, where the features say that there is one.
    pub fn seal(&mut self) {
        let features = RoCompat::from_bits(self.feature_ro_compat.get());
        if features.contains(RoCompat::METADATA_CSUM) {
            let sum = checksum(self);
            self.checksum.set(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;
    use crate::{Superblock, testing};

    #[test]
    fn a_sealed_superblock_parses_and_an_open_one_does_not() {
        let mut block = testing::small().raw().as_bytes().to_vec();
        block.resize(4096, 7);
        let raw = RawSuperblock::from_prefix_mut(&mut block).unwrap();
        raw.set_free_blocks(0x5_0000_0123);
        assert!(Superblock::parse(raw.as_bytes()).is_err(), "not sealed");
        raw.seal();
        let free = Superblock::parse(raw.as_bytes()).unwrap().free_blocks();
        assert_eq!((free, raw.free_blocks_hi.get()), (0x123, 0), "no upper half without 64bit");
        assert!(block[1024..].iter().all(|&byte| byte == 7));
        assert!(RawSuperblock::from_prefix_mut(&mut block[..1023]).is_none());
    }

    #[test]
    fn without_checksums_the_field_stays() {
        let mut raw = testing::small_raw();
        raw.feature_ro_compat.set(RoCompat::ORPHAN_PRESENT.union(RoCompat::LARGE_FILE).bits());
        raw.checksum.set(0x1234_5678);
        raw.clear_ro_compat(RoCompat::ORPHAN_PRESENT);
        raw.seal();
        assert_eq!(raw.feature_ro_compat.get(), RoCompat::LARGE_FILE.bits());
        assert_eq!(raw.checksum.get(), 0x1234_5678);
    }

    #[test]
    fn wide_counts_have_an_upper_half() {
        let mut raw = testing::small_raw();
        raw.feature_incompat.set(Incompat::BIT64.bits());
        raw.set_free_blocks(0x5_0000_0123);
        assert_eq!((raw.free_blocks_hi.get(), raw.free_blocks_lo.get()), (5, 0x123));
    }
}
