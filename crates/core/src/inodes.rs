//! Inodes by number.

use extant_block::IoFlags;
use extant_format::{BlockNr, Corrupt, CorruptKind, Inode, InodeFlags, InodeNr, Place};
use extant_jbd2::{Block, BufferError};
use extant_sync::Arc;

use crate::{Error, Result, Volume};

/// Blocks of an inode table to read at once: the kernel's default readahead there.
const READ_AHEAD: u32 = 32;

/// What an inode is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InodeUse {
    /// As a file that a name leads to: reserved inodes are refused (row 9).
    Ordinary,
    /// As one of the file system's own: journal, quota, resize, orphan file.
    Special,
    /// As the holder of an attribute's value.
    AttributeValue,
}

impl Volume {
    /// The verified inode `ino`.
    ///
    /// # Errors
    /// [`Error::Corrupt`]: a reserved number used as a file, a damaged group, a bad checksum, or
    /// any field that breaks the format's rules.
    pub fn inode(&self, ino: InodeNr, wanted: InodeUse, flags: IoFlags) -> Result<Inode> {
        if wanted != InodeUse::Special && !self.is_ordinary_inode(ino) {
            return Err(Error::corrupt(CorruptKind::InodeNumber, Place::inode(ino)));
        }
        let (nr, offset) = self.inode_location(ino, flags)?;
        let block = self.inode_table_block(ino, nr, flags)?;
        let end = offset + self.geometry().inode_size() as usize;
        let bytes = block.bytes().get(offset..end).unwrap_or_default();
        let inode = Inode::parse(bytes, ino, &self.superblock)?;
        if wanted == InodeUse::Ordinary {
            check_ordinary(&inode)?;
        }
        Ok(inode)
    }

    /// The block of the inode table that holds `ino`, and the inode's byte offset there.
    ///
    /// # Errors
    /// Those of [`inode_table`](Self::inode_table).
    pub fn inode_location(&self, ino: InodeNr, flags: IoFlags) -> Result<(BlockNr, usize)> {
        let geometry = self.geometry();
        let (group, index) = geometry.inode_group(ino);
        let table = self.inode_table(group, flags)?;
        let per_block = geometry.inodes_per_block();
        let outside = Corrupt::new(CorruptKind::GroupInodeTable, Place::group(group));
        let nr = table.get() + u64::from(index / per_block);
        let nr = geometry.block(nr).ok_or(outside)?;
        Ok((nr, (index % per_block * geometry.inode_size()) as usize))
    }

    /// Reads a block of an inode table; a miss brings in the aligned window around it.
    fn inode_table_block(&self, ino: InodeNr, nr: BlockNr, flags: IoFlags) -> Result<Arc<Block>> {
        match self.buffers.read(nr, IoFlags::NOWAIT) {
            Err(BufferError::WouldBlock) if !flags.nowait() => {}
            result => return Ok(result?),
        }
        let geometry = self.geometry();
        let (_, index) = geometry.inode_group(ino);
        let in_table = index / geometry.inodes_per_block();
        let window = in_table - in_table % READ_AHEAD;
        let count = READ_AHEAD.min(geometry.inode_table_blocks() - window);
        if let Some(first) = geometry.block(nr.get() - u64::from(in_table - window)) {
            self.buffers.read_ahead(first, count);
        }
        self.block(nr, flags)
    }
}

/// A name leads to an inode that has links and does not hold an attribute's value (rows 19, 38).
fn check_ordinary(inode: &Inode) -> Result<(), Corrupt> {
    let at = Place::inode(inode.ino);
    if inode.links == 0 {
        return Err(Corrupt::new(CorruptKind::InodeUnallocated, at));
    }
    if inode.flags.contains(InodeFlags::EA_INODE) {
        return Err(Corrupt::new(CorruptKind::EaInode, at));
    }
    Ok(())
}
