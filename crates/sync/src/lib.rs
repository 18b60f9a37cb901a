//! Locks with ranks, channels, threads, clock and randomness: the one door to concurrency.
//!
//! Everything that blocks, races or varies from run to run goes through this crate, so that it can
//! be one of two things under the same API: the real thing (the default), or a schedule explorer
//! (`RUSTFLAGS="--cfg extant_explore"` with a target folder of its own) that runs all threads of
//! a test on one, switches between them where it likes, and can replay what it found.
//!
//! Every lock has a [`Rank`]. Builds with debug assertions panic when a lock is taken whose rank
//! is not above all ranks the thread already holds, so no test can pass with a possible deadlock
//! of two locks in it, however rare.
#![forbid(unsafe_code)]

pub mod atomic;
pub mod channel;
pub mod clock;
mod condvar;
mod imp;
mod mutex;
mod pair;
pub mod random;
mod rank;
mod read_mostly;
mod rwlock;
mod sharded_cache;
mod swap;
pub mod thread;

#[cfg(extant_explore)]
pub mod explore;

pub use condvar::Condvar;
pub use imp::OnceLock;
pub use mutex::{Mutex, MutexGuard};
pub use pair::{lock_pair, lock_pair_keyed, write_pair, write_pair_keyed};
pub use rank::Rank;
pub use read_mostly::{ReadMostly, ReadMostlyReadGuard, ReadMostlyWriteGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use sharded_cache::{ShardedCache, hash_number};
pub use std::sync::{Arc, Weak};
pub use swap::Swap;
