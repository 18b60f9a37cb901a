//! Recovery: a journal that holds changes, and inodes that a crash left half-deleted.
//!
//! Two ways with one result. Opening for reading replays into memory (a
//! [`ReplayDevice`](extant_jbd2::ReplayDevice) over the image, an overlay over it for fast commits
//! and orphans) and never writes. [`recover`] first does the same, so that everything has been
//! verified before the first write, and then writes it: copies home, flush, the further changes as
//! one transaction of the journal, journal reset. Each step leaves an image that recovers to the
//! same (C13).

mod commit;
mod journal;
mod memory;
mod view;
mod write;

use extant_block::BlockDevice;
use extant_format::Corrupt;
use extant_jbd2::RecoveryCounts;
use extant_sync::Arc;

pub use view::{RecoveredView, recovered_view};
pub use write::recover;

pub(crate) use memory::{Purpose, is_needed, replay_into_memory};

/// How to recover.
#[derive(Clone, Debug, Default)]
pub struct RecoverOptions {
    /// The device of an external journal.
    pub journal: Option<Arc<dyn BlockDevice>>,
    /// Finish orphans, too: delete unlinked inodes, complete truncates.
    pub finish_orphans: bool,
    /// Go on although the multi-mount block says that another host uses the file system.
    pub ignore_in_use: bool,
}

/// What recovery did, in memory or on the image.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecoveryReport {
    /// Whether the superblock said that the journal needs recovery.
    pub needed: bool,
    /// What was found in the log.
    pub log: RecoveryCounts,
    /// Blocks that had a copy to replay.
    pub replayed_blocks: u64,
    /// What was wrong with the last transaction, which counts as never committed.
    pub torn: Option<Corrupt>,
    /// Records of fast commits replayed.
    pub fast_commit_records: u32,
    /// Why fast commits with right checksums could not be replayed: the state is then that of the
    /// log.
    pub fast_commit_damage: Option<Corrupt>,
    /// Unlinked inodes deleted.
    pub orphans_deleted: u32,
    /// Inodes cut to their size.
    pub orphans_truncated: u32,
    /// Orphans that could not be treated, at most a few.
    pub orphan_damage: Vec<Corrupt>,
    /// Features because of which orphans were left alone: nothing may be freed with them.
    pub orphans_left: Vec<String>,
    /// Metadata blocks changed by fast commits and orphans.
    pub changed_blocks: u64,
}
