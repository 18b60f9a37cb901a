//! Directories inside their inode: two parts of entries, of which the second, an attribute's
//! value, can grow as far as the inode has room. Then the directory moves into a block.

use extant_format::dir::{DirBlockMut, DotEntries};
use extant_format::extent::NodeBuf;
use extant_format::inline_data::INODE_CAPACITY;
use extant_format::inode::{MAP_SIZE, RawInode, map_bytes_mut};
use extant_format::xattr::{ibody_room, index, set_ibody_value};
use extant_format::{Corrupt, CorruptKind, Incompat, InodeFlags, InodeNr, Place};

use super::{DirEdit, set_size};
use crate::{Error, Result};

/// The attribute that holds the second part.
const DATA: (u8, &[u8]) = (index::SYSTEM, b"data");
/// Bytes of the parent's number, before the first part.
const PARENT: usize = 4;
/// The shortest entry.
const MIN_ENTRY: usize = 12;

/// The content of an inline directory.
struct Content {
    /// Parent number, and the first part.
    head: Vec<u8>,
    /// The second part.
    tail: Vec<u8>,
}

impl DirEdit<'_, '_> {
    fn content(&self) -> Result<Content> {
        let volume = self.changes.volume();
        volume.inline_dir(&self.inode, |_| ())?;
        let mut head = volume.inline_content(&self.inode)?;
        let tail = head.split_off(INODE_CAPACITY.min(head.len()));
        Ok(Content { head, tail })
    }

