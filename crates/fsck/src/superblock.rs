//! Fields of the superblock that the parser leaves alone.

use extant_format::Place;
use extant_format::superblock::state;

use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// Bytes of an inode without extra fields.
const BASE_INODE: u32 = 128;
/// The largest group descriptor, in bytes.
const MAX_DESC_SIZE: u64 = 1024;
/// The logarithm of the most groups of a flexible one.
const MAX_LOG_FLEX: u64 = 31;

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
        let mut problem = Problem::new(ProblemKind::SuperblockErrors, Place::superblock());
        problem.found = Some(raw.error_count.get().into()).filter(|&count: &u64| count != 0);
        problems.push(problem);
    }
    if let Some(value) = impossible_value(image) {
        let problem = Problem::new(ProblemKind::SuperblockValue, Place::superblock());
        problems.push(problem.found(value));
    }
}

/// A value that no file system has, in a field whose feature is not set.
fn impossible_value(image: &Image) -> Option<u64> {
    let raw = image.superblock().raw();
    let desc_size = u64::from(raw.desc_size.get());
    let reserved = u64::from(raw.reserved_gdt_blocks.get());
    let flex = u64::from(raw.log_groups_per_flex);
    let odd_size = desc_size > MAX_DESC_SIZE || (desc_size != 0 && !desc_size.is_power_of_two());
    let wrong = [
        (odd_size, desc_size),
        (reserved > image.block_size().bytes64() / 4, reserved),
        (flex > MAX_LOG_FLEX, flex),
    ];
    wrong.into_iter().find_map(|(wrong, value)| wrong.then_some(value))
}
