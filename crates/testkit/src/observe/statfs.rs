//! The numbers of statfs.

use std::path::Path;

use rustix::fs::statvfs;

use crate::error::{Context, Result};

/// What `statvfs` says of a mount. Counts of blocks are in units of `fragment_size`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statfs {
    /// Preferred transfer size in bytes.
    pub block_size: u64,
    /// The unit of the block counts in bytes.
    pub fragment_size: u64,
    /// Size of the file system less its overhead.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks for unprivileged users.
    pub blocks_available: u64,
    /// Inodes.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// The file system id, made from the UUID by ext4.
    pub fsid: u64,
    /// The longest name in bytes.
    pub name_max: u64,
}

/// `statvfs` of `path`.
///
/// # Errors
/// If the system call fails.
pub fn statfs(path: &Path) -> Result<Statfs> {
    let raw = statvfs(path).on("statfs", path)?;
    Ok(Statfs {
        block_size: raw.f_bsize,
        fragment_size: raw.f_frsize,
        blocks: raw.f_blocks,
        blocks_free: raw.f_bfree,
        blocks_available: raw.f_bavail,
        files: raw.f_files,
        files_free: raw.f_ffree,
        fsid: raw.f_fsid,
        name_max: raw.f_namemax,
    })
}
