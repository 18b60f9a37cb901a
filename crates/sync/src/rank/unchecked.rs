//! The checker when it is compiled out: empty types, no work.

use super::Rank;

/// Nothing: the rank is not stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked;

/// Nothing.
#[derive(Debug)]
pub(crate) struct Held;

impl Ranked {
    pub(crate) const fn new(_rank: Rank) -> Self {
        Self
    }

    pub(crate) fn rank(self) -> Option<Rank> {
        None
    }

    #[inline]
    pub(crate) fn take(self) -> Held {
        Held
    }

    #[inline]
    pub(crate) fn take_second(self) -> Held {
        Held
    }

    #[inline]
    pub(crate) fn take_tried(self) -> Held {
        Held
    }
}

impl Held {
    #[inline]
    pub(crate) fn must_be_innermost(&self) {}
}
