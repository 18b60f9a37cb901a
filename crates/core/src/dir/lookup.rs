//! Look-up of one name.

use extant_block::IoFlags;
use extant_format::dir::{DirBlock, DirEntry};
use extant_format::{Corrupt, CorruptKind, FileType, InodeNr, LogicalBlock, Place};

use crate::dir::names::Wanted;
use crate::dir::{Directory, SeenBlocks};
use crate::{Error, Result};

/// What a name leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The inode.
    pub ino: InodeNr,
    /// The type stored in the entry; `None` where the file system stores none.
    pub file_type: Option<FileType>,
}

/// Where an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Located {
    /// What it leads to.
    pub(super) found: Found,
    /// Its block; 0 in an inline directory.
    pub(super) logical: LogicalBlock,
    /// Its byte offset in the block, or in the content of an inline directory.
    pub(super) offset: usize,
}

impl Directory<'_> {
    /// The entry called `name`, which is not `.` or `..`. Names in a case-folded directory are
    /// compared folded; in an encrypted one `name` is the form shown without the key.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the name was not found and a part of the directory could not be
    /// read; those of a block read.
    pub fn lookup(&self, name: &[u8], flags: IoFlags) -> Result<Option<Found>> {
        let Some(wanted) = Wanted::new(self, name) else { return Ok(None) };
        Ok(self.locate(&wanted, flags)?.map(|located| located.found))
    }

    /// The entry with the name wanted; errors as [`lookup`](Self::lookup) has them.
    pub(super) fn locate(&self, wanted: &Wanted<'_>, flags: IoFlags) -> Result<Option<Located>> {
        if self.is_inline() {
            return self.lookup_inline(wanted);
        }
        if self.is_indexed() {
            match self.lookup_hashed(wanted, flags) {
                Err(Error::Corrupt(_)) => {}
                // Writers with other folding tables may have put the name elsewhere.
                Ok(None) if self.rule.casefold && self.folding_may_differ() => {}
                result => return result,
            }
        }
        self.lookup_linear(wanted, flags)
    }

    /// Scans all blocks. Damage in one block does not hide names in others, but a name that is
    /// not found may be in the damaged part: then the damage is the answer.
    fn lookup_linear(&self, wanted: &Wanted<'_>, flags: IoFlags) -> Result<Option<Located>> {
        let mut damage = None;
        let mut cursor = LogicalBlock::ZERO;
        let mut seen = SeenBlocks::default();
        while let (Some((logical, nr)), _) = self.next_mapped(cursor, flags)? {
            if !seen.add(nr) {
                return Err(Error::corrupt(
                    CorruptKind::DirRepeat,
                    self.at(logical).block(nr.get()),
                ));
            }
            match self.lookup_leaf(logical, wanted, flags) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(Error::Corrupt(corrupt)) => damage = damage.or(Some(corrupt)),
                Err(error) => return Err(error),
            }
            let Some(next) = logical.checked_add(1) else { break };
            cursor = next;
        }
        damage.map_or(Ok(None), |corrupt| Err(corrupt.into()))
    }

    /// Scans one block of entries.
    pub(super) fn lookup_leaf(
        &self,
        logical: LogicalBlock,
        wanted: &Wanted<'_>,
        flags: IoFlags,
    ) -> Result<Option<Located>> {
        let block = self.block(logical, flags)?;
        let at = self.at(logical);
        let entries = DirBlock::entries(self.body(logical, block.bytes()), &self.rule, at);
        let located = self.lookup_entries(entries, at, wanted)?;
        Ok(located.map(|located| Located { logical, ..located }))
    }

    fn lookup_inline(&self, wanted: &Wanted<'_>) -> Result<Option<Located>> {
        let at = Place::inode(self.inode.ino);
        self.volume.inline_dir(self.inode, |dir| self.lookup_entries(dir.entries(), at, wanted))?
    }

    fn lookup_entries<'e>(
        &self,
        entries: impl Iterator<Item = Result<DirEntry<'e>, Corrupt>>,
        at: Place,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Located>> {
        for entry in entries {
            let entry = entry?;
            let usable = entry.inode != 0 && entry.name_valid && !entry.is_dot();
            if usable && wanted.matches(&entry) {
                let found = self.found(&entry, at)?;
                let (logical, offset) = (LogicalBlock::ZERO, entry.offset);
                return Ok(Some(Located { found, logical, offset }));
            }
        }
        Ok(None)
    }

    fn found(&self, entry: &DirEntry<'_>, at: Place) -> Result<Found> {
        let outside = || Error::corrupt(CorruptKind::DirInode, at.offset(entry.offset));
        let ino = self.volume.geometry().inode(entry.inode).ok_or_else(outside)?;
        Ok(Found { ino, file_type: FileType::from_dir_entry(entry.file_type) })
    }
}
