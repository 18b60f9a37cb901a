//! Where the journal's blocks are, and their checksums.

use super::checksum::Sum;
use super::hash::crc32c;
use super::{ImageEditor, Part, Spot};
use crate::error::Result;

/// Incompatible feature of a file system: it is a journal device.
const INCOMPAT_JOURNAL_DEV: u32 = 0x8;
/// Incompatible feature of a journal: checksums version 2.
const CSUM_V2: u32 = 0x8;
/// Incompatible feature of a journal: checksums version 3.
const CSUM_V3: u32 = 0x10;

impl ImageEditor {
    /// The block of the image that holds the journal's superblock.
    ///
    /// # Errors
    /// If there is no journal in the image.
    pub fn journal_superblock(&self) -> Result<u64> {
        if self.sb32(0x60)? & INCOMPAT_JOURNAL_DEV != 0 {
            return Ok(if self.block_size()? == 1024 { 2 } else { 1 });
        }
        self.journal_block(0)
    }

    /// The block of the image that holds block `number` of the log. Blocks of a journal device are
    /// counted from the start of the device.
    ///
    /// # Errors
    /// If there is no journal in the image, or it has a hole there.
    pub fn journal_block(&self, number: u32) -> Result<u64> {
        if self.sb32(0x60)? & INCOMPAT_JOURNAL_DEV != 0 {
            return Ok(u64::from(number));
        }
        let found = self.map_block(self.sb32(0xe0)?, number)?;
        found.ok_or_else(|| crate::Error::Image(format!("no block {number} in the journal")))
    }

    /// A big-endian u32, as everything in a journal but fast commits.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn get_be32(&self, spot: Spot, offset: u64) -> Result<u32> {
        self.get_u32(spot, offset).map(u32::swap_bytes)
    }

    /// Sets a big-endian u32.
    ///
    /// # Errors
    /// If the spot is not in the image.
    pub fn set_be32(&mut self, spot: Spot, offset: u64, value: u32) -> Result<()> {
        self.set_u32(spot, offset, value.swap_bytes())
    }

    /// The sum of a part of the journal; `None` where the journal has none.
    pub(super) fn journal_sum(&self, part: Part) -> Result<Option<Sum>> {
        let superblock = Spot::Block(self.journal_superblock()?);
        let features = self.get_be32(superblock, 0x28)?;
        if features & (CSUM_V2 | CSUM_V3) == 0 {
            return Ok(None);
        }
        let seed = crc32c(!0, self.get_bytes(superblock, 0x30, 16)?);
        let size = self.block_bytes()?;
        let (block, length, field) = match part {
            Part::JournalTag { descriptor, offset, copy } => {
                let sequence = self.get_bytes(Spot::Block(descriptor), 8, 4)?;
                let data = self.get_bytes(Spot::Block(copy), 0, size)?;
                let value = crc32c(crc32c(seed, sequence), data);
                let spot = Spot::Block(descriptor);
                let v3 = features & CSUM_V3 != 0;
                return Ok(Some(tag_sum(value, spot, offset, v3)));
            }
            Part::JournalTail(block) => (Spot::Block(block), size, size as u64 - 4),
            Part::JournalCommit(block) => (Spot::Block(block), size, 0x10),
            _ => (superblock, 1024, 0xfc),
        };
        let seed = if part == Part::JournalSuperblock { !0 } else { seed };
        let mut bytes = self.get_bytes(block, 0, length)?.to_vec();
        super::checksum::clear(&mut bytes, usize::try_from(field).unwrap_or_default(), 4);
        Ok(Some(Sum::word(crc32c(seed, &bytes).swap_bytes(), block, field)))
    }
}

/// Version 3 stores the whole sum, version 2 its low half.
fn tag_sum(value: u32, spot: Spot, offset: u64, v3: bool) -> Sum {
    if v3 {
        return Sum::word(value.swap_bytes(), spot, offset + 12);
    }
    Sum { value: (value & 0xffff).swap_bytes() >> 16, low: (spot, offset + 4, 2), high: None }
}
