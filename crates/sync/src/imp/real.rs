//! The real thing: parking_lot, crossbeam, arc-swap and the standard library.

mod channel;
mod lock;
mod thread;
mod time;

pub(crate) use channel::{Receiver, Sender, bounded, unbounded};
pub(crate) use lock::{
    Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, Sharded,
    ShardedReadGuard, ShardedWriteGuard, Swap,
};
pub use std::sync::OnceLock;
pub use std::thread::{
    Builder, JoinHandle, Scope, ScopedJoinHandle, scope, sleep, spawn, yield_now,
};
#[cfg(debug_assertions)]
pub(crate) use thread::held_stack;
pub(crate) use thread::{available_parallelism, current_task_id};
pub(crate) use time::{entropy, monotonic, wall_clock};

pub(crate) mod atomic {
    //! The standard atomics.
    pub use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence};
}
