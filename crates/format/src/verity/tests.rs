use proptest::prelude::*;

use super::*;
use crate::{BlockSize, CorruptKind, Place};

fn data(len: u32) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251).to_le_bytes()[0]).collect()
}

fn descriptor(algorithm: u8, bits: u8, salt: &[u8], size: u64, root: &str) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    bytes[..4].copy_from_slice(&[1, algorithm, bits, u8::try_from(salt.len()).unwrap()]);
    bytes[8..16].copy_from_slice(&size.to_le_bytes());
    for (at, pair) in root.as_bytes().chunks(2).enumerate() {
        bytes[16 + at] = u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    }
    bytes[80..80 + salt.len()].copy_from_slice(salt);
    bytes
}

fn parse(bytes: &[u8], size: u64) -> Result<VerityDescriptor, CorruptKind> {
    VerityDescriptor::parse(bytes, size, Place::default()).map_err(|c| c.kind)
}

/// Builds the tree with `hash_block` and lays it out as `tree` says: the bytes and the root hash.
fn build(verity: &VerityDescriptor, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let size = verity.block_bytes();
    let shape = verity.tree();
    let mut tree = vec![0; usize::try_from(shape.blocks()).unwrap() * size];
    let mut below = data.to_vec();
    for level in shape.levels() {
        let hashes = hashes(verity, &below);
        let start = usize::try_from(level.start).unwrap() * size;
        tree[start..start + hashes.len()].copy_from_slice(&hashes);
        assert_eq!(hashes.len().div_ceil(size) as u64, level.blocks);
        below = hashes;
    }
    (tree, hashes(verity, &below))
}

fn hashes(verity: &VerityDescriptor, bytes: &[u8]) -> Vec<u8> {
    let padded = |chunk: &[u8]| {
        let mut block = chunk.to_vec();
        block.resize(verity.block_bytes(), 0);
        block
    };
    let chunks = bytes.chunks(verity.block_bytes());
    chunks.flat_map(|chunk| verity.hash_block(&padded(chunk)).as_bytes().to_vec()).collect()
}

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Size, algorithm, log2 of the block size, salt, tree blocks, root hash, file digest; made with
/// Python's hashlib. The first is also what `fsverity digest` prints for an empty file.
type Vector = (u32, u8, u8, Vec<u8>, u64, &'static str, &'static str);

fn vectors() -> [Vector; 5] {
    [
        (
            0,
            1,
            12,
            vec![],
            0,
            ZEROS,
            "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95",
        ),
        (
            1,
            1,
            12,
            vec![],
            0,
            "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7",
            "b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551",
        ),
        (
            100_000,
            1,
            10,
            b"salty".to_vec(),
            5,
            "fb3b22c745f7c6ac373de7e634370096aad2f6a5115d631a0606127686166922",
            "19c0afea127fadb9d473e53d60c3f0433e2c64016be860d1552ed6525b15b510",
        ),
        (
            100_000,
            2,
            10,
            (0..32).collect(),
            8,
            "9ec36ae7e56aa58e0ae26539873633d73c43e22ee09973ce08785413bcbb8b50\
             e8571b286ae3b0e243c9d3e85d01accf47082fb9600051399b0a5841316883ca",
            "6417a9ffa8e1d698a217c2828a3e6176706b2112b5d20368e327f84992967b3f\
             dd9645f192504de3fafc974634a77e67257213792ca3711a11bbc99ea8c7e56d",
        ),
        (
            300_000,
            2,
            12,
            vec![],
            3,
            "0e570b530f2175abb934304815d81227f471fdeaa3a3ab3c0a00635be4ef8e96\
             c3ff682356a07d301bce165f5e7de4a6623c486b18af4a270bbabfc3b75490ac",
            "34720b727e1a79078639d232e3bcb14f2208ed6a57fd55faf915e271bb070e3b\
             9c4c6e63304257c4b3395ea3a5928a4e7e5469f2677ef7a7f6e461b21776fb92",
        ),
    ]
}

#[test]
fn trees_and_digests_match_vectors_made_with_python() {
    for (len, algorithm, bits, salt, tree_blocks, root, digest) in vectors() {
        let bytes = descriptor(algorithm, bits, &salt, len.into(), root);
        let verity = parse(&bytes, len.into()).unwrap();
        assert_eq!(verity.file_digest().to_string(), digest);
        assert_eq!(verity.tree().blocks(), tree_blocks);
        assert_eq!(verity.root_hash.to_string(), root);
        if len > 0 {
            assert_eq!(build(&verity, &data(len)).1, verity.root_hash.as_bytes());
        }
    }
}

