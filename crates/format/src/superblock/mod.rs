//! The superblock: from 1,024 bytes to features, a [`Geometry`] and the values that describe the
//! file system. A value of [`Superblock`] has passed every check of this module.

mod change;
mod raw;

use zerocopy::{FromBytes, IntoBytes};

pub use change::state;
pub use raw::RawSuperblock;

use crate::checksum::{ChecksumSeed, crc32c};
use crate::features::{Compat, FeatureSet, Incompat, RoCompat};
use crate::{Corrupt, CorruptKind, Geometry, InodeNr, Place};

/// Byte offset of the primary superblock from the start of the file system.
pub const SUPERBLOCK_OFFSET: u64 = 1024;
/// Bytes of a superblock.
pub const SUPERBLOCK_SIZE: usize = 1024;
/// The magic number at offset 0x38.
pub const MAGIC: u16 = 0xef53;

/// Why bytes that look like a superblock cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SuperblockError {
    /// The format's rules are broken.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// Valid, but with features that Extant does not read.
    #[error("unsupported: {}", .features.join(", "))]
    Unsupported {
        /// The names of the features, as mke2fs(8) has them.
        features: Vec<String>,
    },
    /// The device is an external journal, not a file system.
    #[error("the device holds an external journal, not a file system")]
    JournalDevice,
}

/// A checked superblock.
#[derive(Clone)]
pub struct Superblock {
    raw: RawSuperblock,
    features: FeatureSet,
    geometry: Geometry,
    seed: ChecksumSeed,
}

impl Superblock {
    /// Checks 1,024 bytes as a superblock.
    ///
    /// # Errors
    /// [`SuperblockError`] names the first rule broken. The size of the device is not known here:
    /// the caller compares it with [`Geometry::size_bytes`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SuperblockError> {
        let corrupt = |kind| Corrupt::new(kind, Place::superblock());
        let raw = RawSuperblock::read_from_bytes(bytes.get(..SUPERBLOCK_SIZE).unwrap_or_default())
            .map_err(|_| corrupt(CorruptKind::SuperblockMagic))?;
        if raw.magic.get() != MAGIC {
            return Err(corrupt(CorruptKind::SuperblockMagic).into());
        }
        let features = FeatureSet {
            compat: Compat::from_bits(raw.feature_compat.get()),
            incompat: Incompat::from_bits(raw.feature_incompat.get()),
            ro_compat: RoCompat::from_bits(raw.feature_ro_compat.get()),
        };
        check_sum(&raw, &features)?;
        check_features(&features)?;
        let geometry = Geometry::new(&raw, &features)?;
        let superblock = Self { seed: seed_of(&raw, &features), raw, features, geometry };
        superblock.check_names_and_hashes()?;
        Ok(superblock)
    }

    fn check_names_and_hashes(&self) -> Result<(), Corrupt> {
        let corrupt = |kind| Err(Corrupt::new(kind, Place::superblock()));
        if self.features.compat(Compat::DIR_INDEX) && self.raw.def_hash_version > 5 {
            return corrupt(CorruptKind::HashVersion);
        }
        if self.features.incompat(Incompat::CASEFOLD) && self.raw.encoding.get() != 1 {
            return corrupt(CorruptKind::CasefoldEncoding);
        }
        if self.features.compat(Compat::HAS_JOURNAL) && self.raw.journal_inum.get() != 0 {
            let journal = self.geometry.inode(self.raw.journal_inum.get());
            let first = self.geometry.first_inode();
            if !journal.is_some_and(|j| j == InodeNr::JOURNAL || j.get() >= first) {
                return corrupt(CorruptKind::JournalInode);
            }
        }
        Ok(())
    }

    /// The bytes as they are on disk.
    #[must_use]
    pub fn raw(&self) -> &RawSuperblock {
        &self.raw
    }

    /// The feature flags.
    #[must_use]
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// Sizes and counts, checked against each other.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The seed of all CRC32C sums of this file system.
    #[must_use]
    pub fn seed(&self) -> ChecksumSeed {
        self.seed
    }

    /// Whether the journal must be replayed before the image may be trusted.
    #[must_use]
    pub fn needs_recovery(&self) -> bool {
        self.features.incompat(Incompat::RECOVER)
    }

    /// No transaction in the log is older than this, in seconds since 1970, if clocks were right:
    /// when the file system was made, or last mounted, which empties the log.
    #[must_use]
    pub fn log_is_since(&self) -> u64 {
        let made = wide(self.raw.mkfs_time_hi.into(), self.raw.mkfs_time.get());
        let mounted = wide(self.raw.mtime_hi.into(), self.raw.mtime.get());
        made.max(mounted)
    }

    /// Whether there may be orphans: inodes that a crash left half deleted or half truncated.
    #[must_use]
    pub fn may_have_orphans(&self) -> bool {
        self.raw.last_orphan.get() != 0 || self.features.ro_compat(RoCompat::ORPHAN_PRESENT)
    }

    /// The label: bytes up to the first zero byte, in no known encoding.
    #[must_use]
    pub fn label(&self) -> &[u8] {
        until_zero(&self.raw.volume_name)
    }

    /// The directory of the last mount, up to the first zero byte.
    #[must_use]
    pub fn last_mounted(&self) -> &[u8] {
        until_zero(&self.raw.last_mounted)
    }

    /// Free blocks as the superblock has them (a hint: the descriptors decide).
    #[must_use]
    pub fn free_blocks(&self) -> u64 {
        let hi =
            if self.features.incompat(Incompat::BIT64) { self.raw.free_blocks_hi.get() } else { 0 };
        wide(hi, self.raw.free_blocks_lo.get())
    }

    /// Blocks reserved for the privileged user.
    #[must_use]
    pub fn reserved_blocks(&self) -> u64 {
        let hi = if self.features.incompat(Incompat::BIT64) {
            self.raw.reserved_blocks_hi.get()
        } else {
            0
        };
        wide(hi, self.raw.reserved_blocks_lo.get())
    }

    /// The seed of the directory hashes: four words, or `None` where all are zero and the
    /// algorithm's own initial state is used.
    #[must_use]
    pub fn hash_seed(&self) -> Option<[u32; 4]> {
        let seed = self.raw.hash_seed.map(zerocopy::little_endian::U32::get);
        (seed != [0; 4]).then_some(seed)
    }
}

