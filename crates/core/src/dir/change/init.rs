//! Making a directory, and moving it below another parent.

use extant_block::IoFlags;
use extant_format::dir::{DirBlock, DotEntries};
use extant_format::inode::RawInode;
use extant_format::{CorruptKind, FileType, Inode, InodeFlags, InodeNr, LogicalBlock};

use super::{DirEdit, set_size};
use crate::changes::Changes;
use crate::map::change::free_range;
use crate::{Error, Result};

/// Makes inode `ino`, whose mode says that it is one, a directory below `parent` without other
/// entries: one block, or none with inline data. A directory that has its first two entries keeps
/// its entries, and gets the parent. Links are the caller's.
///
/// # Errors
/// [`Error::Corrupt`] for a bad inode or map, an inode without a directory's mode, or one whose
/// inline data has no place; [`Error::NoSpace`]; those of blocks read and written.
pub(crate) fn init_directory(
    changes: &mut Changes<'_>,
    ino: InodeNr,
    parent: InodeNr,
) -> Result<()> {
    let inode = sized_inode(changes, ino)?;
    let mut edit = DirEdit::of(changes, inode)?;
    match edit.dir().parent(IoFlags::NONE) {
        Ok(old) if old == parent => Ok(()),
        Ok(_) => set_parent(changes, ino, parent),
        Err(Error::Corrupt(_)) => edit.init(parent),
        Err(error) => Err(error),
    }
}

/// Makes `parent` the parent of directory `dir`, in its entry `..`.
///
/// # Errors
/// [`Error::Corrupt`] for a damaged directory; those of blocks read and written.
pub(crate) fn set_parent(changes: &mut Changes<'_>, dir: InodeNr, parent: InodeNr) -> Result<()> {
    DirEdit::open(changes, dir)?.set_parent(parent)
}

/// The inode, which may be a directory of size 0: only one that has not been made yet is.
fn sized_inode(changes: &mut Changes<'_>, ino: InodeNr) -> Result<Inode> {
    match changes.inode(ino) {
        Err(Error::Corrupt(corrupt)) if corrupt.kind == CorruptKind::DirectorySize => {
            let size = changes.volume().block_size().bytes64();
            changes.change_inode(ino, |slot| {
                if let Some(raw) = RawInode::from_slot_mut(slot) {
                    set_size(raw, size, true);
                }
            })?;
            changes.inode(ino)
        }
        result => result,
    }
}

impl DirEdit<'_, '_> {
    fn init(&mut self, parent: InodeNr) -> Result<()> {
        if self.dir().is_inline() {
            return self.init_inline(parent);
        }
        let dots = DotEntries::records(self.inode.ino, parent, self.dir().rule());
        match self.mapped(LogicalBlock::ZERO)? {
            Some(nr) => self.write_leaf(nr, &dots)?,
            None => self.map_first(&dots)?,
        }
        free_range(self.changes, self.inode.ino, LogicalBlock::new(1), u64::MAX)?;
        self.change_inode(1, |flags| flags.without(InodeFlags::INDEX))
    }

    fn set_parent(&mut self, parent: InodeNr) -> Result<()> {
        let old = self.dir().parent(IoFlags::NONE)?;
        if old == parent {
            return Ok(());
        }
        if self.dir().is_inline() {
            return self.set_inline_parent(parent);
        }
        let dir = self.dir();
        let at = dir.at(LogicalBlock::ZERO);
        let block = dir.block(LogicalBlock::ZERO, IoFlags::NONE)?;
        let body = dir.body(LogicalBlock::ZERO, block.bytes());
        let missing = || Error::corrupt(CorruptKind::DirDot, at);
        let dotdot = DirBlock::entries(body, dir.rule(), at).nth(1).ok_or_else(missing)??.offset;
        self.change_entries(LogicalBlock::ZERO, |entries| {
            entries.retarget(dotdot, parent, FileType::Directory)
        })?;
        Ok(())
    }
}
