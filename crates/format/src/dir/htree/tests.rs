use proptest::prelude::*;

use super::super::tests::rule as entry_rule;
use super::*;
use crate::{ChecksumSeed, InodeNr};

fn rule() -> DxRule {
    DxRule { entry: entry_rule(), dir_blocks: 20, has_csum: true, large_dir: false }
}

fn hashed(has_csum: bool) -> DxRule {
    let entry = EntryRule { encrypted: true, casefold: true, ..entry_rule() };
    DxRule { entry, has_csum, ..rule() }
}

fn put16(block: &mut [u8], at: usize, value: usize) {
    block[at..at + 2].copy_from_slice(&u16::try_from(value).unwrap().to_le_bytes());
}

fn put32(block: &mut [u8], at: usize, value: u32) {
    block[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn put_pairs(block: &mut [u8], offset: usize, pairs: &[(u32, u32)]) {
    put16(block, offset, (1024 - offset - 8) / 8);
    put16(block, offset + 2, pairs.len());
    for (index, (hash, child)) in pairs.iter().enumerate() {
        if index > 0 {
            put32(block, offset + index * 8, *hash);
        }
        put32(block, offset + index * 8 + 4, *child);
    }
}

const PAIRS: [(u32, u32); 4] = [(0, 1), (0x10, 2), (0x11, 3), (0x8000_0000, 19)];

fn root() -> Vec<u8> {
    let mut block = vec![0; 1024];
    put32(&mut block, 0, 2);
    put16(&mut block, 4, 12);
    block[6..9].copy_from_slice(b"\x01\x02.");
    put32(&mut block, 12, 2);
    put16(&mut block, 16, 1012);
    block[18..22].copy_from_slice(b"\x02\x02..");
    block[0x1c..0x20].copy_from_slice(&[1, 8, 1, 0]);
    put_pairs(&mut block, ROOT_OFFSET, &PAIRS);
    block
}

fn node() -> Vec<u8> {
    let mut block = vec![0; 1024];
    put16(&mut block, 4, 1024);
    put_pairs(&mut block, NODE_OFFSET, &PAIRS);
    block
}

fn entries(pairs: &[(u32, u32)]) -> Vec<DxEntry> {
    let pair = |&(hash, block): &(u32, u32)| DxEntry { hash, block: LogicalBlock::new(block) };
    pairs.iter().map(pair).collect()
}

#[test]
fn what_is_written_is_what_is_read() {
    let seed = ChecksumSeed::stored(7).for_inode(InodeNr::new(12), 3);
    for has_csum in [false, true] {
        let rule = DxRule { has_csum, ..rule() };
        let mut block = vec![0xee; 1024];
        init_root(&mut block, (InodeNr::new(2), InodeNr::new(2)), 1, &rule);
        assert!(set_pairs(&mut block, ROOT_OFFSET, &entries(&PAIRS), &rule));
        set_levels(&mut block, 1);
        let root = DxRoot::parse(&block, &rule, Place::default()).unwrap();
        assert_eq!((root.hash_version, root.indirect_levels), (1, 1));
        assert_eq!(root.node.entries().collect::<Vec<_>>(), entries(&PAIRS));

        let mut block = vec![0xee; 1024];
        init_node(&mut block, &rule.entry);
        assert!(set_pairs(&mut block, NODE_OFFSET, &entries(&PAIRS), &rule));
        let node = DxNode::parse(&block, &rule, Place::default()).unwrap();
        assert_eq!(node.entries().collect::<Vec<_>>(), entries(&PAIRS));
        if has_csum {
            let verify = |b: &[u8]| verify_dx_checksum(b, NODE_OFFSET, seed, Place::default());
            assert!(verify(&block).is_err());
            set_dx_checksum(&mut block, NODE_OFFSET, seed);
            assert_eq!(verify(&block), Ok(()));
        }
    }
}

#[test]
fn no_pairs_and_more_than_fit_are_refused() {
    let mut block = node();
    let before = block.clone();
    let limit = rule().limit(NODE_OFFSET);
    let pair = DxEntry { hash: 0, block: LogicalBlock::new(1) };
    for count in [0, limit + 1, 70_000] {
        assert!(!set_pairs(&mut block, NODE_OFFSET, &vec![pair; count], &rule()));
        assert_eq!(block, before);
    }
    assert!(!set_pairs(&mut block, 9, &[pair], &rule()));
    assert!(set_pairs(&mut block, NODE_OFFSET, &vec![pair; limit], &rule()));
    let node = DxNode::parse(&block, &rule(), Place::default()).unwrap();
    assert_eq!(node.count(), limit);
}

fn root_kind(block: &[u8], rule: &DxRule) -> Result<(), CorruptKind> {
    DxRoot::parse(block, rule, Place::default()).map(|_| ()).map_err(|c| c.kind)
}

fn node_kind(block: &[u8], rule: &DxRule) -> Result<(), CorruptKind> {
    DxNode::parse(block, rule, Place::default()).map(|_| ()).map_err(|c| c.kind)
}

#[test]
fn a_root_gives_its_pairs() {
    let block = root();
    let root = DxRoot::parse(&block, &rule(), Place::default()).unwrap();
    assert_eq!((root.hash_version, root.indirect_levels), (1, 1));
    assert_eq!((root.node.limit(), root.node.count()), (123, 4));
    let pairs: Vec<_> = root.node.entries().map(|e| (e.hash, e.block.get())).collect();
    assert_eq!(pairs, PAIRS);
    assert!(root.node.get(2).unwrap().continues_collision());
    assert_eq!(root.node.get(4), None);
    assert_eq!(root.node.get(usize::MAX), None);
}

#[test]
fn find_goes_to_the_last_pair_not_above() {
    let block = node();
    let node = DxNode::parse(&block, &rule(), Place::default()).unwrap();
    let cases = [(0, 0), (0xf, 0), (0x10, 1), (0x11, 2), (0x7fff_ffff, 2), (u32::MAX, 3)];
    for (hash, index) in cases {
        assert_eq!(node.find(hash), index, "{hash:#x}");
    }
}

#[test]
fn each_bad_root_is_its_kind() {
    use CorruptKind::*;
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Damage, CorruptKind); 17] = [
        ("first entry", |b| put16(b, 4, 16), HtreeRoot),
        ("second entry", |b| put16(b, 16, 1000), HtreeRoot),
        ("info length", |b| b[0x1d] = 9, HtreeRoot),
        ("info reserved", |b| b[0x18] = 1, HtreeRoot),
        ("flags", |b| b[0x1f] = 1, HtreeRoot),
        ("truncated", |b| b.truncate(1000), HtreeRoot),
        ("hash 3", |b| b[0x1c] = 3, HtreeHashVersion),
        ("hash 255", |b| b[0x1c] = 255, HtreeHashVersion),
        ("keyed hash", |b| b[0x1c] = 6, DirHashKey),
        ("levels", |b| b[0x1e] = 2, HtreeLevels),
        ("limit below", |b| put16(b, 0x20, 122), HtreeLimit),
        ("limit above", |b| put16(b, 0x20, 124), HtreeLimit),
        ("count zero", |b| put16(b, 0x22, 0), HtreeLimit),
        ("count above limit", |b| put16(b, 0x22, 124), HtreeLimit),
        ("order", |b| put32(b, 0x30, 0xf), HtreeOrder),
        ("child is the root", |b| put32(b, 0x24, 0), HtreeBlock),
        ("child outside", |b| put32(b, 0x24, 20), HtreeBlock),
    ];
    assert_eq!(root_kind(&root(), &rule()), Ok(()));
    for (what, damage, kind) in cases {
        let mut block = root();
        damage(&mut block);
        assert_eq!(root_kind(&block, &rule()), Err(kind), "{what}");
    }
}

