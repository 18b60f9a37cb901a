//! Look-up through the hash tree: from the root down at most three nodes to a leaf, and on to the
//! leaves after it while names of the same hash continue there.

use extant_block::IoFlags;
use extant_format::dir::htree::{DxEntry, DxNode, DxRoot, NODE_OFFSET, ROOT_OFFSET};
use extant_format::dir_hash::HashVersion;
use extant_format::{Corrupt, CorruptKind, LogicalBlock};
use extant_jbd2::Block;
use extant_sync::Arc;

use crate::dir::names::Wanted;
use crate::dir::{Directory, Found};
use crate::{Error, Result};

/// Leaves that one hash may run over. No real directory comes near; a crafted one is then scanned
/// linearly, which its size bounds.
const MAX_COLLISION_RUN: u32 = 1024;

/// A checked node on the way down, and the pair taken.
struct Step {
    logical: LogicalBlock,
    block: Arc<Block>,
    /// Where its pairs start.
    offset: usize,
    index: usize,
}

impl Step {
    /// The pair taken; `None` behind the last.
    fn pair(&self) -> Option<DxEntry> {
        DxNode::view(self.block.bytes(), self.offset)?.get(self.index)
    }
}

impl Directory<'_> {
    pub(super) fn lookup_hashed(
        &self,
        wanted: &Wanted<'_>,
        flags: IoFlags,
    ) -> Result<Option<Found>> {
        let block = self.block(LogicalBlock::ZERO, flags)?;
        let at = self.at(LogicalBlock::ZERO);
        let root = DxRoot::parse(block.bytes(), &self.dx_rule(), at)?;
        let version =
            HashVersion::from_disk(root.hash_version, self.volume.superblock.raw().flags.get());
        let hash = version.and_then(|version| wanted.hash(self, version));
        let hash = hash.ok_or(Corrupt::new(CorruptKind::DirHashKey, at))?;
        let levels = root.indirect_levels;
        let mut path = Vec::with_capacity(usize::from(levels) + 1);
        let logical = LogicalBlock::ZERO;
        path.push(Step { logical, offset: ROOT_OFFSET, index: root.node.find(hash), block });
        let mut leaf = self.descend(&mut path, levels, hash, flags)?;
        for _ in 0..MAX_COLLISION_RUN {
            if let Some(found) = self.lookup_leaf(leaf, wanted, flags)? {
                return Ok(Some(found));
            }
            match self.continue_run(&mut path, levels, hash, flags)? {
                Some(next) => leaf = next,
                None => return Ok(None),
            }
        }
        Err(Error::corrupt(CorruptKind::HtreeOrder, at))
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
