//! The checksums of the format: CRC32C (feature `metadata_csum`) and CRC16 (feature `gdt_csum`).
//!
//! ext4 feeds CRC32C without the usual final inversion and chains it: a structure's checksum
//! starts from a per-file-system seed, for inode-owned structures mixed with the inode number and
//! generation. The kernel documentation, `ext4/checksums.rst`, lists what each sum covers.

use crate::InodeNr;

/// CRC32C as ext4 uses it: continues `seed` over `bytes`, no inversion on either side.
#[must_use]
pub fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    !::crc32c::crc32c_append(!seed, bytes)
}

/// CRC16 (polynomial 0x8005, reflected), continued from `seed`, as group descriptors of
/// `gdt_csum` file systems use it.
#[must_use]
pub fn crc16(seed: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(seed, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 }
        })
    })
}

/// The seed of all CRC32C sums of one file system: from `s_checksum_seed` if the feature
/// `metadata_csum_seed` is set, else CRC32C of the UUID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChecksumSeed(u32);

impl ChecksumSeed {
    /// The seed stored in the superblock (feature `metadata_csum_seed`).
    #[must_use]
    pub const fn stored(seed: u32) -> Self {
        Self(seed)
    }

    /// The seed made from the file system's UUID.
    #[must_use]
    pub fn from_uuid(uuid: &[u8; 16]) -> Self {
        Self(crc32c(!0, uuid))
    }

    /// The bare seed.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The sum of `bytes` under this seed.
    #[must_use]
    pub fn sum(self, bytes: &[u8]) -> u32 {
        crc32c(self.0, bytes)
    }

    /// The seed of structures that belong to inode `ino` of generation `generation`.
    #[must_use]
    pub fn for_inode(self, ino: InodeNr, generation: u32) -> InodeSeed {
        let seed = crc32c(self.0, &ino.get().to_le_bytes());
        InodeSeed(crc32c(seed, &generation.to_le_bytes()))
    }
}

/// The seed of the checksums of one inode: the inode itself, its extent and directory blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InodeSeed(u32);

impl InodeSeed {
    /// The bare seed.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The sum of `bytes` under this seed.
    #[must_use]
    pub fn sum(self, bytes: &[u8]) -> u32 {
        crc32c(self.0, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_polynomials() {
        // The catalogue's check input; ext4 leaves out the final inversion.
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
        assert_eq!(crc16(0, b"123456789"), 0xbb3d);
    }

    #[test]
    fn sums_chain() {
        let whole = crc32c(7, b"abcdef");
        assert_eq!(crc32c(crc32c(7, b"abc"), b"def"), whole);
    }
}
