//! Logs written by hand: what a crash leaves in a journal, well-formed or not, and what must come
//! of it.
//!
//! [`LogBuilder`] writes transactions and [`FastCommits`] a fast-commit area, in every variant of
//! the format; [`Model`] says what the home blocks must hold afterwards; [`RandomLog`] makes many
//! of them. All of it is written from the kernel's `filesystems/ext4/journal.rst`, and judged by
//! `e2fsck -E journal_only` ([`e2fsck_replay`]).

mod builder;
mod external;
mod fast;
#[cfg(test)]
mod fast_tests;
mod judge;
mod model;
mod random;
mod tags;
#[cfg(test)]
mod tests;

pub use builder::{LogBuilder, LogPart, Transaction, Written};
pub use external::{attach_journal, journal_device};
pub use fast::{FastCommits, FcExtent, FcTag};
pub use judge::{Replayed, e2fsck_replay, e2fsck_replay_external};
pub use model::Model;
pub use random::RandomLog;
pub use tags::UuidTags;

/// The magic number of the log's blocks.
pub const MAGIC: u32 = 0xc03b_3998;

/// The checksums of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogChecksum {
    /// None.
    None,
    /// CRC32 of a transaction in its commit block.
    V1,
    /// CRC32C of all blocks; tags have 16 bits of it.
    V2,
    /// CRC32C of all blocks.
    V3,
}

/// The variant of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogFormat {
    /// Checksums.
    pub checksum: LogChecksum,
    /// Block numbers of 64 bits.
    pub wide: bool,
    /// The feature of commits that do not wait for their transaction.
    pub async_commit: bool,
    /// Which tags are followed by the journal's UUID.
    pub uuid: UuidTags,
    /// The size of the fast-commit area as the superblock says it; `None` without one, 0 for the
    /// default of 256.
    pub fast_commit_blocks: Option<u32>,
}

impl LogFormat {
    /// With `checksum`, 64-bit tags where `wide`, and nothing else.
    #[must_use]
    pub const fn new(checksum: LogChecksum, wide: bool) -> Self {
        Self {
            checksum,
            wide,
            async_commit: false,
            uuid: UuidTags::First,
            fast_commit_blocks: None,
        }
    }

    /// Whether all blocks carry CRC32C.
    #[must_use]
    pub const fn all_blocks(&self) -> bool {
        matches!(self.checksum, LogChecksum::V2 | LogChecksum::V3)
    }

    /// The compatible and the incompatible feature word.
    const fn features(&self) -> (u32, u32) {
        let (compat, sums) = match self.checksum {
            LogChecksum::None => (0, 0),
            LogChecksum::V1 => (1, 0),
            LogChecksum::V2 => (0, 0x8),
            LogChecksum::V3 => (0, 0x10),
        };
        let revoke = 1;
        let wide = if self.wide { 0x2 } else { 0 };
        let asynchronous = if self.async_commit { 0x4 } else { 0 };
        let fast = if self.fast_commit_blocks.is_some() { 0x20 } else { 0 };
        (compat, revoke | wide | asynchronous | sums | fast)
    }
}
