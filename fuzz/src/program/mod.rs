//! An input as a program: a seed, whether checksums are fixed, and edits of structures.
//!
//! On the wire a program is a header of [`HEADER`] bytes and records of [`RECORD`], so that
//! libFuzzer's mutations (and [`mutate`]) change one thing at a time, and so that equal bytes are
//! equal programs. Which region, field and number a record means is decided by remainders: every
//! input means something.

mod apply;
mod mutate;

use arbitrary::{Arbitrary, Result, Unstructured};

pub use apply::Change;
pub use mutate::mutate;

use crate::layout::Class;

/// Bytes of the header: seed, flags.
pub const HEADER: usize = 2;
/// Bytes of a record.
pub const RECORD: usize = 12;
/// Edits of a program, at most.
pub const MOST_EDITS: usize = 64;

/// Flag of the header: checksums are made right after the edits. Set in half of all inputs.
const FIX: u8 = 1;
/// Flag of the header: recovery onto the device leaves orphans.
const LEAVE_ORPHANS: u8 = 2;

/// What a target is after: the seeds it takes, and the classes it edits most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aim {
    /// Everything that a walk meets; the journal is not loaded.
    Structures,
    /// The same, for the checker; the journal is replayed.
    Check,
    /// Recovery of a log.
    Journal,
    /// Replay of fast commits.
    FastCommit,
}

impl Aim {
    /// The class that `byte` means.
    fn class(self, byte: u8) -> Class {
        let of = |classes: &[Class]| {
            let index = usize::from(byte >> 2).checked_rem(classes.len()).unwrap_or(0);
            classes.get(index).copied().unwrap_or(Class::Superblock)
        };
        let journal = Class::ALL.iter().filter(|class| class.is_journal()).count();
        match (self, byte & 3) {
            (Self::Structures | Self::Check, _) => {
                of(Class::ALL.get(journal..).unwrap_or_default())
            }
            (_, 0) => of(&Class::ALL),
            (Self::Journal, _) => of(Class::ALL.get(..journal).unwrap_or_default()),
            (Self::FastCommit, 1) => of(&[Class::JournalSuper, Class::Inode, Class::Directory]),
            (Self::FastCommit, _) => Class::FastCommit,
        }
    }
}

/// What an edit does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Sets a field to the value.
    Set,
    /// Adds the value's low byte, as signed.
    Add,
    /// Flips a bit.
    Flip,
    /// Sets a field to a number that is often a limit.
    Limit,
    /// Copies a field of another structure over it.
    Copy,
    /// Makes it point to another structure: the number of its block, or of an inode.
    Link,
    /// Swaps the two structures' bytes.
    Swap,
    /// Fills bytes with one value.
    Fill,
    /// Adds a record to the fast-commit area, which is written anew (only in that target).
    Record,
}

impl Operation {
    const ALL: [Self; 14] = [
        Self::Set,
        Self::Set,
        Self::Add,
        Self::Add,
        Self::Flip,
        Self::Limit,
        Self::Limit,
        Self::Copy,
        Self::Link,
        Self::Link,
        Self::Swap,
        Self::Fill,
        Self::Record,
        Self::Record,
    ];
}

/// One edit, as it is on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Arbitrary)]
pub struct Edit {
    operation: u8,
    class: u8,
    /// The region among those of its class.
    pub region: u16,
    /// The field, or the offset in the region.
    pub offset: u16,
    /// Bit 0: `offset` is in bytes, with a width in bits 1 and 2; else it counts fields.
    pub mode: u8,
    /// The other region, where an operation has one; with records, how they are bent.
    pub other: u8,
    /// The value.
    pub value: u32,
}

impl Edit {
    /// What it does.
    #[must_use]
    pub fn operation(&self) -> Operation {
        let index = usize::from(self.operation) % Operation::ALL.len();
        Operation::ALL.get(index).copied().unwrap_or(Operation::Set)
    }
}

/// A decoded input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// The seed, by remainder of the number of seeds.
    pub seed: u8,
    /// Whether checksums are made right.
    pub fix: bool,
    /// Whether recovery onto the device leaves orphans.
    pub leave_orphans: bool,
    /// The edits.
    pub edits: Vec<Edit>,
}

impl<'a> Arbitrary<'a> for Program {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (seed, flags) = (u8::arbitrary(u)?, u8::arbitrary(u)?);
        let mut edits = Vec::new();
        while u.len() >= RECORD && edits.len() < MOST_EDITS {
            edits.push(Edit::arbitrary(u)?);
        }
        let (fix, leave_orphans) = (flags & FIX != 0, flags & LEAVE_ORPHANS != 0);
        Ok(Self { seed, fix, leave_orphans, edits })
    }
}
