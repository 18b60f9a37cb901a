//! The orphan file (feature `orphan_file`): an inode whose blocks are slots for inode numbers.
//!
//! It is read as a whole before anything is changed. A bad block is damage of that block, a bad
//! inode of the file; what can be read is used (row 50).

use extant_block::IoFlags;
use extant_format::orphan_file::write_empty_block;
use extant_format::{
    BlockNr, Compat, Corrupt, CorruptKind, FileType, Inode, InodeSeed, LogicalBlock,
    OrphanFileBlock, Place,
};

use super::note;
use crate::changes::Changes;
use crate::{Error, InodeUse, Result};

/// Blocks of an orphan file that are read in any case: what mke2fs makes at most by itself.
const USUAL_BLOCKS: u32 = 512;

/// The blocks that have entries.
#[derive(Default)]
pub(super) struct OrphanFile {
    blocks: Vec<Slots>,
}

/// A block with its entries.
struct Slots {
    nr: BlockNr,
    seed: InodeSeed,
    numbers: Vec<u32>,
}

impl OrphanFile {
    /// Reads the file, if the file system has one. What is wrong is added to `damage`.
    pub(super) fn read(changes: &Changes<'_>, damage: &mut Vec<Corrupt>) -> Result<Self> {
        let mut file = Self::default();
        let superblock = changes.volume().superblock();
        if !superblock.features().compat(Compat::ORPHAN_FILE) {
            return Ok(file);
        }
        let read = inode(changes).and_then(|inode| file.read_blocks(changes, &inode, damage));
        match read {
            Err(Error::Corrupt(corrupt)) => note(damage, corrupt),
            read => read?,
        }
        Ok(file)
    }

    /// Reads the file's blocks, as many as could be of use: a slot for each inode of the file
    /// system. Holes, and blocks behind that, are damage.
    fn read_blocks(
        &mut self,
        changes: &Changes<'_>,
        inode: &Inode,
        damage: &mut Vec<Corrupt>,
    ) -> Result<()> {
        let volume = changes.volume();
        let per_block = volume.block_size().bytes() / 4 - 2;
        let most = volume.geometry().inodes_count().div_ceil(per_block).max(USUAL_BLOCKS);
        let blocks = inode.size >> volume.block_size().bits();
        if blocks > u64::from(most) {
            note(damage, Corrupt::new(CorruptKind::InodeSizeField, Place::inode(inode.ino)));
        }
        let end = u32::try_from(blocks).unwrap_or(u32::MAX).min(most);
        let mut next = LogicalBlock::ZERO;
        while next.get() < end {
            let map = volume.map_blocks(inode, next, IoFlags::NONE)?;
            match map.written(next).and_then(|nr| volume.geometry().block(nr)) {
                Some(nr) => {
                    self.read_block(changes, inode, nr, damage)?;
                    next = LogicalBlock::new(next.get() + 1);
                }
                None => {
                    let at = Place::inode(inode.ino).logical(next);
                    note(damage, Corrupt::new(CorruptKind::OrphanFileBlock, at));
                    let Some(behind) = map.end() else { break };
                    next = behind;
                }
            }
        }
        Ok(())
    }

    fn read_block(
        &mut self,
        changes: &Changes<'_>,
        inode: &Inode,
        nr: BlockNr,
        damage: &mut Vec<Corrupt>,
    ) -> Result<()> {
        let csum = changes.volume().superblock().features().metadata_csum();
        let block = changes.block(nr)?;
        match OrphanFileBlock::parse(block.bytes(), inode.seed, nr, csum) {
            Ok(parsed) => {
                let numbers: Vec<_> = parsed.entries().map(|(_, number)| number).collect();
                if !numbers.is_empty() {
                    self.blocks.push(Slots { nr, seed: inode.seed, numbers });
                }
            }
            Err(corrupt) => note(damage, corrupt),
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The numbers in use, unchecked.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks.iter().flat_map(|block| block.numbers.iter().copied())
    }

    /// Empties the slots of all blocks that could be read.
    pub(super) fn clear(&self, changes: &mut Changes<'_>) -> Result<()> {
        let csum = changes.volume().superblock().features().metadata_csum();
        for block in &self.blocks {
            changes
                .create(block.nr, |bytes| write_empty_block(bytes, block.seed, block.nr, csum))?;
        }
        Ok(())
    }
}

/// The file's inode: a regular file with a map, that only the superblock names.
fn inode(changes: &Changes<'_>) -> Result<Inode> {
    let volume = changes.volume();
    let number = volume.superblock().raw().orphan_file_inum.get();
    let bad = || Error::corrupt(CorruptKind::OrphanFileBlock, Place::structure("orphan file"));
    let ino = volume.geometry().inode(number).ok_or_else(bad)?;
    let inode = volume.inode(ino, InodeUse::Special, IoFlags::NONE)?;
    let usable = inode.file_type == FileType::Regular
        && ino.get() >= volume.geometry().first_inode()
        && inode.links > 0
        && crate::map::walk::has_map(&inode);
    if usable { Ok(inode) } else { Err(bad()) }
}
