//! Look-up through the hash tree: from the root down at most three nodes to a leaf, and on to the
//! leaves after it while names of the same hash continue there.

use extant_block::IoFlags;
use extant_format::dir::htree::{DxEntry, DxNode, DxRoot, NODE_OFFSET, ROOT_OFFSET};
use extant_format::dir_hash::HashVersion;
use extant_format::{Corrupt, CorruptKind, LogicalBlock};
use extant_jbd2::Block;
use extant_sync::Arc;

use crate::dir::Directory;
use crate::dir::lookup::Located;
use crate::dir::names::Wanted;
use crate::{Error, Result};

/// Leaves that one hash may run over. No real directory comes near; a crafted one is then scanned
/// linearly, which its size bounds.
const MAX_COLLISION_RUN: u32 = 1024;

/// A checked node on the way down, and the pair taken.
pub(super) struct Step {
    pub(super) logical: LogicalBlock,
    pub(super) block: Arc<Block>,
    /// Where its pairs start.
    pub(super) offset: usize,
    /// The number of the pair.
    pub(super) index: usize,
}

/// The way from the root to the first leaf that may hold names of a hash.
pub(super) struct HashPath {
    /// The root, and the nodes below it.
    pub(super) steps: Vec<Step>,
    pub(super) leaf: LogicalBlock,
    pub(super) version: HashVersion,
    pub(super) hash: u32,
    levels: u8,
}

impl Step {
    /// The pair taken; `None` behind the last.
    pub(super) fn pair(&self) -> Option<DxEntry> {
        self.pair_at(self.index)
    }

    /// Pair number `index`.
    pub(super) fn pair_at(&self, index: usize) -> Option<DxEntry> {
        DxNode::view(self.block.bytes(), self.offset)?.get(index)
    }
}

impl Directory<'_> {
    pub(super) fn lookup_hashed(
        &self,
        wanted: &Wanted<'_>,
        flags: IoFlags,
    ) -> Result<Option<Located>> {
        let HashPath { mut steps, mut leaf, hash, levels, .. } = self.hash_path(wanted, flags)?;
        for _ in 0..MAX_COLLISION_RUN {
            if let Some(found) = self.lookup_leaf(leaf, wanted, flags)? {
                return Ok(Some(found));
            }
            match self.continue_run(&mut steps, levels, hash, flags)? {
                Some(next) => leaf = next,
                None => return Ok(None),
            }
        }
        Err(Error::corrupt(CorruptKind::HtreeOrder, self.at(LogicalBlock::ZERO)))
    }

    /// The way to the first leaf where the name wanted may be.
    pub(super) fn hash_path(&self, wanted: &Wanted<'_>, flags: IoFlags) -> Result<HashPath> {
        let block = self.block(LogicalBlock::ZERO, flags)?;
        let at = self.at(LogicalBlock::ZERO);
        let root = DxRoot::parse(block.bytes(), &self.dx_rule(), at)?;
        let no_key = || Corrupt::new(CorruptKind::DirHashKey, at);
        let version =
            HashVersion::from_disk(root.hash_version, self.volume.superblock.raw().flags.get())
                .ok_or_else(no_key)?;
        let hash = wanted.hash(self, version).ok_or_else(no_key)?;
        let levels = root.indirect_levels;
        let mut steps = Vec::with_capacity(usize::from(levels) + 1);
        let logical = LogicalBlock::ZERO;
        steps.push(Step { logical, offset: ROOT_OFFSET, index: root.node.find(hash), block });
        let leaf = self.descend(&mut steps, levels, hash, flags)?;
        Ok(HashPath { steps, leaf, version, hash, levels })
    }

    /// Goes down from the last step of `path` to a leaf.
    fn descend(
        &self,
        path: &mut Vec<Step>,
        levels: u8,
        hash: u32,
        flags: IoFlags,
    ) -> Result<LogicalBlock> {
        loop {
            let child = self.taken(path.last())?.block;
            if path.iter().any(|step| step.logical == child) {
                return Err(Error::corrupt(CorruptKind::HtreeBlock, self.at(child)));
            }
            if path.len() > usize::from(levels) {
                return Ok(child);
            }
            let block = self.block(child, flags)?;
            let node = DxNode::parse(block.bytes(), &self.dx_rule(), self.at(child))?;
            let index = node.find(hash);
            path.push(Step { logical: child, offset: NODE_OFFSET, index, block });
        }
    }

    /// The leaf after the one that `path` leads to, if names of `hash` continue there.
    fn continue_run(
        &self,
        path: &mut Vec<Step>,
        levels: u8,
        hash: u32,
        flags: IoFlags,
    ) -> Result<Option<LogicalBlock>> {
        while let Some(mut step) = path.pop() {
            step.index += 1;
            let Some(entry) = step.pair() else { continue };
            if !entry.continues_collision() || entry.hash & !1 != hash {
                return Ok(None);
            }
            path.push(step);
            // Below a continued pair the first pairs are the ones that follow.
            return self.descend(path, levels, 0, flags).map(Some);
        }
        Ok(None)
    }

    fn taken(&self, step: Option<&Step>) -> Result<DxEntry> {
        let wrong = || Error::corrupt(CorruptKind::HtreeLimit, self.at(LogicalBlock::ZERO));
        step.and_then(Step::pair).ok_or_else(wrong)
    }
}
