//! Entry lists, and the area for them behind the inode's fields.

use super::{MAGIC, index, name};
use crate::le::{bytes_at, u16_at, u32_at};
use crate::{Corrupt, CorruptKind, Place, to_usize};

/// Bytes of an entry before its name.
pub(super) const HEADER: usize = 16;

/// The largest value that system calls take, and the largest in an entry's own area: 64 KiB.
pub const MAX_VALUE: u32 = 1 << 16;
/// The largest value in an inode of its own: 16 MiB.
pub const MAX_EA_INODE_VALUE: u32 = 1 << 24;

/// One extended attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct XattrEntry<'a> {
    /// The prefix number, see [`prefix`](super::prefix); may be an unknown one.
    pub name_index: u8,
    /// The name without its prefix, without zero bytes, at most 255.
    pub name: &'a [u8],
    /// The inode that holds the value, as stored; 0 if the value is in `value`.
    pub value_inode: u32,
    /// Offset of the value as stored: from the first entry in an inode, from the start of a block.
    pub value_offset: u16,
    /// Bytes of the value: at most [`MAX_VALUE`], or [`MAX_EA_INODE_VALUE`] with `value_inode`.
    pub value_size: u32,
    /// The hash of name and value as stored, see [`entry_hash`](super::entry_hash).
    pub hash: u32,
    /// The value, `None` if it is in an inode of its own.
    pub value: Option<&'a [u8]>,
}

impl XattrEntry<'_> {
    /// Whether system calls show the attribute. Inline data, encryption contexts and names of
    /// unknown prefixes are hidden, as Linux hides them. `trusted.` names are for the privileged
    /// only, which is the caller's matter.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        name::is_shown(self.name_index, self.name)
    }

    /// The full name, if the attribute [is shown](Self::is_shown).
    #[must_use]
    pub fn full_name(&self) -> Option<Vec<u8>> {
        let prefix = name::prefix(self.name_index).filter(|_| self.is_shown())?;
        Some([prefix.as_bytes(), self.name].concat())
    }
}

/// An area of entries and values.
#[derive(Clone, Copy)]
pub(super) struct Area<'a> {
    /// Value offsets count from its start.
    pub(super) bytes: &'a [u8],
    /// Where the entries start.
    pub(super) first: usize,
    /// The area, for errors.
    pub(super) at: Place,
    /// Where `bytes` starts in `at`.
    pub(super) base: usize,
}

impl<'a> Area<'a> {
    fn corrupt(&self, kind: CorruptKind, offset: usize) -> Corrupt {
        Corrupt::new(kind, self.at.offset(self.base + offset))
    }

    /// All entries, checked.
    pub(super) fn entries(&self) -> Result<Vec<XattrEntry<'a>>, Corrupt> {
        let mut entries = Vec::new();
        let mut at = self.first;
        loop {
            match u32_at(self.bytes, at) {
                None => return Err(self.corrupt(CorruptKind::XattrEntry, at)),
                Some(0) => break,
                Some(_) => {}
            }
            let entry = self.entry(at).map_err(|kind| self.corrupt(kind, at))?;
            entries.push((at, entry));
            at += HEADER + entry.name.len().next_multiple_of(4);
        }
        let floor = at + 4;
        entries
            .into_iter()
            .map(|(at, entry)| self.with_value(entry, floor).map_err(|kind| self.corrupt(kind, at)))
            .collect()
    }

    fn entry(&self, at: usize) -> Result<XattrEntry<'a>, CorruptKind> {
        let outside = CorruptKind::XattrEntry;
        let header = bytes_at(self.bytes, at, HEADER).ok_or(outside)?;
        let name_len = usize::from(*header.first().ok_or(outside)?);
        let name = bytes_at(self.bytes, at + HEADER, name_len).ok_or(outside)?;
        if name.contains(&0) {
            return Err(CorruptKind::XattrName);
        }
        Ok(XattrEntry {
            name_index: *header.get(1).ok_or(outside)?,
            name,
            value_offset: u16_at(header, 2).ok_or(outside)?,
            value_inode: u32_at(header, 4).ok_or(outside)?,
            value_size: u32_at(header, 8).ok_or(outside)?,
            hash: u32_at(header, 12).ok_or(outside)?,
            value: None,
        })
    }

    /// Finds the value of `entry`, which must not start below `floor`, the end of the entries. The
    /// offset of an empty value means nothing, and writers have left any number in it.
    fn with_value(
        &self,
        mut entry: XattrEntry<'a>,
        floor: usize,
    ) -> Result<XattrEntry<'a>, CorruptKind> {
        let most = if entry.value_inode == 0 { MAX_VALUE } else { MAX_EA_INODE_VALUE };
        if entry.value_size > most {
            return Err(CorruptKind::XattrValueSize);
        }
        if entry.value_inode != 0 {
            return Ok(entry);
        }
        let (offset, size) = (usize::from(entry.value_offset), to_usize(entry.value_size.into()));
        // Values take whole words: the last word must be inside the area, too.
        let fits = bytes_at(self.bytes, offset, size.next_multiple_of(4)).is_some();
        if size != 0 && (offset < floor || !fits) {
            return Err(CorruptKind::XattrValue);
        }
        let value = if size == 0 { Some(&[][..]) } else { bytes_at(self.bytes, offset, size) };
        entry.value = Some(value.ok_or(CorruptKind::XattrValue)?);
        Ok(entry)
    }
}

/// The attributes in an inode.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IbodyXattrs<'a> {
    /// In the order of the inode.
    pub entries: Vec<XattrEntry<'a>>,
}

impl<'a> IbodyXattrs<'a> {
    /// Reads the area from behind the inode's extra fields (128 + `i_extra_isize`) to its end.
    /// An area without the magic number holds no attributes. Errors are at offsets in the area.
    ///
    /// # Errors
    /// [`CorruptKind::XattrEntry`] for an entry that runs past the area, or a missing end mark;
    /// [`CorruptKind::XattrName`] for a zero byte in a name; [`CorruptKind::XattrValue`] for a
    /// value out of the area or over the entries; [`CorruptKind::XattrValueSize`].
    pub fn parse(ea_area: &'a [u8], at: Place) -> Result<Self, Corrupt> {
        if u32_at(ea_area, 0) != Some(MAGIC) {
            return Ok(Self::default());
        }
        let bytes = ea_area.get(4..).unwrap_or_default();
        Ok(Self { entries: Area { bytes, first: 0, at, base: 4 }.entries()? })
    }

    /// The entry of that prefix number and rest of the name.
    #[must_use]
    pub fn find(&self, name_index: u8, name: &[u8]) -> Option<&XattrEntry<'a>> {
        find(&self.entries, name_index, name)
    }

    /// The entry that holds inline data, `system.data`.
    #[must_use]
    pub fn inline_data(&self) -> Option<&XattrEntry<'a>> {
        self.find(index::SYSTEM, b"data")
    }
}

/// The first entry of that prefix number and rest of the name.
pub(super) fn find<'e, 'a>(
    entries: &'e [XattrEntry<'a>],
    name_index: u8,
    name: &[u8],
) -> Option<&'e XattrEntry<'a>> {
    entries.iter().find(|entry| entry.name_index == name_index && entry.name == name)
}
