//! Quota files: the head, with identification and limits common to the users, groups or projects,
//! and the tree of their entries (quota format "vfsv0" and "vfsv1", little-endian; the
//! layout is that of quota-tools).

mod tree;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Corrupt, CorruptKind, Place};

pub use tree::{QUOTA_TREE_DEPTH, QUOTA_TREE_ROOT, QuotaEntry, quota_entries, quota_references};

/// Bytes of the block of a quota file, whatever the block size of the file system.
pub const QUOTA_BLOCK_SIZE: u64 = 1024;

/// What a quota file counts by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum QuotaKind {
    /// By owner.
    User,
    /// By group.
    Group,
    /// By project.
    Project,
}

impl QuotaKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::User, Self::Group, Self::Project];

    /// The magic number of such a file.
    #[must_use]
    pub const fn magic(self) -> u32 {
        match self {
            Self::User => 0xd9c0_1f11,
            Self::Group => 0xd9c0_1927,
            Self::Project => 0xd9c0_3f14,
        }
    }
}

#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    magic: U32,
    version: U32,
    block_grace: U32,
    inode_grace: U32,
    flags: U32,
    blocks: U32,
    free_block: U32,
    free_entry: U32,
}

const _: () = assert!(size_of::<RawHeader>() == 32);

/// The checked head of a quota file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaHeader {
    /// What the file counts by.
    pub kind: QuotaKind,
    /// 0 (32-bit limits) or 1 (64-bit limits).
    pub version: u32,
    /// Seconds that the soft limit on space may be exceeded.
    pub block_grace: u32,
    /// Seconds that the soft limit on inodes may be exceeded.
    pub inode_grace: u32,
    /// Flags.
    pub flags: u32,
    /// Blocks of 1 KiB in the file, this head's included.
    pub blocks: u32,
    /// First block of the list of free blocks, 0 for none; below `blocks`.
    pub free_block: u32,
    /// First block of the list of blocks with a free entry, 0 for none; below `blocks`.
    pub free_entry: u32,
}

impl QuotaHeader {
    /// Checks the first bytes of a quota file for `kind` of `file_size` bytes.
    ///
    /// # Errors
    /// [`CorruptKind::QuotaHeader`]: wrong magic number or version, or blocks outside the file.
    pub fn parse(
        bytes: &[u8],
        kind: QuotaKind,
        file_size: u64,
        at: Place,
    ) -> Result<Self, Corrupt> {
        let malformed = || Corrupt::new(CorruptKind::QuotaHeader, at);
        let (raw, _) = RawHeader::ref_from_prefix(bytes).map_err(|_| malformed())?;
        let header = Self {
            kind,
            version: raw.version.get(),
            block_grace: raw.block_grace.get(),
            inode_grace: raw.inode_grace.get(),
            flags: raw.flags.get(),
            blocks: raw.blocks.get(),
            free_block: raw.free_block.get(),
            free_entry: raw.free_entry.get(),
        };
        let known = raw.magic.get() == kind.magic() && header.version <= 1;
        if known && header.fits(file_size) { Ok(header) } else { Err(malformed()) }
    }

    fn fits(&self, file_size: u64) -> bool {
        u64::from(self.blocks) <= file_size / QUOTA_BLOCK_SIZE
            && [self.free_block, self.free_entry].iter().all(|&n| n == 0 || n < self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(kind: QuotaKind, words: [u32; 7]) -> Vec<u8> {
        let words = std::iter::once(kind.magic()).chain(words);
        words.flat_map(u32::to_le_bytes).collect()
    }

    fn parse(bytes: &[u8], kind: QuotaKind) -> Result<QuotaHeader, Corrupt> {
        QuotaHeader::parse(bytes, kind, 6 * 1024, Place::default())
    }

    #[test]
    fn each_kind_has_its_magic() {
        for kind in QuotaKind::ALL {
            let bytes = head(kind, [1, 604_800, 604_801, 0, 6, 0, 5]);
            for other in QuotaKind::ALL {
                assert_eq!(parse(&bytes, other).is_ok(), other == kind);
            }
            let header = parse(&bytes, kind).unwrap();
            assert_eq!((header.block_grace, header.inode_grace), (604_800, 604_801));
            assert_eq!((header.blocks, header.free_block, header.free_entry), (6, 0, 5));
        }
    }

    #[test]
    fn malformed_heads_are_refused() {
        let kind = QuotaKind::User;
        let cases = [
            ("version", [2, 0, 0, 0, 6, 0, 0]),
            ("blocks", [1, 0, 0, 0, 7, 0, 0]),
            ("free block", [1, 0, 0, 0, 6, 6, 0]),
            ("free entry", [1, 0, 0, 0, 6, 0, 6]),
        ];
        for (what, words) in cases {
            let error = parse(&head(kind, words), kind).unwrap_err();
            assert_eq!(error.kind, CorruptKind::QuotaHeader, "{what}");
        }
        assert!(parse(&head(kind, [1, 0, 0, 0, 6, 0, 0])[..31], kind).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_bytes_never_panic(words: [u32; 7], size: u64) {
            let bytes = head(QuotaKind::Group, words);
            let parsed = QuotaHeader::parse(&bytes, QuotaKind::Group, size, Place::default());
            prop_assert!(parsed.is_err() || words[0] <= 1);
        }
    }
}
