//! Tasks that make more tasks, shared by several threads, until all are done.
//!
//! Last in, first out: a walk then goes down before it goes on, which keeps the list of pending
//! directories short. Invariant: the work is over when nothing waits and nobody is busy.

use extant_sync::{Condvar, Mutex, Rank, thread};

/// What waits, and how many threads work on something that may add to it.
struct State<T> {
    waiting: Vec<T>,
    busy: usize,
}

/// The tasks of one operation.
pub(crate) struct Pool<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

impl<T> Pool<T> {
    pub(crate) fn new(first: T) -> Self {
        let state = State { waiting: vec![first], busy: 0 };
        Self { state: Mutex::new(Rank::Leaf, state), changed: Condvar::new() }
    }

    /// Adds a task.
    pub(crate) fn push(&self, task: T) {
        self.state.lock().waiting.push(task);
        self.changed.notify_one();
    }

    /// Adds a task unless `limit` wait already: then it comes back.
    pub(crate) fn push_below(&self, limit: usize, task: T) -> Option<T> {
        let mut state = self.state.lock();
        if state.waiting.len() >= limit {
            return Some(task);
        }
        state.waiting.push(task);
        drop(state);
        self.changed.notify_one();
        None
    }

    /// Runs tasks until there are none and none can come. Called by every thread.
    pub(crate) fn work(&self, mut run: impl FnMut(T)) {
        while let Some(task) = self.take() {
            let _busy = Busy(self);
            run(task);
        }
    }

    fn take(&self) -> Option<T> {
        let mut state = self.state.lock();
        loop {
            if let Some(task) = state.waiting.pop() {
                state.busy += 1;
                return Some(task);
            }
            if state.busy == 0 {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }
}

/// A thread that runs a task; also a panic ends that, so that the others do not wait for it.
struct Busy<'a, T>(&'a Pool<T>);

impl<T> Drop for Busy<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.busy = state.busy.saturating_sub(1);
        if state.busy == 0 && state.waiting.is_empty() {
            self.0.changed.notify_all();
        }
    }
}

/// Calls `run` on `threads` threads, one of which is the caller's. 0 stands for as many as can
/// run at once.
pub(crate) fn on_threads(threads: usize, run: impl Fn() + Sync) {
    let threads = if threads == 0 { thread::available_parallelism() } else { threads };
    thread::scope(|scope| {
        for _ in 1..threads.min(MAX_THREADS) {
            scope.spawn(&run);
        }
        run();
    });
}

/// More threads than any use has.
const MAX_THREADS: usize = 256;

#[cfg(test)]
mod tests {
    use extant_sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn tasks_made_by_tasks_are_all_done() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(10_u64);
            let done = AtomicU64::new(0);
            on_threads(threads, || {
                pool.work(|n| {
                    done.fetch_add(1, Ordering::Relaxed);
                    if n > 0 {
                        pool.push(n - 1);
                        pool.push(n - 1);
                    }
                });
            });
            assert_eq!(done.load(Ordering::Relaxed), (1 << 11) - 1);
        }
    }

    #[test]
    fn a_full_queue_gives_the_task_back() {
        let pool = Pool::new(1);
        assert_eq!(pool.push_below(1, 2), Some(2));
        assert_eq!(pool.push_below(2, 2), None);
        let mut seen = Vec::new();
        pool.work(|n| seen.push(n));
        assert_eq!(seen, [2, 1]);
    }
}
