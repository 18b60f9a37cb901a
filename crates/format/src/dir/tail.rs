//! The checksum of a linear directory block: a fake entry of 12 bytes at its end.

use crate::le::{u16_at, u32_at};
use crate::{Corrupt, CorruptKind, InodeSeed, Place};

/// Bytes of the tail.
const TAIL: usize = 12;

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
    let (body, tail) = block.split_at_checked(block.len().checked_sub(TAIL)?)?;
    let is_tail = u32_at(tail, 0) == Some(0)
        && u16_at(tail, 4) == Some(12)
        && u16_at(tail, 6) == Some(0xde00);
    is_tail.then_some(())?;
    Some((body, u32_at(tail, 8)?))
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
