//! An inode as it lies on disk, little-endian: 128 bytes, then up to 32 bytes of extra fields of
//! which `extra_isize` says how many are there (kernel documentation, `ext4/inodes.rst`).

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the part that all inodes have.
pub const BASE_SIZE: usize = 128;
/// Bytes of the largest set of extra fields known.
pub const EXTRA_SIZE: usize = 32;

/// The first 128 bytes. Nothing is checked here; see [`Inode`](super::Inode).
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RawInode {
    /// Type and permissions.
    pub mode: U16,
    /// Owner, low half.
    pub uid_lo: U16,
    /// Size in bytes, low half.
    pub size_lo: U32,
    /// Last access, base.
    pub atime: U32,
    /// Last change of the inode, base.
    pub ctime: U32,
    /// Last change of the content, base.
    pub mtime: U32,
    /// Deletion in seconds since 1970, or the next inode of the orphan list.
    pub dtime: U32,
    /// Group, low half.
    pub gid_lo: U16,
    /// Hard links.
    pub links_count: U16,
    /// Blocks, low half.
    pub blocks_lo: U32,
    /// Flags.
    pub flags: U32,
    /// Version, low half.
    pub version_lo: U32,
    /// The block map, inline data, symlink target or device number.
    pub block: [u8; 60],
    /// Generation, for NFS and checksums.
    pub generation: U32,
    /// Block of extended attributes, low half.
    pub file_acl_lo: U32,
    /// Size in bytes, high half.
    pub size_hi: U32,
    /// Obsolete fragment address.
    pub obso_faddr: U32,
    /// Blocks, high half.
    pub blocks_hi: U16,
    /// Block of extended attributes, high half.
    pub file_acl_hi: U16,
    /// Owner, high half.
    pub uid_hi: U16,
    /// Group, high half.
    pub gid_hi: U16,
    /// Checksum, low half.
    pub checksum_lo: U16,
    /// Unused.
    pub reserved: U16,
}

/// The extra fields.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RawExtra {
    /// Bytes of extra fields in use, this one included.
    pub extra_isize: U16,
    /// Checksum, high half.
    pub checksum_hi: U16,
    /// Last change of the inode, extra.
    pub ctime_extra: U32,
    /// Last change of the content, extra.
    pub mtime_extra: U32,
    /// Last access, extra.
    pub atime_extra: U32,
    /// Creation, base.
    pub crtime: U32,
    /// Creation, extra.
    pub crtime_extra: U32,
    /// Version, high half.
    pub version_hi: U32,
    /// Project.
    pub projid: U32,
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<RawInode>() == BASE_SIZE);
    assert!(size_of::<RawExtra>() == EXTRA_SIZE);
    assert!(offset_of!(RawInode, links_count) == 0x1a);
    assert!(offset_of!(RawInode, flags) == 0x20);
    assert!(offset_of!(RawInode, block) == 0x28);
    assert!(offset_of!(RawInode, generation) == 0x64);
    assert!(offset_of!(RawInode, size_hi) == 0x6c);
    assert!(offset_of!(RawInode, blocks_hi) == 0x74);
    assert!(offset_of!(RawInode, checksum_lo) == 0x7c);
    assert!(offset_of!(RawExtra, atime_extra) == 0x8c - 0x80);
    assert!(offset_of!(RawExtra, crtime) == 0x90 - 0x80);
    assert!(offset_of!(RawExtra, projid) == 0x9c - 0x80);
};

impl Default for RawInode {
    fn default() -> Self {
        Self::new_zeroed()
    }
}

impl Default for RawExtra {
    fn default() -> Self {
        Self::new_zeroed()
    }
}

impl RawExtra {
    /// The extra fields in `bytes`, those behind the first 128 of an inode; fields not in use are
    /// zero, but where the size says that none are, all are as they lie there. `None` for an inode
    /// of 128 bytes.
    pub(super) fn in_use(bytes: &[u8]) -> Option<Self> {
        let size = usize::from(u16::from_le_bytes(*bytes.first_chunk()?));
        let mut extra = Self::default();
        let used = if size == 0 { EXTRA_SIZE } else { size.clamp(2, EXTRA_SIZE) }.min(bytes.len());
        extra.as_mut_bytes().get_mut(..used)?.copy_from_slice(bytes.get(..used)?);
        Some(extra)
    }

    /// Whether the first `end` bytes of the extra fields are in use.
    pub(super) fn has(&self, end: usize) -> bool {
        usize::from(self.extra_isize.get()) >= end
    }
}
