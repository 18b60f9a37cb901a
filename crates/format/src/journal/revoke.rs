//! Revoke blocks: numbers of blocks whose older copies must not be replayed.

use zerocopy::FromBytes;
use zerocopy::big_endian::U32;

use super::{JOURNAL_HEADER_SIZE, TagLayout};
use crate::{Corrupt, CorruptKind, Place};

/// Bytes of the header: that of all blocks, and the count.
const REVOKE_HEADER_SIZE: usize = JOURNAL_HEADER_SIZE + 4;

/// A checked revoke block, over borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct RevokeBlock<'a> {
    numbers: &'a [u8],
    width: usize,
}

impl<'a> RevokeBlock<'a> {
    /// Checks the count of `block`, a whole revoke block: the bytes in use, header included, must
    /// fit the block. A rest that is no whole number is not read.
    ///
    /// # Errors
    /// [`CorruptKind::JournalRevoke`].
    pub fn parse(block: &'a [u8], layout: TagLayout, at: Place) -> Result<Self, Corrupt> {
        let malformed = || Corrupt::new(CorruptKind::JournalRevoke, at);
        let count =
            block.get(JOURNAL_HEADER_SIZE..).and_then(|rest| U32::ref_from_prefix(rest).ok());
        let used = count.ok_or_else(malformed)?.0.get() as usize;
        if used > layout.body_end(block.len()) {
            return Err(malformed());
        }
        let numbers = block.get(REVOKE_HEADER_SIZE..used).ok_or_else(malformed)?;
        Ok(Self { numbers, width: layout.revoke_size() })
    }

    /// The revoked blocks, unchecked.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
        self.numbers.chunks_exact(self.width).map(number)
    }
}
