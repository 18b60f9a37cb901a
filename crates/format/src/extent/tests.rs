//! Nodes built by hand, one mutation for every kind of rejection.

use proptest::prelude::*;

use super::*;
use crate::{InodeNr, testing};

const ROOM: usize = (1024 - HEADER_SIZE) / ENTRY_SIZE;

/// A node of `len` bytes with `entries` as (logical, raw length or child_hi, start or child).
fn node(len: usize, depth: u16, max: u16, entries: &[(u32, u16, u32)]) -> Vec<u8> {
    let count = u16::try_from(entries.len()).unwrap();
    let mut bytes = Vec::new();
    for word in [EXTENT_MAGIC, count, max, depth, 0, 0] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    for &(logical, raw_len, start) in entries {
        bytes.extend_from_slice(&logical.to_le_bytes());
        if depth == 0 {
            bytes.extend_from_slice(&raw_len.to_le_bytes());
            bytes.extend_from_slice(&[0; 2]);
            bytes.extend_from_slice(&start.to_le_bytes());
        } else {
            bytes.extend_from_slice(&start.to_le_bytes());
            bytes.extend_from_slice(&[0; 4]);
        }
    }
    bytes.resize(len, 0);
    bytes
}

fn root_leaf(entries: &[(u32, u16, u32)]) -> Vec<u8> {
    node(60, 0, 4, entries)
}

fn kind_of(bytes: &[u8], rule: &NodeRule) -> Option<CorruptKind> {
    let superblock = testing::small();
    ExtentNode::parse(bytes, rule, superblock.geometry(), Place::default()).err().map(|c| c.kind)
}

/// The rule of a leaf below the second of the root entries 10, 20 and 30: blocks 20 to 29.
fn leaf_rule(checksummed: bool) -> NodeRule {
    let superblock = testing::small();
    let bytes = node(60, 1, 4, &[(10, 0, 100), (20, 0, 101), (30, 0, 102)]);
    let rule = NodeRule::root(checksummed);
    let root = ExtentNode::parse(&bytes, &rule, superblock.geometry(), Place::default()).unwrap();
    rule.descend(&root, 1).unwrap()
}

#[test]
fn a_leaf_gives_its_extents() {
    let superblock = testing::small();
    let geometry = superblock.geometry();
    let bytes = root_leaf(&[(0, 5, 100), (5, 0x8000 + 3, 200), (100, 1, 8191)]);
    let rule = NodeRule::root(true);
    let leaf = ExtentNode::parse(&bytes, &rule, geometry, Place::default()).unwrap();
    assert_eq!((leaf.depth(), leaf.len(), leaf.max_entries()), (0, 3, 4));
    let start = geometry.block(200).unwrap();
    let logical = LogicalBlock::new(5);
    assert_eq!(leaf.extent(1), Some(Extent { logical, len: 3, start, unwritten: true }));
    assert_eq!(leaf.extent(3), None);
    assert_eq!(leaf.index(0), None);
    let view = ExtentNode::view(&bytes, geometry);
    assert_eq!((0..4).map(|i| view.extent(i)).collect::<Vec<_>>(), {
        (0..4).map(|i| leaf.extent(i)).collect::<Vec<_>>()
    });
}

#[test]
fn find_is_the_last_entry_at_or_before() {
    let superblock = testing::small();
    let bytes = root_leaf(&[(10, 5, 100), (20, 3, 200), (30, 1, 300)]);
    let leaf = ExtentNode::view(&bytes, superblock.geometry());
    for (wanted, found) in [
        (9, None),
        (10, Some(0)),
        (19, Some(0)),
        (20, Some(1)),
        (29, Some(1)),
        (30, Some(2)),
        (u32::MAX, Some(2)),
    ] {
        assert_eq!(leaf.find(LogicalBlock::new(wanted)), found, "{wanted}");
    }
}

