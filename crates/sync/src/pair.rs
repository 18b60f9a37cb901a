//! Two locks of equal rank, in an order that every thread agrees on: the only way to hold both.

use crate::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};

/// Takes two different mutexes of one rank in the order of their addresses. The guards come back
/// in the order of the arguments.
///
/// # Panics
/// With debug assertions, if both are the same lock or the ranks are out of order.
#[track_caller]
pub fn lock_pair<'a, T>(
    a: &'a Mutex<T>,
    b: &'a Mutex<T>,
) -> (MutexGuard<'a, T>, MutexGuard<'a, T>) {
    lock_pair_keyed((a, address(a)), (b, address(b)))
}

/// Takes two different mutexes of one rank in the order of the keys beside them. Keys must differ
/// and stay with their lock for its whole life (a group number, an inode number).
///
/// # Panics
/// With debug assertions, if the keys are equal or the ranks are out of order.
#[track_caller]
pub fn lock_pair_keyed<'a, T, K: Ord + Copy>(
    a: (&'a Mutex<T>, K),
    b: (&'a Mutex<T>, K),
) -> (MutexGuard<'a, T>, MutexGuard<'a, T>) {
    must_differ(&a.1, &b.1);
    if a.1 < b.1 {
        let first = a.0.lock();
        let second = b.0.lock_second();
        (first, second)
    } else {
        let first = b.0.lock();
        let second = a.0.lock_second();
        (second, first)
    }
}

/// Takes two different locks of one rank for writing, in the order of their addresses. The guards
/// come back in the order of the arguments.
///
/// # Panics
/// With debug assertions, if both are the same lock or the ranks are out of order.
#[track_caller]
pub fn write_pair<'a, T>(
    a: &'a RwLock<T>,
    b: &'a RwLock<T>,
) -> (RwLockWriteGuard<'a, T>, RwLockWriteGuard<'a, T>) {
    write_pair_keyed((a, address(a)), (b, address(b)))
}

/// [`lock_pair_keyed`] for two locks to be written.
///
/// # Panics
/// With debug assertions, if the keys are equal or the ranks are out of order.
#[track_caller]
pub fn write_pair_keyed<'a, T, K: Ord + Copy>(
    a: (&'a RwLock<T>, K),
    b: (&'a RwLock<T>, K),
) -> (RwLockWriteGuard<'a, T>, RwLockWriteGuard<'a, T>) {
    must_differ(&a.1, &b.1);
    if a.1 < b.1 {
        let first = a.0.write();
        let second = b.0.write_second();
        (first, second)
    } else {
        let first = b.0.write();
        let second = a.0.write_second();
        (second, first)
    }
}

fn address<L>(lock: &L) -> usize {
    std::ptr::from_ref(lock).addr()
}

#[track_caller]
fn must_differ<K: Ord + Copy>(a: &K, b: &K) {
    debug_assert!(a != b, "lock order: both locks of a pair have the same key");
}
