//! The tree of a quota file: four levels of blocks of 256 references, of which each takes a byte
//! of the id, and leaves with a few entries each. All blocks are 1 KiB, numbered from the head of
//! the file; the root is block 1.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Levels of references above the leaves.
pub const QUOTA_TREE_DEPTH: u32 = 4;
/// The block with the root.
pub const QUOTA_TREE_ROOT: u32 = 1;
/// Bytes of the head of a leaf.
const LEAF_HEAD: usize = 16;

/// An entry of version 0.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawNarrow {
    id: U32,
    inode_hard: U32,
    inode_soft: U32,
    inodes: U32,
    block_hard: U32,
    block_soft: U32,
    bytes: U64,
    block_time: U64,
    inode_time: U64,
}

/// An entry of version 1.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawWide {
    id: U32,
    padding: U32,
    inode_hard: U64,
    inode_soft: U64,
    inodes: U64,
    block_hard: U64,
    block_soft: U64,
    bytes: U64,
    block_time: U64,
    inode_time: U64,
}

/// The head of a leaf.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawLeaf {
    next_free: U32,
    previous_free: U32,
    entries: U16,
    padding: [u8; 6],
}

const _: () = {
    assert!(size_of::<RawNarrow>() == 48);
    assert!(size_of::<RawWide>() == 72);
    assert!(size_of::<RawLeaf>() == LEAF_HEAD);
};

/// What an owner uses, as a quota file has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaEntry {
    /// The user, group or project.
    pub id: u32,
    /// Bytes in use.
    pub bytes: u64,
    /// Inodes in use.
    pub inodes: u64,
}

/// The references of a block of the tree that is no leaf, 0 for none. They are not checked.
pub fn quota_references(block: &[u8]) -> impl Iterator<Item = u32> + use<'_> {
    let (words, _) = block.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word))
}

/// The entries in use of a leaf of a quota file of version `version`. One of zeros is not in use.
#[must_use]
pub fn quota_entries(leaf: &[u8], version: u32) -> Vec<QuotaEntry> {
    let entries = leaf.get(LEAF_HEAD..).unwrap_or_default();
    if version == 0 { in_use(entries, narrow) } else { in_use(entries, wide) }
}

fn in_use<T: FromBytes + Immutable + KnownLayout + Unaligned>(
    bytes: &[u8],
    entry: impl Fn(&T) -> QuotaEntry,
) -> Vec<QuotaEntry> {
    let slots = bytes.chunks_exact(size_of::<T>());
    let used = slots.filter(|slot| slot.iter().any(|&byte| byte != 0));
    used.filter_map(|slot| T::ref_from_bytes(slot).ok()).map(entry).collect()
}

fn narrow(raw: &RawNarrow) -> QuotaEntry {
    QuotaEntry { id: raw.id.get(), bytes: raw.bytes.get(), inodes: raw.inodes.get().into() }
}

fn wide(raw: &RawWide) -> QuotaEntry {
    QuotaEntry { id: raw.id.get(), bytes: raw.bytes.get(), inodes: raw.inodes.get() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_of_both_versions_are_read() {
        for (version, size, inodes, bytes) in [(0, 48, 12, 24), (1, 72, 24, 48)] {
            let mut leaf = vec![0; 1024];
            let at = LEAF_HEAD + size;
            leaf[at..at + 4].copy_from_slice(&7_u32.to_le_bytes());
            leaf[at + inodes] = 3;
            leaf[at + bytes + 1] = 8;
            let entry = QuotaEntry { id: 7, bytes: 2048, inodes: 3 };
            assert_eq!(quota_entries(&leaf, version), [entry], "version {version}");
        }
    }

    #[test]
    fn an_entry_for_id_zero_is_in_use_by_its_time() {
        let mut leaf = vec![0; 1024];
        leaf[LEAF_HEAD + 64] = 1;
        assert_eq!(quota_entries(&leaf, 1), [QuotaEntry { id: 0, bytes: 0, inodes: 0 }]);
    }

    #[test]
    fn references_fill_a_block() {
        let block: Vec<u8> = (0..256_u32).flat_map(u32::to_le_bytes).collect();
        assert!(quota_references(&block).eq(0..256));
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes: Vec<u8>, version in 0..2_u32) {
            prop_assert!(quota_entries(&bytes, version).len() <= bytes.len() / 48);
            prop_assert_eq!(quota_references(&bytes).count(), bytes.len() / 4);
        }
    }
}
