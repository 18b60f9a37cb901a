//! Block maps: from a logical block of a file to the largest extent around it.

pub(crate) mod change;
mod extents;
mod indirect;
pub(crate) mod walk;

use extant_block::IoFlags;
use extant_format::{BlockNr, CorruptKind, Inode, InodeFlags, InodeNr, LogicalBlock, Place};
use extant_jbd2::Block;
use extant_sync::Arc;

use crate::{Error, Result, Volume};

/// What a run of logical blocks is mapped to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapKind {
    /// Nothing.
    Hole,
    /// Allocated, reads as zero; the first block of the run.
    Unwritten(BlockNr),
    /// Allocated and written; the first block of the run.
    Mapped(BlockNr),
}

/// A run of logical blocks that are mapped alike, physically side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockMap {
    /// First logical block of the run.
    pub logical: LogicalBlock,
    /// Blocks in the run; not 0.
    pub len: u32,
    /// What they are mapped to.
    pub kind: MapKind,
}

impl BlockMap {
    /// The logical block behind the run; `None` behind the largest there is.
    #[must_use]
    pub fn end(&self) -> Option<LogicalBlock> {
        self.logical.checked_add(self.len)
    }

    /// The physical block of `logical`, if the run maps it and it has been written.
    #[must_use]
    pub fn written(&self, logical: LogicalBlock) -> Option<u64> {
        let offset = logical.get().checked_sub(self.logical.get()).filter(|&o| o < self.len)?;
        match self.kind {
            MapKind::Mapped(start) => Some(start.get() + u64::from(offset)),
            _ => None,
        }
    }
}

impl Volume {
    /// The largest run around `logical` that is mapped alike, as far as one node of the map tells.
    /// Files with inline data have no map: the caller asks first.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a bad node on the way, or a run that covers metadata of the file
    /// system; those of a block read.
    pub fn map_blocks(
        &self,
        inode: &Inode,
        logical: LogicalBlock,
        flags: IoFlags,
    ) -> Result<BlockMap> {
        let map = if inode.flags.contains(InodeFlags::EXTENTS) {
            self.map_extents(inode, logical, flags)?
        } else {
            self.map_indirect(inode, logical, flags)?
        };
        if let MapKind::Mapped(start) | MapKind::Unwritten(start) = map.kind {
            self.check_zones(inode, start, map.len.into())?;
        }
        Ok(map)
    }

    /// Refuses blocks that hold metadata of the file system.
    fn check_zones(&self, inode: &Inode, start: BlockNr, len: u64) -> Result<()> {
        if inode.ino == InodeNr::RESIZE || self.zones.allows(inode.ino, start, len) {
            return Ok(());
        }
        let at = Place::inode(inode.ino).block(start.get());
        Err(Error::corrupt(CorruptKind::MapSystemZone, at))
    }

    /// Block `logical` of a file whose content is metadata (a directory, an attribute value, a
    /// verity tree), through the buffer cache; `None` for a hole or an unwritten block.
    pub(crate) fn file_block(
        &self,
        inode: &Inode,
        logical: LogicalBlock,
        flags: IoFlags,
    ) -> Result<Option<(BlockNr, Arc<Block>)>> {
        let map = self.map_blocks(inode, logical, flags)?;
        let Some(nr) = map.written(logical).and_then(|nr| self.geometry().block(nr)) else {
            return Ok(None);
        };
        Ok(Some((nr, self.block(nr, flags)?)))
    }

    /// Bytes `pos..` of a file whose content is metadata, at most `len`, through the buffer cache.
    /// Holes read as zero. The caller bounds `len` before anything is allocated.
    pub(crate) fn file_bytes(
        &self,
        inode: &Inode,
        pos: u64,
        len: usize,
        flags: IoFlags,
    ) -> Result<Vec<u8>> {
        let size = self.block_size();
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = pos.saturating_add(bytes.len() as u64);
            let logical = LogicalBlock::containing(at, size).ok_or_else(|| {
                Error::corrupt(CorruptKind::InodeSizeField, Place::inode(inode.ino))
            })?;
            let skip = extant_format::to_usize(at % size.bytes64());
            let n = (size.to_usize() - skip).min(len - bytes.len());
            match self.file_block(inode, logical, flags)? {
                Some((_, block)) => {
                    bytes.extend_from_slice(block.bytes().get(skip..skip + n).unwrap_or_default());
                }
                None => bytes.resize(bytes.len() + n, 0),
            }
        }
        Ok(bytes)
    }
}
