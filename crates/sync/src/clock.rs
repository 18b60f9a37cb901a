//! Time: of the day for timestamps, and monotonic for time-outs.
//!
//! A test may [`freeze`] both for its process and [`advance`] them by hand. Under the explorer
//! time is made up, the same in each run of a schedule: every look at a clock moves it by a
//! microsecond, every time-out by its length.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::imp;

const NANOS_PER_SEC: u32 = 1_000_000_000;

/// A point in time: seconds since 1970-01-01T00:00:00Z, and nanoseconds below 10^9 after that
/// (also when the seconds are negative).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp {
    /// Whole seconds, rounded down.
    pub secs: i64,
    /// Nanoseconds, 0..10^9.
    pub nanos: u32,
}

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self { secs: 0, nanos: 0 };

    /// This point plus `span`, or the last point that can be told.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let sum = self.nanos.saturating_add(span.subsec_nanos());
        let (carry, nanos) = match sum.checked_sub(NANOS_PER_SEC) {
            Some(rest) => (1, rest),
            None => (0, sum),
        };
        Self {
            secs: self.secs.saturating_add_unsigned(span.as_secs()).saturating_add(carry),
            nanos,
        }
    }

    /// This point minus `span`, or the first point that can be told.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let (borrow, nanos) = match self.nanos.checked_sub(span.subsec_nanos()) {
            Some(rest) => (0, rest),
            None => (1, NANOS_PER_SEC.saturating_sub(span.subsec_nanos()) + self.nanos),
        };
        let secs = self.secs.saturating_sub_unsigned(span.as_secs()).saturating_sub(borrow);
        Self { secs, nanos }
    }
}

/// Both clocks stopped.
struct Frozen {
    wall: Timestamp,
    monotonic: Duration,
}

/// Spares every look at the clock the lock below.
static IS_FROZEN: AtomicBool = AtomicBool::new(false);
static FROZEN: Mutex<Option<Frozen>> = Mutex::new(None);

/// The time of the day.
#[must_use]
pub fn now() -> Timestamp {
    frozen(|frozen| frozen.wall).unwrap_or_else(imp::wall_clock)
}

/// Time since some moment before the first call in this process; never goes back.
#[must_use]
pub fn monotonic() -> Duration {
    frozen(|frozen| frozen.monotonic).unwrap_or_else(imp::monotonic)
}

/// For tests: stops both clocks of the process, the wall clock at `wall`, the other where it is.
pub fn freeze(wall: Timestamp) {
    let monotonic = monotonic();
    *state() = Some(Frozen { wall, monotonic });
    IS_FROZEN.store(true, Ordering::Release);
}

/// For tests: moves stopped clocks on. Does nothing if they run.
pub fn advance(span: Duration) {
    if let Some(frozen) = state().as_mut() {
        frozen.wall = frozen.wall.after(span);
        frozen.monotonic = frozen.monotonic.saturating_add(span);
    }
}

/// For tests: lets both clocks run again. The monotonic one may then go back to real time.
pub fn thaw() {
    IS_FROZEN.store(false, Ordering::Release);
    *state() = None;
}

fn frozen<R>(read: impl FnOnce(&Frozen) -> R) -> Option<R> {
    if IS_FROZEN.load(Ordering::Acquire) { state().as_ref().map(read) } else { None }
}

fn state() -> std::sync::MutexGuard<'static, Option<Frozen>> {
    FROZEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(extant_explore)))]
mod tests {
    use super::*;

    #[test]
    fn before_and_after_carry() {
        let start = Timestamp { secs: 1, nanos: 999_999_999 };
        let later = start.after(Duration::new(2, 2));
        assert_eq!(later, Timestamp { secs: 4, nanos: 1 });
        assert_eq!(later.before(Duration::new(2, 2)), start);
        let old = Timestamp::EPOCH.before(Duration::new(0, 1));
        assert_eq!(old, Timestamp { secs: -1, nanos: 999_999_999 });
        assert!(old < Timestamp::EPOCH);
    }

    #[test]
    fn ends_of_time_saturate() {
        let last = Timestamp { secs: i64::MAX, nanos: 5 };
        assert_eq!(last.after(Duration::MAX).secs, i64::MAX);
        assert_eq!(Timestamp { secs: i64::MIN, nanos: 0 }.before(Duration::MAX).secs, i64::MIN);
    }

    /// One test for all of freezing: it is global to the process.
    #[test]
    fn freeze_advance_thaw() {
        freeze(Timestamp { secs: 7, nanos: 1 });
        let start = monotonic();
        assert_eq!((now(), monotonic()), (Timestamp { secs: 7, nanos: 1 }, start));
        advance(Duration::from_secs(3));
        assert_eq!(now().secs, 10);
        assert_eq!(monotonic().checked_sub(start), Some(Duration::from_secs(3)));
        thaw();
        assert!(now().secs > 1_500_000_000, "real time is back");
        let (a, b) = (monotonic(), monotonic());
        assert!(a <= b);
    }
}
