//! Directories with a hash tree: an entry goes into the leaf of its hash. A full leaf is divided,
//! and so is each full node above it; a full root moves into a node of its own, as far as the
//! format allows levels.

use extant_block::IoFlags;
use extant_format::dir::DotEntries;
use extant_format::dir::htree::{
    DxEntry, DxNode, NODE_OFFSET, ROOT_OFFSET, init_node, init_root, set_levels, set_pairs,
};
use extant_format::dir_hash::HashVersion;
use extant_format::{BlockNr, Compat, CorruptKind, InodeFlags, LogicalBlock};

use super::DirEdit;
use super::split::{HashRange, total};
use crate::dir::Shape;
use crate::dir::htree::{HashPath, Step};
use crate::dir::names::Wanted;
use crate::{Error, Result};

/// `s_flags`: hashes take name bytes as unsigned.
const FLAG_UNSIGNED: u32 = 2;

/// A node to be written: where its pairs start, and its bytes.
struct NodeWrite {
    nr: BlockNr,
    offset: usize,
    bytes: Vec<u8>,
}

impl DirEdit<'_, '_> {
    /// Adds an entry called `name`.
    pub(super) fn insert_hashed(&mut self, name: &[u8], record: &[u8]) -> Result<()> {
        let dir = self.dir();
        let path = dir.hash_path(&Wanted::stored(&dir, name), IoFlags::NONE)?;
        if self.insert_into(path.leaf, record)? {
            return Ok(());
        }
        let dir = self.dir();
        let wrong = || Error::corrupt(CorruptKind::HtreeBlock, dir.at(path.leaf));
        let block = dir.block(path.leaf, IoFlags::NONE)?;
        if self.has_csum() && dir.shape(path.leaf, block.bytes()) != Shape::Leaf {
            return Err(wrong());
        }
        let mut records = self.records(path.leaf)?;
        records.push(record.to_vec());
        let old = self.block_nr(path.leaf)?;
        if total(&records) <= self.leaf_capacity() {
            // The room is there, in pieces.
            return self.write_leaf(old, &records);
        }
        let range = HashRange::of(&path);
        let order = || Error::corrupt(CorruptKind::HtreeOrder, self.dir().at(path.leaf));
        let halves = self.halve(records, path.version, range.ok_or_else(order)?)?;
        let mut spare = self.append_leaves(1 + self.full_nodes(&path)?)?;
        let (logical, nr) = spare.pop().ok_or(Error::NoSpace)?;
        self.write_leaf(nr, &halves.high)?;
        self.insert_pair(&path, DxEntry { hash: halves.hash, block: logical }, spare)?;
        self.write_leaf(old, &halves.low)
    }

    /// How many nodes, from the last up, have no room for a pair: each takes a new block.
    fn full_nodes(&self, path: &HashPath) -> Result<u32> {
        let rule = self.dir().dx_rule();
        let is_full = |step: &&Step| step.pairs().len() >= rule.limit(step.offset);
        let full = path.steps.iter().rev().take_while(is_full).count();
        if full == path.steps.len() && full >= usize::from(rule.max_levels()) {
            return Err(Error::NoSpace);
        }
        u32::try_from(full).map_err(|_| Error::NoSpace)
    }

    /// Puts `pair` behind the one that `path` took, in its last node. `spare` are blocks for what
    /// [`full_nodes`](Self::full_nodes) counted.
    fn insert_pair(
        &mut self,
        path: &HashPath,
        mut pair: DxEntry,
        mut spare: Vec<(LogicalBlock, BlockNr)>,
    ) -> Result<()> {
        let mut fresh = Vec::new();
        let mut changed = Vec::new();
        for (depth, step) in path.steps.iter().enumerate().rev() {
            let mut pairs = step.pairs();
            pairs.insert((step.index + 1).min(pairs.len()), pair);
            if pairs.len() <= self.dir().dx_rule().limit(step.offset) {
                changed.push(self.node_changed(step, &pairs)?);
                break;
            }
            let (logical, nr) = spare.pop().ok_or(Error::NoSpace)?;
            if depth == 0 {
                fresh.push(self.node_new(nr, &pairs)?);
                let only = DxEntry { hash: 0, block: logical };
                let mut root = self.node_changed(step, &[only])?;
                set_levels(&mut root.bytes, u8::try_from(path.steps.len()).unwrap_or(u8::MAX));
                changed.push(root);
            } else {
                let high = pairs.split_off(pairs.len() / 2);
                fresh.push(self.node_new(nr, &high)?);
                changed.push(self.node_changed(step, &pairs)?);
                let hash = high.first().map_or(0, |first| first.hash);
                pair = DxEntry { hash, block: logical };
            }
        }
        // From the top: until a node has lost its upper half, that is in two places.
        for mut node in fresh.into_iter().chain(changed.into_iter().rev()) {
            self.write(node.nr, &mut node.bytes, Shape::Node(node.offset))?;
        }
        Ok(())
    }

