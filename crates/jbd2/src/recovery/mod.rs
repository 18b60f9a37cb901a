//! Recovery: what a log holds, and bringing it home.
//!
//! [`Recovery::scan`] reads the log once and ends with a map from home blocks to their last valid
//! copies. There is no revoke table: transactions are taken up one after another, each when its
//! commit has been verified, so a revoke just removes from the map what came before it. Memory is
//! that map, at most one entry for each block of the log. The same map serves both ways of
//! recovery: a [`ReplayDevice`] that shows the file system as replayed and writes nothing, and
//! [`Recovery::replay`], which writes the copies home.
//!
//! Damage in the last transaction is the end of the log: it was torn, and nobody was told that it
//! is durable. Damage with a later valid commit behind it means that acknowledged changes are lost:
//! an error, and nothing is replayed (C15). A missing first block is damage, too; but a log always
//! ends with one, so how far is looked behind it is bounded (decision 0010).

mod replay;
mod scan;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use extant_format::Corrupt;
use extant_sync::Arc;

pub use view::ReplayDevice;

use crate::Log;

/// Where the last valid copy of a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LoggedCopy {
    /// The journal's block.
    pub(crate) log: u32,
    /// Whether the magic number at its start has been replaced by zeroes.
    pub(crate) escaped: bool,
}

/// What a log holds for recovery.
#[derive(Debug)]
pub struct Recovery {
    log: Arc<Log>,
    copies: BTreeMap<u64, LoggedCopy>,
    counts: RecoveryCounts,
    next_sequence: u32,
    head: u32,
    /// Blocks of the log from its start to the head.
    used: u32,
    torn: Option<Corrupt>,
}

/// How much was found in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecoveryCounts {
    /// Transactions with a valid commit.
    pub transactions: u32,
    /// Copies in them.
    pub logged_blocks: u32,
    /// Entries in their revoke blocks.
    pub revoked_blocks: u64,
}

impl Recovery {
    /// A log that holds nothing to be recovered, whatever is in it: the file system says so.
    #[must_use]
    pub fn at_rest(log: Arc<Log>) -> Self {
        let superblock = log.superblock();
        // What was given up must not be taken for a continuation of what is written next. A log
        // has fewer transactions than blocks.
        let given_up = if superblock.is_empty() { 0 } else { log.len() };
        let next_sequence = superblock.sequence.wrapping_add(given_up);
        let head = superblock.first;
        let counts = RecoveryCounts::default();
        let copies = BTreeMap::new();
        Self { log, copies, counts, next_sequence, head, used: 0, torn: None }
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// How much was found.
    #[must_use]
    pub fn counts(&self) -> RecoveryCounts {
        self.counts
    }

    /// The home blocks that have a copy to replay, ascending.
    pub fn home_blocks(&self) -> impl ExactSizeIterator<Item = u64> + DoubleEndedIterator + '_ {
        self.copies.keys().copied()
    }

    /// The transaction that would come next. Fast commits count if they belong to it.
    #[must_use]
    pub fn next_sequence(&self) -> u32 {
        self.next_sequence
    }

    /// The block of the log behind the last valid commit.
    #[must_use]
    pub fn head(&self) -> u32 {
        self.head
    }

    /// Blocks of the log that are behind the head and not in use.
    #[must_use]
    pub fn free_blocks(&self) -> u32 {
        self.log.len() - self.used
    }

    /// What was wrong with the last transaction, if it was not just missing.
    #[must_use]
    pub fn torn(&self) -> Option<&Corrupt> {
        self.torn.as_ref()
    }
}
