//! A device that insists on alignment. Files accept anything and so hide mistakes.

use extant_block::{Alignment, BlockDevice, DeviceError, WriteFlags};
use extant_sync::Arc;
use extant_sync::atomic::{AtomicU64, Ordering};

/// Reports an alignment and refuses what breaks it.
#[derive(Debug)]
pub struct AlignmentCheckDevice {
    inner: Arc<dyn BlockDevice>,
    alignment: Alignment,
    panics: bool,
    violations: AtomicU64,
}

impl AlignmentCheckDevice {
    /// Refuses misaligned requests with [`DeviceError::Misaligned`]. Each part of `alignment` must
    /// be a power of two.
    #[must_use]
    pub fn new(inner: Arc<dyn BlockDevice>, alignment: Alignment) -> Self {
        Self { inner, alignment, panics: false, violations: AtomicU64::new(0) }
    }

    /// Panics at a misaligned request, so that a test fails where the mistake is.
    #[must_use]
    pub fn panicking(inner: Arc<dyn BlockDevice>, alignment: Alignment) -> Self {
        Self { panics: true, ..Self::new(inner, alignment) }
    }

    /// How many requests were misaligned so far.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    #[expect(clippy::panic, reason = "that is what `panicking` is for")]
    fn judge(&self, result: Result<(), DeviceError>) -> Result<(), DeviceError> {
        if let Err(e) = &result {
            self.violations.fetch_add(1, Ordering::Relaxed);
            if self.panics {
                panic!("misaligned request: {e}");
            }
        }
        result
    }
}

impl BlockDevice for AlignmentCheckDevice {
    fn size_bytes(&self) -> u64 {
        self.inner.size_bytes()
    }

    fn alignment(&self) -> Alignment {
        self.alignment
    }

    fn write_granularity(&self) -> u32 {
        self.alignment.offset.max(self.inner.write_granularity())
    }

    fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        self.judge(self.alignment.check(buf, offset))?;
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError> {
        self.judge(self.alignment.check(buf, offset))?;
        self.inner.write_at(buf, offset, flags)
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.inner.flush()
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.judge(self.alignment.check_range(offset, len))?;
        self.inner.discard(offset, len)
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.judge(self.alignment.check_range(offset, len))?;
        self.inner.write_zeroes(offset, len)
    }
}
