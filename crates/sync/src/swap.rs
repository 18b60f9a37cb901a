//! A shared value that is replaced as a whole: readers never wait and keep what they loaded.

use std::fmt;

use crate::{Arc, imp};

/// An `Arc<T>` that can be exchanged while others read it. Taking it needs no lock and no rank.
pub struct Swap<T> {
    inner: imp::Swap<T>,
}

impl<T> Swap<T> {
    /// Starts as `value`.
    #[must_use]
    pub fn new(value: Arc<T>) -> Self {
        Self { inner: imp::Swap::new(value) }
    }

    /// The current value, to keep.
    #[must_use]
    pub fn load(&self) -> Arc<T> {
        self.inner.load()
    }

    /// Calls `look` with the current value without touching its reference count, which threads
    /// share; for hot paths. `look` must not block.
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.inner.peek(look)
    }

    /// Replaces the value; those who loaded the old one keep it.
    pub fn store(&self, value: Arc<T>) {
        self.inner.store(value);
    }
}

impl<T: fmt::Debug> fmt::Debug for Swap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Swap").field(&self.load()).finish()
    }
}
