//! File content in the inode (feature `inline_data`): the first 60 bytes where the block map would
//! be, the rest as the value of the attribute `system.data`, which is there even if empty.
//!
//! A directory has no `.` and `..`: the first four bytes are the parent's number, then entries fill
//! the other 56 bytes and, on their own, the attribute's value. Source: kernel documentation,
//! `ext4/inlinedata.rst`.

use crate::dir::{DirBlock, DirEntries, DirEntry, EntryRule};
use crate::le::u32_at;
use crate::{Corrupt, CorruptKind, Place};

/// Bytes in the inode itself.
pub const INODE_CAPACITY: usize = 60;
/// Bytes of the parent number in a directory.
const PARENT: usize = 4;

/// The content of a file, in two parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InlineData<'a> {
    /// Bytes from 0, at most 60.
    pub head: &'a [u8],
    /// Bytes from 60.
    pub tail: &'a [u8],
}

impl<'a> InlineData<'a> {
    /// The content of a file of `size` bytes: the 60 bytes `i_block` and the value of its
    /// `system.data`, if there is one.
    ///
    /// # Errors
    /// [`CorruptKind::InlineDataMissing`] without the attribute, [`CorruptKind::InlineDataSize`]
    /// if `size` is above what both parts hold.
    pub fn new(
        i_block: &'a [u8; INODE_CAPACITY],
        value: Option<&'a [u8]>,
        size: u64,
        at: Place,
    ) -> Result<Self, Corrupt> {
        let value = value.ok_or(Corrupt::new(CorruptKind::InlineDataMissing, at))?;
        let small = Corrupt::new(CorruptKind::InlineDataSize, at);
        let size = usize::try_from(size).map_err(|_| small)?;
        let head = i_block.get(..size.min(INODE_CAPACITY)).ok_or(small)?;
        let tail = value.get(..size.saturating_sub(INODE_CAPACITY)).ok_or(small)?;
        Ok(Self { head, tail })
    }

    /// Bytes of the content.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Whether the content is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// The whole content, copied together.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        [self.head, self.tail].concat()
    }
}

/// An inline directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InlineDir<'a> {
    /// Inode number of the parent, 1 to the inode count.
    pub parent: u32,
    data: InlineData<'a>,
    rule: EntryRule,
    at: Place,
}

impl<'a> InlineDir<'a> {
    /// Checks the content of a directory.
    ///
    /// # Errors
    /// [`CorruptKind::InlineDirectory`] if the content does not fill the inode's 60 bytes, or for
    /// a parent number of 0 or above the inode count.
    pub fn parse(data: InlineData<'a>, rule: &EntryRule, at: Place) -> Result<Self, Corrupt> {
        let wrong = Corrupt::new(CorruptKind::InlineDirectory, at);
        let parent = u32_at(data.head, 0).ok_or(wrong)?;
        let known = (1..=rule.inodes_count).contains(&parent);
        if !known || data.head.len() != INODE_CAPACITY {
            return Err(wrong);
        }
        Ok(Self { parent, data, rule: *rule, at })
    }

    /// All entries except `.` and `..`, unused ones included; offsets count in the whole content.
    /// An error ends the part it is in; entries of the other part still follow.
    pub fn entries(&self) -> impl Iterator<Item = Result<DirEntry<'a>, Corrupt>> + use<'a> {
        let head = self.data.head.get(PARENT..).unwrap_or_default();
        self.part(head, PARENT).chain(self.part(self.data.tail, INODE_CAPACITY))
    }

    fn part(
        &self,
        bytes: &'a [u8],
        base: usize,
    ) -> impl Iterator<Item = Result<DirEntry<'a>, Corrupt>> + use<'a> {
        let entries: DirEntries<'a> = DirBlock::entries(bytes, &self.rule, self.at);
        entries.map(move |result| match result {
            Ok(entry) => Ok(DirEntry { offset: entry.offset + base, ..entry }),
            Err(Corrupt { kind, mut at }) => {
                at.offset = at.offset.map(|offset| offset + base as u64);
                Err(Corrupt::new(kind, at))
            }
        })
    }
}

#[cfg(test)]
mod tests;
