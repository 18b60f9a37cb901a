//! Blocks of the orphan file: inode numbers, and a tail of 8 bytes (feature `orphan_file`; kernel
//! documentation, `ext4/orphan.rst`).

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use crate::checksum::crc32c;
use crate::{BlockNr, Corrupt, CorruptKind, InodeSeed, Place};

/// The magic number in the tail.
pub const ORPHAN_MAGIC: u32 = 0x0b10_ca04;
/// Bytes of the tail: magic number and checksum.
const TAIL_SIZE: usize = 8;

/// A checked block of the orphan file, over borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct OrphanFileBlock<'a> {
    slots: &'a [U32],
}

impl<'a> OrphanFileBlock<'a> {
    /// Checks `bytes`, block `block` of the orphan file whose checksum seed is `seed`.
    /// `checksummed` says whether the feature `metadata_csum` is set. The sum covers the number of
    /// the block and the slots.
    ///
    /// # Errors
    /// [`CorruptKind::OrphanFileBlock`], [`CorruptKind::OrphanFileChecksum`].
    pub fn parse(
        bytes: &'a [u8],
        seed: InodeSeed,
        block: BlockNr,
        checksummed: bool,
    ) -> Result<Self, Corrupt> {
        let at = Place::structure("orphan file").block(block.get());
        let malformed = || Corrupt::new(CorruptKind::OrphanFileBlock, at);
        let (body, tail) = bytes.split_last_chunk::<TAIL_SIZE>().ok_or_else(malformed)?;
        let slots = <[U32]>::ref_from_bytes(body).map_err(|_| malformed())?;
        let [magic, stored] = zerocopy::transmute_ref!(tail);
        if U32::get(*magic) != ORPHAN_MAGIC {
            return Err(malformed());
        }
        if checksummed && checksum(body, seed, block) != U32::get(*stored) {
            return Err(Corrupt::new(CorruptKind::OrphanFileChecksum, at));
        }
        Ok(Self { slots })
    }

    /// The inode numbers in use, each with the index of its slot. They are not checked: a number
    /// may be out of range or come twice.
    pub fn entries(&self) -> impl Iterator<Item = (usize, u32)> + use<'a> {
        let numbers = self.slots.iter().map(|slot| slot.get()).enumerate();
        numbers.filter(|(_, number)| *number != 0)
    }

    /// How many slots there are.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.slots.len()
    }
}

/// Makes `bytes`, block `block` of the orphan file, one without entries. `seed` and `checksummed`
/// are as for [`OrphanFileBlock::parse`]; without checksums the field for it is zero.
pub fn write_empty_block(bytes: &mut [u8], seed: InodeSeed, block: BlockNr, checksummed: bool) {
    let Some((body, tail)) = bytes.split_last_chunk_mut::<TAIL_SIZE>() else { return };
    body.fill(0);
    let sum = if checksummed { checksum(body, seed, block) } else { 0 };
    *tail = zerocopy::transmute!([U32::new(ORPHAN_MAGIC), U32::new(sum)]);
}

fn checksum(body: &[u8], seed: InodeSeed, block: BlockNr) -> u32 {
    crc32c(seed.sum(&block.get().to_le_bytes()), body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    fn seed_and_block() -> (InodeSeed, BlockNr) {
        let sb = testing::small();
        let ino = sb.geometry().inode(12).unwrap();
        (sb.seed().for_inode(ino, 7), sb.geometry().block(99).unwrap())
    }

    fn block(numbers: &[u32]) -> Vec<u8> {
        let (seed, nr) = seed_and_block();
        let mut bytes = vec![0; 1024];
        for (slot, number) in bytes.chunks_mut(4).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        bytes[1016..1020].copy_from_slice(&ORPHAN_MAGIC.to_le_bytes());
        let sum = checksum(&bytes[..1016], seed, nr);
        bytes[1020..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn kind(bytes: &[u8]) -> CorruptKind {
        let (seed, nr) = seed_and_block();
        OrphanFileBlock::parse(bytes, seed, nr, true).map(|_| ()).unwrap_err().kind
    }

    #[test]
    fn entries_are_the_slots_in_use() {
        let (seed, nr) = seed_and_block();
        let bytes = block(&[0, 12, 0, 0xffff_ffff]);
        let parsed = OrphanFileBlock::parse(&bytes, seed, nr, true).unwrap();
        assert_eq!(parsed.slots(), 254);
        assert_eq!(parsed.entries().collect::<Vec<_>>(), [(1, 12), (3, 0xffff_ffff)]);
    }

    #[test]
    fn an_emptied_block_is_good_and_has_no_entries() {
        let (seed, nr) = seed_and_block();
        for checksummed in [true, false] {
            let mut bytes = block(&[12, 13]);
            bytes.fill(0xa5);
            write_empty_block(&mut bytes, seed, nr, checksummed);
            let parsed = OrphanFileBlock::parse(&bytes, seed, nr, checksummed).unwrap();
            assert_eq!((parsed.slots(), parsed.entries().count()), (254, 0));
            assert_eq!(bytes[1020..] == [0; 4], !checksummed);
        }
    }

    #[test]
    fn each_rejection_has_its_kind() {
        let good = block(&[12]);
        let mut bad = good.clone();
        bad[1016] ^= 1;
        assert_eq!(kind(&bad), CorruptKind::OrphanFileBlock);
        assert_eq!(kind(&good[..7]), CorruptKind::OrphanFileBlock);
        let mut odd = vec![0; 1];
        odd.extend_from_slice(&good);
        assert_eq!(kind(&odd), CorruptKind::OrphanFileBlock, "not whole slots");
        for byte in [0, 1015, 1020] {
            let mut bad = good.clone();
            bad[byte] ^= 1;
            assert_eq!(kind(&bad), CorruptKind::OrphanFileChecksum, "{byte}");
        }
    }

    #[test]
    fn a_block_moved_elsewhere_has_a_wrong_checksum() {
        let (seed, _) = seed_and_block();
        let elsewhere = testing::small().geometry().block(98).unwrap();
        let bytes = block(&[12]);
        assert!(OrphanFileBlock::parse(&bytes, seed, elsewhere, true).is_err());
        assert!(OrphanFileBlock::parse(&bytes, seed, elsewhere, false).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_bytes_never_panic(mut bytes: Vec<u8>, magic: bool) {
            if magic {
                bytes.extend_from_slice(&ORPHAN_MAGIC.to_le_bytes());
                bytes.extend_from_slice(&[0; 4]);
            }
            let (seed, nr) = seed_and_block();
            let parsed = OrphanFileBlock::parse(&bytes, seed, nr, false);
            if let Ok(block) = parsed {
                prop_assert!(block.entries().count() <= bytes.len() / 4);
            } else {
                prop_assert!(!magic || bytes.len() % 4 != 0);
            }
        }
    }
}
