//! An extent tree that is being changed: going down, putting entries in, splitting nodes.
//!
//! The root is kept in memory and reaches the inode when the change is finished; other nodes are
//! written at once. Each node's entry in its parent starts where the node's first entry does.

use std::mem;

use extant_block::IoFlags;
use extant_format::extent::{ExtentNode, MAX_DEPTH, NodeBuf, NodeEntry, set_extent_checksum};
use extant_format::inode::MAP_SIZE;
use extant_format::{
    BlockNr, Corrupt, CorruptKind, ExtentIndex, Inode, LogicalBlock, NodeRule, Place,
};

use super::clusters::Kept;
use super::edit::Edit;
use crate::Result;
use crate::changes::Changes;

pub(super) struct Tree<'c, 'v> {
    pub(super) edit: Edit<'c, 'v>,
    pub(super) root: NodeBuf,
    pub(super) root_changed: bool,
}

/// A node on the way down.
pub(super) struct Level {
    /// Where the node lies; `None` for the root.
    nr: Option<BlockNr>,
    pub(super) rule: NodeRule,
    pub(super) node: NodeBuf,
    /// The entry taken on the way, in an index node.
    at: usize,
    pub(super) changed: bool,
}

impl<'c, 'v> Tree<'c, 'v> {
    /// The tree of `inode`; the clusters `kept` are never freed.
    pub(super) fn new(changes: &'c mut Changes<'v>, inode: Inode, kept: Kept) -> Result<Self> {
        let geometry = changes.volume().geometry();
        let rule = NodeRule::root(changes.volume().superblock().features().metadata_csum());
        let at = Place::inode(inode.ino);
        let root = NodeBuf::from(&ExtentNode::parse(inode.map_bytes(), &rule, geometry, at)?);
        Ok(Self { edit: Edit::new(changes, inode, kept), root, root_changed: false })
    }

    fn checksummed(&self) -> bool {
        self.edit.volume().superblock().features().metadata_csum()
    }

    pub(super) fn root_rule(&self) -> NodeRule {
        NodeRule::root(self.checksummed())
    }

    /// A block of the tree that leads outside, or is none: the walk before found no such thing.
    pub(super) fn broken(&self) -> Corrupt {
        Corrupt::new(CorruptKind::ExtentIndexBlock, self.edit.at())
    }

    /// The node in block `nr`.
    pub(super) fn child(&self, nr: BlockNr, rule: &NodeRule) -> Result<NodeBuf> {
        let (volume, inode) = (self.edit.volume(), &self.edit.inode);
        let block = volume.extent_block(inode, nr, rule, IoFlags::NONE)?;
        let at = self.edit.at().block(nr.get());
        Ok(NodeBuf::from(&ExtentNode::parse(block.bytes(), rule, volume.geometry(), at)?))
    }

    /// Writes a node into block `nr`.
    pub(super) fn write(&mut self, nr: BlockNr, node: &NodeBuf) -> Result<()> {
        let (seed, checksummed) = (self.edit.inode.seed, self.checksummed());
        let put = |bytes: &mut [u8]| {
            node.write(bytes) && (!checksummed || set_extent_checksum(bytes, seed))
        };
        let fits = self.edit.changes.change(nr, put)?;
        self.check_fits(fits)
    }

    fn check_fits(&self, fits: bool) -> Result<()> {
        let wrong = Corrupt::new(CorruptKind::ExtentMaxEntries, self.edit.at());
        if fits { Ok(()) } else { Err(wrong.into()) }
    }

    /// The nodes from the root to the leaf that holds `logical`, or would.
    pub(super) fn descend(&self, logical: LogicalBlock) -> Result<Vec<Level>> {
        let (mut nr, mut rule, mut node) = (None, self.root_rule(), self.root.clone());
        let mut path = Vec::with_capacity(usize::from(node.depth) + 1);
        while node.depth > 0 {
            let at = node.count_to(logical).saturating_sub(1);
            let index =
                node.entries.get(at).and_then(|e| e.as_index(self.edit.volume().geometry()));
            let child = index.ok_or_else(|| self.broken())?.child;
            let child_rule = node.child_rule(&rule, at).ok_or_else(|| self.broken())?;
            let below = self.child(child, &child_rule)?;
            path.push(Level { nr, rule, node, at, changed: false });
            (nr, rule, node) = (Some(child), child_rule, below);
        }
        path.push(Level { nr, rule, node, at: 0, changed: false });
        Ok(path)
    }

