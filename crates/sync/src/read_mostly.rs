//! Many readers or one writer, for what is read all the time and hardly ever written.
//!
//! The lock is split into shards, each on cache lines of its own; a reader takes the one of its
//! thread, a writer takes all. So readers on different cores write no cache line in common, and
//! a write costs eight locks.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::Rank;
use crate::imp;
use crate::rank::{Held, Ranked};

/// A lock whose readers do not slow one another down.
pub struct ReadMostly<T> {
    order: Ranked,
    inner: imp::Sharded<T>,
}

/// Shared access to what a [`ReadMostly`] protects.
#[must_use = "the lock is let go of at once if the guard is not kept"]
pub struct ReadMostlyReadGuard<'a, T> {
    inner: imp::ShardedReadGuard<'a, T>,
    _held: Held,
}

/// Exclusive access to what a [`ReadMostly`] protects.
#[must_use = "the lock is let go of at once if the guard is not kept"]
pub struct ReadMostlyWriteGuard<'a, T> {
    inner: imp::ShardedWriteGuard<'a, T>,
    _held: Held,
}

impl<T> ReadMostly<T> {
    /// A lock of `rank` around `value`.
    #[must_use]
    pub fn new(rank: Rank, value: T) -> Self {
        Self { order: Ranked::new(rank), inner: imp::Sharded::new(value) }
    }

    /// Waits for shared access. Not re-entrant, not even for readers.
    ///
    /// # Panics
    /// With debug assertions, if the thread holds a lock of the same or a higher rank.
    #[track_caller]
    pub fn read(&self) -> ReadMostlyReadGuard<'_, T> {
        let held = self.order.take();
        ReadMostlyReadGuard { inner: self.inner.read(), _held: held }
    }

    /// Waits for exclusive access.
    ///
    /// # Panics
    /// With debug assertions, if the thread holds a lock of the same or a higher rank.
    #[track_caller]
    pub fn write(&self) -> ReadMostlyWriteGuard<'_, T> {
        let held = self.order.take();
        ReadMostlyWriteGuard { inner: self.inner.write(), _held: held }
    }

    /// Shared access if it can be had at once, whatever is held.
    #[track_caller]
    pub fn try_read(&self) -> Option<ReadMostlyReadGuard<'_, T>> {
        let inner = self.inner.try_read()?;
        Some(ReadMostlyReadGuard { inner, _held: self.order.take_tried() })
    }

    /// Exclusive access if it can be had at once, whatever is held.
    #[track_caller]
    pub fn try_write(&self) -> Option<ReadMostlyWriteGuard<'_, T>> {
        let inner = self.inner.try_write()?;
        Some(ReadMostlyWriteGuard { inner, _held: self.order.take_tried() })
    }

    /// The value, which nobody else can have while `self` is borrowed mutably.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    /// The value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T> fmt::Debug for ReadMostly<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadMostly").field("rank", &self.order.rank()).finish_non_exhaustive()
    }
}

impl<T> Deref for ReadMostlyReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> Deref for ReadMostlyWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for ReadMostlyWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
