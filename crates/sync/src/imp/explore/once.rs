//! A cell that is written once, whose initialiser may be interrupted by other tasks.

use std::fmt;
use std::sync;

use super::lock::Mutex;

/// Like [`std::sync::OnceLock`], of which it has the methods that the facade promises.
pub struct OnceLock<T> {
    /// Held while an initialiser runs.
    filling: Mutex<()>,
    value: sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    /// An empty cell.
    #[must_use]
    pub const fn new() -> Self {
        Self { filling: Mutex::new(()), value: sync::OnceLock::new() }
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value for changing, if it is there.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Fills the cell.
    ///
    /// # Errors
    /// The value back, if there is one already.
    pub fn set(&self, value: T) -> Result<(), T> {
        let _filling = self.filling.lock();
        self.value.set(value)
    }

    /// The value, made by `make` if it is not there yet. Only one task makes it.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.value.get() {
            return value;
        }
        let _filling = self.filling.lock();
        if let Some(value) = self.value.get() {
            return value;
        }
        let made = make();
        self.value.get_or_init(|| made)
    }

    /// The value, if it is there.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceLock").field(&self.get()).finish()
    }
}
