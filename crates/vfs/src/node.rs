//! A handle to an inode of any type.

use extant_block::{BlockDevice, IoFlags};
use extant_core::verity::VerityFile;
use extant_format::fscrypt::EncryptionContext;
use extant_format::{FileType, Inode, InodeFlags, InodeNr, LogicalBlock};
use extant_iomap::{Iomap, IomapOps, Mapping};
use extant_sync::Arc;

use crate::inode_cache::CachedInode;
use crate::{Dir, Error, File, Filesystem, Result, Stat, Xattr};

/// An inode of an open file system.
#[derive(Clone, Debug)]
pub struct Node {
    fs: Filesystem,
    cached: Arc<CachedInode>,
}

impl Node {
    pub(crate) fn new(fs: Filesystem, cached: Arc<CachedInode>) -> Self {
        Self { fs, cached }
    }

    /// The file system it is in.
    #[must_use]
    pub fn filesystem(&self) -> &Filesystem {
        &self.fs
    }

    /// The inode number.
    #[must_use]
    pub fn ino(&self) -> InodeNr {
        self.cached.inode.ino
    }

    /// The type.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.cached.inode.file_type
    }

    /// The inode as it is on disk.
    #[must_use]
    pub fn inode(&self) -> &Inode {
        &self.cached.inode
    }

    /// The attributes.
    #[must_use]
    pub fn stat(&self) -> Stat {
        Stat::of(&self.cached.inode, self.cached.shown_size)
    }

    /// The target of a symbolic link; of an encrypted one in the form shown without the key.
    ///
    /// # Errors
    /// [`Error::NotASymlink`], [`Error::Corrupt`], those of a block read.
    pub fn read_link(&self, flags: IoFlags) -> Result<Vec<u8>> {
        if self.file_type() != FileType::Symlink {
            return Err(Error::NotASymlink);
        }
        Ok(self.fs.volume().link_target(self.inode(), flags)?)
    }

    /// All extended attributes that listxattr(2) shows the privileged user, with their values.
    ///
    /// # Errors
    /// [`Error::Corrupt`], those of block reads.
    pub fn xattrs(&self, flags: IoFlags) -> Result<Vec<Xattr>> {
        Ok(self.fs.volume().xattrs(self.inode(), flags)?)
    }

    /// The names of the extended attributes.
    ///
    /// # Errors
    /// As [`xattrs`](Self::xattrs).
    pub fn xattr_names(&self, flags: IoFlags) -> Result<Vec<Vec<u8>>> {
        Ok(self.fs.volume().xattr_names(self.inode(), flags)?)
    }

    /// The value of one extended attribute, by its full name.
    ///
    /// # Errors
    /// [`Error::NoAttribute`]; as [`xattrs`](Self::xattrs).
    pub fn xattr(&self, name: &[u8], flags: IoFlags) -> Result<Vec<u8>> {
        self.fs.volume().xattr(self.inode(), name, flags)?.ok_or(Error::NoAttribute)
    }

    /// How an encrypted inode is encrypted; `None` if it is not.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a missing or malformed context.
    pub fn encryption(&self, flags: IoFlags) -> Result<Option<EncryptionContext>> {
        if !self.inode().flags.contains(InodeFlags::ENCRYPT) {
            return Ok(None);
        }
        Ok(Some(self.fs.volume().encryption_context(self.inode(), flags)?))
    }

    /// The Merkle tree of a verity file; `None` if it is not one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a missing or malformed descriptor.
    pub fn verity(&self, flags: IoFlags) -> Result<Option<VerityFile>> {
        if !self.inode().flags.contains(InodeFlags::VERITY) {
            return Ok(None);
        }
        Ok(Some(self.fs.volume().verity(self.inode(), flags)?))
    }

    /// The mapping of byte `offset` of a file's content: the largest range around it that is
    /// mapped alike. Ranges behind the end of the file may be mapped, too.
    ///
    /// # Errors
    /// [`Error::NotAFile`] for inodes without a block map; [`Error::Corrupt`], those of block
    /// reads.
    pub fn map(&self, offset: u64, flags: IoFlags) -> Result<Iomap> {
        if !self.file_type().has_content() || self.inode().is_fast_symlink() {
            return Err(Error::NotAFile);
        }
        IomapOps::map(&NodeMap(self), offset, 1, flags)
    }

    /// The node as a regular file; the descriptor of a verity file is read and checked.
    ///
    /// # Errors
    /// [`Error::IsADirectory`], [`Error::NotAFile`]; [`Error::NoKey`] for an encrypted file;
    /// [`Error::Corrupt`] for a verity file without a valid descriptor.
    pub fn into_file(self, flags: IoFlags) -> Result<File> {
        File::new(self, flags)
    }

    /// The node as a directory.
    ///
    /// # Errors
    /// [`Error::NotADirectory`].
    pub fn into_dir(self) -> Result<Dir> {
        Dir::new(self)
    }
}

/// The mappings of a node's content, for the I/O engine.
pub(crate) struct NodeMap<'a>(pub(crate) &'a Node);

impl IomapOps for NodeMap<'_> {
    type Error = Error;

    fn device(&self) -> &dyn BlockDevice {
        &**self.0.fs.volume().device()
    }

    fn map(&self, offset: u64, _len: u64, flags: IoFlags) -> Result<Iomap> {
        let (volume, inode) = (self.0.fs.volume(), self.0.inode());
        let sequence = self.0.cached.sequence();
        let hole_from =
            |offset| Iomap { offset, len: u64::MAX - offset, mapping: Mapping::Hole, sequence };
        if inode.flags.contains(InodeFlags::INLINE_DATA) {
            if offset >= inode.size {
                return Ok(hole_from(inode.size));
            }
            let data: Arc<[u8]> = volume.inline_content(inode)?.into();
            return Ok(Iomap {
                offset: 0,
                len: inode.size,
                mapping: Mapping::Inline { data },
                sequence,
            });
        }
        let size = volume.block_size();
        let Some(logical) =
            LogicalBlock::containing(offset, size).filter(|l| *l <= LogicalBlock::MAX)
        else {
            return Ok(hole_from(LogicalBlock::MAX.byte_offset(size) + size.bytes64()));
        };
        let map = volume.map_blocks(inode, logical, flags)?;
        let mapping = match map.kind {
            extant_core::MapKind::Hole => Mapping::Hole,
            extant_core::MapKind::Unwritten(start) => {
                Mapping::Unwritten { device_offset: start.byte_offset(size) }
            }
            extant_core::MapKind::Mapped(start) => {
                Mapping::Mapped { device_offset: start.byte_offset(size) }
            }
        };
        let len = u64::from(map.len) << size.bits();
        Ok(Iomap { offset: map.logical.byte_offset(size), len, mapping, sequence })
    }
}
