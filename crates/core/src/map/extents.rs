//! Extent trees. The depth of a node must be one less than its parent's and its first blocks
//! inside the range its parent gave it, so a walk takes at most five steps whatever the image
//! says (rows 22 to 25).

use extant_block::IoFlags;
use extant_format::extent::{ExtentNode, NodeRule, verify_extent_checksum};
use extant_format::{BlockNr, Corrupt, CorruptKind, Extent, Inode, LogicalBlock, Place};
use extant_jbd2::Block;
use extant_sync::Arc;

use crate::check::CheckKind;
use crate::map::{BlockMap, MapKind};
use crate::{Result, Volume};

/// The deepest tree the format allows.
const MAX_DEPTH: usize = 5;

impl Volume {
    pub(super) fn map_extents(
        &self,
        inode: &Inode,
        logical: LogicalBlock,
        flags: IoFlags,
    ) -> Result<BlockMap> {
        let at = Place::inode(inode.ino);
        let checksummed = self.superblock.features().metadata_csum();
        let mut walk = Walk { rule: NodeRule::root(checksummed), path: [0; MAX_DEPTH], steps: 0 };
        let root = ExtentNode::parse(inode.map_bytes(), &walk.rule, self.geometry(), at)?;
        let mut child = match walk.step(&root, logical, at)? {
            Step::Down(child) => child,
            Step::Here(map) => return Ok(map),
        };
        loop {
            let block = self.extent_block(inode, child, &walk.rule, flags)?;
            let node = ExtentNode::view(block.bytes(), self.geometry());
            match walk.step(&node, logical, at.block(child.get()))? {
                Step::Down(next) => child = next,
                Step::Here(map) => return Ok(map),
            }
        }
    }

    /// A verified node of an inode's tree.
    pub(crate) fn extent_block(
        &self,
        inode: &Inode,
        nr: BlockNr,
        rule: &NodeRule,
        flags: IoFlags,
    ) -> Result<Arc<Block>> {
        let at = Place::inode(inode.ino).block(nr.get());
        if !self.zones.allows(inode.ino, nr, 1) {
            return Err(Corrupt::new(CorruptKind::MapSystemZone, at).into());
        }
        self.buffers.read_checked(nr, CheckKind::ExtentNode.token(inode), flags, |bytes| {
            ExtentNode::parse(bytes, rule, self.geometry(), at)?;
            if self.superblock.features().metadata_csum() {
                verify_extent_checksum(bytes, inode.seed, at)?;
            }
            Ok(())
        })
    }
}

/// Where a walk goes from a node.
enum Step {
    /// On to this child.
    Down(BlockNr),
    /// Nowhere: this is the answer.
    Here(BlockMap),
}

/// A descent: what the next node must be, and the nodes passed.
struct Walk {
    rule: NodeRule,
    path: [u64; MAX_DEPTH],
    steps: usize,
}

impl Walk {
    fn step(
        &mut self,
        node: &ExtentNode<'_>,
        logical: LogicalBlock,
        at: Place,
    ) -> Result<Step, Corrupt> {
        // A block verified as a node elsewhere in the tree is not one here.
        if self.rule.depth().is_some_and(|depth| depth != node.depth()) {
            return Err(Corrupt::new(CorruptKind::ExtentDepth, at));
        }
        if node.is_leaf() {
            return Ok(Step::Here(leaf_map(node, &self.rule, logical)));
        }
        let wrong = Corrupt::new(CorruptKind::ExtentIndexBlock, at);
        let Some(i) = node.find(logical) else {
            let first = node.index(0).ok_or(wrong)?;
            return Ok(Step::Here(hole(self.rule.range().start, first.logical.get(), logical)));
        };
        let child = node.index(i).ok_or(wrong)?.child;
        if self.path.iter().take(self.steps).any(|&passed| passed == child.get()) {
            return Err(Corrupt::new(CorruptKind::ExtentCycle, at.block(child.get())));
        }
        if let Some(step) = self.path.get_mut(self.steps) {
            *step = child.get();
        }
        self.steps += 1;
        self.rule = self.rule.descend(node, i).ok_or(wrong)?;
        Ok(Step::Down(child))
    }
}

/// The hole from `start` to before `end`; at least the block `logical`, also where a node lies.
fn hole(start: u32, end: u32, logical: LogicalBlock) -> BlockMap {
    let start = start.min(logical.get());
    let end = end.max(logical.get().saturating_add(1));
    BlockMap { logical: LogicalBlock::new(start), len: end - start, kind: MapKind::Hole }
}

/// The run around `logical` as a leaf has it: an extent, with those behind it that continue it on
/// the device, or the hole between two extents.
fn leaf_map(node: &ExtentNode<'_>, rule: &NodeRule, logical: LogicalBlock) -> BlockMap {
    let found = node.find(logical);
    let extent = found.and_then(|i| node.extent(i));
    if let (Some(i), Some(extent)) = (found, extent)
        && logical.get() - extent.logical.get() < extent.len
    {
        return mapped_run(node, i, extent);
    }
    let range = rule.range();
    let start = extent.map_or(range.start, |e| e.logical.get().saturating_add(e.len));
    let next = node.extent(found.map_or(0, |i| i + 1));
    hole(start, next.map_or(range.end, |e| e.logical.get()), logical)
}

/// Extent `i`, and all that follow on both in the file and on the device.
fn mapped_run(node: &ExtentNode<'_>, i: usize, first: Extent) -> BlockMap {
    let mut len = first.len;
    for next in (i + 1..node.len()).map_while(|i| node.extent(i)) {
        let follows = next.unwritten == first.unwritten
            && first.logical.get().checked_add(len) == Some(next.logical.get())
            && next.start.get() == first.start.get() + u64::from(len);
        match len.checked_add(next.len) {
            Some(longer) if follows => len = longer,
            _ => break,
        }
    }
    let kind = if first.unwritten {
        MapKind::Unwritten(first.start)
    } else {
        MapKind::Mapped(first.start)
    };
    BlockMap { logical: first.logical, len, kind }
}
