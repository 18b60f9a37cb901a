//! Threads: of the operating system, or tasks of the explorer.

pub use crate::imp::{
    Builder, JoinHandle, Scope, ScopedJoinHandle, scope, sleep, spawn, yield_now,
};

use std::io;

/// Starts a thread with a name that debuggers and panic messages show.
///
/// # Errors
/// The operating system can start no more threads.
pub fn spawn_named<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).spawn(run)
}

/// How many threads could run at once when this was first asked, at least 1. Two under the
/// explorer.
#[must_use]
pub fn available_parallelism() -> usize {
    crate::imp::available_parallelism()
}

/// A number that no two living threads share, for picking a shard. Small and dense: threads are
/// numbered in the order in which they first ask.
#[must_use]
pub fn current_task_id() -> u64 {
    crate::imp::current_task_id()
}
