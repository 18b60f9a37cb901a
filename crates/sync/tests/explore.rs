//! The explorer finds planted bugs, and finds none where there are none. To run:
//!
//! `RUSTFLAGS="--cfg extant_explore" cargo test --target-dir target/explore -p extant-sync \
//! --test 'explore*'`, or `./test --long explore`.
#![cfg(extant_explore)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64 as RealU64;
use std::time::Duration;

use extant_sync::atomic::{AtomicU64, Ordering};
use extant_sync::explore::check;
use extant_sync::{
    Arc, Condvar, Mutex, OnceLock, Rank, ReadMostly, Swap, channel, clock, lock_pair, random,
    thread,
};

const SCHEDULES: usize = 300;

/// The message with which some schedule of `test` fails.
fn failure_of(test: impl Fn() + Send + Sync + 'static) -> String {
    let end = catch_unwind(AssertUnwindSafe(|| check(1, SCHEDULES, test)));
    let payload = end.expect_err("no schedule found the planted bug");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}

fn two(a: impl Fn() + Send + 'static, b: impl Fn() + Send + 'static) {
    let (a, b) = (thread::spawn(a), thread::spawn(b));
    a.join().unwrap();
    b.join().unwrap();
}

#[test]
fn finds_a_planted_lost_update() {
    let message = failure_of(|| {
        let count = Arc::new(AtomicU64::new(0));
        let bump = |count: Arc<AtomicU64>| {
            move || {
                let seen = count.load(Ordering::SeqCst);
                count.store(seen + 1, Ordering::SeqCst);
            }
        };
        two(bump(Arc::clone(&count)), bump(Arc::clone(&count)));
        assert_eq!(count.load(Ordering::SeqCst), 2, "update lost");
    });
    assert!(message.contains("update lost"), "{message}");
}

/// A lock held while waiting for a message whose sender needs the lock first.
#[test]
fn finds_a_planted_deadlock_that_ranks_cannot_see() {
    let message = failure_of(|| {
        let (sender, receiver) = channel::bounded::<u32>(1);
        let lock = Arc::new(Mutex::new(Rank::Leaf, ()));
        let same = Arc::clone(&lock);
        two(
            move || {
                let _held = lock.lock();
                receiver.recv().unwrap();
            },
            move || {
                let _held = same.lock();
                sender.send(1).unwrap();
            },
        );
    });
    assert!(message.contains("deadlock"), "{message}");
}

#[test]
fn finds_a_planted_wait_without_a_loop() {
    let message = failure_of(|| {
        let state = Arc::new((Mutex::new(Rank::Leaf, false), Condvar::new()));
        let same = Arc::clone(&state);
        two(
            move || {
                let mut ready = state.0.lock();
                if !*ready {
                    state.1.wait(&mut ready);
                }
                assert!(*ready, "woken for nothing");
            },
            move || {
                *same.0.lock() = true;
                same.1.notify_one();
            },
        );
    });
    assert!(message.contains("woken for nothing"), "{message}");
}

#[test]
fn finds_ranks_out_of_order_in_any_schedule() {
    let message = failure_of(|| {
        let (map, leaf) = (Mutex::new(Rank::Map, ()), Mutex::new(Rank::Leaf, ()));
        let _held = leaf.lock();
        drop(map.lock());
    });
    assert!(message.contains("lock order"), "{message}");
}

/// A stack shared by tasks (as a plain thread-local would be) panics here within a few schedules.
#[test]
fn held_ranks_belong_to_tasks() {
    check(2, SCHEDULES, || {
        let locks = Arc::new((Mutex::new(Rank::Map, 0), Mutex::new(Rank::Leaf, 0)));
        let same = Arc::clone(&locks);
        two(
            move || {
                let _map = locks.0.lock();
                thread::yield_now();
                *locks.1.lock() += 1;
            },
            move || {
                *same.1.lock() += 1;
                thread::yield_now();
                *same.0.lock() += 1;
            },
        );
    });
}

#[test]
fn correct_waiting_swapping_and_pairing_pass() {
    check(3, SCHEDULES, || {
        let state = Arc::new((Mutex::new(Rank::Map, false), Condvar::new()));
        let other = Arc::new(Mutex::new(Rank::Map, false));
        let shared = Arc::new((ReadMostly::new(Rank::Leaf, 0), Swap::new(Arc::new(0))));
        let (state2, other2, shared2) =
            (Arc::clone(&state), Arc::clone(&other), Arc::clone(&shared));
        two(
            move || {
                let mut ready = state.0.lock();
                while !*ready {
                    state.1.wait(&mut ready);
                }
                drop(ready);
                let _pair = lock_pair(&state.0, &other);
                assert_eq!((*shared.0.read(), *shared.1.load()), (1, 1));
            },
            move || {
                *shared2.0.write() += 1;
                shared2.1.store(Arc::new(1));
                *lock_pair(&other2, &state2.0).1 = true;
                state2.1.notify_one();
            },
        );
    });
}

#[test]
fn cells_are_filled_once_even_if_the_initialiser_is_interrupted() {
    check(4, SCHEDULES, || {
        let shared = Arc::new((OnceLock::new(), AtomicU64::new(0)));
        let fill = |shared: Arc<(OnceLock<u64>, AtomicU64)>| {
            move || {
                let made = || {
                    thread::yield_now();
                    shared.1.fetch_add(1, Ordering::SeqCst)
                };
                assert_eq!(*shared.0.get_or_init(made), 0);
            }
        };
        two(fill(Arc::clone(&shared)), fill(Arc::clone(&shared)));
    });
}

#[test]
fn timed_waits_never_hang_and_move_the_clock() {
    check(5, SCHEDULES, || {
        let other = thread::spawn(thread::yield_now);
        let (lock, condition) = (Mutex::new(Rank::Leaf, ()), Condvar::new());
        let (start, wall) = (clock::monotonic(), clock::now());
        while !condition.wait_timeout(&mut lock.lock(), Duration::from_secs(5)) {}
        assert!(clock::monotonic() - start >= Duration::from_secs(5));
        assert!(clock::now().secs >= wall.secs + 5);
        let (sender, receiver) = channel::bounded::<u32>(1);
        assert!(receiver.recv_timeout(Duration::from_secs(1)).is_err());
        drop(sender);
        other.join().unwrap();
    });
}

/// Time and randomness start anew in each execution, so a seed decides all of them.
#[test]
fn a_seed_decides_time_and_randomness() {
    let run = |seed| {
        // Not one of the facade's: it lives outside of the executions.
        let total = Arc::new(RealU64::new(0));
        let sum = Arc::clone(&total);
        check(seed, 5, move || {
            let other = thread::spawn(random::next_u64);
            let seen = random::next_u64() ^ u64::from(clock::now().nanos);
            let both = seen ^ other.join().unwrap().rotate_left(1);
            let mixed = sum.load(Ordering::Relaxed).wrapping_mul(31).wrapping_add(both);
            sum.store(mixed, Ordering::Relaxed);
        });
        total.load(Ordering::Relaxed)
    };
    assert_eq!(run(8), run(8));
    assert_ne!(run(8), run(9));
}
