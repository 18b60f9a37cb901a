//! Inodes that the superblock names: the journal's, the orphan file's, those of quota.

use extant_format::inode::RawInode;
use extant_format::{FileType, Inode};
use zerocopy::FromBytes;

use crate::Problem;
use crate::image::Image;
use crate::map::Runs;

/// Why such an inode cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unusable {
    /// It does not exist, is free, or is no regular file.
    Missing,
    /// The phase of inodes tells what is wrong with it.
    Told,
}

/// What is wrong with a structure; `None` if another phase tells it.
pub(crate) type Wrong = Option<Box<Problem>>;

/// A problem as an error.
pub(crate) fn wrong(problem: Problem) -> Wrong {
    Some(Box::new(problem))
}

/// Inode `number`, a regular file in use, and what it maps.
pub(crate) fn file(image: &Image, number: u32) -> Result<(Inode, Runs), Unusable> {
    let ino = image.geometry().inode(number).ok_or(Unusable::Missing)?;
    let bytes = image.inode_bytes(ino).ok_or(Unusable::Told)?;
    let (raw, _) = RawInode::ref_from_prefix(&bytes).map_err(|_| Unusable::Told)?;
    if raw.links_count.get() == 0 {
        return Err(Unusable::Missing);
    }
    if FileType::from_mode(raw.mode.get()).is_none() {
        return Err(Unusable::Told);
    }
    let inode = image.inode(ino).ok_or(Unusable::Told)?;
    if inode.file_type != FileType::Regular {
        return Err(Unusable::Missing);
    }
    let runs = Runs::of(image, &inode).ok_or(Unusable::Told)?;
    let written = runs.list.iter().filter(|run| !run.unwritten);
    let end = written.map(|run| run.logical + run.len).max().unwrap_or(0);
    if inode.size < end.saturating_sub(1) << image.block_size().bits() {
        return Err(Unusable::Told);
    }
    Ok((inode, runs))
}