#[test]
fn every_block_is_proved_up_to_the_root_and_damage_is_seen() {
    for (len, algorithm, bits, salt, _, root, _) in vectors() {
        let verity = parse(&descriptor(algorithm, bits, &salt, len.into(), root), len.into());
        let verity = verity.unwrap();
        let size = verity.block_bytes();
        let mut content = data(len);
        let (tree, _) = build(&verity, &content);
        content.resize(content.len().next_multiple_of(size), 0);
        for (index, block) in content.chunks(size).enumerate() {
            let mut block = block;
            for place in verity.tree().path(index as u64) {
                let start = usize::try_from(place.block).unwrap() * size;
                let node = &tree[start..start + size];
                let hash = &node[place.offset..][..verity.algorithm.digest_size()];
                assert_eq!(verity.verify_block(block, hash, Place::default()), Ok(()));
                let mut damaged = block.to_vec();
                damaged[index % size] ^= 1;
                let error = verity.verify_block(&damaged, hash, Place::default()).unwrap_err();
                assert_eq!(error.kind, CorruptKind::VerityHash);
                block = node;
            }
            let root = verity.root_hash;
            assert_eq!(verity.verify_block(block, root.as_bytes(), Place::default()), Ok(()));
        }
    }
}

#[test]
fn each_malformed_descriptor_is_refused() {
    let good = descriptor(1, 12, b"salt", 5000, ZEROS);
    assert!(parse(&good, 5000).is_ok());
    let wrong = Err(CorruptKind::VerityDescriptor);
    assert_eq!(parse(&good, 5001), wrong);
    assert_eq!(parse(&good[..255], 5000), wrong);
    let bad =
        [(0, 0), (0, 2), (1, 0), (1, 3), (2, 9), (2, 17), (3, 33), (4, 1), (112, 1), (255, 1)];
    for (at, byte) in bad {
        let mut bytes = good.clone();
        bytes[at] = byte;
        assert_eq!(parse(&bytes, 5000), wrong, "{at} {byte}");
    }
}

#[test]
fn the_signature_is_kept_and_not_part_of_the_digest() {
    let plain = descriptor(1, 12, b"salt", 5000, ZEROS);
    let mut bytes = [&plain[..], b"signature"].concat();
    bytes[4] = 9;
    let verity = parse(&bytes, 5000).unwrap();
    assert_eq!(verity.signature(), b"signature");
    assert_eq!(verity.file_digest(), parse(&plain, 5000).unwrap().file_digest());
}

#[test]
fn places_in_the_file() {
    assert_eq!(tree_offset(0), Some(0));
    assert_eq!(tree_offset(1), Some(65_536));
    assert_eq!(tree_offset(u64::MAX), None);
    let block = BlockSize::from_bytes(4096).unwrap();
    let offset = |size, end, descriptor| {
        descriptor_offset(size, end, descriptor, block, Place::default()).map_err(|c| c.kind)
    };
    assert_eq!(offset(5000, 65_536 + 8192, 256), Ok(65_536 + 4096));
    assert_eq!(offset(5000, 65_536 + 4096, 4092), Ok(65_536));
    let wrong = Err(CorruptKind::VerityDescriptor);
    assert_eq!(offset(5000, 65_536 + 4096, 4093), wrong);
    assert_eq!(offset(5000, 100, 256), wrong);
    assert_eq!(offset(u64::MAX, u64::MAX, 256), wrong);
    assert_eq!(offset(5000, 65_536 + 8192, u32::MAX), wrong);
}

#[test]
fn the_largest_file_has_a_bounded_tree() {
    let verity = parse(&descriptor(2, 10, b"", u64::MAX, ZEROS), u64::MAX).unwrap();
    let tree = verity.tree();
    assert_eq!(tree.levels().len(), 14);
    let last = tree.data_blocks() - 1;
    assert!(tree.path(last).all(|place| place.block < tree.blocks() && place.offset < 1024));
    assert_eq!(tree.path(last).last().unwrap().block, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_end(
        edits in proptest::collection::vec((0..16_usize, any::<u8>()), 0..6),
        len in 0..=300_usize, index: u64,
    ) {
        let mut bytes = descriptor(1, 12, b"salt", 5000, ZEROS);
        bytes.resize(300, 0);
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        let size = u64::from_le_bytes(bytes[8..16].try_into().unwrap());
        for bytes in [&bytes[..], &bytes[..len]] {
            if let Ok(verity) = parse(bytes, size) {
                prop_assert!(verity.tree().levels().len() <= 14);
                prop_assert!(verity.tree().path(index).count() <= 14);
            }
        }
    }
}
