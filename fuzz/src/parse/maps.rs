//! Extent trees and indirect maps.

use extant_format::extent::verify_extent_checksum;
use extant_format::{ExtentNode, IndirectMap, LogicalBlock, NodeRule};

use super::{System, any_inode, at, block};

/// The body as a root, then (behind its 60 bytes) as the child of an entry of that root.
pub(super) fn extents(system: &System, body: &[u8]) {
    let geometry = system.superblock.geometry();
    let (root, rest) = body.split_at(body.len().min(60));
    let rule = NodeRule::root(system.options & 1 != 0);
    let Ok(root) = ExtentNode::parse(root, &rule, geometry, at()) else { return };
    check_node(system, &root, &rule);
    let index = usize::from(system.options >> 1).checked_rem(root.len()).unwrap_or(0);
    let Some(rule) = rule.descend(&root, index) else { return };
    let bytes = block(system, rest);
    if let Ok(child) = ExtentNode::parse(&bytes, &rule, geometry, at()) {
        assert_eq!(Some(child.depth()), rule.depth());
        assert!(child.depth() < root.depth(), "depth must fall");
        check_node(system, &child, &rule);
    }
    let seed = system.superblock.seed().for_inode(any_inode(system), 1);
    let _ = verify_extent_checksum(&bytes, seed, at());
}

fn check_node(system: &System, node: &ExtentNode<'_>, rule: &NodeRule) {
    let geometry = system.superblock.geometry();
    let range = rule.range();
    let mut free_from = u64::from(range.start);
    assert!(node.len() <= usize::from(node.max_entries()) && node.depth() <= 5);
    for i in 0..node.len() {
        let (logical, end) = if node.is_leaf() {
            let extent = node.extent(i).expect("an entry of a checked leaf");
            assert!(extent.len > 0 && extent.len <= 0x8000, "{extent:?}");
            assert!(geometry.run(extent.start.get(), extent.len.into()).is_some(), "{extent:?}");
            (extent.logical, extent.end())
        } else {
            let entry = node.index(i).expect("an entry of a checked index");
            assert!(entry.child.get() < geometry.blocks_count(), "{entry:?}");
            (entry.logical, u64::from(entry.logical.get()) + 1)
        };
        let first = u64::from(logical.get());
        assert!(first >= free_from && end <= u64::from(range.end), "{logical} after {free_from}");
        assert_eq!(node.find(logical), Some(i));
        free_from = end;
    }
    assert!(node.extent(node.len()).is_none() && node.index(node.len()).is_none());
}

pub(super) fn indirect(system: &System, body: &[u8]) {
    let geometry = system.superblock.geometry();
    let map = IndirectMap::new(body);
    assert_eq!(map.len(), body.len() / 4);
    for index in 0..u32::try_from(map.len()).unwrap_or(0) {
        if let Ok(Some(block)) = map.block(index, geometry, at()) {
            assert!(block.get() < geometry.blocks_count() && map.entry(index) != Some(0));
        }
    }
    let per_block = geometry.block_size().bytes() / 4;
    let logical = u32::try_from(system.number).unwrap_or(0);
    if let Some(path) = IndirectMap::path(logical, per_block) {
        let offsets = path.offsets();
        assert_eq!(offsets.len(), usize::from(path.level()) + 1);
        assert!(offsets.first().is_some_and(|slot| *slot < 15));
        assert!(offsets.iter().skip(1).all(|offset| *offset < per_block), "{path:?}");
        assert_eq!(logical_of(offsets, per_block), u64::from(logical));
    }
    assert!(
        LogicalBlock::containing(system.number << 20, geometry.block_size())
            .is_none_or(|block| block.byte_offset(geometry.block_size()) <= system.number << 20)
    );
}

/// The logical block that a path leads to.
fn logical_of(offsets: &[u32], n: u32) -> u64 {
    let n = u64::from(n);
    let below = offsets.iter().skip(1).fold(0, |at, offset| at * n + u64::from(*offset));
    match offsets.len() {
        1 => offsets.first().copied().unwrap_or(0).into(),
        2 => 12 + below,
        3 => 12 + n + below,
        _ => 12 + n + n * n + below,
    }
}
