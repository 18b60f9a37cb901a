//! The explorer: shuttle's primitives, and ours built from them where it has none.
//!
//! Real locks and the standard thread-locals must not appear in what tests explore: all tasks
//! share one thread, so the first hangs for ever and the second leaks between tasks.

mod channel;
mod condvar;
mod lock;
mod once;
mod thread;
mod time;

pub(crate) use channel::{Receiver, Sender, bounded, unbounded};
pub(crate) use condvar::Condvar;
pub(crate) use lock::{
    Mutex, MutexGuard, RwLock, RwLock as Sharded, RwLockReadGuard,
    RwLockReadGuard as ShardedReadGuard, RwLockWriteGuard, RwLockWriteGuard as ShardedWriteGuard,
    Swap,
};
pub use once::OnceLock;
pub use shuttle::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, scope, spawn, yield_now};
#[cfg(debug_assertions)]
pub(crate) use thread::held_stack;
pub(crate) use thread::{available_parallelism, current_task_id};
pub use time::sleep;
pub(crate) use time::{entropy, monotonic, wall_clock};

pub(crate) mod atomic {
    //! Atomics at which the scheduler may switch.
    pub use shuttle::sync::atomic::{
        AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence,
    };
}
