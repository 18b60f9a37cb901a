//! Attribute values in inodes of their own, of which each reference of a deleted inode goes away,
//! and with the last one the value.

use extant_block::IoFlags;
use extant_format::inode::RawInode;
use extant_format::xattr::{EaInode, IbodyXattrs, XattrEntry};
use extant_format::{Corrupt, CorruptKind, FileType, Inode, InodeFlags, LogicalBlock, Place};
use extant_sync::clock::Timestamp;

use super::delete::free_inode;
use crate::changes::Changes;
use crate::map::change::free_range;
use crate::{Error, InodeUse, Result};

/// A reference to a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    /// The number of its inode, as stored.
    number: u32,
    /// The hash of its entry.
    hash: u32,
}

/// The references of `entries`.
pub(super) fn of_entries(entries: &[XattrEntry<'_>]) -> Vec<Value> {
    let outside = entries.iter().filter(|entry| entry.value_inode != 0);
    outside.map(|entry| Value { number: entry.value_inode, hash: entry.hash }).collect()
}

/// The references of the attributes in the inode itself.
pub(super) fn in_inode(inode: &Inode) -> Result<Vec<Value>> {
    let at = Place::inode(inode.ino).offset(inode.ea_offset());
    Ok(of_entries(&IbodyXattrs::parse(inode.ea_area(), at)?.entries))
}

/// Drops one reference that the deleted inode `owner` had. Returns what is wrong with a value that
/// cannot be trusted, which stays as it is (row 38).
pub(super) fn release(
    changes: &mut Changes<'_>,
    owner: &Inode,
    value: Value,
    now: Timestamp,
) -> Result<Option<Corrupt>> {
    match drop_reference(changes, owner, value, now) {
        Err(Error::Corrupt(corrupt)) => Ok(Some(corrupt)),
        done => done.map(|()| None),
    }
}

fn drop_reference(
    changes: &mut Changes<'_>,
    owner: &Inode,
    value: Value,
    now: Timestamp,
) -> Result<()> {
    let holder = holder(changes, owner, value)?;
    let fields = EaInode::of(&holder);
    // The old form belongs to one inode and has no count.
    let old = fields.hash != value.hash && fields.is_owned_by(owner.ino.get(), owner.generation);
    let refcount = if old { 1 } else { fields.refcount };
    match refcount.checked_sub(1) {
        None => Err(bad(&holder)),
        Some(0) => {
            free_range(changes, holder.ino, LogicalBlock::ZERO, u64::MAX)?;
            free_inode(changes, &holder, now)
        }
        Some(rest) => changes.change_inode(holder.ino, |slot| {
            if let Some(raw) = RawInode::from_slot_mut(slot) {
                EaInode::set_refcount(raw, rest);
            }
        }),
    }
}

/// The inode of a value, if it is one, in use, and has no attributes itself.
fn holder(changes: &Changes<'_>, owner: &Inode, value: Value) -> Result<Inode> {
    let volume = changes.volume();
    let ino = volume.geometry().inode(value.number).filter(|ino| *ino != owner.ino);
    let ino = ino.ok_or_else(|| bad(owner))?;
    if !changes.inode_in_use(ino)? {
        return Err(bad(owner));
    }
    let holder = volume.inode(ino, InodeUse::AttributeValue, IoFlags::NONE)?;
    let usable = holder.flags.contains(InodeFlags::EA_INODE)
        && holder.file_type == FileType::Regular
        && holder.file_acl == 0;
    if usable { Ok(holder) } else { Err(bad(&holder)) }
}

fn bad(inode: &Inode) -> Error {
    Error::corrupt(CorruptKind::EaInode, Place::inode(inode.ino))
}
