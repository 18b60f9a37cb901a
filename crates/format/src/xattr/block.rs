//! The attribute block: a header of 32 bytes, then an entry list. Inodes with the same attributes
//! may share one, which its reference count says.

use super::entry::{Area, find};
use super::{MAGIC, XattrEntry};
use crate::checksum::crc32c;
use crate::le::{bytes_at, u32_at};
use crate::{BlockNr, ChecksumSeed, Corrupt, CorruptKind, Place};

/// Bytes before the first entry.
const HEADER: usize = 32;
/// Where the checksum is.
const CHECKSUM: usize = 16;

/// The most inodes that share a block.
pub const MAX_REFCOUNT: u32 = 1024;

/// A checked attribute block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockXattrs<'a> {
    /// How many inodes share the block, 1 to [`MAX_REFCOUNT`].
    pub refcount: u32,
    /// The hash of all entries, by which equal blocks are found; 0 if it must not be shared.
    pub hash: u32,
    /// In the order of the block.
    pub entries: Vec<XattrEntry<'a>>,
}

impl<'a> BlockXattrs<'a> {
    /// Checks the attribute block `nr`. `seed` is the file system's if its metadata carries
    /// checksums (feature `metadata_csum`), else `None`.
    ///
    /// # Errors
    /// [`CorruptKind::XattrMagic`], [`CorruptKind::XattrChecksum`],
    /// [`CorruptKind::XattrBlockCount`], [`CorruptKind::XattrRefcount`], and the errors of entries
    /// as [`IbodyXattrs::parse`](super::IbodyXattrs::parse) has them.
    pub fn parse(
        block: &'a [u8],
        nr: BlockNr,
        seed: Option<ChecksumSeed>,
        at: Place,
    ) -> Result<Self, Corrupt> {
        let corrupt = |kind, offset| Err(Corrupt::new(kind, at.offset(offset)));
        let field = |offset| u32_at(block, offset).unwrap_or_default();
        if block.len() < HEADER || field(0) != MAGIC {
            return corrupt(CorruptKind::XattrMagic, 0);
        }
        let computed = seed.and_then(|seed| block_checksum(block, nr, seed));
        if computed.is_some_and(|sum| sum != field(CHECKSUM)) {
            return corrupt(CorruptKind::XattrChecksum, CHECKSUM);
        }
        let refcount = field(4);
        if !(1..=MAX_REFCOUNT).contains(&refcount) {
            return corrupt(CorruptKind::XattrRefcount, 4);
        }
        if field(8) != 1 {
            return corrupt(CorruptKind::XattrBlockCount, 8);
        }
        let entries = Area { bytes: block, first: HEADER, at, base: 0 }.entries()?;
        Ok(Self { refcount, hash: field(12), entries })
    }

    /// The entry of that prefix number and rest of the name.
    #[must_use]
    pub fn find(&self, name_index: u8, name: &[u8]) -> Option<&XattrEntry<'a>> {
        find(&self.entries, name_index, name)
    }
}

/// Sets how many inodes share the attribute block `nr`, and its checksum: `seed` is as for
/// [`BlockXattrs::parse`].
pub fn set_block_refcount(block: &mut [u8], nr: BlockNr, seed: Option<ChecksumSeed>, count: u32) {
    put(block, 4, count);
    if let Some(sum) = seed.and_then(|seed| block_checksum(block, nr, seed)) {
        put(block, CHECKSUM, sum);
    }
}

fn put(block: &mut [u8], at: usize, value: u32) {
    if let Some(field) = block.get_mut(at..at + 4) {
        field.copy_from_slice(&value.to_le_bytes());
    }
}

/// The checksum of an attribute block: over its number as `le64`, then the block with a zero
/// checksum. `None` for a block shorter than a header.
#[must_use]
pub fn block_checksum(block: &[u8], nr: BlockNr, seed: ChecksumSeed) -> Option<u32> {
    let sum = seed.sum(&nr.get().to_le_bytes());
    let sum = crc32c(sum, bytes_at(block, 0, CHECKSUM)?);
    Some(crc32c(crc32c(sum, &[0; 4]), block.get(CHECKSUM + 4..)?))
}
