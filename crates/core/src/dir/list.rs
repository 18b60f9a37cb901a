//! Listing: entries in the order of the blocks, a block at a time. What is wrong with one entry
//! or block is an item of the list; the others follow.

use extant_block::IoFlags;
use extant_format::dir::{DirBlock, DirEntry, DotEntries};
use extant_format::dir_hash::HashVersion;
use extant_format::{BlockNr, Corrupt, CorruptKind, FileType, InodeNr, LogicalBlock, Place};

use crate::dir::Directory;
use crate::{Error, Result};

/// An entry as users see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirItem {
    /// The inode it names; whether that inode is usable is known when it is read.
    pub ino: InodeNr,
    /// The name: bytes without slash and zero byte; `.` and `..` are listed, too.
    pub name: Vec<u8>,
    /// The type stored in the entry; `None` where the file system stores none.
    pub file_type: Option<FileType>,
}

/// The entries of one block, and where the list goes on.
#[derive(Debug)]
pub struct DirChunk {
    /// Entries, and errors in the places where entries could not be read.
    pub items: Vec<Result<DirItem>>,
    /// The cursor of the next block; `None` at the end.
    pub next: Option<u32>,
    /// Where the entries are; `None` without a block. A list in which a block comes twice is to be
    /// ended, see [`SeenBlocks`](super::SeenBlocks).
    pub block: Option<BlockNr>,
}

impl Directory<'_> {
    /// Reads the entries of the first block at or behind `cursor`, which is 0 or the `next` of
    /// another chunk.
    ///
    /// # Errors
    /// Only [`Error::WouldBlock`] and device errors fail as a whole; corruption is in the items.
    pub fn read_chunk(&self, cursor: u32, flags: IoFlags) -> Result<DirChunk> {
        if self.is_inline() {
            return self.read_inline(flags);
        }
        let from = LogicalBlock::new(cursor);
        let mut items = Vec::new();
        let (found, skipped) = match self.next_mapped(from, flags) {
            Err(Error::Corrupt(corrupt)) => {
                // A bad node of the map: what is behind it cannot be told.
                return Ok(DirChunk { items: vec![Err(corrupt.into())], next: None, block: None });
            }
            result => result?,
        };
        if skipped {
            items.push(Err(Error::corrupt(CorruptKind::DirHole, self.at(from))));
        }
        let Some((logical, nr)) = found else {
            return Ok(DirChunk { items, next: None, block: None });
        };
        match self.read_block(logical, flags, &mut items) {
            Err(Error::Corrupt(corrupt)) => items.push(Err(corrupt.into())),
            result => result?,
        }
        let next = logical.get().checked_add(1).filter(|&n| n < self.blocks());
        Ok(DirChunk { items, next, block: Some(nr) })
    }

    fn read_block(
        &self,
        logical: LogicalBlock,
        flags: IoFlags,
        items: &mut Vec<Result<DirItem>>,
    ) -> Result<()> {
        let block = self.block(logical, flags)?;
        let body = self.body(logical, block.bytes());
        let at = self.at(logical);
        let version = if self.rule.encrypted { self.hash_version(flags)? } else { None };
        let dots = logical == LogicalBlock::ZERO;
        if dots && let Err(corrupt) = DotEntries::parse(body, self.inode.ino, &self.rule, at) {
            items.push(Err(corrupt.into()));
        }
        let entries = DirBlock::entries(body, &self.rule, at);
        self.push_entries(entries, (at, if dots { 2 } else { 0 }), version, items);
        Ok(())
    }

    /// Appends `entries` to `items`; only the first `dots` of them may be `.` and `..`.
    fn push_entries<'e>(
        &self,
        entries: impl Iterator<Item = Result<DirEntry<'e>, Corrupt>>,
        (at, dots): (Place, usize),
        version: Option<HashVersion>,
        items: &mut Vec<Result<DirItem>>,
    ) {
        for (n, entry) in entries.enumerate() {
            match entry {
                Ok(entry) if entry.inode == 0 => {}
                Ok(entry) if entry.is_dot() && n >= dots => {
                    let at = at.offset(entry.offset);
                    items.push(Err(Error::corrupt(CorruptKind::DirName, at)));
                }
                Ok(entry) => items.push(self.item(&entry, version, at).map_err(Error::from)),
                Err(corrupt) => items.push(Err(corrupt.into())),
            }
        }
    }

    fn item(
        &self,
        entry: &DirEntry<'_>,
        version: Option<HashVersion>,
        at: Place,
    ) -> Result<DirItem, Corrupt> {
        entry.checked_name(&self.rule, at)?;
        let outside = Corrupt::new(CorruptKind::DirInode, at.offset(entry.offset));
        let ino = self.volume.geometry().inode(entry.inode).ok_or(outside)?;
        let file_type = FileType::from_dir_entry(entry.file_type);
        Ok(DirItem { ino, name: self.shown_name(entry, version), file_type })
    }

    fn read_inline(&self, flags: IoFlags) -> Result<DirChunk> {
        let at = Place::inode(self.inode.ino);
        let version = if self.rule.encrypted { self.hash_version(flags)? } else { None };
        let listed = self.volume.inline_dir(self.inode, |inline| {
            let mut items = vec![Ok(self.dot_item(b".", self.inode.ino))];
            if let Some(parent) = self.volume.geometry().inode(inline.parent) {
                items.push(Ok(self.dot_item(b"..", parent)));
            }
            self.push_entries(inline.entries(), (at, 0), version, &mut items);
            items
        });
        let items = match listed {
            Err(Error::Corrupt(corrupt)) => vec![Err(corrupt.into())],
            result => result?,
        };
        Ok(DirChunk { items, next: None, block: None })
    }

    fn dot_item(&self, name: &[u8], ino: InodeNr) -> DirItem {
        let file_type = self.rule.has_filetype.then_some(FileType::Directory);
        DirItem { ino, name: name.to_vec(), file_type }
    }
}