    fn node_changed(&self, step: &Step, pairs: &[DxEntry]) -> Result<NodeWrite> {
        let nr = self.block_nr(step.logical)?;
        let bytes = step.block.bytes().to_vec();
        self.with_pairs(NodeWrite { nr, offset: step.offset, bytes }, pairs)
    }

    fn node_new(&self, nr: BlockNr, pairs: &[DxEntry]) -> Result<NodeWrite> {
        let mut bytes = vec![0; self.changes.volume().block_size().to_usize()];
        init_node(&mut bytes, self.dir().rule());
        self.with_pairs(NodeWrite { nr, offset: NODE_OFFSET, bytes }, pairs)
    }

    fn with_pairs(&self, mut node: NodeWrite, pairs: &[DxEntry]) -> Result<NodeWrite> {
        let dir = self.dir();
        let at = dir.at(LogicalBlock::ZERO).block(node.nr.get());
        if set_pairs(&mut node.bytes, node.offset, pairs, &dir.dx_rule()) {
            Ok(node)
        } else {
            Err(Error::corrupt(CorruptKind::HtreeLimit, at))
        }
    }

    /// Gives a directory of one block a hash tree, and adds an entry. `false`, and nothing done, if
    /// it has more blocks, or hash trees are not wanted.
    pub(super) fn make_indexed(&mut self, record: &[u8]) -> Result<bool> {
        let wanted = self.changes.volume().superblock.features().compat(Compat::DIR_INDEX);
        let Some((byte, version)) = self.new_hash_version() else { return Ok(false) };
        let dir = self.dir();
        if !wanted || dir.blocks() != 1 {
            return Ok(false);
        }
        let block = dir.block(LogicalBlock::ZERO, IoFlags::NONE)?;
        let body = dir.body(LogicalBlock::ZERO, block.bytes());
        DotEntries::parse(body, self.inode.ino, dir.rule(), dir.at(LogicalBlock::ZERO))?;
        let parent = dir.parent(IoFlags::NONE)?;
        let first = self.block_nr(LogicalBlock::ZERO)?;
        let mut records = self.records(LogicalBlock::ZERO)?.split_off(2);
        records.push(record.to_vec());

        let leaves = if total(&records) <= self.leaf_capacity() {
            vec![(0, records)]
        } else {
            let halves = self.halve(records, version, HashRange::ALL)?;
            vec![(0, halves.low), (halves.hash, halves.high)]
        };
        let blocks = self.append_leaves(u32::try_from(leaves.len()).unwrap_or(u32::MAX))?;
        let mut pairs = Vec::with_capacity(leaves.len());
        for ((hash, records), (block, nr)) in leaves.iter().zip(blocks) {
            self.write_leaf(nr, records)?;
            pairs.push(DxEntry { hash: *hash, block });
        }
        self.change_inode(self.dir().blocks(), |flags| flags.union(InodeFlags::INDEX))?;
        let mut bytes = vec![0; self.changes.volume().block_size().to_usize()];
        init_root(&mut bytes, (self.inode.ino, parent), byte, &self.dir().dx_rule());
        let root = NodeWrite { nr: first, offset: ROOT_OFFSET, bytes };
        let mut root = self.with_pairs(root, &pairs)?;
        self.write(root.nr, &mut root.bytes, Shape::Node(root.offset))?;
        Ok(true)
    }

    /// The hash of new trees, as a root stores it and as it is: the root has three functions only,
    /// and the superblock says for all trees how they take bytes.
    fn new_hash_version(&self) -> Option<(u8, HashVersion)> {
        let raw = self.changes.volume().superblock.raw();
        let flags = raw.flags.get();
        let byte = match raw.def_hash_version {
            byte @ 0..=2 => byte,
            byte @ 3..=5 if flags & FLAG_UNSIGNED != 0 => byte - 3,
            _ => return None,
        };
        Some((byte, HashVersion::from_disk(byte, flags)?))
    }
}

impl Step {
    /// All pairs of the node.
    fn pairs(&self) -> Vec<DxEntry> {
        let node = DxNode::view(self.block.bytes(), self.offset);
        node.map_or_else(Vec::new, |node| node.entries().collect())
    }
}
