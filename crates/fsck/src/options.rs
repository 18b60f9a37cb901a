//! How to check, and who is told how far it is.

use extant_block::BlockDevice;
use extant_format::BlockSize;
use extant_sync::Arc;

use crate::Phase;

/// Told how far a check is. Called from the threads of the check, some hundred times a phase at
/// most; calls from different threads may overtake each other.
pub trait Progress: Send + Sync {
    /// `done` of `total` groups (or directories, in the phases that walk them) are done in `phase`.
    fn advance(&self, phase: Phase, done: u64, total: u64);
}

/// Options of [`check`](crate::check). The default checks all there is with the primary superblock.
#[derive(Clone, Default)]
pub struct CheckOptions {
    /// The block that holds the superblock to use, in blocks of [`block_size`](Self::block_size);
    /// `None` is the primary one, and a copy where that cannot be used.
    pub superblock: Option<u64>,
    /// The block size for [`superblock`](Self::superblock); `None` tries all.
    pub block_size: Option<BlockSize>,
    /// The device of an external journal.
    pub journal: Option<Arc<dyn BlockDevice>>,
    /// The device already shows the file system as it is after recovery, whatever its superblock
    /// says: the journal is not looked into.
    pub recovered: bool,
    /// Threads; 0 is as many as there are cores, for images that are worth it.
    pub threads: usize,
    /// Told how far the check is.
    pub progress: Option<Arc<dyn Progress>>,
}

impl std::fmt::Debug for CheckOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckOptions")
            .field("superblock", &self.superblock)
            .field("block_size", &self.block_size)
            .field("recovered", &self.recovered)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}
