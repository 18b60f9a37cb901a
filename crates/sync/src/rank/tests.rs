//! The checker catches what it must and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::{Condvar, Mutex, Rank, ReadMostly, RwLock, lock_pair, lock_pair_keyed, write_pair};

/// The message of the panic that `run` ends in; fails the test if it does not.
fn panic_of(run: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("no panic");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}

fn leaf() -> Mutex<u32> {
    Mutex::new(Rank::Leaf, 0)
}

fn map() -> Mutex<u32> {
    Mutex::new(Rank::Map, 0)
}

#[test]
fn table_is_sorted_and_named() {
    assert!(Rank::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    assert!(Rank::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(Rank::ALL.iter().all(|rank| rank.protects().ends_with('.')));
    assert_eq!(Rank::Folio.to_string(), "Folio (60)");
}

#[test]
fn ascending_order_passes_whatever_is_let_go_first() {
    let (map, group, leaf) = (map(), RwLock::new(Rank::Group, 0), leaf());
    let first = map.lock();
    let second = group.write();
    let third = leaf.lock();
    drop(first);
    drop(third);
    drop(second);
    // Nothing is left on the stack: the lowest rank can be taken again.
    drop(map.lock());
}

#[test]
fn middle_release_uncovers_the_right_rank() {
    let (map, group, buffer) = (map(), Mutex::new(Rank::Group, 0), Mutex::new(Rank::Buffer, 0));
    let _low = map.lock();
    let middle = group.lock();
    let high = buffer.lock();
    drop(high);
    drop(buffer.lock());
    drop(middle);
    drop(group.lock());
    assert!(panic_of(|| drop(map.lock())).contains("Map (90)"));
}

#[test]
fn descending_order_panics_and_names_both_places() {
    let (map, leaf) = (map(), leaf());
    let message = panic_of(|| {
        let _held = leaf.lock();
        let _wanted = map.lock();
    });
    assert!(message.contains("Map (90) is taken at"), "{message}");
    assert!(message.contains("Leaf (200) is held"), "{message}");
    assert_eq!(message.matches("rank/tests.rs").count(), 2, "{message}");
    // The panic let go of everything.
    drop(map.lock());
}

#[test]
fn every_kind_of_lock_is_checked() {
    let leaf = leaf();
    let (lock, mostly) = (RwLock::new(Rank::Map, 0), ReadMostly::new(Rank::Map, 0));
    let attempts: [&dyn Fn(); 4] =
        [&|| drop(lock.read()), &|| drop(lock.write()), &|| drop(mostly.read()), &|| {
            drop(mostly.write());
        }];
    for attempt in attempts {
        attempt();
        let message = panic_of(|| {
            let _held = leaf.lock();
            attempt();
        });
        assert!(message.contains("Map (90)"), "{message}");
    }
}

#[test]
fn equal_ranks_and_recursive_reads_panic() {
    let (a, b) = (map(), map());
    let lock = RwLock::new(Rank::Group, 0);
    let message = panic_of(|| {
        let _a = a.lock();
        let _b = b.lock();
    });
    assert!(message.contains("Map (90)"), "{message}");
    let message = panic_of(|| {
        let _once = lock.read();
        let _twice = lock.read();
    });
    assert!(message.contains("Group (120)"), "{message}");
}

#[test]
fn pairs_hold_two_equal_ranks_in_argument_order() {
    let locks = [Mutex::new(Rank::Map, 1), Mutex::new(Rank::Map, 2), Mutex::new(Rank::Map, 3)];
    for (a, b) in [(0, 1), (1, 0)] {
        let (first, second) = lock_pair(&locks[a], &locks[b]);
        assert_eq!((*first, *second), (locks_value(a), locks_value(b)));
        assert!(panic_of(|| drop(locks[2].lock())).contains("Map"), "a third equal rank");
    }
    let (first, second) = lock_pair_keyed((&locks[0], 9), (&locks[1], 4));
    assert_eq!((*first, *second), (1, 2));
    drop((first, second));
    let (a, b) = (RwLock::new(Rank::Map, 5), RwLock::new(Rank::Map, 6));
    let (first, second) = write_pair(&b, &a);
    assert_eq!((*first, *second), (6, 5));
}

fn locks_value(index: usize) -> i32 {
    i32::try_from(index).unwrap() + 1
}

#[test]
fn pairs_are_checked_against_what_is_held() {
    let (a, b, leaf) = (map(), map(), leaf());
    let message = panic_of(|| {
        let _held = leaf.lock();
        let _pair = lock_pair(&a, &b);
    });
    assert!(message.contains("Leaf (200) is held"), "{message}");
    assert!(panic_of(|| drop(lock_pair(&a, &a))).contains("same key"));
    assert!(panic_of(|| drop(lock_pair_keyed((&a, 1), (&b, 1)))).contains("same key"));
    drop(lock_pair(&a, &b));
}

#[test]
fn tried_locks_may_rank_anywhere_but_count_when_held() {
    let (map, group, leaf) = (map(), Mutex::new(Rank::Group, 0), leaf());
    let held = group.lock();
    let tried = map.try_lock().expect("free");
    assert!(map.try_lock().is_none());
    drop(leaf.lock());
    drop(held);
    // Only the tried one is left: an equal rank may not be waited for.
    assert!(panic_of(|| drop(map.lock())).contains("Map (90) is held"));
    drop(tried);
    drop(map.lock());
}

#[test]
fn waiting_with_a_higher_rank_held_panics() {
    let (map, leaf, condition) = (map(), leaf(), Condvar::new());
    let mut outer = map.lock();
    let _inner = leaf.lock();
    let message = panic_of(|| condition.wait(&mut outer));
    assert!(message.contains("Leaf (200) is held"), "{message}");
}

#[test]
fn threads_have_stacks_of_their_own() {
    let (map, leaf) = (map(), leaf());
    let _held = leaf.lock();
    thread::scope(|scope| {
        scope.spawn(|| drop(map.lock()));
    });
}
