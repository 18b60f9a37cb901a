//! Block and inode bitmaps: their checksums, and reading bits.
//!
//! Bit `i` of a bitmap is bit `i % 8`, lowest first, of byte `i / 8`. A set bit is in use. The
//! checksum covers the bytes that hold bits of the group, not the padding behind them (kernel
//! documentation, `ext4/checksums.rst`).

use crate::{Corrupt, CorruptKind, GroupDesc, GroupNr, Place, Superblock};

/// Checks the checksum of the block bitmap of `group` (one block of bytes). File systems without
/// `metadata_csum` pass; the caller handles groups whose bitmap was never written.
///
/// # Errors
/// [`CorruptKind::BlockBitmapChecksum`].
pub fn verify_block_bitmap(
    bitmap: &[u8],
    desc: &GroupDesc,
    group: GroupNr,
    sb: &Superblock,
) -> Result<(), Corrupt> {
    if matches(bitmap, sb.geometry().clusters_per_group(), desc.block_bitmap_csum, sb) {
        return Ok(());
    }
    let at = Place::group(group).block(desc.block_bitmap.get());
    Err(Corrupt::new(CorruptKind::BlockBitmapChecksum, at))
}

/// Checks the checksum of the inode bitmap of `group` (one block of bytes). File systems without
/// `metadata_csum` pass; the caller handles groups whose bitmap was never written.
///
/// # Errors
/// [`CorruptKind::InodeBitmapChecksum`].
pub fn verify_inode_bitmap(
    bitmap: &[u8],
    desc: &GroupDesc,
    group: GroupNr,
    sb: &Superblock,
) -> Result<(), Corrupt> {
    if matches(bitmap, sb.geometry().inodes_per_group(), desc.inode_bitmap_csum, sb) {
        return Ok(());
    }
    let at = Place::group(group).block(desc.inode_bitmap.get());
    Err(Corrupt::new(CorruptKind::InodeBitmapChecksum, at))
}

/// Whether the sum over the whole bytes of the first `bits` bits is `stored`. Descriptors of 32
/// bytes store the low half only.
fn matches(bitmap: &[u8], bits: u32, stored: u32, sb: &Superblock) -> bool {
    if !sb.features().metadata_csum() {
        return true;
    }
    let Some(covered) = bitmap.get(..(bits / 8) as usize) else {
        return false;
    };
    let mask = if sb.geometry().desc_size() >= 64 { u32::MAX } else { 0xffff };
    sb.seed().sum(covered) & mask == stored & mask
}

/// The first `len` bits of a bitmap.
#[derive(Clone, Copy, Debug)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    len: u32,
}

impl<'a> Bits<'a> {
    /// The first `len` bits of `bytes`; `None` if there are fewer.
    #[must_use]
    pub fn new(bytes: &'a [u8], len: u32) -> Option<Self> {
        (bytes.len() >= len.div_ceil(8) as usize).then_some(Self { bytes, len })
    }

    /// How many bits there are.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit `index`, or `None` past the end.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<bool> {
        let byte = self.bytes.get((index / 8) as usize).filter(|_| index < self.len)?;
        Some(byte >> (index % 8) & 1 == 1)
    }

    /// How many bits are set.
    #[must_use]
    pub fn count_set(&self) -> u32 {
        let (whole, rest) = self.bytes.split_at((self.len / 8) as usize);
        let (words, bytes) = whole.as_chunks::<8>();
        let words: u32 = words.iter().map(|&word| u64::from_le_bytes(word).count_ones()).sum();
        let bytes: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        let mask = (1_u16 << (self.len % 8)) - 1;
        let last = rest.first().map_or(0, |&byte| (u16::from(byte) & mask).count_ones());
        words + bytes + last
    }

    /// How many bits are clear.
    #[must_use]
    pub fn count_clear(&self) -> u32 {
        self.len - self.count_set()
    }

    /// The indices of the set bits, lowest first.
    pub fn set(&self) -> impl Iterator<Item = u32> + use<'a> {
        let bits = *self;
        (0..bits.len).filter(move |&index| bits.get(index) == Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_lowest_first_and_end() {
        let bits = Bits::new(&[0b1000_0001, 0xff], 11).unwrap();
        assert_eq!(bits.set().collect::<Vec<_>>(), [0, 7, 8, 9, 10]);
        assert_eq!(bits.get(1), Some(false));
        assert_eq!(bits.get(11), None, "a bit of the padding");
        assert!(Bits::new(&[0], 9).is_none());
    }

    #[test]
    fn counts_match_a_count_bit_by_bit() {
        let bytes: Vec<u8> = (0_u8..40).map(|n| n.wrapping_mul(37)).collect();
        for len in 0..=320 {
            let bits = Bits::new(&bytes, len).unwrap();
            let slow = u32::try_from(bits.set().count()).unwrap();
            assert_eq!(bits.count_set(), slow, "{len}");
            assert_eq!(bits.count_clear(), len - slow, "{len}");
        }
    }
}
