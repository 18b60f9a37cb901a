//! The journal: whether it is sound, and the view of the image with its transactions replayed.
//!
//! Nothing is written. A log that cannot be replayed is told of, and the check goes on over the
//! image as it is.

mod fast;
mod place;
mod replay;

use extant_block::BlockDevice;
use extant_format::journal::{JournalFeatures, JournalSuperblock};
use extant_format::{Compat, CorruptKind, InodeNr, Place};
use extant_jbd2::{JournalError, Log};
use extant_sync::Arc;

use crate::image::Image;
use crate::report::Problems;
use crate::{CheckOptions, Problem, ProblemKind};

pub(crate) use replay::{Replayed, is_same};

/// The place of problems of the journal as a whole.
fn place() -> Place {
    Place::structure("journal")
}

/// Checks the journal of `image`. Gives the device as it is after replay, if it has to be replayed
/// and can be.
pub(crate) fn check(
    image: &Image,
    options: &CheckOptions,
    problems: &mut Problems,
) -> Option<Replayed> {
    let superblock = image.superblock();
    if !superblock.features().compat(Compat::HAS_JOURNAL) {
        unexpected(image, problems);
        return None;
    }
    let place = place::find(image, options, problems)?;
    let log = match Log::open(place) {
        Ok(log) => log,
        Err(error) => {
            problems.push(of_error(&error, ProblemKind::JournalSuperblock));
            return None;
        }
    };
    if !check_superblock(image, &log, problems) || options.recovered {
        return None;
    }
    if superblock.needs_recovery() {
        return replay::replay(image, log, problems);
    }
    if !log.superblock().is_empty() {
        problems.push(Problem::new(ProblemKind::JournalPending, self::place()));
    }
    None
}

/// The feature is not set: nothing should look as if it were.
fn unexpected(image: &Image, problems: &mut Problems) {
    let superblock = image.superblock();
    let inode = image.inode(InodeNr::JOURNAL);
    let in_use = inode.is_some_and(|inode| inode.links > 0);
    let number = superblock.raw().journal_inum.get();
    let named = image.geometry().inode(number).and_then(|ino| image.inode(ino));
    if number != 0 && named.is_none_or(|inode| inode.links == 0) {
        let at = Place { inode: Some(number), ..Place::default() };
        problems.push(Problem::new(ProblemKind::JournalInode, at));
    } else if superblock.needs_recovery() || in_use || number != 0 {
        problems.push(Problem::new(ProblemKind::JournalUnexpected, place()));
    }
}

/// What the superblock of an open log says. Gives whether the log can be replayed.
fn check_superblock(image: &Image, log: &Log, problems: &mut Problems) -> bool {
    let superblock = log.superblock();
    if superblock.errno != 0 {
        let errno = superblock.errno.unsigned_abs();
        problems.push(Problem::new(ProblemKind::JournalErrno, place()).found(errno));
    }
    let mut sound = true;
    if superblock.version == 2 && superblock.user_count > 1 {
        let problem = Problem::new(ProblemKind::JournalUsers, place());
        problems.push(problem.found(superblock.user_count));
        sound = false;
    }
    let foreign = !log.is_internal() && superblock.uuid != image.superblock().raw().journal_uuid;
    if foreign {
        problems.push(Problem::new(ProblemKind::JournalDevice, place()));
        sound = false;
    }
    if !has_room(superblock) {
        problems.push(Problem::new(ProblemKind::JournalSuperblock, place()));
        sound = false;
    }
    sound
}

/// Whether the area of fast commits leaves room for the log: the parser gives no area if not.
fn has_room(superblock: &JournalSuperblock) -> bool {
    !superblock.features.incompat(JournalFeatures::FAST_COMMIT) || superblock.fast_commit_blocks > 0
}

/// The row for an error of the log; `otherwise` for what the others do not fit.
fn of_error(error: &JournalError, otherwise: ProblemKind) -> Problem {
    match error {
        JournalError::Corrupt(corrupt) => {
            let kind = match corrupt.kind {
                CorruptKind::JournalSuperblock | CorruptKind::JournalChecksum => {
                    ProblemKind::JournalSuperblock
                }
                CorruptKind::JournalMap => ProblemKind::JournalMap,
                _ => otherwise,
            };
            Problem::corrupt(kind, *corrupt)
        }
        JournalError::Unsupported { .. } => Problem::new(ProblemKind::JournalFeatures, place()),
        _ => Problem::new(ProblemKind::JournalRead, place()),
    }
}

/// A device that shows the file system as it is after replay.
type View = Arc<dyn BlockDevice>;
