//! Mutual exclusion with a rank. A panic of the holder does not poison: the state that it leaves
//! must be valid at every await of the lock, as with any error return.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::Rank;
use crate::imp;
use crate::rank::{Held, Ranked};

/// A lock with one holder at a time.
pub struct Mutex<T> {
    order: Ranked,
    inner: imp::Mutex<T>,
}

/// Access to what a [`Mutex`] protects; dropping it unlocks.
#[must_use = "the lock is let go of at once if the guard is not kept"]
pub struct MutexGuard<'a, T> {
    pub(crate) inner: imp::MutexGuard<'a, T>,
    pub(crate) held: Held,
}

impl<T> Mutex<T> {
    /// A lock of `rank` around `value`.
    #[must_use]
    pub const fn new(rank: Rank, value: T) -> Self {
        Self { order: Ranked::new(rank), inner: imp::Mutex::new(value) }
    }

    /// Waits for the lock.
    ///
    /// # Panics
    /// With debug assertions, if the thread holds a lock of the same or a higher rank.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let held = self.order.take();
        MutexGuard { inner: self.inner.lock(), held }
    }

    /// Waits for the lock as the second of an ordered pair.
    #[track_caller]
    pub(crate) fn lock_second(&self) -> MutexGuard<'_, T> {
        let held = self.order.take_second();
        MutexGuard { inner: self.inner.lock(), held }
    }

    /// The lock if it is free. Any rank may be held: what does not wait cannot deadlock. Later
    /// locks are checked against this one like against any other.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let inner = self.inner.try_lock()?;
        Some(MutexGuard { inner, held: self.order.take_tried() })
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

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("rank", &self.order.rank()).finish_non_exhaustive()
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
