//! Hash trees: from the root in a directory's first block down to the leaves, and which hashes the
//! names in each leaf may have.
//!
//! A block is entered once. References are sixteen bytes each, and no more are followed than the
//! directory has blocks: a tree with more must refer to one twice.

use extant_block::AlignedBuffer;
use extant_format::dir::htree::{self, DxNode, DxRoot, DxRule, verify_dx_checksum};
use extant_format::dir::{DirEntry, EntryRule, dir_body};
use extant_format::dir_hash::dir_hash;
use extant_format::{Corrupt, CorruptKind, HashVersion, Incompat, LogicalBlock, Place};
use extant_format::{Superblock, casefold};

use super::blocks::Blocks;
use super::scan::is_chain;
use super::{Dir, Worker};
use crate::{Problem, ProblemKind};

/// What a block of an indexed directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// The directory has no tree: a block of entries.
    Loose,
    /// The root, with `.` and `..`.
    Root,
    /// The first block, where a root should be.
    NoRoot,
    /// An inner node.
    Node,
    /// A leaf for names of these hashes.
    Leaf { min: u32, max: u32 },
    /// Not in the tree as far as it can be read.
    Unknown,
}

/// A reference to a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Reference {
    block: u32,
    /// The least and the greatest hash of names below.
    min: u32,
    max: u32,
    /// Whether the block is an inner node.
    node: bool,
}

/// The hash tree of a directory.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Whether the first block is shaped as a root.
    has_root: bool,
    /// Whether all nodes could be read.
    whole: bool,
    /// How names are hashed, if that is known.
    version: Option<HashVersion>,
    /// That the root's checksum is wrong: told if nothing else is wrong with that block.
    pub(super) root_checksum: Option<Problem>,
    /// By block.
    references: Vec<Reference>,
}

impl Tree {
    /// What block `logical` of the directory is.
    pub(super) fn part(&self, logical: u32) -> Part {
        if logical == 0 {
            return if self.has_root { Part::Root } else { Part::NoRoot };
        }
        let index = self.references.partition_point(|reference| reference.block < logical);
        match self.references.get(index).filter(|reference| reference.block == logical) {
            Some(reference) if reference.node => Part::Node,
            Some(reference) => Part::Leaf { min: reference.min, max: reference.max },
            None => Part::Unknown,
        }
    }

    /// The hash by which `entry` is found, if it can be known.
    pub(super) fn hash(
        &self,
        entry: &DirEntry<'_>,
        rule: &EntryRule,
        superblock: &Superblock,
    ) -> Option<u32> {
        if rule.has_hashes() {
            return entry.hash_suffix.map(|(major, _)| major & !1);
        }
        let (version, seed) = (self.version?, superblock.hash_seed());
        let hash = if rule.casefold && !rule.encrypted {
            casefold::hash_name(version, entry.name, seed)
        } else {
            dir_hash(version, entry.name, seed)
        };
        hash.map(|hash| hash.major)
    }
}

/// Reads a tree.
struct Reading<'w, 'a, 'd> {
    worker: &'w mut Worker<'a>,
    dir: &'d Dir<'d>,
    blocks: &'d Blocks<'d>,
    rule: DxRule,
    tree: Tree,
    /// Nodes to enter, with the levels from there on.
    open: Vec<(Reference, u8)>,
    told_twice: bool,
    /// Whether all hashes in nodes can be trusted.
    ranges_known: bool,
}

impl Worker<'_> {
    /// Reads the tree of `dir`, and tells what is wrong with it.
    pub(super) fn tree(
        &mut self,
        dir: &Dir<'_>,
        blocks: &Blocks<'_>,
        buffer: &mut AlignedBuffer,
    ) -> Tree {
        let rule = DxRule {
            entry: dir.rule,
            dir_blocks: blocks.count(),
            has_csum: self.image.has_checksums(),
            large_dir: self.image.superblock().features().incompat(Incompat::LARGE_DIR),
        };
        let tree = Tree::default();
        let open = Vec::new();
        let (told_twice, ranges_known) = (false, true);
        let mut reading =
            Reading { worker: self, dir, blocks, rule, tree, open, told_twice, ranges_known };
        reading.root(buffer);
        while let Some((reference, levels)) = reading.open.pop() {
            reading.node(reference, levels, buffer);
        }
        reading.finish()
    }
}

