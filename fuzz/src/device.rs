//! A device in memory with fuel: an execution may read so much and no more.
//!
//! The bound grows with what the device really has, not with what the image claims. A write to a
//! device that was opened for reading is a find, too. What an execution does is a series of phases,
//! each with the fuel of a whole device.

use std::fmt;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use extant_block::{Alignment, BlockDevice, DeviceError, WriteFlags, check_range};

/// What an execution may ask of its device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fuel {
    /// Bytes read, at most.
    pub bytes: u64,
    /// Requests, at most.
    pub requests: u64,
}

impl Fuel {
    /// The fuel for an image of `size` bytes: each byte may be read some dozen times (a block is
    /// read by several paths, and twice where the cache is full), and each kilobyte asked for as
    /// often, above a constant for tiny images.
    #[must_use]
    pub const fn for_size(size: u64) -> Self {
        Self { bytes: 24 * size + (16 << 20), requests: 24 * (size >> 10) + (16 << 10) }
    }
}

/// The device: whole content in one vector. A write is a panic unless the
/// [phase](Self::begin_phase) allows it.
pub struct FuelDevice {
    size: u64,
    bytes: RwLock<Vec<u8>>,
    fuel: Fuel,
    used_bytes: AtomicU64,
    used_requests: AtomicU64,
    writes: AtomicU64,
    writable: AtomicBool,
}

impl FuelDevice {
    /// A device of `bytes` with the [fuel](Fuel::for_size) for its size.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        let size = bytes.len() as u64;
        Self {
            size,
            bytes: RwLock::new(bytes),
            fuel: Fuel::for_size(size),
            used_bytes: AtomicU64::new(0),
            used_requests: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            writable: AtomicBool::new(false),
        }
    }

    /// Fills the fuel up again; from now on writes are allowed or not.
    pub fn begin_phase(&self, writable: bool) {
        for meter in [&self.used_bytes, &self.used_requests, &self.writes] {
            meter.store(0, Ordering::Relaxed);
        }
        self.writable.store(writable, Ordering::Relaxed);
    }

    /// Writes since the phase began.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// A copy of the content, which takes no fuel.
    pub fn copy_to(&self, copy: &mut Vec<u8>) {
        copy.clear();
        if let Ok(bytes) = self.bytes.read() {
            copy.extend_from_slice(&bytes);
        }
    }

    /// Takes the content away, to be used again.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.bytes.write().map(|mut bytes| std::mem::take(&mut *bytes)).unwrap_or_default()
    }

    /// Bytes and requests since the phase began.
    #[must_use]
    pub fn used(&self) -> Fuel {
        Fuel {
            bytes: self.used_bytes.load(Ordering::Relaxed),
            requests: self.used_requests.load(Ordering::Relaxed),
        }
    }

    fn burn(&self, len: u64) {
        let bytes = self.used_bytes.fetch_add(len, Ordering::Relaxed) + len;
        let requests = self.used_requests.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(
            bytes <= self.fuel.bytes && requests <= self.fuel.requests,
            "out of fuel: {bytes} bytes in {requests} requests, of {:?}",
            self.fuel
        );
    }

    fn change(
        &self,
        offset: u64,
        len: u64,
        set: impl FnOnce(&mut [u8]),
    ) -> Result<(), DeviceError> {
        assert!(!self.is_read_only(), "opened for reading, {len} bytes written at {offset}");
        self.burn(len);
        self.writes.fetch_add(1, Ordering::Relaxed);
        assert!(check_range(offset, len, self.size).is_ok(), "{len} bytes written at {offset}");
        if let Ok(mut bytes) = self.bytes.write()
            && let Some(range) = bytes.get_mut(range(offset, len))
        {
            set(range);
        }
        Ok(())
    }
}

fn range(offset: u64, len: u64) -> std::ops::Range<usize> {
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    at..at.saturating_add(usize::try_from(len).unwrap_or(usize::MAX))
}

impl fmt::Debug for FuelDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FuelDevice").field("size", &self.size).finish_non_exhaustive()
    }
}

impl BlockDevice for FuelDevice {
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
        !self.writable.load(Ordering::Relaxed)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        let len = buf.len() as u64;
        self.burn(len);
        // Callers check their bounds; one that does not is a find, for all that it gets an error.
        assert!(check_range(offset, len, self.size).is_ok(), "{len} bytes read at {offset}");
        if let Ok(bytes) = self.bytes.read()
            && let Some(from) = bytes.get(range(offset, len))
        {
            buf.copy_from_slice(from);
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
