//! Symbolic link targets: in the inode if shorter than 60 bytes, else in one block.

use crate::{BlockSize, Corrupt, CorruptKind, Place};

/// Targets shorter than this may lie in the inode's block map ("fast" links).
pub const INODE_CAPACITY: usize = 60;

/// Checks a plain target of the length that the inode's size says. It has room for a zero byte
/// after it in the block. For ciphertext see [`fscrypt::symlink_target`](crate::fscrypt).
///
/// # Errors
/// [`CorruptKind::SymlinkTarget`] for a target that is empty, not shorter than a block, or has a
/// zero byte.
pub fn check_target(target: &[u8], size: BlockSize, at: Place) -> Result<(), Corrupt> {
    if target.is_empty() || target.len() >= size.to_usize() || target.contains(&0) {
        Err(Corrupt::new(CorruptKind::SymlinkTarget, at))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_1_byte_to_below_a_block_without_zero() {
        let size = BlockSize::from_bytes(1024).unwrap();
        let check = |target: &[u8]| check_target(target, size, Place::default());
        for good in [&b"a"[..], b"/../x\xff", &[b'x'; 1023]] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in [&b""[..], b"a\0", b"\0", &[b'x'; 1024]] {
            assert_eq!(check(bad).unwrap_err().kind, CorruptKind::SymlinkTarget);
        }
    }
}
