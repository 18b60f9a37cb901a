//! Atomic integers. Under the explorer every access is a point where another thread may run, and
//! every ordering acts as `SeqCst`: it finds races of logic, not of memory order.

pub use crate::imp::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence};
pub use std::sync::atomic::Ordering;
