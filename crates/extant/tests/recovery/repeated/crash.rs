//! Devices whose changes go to one log, and what a crash at each point of it leaves.
//!
//! An epoch of a device ends with its flush, or with a write with FUA for that write alone. What
//! is not flushed may survive in any choice: here everything up to some write, all but one write,
//! one write alone, nothing; and of a write of several blocks its first half.

use std::sync::{Arc, Mutex};

use extant::device::{Alignment, BlockDevice, DeviceError, WriteFlags};
use extant_testkit_device::{RecordedOp, RecordingDevice, Snapshot};

/// A change and the number of its device.
pub(super) type Change = (usize, RecordedOp);
/// The content of all devices.
pub(super) type State = Vec<Snapshot>;

/// A device of several with a common log.
#[derive(Debug)]
struct Disk {
    number: usize,
    content: Mutex<Snapshot>,
    log: Arc<Mutex<Vec<Change>>>,
}

/// Devices with a common log.
pub(super) struct Disks {
    disks: Vec<Arc<Disk>>,
    log: Arc<Mutex<Vec<Change>>>,
}

pub(super) fn snapshot(bytes: &[u8]) -> Snapshot {
    RecordingDevice::from_bytes(bytes).snapshot()
}

impl Disks {
    pub(super) fn new(state: &[Snapshot]) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let disk = |(number, content): (usize, &Snapshot)| {
            let content = Mutex::new(content.clone());
            Arc::new(Disk { number, content, log: log.clone() })
        };
        Self { disks: state.iter().enumerate().map(disk).collect(), log }
    }

    pub(super) fn device(&self, number: usize) -> Option<Arc<dyn BlockDevice>> {
        Some(self.disks.get(number)?.clone())
    }

    pub(super) fn done(&self) -> (State, Vec<Change>) {
        let state = self.disks.iter().map(|disk| disk.content.lock().unwrap().clone());
        (state.collect(), self.log.lock().unwrap().clone())
    }
}

impl Disk {
    fn change(&self, op: RecordedOp) {
        let mut content = self.content.lock().unwrap();
        *content = op.applied_to(content.clone());
        self.log.lock().unwrap().push((self.number, op));
    }
}

impl BlockDevice for Disk {
    fn size_bytes(&self) -> u64 {
        self.content.lock().unwrap().size_bytes()
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
        let content = self.content.lock().unwrap().clone();
        content.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError> {
        self.change(RecordedOp::Write { offset, data: buf.into(), fua: flags.fua });
        Ok(())
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.change(RecordedOp::Flush);
        Ok(())
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.change(RecordedOp::Discard { offset, len });
        Ok(())
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.change(RecordedOp::WriteZeroes { offset, len });
        Ok(())
    }
}

/// What of the changes that are not durable a crash leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// All of them.
    All,
    /// None.
    None,
    /// One.
    Only(usize),
    /// All but one.
    Without(usize),
    /// All, and the first half of the change that comes next.
    Half,
}

/// A crash between two changes.
pub(super) struct Crash<'a> {
    /// How many changes had been made.
    pub(super) after: usize,
    pub(super) left: Left,
    durable: &'a [Snapshot],
    pending: &'a [&'a Change],
    half: Option<Change>,
}

impl Crash<'_> {
    /// What is on the devices afterwards.
    pub(super) fn state(&self) -> State {
        let mut state = self.durable.to_vec();
        for (n, change) in self.pending.iter().enumerate() {
            let survives = match self.left {
                Left::All | Left::Half => true,
                Left::None => false,
                Left::Only(one) => n == one,
                Left::Without(one) => n != one,
            };
            if survives {
                apply(&mut state, change);
            }
        }
        if let Some(half) = &self.half {
            apply(&mut state, half);
        }
        state
    }

    /// Nothing else than what was promised to be durable.
    pub(super) fn is_least(&self) -> bool {
        self.left == Left::None
    }
}

fn apply(state: &mut [Snapshot], (device, op): &Change) {
    state[*device] = op.applied_to(state[*device].clone());
}

/// Calls `look` with every crash while the changes `log` were made to `start`, the one before the
/// first of them included.
pub(super) fn crashes(start: &[Snapshot], log: &[Change], mut look: impl FnMut(&Crash<'_>)) {
    let mut durable = start.to_vec();
    let mut pending: Vec<&Change> = Vec::new();
    let mut crash = |after, left, durable: &[Snapshot], pending: &[&Change]| {
        look(&Crash { after, left, durable, pending, half: None });
    };
    crash(0, Left::None, &durable, &pending);
    for (number, change) in log.iter().enumerate() {
        let (device, after) = (change.0, number + 1);
        match &change.1 {
            RecordedOp::Flush => {
                for one in 0..pending.len() {
                    crash(number, Left::Only(one), &durable, &pending);
                    crash(number, Left::Without(one), &durable, &pending);
                }
                let done = pending.iter().filter(|pending| pending.0 == device);
                done.for_each(|done| apply(&mut durable, done));
                pending.retain(|pending| pending.0 != device);
                crash(after, Left::None, &durable, &pending);
            }
            RecordedOp::Write { fua: true, .. } => {
                apply(&mut durable, change);
                crash(after, Left::None, &durable, &pending);
            }
            _ => {
                pending.push(change);
                crash(after, Left::All, &durable, &pending);
            }
        }
    }
    halves(start, log, look);
}

/// The crashes in the midst of writes of several blocks, all before them written.
fn halves(start: &[Snapshot], log: &[Change], mut look: impl FnMut(&Crash<'_>)) {
    let mut durable = start.to_vec();
    for (after, change) in log.iter().enumerate() {
        if let RecordedOp::Write { offset, data, fua } = &change.1
            && data.len() >= 8192
        {
            let data = data[..data.len() / 8192 * 4096].into();
            let half = RecordedOp::Write { offset: *offset, data, fua: *fua };
            let half = Some((change.0, half));
            look(&Crash { after, left: Left::Half, durable: &durable, pending: &[], half });
        }
        apply(&mut durable, change);
    }
}
