//! The one door to storage: the device trait, its requests, and how they are checked.

use std::fmt;

use extant_sync::Arc;

use crate::{AlignedBuffer, DeviceError, WriteFlags};

/// What a device demands of every request. Both numbers are powers of two; 1 means anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Alignment {
    /// Offsets and lengths are multiples of this many bytes.
    pub offset: u32,
    /// Buffer addresses are multiples of this many bytes.
    pub memory: u32,
}

impl Alignment {
    /// No demands.
    pub const NONE: Self = Self { offset: 1, memory: 1 };

    /// Checks a request without a buffer.
    ///
    /// # Errors
    /// [`DeviceError::Misaligned`].
    pub fn check_range(self, offset: u64, len: u64) -> Result<(), DeviceError> {
        if (offset | len) & u64::from(self.offset.saturating_sub(1)) == 0 {
            return Ok(());
        }
        Err(DeviceError::Misaligned { offset, len, alignment: self.offset })
    }

    /// Checks a request with its buffer.
    ///
    /// # Errors
    /// [`DeviceError::Misaligned`], naming the alignment that is broken.
    pub fn check(self, buffer: &[u8], offset: u64) -> Result<(), DeviceError> {
        let len = buffer.len() as u64;
        self.check_range(offset, len)?;
        if (buffer.as_ptr().addr() as u64).is_multiple_of(u64::from(self.memory.max(1))) {
            return Ok(());
        }
        Err(DeviceError::Misaligned { offset, len, alignment: self.memory })
    }
}

/// Storage of a fixed size, addressed in bytes. All methods may be called from many threads;
/// requests that overlap in time and range have no defined order.
///
/// No implementation ever reads, changes and writes back more than it was asked to write.
pub trait BlockDevice: Send + Sync + fmt::Debug {
    /// Size in bytes. Does not change while the device is open.
    fn size_bytes(&self) -> u64;

    /// What requests must be aligned to.
    fn alignment(&self) -> Alignment;

    /// The smallest unit in bytes that can be written without touching its neighbours.
    fn write_granularity(&self) -> u32;

    /// Whether every change is refused with [`DeviceError::ReadOnly`].
    fn is_read_only(&self) -> bool;

    /// Fills `buf` with the bytes from `offset`, whole or not at all (after an error the content
    /// of `buf` means nothing).
    ///
    /// # Errors
    /// [`DeviceError::OutOfRange`], [`DeviceError::Misaligned`], [`DeviceError::Io`].
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError>;

    /// Writes all of `buf` at `offset`. After an error any part may have been written.
    ///
    /// # Errors
    /// As `read_at`, and [`DeviceError::ReadOnly`].
    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError>;

    /// Makes every write that completed before this call durable.
    ///
    /// # Errors
    /// [`DeviceError::Io`]: then nothing before it counts as durable, and trying again does not
    /// bring it back. Never fails on a read-only device.
    fn flush(&self) -> Result<(), DeviceError>;

    /// Says that the content of a range is no longer needed. Afterwards it may read as zeroes or
    /// as before. A device that cannot do it answers `Ok`.
    ///
    /// # Errors
    /// As `write_at`.
    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError>;

    /// Makes a range read as zeroes.
    ///
    /// # Errors
    /// As `write_at`.
    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError>;

    /// Hands over requests. Each is completed exactly once, perhaps before this returns and
    /// perhaps on another thread, in any order. This default runs them one after another.
    fn submit(&self, batch: Vec<Request>, completion: Arc<dyn Completion>) {
        for request in batch {
            let tag = request.tag;
            completion.complete(tag, request.op.run(self));
        }
    }
}

/// One request of a batch.
#[derive(Debug)]
pub struct Request {
    /// The submitter's name for it, given back on completion.
    pub tag: u64,
    /// What to do.
    pub op: Operation,
}

/// What a request does. Offsets and lengths are in bytes.
#[derive(Debug)]
pub enum Operation {
    /// Fill the buffer from `offset`.
    Read {
        /// Start.
        offset: u64,
        /// Destination; its length is the length of the read.
        buffer: AlignedBuffer,
    },
    /// Write the buffer at `offset`.
    Write {
        /// Start.
        offset: u64,
        /// Source; its length is the length of the write.
        buffer: AlignedBuffer,
        /// Durability.
        flags: WriteFlags,
    },
    /// Make all completed writes durable.
    Flush,
    /// See [`BlockDevice::discard`].
    Discard {
        /// Start.
        offset: u64,
        /// Length.
        len: u64,
    },
    /// See [`BlockDevice::write_zeroes`].
    WriteZeroes {
        /// Start.
        offset: u64,
        /// Length.
        len: u64,
    },
}

impl Operation {
    /// Runs the operation through the blocking methods of `device` and gives its buffer back. The
    /// buffer of a request that failed is dropped.
    ///
    /// # Errors
    /// Those of the method.
    pub fn run<D: BlockDevice + ?Sized>(
        self,
        device: &D,
    ) -> Result<Option<AlignedBuffer>, DeviceError> {
        match self {
            Self::Read { offset, mut buffer } => {
                device.read_at(&mut buffer, offset)?;
                Ok(Some(buffer))
            }
            Self::Write { offset, buffer, flags } => {
                device.write_at(&buffer, offset, flags)?;
                Ok(Some(buffer))
            }
            Self::Flush => device.flush().map(|()| None),
            Self::Discard { offset, len } => device.discard(offset, len).map(|()| None),
            Self::WriteZeroes { offset, len } => device.write_zeroes(offset, len).map(|()| None),
        }
    }
}

/// Where the results of a batch go.
pub trait Completion: Send + Sync {
    /// Called once for every request, with its tag and the buffer it came with (reads and writes
    /// that succeeded). Must not block, and must not take a lock that is held over `submit`.
    fn complete(&self, tag: u64, result: Result<Option<AlignedBuffer>, DeviceError>);
}

/// Checks that `len` bytes at `offset` lie inside a device of `size` bytes.
///
/// # Errors
/// [`DeviceError::OutOfRange`], also when the end does not fit 64 bits.
pub fn check_range(offset: u64, len: u64, size: u64) -> Result<(), DeviceError> {
    match offset.checked_add(len) {
        Some(end) if end <= size => Ok(()),
        _ => Err(DeviceError::OutOfRange { offset, len, size }),
    }
}

/// Converts a length that is already bounded to `usize`. Lossless: only 64-bit targets.
pub(crate) const fn to_usize(n: u64) -> usize {
    const { assert!(size_of::<usize>() >= 8, "64-bit targets only") };
    #[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits here")]
    let n = n as usize;
    n
}
