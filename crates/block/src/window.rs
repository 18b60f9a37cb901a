//! A part of a device as a device: a partition, or a file system at an offset.

use extant_sync::Arc;

use crate::device::check_range;
use crate::{Alignment, BlockDevice, Completion, DeviceError, Operation, Request, WriteFlags};

/// `len` bytes of a device from `offset`. Offsets in [`DeviceError::Io`] and
/// [`DeviceError::Misaligned`] are those of the inner device.
#[derive(Debug)]
pub struct WindowDevice {
    inner: Arc<dyn BlockDevice>,
    offset: u64,
    len: u64,
}

impl WindowDevice {
    /// The window `offset..offset + len` of `inner`.
    ///
    /// # Errors
    /// [`DeviceError::OutOfRange`] if it is not inside `inner`; [`DeviceError::Misaligned`] if it
    /// does not start at a multiple of the alignment of `inner`: no request could be aligned.
    pub fn new(inner: Arc<dyn BlockDevice>, offset: u64, len: u64) -> Result<Self, DeviceError> {
        check_range(offset, len, inner.size_bytes())?;
        inner.alignment().check_range(offset, 0)?;
        Ok(Self { inner, offset, len })
    }

    /// Where the window starts in the inner device, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The offset in the inner device of a request that was checked to lie inside the window.
    fn place(&self, offset: u64, len: u64) -> Result<u64, DeviceError> {
        check_range(offset, len, self.len)?;
        Ok(self.offset + offset)
    }

    fn translate(&self, op: Operation) -> Result<Operation, DeviceError> {
        Ok(match op {
            Operation::Read { offset, buffer } => {
                Operation::Read { offset: self.place(offset, buffer.len() as u64)?, buffer }
            }
            Operation::Write { offset, buffer, flags } => {
                let offset = self.place(offset, buffer.len() as u64)?;
                Operation::Write { offset, buffer, flags }
            }
            Operation::Flush => Operation::Flush,
            Operation::Discard { offset, len } => {
                Operation::Discard { offset: self.place(offset, len)?, len }
            }
            Operation::WriteZeroes { offset, len } => {
                Operation::WriteZeroes { offset: self.place(offset, len)?, len }
            }
        })
    }
}

impl BlockDevice for WindowDevice {
    fn size_bytes(&self) -> u64 {
        self.len
    }

    fn alignment(&self) -> Alignment {
        self.inner.alignment()
    }

    fn write_granularity(&self) -> u32 {
        self.inner.write_granularity()
    }

    fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        let place = self.place(offset, buf.len() as u64)?;
        self.inner.read_at(buf, place)
    }

    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError> {
        let place = self.place(offset, buf.len() as u64)?;
        self.inner.write_at(buf, place, flags)
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.inner.flush()
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.inner.discard(self.place(offset, len)?, len)
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.inner.write_zeroes(self.place(offset, len)?, len)
    }

    /// Hands the whole batch on, except requests outside the window, which fail at once.
    fn submit(&self, batch: Vec<Request>, completion: Arc<dyn Completion>) {
        let mut inside = Vec::with_capacity(batch.len());
        for Request { tag, op } in batch {
            match self.translate(op) {
                Ok(op) => inside.push(Request { tag, op }),
                Err(e) => completion.complete(tag, Err(e)),
            }
        }
        self.inner.submit(inside, completion);
    }
}
