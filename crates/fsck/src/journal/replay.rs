//! Replay in memory.

use extant_format::Superblock;
use extant_jbd2::{JournalError, Log, Recovery, ReplayDevice};
use extant_sync::Arc;

use super::{View, fast, of_error, place};
use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// The image as its journal leaves it.
pub(crate) struct Replayed {
    pub(crate) device: View,
    /// Transactions that were replayed.
    pub(crate) transactions: u32,
}

/// Scans `log`, the journal of `image`. `None` if it is damaged: nothing of it counts then.
pub(super) fn replay(image: &Image, log: Log, problems: &mut Problems) -> Option<Replayed> {
    let log = Arc::new(log);
    let blocks = image.geometry().blocks_count();
    let since = image.superblock().log_is_since();
    let recovery = match Recovery::scan(Arc::clone(&log), since, |home| home < blocks) {
        Ok(recovery) => Arc::new(recovery),
        Err(error) => {
            problems.push(damaged(&error));
            return None;
        }
    };
    if fast::holds_commits(&log, recovery.next_sequence()) {
        problems.push(Problem::new(ProblemKind::JournalFastCommits, place()));
    }
    let transactions = recovery.counts().transactions;
    let device = Arc::new(ReplayDevice::new(Arc::clone(image.device()), recovery));
    Some(Replayed { device, transactions })
}

fn damaged(error: &JournalError) -> Problem {
    of_error(error, ProblemKind::JournalLog)
}

/// Whether the file system is still the one whose journal was replayed: replay may change all
/// else, but not what says where the journal is and how blocks are counted.
pub(crate) fn is_same(before: &Superblock, after: &Superblock) -> bool {
    let (old, new) = (before.raw(), after.raw());
    before.geometry().block_size() == after.geometry().block_size()
        && old.uuid == new.uuid
        && old.journal_inum == new.journal_inum
        && old.journal_uuid == new.journal_uuid
}
