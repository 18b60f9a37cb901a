//! A device in memory.

use std::fmt;

use extant_sync::{Rank, RwLock};

use crate::device::{check_range, to_usize};
use crate::{Alignment, BlockDevice, DeviceError, WriteFlags};

/// A device whose whole content is one vector. Writable; flush does nothing, a discarded range
/// reads as zeroes.
pub struct MemoryDevice {
    size: u64,
    bytes: RwLock<Vec<u8>>,
}

impl MemoryDevice {
    /// A device of `len` zero bytes.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self::from_vec(vec![0; len])
    }

    /// A device with the given content; its length is the size.
    #[must_use]
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Self { size: bytes.len() as u64, bytes: RwLock::new(Rank::Device, bytes) }
    }

    /// A copy of the whole content.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.read().clone()
    }

    /// Runs `change` on a range that was checked to lie inside the device.
    fn change(
        &self,
        offset: u64,
        len: u64,
        change: impl FnOnce(&mut [u8]),
    ) -> Result<(), DeviceError> {
        check_range(offset, len, self.size)?;
        let mut bytes = self.bytes.write();
        if let Some(range) = bytes.get_mut(to_usize(offset)..to_usize(offset + len)) {
            change(range);
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDevice").field("size", &self.size).finish()
    }
}

impl BlockDevice for MemoryDevice {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn alignment(&self) -> Alignment {
        Alignment::NONE
    }

    fn write_granularity(&self) -> u32 {
        1
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        let len = buf.len() as u64;
        check_range(offset, len, self.size)?;
        let bytes = self.bytes.read();
        if let Some(range) = bytes.get(to_usize(offset)..to_usize(offset + len)) {
            buf.copy_from_slice(range);
        }
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64, _: WriteFlags) -> Result<(), DeviceError> {
        self.change(offset, buf.len() as u64, |range| range.copy_from_slice(buf))
    }

    fn flush(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.write_zeroes(offset, len)
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.change(offset, len, |range| range.fill(0))
    }
}
