//! The checksum of a linear directory block: a fake entry of 12 bytes at its end.

use crate::le::{put_at, u16_at, u32_at};
use crate::{Corrupt, CorruptKind, InodeSeed, Place};

/// Bytes of the tail.
pub const DIR_TAIL: usize = 12;

/// The block without its tail, or the whole block if it has none.
#[must_use]
pub fn dir_body(block: &[u8]) -> &[u8] {
    split(block).map_or(block, |(body, _)| body)
}

/// The checksum stored in the block's tail, or `None` if the block does not end in one: an unused
/// entry of length 12, without a name, of file type 0xde.
#[must_use]
pub fn dir_tail(block: &[u8]) -> Option<u32> {
    split(block).map(|(_, sum)| sum)
}

fn split(block: &[u8]) -> Option<(&[u8], u32)> {
    let (body, tail) = block.split_at_checked(block.len().checked_sub(DIR_TAIL)?)?;
    let is_tail = u32_at(tail, 0) == Some(0)
        && u16_at(tail, 4) == Some(12)
        && u16_at(tail, 6) == Some(0xde00);
    is_tail.then_some(())?;
    Some((body, u32_at(tail, 8)?))
}

/// The part of a block in front of its tail, the tail being there or yet to be made.
#[must_use]
pub fn dir_body_mut(block: &mut [u8]) -> &mut [u8] {
    let len = block.len().saturating_sub(DIR_TAIL);
    block.get_mut(..len).unwrap_or_default()
}

/// Makes the last 12 bytes of a block its tail, without a right checksum.
pub fn init_dir_tail(block: &mut [u8]) {
    let at = dir_body_mut(block).len();
    put_at(block, at, &[0, 0, 0, 0, 12, 0, 0, 0xde, 0, 0, 0, 0]);
}

/// Stores the checksum of a linear directory block in its tail. A block without one stays as it is.
pub fn set_dir_checksum(block: &mut [u8], seed: InodeSeed) {
    if let Some(sum) = split(block).map(|(body, _)| seed.sum(body)) {
        let at = block.len() - 4;
        put_at(block, at, &sum.to_le_bytes());
    }
}

/// Checks the checksum of a linear directory block (feature `metadata_csum`).
///
/// # Errors
/// [`CorruptKind::DirTail`] if there is no tail, [`CorruptKind::DirChecksum`] if the sum of the
/// bytes before the tail under the directory's seed differs from the stored one.
pub fn verify_dir_checksum(block: &[u8], seed: InodeSeed, at: Place) -> Result<(), Corrupt> {
    let (body, stored) = split(block).ok_or(Corrupt::new(CorruptKind::DirTail, at))?;
    if seed.sum(body) == stored { Ok(()) } else { Err(Corrupt::new(CorruptKind::DirChecksum, at)) }
}
