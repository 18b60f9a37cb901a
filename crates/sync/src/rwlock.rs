//! Many readers or one writer, with a rank.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::Rank;
use crate::imp;
use crate::rank::{Held, Ranked};

/// A lock with many readers or one writer.
pub struct RwLock<T> {
    order: Ranked,
    inner: imp::RwLock<T>,
}

/// Shared access to what a [`RwLock`] protects.
#[must_use = "the lock is let go of at once if the guard is not kept"]
pub struct RwLockReadGuard<'a, T> {
    inner: imp::RwLockReadGuard<'a, T>,
    _held: Held,
}

/// Exclusive access to what a [`RwLock`] protects.
#[must_use = "the lock is let go of at once if the guard is not kept"]
pub struct RwLockWriteGuard<'a, T> {
    inner: imp::RwLockWriteGuard<'a, T>,
    _held: Held,
}

impl<T> RwLock<T> {
    /// A lock of `rank` around `value`.
    #[must_use]
    pub const fn new(rank: Rank, value: T) -> Self {
        Self { order: Ranked::new(rank), inner: imp::RwLock::new(value) }
    }

    /// Waits for shared access. Not re-entrant, not even for readers.
    ///
    /// # Panics
    /// With debug assertions, if the thread holds a lock of the same or a higher rank.
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        let held = self.order.take();
        RwLockReadGuard { inner: self.inner.read(), _held: held }
    }

    /// Waits for exclusive access.
    ///
    /// # Panics
    /// With debug assertions, if the thread holds a lock of the same or a higher rank.
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        let held = self.order.take();
        RwLockWriteGuard { inner: self.inner.write(), _held: held }
    }

    /// Waits for exclusive access as the second of an ordered pair.
    #[track_caller]
    pub(crate) fn write_second(&self) -> RwLockWriteGuard<'_, T> {
        let held = self.order.take_second();
        RwLockWriteGuard { inner: self.inner.write(), _held: held }
    }

    /// Shared access if it can be had at once, whatever is held.
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        let inner = self.inner.try_read()?;
        Some(RwLockReadGuard { inner, _held: self.order.take_tried() })
    }

    /// Exclusive access if it can be had at once, whatever is held.
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        let inner = self.inner.try_write()?;
        Some(RwLockWriteGuard { inner, _held: self.order.take_tried() })
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

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("rank", &self.order.rank()).finish_non_exhaustive()
    }
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
