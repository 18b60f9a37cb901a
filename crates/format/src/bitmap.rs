//! Block and inode bitmaps: their checksums, reading and setting bits.
//!
//! Bit `i` of a bitmap is bit `i % 8`, lowest first, of byte `i / 8`. A set bit is in use. The
//! checksum covers the bytes that hold bits of the group, not the padding behind them (kernel
//! documentation, `ext4/checksums.rst`).

use std::ops::Range;

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

/// The checksum that a block bitmap should carry; `None` without `metadata_csum`, or if `bitmap`
/// is too short.
#[must_use]
pub fn block_bitmap_checksum(bitmap: &[u8], sb: &Superblock) -> Option<u32> {
    checksum(bitmap, sb.geometry().clusters_per_group(), sb)
}

/// The checksum that an inode bitmap should carry; `None` without `metadata_csum`, or if `bitmap`
/// is too short.
#[must_use]
pub fn inode_bitmap_checksum(bitmap: &[u8], sb: &Superblock) -> Option<u32> {
    checksum(bitmap, sb.geometry().inodes_per_group(), sb)
}

/// The sum over the whole bytes of the first `bits` bits.
fn checksum(bitmap: &[u8], bits: u32, sb: &Superblock) -> Option<u32> {
    let covered = bitmap.get(..(bits / 8) as usize)?;
    sb.features().metadata_csum().then(|| sb.seed().sum(covered))
}

/// Whether the sum of the first `bits` bits is `stored`. Descriptors of 32 bytes store the low
/// half only.
fn matches(bitmap: &[u8], bits: u32, stored: u32, sb: &Superblock) -> bool {
    if !sb.features().metadata_csum() {
        return true;
    }
    let mask = if sb.geometry().desc_size() >= 64 { u32::MAX } else { 0xffff };
    checksum(bitmap, bits, sb).is_some_and(|sum| sum & mask == stored & mask)
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

    /// The first clear bit from `from` on.
    #[must_use]
    pub fn next_clear(&self, from: u32) -> Option<u32> {
        let first = (from / 8) as usize;
        let before = (1_u16 << (from % 8)) - 1;
        let mut at = from / 8 * 8;
        for (i, &byte) in self.bytes.get(first..)?.iter().enumerate() {
            let byte = if i == 0 { u16::from(byte) | before } else { u16::from(byte) };
            if byte != 0xff {
                return Some(at + byte.trailing_ones()).filter(|&bit| bit < self.len);
            }
            at += 8;
        }
        None
    }

    /// The indices of the set bits, lowest first.
    pub fn set(&self) -> impl Iterator<Item = u32> + use<'a> {
        let bits = *self;
        (0..bits.len).filter(move |&index| bits.get(index) == Some(true))
    }
}

/// The first `len` bits of a bitmap, to be changed.
#[derive(Debug)]
pub struct BitsMut<'a> {
    bytes: &'a mut [u8],
    len: u32,
}

impl<'a> BitsMut<'a> {
    /// The first `len` bits of `bytes`; `None` if there are fewer.
    #[must_use]
    pub fn new(bytes: &'a mut [u8], len: u32) -> Option<Self> {
        (bytes.len() >= len.div_ceil(8) as usize).then_some(Self { bytes, len })
    }

    /// Makes the bits of `range` (of it, those that there are) `set`, and says how many were not.
    pub fn fill(&mut self, range: Range<u32>, set: bool) -> u32 {
        self.fill_to(range.start..range.end.min(self.len), set)
    }

    /// Sets all bits of the bytes behind the last bit, as the padding has them.
    pub fn set_padding(&mut self) {
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).saturating_mul(8);
        self.fill_to(self.len..end, true);
    }

    fn fill_to(&mut self, range: Range<u32>, set: bool) -> u32 {
        let (mut at, mut changed) = (range.start, 0);
        while at < range.end {
            let (low, n) = (at % 8, (8 - at % 8).min(range.end - at));
            let Some(byte) = self.bytes.get_mut((at / 8) as usize) else { break };
            // At most eight bits from a place in a byte: the shift stays within 16.
            let mask = (((1_u16 << n) - 1) << low).to_le_bytes()[0];
            let new = if set { *byte | mask } else { *byte & !mask };
            changed += (new ^ *byte).count_ones();
            *byte = new;
            at += n;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_clear_bit_is_the_one_found_bit_by_bit() {
        let bytes = [0xff, 0b1011_1111, 0xff, 0xff, 0, 0xff];
        for len in [0, 7, 14, 15, 33, 40, 48] {
            let bits = Bits::new(&bytes, len).unwrap();
            for from in 0..60 {
                let slow = (from..len).find(|&bit| bits.get(bit) == Some(false));
                assert_eq!(bits.next_clear(from), slow, "{len} from {from}");
            }
        }
    }

    #[test]
    fn filling_changes_the_range_and_nothing_else() {
        for (start, end) in [(0, 0), (0, 1), (3, 8), (3, 9), (5, 29), (8, 16), (17, 40)] {
            for old in [0x00, 0xff, 0b0101_0110] {
                let mut bytes = [old; 4];
                let before = bytes;
                let changed = BitsMut::new(&mut bytes, 29).unwrap().fill(start..end, true);
                let bit = |bytes: &[u8], n: u32| Bits::new(bytes, 32).unwrap().get(n).unwrap();
                for n in 0..32 {
                    let inside = n >= start && n < end.min(29);
                    assert_eq!(bit(&bytes, n), inside || bit(&before, n), "{start}..{end}: {n}");
                }
                let ones = |bytes: &[u8]| bytes.iter().map(|b| b.count_ones()).sum::<u32>();
                assert_eq!(changed, ones(&bytes) - ones(&before));
                let cleared = BitsMut::new(&mut bytes, 29).unwrap().fill(start..end, false);
                assert_eq!(cleared, end.min(29) - start);
            }
        }
    }

    #[test]
    fn padding_is_all_behind_the_last_bit() {
        let mut bytes = [0; 3];
        BitsMut::new(&mut bytes, 10).unwrap().set_padding();
        assert_eq!(bytes, [0, 0b1111_1100, 0xff]);
        assert!(BitsMut::new(&mut bytes, 25).is_none());
    }

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
