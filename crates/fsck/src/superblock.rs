//! Fields of the superblock that the parser leaves alone.

use extant_format::Place;
use extant_format::superblock::state;

use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// Bytes of an inode without extra fields.
const BASE_INODE: u32 = 128;

/// Checks the fields of the superblock in use.
pub(crate) fn check(image: &Image, problems: &mut Problems) {
    let superblock = image.superblock();
    let raw = superblock.raw();
    let blocks = image.geometry().blocks_count();
    if superblock.reserved_blocks() > blocks / 2 {
        let problem = Problem::new(ProblemKind::SuperblockReserved, Place::superblock());
        problems.push(problem.found(superblock.reserved_blocks()).expected(blocks / 2));
    }
    let room = image.geometry().inode_size() - BASE_INODE;
    let sizes = [raw.min_extra_isize.get(), raw.want_extra_isize.get()];
    let impossible = sizes.iter().find(|&&size| u32::from(size) > room || size % 4 != 0);
    if let Some(&size) = impossible.filter(|_| room > 0) {
        let problem = Problem::new(ProblemKind::SuperblockExtraSize, Place::superblock());
        problems.push(problem.found(size));
    }
    if raw.state.get() & state::ERRORS != 0 || raw.error_count.get() != 0 {
        let problem = Problem::new(ProblemKind::SuperblockErrors, Place::superblock());
        problems.push(problem.found(raw.error_count.get()));
    }
}
