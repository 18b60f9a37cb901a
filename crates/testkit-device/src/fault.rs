//! A device that fails requests on demand.

use std::io;
use std::ops::Range;

use extant_block::{Alignment, BlockDevice, DeviceError, DeviceOp, WriteFlags};
use extant_sync::{Arc, Mutex, Rank};

/// How often a fault strikes once it is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    /// One request fails.
    Once,
    /// That request fails and every matching one after it.
    Sticky,
}

/// Which requests fail with an I/O error, without effect on the storage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Kind of request.
    pub op: DeviceOp,
    /// Only requests that touch these bytes; `None` for all. Flushes touch everything.
    pub range: Option<Range<u64>>,
    /// How many matching requests succeed first.
    pub skip: u64,
    /// How often it strikes.
    pub repeat: Repeat,
}

impl Fault {
    /// Every request of a kind fails from now on.
    #[must_use]
    pub fn always(op: DeviceOp) -> Self {
        Self { op, range: None, skip: 0, repeat: Repeat::Sticky }
    }

    /// One request of a kind fails after `skip` that do not.
    #[must_use]
    pub fn once_after(op: DeviceOp, skip: u64) -> Self {
        Self { op, range: None, skip, repeat: Repeat::Once }
    }

    /// Only requests that touch these bytes.
    #[must_use]
    pub fn in_range(self, range: Range<u64>) -> Self {
        Self { range: Some(range), ..self }
    }

    fn matches(&self, op: DeviceOp, offset: u64, len: u64) -> bool {
        let touches = |range: &Range<u64>| {
            op == DeviceOp::Flush
                || (offset < range.end && offset.saturating_add(len) > range.start)
        };
        self.op == op && self.range.as_ref().is_none_or(touches)
    }
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    injected: u64,
    /// Bytes at and past this are gone.
    shrunk_to: Option<u64>,
}

impl State {
    /// Whether this request fails. Every fault that matches counts it; one that has struck for
    /// the last time is removed.
    fn strikes(&mut self, op: DeviceOp, offset: u64, len: u64) -> bool {
        let mut strikes = self.shrunk_to.is_some_and(|size| offset.saturating_add(len) > size);
        self.faults.retain_mut(|fault| {
            if !fault.matches(op, offset, len) {
                return true;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return true;
            }
            strikes = true;
            fault.repeat == Repeat::Sticky
        });
        self.injected += u64::from(strikes);
        strikes
    }
}

/// Hands requests on except those that a [`Fault`] strikes: they fail with `EIO`.
#[derive(Debug)]
pub struct FaultDevice {
    inner: Arc<dyn BlockDevice>,
    state: Mutex<State>,
}

impl FaultDevice {
    /// Without any fault yet.
    #[must_use]
    pub fn new(inner: Arc<dyn BlockDevice>) -> Self {
        Self { inner, state: Mutex::new(Rank::Leaf, State::default()) }
    }

    /// Adds a fault; it counts requests from now on.
    pub fn inject(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// Removes all faults; a shrunk device has its size again.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.faults.clear();
        state.shrunk_to = None;
    }

    /// From now on every request that reaches past `size` fails, as when the file behind an image
    /// is truncated. [`BlockDevice::size_bytes`] stays as it was.
    pub fn shrink_to(&self, size: u64) {
        self.state.lock().shrunk_to = Some(size);
    }

    /// How many requests were failed so far. A loop that fails the n-th request ends when a run
    /// leaves this unchanged.
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.state.lock().injected
    }

    fn gate(&self, op: DeviceOp, offset: u64, len: u64) -> Result<(), DeviceError> {
        const EIO: i32 = 5;
        if self.state.lock().strikes(op, offset, len) {
            return Err(DeviceError::io(op, offset, len, io::Error::from_raw_os_error(EIO)));
        }
        Ok(())
    }
}

impl BlockDevice for FaultDevice {
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
        self.gate(DeviceOp::Read, offset, buf.len() as u64)?;
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError> {
        self.gate(DeviceOp::Write, offset, buf.len() as u64)?;
        self.inner.write_at(buf, offset, flags)
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.gate(DeviceOp::Flush, 0, 0)?;
        self.inner.flush()
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.gate(DeviceOp::Discard, offset, len)?;
        self.inner.discard(offset, len)
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.gate(DeviceOp::WriteZeroes, offset, len)?;
        self.inner.write_zeroes(offset, len)
    }
}