    /// Puts `entry` in at place `at` of the leaf of `path`, and writes what changed. Full nodes on
    /// the way are split; blocks for that are wanted near the leaf, or near `goal`, the data.
    pub(super) fn put(
        &mut self,
        mut path: Vec<Level>,
        at: usize,
        entry: NodeEntry,
        goal: BlockNr,
    ) -> Result<()> {
        // Each full node above a full node takes a new block: a second half, or what was the root.
        let full = path.iter().rev().take_while(|level| level.node.is_full()).count();
        if full == path.len() && self.root.depth >= MAX_DEPTH {
            return Err(Corrupt::new(CorruptKind::ExtentDepth, self.edit.at()).into());
        }
        let goal = path.last().and_then(|leaf| leaf.nr).unwrap_or(goal);
        let mut blocks = self.edit.map_blocks(full, goal, |_| true)?;
        let mut carry = Some((at, entry));
        while let Some(mut level) = path.pop() {
            if let Some((at, entry)) = carry.take() {
                level.changed = true;
                carry = self.put_here(&mut level, at, entry, &mut blocks)?;
            }
            if let (Some((at, _)), Some(parent)) = (&mut carry, path.last()) {
                *at = parent.at + 1;
            }
            self.store(level, path.last_mut())?;
        }
        Ok(())
    }

    /// Puts an entry into one node. If that splits it, gives the entry that leads to the second
    /// half.
    fn put_here(
        &mut self,
        level: &mut Level,
        at: usize,
        entry: NodeEntry,
        blocks: &mut Vec<BlockNr>,
    ) -> Result<Option<(usize, NodeEntry)>> {
        let node = &mut level.node;
        let at = at.min(node.entries.len());
        let was_full = node.is_full();
        let append = at == node.entries.len();
        node.entries.insert(at, entry);
        if !was_full {
            return Ok(None);
        }
        let nr = blocks.pop().ok_or_else(|| self.broken())?;
        let mut half = NodeBuf::for_block(
            node.depth,
            self.edit.volume().block_size().to_usize(),
            self.checksummed(),
        );
        if level.nr.is_none() {
            half.entries = mem::take(&mut node.entries);
            node.depth += 1;
            let index = self.write_new(nr, &half)?;
            node.entries.push(index);
            return Ok(None);
        }
        // A file that grows at its end fills its leaves.
        let len = node.entries.len();
        half.entries = node.entries.split_off(if append { len - 1 } else { len / 2 });
        Ok(Some((0, self.write_new(nr, &half)?)))
    }

    /// Writes a node into the new block `nr`; gives the entry that leads to it.
    fn write_new(&mut self, nr: BlockNr, node: &NodeBuf) -> Result<NodeEntry> {
        self.edit.changes.create(nr, |_| ())?;
        self.write(nr, node)?;
        let index = node.first().map(|logical| ExtentIndex { logical, child: nr });
        Ok(index.and_then(|index| NodeEntry::index(&index)).ok_or_else(|| self.broken())?)
    }

    /// Writes a node if it changed, and lets its parent's entry start where it does.
    fn store(&mut self, level: Level, parent: Option<&mut Level>) -> Result<()> {
        if !level.changed {
            return Ok(());
        }
        let Some(nr) = level.nr else {
            (self.root, self.root_changed) = (level.node, true);
            return Ok(());
        };
        self.write(nr, &level.node)?;
        if let Some(parent) = parent
            && let Some(first) = level.node.first()
            && let Some(entry) = parent.node.entries.get_mut(parent.at)
            && entry.logical() != first
        {
            entry.set_logical(first);
            parent.changed = true;
        }
        Ok(())
    }

    /// Writes the nodes of `path` that changed.
    pub(super) fn store_path(&mut self, mut path: Vec<Level>) -> Result<()> {
        while let Some(level) = path.pop() {
            self.store(level, path.last_mut())?;
        }
        Ok(())
    }

    /// Lets the root take the place of its only child where it has the room.
    fn collapse(&mut self) -> Result<()> {
        while let (true, [only]) = (self.root.depth > 0, self.root.entries.as_slice()) {
            let index = only.as_index(self.edit.volume().geometry());
            let nr = index.ok_or_else(|| self.broken())?.child;
            let rule = self.root.child_rule(&self.root_rule(), 0).ok_or_else(|| self.broken())?;
            let child = self.child(nr, &rule)?;
            if child.entries.len() > self.root.max_entries() {
                break;
            }
            (self.root.depth, self.root.entries) = (child.depth, child.entries);
            self.root_changed = true;
            self.edit.free_map(nr);
        }
        Ok(())
    }

    /// Makes the tree no higher than it must be, and writes the inode.
    pub(super) fn finish(mut self) -> Result<()> {
        self.collapse()?;
        if !self.root_changed {
            return self.edit.finish(None);
        }
        let mut map = [0; MAP_SIZE];
        map.copy_from_slice(self.edit.inode.map_bytes().get(..MAP_SIZE).unwrap_or(&[0; MAP_SIZE]));
        self.check_fits(self.root.write(&mut map))?;
        self.edit.finish(Some(&map))
    }
}
