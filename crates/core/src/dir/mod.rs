//! Directories: blocks, listing, look-up by name.
//!
//! A [`Directory`] is a view of one inode. Its blocks are verified as what they are, leaf or hash
//! tree node, once when they enter the buffer cache. Listing never depends on the hash tree;
//! look-up uses it and falls back to a scan where it is damaged (row 34).

pub(crate) mod change;
mod htree;
mod list;
mod lookup;
mod names;
mod seen;

use extant_block::IoFlags;
use extant_format::dir::htree::{DxRule, count_offset, verify_dx_checksum};
use extant_format::dir::{DotEntries, EntryRule, dir_body, verify_dir_checksum};
use extant_format::{
    BlockNr, Compat, Corrupt, CorruptKind, Incompat, Inode, InodeFlags, InodeNr, LogicalBlock,
    Place,
};
use extant_jbd2::Block;
use extant_sync::Arc;

pub use list::{DirChunk, DirItem};
pub use lookup::Found;
pub use seen::SeenBlocks;

use crate::check::CheckKind;
use crate::{Error, Result, Volume};

/// A directory of a volume.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a> {
    volume: &'a Volume,
    inode: &'a Inode,
    rule: EntryRule,
}

/// What a block of a directory holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Leaf,
    /// A hash tree node, its pairs at this byte offset.
    Node(usize),
}

impl<'a> Directory<'a> {
    /// A view of `inode`, which must be a directory.
    #[must_use]
    pub fn new(volume: &'a Volume, inode: &'a Inode) -> Self {
        let features = volume.superblock.features();
        let rule = EntryRule {
            block_size: volume.block_size(),
            inodes_count: volume.geometry().inodes_count(),
            has_filetype: features.incompat(Incompat::FILETYPE),
            encrypted: inode.flags.contains(InodeFlags::ENCRYPT),
            casefold: inode.flags.contains(InodeFlags::CASEFOLD),
        };
        Self { volume, inode, rule }
    }

    /// The rules for this directory's entries.
    #[must_use]
    pub fn rule(&self) -> &EntryRule {
        &self.rule
    }

    /// Whether the directory has a hash tree.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.inode.flags.contains(InodeFlags::INDEX)
            && self.volume.superblock.features().compat(Compat::DIR_INDEX)
            && !self.is_inline()
    }

    fn is_inline(&self) -> bool {
        self.inode.flags.contains(InodeFlags::INLINE_DATA)
    }

    /// Blocks of the directory, from its size; 0 for an inline directory.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        if self.is_inline() {
            return 0;
        }
        let blocks = self.inode.size >> self.volume.block_size().bits();
        u32::try_from(blocks).unwrap_or(u32::MAX)
    }

    /// The rules for this directory's hash tree nodes.
    #[must_use]
    pub fn dx_rule(&self) -> DxRule {
        let features = self.volume.superblock.features();
        DxRule {
            entry: self.rule,
            dir_blocks: self.blocks().into(),
            has_csum: features.metadata_csum(),
            large_dir: features.incompat(Incompat::LARGE_DIR),
        }
    }

    fn at(&self, logical: LogicalBlock) -> Place {
        Place::inode(self.inode.ino).logical(logical)
    }

    /// Block `logical`, verified by its own shape; [`CorruptKind::DirHole`] where nothing is
    /// mapped.
    ///
    /// # Errors
    /// [`Error::Corrupt`], those of a block read.
    pub fn block(&self, logical: LogicalBlock, flags: IoFlags) -> Result<Arc<Block>> {
        let map = self.volume.map_blocks(self.inode, logical, flags)?;
        let hole = || Error::corrupt(CorruptKind::DirHole, self.at(logical));
        let nr = map.written(logical).and_then(|nr| self.volume.geometry().block(nr));
        let nr = nr.ok_or_else(hole)?;
        let at = self.at(logical).block(nr.get());
        let token = CheckKind::DirBlock.token(self.inode);
        self.volume.buffers.read_checked(nr, token, flags, |bytes| {
            if self.volume.superblock.features().metadata_csum() {
                match self.shape(logical, bytes) {
                    Shape::Leaf => verify_dir_checksum(bytes, self.inode.seed, at)?,
                    Shape::Node(offset) => {
                        verify_dx_checksum(bytes, offset, self.inode.seed, at)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// What block `logical` is. Only an indexed directory has nodes, and block 0 of one is its
    /// root; a directory that lost its index flag keeps its old nodes as empty leaves with the
    /// checksum of a node.
    fn shape(&self, logical: LogicalBlock, bytes: &[u8]) -> Shape {
        match count_offset(bytes, &self.rule) {
            Some(offset) if self.is_indexed() || logical != LogicalBlock::ZERO => {
                Shape::Node(offset)
            }
            _ => Shape::Leaf,
        }
    }

    /// The entries' part of a block. Only the shape and the feature tell: a hash tree root keeps
    /// what looks like a leaf's tail from the time when it was one, and so does a leaf whose last
    /// entry grew over its tail when checksums were turned off.
    fn body<'b>(&self, logical: LogicalBlock, bytes: &'b [u8]) -> &'b [u8] {
        let checksums = self.volume.superblock.features().metadata_csum();
        match self.shape(logical, bytes) {
            Shape::Leaf if checksums => dir_body(bytes),
            _ => bytes,
        }
    }

    /// The parent directory, from the entry `..`.
    ///
    /// # Errors
    /// [`CorruptKind::DirDot`] where the first two entries are not `.` and `..` of this
    /// directory; those of reading its first block.
    pub fn parent(&self, flags: IoFlags) -> Result<InodeNr> {
        let number = if self.is_inline() {
            self.volume.inline_dir(self.inode, |dir| dir.parent)?
        } else {
            let block = self.block(LogicalBlock::ZERO, flags)?;
            let at = self.at(LogicalBlock::ZERO);
            DotEntries::parse(
                self.body(LogicalBlock::ZERO, block.bytes()),
                self.inode.ino,
                &self.rule,
                at,
            )?
            .parent
        };
        let wrong = Corrupt::new(CorruptKind::DirDot, self.at(LogicalBlock::ZERO));
        Ok(self.volume.geometry().inode(number).ok_or(wrong)?)
    }

    /// The first mapped block at or behind `logical`, if there is one, with its place, and whether
    /// blocks were skipped: a directory should have no holes.
    fn next_mapped(
        &self,
        logical: LogicalBlock,
        flags: IoFlags,
    ) -> Result<(Option<(LogicalBlock, BlockNr)>, bool)> {
        let mut next = logical;
        let mut skipped = false;
        while next.get() < self.blocks() {
            let map = self.volume.map_blocks(self.inode, next, flags)?;
            let nr = map.written(next).and_then(|nr| self.volume.geometry().block(nr));
            if let Some(nr) = nr {
                return Ok((Some((next, nr)), skipped));
            }
            skipped = true;
            let Some(end) = map.end() else { break };
            next = end;
        }
        Ok((None, skipped))
    }
}
