//! The entries `.` and `..` at the start of a directory.

use super::{DirBlock, EntryRule};
use crate::{Corrupt, CorruptKind, FileType, InodeNr, Place};

/// The first two entries of a directory's first block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DotEntries {
    /// Inode number of the parent, 1 to the inode count.
    pub parent: u32,
}

impl DotEntries {
    /// Reads them from the first block's bytes, tail or not, of directory `ino`.
    ///
    /// # Errors
    /// [`CorruptKind::DirDot`] unless the first entry is `.` with number `ino` and the second `..`
    /// with a number; the errors of the entries themselves as [`DirBlock::entries`] has them.
    pub fn parse(bytes: &[u8], ino: InodeNr, rule: &EntryRule, at: Place) -> Result<Self, Corrupt> {
        let wrong = |offset| Corrupt::new(CorruptKind::DirDot, at.offset(offset));
        let mut entries = DirBlock::entries(bytes, rule, at);
        let dot = entries.next().unwrap_or(Err(wrong(0)))?;
        if dot.name != b"." || dot.inode != ino.get() {
            return Err(wrong(0));
        }
        let dotdot = entries.next().unwrap_or(Err(wrong(dot.offset)))?;
        if dotdot.name != b".." || dotdot.inode == 0 {
            return Err(wrong(dotdot.offset));
        }
        Ok(Self { parent: dotdot.inode })
    }
    /// The records ([`DirBlockMut`](super::DirBlockMut)) of both for directory `ino`.
    #[must_use]
    pub fn records(ino: InodeNr, parent: InodeNr, rule: &EntryRule) -> Vec<Vec<u8>> {
        let record = |ino, name| rule.record(ino, name, FileType::Directory);
        [record(ino, b".".as_slice()), record(parent, b"..")].into_iter().flatten().collect()
    }
}
