//! Threads of the operating system, and what the facade keeps for each of them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Asked once: the answer costs the host a look at its control groups.
pub(crate) fn available_parallelism() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

pub(crate) fn current_task_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static ID: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A thread that is past its thread-local storage has no more tasks to tell apart.
    ID.try_with(|id| *id).unwrap_or(u64::MAX)
}

/// Calls `with` with this thread's stack of held ranks; `None` while the thread is torn down.
#[cfg(debug_assertions)]
pub(crate) fn held_stack<R>(with: impl FnOnce(&crate::rank::Stack) -> R) -> Option<R> {
    thread_local! {
        static HELD: crate::rank::Stack = const { std::cell::RefCell::new(Vec::new()) };
    }
    HELD.try_with(with).ok()
}
