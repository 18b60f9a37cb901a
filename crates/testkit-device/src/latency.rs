//! A slow device.

use std::time::Duration;

use extant_block::{Alignment, BlockDevice, DeviceError, WriteFlags};
use extant_sync::{Arc, thread};

/// How long each request takes at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Latency {
    /// A read.
    pub read: Duration,
    /// A write, a discard or a write of zeroes.
    pub write: Duration,
    /// A flush, and what FUA adds to a write.
    pub flush: Duration,
}

/// Waits before it hands a request on; requests from several threads wait at the same time, as
/// in the queue of a disk.
#[derive(Debug)]
pub struct LatencyDevice {
    inner: Arc<dyn BlockDevice>,
    latency: Latency,
}

impl LatencyDevice {
    /// Makes `inner` slow.
    #[must_use]
    pub fn new(inner: Arc<dyn BlockDevice>, latency: Latency) -> Self {
        Self { inner, latency }
    }
}

fn wait(time: Duration) {
    if !time.is_zero() {
        thread::sleep(time);
    }
}

impl BlockDevice for LatencyDevice {
    fn size_bytes(&self) -> u64 {
        self.inner.size_bytes()
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
        wait(self.latency.read);
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError> {
        let extra = if flags.fua { self.latency.flush } else { Duration::ZERO };
        wait(self.latency.write.saturating_add(extra));
        self.inner.write_at(buf, offset, flags)
    }

    fn flush(&self) -> Result<(), DeviceError> {
        wait(self.latency.flush);
        self.inner.flush()
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        wait(self.latency.write);
        self.inner.discard(offset, len)
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        wait(self.latency.write);
        self.inner.write_zeroes(offset, len)
    }
}