#[test]
fn each_bad_node_is_its_kind() {
    use CorruptKind::*;
    assert_eq!(node_kind(&node(), &rule()), Ok(()));
    assert_eq!(node_kind(&root(), &rule()), Err(HtreeRoot));
    assert_eq!(root_kind(&node(), &rule()), Err(HtreeRoot));
    let no_csum = DxRule { has_csum: false, ..rule() };
    assert_eq!(node_kind(&node(), &no_csum), Err(HtreeLimit));
    let small = DxRule { dir_blocks: 19, ..rule() };
    assert_eq!(node_kind(&node(), &small), Err(HtreeBlock));
}

#[test]
fn rules_of_features() {
    let mut block = root();
    block[0x1e] = 2;
    assert_eq!(root_kind(&block, &DxRule { large_dir: true, ..rule() }), Ok(()));
    let mut block = root();
    assert_eq!(root_kind(&block, &hashed(true)), Err(CorruptKind::HtreeHashVersion));
    block[0x1c] = HASH_SIPHASH;
    assert_eq!(root_kind(&block, &hashed(true)), Ok(()));
    // Linux writes 125 into inner nodes of such directories, others 126.
    let mut inner = node();
    for (limit, result) in [(126, Ok(())), (125, Ok(())), (124, Err(CorruptKind::HtreeLimit))] {
        put16(&mut inner, NODE_OFFSET, limit);
        assert_eq!(node_kind(&inner, &hashed(true)), result, "{limit}");
    }
    put16(&mut inner, NODE_OFFSET, 127);
    assert_eq!(node_kind(&inner, &hashed(false)), Ok(()));
}

