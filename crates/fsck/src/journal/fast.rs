//! Fast commits: whether any follows the log. The checker does not replay them.

use std::ops::ControlFlow;

use extant_format::journal::{FastCommitRecord, FastCommitRecords};
use extant_jbd2::{Log, LogReader};

/// Whether the area behind `log` starts with a whole fast commit of transaction `next`.
pub(super) fn holds_commits(log: &Log, next: u32) -> bool {
    let mut reader = LogReader::new(log);
    let (mut sum, mut begun) = (0, false);
    for block in log.superblock().fast_commit_area() {
        let Ok(bytes) = reader.block(block) else { return false };
        match block_of(bytes, next, &mut sum, &mut begun) {
            ControlFlow::Break(found) => return found,
            ControlFlow::Continue(()) => {}
        }
    }
    false
}

/// One block of the area. Breaks with whether it ends a commit that counts.
fn block_of(bytes: &[u8], next: u32, sum: &mut u32, begun: &mut bool) -> ControlFlow<bool> {
    let mut records = FastCommitRecords::new(bytes);
    for placed in records.by_ref() {
        *sum = placed.add_to(*sum);
        match placed.record {
            FastCommitRecord::Head { features: 0, tid } if tid == next && !*begun => {
                *begun = true;
            }
            FastCommitRecord::Tail { tid, checksum } => {
                return ControlFlow::Break(*begun && tid == next && checksum == *sum);
            }
            FastCommitRecord::Head { .. } => return ControlFlow::Break(false),
            _ if !*begun => return ControlFlow::Break(false),
            _ => {}
        }
    }
    if records.is_malformed() { ControlFlow::Break(false) } else { ControlFlow::Continue(()) }
}
