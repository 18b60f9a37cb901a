//! A device that counts what reaches it.

use extant_block::{Alignment, BlockDevice, DeviceError, WriteFlags};
use extant_sync::{Arc, Mutex, Rank};

/// Requests that reached the device, whether they succeeded or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Reads.
    pub reads: u64,
    /// Bytes of the reads.
    pub read_bytes: u64,
    /// Writes.
    pub writes: u64,
    /// Bytes of the writes.
    pub write_bytes: u64,
    /// Writes that were FUA, counted in `writes` too.
    pub fua_writes: u64,
    /// Flushes.
    pub flushes: u64,
    /// Discards.
    pub discards: u64,
    /// Writes of zeroes.
    pub zeroings: u64,
}

/// Counts requests and hands them on.
#[derive(Debug)]
pub struct CountingDevice {
    inner: Arc<dyn BlockDevice>,
    counts: Mutex<Counts>,
}

impl CountingDevice {
    /// Counts the requests to `inner`, from zero.
    #[must_use]
    pub fn new(inner: Arc<dyn BlockDevice>) -> Self {
        Self { inner, counts: Mutex::new(Rank::Leaf, Counts::default()) }
    }

    /// The counts since the start or the last [`Self::take`].
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    /// The counts so far; counting starts again from zero.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock())
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.counts.lock());
    }
}

impl BlockDevice for CountingDevice {
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
        self.count(|counts| {
            counts.reads += 1;
            counts.read_bytes += buf.len() as u64;
        });
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError> {
        self.count(|counts| {
            counts.writes += 1;
            counts.write_bytes += buf.len() as u64;
            counts.fua_writes += u64::from(flags.fua);
        });
        self.inner.write_at(buf, offset, flags)
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.count(|counts| counts.flushes += 1);
        self.inner.flush()
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.count(|counts| counts.discards += 1);
        self.inner.discard(offset, len)
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.count(|counts| counts.zeroings += 1);
        self.inner.write_zeroes(offset, len)
    }
}
