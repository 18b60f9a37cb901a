//! Spreading work over threads: numbered pieces, taken one after another.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Bytes of an image below which one thread is faster.
const WORTH_THREADS: u64 = 64 << 20;

/// How many threads to use: `wanted`, or if that is 0 as many as there are cores for an image of
/// `bytes` bytes.
pub(crate) fn threads_for(wanted: usize, bytes: u64) -> usize {
    match wanted {
        0 if bytes < WORTH_THREADS => 1,
        0 => thread::available_parallelism().map_or(1, NonZero::get),
        wanted => wanted,
    }
}

/// Calls `each` for all numbers below `count`, on `threads` threads. Each thread has a state of its
/// own, made by `new`; all states are given back.
pub(crate) fn for_each<S: Send>(
    threads: usize,
    count: u64,
    new: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, u64) + Sync,
) -> Vec<S> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut state = new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return state;
            }
            each(&mut state, n);
        }
    };
    if threads <= 1 {
        return vec![work()];
    }
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut states = vec![work()];
        for other in others {
            match other.join() {
                Ok(state) => states.push(state),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        states
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_once() {
        for threads in [1, 3] {
            let states = for_each(threads, 1000, Vec::new, |list, n| list.push(n));
            assert_eq!(states.len(), threads);
            let mut all: Vec<_> = states.concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..1000));
        }
    }
}
