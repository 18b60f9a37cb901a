//! A condition that also wakes for nothing, as real ones may and shuttle's never does.

use std::sync::PoisonError;
use std::time::Duration;

use shuttle::sync;

use super::lock::MutexGuard;
use super::time;

/// One wait in so many returns without a notification.
const SPURIOUS_IN: u64 = 10;

#[derive(Default)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(sync::Condvar::new())
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        if time::one_in(SPURIOUS_IN) {
            guard.let_go_for(shuttle::thread::yield_now);
        } else {
            guard.replace(|inner| self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Returns early with and without time-out alike: a notification may always come too late.
    pub(crate) fn wait_timeout<T>(&self, guard: &mut MutexGuard<'_, T>, limit: Duration) -> bool {
        guard.let_go_for(shuttle::thread::yield_now);
        let timed_out = time::one_in(2);
        if timed_out {
            time::advance(limit);
        }
        timed_out
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
