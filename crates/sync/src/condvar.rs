//! Waiting for a condition under a [`Mutex`](crate::Mutex).
//!
//! Waits may return early without a notification (under the explorer one in ten does), so the
//! condition is always looked at again in a loop.

use std::time::Duration;

use crate::MutexGuard;
use crate::imp;

/// A queue of threads that wait for a condition.
#[derive(Default)]
pub struct Condvar {
    inner: imp::Condvar,
}

impl Condvar {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { inner: imp::Condvar::new() }
    }

    /// Unlocks, waits for a notification (or nothing: see above), and locks again.
    ///
    /// # Panics
    /// With debug assertions, if the thread holds a lock of a higher rank than the guard's.
    #[track_caller]
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.held.must_be_innermost();
        self.inner.wait(&mut guard.inner);
    }

    /// The same for at most `timeout`; true if that is why it returned. Under the explorer this
    /// never waits for good: it lets others run and returns, timed out or not.
    ///
    /// # Panics
    /// With debug assertions, if the thread holds a lock of a higher rank than the guard's.
    #[track_caller]
    pub fn wait_timeout<T>(&self, guard: &mut MutexGuard<'_, T>, timeout: Duration) -> bool {
        guard.held.must_be_innermost();
        self.inner.wait_timeout(&mut guard.inner, timeout)
    }

    /// Wakes one waiting thread, if there is one.
    pub fn notify_one(&self) {
        self.inner.notify_one();
    }

    /// Wakes all waiting threads.
    pub fn notify_all(&self) {
        self.inner.notify_all();
    }
}

impl std::fmt::Debug for Condvar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Condvar")
    }
}
