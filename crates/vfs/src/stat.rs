//! What stat(2), statx(2) and the attribute ioctls tell of an inode.

use extant_format::{FileType, Inode, InodeFlags, InodeNr, Timestamp};

/// The attributes of an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// Inode number on disk.
    pub ino: InodeNr,
    /// Type.
    pub file_type: FileType,
    /// Type and permission bits, as `st_mode`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Hard links; 1 for a directory with too many to count.
    pub links: u32,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// Size in bytes; of an encrypted symlink the length of the target as it is shown.
    pub size: u64,
    /// Space in use, in units of 512 bytes.
    pub blocks_512: u64,
    /// Last access.
    pub atime: Timestamp,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Last change of the inode.
    pub ctime: Timestamp,
    /// Creation, where the inode records it.
    pub btime: Option<Timestamp>,
    /// Inode flags, all that are on disk.
    pub flags: InodeFlags,
    /// Generation.
    pub generation: u32,
    /// Project.
    pub project: u32,
}

impl Stat {
    pub(crate) fn of(inode: &Inode, size: u64) -> Self {
        let inline =
            inode.file_type == FileType::Regular && inode.flags.contains(InodeFlags::INLINE_DATA);
        // Linux counts the bytes inside the inode of a file, but not of a directory.
        let in_inode = if inline { size.div_ceil(512) } else { 0 };
        Self {
            ino: inode.ino,
            file_type: inode.file_type,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            links: inode.links,
            device: inode.device(),
            size,
            blocks_512: inode.blocks_512.saturating_add(in_inode),
            atime: inode.atime,
            mtime: inode.mtime,
            ctime: inode.ctime,
            btime: inode.crtime,
            flags: inode.flags,
            generation: inode.generation,
            project: inode.project,
        }
    }
}
