//! Copies of the superblock and of the descriptors. Linux and its tools bring few of their fields
//! up to date, so only what a copy is good for counts: that it describes the same file system, and
//! places the metadata of groups where it is.

use extant_format::{BlockNr, GroupNr, Place, Superblock};

use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind, open};

/// Tables of descriptors that are compared, from the first copy on: more than there are with
/// `sparse_super`. Without, each group has a table of all groups.
const MOST_TABLES: usize = 64;

/// Compares the copies with what is in use.
pub(crate) fn check(image: &Image, problems: &mut Problems) {
    let geometry = image.geometry();
    let copies = geometry.groups_with_base_meta();
    let copies = copies.filter(|&group| group.get() != 0 && geometry.has_superblock(group));
    for (number, group) in copies.enumerate() {
        let block = geometry.group_first_block(group);
        let read = open::read_at(&**image.device(), block.byte_offset(image.block_size()));
        let same = read.is_ok_and(|copy| copy.is_ok_and(|copy| agrees(image.superblock(), &copy)));
        let at = Place::group(group).block(block.get());
        if !same {
            problems.push(Problem::new(ProblemKind::SuperblockCopy, at));
        } else if number < MOST_TABLES
            && let Some(wrong) = misplaced(image, block)
        {
            problems.push(Problem::new(ProblemKind::GroupCopy, at).found(wrong.get()));
        }
    }
}

/// Whether `copy` describes the same file system.
fn agrees(superblock: &Superblock, copy: &Superblock) -> bool {
    superblock.geometry() == copy.geometry() && superblock.raw().uuid == copy.raw().uuid
}

/// The first group whose metadata is elsewhere by the descriptors beside the copy at `beside`.
fn misplaced(image: &Image, beside: BlockNr) -> Option<GroupNr> {
    let geometry = image.geometry();
    let mut bytes = image.block_buffer();
    // With meta block groups, the others have copies of their own.
    let whole = geometry.first_meta_group().unwrap_or_else(|| geometry.desc_block_count());
    for index in 0..whole.min(geometry.desc_block_count()) {
        let block = geometry.desc_block(index, beside)?;
        if image.read(block.get(), &mut bytes).is_err() {
            return geometry.group(index * geometry.descs_per_block());
        }
        let first = index * geometry.descs_per_block();
        let descs = bytes.chunks_exact(geometry.desc_size() as usize);
        let mut groups = (first..geometry.group_count()).filter_map(|n| geometry.group(n));
        for (desc, group) in descs.zip(groups.by_ref()) {
            let known = image.group(group).desc;
            if known.is_some_and(|known| open::places(desc) != open::places_of(&known)) {
                return Some(group);
            }
        }
    }
    None
}
