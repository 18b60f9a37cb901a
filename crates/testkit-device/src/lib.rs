//! Devices for tests: each wraps another device (or is one) and shows a property that ordinary
//! storage hides.
//!
//! [`RecordingDevice`] logs what was written and when it became durable; [`FaultDevice`] fails
//! requests; [`LatencyDevice`] is slow; [`AlignmentCheckDevice`] insists on alignment as a disk
//! does; [`CountingDevice`] counts.

#![forbid(unsafe_code)]

mod alignment;
mod counting;
mod fault;
mod latency;
mod pages;
mod recording;

pub use alignment::AlignmentCheckDevice;
pub use counting::{CountingDevice, Counts};
pub use fault::{Fault, FaultDevice, Repeat};
pub use latency::{Latency, LatencyDevice};
pub use pages::{Fill, Snapshot};
pub use recording::{Durability, Event, RecordedOp, RecordingDevice, durability_at};
