//! The superblock of a device that holds nothing but a journal: an ext4 superblock with the
//! feature `journal_dev`, of which few fields mean anything.

use crate::superblock::{MAGIC, RawSuperblock, checksum};
use crate::{BlockSize, Corrupt, CorruptKind, Incompat, Place, RoCompat};
use zerocopy::FromBytes;

/// What such a superblock says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalDevice {
    /// Bytes of a block.
    pub block_size: BlockSize,
    /// Blocks of the device.
    pub blocks_count: u64,
    /// The UUID by which file systems name their journal.
    pub uuid: [u8; 16],
}

impl JournalDevice {
    /// Bytes of the superblock.
    pub const SIZE: usize = crate::superblock::SUPERBLOCK_SIZE;

    /// Checks 1,024 bytes, 1,024 bytes into the device.
    ///
    /// # Errors
    /// [`CorruptKind::JournalSuperblock`] if it is no such superblock,
    /// [`CorruptKind::JournalChecksum`].
    pub fn parse(bytes: &[u8; Self::SIZE], at: Place) -> Result<Self, Corrupt> {
        let malformed = Corrupt::new(CorruptKind::JournalSuperblock, at);
        let raw = RawSuperblock::read_from_bytes(bytes).map_err(|_| malformed)?;
        let incompat = Incompat::from_bits(raw.feature_incompat.get());
        if raw.magic.get() != MAGIC || !incompat.contains(Incompat::JOURNAL_DEV) {
            return Err(malformed);
        }
        let ro_compat = RoCompat::from_bits(raw.feature_ro_compat.get());
        if ro_compat.contains(RoCompat::METADATA_CSUM) && checksum(&raw) != raw.checksum.get() {
            return Err(Corrupt::new(CorruptKind::JournalChecksum, at));
        }
        let block_size = BlockSize::from_log(raw.log_block_size.get()).ok_or(malformed)?;
        let high = match incompat.contains(Incompat::BIT64) {
            true => raw.blocks_count_hi.get(),
            false => 0,
        };
        let blocks_count = u64::from(high) << 32 | u64::from(raw.blocks_count_lo.get());
        Ok(Self { block_size, blocks_count, uuid: raw.uuid })
    }
}
