//! Flags that travel with a request through every layer.

use std::ops::BitOr;

/// How an operation may behave. A set of bits; [`IoFlags::NONE`] is the default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct IoFlags {
    bits: u32,
}

impl IoFlags {
    /// Nothing special: the operation may block.
    pub const NONE: Self = Self { bits: 0 };
    /// Never wait for storage or a contended lock: what would have to wait fails instead with the
    /// layer's "would block" error and has no effect.
    pub const NOWAIT: Self = Self { bits: 1 };

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.bits & other.bits == other.bits
    }

    /// Whether [`IoFlags::NOWAIT`] is set.
    #[must_use]
    pub const fn nowait(self) -> bool {
        self.contains(Self::NOWAIT)
    }
}

impl BitOr for IoFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits }
    }
}

/// How a write is made durable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct WriteFlags {
    /// Force unit access: when the write has completed it is durable without a flush. Says
    /// nothing about other writes.
    pub fua: bool,
}

impl WriteFlags {
    /// An ordinary write: durable after a later flush.
    pub const NONE: Self = Self { fua: false };
    /// A write that is durable when it completes.
    pub const FUA: Self = Self { fua: true };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_combine() {
        assert!(!IoFlags::NONE.nowait());
        assert!((IoFlags::NONE | IoFlags::NOWAIT).nowait());
        assert!(IoFlags::NOWAIT.contains(IoFlags::NONE));
        assert!(!IoFlags::NONE.contains(IoFlags::NOWAIT));
    }
}
