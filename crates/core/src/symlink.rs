//! Symbolic link targets: in the inode's map ("fast"), inline, or in the first block.

use extant_block::IoFlags;
use extant_format::symlink::check_target;
use extant_format::{CorruptKind, Inode, InodeFlags, LogicalBlock, Place, fscrypt, to_usize};

use crate::{Error, Result, Volume};

impl Volume {
    /// The target of symlink `inode`. That of an encrypted one is in the form that Linux shows
    /// without the key.
    ///
    /// # Errors
    /// [`CorruptKind::SymlinkTarget`] for a target that is empty, too long, or has a zero byte;
    /// those of the map, inline data or block read.
    pub fn link_target(&self, inode: &Inode, flags: IoFlags) -> Result<Vec<u8>> {
        let at = Place::inode(inode.ino);
        if inode.flags.contains(InodeFlags::ENCRYPT) {
            let stored = self.stored_target(inode, None, flags)?;
            return Ok(fscrypt::symlink_target(&stored, at)?);
        }
        let wrong = || Error::corrupt(CorruptKind::SymlinkTarget, at);
        if inode.size >= self.block_size().bytes64() {
            return Err(wrong());
        }
        let len = to_usize(inode.size);
        let mut target = self.stored_target(inode, Some(len), flags)?;
        if target.len() < len {
            return Err(wrong());
        }
        target.truncate(len);
        check_target(&target, self.block_size(), at)?;
        Ok(target)
    }

    /// The bytes that hold the target: `len` of them if it is known, else all there are.
    fn stored_target(&self, inode: &Inode, len: Option<usize>, flags: IoFlags) -> Result<Vec<u8>> {
        if inode.is_fast_symlink() {
            return Ok(inode.map_bytes().to_vec());
        }
        if inode.flags.contains(InodeFlags::INLINE_DATA) {
            return self.inline_content(inode);
        }
        let Some((_, block)) = self.file_block(inode, LogicalBlock::ZERO, flags)? else {
            return Err(Error::corrupt(CorruptKind::SymlinkTarget, Place::inode(inode.ino)));
        };
        let bytes = block.bytes();
        Ok(bytes.get(..len.unwrap_or(bytes.len())).unwrap_or(bytes).to_vec())
    }
}
