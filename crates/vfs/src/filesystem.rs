//! The open file system: what all handles share.

use std::path::Path;

use extant_block::image::{ImageOptions, open_image};
use extant_block::{BlockDevice, IoFlags};
use extant_core::{InodeUse, Volume};
use extant_format::InodeNr;
use extant_sync::Arc;

use crate::inode_cache::{CachedInode, InodeCache};
use crate::name_cache::NameCache;
use crate::{Dir, Error, File, Follow, Node, OpenOptions, Result, Stat, Statfs};

#[derive(Debug)]
struct Shared {
    volume: Volume,
    inodes: InodeCache,
    names: NameCache,
}

/// An open ext2, ext3 or ext4 file system. Clones share it; it is closed when the last clone and
/// the last handle are gone.
#[derive(Clone, Debug)]
pub struct Filesystem {
    shared: Arc<Shared>,
}

impl Filesystem {
    /// Opens the file system that starts at byte 0 of `device`. What its journal holds, and
    /// orphans, are dealt with in memory ([`Volume::recovery`] says what was done); `device` is
    /// not written.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Unsupported`], [`Error::JournalMissing`], [`Error::InUse`],
    /// [`Error::JournalDevice`] or [`Error::Device`], each with its [`hint`](Error::hint).
    pub fn open(device: Arc<dyn BlockDevice>, options: &OpenOptions) -> Result<Self> {
        if options.writable {
            return Err(Error::Unsupported { features: vec!["writing".to_owned()] });
        }
        let volume = Volume::open(device, &options.core())?;
        let inodes = InodeCache::new(options.inode_cache);
        let names = NameCache::new(options.name_cache);
        Ok(Self { shared: Arc::new(Shared { volume, inodes, names }) })
    }

    /// Opens the image file or block device at `path`, under a shared lock.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) and of opening the file.
    pub fn open_path(path: &Path, image: &ImageOptions, options: &OpenOptions) -> Result<Self> {
        Self::open(open_image(path, image)?, options)
    }

    /// The metadata layer: superblock, descriptors, raw blocks, for tools that show them.
    #[must_use]
    pub fn volume(&self) -> &Volume {
        &self.shared.volume
    }

    /// Space and inode counts.
    #[must_use]
    pub fn statfs(&self) -> Statfs {
        self.volume().statfs()
    }

    /// The root directory.
    ///
    /// # Errors
    /// Those of reading its inode.
    pub fn root(&self, flags: IoFlags) -> Result<Dir> {
        self.node(InodeNr::ROOT, flags)?.into_dir()
    }

    /// The inode at the end of `path`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotADirectory`], [`Error::TooManyLinks`],
    /// [`Error::NameTooLong`]; those of reading the image.
    pub fn resolve(&self, path: &[u8], follow: Follow, flags: IoFlags) -> Result<Node> {
        let ino = self.walk(InodeNr::ROOT, path, follow, flags)?;
        self.node(ino, flags)
    }

    /// The attributes of the inode at the end of `path`: as [`resolve`](Self::resolve) and
    /// [`Node::stat`], but a warm call takes no reference to anything.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve).
    pub fn stat(&self, path: &[u8], follow: Follow, flags: IoFlags) -> Result<Stat> {
        let ino = self.walk(InodeNr::ROOT, path, follow, flags)?;
        self.shared.inodes.stat(self.volume(), ino, flags)
    }

    /// Opens the regular file at `path`, links followed.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve) and of [`Node::into_file`].
    pub fn open_file(&self, path: &[u8], flags: IoFlags) -> Result<File> {
        File::new(self.resolve(path, Follow::Yes, flags)?, flags)
    }

    /// Opens the directory at `path`, links followed.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve) and of [`Node::into_dir`].
    pub fn open_dir(&self, path: &[u8], flags: IoFlags) -> Result<Dir> {
        self.resolve(path, Follow::Yes, flags)?.into_dir()
    }

    /// The inode `ino`, which a name could lead to.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for reserved, free and damaged inodes.
    pub fn node(&self, ino: InodeNr, flags: IoFlags) -> Result<Node> {
        Ok(Node::new(self.clone(), self.inode(ino, flags)?))
    }

    /// The inode with this number, also one of the file system's own (the journal, quota files).
    ///
    /// # Errors
    /// [`Error::NoSuchInode`] for a number out of range; those of reading the inode.
    pub fn node_by_number(&self, number: u32, flags: IoFlags) -> Result<Node> {
        let ino = self.volume().geometry().inode(number).ok_or(Error::NoSuchInode)?;
        let wanted = if self.volume().is_ordinary_inode(ino) {
            InodeUse::Ordinary
        } else {
            InodeUse::Special
        };
        let inode = self.shared.inodes.get(self.volume(), ino, wanted, flags)?;
        Ok(Node::new(self.clone(), inode))
    }

    /// How many inodes and names are in memory.
    #[must_use]
    pub fn cached(&self) -> (usize, usize) {
        (self.shared.inodes.len(), self.shared.names.len())
    }

    pub(crate) fn inode(&self, ino: InodeNr, flags: IoFlags) -> Result<Arc<CachedInode>> {
        self.shared.inodes.get(self.volume(), ino, InodeUse::Ordinary, flags)
    }

    pub(crate) fn names(&self) -> &NameCache {
        &self.shared.names
    }
}
