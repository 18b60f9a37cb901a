//! Open directories: look-up and listing.

use std::collections::VecDeque;

use extant_block::IoFlags;
use extant_core::dir::{Directory, SeenBlocks};
use extant_format::{Corrupt, CorruptKind, FileType, InodeNr, Place};

use crate::{Error, Follow, Node, Result};

/// An open directory.
#[derive(Clone, Debug)]
pub struct Dir {
    node: Node,
}

/// An entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// The inode that it names.
    pub ino: InodeNr,
    /// The name, as bytes.
    pub name: Vec<u8>,
    /// The type, where directories store it (feature `filetype`).
    pub file_type: Option<FileType>,
}

impl DirEntry {
    /// Whether this is `.` or `..`.
    #[must_use]
    pub fn is_dot(&self) -> bool {
        matches!(&*self.name, b"." | b"..")
    }
}

impl Dir {
    pub(crate) fn new(node: Node) -> Result<Self> {
        if node.file_type() == FileType::Directory {
            Ok(Self { node })
        } else {
            Err(Error::NotADirectory)
        }
    }

    /// The inode.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The inode at the end of `path` from this directory.
    ///
    /// # Errors
    /// As [`Filesystem::resolve`](crate::Filesystem::resolve).
    pub fn resolve(&self, path: &[u8], follow: Follow, flags: IoFlags) -> Result<Node> {
        let fs = self.node.filesystem();
        let ino = fs.walk(self.node.ino(), path, follow, flags)?;
        fs.node(ino, flags)
    }

    /// The entry `name`; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::NameTooLong`]; [`Error::Corrupt`] for damage that may hide the name; those of
    /// block reads.
    pub fn lookup(&self, name: &[u8], flags: IoFlags) -> Result<Option<InodeNr>> {
        let found = self.node.filesystem().child(self.node.ino(), name, flags)?;
        Ok(found.map(|found| found.ino))
    }

    /// All entries in the order of the directory's blocks, `.` and `..` included. Damage is an
    /// error in its place; entries behind it follow.
    #[must_use]
    pub fn entries(&self, flags: IoFlags) -> DirEntries {
        DirEntries {
            node: self.node.clone(),
            flags,
            cursor: Some(0),
            ready: VecDeque::new(),
            seen: SeenBlocks::default(),
        }
    }
}

/// Iterator over the entries of a directory.
#[derive(Debug)]
pub struct DirEntries {
    node: Node,
    flags: IoFlags,
    cursor: Option<u32>,
    ready: VecDeque<Result<DirEntry>>,
    /// Blocks that were read: none comes twice.
    seen: SeenBlocks,
}

impl DirEntries {
    /// Reads the next block; errors end the list.
    fn fill(&mut self, cursor: u32) -> Result<()> {
        self.cursor = None;
        let fs = self.node.filesystem().clone();
        let dir = Directory::new(fs.volume(), self.node.inode());
        let chunk = dir.read_chunk(cursor, self.flags)?;
        if let Some(nr) = chunk.block
            && !self.seen.add(nr)
        {
            let at = Place::inode(self.node.ino()).block(nr.get());
            return Err(Corrupt::new(CorruptKind::DirRepeat, at).into());
        }
        self.ready.extend(chunk.items.into_iter().map(|item| {
            let item = item?;
            Ok(DirEntry { ino: item.ino, name: item.name, file_type: item.file_type })
        }));
        self.cursor = chunk.next;
        Ok(())
    }
}

impl Iterator for DirEntries {
    type Item = Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Some(entry);
            }
            let cursor = self.cursor?;
            if let Err(error) = self.fill(cursor) {
                return Some(Err(error));
            }
        }
    }
}
