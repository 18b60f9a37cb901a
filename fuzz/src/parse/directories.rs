//! Directory blocks, hash trees and inline directories.

use extant_format::dir::htree::{DxNode, DxRoot, DxRule, count_offset, verify_dx_checksum};
use extant_format::dir::{DirBlock, DotEntries, EntryRule, dir_body, verify_dir_checksum};
use extant_format::inline_data::{InlineData, InlineDir};
use extant_format::{Corrupt, dir};

use super::{System, any_inode, at, block};

fn rule(system: &System) -> EntryRule {
    let bit = |n: u8| system.options >> n & 1 != 0;
    EntryRule {
        block_size: system.superblock.geometry().block_size(),
        inodes_count: system.superblock.geometry().inodes_count(),
        has_filetype: !bit(0),
        encrypted: bit(1),
        casefold: bit(2),
    }
}

/// What every entry promises; `len` is the bytes scanned.
fn check_entries<'a>(
    entries: impl Iterator<Item = Result<dir::DirEntry<'a>, Corrupt>>,
    rule: &EntryRule,
    len: usize,
) {
    let mut count = 0;
    for entry in entries.map_while(Result::ok) {
        count += 1;
        assert!(entry.inode <= rule.inodes_count, "{entry:?}");
        assert!(entry.offset + entry.rec_len as usize <= len, "{entry:?}");
        assert!(entry.name.len() + 8 <= entry.rec_len as usize, "{entry:?}");
        if entry.inode != 0 {
            assert!(!entry.name.is_empty(), "{entry:?}");
            if let Ok(name) = entry.checked_name(rule, at()) {
                let plain = rule.encrypted && !entry.is_dot();
                assert!(plain || !name.iter().any(|byte| matches!(byte, 0 | b'/')), "{entry:?}");
            }
        }
    }
    assert!(count <= len / 12, "{count} entries in {len} bytes");
}

pub(super) fn entries(system: &System, body: &[u8]) {
    let rule = rule(system);
    let bytes = if system.options & 8 == 0 { block(system, body) } else { body.to_vec() };
    let scanned = dir_body(&bytes);
    check_entries(DirBlock::entries(scanned, &rule, at()), &rule, scanned.len());
    if let Ok(dots) = DotEntries::parse(scanned, any_inode(system), &rule, at()) {
        assert!((1..=rule.inodes_count).contains(&dots.parent));
    }
    let seed = system.superblock.seed().for_inode(any_inode(system), 1);
    let _ = verify_dir_checksum(&bytes, seed, at());
}

/// The block as it is, and with what makes it a root or a node written over it.
pub(super) fn htree(system: &System, body: &[u8]) {
    let entry = rule(system);
    let has_csum = system.options & 8 != 0;
    let large_dir = system.options & 16 != 0;
    let dir_blocks = system.number % 0x2_0000;
    let rule = DxRule { entry, dir_blocks, has_csum, large_dir };
    let mut bytes = block(system, body);
    if system.options & 32 != 0 {
        shape(&mut bytes, system.options & 64 != 0, has_csum);
    }
    let root = DxRoot::parse(&bytes, &rule, at());
    if let Ok(root) = &root {
        assert!(root.indirect_levels < rule.max_levels());
        check_node(&root.node, &rule);
    }
    let node = DxNode::parse(&bytes, &rule, at());
    if let Ok(node) = &node {
        check_node(node, &rule);
    }
    assert!(root.is_err() || node.is_err(), "a root and a node");
    if let Some(offset) = count_offset(&bytes, &entry) {
        let seed = system.superblock.seed().for_inode(any_inode(system), 1);
        let _ = verify_dx_checksum(&bytes, offset, seed, at());
        let _ = DxNode::view(&bytes, offset);
    }
}

/// The fixed bytes of a root or a node, and the only limit that is right.
fn shape(bytes: &mut [u8], root: bool, has_csum: bool) {
    let size = bytes.len();
    let mut put = |offset: usize, value: usize| {
        let [low, high, ..] = value.to_le_bytes();
        if let Some(field) = bytes.get_mut(offset..offset + 2) {
            field.copy_from_slice(&[low, high]);
        }
    };
    let start = if root { 0x20 } else { 8 };
    if root {
        put(4, 12);
        put(16, size - 12);
        put(0x18, 0);
        put(0x1a, 0);
    } else {
        put(0, 0);
        put(2, 0);
        put(4, size);
    }
    put(start, (size - start - if has_csum { 8 } else { 0 }) / 8);
    if let Some(info) = bytes.get_mut(0x1c..0x20).filter(|_| root) {
        let [version, length, levels, flags] = info else { return };
        (*version, *length, *levels, *flags) = (*version % 8, 8, *levels % 4, 0);
    }
}

fn check_node(node: &DxNode<'_>, rule: &DxRule) {
    assert!(node.count() >= 1 && node.count() <= node.limit());
    let pairs: Vec<_> = node.entries().collect();
    assert_eq!(pairs.len(), node.count());
    let mut previous = 0;
    for pair in &pairs {
        let block = u64::from(pair.block.get());
        assert!(block > 0 && block < rule.dir_blocks, "{pair:?} of {}", rule.dir_blocks);
        assert!(pair.hash >= previous, "{pair:?}");
        previous = pair.hash;
    }
    for hash in [0, 1, previous.wrapping_sub(1), previous, previous.wrapping_add(1), u32::MAX] {
        let wanted = pairs.iter().rposition(|pair| pair.hash <= hash).unwrap_or(0);
        assert_eq!(node.find(hash), wanted, "{hash:#x}");
    }
}

pub(super) fn inline(system: &System, body: &[u8]) {
    let rule = rule(system);
    let Some((head, tail)) = body.split_first_chunk::<60>() else { return };
    let value = (system.options & 8 == 0).then_some(tail);
    let size = system.number % 256;
    let Ok(data) = InlineData::new(head, value, size, at()) else { return };
    assert_eq!(data.len() as u64, size);
    assert_eq!(data.to_vec().len(), data.len());
    if let Ok(dir) = InlineDir::parse(data, &rule, at()) {
        assert!((1..=rule.inodes_count).contains(&dir.parent));
        let entries = dir.entries().filter(Result::is_ok);
        check_entries(entries, &rule, data.len());
    }
}
