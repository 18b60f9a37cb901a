//! Multi-mount protection: who has the file system open (feature `mmp`).

use extant_format::mmp::MmpState;
use extant_format::{CorruptKind, Mmp, Place};

use crate::image::Image;
use crate::report::Problems;
use crate::zones::Zones;
use crate::{Problem, ProblemKind};

/// Checks the block, and adds it to `zones`. Gives whether its place is known.
pub(crate) fn check(image: &Image, zones: &mut Zones, problems: &mut Problems) -> bool {
    let block = match Mmp::location(image.superblock()) {
        Ok(Some(block)) => block,
        Ok(None) => return true,
        Err(corrupt) => {
            problems.push(Problem::corrupt(ProblemKind::MmpBlock, corrupt));
            return false;
        }
    };
    let at = Place::structure("multi-mount protection").block(block.get());
    if zones.touches(&(block.get()..block.get() + 1)) {
        problems.push(Problem::new(ProblemKind::MmpBlock, at));
        return false;
    }
    let mut bytes = image.block_buffer();
    if image.read(block.get(), &mut bytes).is_err() {
        problems.push(Problem::new(ProblemKind::MmpBlock, at));
        return false;
    }
    match Mmp::parse(&bytes, image.superblock(), at) {
        Ok(mmp) => state(&mmp, at, problems),
        Err(corrupt) => {
            problems.push(Problem::corrupt(ProblemKind::MmpBlock, corrupt));
            // The right one may be elsewhere, and this one anything.
            if corrupt.kind == CorruptKind::MmpMagic {
                return false;
            }
        }
    }
    zones.add(block.get());
    true
}

/// What the sequence says. A zero is that of a block never used.
fn state(mmp: &Mmp, at: Place, problems: &mut Problems) {
    let kind = match mmp.state() {
        MmpState::Clean => return,
        MmpState::Unknown if mmp.sequence == 0 => return,
        MmpState::Active => ProblemKind::MmpActive,
        MmpState::Fsck | MmpState::Unknown => ProblemKind::MmpInUse,
    };
    problems.push(Problem::new(kind, at).found(mmp.sequence));
}
