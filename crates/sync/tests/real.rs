//! Locks, conditions, channels and cells as the rest of the workspace uses them.
#![cfg(not(extant_explore))]
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use extant_sync::atomic::{AtomicU64, Ordering};
use extant_sync::channel::{self, RecvError, SendError, TryRecvError, TrySendError};
use extant_sync::{Arc, Condvar, Mutex, OnceLock, Rank, ReadMostly, RwLock, Swap, thread};

#[test]
fn mutex_excludes() {
    let count = Mutex::new(Rank::Leaf, 0_u32);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| *count.lock() += 1));
        }
    });
    assert_eq!(count.into_inner(), 4000);
}

#[test]
fn a_panicking_holder_does_not_poison() {
    let (mutex, mostly) = (Mutex::new(Rank::Map, 1), ReadMostly::new(Rank::Group, 1));
    let end = thread::scope(|scope| {
        let run = || {
            let (_mutex, _mostly) = (mutex.lock(), mostly.write());
            std::panic::resume_unwind(Box::new("planned"));
        };
        scope.spawn(run).join()
    });
    assert!(end.is_err());
    assert_eq!(*mutex.lock(), 1);
    assert_eq!(*mostly.read(), 1);
    assert_eq!(*mostly.write(), 1);
}

#[test]
fn readers_share_and_writers_do_not() {
    let mut lock = RwLock::new(Rank::Map, 1);
    let mut mostly = ReadMostly::new(Rank::Group, 1);
    let (reader, mostly_reader) = (lock.read(), mostly.read());
    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!((*lock.read(), *mostly.read()), (1, 1));
            assert!(lock.try_read().is_some() && mostly.try_read().is_some());
            assert!(lock.try_write().is_none() && mostly.try_write().is_none());
        });
    });
    drop((reader, mostly_reader));
    *lock.write() = 2;
    *mostly.try_write().unwrap() = 2;
    thread::scope(|scope| {
        let (writer, mostly_writer) = (lock.write(), mostly.write());
        let refused = || lock.try_read().is_none() && mostly.try_read().is_none();
        assert!(scope.spawn(refused).join().unwrap());
        drop((writer, mostly_writer));
    });
    *lock.get_mut() += 1;
    *mostly.get_mut() += 1;
    assert_eq!((lock.into_inner(), mostly.into_inner()), (3, 3));
}

#[test]
fn condition_wakes_and_times_out() {
    let (ready, condition) = (Mutex::new(Rank::Leaf, false), Condvar::new());
    assert!(condition.wait_timeout(&mut ready.lock(), Duration::from_millis(1)));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut guard = ready.lock();
            while !*guard {
                condition.wait(&mut guard);
            }
            *guard = false;
        });
        *ready.lock() = true;
        condition.notify_all();
    });
    assert!(!*ready.lock(), "the waiter saw it");
}

#[test]
fn channels_bound_and_disconnect() {
    let (sender, receiver) = channel::bounded(0);
    assert_eq!(sender.try_send(1), Ok(()), "a capacity of 0 is 1");
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    let other = receiver.clone();
    assert_eq!(other.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(TryRecvError::Empty));
    drop(sender);
    assert_eq!(receiver.recv(), Err(RecvError));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));

    let (sender, receiver) = channel::unbounded();
    let workers: Vec<_> = (0_u32..3)
        .map(|n| {
            let sender = sender.clone();
            thread::spawn_named("worker", move || sender.send(n).unwrap()).unwrap()
        })
        .collect();
    drop(sender);
    let mut got: Vec<_> = receiver.iter().collect();
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2]);
    workers.into_iter().for_each(|worker| worker.join().unwrap());

    let (sender, receiver) = channel::unbounded();
    drop(receiver);
    assert_eq!(sender.send(7), Err(SendError(7)));
    assert_eq!(sender.try_send(7), Err(TrySendError::Disconnected(7)));
}

#[test]
fn cells_are_filled_once_and_swaps_replaced() {
    let (cell, calls) = (OnceLock::new(), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| cell.get_or_init(|| calls.fetch_add(1, Ordering::SeqCst)));
        }
    });
    assert_eq!((cell.get(), calls.load(Ordering::SeqCst)), (Some(&0), 1));

    let swap = Swap::new(Arc::new(1));
    let old = swap.load();
    swap.store(Arc::new(2));
    assert_eq!((*old, *swap.load(), swap.peek(|value| *value)), (1, 2, 2));
}

#[test]
fn task_ids_differ() {
    let here = thread::current_task_id();
    assert_eq!(here, thread::current_task_id());
    assert_ne!(Ok(here), thread::spawn(thread::current_task_id).join().map_err(|_| ()));
    assert!(thread::available_parallelism() >= 1);
}