impl std::fmt::Debug for Superblock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Superblock")
            .field("features", &self.features)
            .field("geometry", &self.geometry)
            .finish_non_exhaustive()
    }
}

fn check_sum(raw: &RawSuperblock, features: &FeatureSet) -> Result<(), Corrupt> {
    if !features.metadata_csum() {
        return Ok(());
    }
    if raw.checksum_type != 1 {
        return Err(Corrupt::new(CorruptKind::SuperblockChecksumType, Place::superblock()));
    }
    if checksum(raw) != raw.checksum.get() {
        return Err(Corrupt::new(CorruptKind::SuperblockChecksum, Place::superblock()));
    }
    Ok(())
}

/// The checksum that a superblock should carry: CRC32C of all bytes before the field.
#[must_use]
pub fn checksum(raw: &RawSuperblock) -> u32 {
    let bytes = raw.as_bytes();
    crc32c(!0, bytes.get(..0x3fc).unwrap_or_default())
}

fn check_features(features: &FeatureSet) -> Result<(), SuperblockError> {
    if features.incompat(Incompat::JOURNAL_DEV) {
        return Err(SuperblockError::JournalDevice);
    }
    let unreadable = features.unreadable();
    if !unreadable.is_empty() {
        return Err(SuperblockError::Unsupported { features: unreadable });
    }
    let conflict = features.incompat(Incompat::META_BG) && features.compat(Compat::RESIZE_INODE)
        || features.ro_compat(RoCompat::BIGALLOC) && !features.incompat(Incompat::EXTENTS);
    if conflict {
        return Err(Corrupt::new(CorruptKind::FeatureConflict, Place::superblock()).into());
    }
    Ok(())
}

fn seed_of(raw: &RawSuperblock, features: &FeatureSet) -> ChecksumSeed {
    if features.incompat(Incompat::CSUM_SEED) {
        ChecksumSeed::stored(raw.checksum_seed.get())
    } else {
        ChecksumSeed::from_uuid(&raw.uuid)
    }
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or_default()
}

pub(crate) fn wide(hi: u32, lo: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}

#[cfg(test)]
mod tests;
