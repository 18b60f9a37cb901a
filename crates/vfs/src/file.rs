//! Regular files: reading, seeking, verity.

use extant_block::IoFlags;
use extant_core::verity::VerityFile;
use extant_format::{FileType, InodeFlags};
use extant_iomap::{Iomap, read, seek_data, seek_hole};
use extant_sync::Arc;

use crate::node::NodeMap;
use crate::{Error, Node, Result, Stat};

/// An open regular file.
#[derive(Clone, Debug)]
pub struct File {
    node: Node,
    verity: Option<Arc<VerityFile>>,
}

impl File {
    pub(crate) fn new(node: Node, flags: IoFlags) -> Result<Self> {
        match node.file_type() {
            FileType::Regular => {}
            FileType::Directory => return Err(Error::IsADirectory),
            _ => return Err(Error::NotAFile),
        }
        if node.inode().flags.contains(InodeFlags::ENCRYPT) {
            return Err(Error::NoKey);
        }
        let verity = node.verity(flags)?.map(Arc::new);
        Ok(Self { node, verity })
    }

    /// The inode.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The attributes.
    #[must_use]
    pub fn stat(&self) -> Stat {
        self.node.stat()
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.node.inode().size
    }

    /// Reads into `buf` from byte `offset`. Returns the bytes read: less than `buf.len()` only at
    /// the end of the file. Blocks of a verity file are verified before any byte is returned.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a bad map or a verity block that does not match; [`Error::Device`];
    /// [`Error::WouldBlock`].
    pub fn read_at(&self, buf: &mut [u8], offset: u64, flags: IoFlags) -> Result<usize> {
        match &self.verity {
            Some(verity) => self.read_verified(verity, buf, offset, flags),
            None => self.read_plain(buf, offset, self.size(), flags),
        }
    }

    fn read_plain(&self, buf: &mut [u8], offset: u64, size: u64, flags: IoFlags) -> Result<usize> {
        read(&NodeMap(&self.node), size, buf, offset, flags)
    }

    /// Reads whole Merkle blocks, verifies each, and copies what was asked for.
    fn read_verified(
        &self,
        verity: &VerityFile,
        buf: &mut [u8],
        offset: u64,
        flags: IoFlags,
    ) -> Result<usize> {
        let block_bytes = verity.descriptor().block_bytes();
        let unit = block_bytes as u64;
        let left = self.size().saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let mut block = vec![0; block_bytes];
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..len).filter(|rest| !rest.is_empty()) {
            let at = offset + done as u64;
            let index = at / unit;
            let got = self.read_plain(&mut block, index * unit, self.size(), flags)?;
            block.get_mut(got..).unwrap_or_default().fill(0);
            let volume = self.node.filesystem().volume();
            verity.verify(volume, self.node.inode(), (index, &block), flags)?;
            let skip = extant_format::to_usize(at % unit);
            let from = block.get(skip..).unwrap_or_default();
            let n = from.len().min(rest.len());
            rest.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            done += n;
        }
        Ok(done)
    }

    /// The mapping of byte `offset`; see [`Node::map`].
    ///
    /// # Errors
    /// As [`Node::map`].
    pub fn map(&self, offset: u64, flags: IoFlags) -> Result<Iomap> {
        self.node.map(offset, flags)
    }

    /// The first byte of data at or behind `offset`, as `SEEK_DATA`; `None` if there is none.
    ///
    /// # Errors
    /// Those of reading the map.
    pub fn seek_data(&self, offset: u64, flags: IoFlags) -> Result<Option<u64>> {
        seek_data(&NodeMap(&self.node), self.size(), offset, flags)
    }

    /// The first byte of a hole at or behind `offset`, as `SEEK_HOLE`: the end of the file counts
    /// as one. `None` if `offset` is not before the end.
    ///
    /// # Errors
    /// Those of reading the map.
    pub fn seek_hole(&self, offset: u64, flags: IoFlags) -> Result<Option<u64>> {
        seek_hole(&NodeMap(&self.node), self.size(), offset, flags)
    }
}
