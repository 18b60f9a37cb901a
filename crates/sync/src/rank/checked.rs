//! The checker itself. The stack is not sorted: a lock taken by a `try_` call may rank anywhere,
//! so checks look at all of it (it rarely holds more than six).

use std::cell::RefCell;
use std::panic::Location;

use super::Rank;
use crate::imp::held_stack;

/// One held lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    rank: Rank,
    taken_at: &'static Location<'static>,
}

/// The locks that one thread holds, oldest first.
pub(crate) type Stack = RefCell<Vec<Entry>>;

/// The rank of a lock, stored in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked(Rank);

/// Proof that a lock is on the stack of the thread that made it; dropping it takes it off. Guards
/// carry one. They cannot change threads, so neither can this.
#[derive(Debug)]
pub(crate) struct Held(Rank);

/// How a lock is asked for, which decides what it may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Blocks: everything held must rank lower.
    Alone,
    /// Blocks as the second of an ordered pair: everything held must rank lower or be equal.
    Second,
    /// Does not block: anything goes.
    Try,
}

impl Ranked {
    pub(crate) const fn new(rank: Rank) -> Self {
        Self(rank)
    }

    pub(crate) fn rank(self) -> Option<Rank> {
        Some(self.0)
    }

    /// Checks and records a lock about to be waited for.
    #[track_caller]
    pub(crate) fn take(self) -> Held {
        self.push(Asked::Alone)
    }

    /// The same for the second lock of a pair whose order the caller has settled.
    #[track_caller]
    pub(crate) fn take_second(self) -> Held {
        self.push(Asked::Second)
    }

    /// Records a lock that was had without waiting, which no order can make deadlock.
    #[track_caller]
    pub(crate) fn take_tried(self) -> Held {
        self.push(Asked::Try)
    }

    #[track_caller]
    fn push(self, asked: Asked) -> Held {
        let taken_at = Location::caller();
        let offender = held_stack(|stack| {
            let mut held = stack.borrow_mut();
            let offender = held.iter().copied().find(|entry| asked.forbids(entry.rank, self.0));
            if offender.is_none() || std::thread::panicking() {
                held.push(Entry { rank: self.0, taken_at });
                return None;
            }
            offender
        });
        if let Some(Some(held)) = offender {
            out_of_order(held, self.0);
        }
        Held(self.0)
    }
}

impl Asked {
    fn forbids(self, held: Rank, wanted: Rank) -> bool {
        match self {
            Self::Alone => wanted <= held,
            Self::Second => wanted < held,
            Self::Try => false,
        }
    }
}

impl Held {
    /// Checks that this lock is the innermost: waiting on a condition lets go of it and takes it
    /// again, which is out of order if a higher rank is held all along.
    #[track_caller]
    pub(crate) fn must_be_innermost(&self) {
        let above = held_stack(|stack| {
            let held = stack.borrow();
            held.iter().copied().find(|entry| entry.rank > self.0)
        });
        if let Some(Some(held)) = above
            && !std::thread::panicking()
        {
            out_of_order(held, self.0);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        held_stack(|stack| {
            let mut held = stack.borrow_mut();
            if let Some(at) = held.iter().rposition(|entry| entry.rank == self.0) {
                held.remove(at);
            }
        });
    }
}

/// Ends the test: with this order two threads can wait for one another for ever.
#[allow(clippy::panic, reason = "a wrong lock order is a bug of ours that no image can cause")]
#[track_caller]
fn out_of_order(held: Entry, wanted: Rank) -> ! {
    panic!(
        "lock order: {wanted} is taken at {} while {} is held (taken at {})",
        Location::caller(),
        held.rank,
        held.taken_at
    );
}