    /// Changes the part that has the entry at byte `offset` of the content; `change` gets its
    /// offset in the part.
    pub(super) fn change_inline(
        &mut self,
        offset: usize,
        change: impl FnOnce(&mut DirBlockMut<'_>, usize) -> Result<bool, Corrupt>,
    ) -> Result<bool> {
        let mut content = self.content()?;
        let (rule, at) = (self.dir().rule, Place::inode(self.inode.ino));
        let (part, offset) = match offset.checked_sub(INODE_CAPACITY) {
            Some(offset) => (&mut content.tail[..], offset),
            None => {
                (content.head.get_mut(PARENT..).unwrap_or_default(), offset - PARENT.min(offset))
            }
        };
        let changed = change(&mut DirBlockMut::new(part, &rule, at), offset)?;
        if changed {
            self.write_inline(&content)?;
        }
        Ok(changed)
    }

    /// Adds an entry, in a longer second part if need be; `false` if there is no room.
    pub(super) fn insert_inline(&mut self, record: &[u8]) -> Result<bool> {
        let mut content = self.content()?;
        let (rule, at) = (self.dir().rule, Place::inode(self.inode.ino));
        let head = content.head.get_mut(PARENT..).unwrap_or_default();
        if DirBlockMut::new(head, &rule, at).insert(record, 0)?
            || DirBlockMut::new(&mut content.tail, &rule, at).insert(record, 0)?
        {
            self.write_inline(&content)?;
            return Ok(true);
        }
        let covered = content.tail.len();
        let room = ibody_room(self.inode.ea_area(), DATA, at)?.unwrap_or_default();
        if room < covered + MIN_ENTRY {
            return Ok(false);
        }
        content.tail.resize(room, 0);
        let mut tail = DirBlockMut::new(&mut content.tail, &rule, at);
        tail.extend(covered)?;
        if !tail.insert(record, 0)? {
            return Ok(false);
        }
        self.write_inline(&content)?;
        Ok(true)
    }

    /// Writes the content, which the inode has room for, and the size.
    fn write_inline(&mut self, content: &Content) -> Result<()> {
        let at = Place::inode(self.inode.ino);
        let area = self.inode.ea_offset();
        let missing = Corrupt::new(CorruptKind::InlineDataMissing, at);
        // Tried on a copy: the inode has both parts, or is as it was.
        let mut slot = self.inode.bytes().to_vec();
        let ea_area = slot.get_mut(area..).unwrap_or_default();
        if !set_ibody_value(ea_area, DATA, Some(&content.tail), at)? {
            return Err(missing.into());
        }
        let map = map_bytes_mut(&mut slot);
        let map = map.get_mut(..content.head.len()).ok_or(missing)?;
        map.copy_from_slice(&content.head);
        let size = (content.head.len() + content.tail.len()) as u64;
        self.replace_slot(&slot, size)
    }

    fn replace_slot(&mut self, slot: &[u8], size: u64) -> Result<()> {
        self.change_slot(|to, large_dir| {
            to.copy_from_slice(slot);
            if let Some(raw) = RawInode::from_slot_mut(to) {
                set_size(raw, size, large_dir);
            }
        })
    }

    /// Moves the directory into a block.
    pub(super) fn leave_inline(&mut self) -> Result<()> {
        let at = Place::inode(self.inode.ino);
        let parent = self.changes.volume().inline_dir(&self.inode, |dir| dir.parent)?;
        let wrong = || Error::corrupt(CorruptKind::InlineDirectory, at);
        let parent = self.changes.volume().geometry().inode(parent).ok_or_else(wrong)?;
        let rule = self.dir().rule;
        let mut content = self.content()?;
        let head = content.head.get_mut(PARENT..).unwrap_or_default();
        let mut records = DotEntries::records(self.inode.ino, parent, &rule);
        records.extend(DirBlockMut::new(head, &rule, at).records(0)?);
        records.extend(DirBlockMut::new(&mut content.tail, &rule, at).records(0)?);

        let old = self.inode.bytes().to_vec();
        let (slot, size) = (self.without_inline_data()?, self.changes.volume().block_size());
        self.replace_slot(&slot, size.bytes64())?;
        let mapped = self.map_first(&records);
        if mapped.is_err() {
            self.changes.change_inode(self.inode.ino, |slot| slot.copy_from_slice(&old))?;
        }
        self.inode = self.changes.inode(self.inode.ino)?;
        mapped
    }

    /// The bytes of the inode with an empty map in place of inline data.
    fn without_inline_data(&self) -> Result<Vec<u8>> {
        let extents = self.changes.volume().superblock.features().incompat(Incompat::EXTENTS);
        let mut slot = self.inode.bytes().to_vec();
        let area = slot.get_mut(self.inode.ea_offset()..).unwrap_or_default();
        set_ibody_value(area, DATA, None, Place::inode(self.inode.ino))?;
        let map = map_bytes_mut(&mut slot);
        map.fill(0);
        let mut flags = self.inode.flags.without(InodeFlags::INLINE_DATA);
        if extents && NodeBuf::for_block(0, MAP_SIZE, false).write(map) {
            flags = flags.union(InodeFlags::EXTENTS);
        }
        if let Some(raw) = RawInode::from_slot_mut(&mut slot) {
            raw.flags.set(flags.bits());
        }
        Ok(slot)
    }

    /// Makes the inode an inline directory without entries.
    pub(super) fn init_inline(&mut self, parent: InodeNr) -> Result<()> {
        let mut head = vec![0; INODE_CAPACITY];
        self.put_parent(&mut head, parent);
        let (rule, at) = (self.dir().rule, Place::inode(self.inode.ino));
        let entries = head.get_mut(PARENT..).unwrap_or_default();
        DirBlockMut::new(entries, &rule, at).pack(&[]);
        self.write_inline(&Content { head, tail: Vec::new() })
    }

    pub(super) fn set_inline_parent(&mut self, parent: InodeNr) -> Result<()> {
        let mut content = self.content()?;
        self.put_parent(&mut content.head, parent);
        self.write_inline(&content)
    }

    fn put_parent(&self, head: &mut [u8], parent: InodeNr) {
        if let Some(number) = head.first_chunk_mut::<PARENT>() {
            *number = parent.get().to_le_bytes();
        }
    }
}
