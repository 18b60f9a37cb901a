//! Inline data: small files, directories and symlinks whose content is in the inode, the first 60
//! bytes in place of the block map, the rest as the value of the attribute `system.data`.

use extant_format::inline_data::{INODE_CAPACITY, InlineData, InlineDir};
use extant_format::xattr::IbodyXattrs;
use extant_format::{Corrupt, CorruptKind, FileType, Inode, Place};

use crate::{Result, Volume};

impl Volume {
    /// The content of a file with inline data. Bytes behind it, up to `inode.size`, are zero:
    /// mke2fs(8) writes files of nothing but zeros so, whatever their size.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) where the attribute is missing or malformed, or
    /// the size is above what it holds.
    pub fn inline_content(&self, inode: &Inode) -> Result<Vec<u8>> {
        Ok(with_inline(inode, |data| Ok(data.to_vec()))?)
    }

    /// Calls `visit` with the parent's inode number and the entries of an inline directory.
    pub(crate) fn inline_dir<R>(
        &self,
        inode: &Inode,
        visit: impl FnOnce(&InlineDir<'_>) -> R,
    ) -> Result<R> {
        let rule = *crate::dir::Directory::new(self, inode).rule();
        let at = Place::inode(inode.ino);
        Ok(with_inline(inode, |data| Ok(visit(&InlineDir::parse(data, &rule, at)?)))?)
    }
}

fn with_inline<R>(
    inode: &Inode,
    use_data: impl FnOnce(InlineData<'_>) -> Result<R, Corrupt>,
) -> Result<R, Corrupt> {
    let at = Place::inode(inode.ino);
    let attributes = IbodyXattrs::parse(inode.ea_area(), at)?;
    let value = attributes.inline_data().and_then(|entry| entry.value);
    let missing = Corrupt::new(CorruptKind::InlineDataMissing, at);
    let map: &[u8; INODE_CAPACITY] = inode.map_bytes().first_chunk().ok_or(missing)?;
    use_data(InlineData::new(map, value, stored_size(inode, map, value), at)?)
}

/// Bytes that the inode must hold. mke2fs stores no byte of a regular file that has no data, and
/// leaves it with its size and empty inline data; e2fsck and Linux take that for zeros.
fn stored_size(inode: &Inode, map: &[u8], value: Option<&[u8]>) -> u64 {
    let empty = value.is_some_and(<[u8]>::is_empty) && map.iter().all(|&byte| byte == 0);
    if empty && inode.file_type == FileType::Regular {
        inode.size.min(INODE_CAPACITY as u64)
    } else {
        inode.size
    }
}
