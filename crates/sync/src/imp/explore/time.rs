//! Made-up time and randomness that are part of the schedule.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shuttle::rand::RngCore;

use crate::clock::Timestamp;

/// 2026-01-01T00:00:00Z, the start of each execution's time.
const START: Timestamp = Timestamp { secs: 1_767_225_600, nanos: 0 };

/// How far one look at a clock moves it.
const LOOK: Duration = Duration::from_micros(1);

shuttle::lazy_static! {
    /// Time since the start of the execution. A real lock that is never held over a switch.
    static ref ELAPSED: Mutex<Duration> = Mutex::new(Duration::ZERO);
}

pub(crate) fn advance(span: Duration) -> Duration {
    let mut elapsed = ELAPSED.lock().unwrap_or_else(PoisonError::into_inner);
    *elapsed = elapsed.saturating_add(span);
    *elapsed
}

pub(crate) fn wall_clock() -> Timestamp {
    START.after(advance(LOOK))
}

pub(crate) fn monotonic() -> Duration {
    advance(LOOK)
}

/// Lets others run; time moves on by `span`.
pub fn sleep(span: Duration) {
    advance(span);
    shuttle::thread::yield_now();
}

pub(crate) fn entropy(bytes: &mut [u8]) -> io::Result<()> {
    shuttle::rand::thread_rng().fill_bytes(bytes);
    Ok(())
}

/// True once in `n` times, as the schedule has it.
pub(super) fn one_in(n: u64) -> bool {
    shuttle::rand::thread_rng().next_u64().checked_rem(n) == Some(0)
}
