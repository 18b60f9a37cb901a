//! Changing block maps: mapping and unmapping ranges of extent trees and indirect blocks.
//!
//! Each function verifies all of the map that it will touch before its first change, keeps the
//! tree valid for readers, and brings the inode's count of blocks and the bitmaps along. What can
//! fail later is space, bitmaps and the device: after such an error the map may be half changed,
//! and either the changes are dropped, or blocks are lost but never in two places.
//!
//! Repeating a call changes nothing.

mod clusters;
mod edit;
mod extents;
mod indirect;
mod tree;

use extant_format::{
    BlockNr, CorruptKind, Extent, Inode, InodeFlags, InodeNr, LogicalBlock, Place,
};

use crate::changes::Changes;
use crate::map::walk::{Run, has_map};
use crate::{Error, Result, Volume};

/// Unmaps the logical blocks from `from` to before `end` of inode `ino` and frees their blocks,
/// and those of the map that become empty. Of a cluster that other blocks of the inode share,
/// nothing is freed. The size of the file is the caller's. An inode without a map has nothing to
/// free.
///
/// # Errors
/// [`Error::Corrupt`] for a map that breaks a rule (before any change) or a bitmap that cannot be
/// changed (the map is right then, the blocks stay in use); [`Error::NoSpace`] where one extent
/// becomes two and there is no block for the tree; those of blocks read and written.
pub(crate) fn free_range(
    changes: &mut Changes<'_>,
    ino: InodeNr,
    from: LogicalBlock,
    end: u64,
) -> Result<()> {
    let inode = changes.inode(ino)?;
    let range = u64::from(from.get())..end;
    if range.is_empty() || !has_map(&inode) {
        return Ok(());
    }
    if inode.flags.contains(InodeFlags::EXTENTS) {
        extents::free(changes, inode, range)
    } else {
        indirect::free(changes, inode, range)
    }
}

/// Maps the range of `extent`, of any length that stays inside the file system, to exactly its
/// blocks and state, and marks these as used. Other blocks that were mapped there are freed. The
/// inode is mapped by extents.
///
/// # Errors
/// [`Error::Corrupt`] for an extent that no file may have, an inode without extents, or a map that
/// breaks a rule; [`Error::NoSpace`]; those of blocks read and written.
pub(crate) fn insert_range(changes: &mut Changes<'_>, ino: InodeNr, extent: Extent) -> Result<()> {
    let inode = changes.inode(ino)?;
    if !has_map(&inode) || !inode.flags.contains(InodeFlags::EXTENTS) {
        return Err(Error::corrupt(CorruptKind::InodeFlags, Place::inode(ino)));
    }
    check_extent(changes.volume(), &inode, &extent)?;
    extents::insert(changes, inode, extent)
}

/// Maps block `logical` of inode `ino`, however it is mapped, to `block`, written, as
/// [`insert_range`] does: for the content of directories.
///
/// # Errors
/// Those of [`insert_range`]; [`Error::NoSpace`] for numbers that indirect blocks do not reach.
pub(crate) fn append_block(
    changes: &mut Changes<'_>,
    ino: InodeNr,
    logical: LogicalBlock,
    block: BlockNr,
) -> Result<()> {
    let inode = changes.inode(ino)?;
    if inode.flags.contains(InodeFlags::EXTENTS) {
        return insert_range(
            changes,
            ino,
            Extent { logical, len: 1, start: block, unwritten: false },
        );
    }
    if !has_map(&inode) {
        return Err(Error::corrupt(CorruptKind::InodeFlags, Place::inode(ino)));
    }
    changes.volume().check_zones(&inode, block, 1)?;
    indirect::insert(changes, inode, logical, block)
}

/// Calls `f(start, len, is_map_block)` for every run of blocks that the inode occupies through its
/// map: data and the blocks of the map itself. Each is verified and inside the file system.
///
/// # Errors
/// [`Error::Corrupt`] for a map that breaks a rule, those of a block read.
pub(crate) fn each_run(
    volume: &Volume,
    inode: &Inode,
    mut f: impl FnMut(BlockNr, u64, bool),
) -> Result<()> {
    if !has_map(inode) {
        return Ok(());
    }
    volume.walk_map(inode, 0..u64::MAX, &mut |run| {
        match run {
            Run::Data(run) => f(run.start, run.len, false),
            Run::Map(nr) => f(nr, 1, true),
        }
        Ok(())
    })
}

/// What the inode takes through its map, data and tree, in units of 512 bytes: all that its count
/// says but for attributes.
///
/// # Errors
/// Those of [`each_run`].
pub(crate) fn mapped_512(volume: &Volume, inode: &Inode) -> Result<u64> {
    if !has_map(inode) {
        return Ok(0);
    }
    let clusters = clusters::count(volume, inode, 0..u64::MAX)?;
    Ok(clusters * clusters::units_512(volume.geometry()))
}

/// An extent of `inode` must be one that reading accepts.
fn check_extent(volume: &Volume, inode: &Inode, extent: &Extent) -> Result<()> {
    let at = Place::inode(inode.ino).logical(extent.logical).block(extent.start.get());
    if extent.len == 0 {
        return Err(Error::corrupt(CorruptKind::ExtentLength, at));
    }
    if extent.end() > u64::from(LogicalBlock::MAX.get()) + 1 {
        return Err(Error::corrupt(CorruptKind::ExtentLogicalRange, at));
    }
    if volume.geometry().run(extent.start.get(), extent.len.into()).is_none() {
        return Err(Error::corrupt(CorruptKind::ExtentPhysicalRange, at));
    }
    volume.check_zones(inode, extent.start, extent.len.into())
}

#[cfg(test)]
mod tests;
