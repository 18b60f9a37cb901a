//! What the kernel shows of a mounted tree, as plain data.
//!
//! The types hold no behaviour of their own, so that the product's tests can fill the same structs
//! from the library and let [`diff()`] name every difference. Errors are kept per field.

mod content;
mod diff;
mod entry;
mod hash;
mod statfs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

pub use diff::diff;
pub use hash::{ContentDigest, HashKind};
pub use statfs::{Statfs, statfs};

pub(crate) use entry::EntryReader;
pub(crate) use hash::{StreamHash, hex};

use crate::error::Result;
use crate::ioctls::{self, Attributes};
use crate::tree_walk;

/// The type of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

/// Seconds since 1970 rounded down, and nanoseconds below 1,000,000,000.
pub type Time = (i64, u32);

/// Names and values of extended attributes; a value that cannot be read is its error.
pub type Xattrs = BTreeMap<Vec<u8>, std::result::Result<Vec<u8>, Errno>>;

/// Everything that can be seen of one name in a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    /// From the root of the tree: `/` or `/a/b`.
    pub path: Vec<u8>,
    /// The file type.
    pub kind: Kind,
    /// The lower 12 bits of the mode.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Hard links.
    pub nlink: u32,
    /// Major and minor number of devices, else zeros.
    pub rdev: (u32, u32),
    /// `st_size` in bytes.
    pub size: u64,
    /// `st_blocks`, in units of 512 bytes.
    pub blocks: u64,
    /// Inode number.
    pub ino: u64,
    /// Last read.
    pub atime: Time,
    /// Last change of content.
    pub mtime: Time,
    /// Last change of the inode.
    pub ctime: Time,
    /// Creation; `None` if the file system does not hold it.
    pub btime: Option<Time>,
    /// The target of a symlink; its error if it cannot be read.
    pub target: Option<std::result::Result<Vec<u8>, Errno>>,
    /// Extended attributes, ACLs among them in the form of getxattr.
    pub xattrs: std::result::Result<Xattrs, Errno>,
    /// Inode flags as `FS_IOC_GETFLAGS` shows them. `None` where no ioctl can be asked (special
    /// files, symlinks, files that do not open): not compared.
    pub flags: Option<u32>,
    /// Inode generation; `None` as for `flags`.
    pub generation: Option<u32>,
    /// Project id; `None` as for `flags`.
    pub project: Option<u32>,
    /// Of regular files: the hash of docs/digest.md, or why it cannot be read.
    pub content: Option<std::result::Result<ContentDigest, Errno>>,
    /// Of regular files: the ranges `start..end` in bytes that `SEEK_DATA` and `SEEK_HOLE` show.
    pub data_map: Vec<(u64, u64)>,
}

/// Observes the tree at `root` (its path is `/`), sorted by path. Mount it read-only, or reading
/// changes access times; and freshly, since `SEEK_DATA` counts cached pages of unwritten ranges as
/// data.
///
/// # Errors
/// If a directory cannot be listed or an inode not be read.
pub fn observe_dir(root: &Path) -> Result<Vec<Observed>> {
    let places = tree_walk::places(root)?;
    let mut reader = EntryReader::new(HashKind::Blake3);
    let mut seen = Vec::with_capacity(places.len());
    for place in &places {
        seen.push(reader.read(place)?);
    }
    let openable =
        |entry: &Observed| entry.kind == Kind::Directory || matches!(entry.content, Some(Ok(_)));
    let hosts: Vec<PathBuf> = (seen.iter().zip(places))
        .filter(|(entry, _)| openable(entry))
        .map(|(_, place)| place.host)
        .collect();
    let answers = ioctls::attributes(&hosts)?;
    for (entry, answer) in seen.iter_mut().filter(|entry| openable(entry)).zip(answers) {
        set_attributes(entry, answer);
    }
    Ok(seen)
}

fn set_attributes(entry: &mut Observed, answer: Attributes) {
    entry.flags = answer.flags.ok();
    entry.generation = answer.generation.ok();
    entry.project = answer.project.ok();
}