#[test]
fn the_largest_lengths_are_32768_written_and_32767_unwritten() {
    let superblock = testing::with(|raw| {
        raw.blocks_count_lo.set(8192 * 8 + 1);
        raw.inodes_count.set(64 * 8);
    });
    for (raw_len, len, unwritten) in [(0x8000, 0x8000, false), (0xffff, 0x7fff, true)] {
        let bytes = root_leaf(&[(0, raw_len, 100)]);
        let rule = NodeRule::root(false);
        let leaf = ExtentNode::parse(&bytes, &rule, superblock.geometry(), Place::default());
        let extent = leaf.unwrap().extent(0).unwrap();
        assert_eq!((extent.len, extent.unwritten), (len, unwritten));
    }
}

#[test]
fn the_last_logical_block_can_be_mapped_and_no_more() {
    let root = NodeRule::root(false);
    assert_eq!(kind_of(&root_leaf(&[(0xffff_fffe, 1, 100)]), &root), None);
    assert_eq!(kind_of(&root_leaf(&[(0xffff_fffd, 2, 100)]), &root), None);
    let wraps = root_leaf(&[(0xffff_fffe, 2, 100)]);
    assert_eq!(kind_of(&wraps, &root), Some(CorruptKind::ExtentLogicalRange));
}

#[test]
fn each_rejection_of_a_root_has_its_kind() {
    use CorruptKind as K;
    let mut no_magic = root_leaf(&[]);
    no_magic[0] ^= 1;
    let cases: &[(K, Vec<u8>)] = &[
        (K::ExtentMagic, no_magic),
        (K::ExtentMagic, root_leaf(&[])[..11].to_vec()),
        (K::ExtentDepth, node(60, 6, 4, &[(0, 0, 100)])),
        (K::ExtentMaxEntries, node(60, 0, 5, &[])),
        (K::ExtentMaxEntries, node(60, 0, 0, &[])),
        (K::ExtentEntries, node(60, 0, 1, &[(0, 1, 100), (1, 1, 200)])),
        (K::ExtentEntries, node(60, 1, 4, &[])),
        (K::ExtentLength, root_leaf(&[(0, 0, 100)])),
        (K::ExtentOrder, root_leaf(&[(5, 1, 100), (4, 1, 200)])),
        (K::ExtentOrder, root_leaf(&[(5, 2, 100), (6, 1, 200)])),
        (K::ExtentOrder, root_leaf(&[(5, 0x8002, 100), (6, 1, 200)])),
        (K::ExtentOrder, node(60, 1, 4, &[(5, 0, 100), (5, 0, 200)])),
        (K::ExtentLogicalRange, root_leaf(&[(u32::MAX, 1, 100)])),
        (K::ExtentLogicalRange, node(60, 1, 4, &[(u32::MAX, 0, 100)])),
        (K::ExtentPhysicalRange, root_leaf(&[(0, 2, 8191)])),
        (K::ExtentPhysicalRange, root_leaf(&[(0, 1, 1)])),
        (K::ExtentIndexBlock, node(60, 1, 4, &[(0, 0, 8192)])),
        (K::ExtentIndexBlock, node(60, 1, 4, &[(0, 0, 0)])),
    ];
    for (n, (kind, bytes)) in cases.iter().enumerate() {
        assert_eq!(kind_of(bytes, &NodeRule::root(true)), Some(*kind), "case {n}");
    }
}

#[test]
fn upper_halves_of_block_numbers_count() {
    let mut leaf = root_leaf(&[(0, 1, 100)]);
    leaf[18] = 1;
    assert_eq!(kind_of(&leaf, &NodeRule::root(true)), Some(CorruptKind::ExtentPhysicalRange));
    let mut index = node(60, 1, 4, &[(0, 0, 100)]);
    index[20] = 1;
    assert_eq!(kind_of(&index, &NodeRule::root(true)), Some(CorruptKind::ExtentIndexBlock));
}

