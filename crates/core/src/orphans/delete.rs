//! Deleting an inode that has no links: map, attributes, then the inode itself.
//!
//! All that the inode says is read before the first change. An attribute value that is not what it
//! should be is damage of its own and does not keep the inode.

use extant_block::IoFlags;
use extant_format::inode::{RawInode, map_bytes_mut};
use extant_format::xattr::{BlockXattrs, set_block_refcount};
use extant_format::{BlockNr, Corrupt, FileType, Inode, LogicalBlock, Place};
use extant_sync::clock::Timestamp;

use super::values::{self, Value};
use crate::Result;
use crate::changes::{Changes, Mark};
use crate::map::change::free_range;

/// The attribute block of an inode to be deleted.
struct AttributeBlock {
    nr: BlockNr,
    refcount: u32,
    values: Vec<Value>,
}

/// Deletes `inode`, whatever links it has, at time `now`. Returns what was wrong with attribute
/// values that it alone had: they are left.
///
/// # Errors
/// [`Error::Corrupt`](crate::Error::Corrupt) for a bad map, attributes or bitmaps, those of the
/// device. If anything was changed then, blocks are lost but none is in two places.
pub(crate) fn delete_inode(
    changes: &mut Changes<'_>,
    inode: &Inode,
    now: Timestamp,
) -> Result<Vec<Corrupt>> {
    let mut dropped = values::in_inode(inode)?;
    let block = attribute_block(changes, inode)?;
    free_range(changes, inode.ino, LogicalBlock::ZERO, u64::MAX)?;
    if let Some(block) = block {
        if block.refcount > 1 {
            share_less(changes, &block)?;
        } else {
            changes.mark_blocks(block.nr, 1, Mark::Free)?;
            dropped.extend(block.values);
        }
    }
    let mut wrong = Vec::new();
    for value in dropped {
        wrong.extend(values::release(changes, inode, value, now)?);
    }
    free_inode(changes, inode, now)?;
    Ok(wrong)
}

fn attribute_block(changes: &Changes<'_>, inode: &Inode) -> Result<Option<AttributeBlock>> {
    let Some((nr, block)) = changes.volume().xattr_block(inode, IoFlags::NONE)? else {
        return Ok(None);
    };
    let at = Place::inode(inode.ino).block(nr.get());
    let parsed = BlockXattrs::parse(block.bytes(), nr, None, at)?;
    let values = values::of_entries(&parsed.entries);
    Ok(Some(AttributeBlock { nr, refcount: parsed.refcount, values }))
}

/// One inode less has the attribute block.
fn share_less(changes: &mut Changes<'_>, block: &AttributeBlock) -> Result<()> {
    let superblock = changes.volume().superblock();
    let seed = superblock.features().metadata_csum().then(|| superblock.seed());
    let refcount = block.refcount - 1;
    changes.change(block.nr, |bytes| set_block_refcount(bytes, block.nr, seed, refcount))
}

/// Frees an inode that has nothing any more.
pub(super) fn free_inode(changes: &mut Changes<'_>, inode: &Inode, now: Timestamp) -> Result<()> {
    // The field has the low half of the seconds since 1970.
    let [a, b, c, d, ..] = now.secs.to_le_bytes();
    let deleted = u32::from_le_bytes([a, b, c, d]);
    changes.change_inode(inode.ino, |slot| {
        if inode.is_fast_symlink() {
            map_bytes_mut(slot).fill(0);
        }
        if let Some(raw) = RawInode::from_slot_mut(slot) {
            raw.erase(deleted);
        }
    })?;
    changes.mark_inode(inode.ino, Mark::Free, inode.file_type == FileType::Directory)
}