#[test]
fn shapes_of_blocks() {
    let entry = entry_rule();
    assert_eq!(count_offset(&root(), &entry), Some(ROOT_OFFSET));
    assert_eq!(count_offset(&node(), &entry), Some(NODE_OFFSET));
    let mut leaf = node();
    put32(&mut leaf, 0, 12);
    assert_eq!(count_offset(&leaf, &entry), None);
    assert_eq!(count_offset(&[0; 16], &entry), None);
}

#[test]
fn checksums_cover_the_pairs_in_use_and_the_tail() {
    let seed = ChecksumSeed::stored(7).for_inode(InodeNr::new(12), 3);
    let verify = |block: &[u8]| {
        verify_dx_checksum(block, NODE_OFFSET, seed, Place::default()).map_err(|c| c.kind)
    };
    let mut block = node();
    let mut covered = block[..NODE_OFFSET + 4 * 8].to_vec();
    covered.extend([0; 8]);
    put32(&mut block, 1020, seed.sum(&covered));
    assert_eq!(verify(&block), Ok(()));
    block[500] = 1; // behind the pairs in use
    assert_eq!(verify(&block), Ok(()));
    for byte in [0, 8 + 31, 1016, 1023] {
        let mut damaged = block.clone();
        damaged[byte] ^= 1;
        assert_eq!(verify(&damaged), Err(CorruptKind::HtreeChecksum), "{byte}");
    }
    for (limit, count) in [(127, 4), (3, 4), (65_535, 65_535)] {
        put16(&mut block, NODE_OFFSET, limit);
        put16(&mut block, NODE_OFFSET + 2, count);
        assert_eq!(verify(&block), Err(CorruptKind::HtreeLimit), "{limit} {count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_end(
        edits in proptest::collection::vec((0..1024_usize, any::<u8>()), 0..8),
        is_root: bool, len in 0..=1024_usize, hash: u32,
    ) {
        let mut block = if is_root { root() } else { node() };
        for (at, byte) in edits {
            block[at] = byte;
        }
        let seed = ChecksumSeed::stored(7).for_inode(InodeNr::new(12), 3);
        for block in [&block[..], &block[..len]] {
            let node = DxRoot::parse(block, &rule(), Place::default()).map(|root| root.node);
            let node = node.or_else(|_| DxNode::parse(block, &rule(), Place::default()));
            if let Ok(node) = node {
                prop_assert!(node.find(hash) < node.count());
                prop_assert!(node.entries().all(|e| (1..20).contains(&e.block.get())));
            }
            let _ = verify_dx_checksum(block, ROOT_OFFSET, seed, Place::default());
        }
    }
}
