//! Attribute hashes.
//!
//! An entry's hash mixes name and value. Linux once took the name's bytes as signed and still
//! accepts such hashes. Of values in inodes of their own, the value's CRC32C is mixed in.

use super::XattrEntry;
use crate::{ChecksumSeed, Corrupt, CorruptKind, Place};

/// The two hashes that an entry may carry: of the name as unsigned and as signed bytes. `value` is
/// the value in the entry's area, of any length, taken as zero-padded `le32` words.
#[must_use]
pub fn entry_hash(name: &[u8], value: &[u8]) -> [u32; 2] {
    let words = || {
        value.chunks(4).map(|chunk| {
            let mut word = [0; 4];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            u32::from_le_bytes(word)
        })
    };
    name_hashes(name).map(|hash| words().fold(hash, mix_value))
}

fn name_hashes(name: &[u8]) -> [u32; 2] {
    let fold = |extend: fn(u8) -> u32| {
        name.iter().fold(0_u32, |hash, &byte| hash.rotate_left(5) ^ extend(byte))
    };
    [fold(u32::from), fold(|byte| i32::from(byte.cast_signed()).cast_unsigned())]
}

fn mix_value(hash: u32, word: u32) -> u32 {
    hash.rotate_left(16) ^ word
}

/// The hash of a value in an inode of its own, as that inode stores it: CRC32C under the file
/// system's seed (which exists with the feature `ea_inode`, with or without `metadata_csum`).
#[must_use]
pub fn ea_inode_hash(seed: ChecksumSeed, value: &[u8]) -> u32 {
    seed.sum(value)
}

/// Checks a whole `value` read from an inode of its own against the `stored` hash in that inode
/// ([`EaInode::hash`](super::EaInode)) and against `entry`. A failure does not count if the value
/// inode is of the old form and [belongs to the reader](super::EaInode::is_owned_by): those carry
/// no hash.
///
/// # Errors
/// [`CorruptKind::EaInodeHash`] if the value does not match the inode's hash,
/// [`CorruptKind::XattrHash`] if name and value do not match the entry's.
pub fn verify_ea_inode_value(
    entry: &XattrEntry<'_>,
    value: &[u8],
    stored: u32,
    seed: ChecksumSeed,
    at: Place,
) -> Result<(), Corrupt> {
    let hash = ea_inode_hash(seed, value);
    if hash != stored {
        return Err(Corrupt::new(CorruptKind::EaInodeHash, at));
    }
    if name_hashes(entry.name).map(|name| mix_value(name, hash)).contains(&entry.hash) {
        Ok(())
    } else {
        Err(Corrupt::new(CorruptKind::XattrHash, at))
    }
}