impl Reading<'_, '_, '_> {
    fn at(&self, logical: u32, block: u64) -> Place {
        self.dir.at().logical(LogicalBlock::new(logical)).block(block)
    }

    /// Reads a block; `None` if it cannot be, which is told with the entries or the map.
    fn read(&self, logical: u32, buffer: &mut AlignedBuffer) -> Option<Place> {
        let block = self.blocks.find(logical)?;
        self.worker.image.read(block, buffer).ok()?;
        Some(self.at(logical, block))
    }

    fn root(&mut self, buffer: &mut AlignedBuffer) {
        let Some(at) = self.read(0, buffer) else { return };
        let shape = htree::count_offset(buffer, &self.rule.entry);
        self.tree.has_root = shape == Some(htree::ROOT_OFFSET);
        match DxRoot::parse(buffer, &self.rule, at) {
            Ok(root) => {
                self.tree.whole = true;
                let flags = self.worker.image.superblock().raw().flags.get();
                self.tree.version = HashVersion::from_disk(root.hash_version, flags);
                self.pairs(&root.node, (0, u32::MAX), root.indirect_levels);
                self.checksum(buffer, htree::ROOT_OFFSET, at);
            }
            // Where its entries are broken, that is told.
            Err(_) if !self.tree.has_root && !is_chain(dir_body(buffer), &self.rule.entry) => {}
            Err(corrupt) => self.broken(ProblemKind::HtreeRoot, corrupt),
        }
    }

    fn node(&mut self, reference: Reference, levels: u8, buffer: &mut AlignedBuffer) {
        let Some(at) = self.read(reference.block, buffer) else {
            self.tree.whole = false;
            return;
        };
        match DxNode::parse(buffer, &self.rule, at) {
            Ok(node) => {
                self.pairs(&node, (reference.min, reference.max), levels - 1);
                self.checksum(buffer, htree::NODE_OFFSET, at);
            }
            Err(corrupt) => self.broken(ProblemKind::HtreeNode, corrupt),
        }
    }

    fn broken(&mut self, kind: ProblemKind, corrupt: Corrupt) {
        self.tree.whole = false;
        self.worker.push(Problem::corrupt(kind, corrupt));
    }

    fn checksum(&mut self, block: &[u8], offset: usize, at: Place) {
        if !self.rule.has_csum {
            return;
        }
        if let Err(corrupt) = verify_dx_checksum(block, offset, self.dir.inode.seed, at) {
            let kind = if corrupt.kind == CorruptKind::HtreeChecksum {
                ProblemKind::HtreeChecksum
            } else {
                ProblemKind::HtreeNode
            };
            self.ranges_known = false;
            if offset == htree::ROOT_OFFSET && kind == ProblemKind::HtreeChecksum {
                self.tree.whole = false;
                self.tree.root_checksum = Some(Problem::new(kind, at));
            } else {
                self.broken(kind, corrupt);
            }
        }
    }

    /// Follows the pairs of a node for hashes from `min` to `max`, `levels` levels above the
    /// leaves.
    fn pairs(&mut self, node: &DxNode<'_>, (min, max): (u32, u32), levels: u8) {
        for index in 0..node.count() {
            let Some(pair) = node.get(index) else { break };
            let from = if index == 0 { min } else { min.max(pair.hash & !1) };
            let to = node.get(index + 1).map_or(max, |next| max.min(last_before(next.hash)));
            let block = pair.block.get();
            let reference = Reference { block, min: from, max: to, node: levels > 0 };
            if self.tree.references.len() as u64 >= self.blocks.count() {
                return self.twice(block);
            }
            self.tree.references.push(reference);
            if levels > 0 {
                self.open.push((reference, levels));
            }
        }
    }

    fn twice(&mut self, logical: u32) {
        self.tree.whole = false;
        self.open.clear();
        if !std::mem::replace(&mut self.told_twice, true) {
            let at = self.dir.at().logical(LogicalBlock::new(logical));
            self.worker.push(Problem::new(ProblemKind::HtreeTwice, at));
        }
    }

    fn finish(mut self) -> Tree {
        self.tree.references.sort_unstable();
        let twice = self.tree.references.array_windows().find(|[a, b]| a.block == b.block);
        if let Some(block) = twice.map(|[a, _]| a.block) {
            self.twice(block);
        }
        // Which of two references is right is not known, nor whether hashes are.
        if self.told_twice || !self.ranges_known {
            for reference in &mut self.tree.references {
                (reference.min, reference.max) = (0, u32::MAX);
            }
        }
        if self.tree.whole && self.blocks.whole {
            self.unreferenced();
        }
        self.tree
    }

    fn unreferenced(&mut self) {
        let unknown = |&(logical, _): &(u32, u64)| self.tree.part(logical) == Part::Unknown;
        let mut missing = self.blocks.iter().filter(unknown);
        if let Some((logical, block)) = missing.next() {
            let count = 1 + missing.count() as u64;
            let at = self.at(logical, block);
            self.worker.push(Problem::new(ProblemKind::HtreeUnreferenced, at).found(count));
        }
    }
}

/// The greatest hash of names before a pair: names of the pair's hash are among them if it is
/// marked as a collision.
const fn last_before(hash: u32) -> u32 {
    if hash & 1 == 1 { hash } else { hash.saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collision_mark_lets_equal_hashes_stay_before() {
        assert_eq!([10, 11, 0, 1].map(last_before), [9, 11, 0, 1]);
    }

    #[test]
    fn a_block_is_what_the_tree_makes_of_it() {
        let leaf = Reference { block: 3, min: 4, max: 9, node: false };
        let node = Reference { block: 2, min: 0, max: 9, node: true };
        let references = vec![node, leaf];
        let tree = Tree { has_root: true, references, ..Tree::default() };
        let parts = [0, 1, 2, 3, 4].map(|logical| tree.part(logical));
        let leaf = Part::Leaf { min: 4, max: 9 };
        assert_eq!(parts, [Part::Root, Part::Unknown, Part::Node, leaf, Part::Unknown]);
    }
}