#[test]
fn a_child_keeps_to_the_rule_of_its_parent() {
    use CorruptKind as K;
    let rule = leaf_rule(true);
    assert_eq!((rule.depth(), rule.range()), (Some(0), 20..30));
    let leaf = |entries| node(1024, 0, 84, entries);
    let cases: &[(Option<K>, Vec<u8>)] = &[
        (None, leaf(&[(20, 10, 100)])),
        (None, leaf(&[])),
        (Some(K::ExtentDepth), node(1024, 1, 84, &[(20, 0, 100)])),
        (Some(K::ExtentIndexStart), leaf(&[(19, 1, 100)])),
        (Some(K::ExtentIndexStart), leaf(&[(21, 1, 100)])),
        (Some(K::ExtentLogicalRange), leaf(&[(20, 11, 100)])),
        (Some(K::ExtentLogicalRange), leaf(&[(20, 1, 100), (30, 1, 200)])),
    ];
    for (n, (kind, bytes)) in cases.iter().enumerate() {
        assert_eq!(kind_of(bytes, &rule), *kind, "case {n}");
    }
}

#[test]
fn a_checksum_takes_room_from_entries() {
    assert_eq!(ROOM, 84);
    // 1,020 bytes hold 84 entries and no tail.
    let bytes = node(1020, 0, 84, &[(20, 1, 100)]);
    assert_eq!(kind_of(&bytes, &leaf_rule(false)), None);
    assert_eq!(kind_of(&bytes, &leaf_rule(true)), Some(CorruptKind::ExtentMaxEntries));
}

#[test]
fn descending_ends_at_a_leaf() {
    let superblock = testing::small();
    let bytes = root_leaf(&[(0, 1, 100)]);
    let leaf = ExtentNode::view(&bytes, superblock.geometry());
    assert_eq!(NodeRule::root(true).descend(&leaf, 0), None);
}

#[test]
fn errors_name_the_entry() {
    let superblock = testing::small();
    let bytes = root_leaf(&[(0, 1, 100), (1, 0, 100)]);
    let at = Place::inode(InodeNr::ROOT);
    let rule = NodeRule::root(true);
    let error = ExtentNode::parse(&bytes, &rule, superblock.geometry(), at).err().unwrap();
    assert_eq!(error.at, at.offset(24));
}

#[test]
fn checksums_cover_the_room_of_all_entries() {
    let superblock = testing::small();
    let seed = superblock.seed().for_inode(InodeNr::FIRST_OLD, 5);
    let verify = |bytes: &[u8]| verify_extent_checksum(bytes, seed, Place::default());
    let mut bytes = node(1024, 0, 84, &[(20, 1, 100)]);
    let sum = seed.sum(&bytes[..1020]);
    bytes[1020..].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(verify(&bytes), Ok(()));
    for byte in [13, 1019, 1020] {
        let mut bad = bytes.clone();
        bad[byte] ^= 1;
        assert_eq!(verify(&bad).unwrap_err().kind, CorruptKind::ExtentChecksum, "{byte}");
    }
    let no_room = node(1024, 0, 85, &[]);
    assert_eq!(verify(&no_room).unwrap_err().kind, CorruptKind::ExtentMaxEntries);
    assert!(verify(&[]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn any_bytes_never_panic(mut bytes: Vec<u8>, magic: bool, depth in 0_u16..8) {
        let superblock = testing::small();
        let geometry = superblock.geometry();
        if magic && bytes.len() >= 12 {
            bytes[..8].copy_from_slice(&node(8, depth, 0, &[])[..8]);
            let room = u16::try_from((bytes.len() - 12) / 12).unwrap();
            bytes[4..6].copy_from_slice(&room.to_le_bytes());
            bytes[2..4].copy_from_slice(&room.min(2).to_le_bytes());
        }
        let view = ExtentNode::view(&bytes, geometry);
        prop_assert!(view.len() * 12 <= bytes.len());
        prop_assert!(view.find(LogicalBlock::MAX).is_none_or(|i| i < view.len()));
        let seed = superblock.seed().for_inode(InodeNr::ROOT, 0);
        let _ = verify_extent_checksum(&bytes, seed, Place::default());
        let parsed = ExtentNode::parse(&bytes, &NodeRule::root(false), geometry, Place::default());
        if let Ok(node) = parsed {
            for i in 0..node.len() {
                prop_assert!(node.extent(i).is_some() != node.index(i).is_some());
            }
        }
    }
}
