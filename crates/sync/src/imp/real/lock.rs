//! Locks without poisoning.

use std::sync::PoisonError;
use std::time::Duration;

use crossbeam::sync::ShardedLock;
pub(crate) use crossbeam::sync::{
    ShardedLockReadGuard as ShardedReadGuard, ShardedLockWriteGuard as ShardedWriteGuard,
};
pub(crate) use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::Arc;

/// A `parking_lot` condition with the facade's time-out answer.
#[derive(Default)]
pub(crate) struct Condvar(parking_lot::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(parking_lot::Condvar::new())
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.0.wait(guard);
    }

    pub(crate) fn wait_timeout<T>(&self, guard: &mut MutexGuard<'_, T>, limit: Duration) -> bool {
        self.0.wait_for(guard, limit).timed_out()
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A sharded reader-writer lock.
pub(crate) struct Sharded<T>(ShardedLock<T>);

impl<T> Sharded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ShardedLock::new(value))
    }

    pub(crate) fn read(&self) -> ShardedReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> ShardedWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_read(&self) -> Option<ShardedReadGuard<'_, T>> {
        use std::sync::TryLockError::{Poisoned, WouldBlock};
        match self.0.try_read() {
            Ok(guard) => Some(guard),
            Err(Poisoned(error)) => Some(error.into_inner()),
            Err(WouldBlock) => None,
        }
    }

    pub(crate) fn try_write(&self) -> Option<ShardedWriteGuard<'_, T>> {
        use std::sync::TryLockError::{Poisoned, WouldBlock};
        match self.0.try_write() {
            Ok(guard) => Some(guard),
            Err(Poisoned(error)) => Some(error.into_inner()),
            Err(WouldBlock) => None,
        }
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An exchangeable `Arc`.
pub(crate) struct Swap<T>(arc_swap::ArcSwap<T>);

impl<T> Swap<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(arc_swap::ArcSwap::new(value))
    }

    pub(crate) fn load(&self) -> Arc<T> {
        self.0.load_full()
    }

    pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.load())
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        self.0.store(value);
    }
}
