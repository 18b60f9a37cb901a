//! The checksums of a log: CRC32C from the journal's UUID (versions 2 and 3), and the older
//! big-endian CRC32 over whole transactions (version 1).

use crate::checksum::crc32c;

/// The value that the sum of a transaction (version 1) starts from.
pub const CRC32_BE_START: u32 = !0;

/// The polynomial of CRC32, highest bit first.
const POLYNOMIAL: u32 = 0x04c1_1db7;

/// The sums of all single bytes.
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 << 31 == 0 { crc << 1 } else { crc << 1 ^ POLYNOMIAL };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "byte < 256, and a panic would be at build")]
        {
            table[byte as usize] = crc;
        }
        byte += 1;
    }
    table
}

/// Continues the sum `seed` of a transaction over `bytes`: CRC32 with the highest bit first,
/// without inversion on either side.
#[must_use]
pub fn crc32_be(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |crc, &byte| {
        let index = (crc >> 24) as u8 ^ byte;
        crc << 8 ^ TABLE.get(usize::from(index)).copied().unwrap_or_default()
    })
}

/// The seed of all CRC32C sums of one journal: the sum of its UUID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalSeed(u32);

impl JournalSeed {
    /// The seed of the journal with this UUID.
    #[must_use]
    pub fn from_uuid(uuid: &[u8; 16]) -> Self {
        Self(crc32c(!0, uuid))
    }

    /// The sum of a copy of a block, as it is in the log, in transaction `sequence`.
    #[must_use]
    pub fn data_sum(self, sequence: u32, block: &[u8]) -> u32 {
        crc32c(crc32c(self.0, &sequence.to_be_bytes()), block)
    }

    /// The sum of a whole block with the four bytes at `field` as zero.
    #[must_use]
    pub fn block_sum(self, block: &[u8], field: usize) -> u32 {
        let before = block.get(..field).unwrap_or(block);
        let after = block.get(field + 4..).unwrap_or_default();
        crc32c(crc32c(crc32c(self.0, before), &[0; 4]), after)
    }

    /// Whether the last four bytes of a descriptor or revoke block are its sum.
    #[must_use]
    pub fn tail_matches(self, block: &[u8]) -> bool {
        block.split_last_chunk::<4>().is_some_and(|(body, tail)| {
            self.block_sum(block, body.len()) == u32::from_be_bytes(*tail)
        })
    }

    /// Makes the last four bytes of `block` its sum.
    pub fn set_tail(self, block: &mut [u8]) {
        let field = block.len().saturating_sub(4);
        let sum = self.block_sum(block, field);
        if let Some(tail) = block.last_chunk_mut::<4>() {
            *tail = sum.to_be_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_polynomial() {
        // CRC-32/MPEG-2 of the catalogue: the same without inversion.
        assert_eq!(crc32_be(CRC32_BE_START, b"123456789"), 0x0376_e6e7);
        let parts = crc32_be(crc32_be(CRC32_BE_START, b"1234"), b"56789");
        assert_eq!(parts, 0x0376_e6e7);
    }

    #[test]
    fn a_tail_matches_only_its_block() {
        let seed = JournalSeed::from_uuid(&[7; 16]);
        let mut block = [3; 64];
        seed.set_tail(&mut block);
        assert!(seed.tail_matches(&block));
        assert!(!JournalSeed::from_uuid(&[8; 16]).tail_matches(&block));
        for byte in [0, 59, 60, 63] {
            let mut bad = block;
            bad[byte] ^= 1;
            assert!(!seed.tail_matches(&bad), "{byte}");
        }
        assert!(!seed.tail_matches(&[0; 3]));
    }

    #[test]
    fn a_copy_is_bound_to_its_transaction() {
        let seed = JournalSeed::from_uuid(&[7; 16]);
        assert_ne!(seed.data_sum(1, &[0; 32]), seed.data_sum(2, &[0; 32]));
    }
}
