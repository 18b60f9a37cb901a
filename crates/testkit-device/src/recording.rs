//! A device that records every change and when it was asked for and done: the base of crash
//! tests.
//!
//! Submission and completion are separate events, because durability depends on both: see
//! [`durability_at`]. Reads are not recorded.

use extant_block::{Alignment, BlockDevice, DeviceError, WriteFlags, check_range};
use extant_sync::{Arc, Mutex, Rank};

use crate::pages::{Fill, Snapshot};

/// A recorded change. Offsets and lengths are in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordedOp {
    /// A write.
    Write {
        /// Start.
        offset: u64,
        /// The bytes.
        data: Arc<[u8]>,
        /// Whether it was FUA.
        fua: bool,
    },
    /// A flush.
    Flush,
    /// A discard. The device zeroes the range; a disk may also leave it as it was.
    Discard {
        /// Start.
        offset: u64,
        /// Length.
        len: u64,
    },
    /// A write of zeroes.
    WriteZeroes {
        /// Start.
        offset: u64,
        /// Length.
        len: u64,
    },
}

/// One line of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A request arrived. Its position in the log is its name.
    Submit(RecordedOp),
    /// The request submitted at that position was done.
    Complete(usize),
}

#[derive(Debug)]
struct State {
    content: Snapshot,
    log: Vec<Event>,
}

/// A device in memory with a log of all changes since it was made or last cleared.
#[derive(Debug)]
pub struct RecordingDevice {
    size: u64,
    state: Mutex<State>,
}

impl RecordingDevice {
    /// `size` bytes that were never written: see [`Fill`].
    #[must_use]
    pub fn new(size: u64, fill: Fill) -> Self {
        Self::from_snapshot(Snapshot::new(size, fill))
    }

    /// A device with the given content and an empty log.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut content = Snapshot::new(bytes.len() as u64, Fill::Zero);
        content.write(bytes, 0);
        Self::from_snapshot(content)
    }

    /// A device that starts from a snapshot, with an empty log.
    #[must_use]
    pub fn from_snapshot(content: Snapshot) -> Self {
        let size = content.size();
        Self { size, state: Mutex::new(Rank::Leaf, State { content, log: Vec::new() }) }
    }

    /// The content now, with everything that was applied, durable or not.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.state.lock().content.clone()
    }

    /// A copy of the log (the bytes are shared).
    #[must_use]
    pub fn log(&self) -> Vec<Event> {
        self.state.lock().log.clone()
    }

    /// Empties the log and returns it, with the content it led to. Requests in flight would lose
    /// their submission: call it while there are none.
    pub fn take_log(&self) -> (Vec<Event>, Snapshot) {
        let mut state = self.state.lock();
        (std::mem::take(&mut state.log), state.content.clone())
    }

    fn record(&self, change: RecordedOp) {
        let op = change.clone();
        let position = {
            let mut state = self.state.lock();
            state.log.push(Event::Submit(change));
            state.log.len() - 1
        };
        let mut state = self.state.lock();
        op.apply(&mut state.content);
        state.log.push(Event::Complete(position));
    }
}

impl RecordedOp {
    fn apply(&self, content: &mut Snapshot) {
        match self {
            Self::Write { offset, data, .. } => content.write(data, *offset),
            Self::Flush => {}
            Self::Discard { offset, len } | Self::WriteZeroes { offset, len } => {
                content.zero(*offset, *len);
            }
        }
    }

    /// Applies the change to a snapshot: for building crash states from a log.
    #[must_use]
    pub fn applied_to(&self, mut content: Snapshot) -> Snapshot {
        self.apply(&mut content);
        content
    }
}

/// What a log promises at one point: positions of the submissions of writes, discards and writes
/// of zeroes, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Durability {
    /// On stable storage.
    pub durable: Vec<usize>,
    /// Submitted, perhaps completed, but a crash may lose them whole or in part.
    pub pending: Vec<usize>,
}

/// What is durable after the first `events` events of a log. A change is durable if it completed
/// before the submission of a flush that completed, or if it was a FUA write and completed.
#[must_use]
pub fn durability_at(log: &[Event], events: usize) -> Durability {
    let mut result = Durability::default();
    // For each submission in flight or pending: its position, and whether it has completed.
    let mut pending: Vec<(usize, bool)> = Vec::new();
    // For each flush in flight: its position and what it will make durable.
    let mut flushes: Vec<(usize, Vec<usize>)> = Vec::new();
    for (position, event) in log.iter().take(events).enumerate() {
        match event {
            Event::Submit(RecordedOp::Flush) => {
                let done = pending.iter().filter(|(_, done)| *done);
                flushes.push((position, done.map(|(at, _)| *at).collect()));
            }
            Event::Submit(_) => pending.push((position, false)),
            Event::Complete(of) => {
                let fua = matches!(log.get(*of), Some(Event::Submit(op)) if op.is_fua());
                let flush = flushes.iter().position(|(at, _)| at == of);
                let covered = flush.map(|i| flushes.swap_remove(i).1).unwrap_or_default();
                for entry in pending.iter_mut().filter(|(at, _)| at == of) {
                    entry.1 = true;
                }
                let is_durable = |at: &usize| covered.contains(at) || (fua && at == of);
                result.durable.extend(pending.iter().map(|(at, _)| *at).filter(is_durable));
                pending.retain(|(at, _)| !is_durable(at));
            }
        }
    }
    result.durable.sort_unstable();
    result.pending = pending.into_iter().map(|(at, _)| at).collect();
    result
}

impl RecordedOp {
    fn is_fua(&self) -> bool {
        matches!(self, Self::Write { fua: true, .. })
    }
}

impl BlockDevice for RecordingDevice {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn alignment(&self) -> Alignment {
        Alignment::NONE
    }

    fn write_granularity(&self) -> u32 {
        512
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        check_range(offset, buf.len() as u64, self.size)?;
        self.snapshot().read(buf, offset);
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError> {
        check_range(offset, buf.len() as u64, self.size)?;
        self.record(RecordedOp::Write { offset, data: buf.into(), fua: flags.fua });
        Ok(())
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.record(RecordedOp::Flush);
        Ok(())
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        check_range(offset, len, self.size)?;
        self.record(RecordedOp::Discard { offset, len });
        Ok(())
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        check_range(offset, len, self.size)?;
        self.record(RecordedOp::WriteZeroes { offset, len });
        Ok(())
    }
}
