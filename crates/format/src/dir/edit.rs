//! Changing the entries of a directory block or of a part of an inline directory.
//!
//! A *record* is the shortest form of an entry: header, padded name and the hashes where there are
//! any. Records are moved as they are, so that bytes without a meaning here survive. Every change
//! leaves a chain of entries that covers the whole body; a body that is no such chain is not
//! changed. Source: kernel documentation, `ext4/directory.rst`.

use super::{DirBlock, DirEntry, EntryRule, HEADER, MIN_REC_LEN};
use crate::le::{bytes_at, put_at};
use crate::{Corrupt, FileType, InodeNr, Place, to_usize};

/// The longest name.
pub const MAX_NAME: usize = 255;

impl EntryRule {
    /// A record length, at most a block, as it is stored; see
    /// [`decode_rec_len`](Self::decode_rec_len).
    #[must_use]
    pub const fn encode_rec_len(&self, len: usize) -> u16 {
        let high = len >> 16 & 3;
        #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
        let word = (len & 0xfffc | high) as u16;
        if high != 0 && len & 0xfffc == 0 { 0xffff } else { word }
    }

    /// The record of an entry called `name`, of 1 to [`MAX_NAME`] bytes; `None` for other lengths,
    /// and for names whose hashes would have to be stored, which takes a key.
    #[must_use]
    pub fn record(&self, ino: InodeNr, name: &[u8], file_type: FileType) -> Option<Vec<u8>> {
        let len = self.min_rec_len(name);
        let name_len = u8::try_from(name.len()).ok().filter(|&len| len > 0)?;
        if self.has_hashes() && !super::is_dot(name) {
            return None;
        }
        let mut record = Vec::with_capacity(len);
        record.extend(ino.get().to_le_bytes());
        record.extend(self.encode_rec_len(len).to_le_bytes());
        record.extend([name_len, self.type_byte(file_type)]);
        record.extend(name);
        record.resize(len, 0);
        Some(record)
    }

    fn type_byte(&self, file_type: FileType) -> u8 {
        if self.has_filetype { file_type.dir_entry_byte() } else { 0 }
    }
}

/// The entries of a directory block, without its tail, or of a part of an inline directory, to be
/// changed.
#[derive(Debug)]
pub struct DirBlockMut<'b> {
    body: &'b mut [u8],
    rule: EntryRule,
    at: Place,
}

impl<'b> DirBlockMut<'b> {
    /// The entries in `body`, which [`DirBlock::entries`] describes.
    #[must_use]
    pub fn new(body: &'b mut [u8], rule: &EntryRule, at: Place) -> Self {
        Self { body, rule: *rule, at }
    }

    fn entries(&self) -> Result<Vec<DirEntry<'_>>, Corrupt> {
        DirBlock::entries(self.body, &self.rule, self.at).collect()
    }

    /// The records of all entries in use from byte `from` on, in their order.
    ///
    /// # Errors
    /// Those of [`DirBlock::entries`], for any part of the body.
    pub fn records(&self, from: usize) -> Result<Vec<Vec<u8>>, Corrupt> {
        let entries = self.entries()?;
        let used = entries.iter().filter(|entry| entry.inode != 0 && entry.offset >= from);
        Ok(used.filter_map(|entry| self.record(entry)).collect())
    }

    fn record(&self, entry: &DirEntry<'_>) -> Option<Vec<u8>> {
        let len = self.rule.min_rec_len(entry.name);
        let mut record = bytes_at(self.body, entry.offset, len)?.to_vec();
        put_at(&mut record, 4, &self.rule.encode_rec_len(len).to_le_bytes());
        Some(record)
    }

    /// Puts `record` into the first room for it that begins in an entry at byte `from` or behind;
    /// `false` if there is none.
    ///
    /// # Errors
    /// Those of [`DirBlock::entries`], for any part of the body; nothing is changed then.
    pub fn insert(&mut self, record: &[u8], from: usize) -> Result<bool, Corrupt> {
        let used = |entry: &DirEntry<'_>| match entry.inode {
            0 => 0,
            _ => self.rule.min_rec_len(entry.name),
        };
        let entries = self.entries()?;
        let fits = |entry: &&DirEntry<'_>| {
            entry.offset >= from && to_usize(entry.rec_len.into()) >= used(entry) + record.len()
        };
        let Some(room) = entries.iter().find(fits) else { return Ok(false) };
        let (offset, used) = (room.offset, used(room));
        let len = to_usize(room.rec_len.into());
        if used > 0 {
            self.set_rec_len(offset, used);
        }
        put_at(self.body, offset + used, record);
        self.set_rec_len(offset + used, len - used);
        Ok(true)
    }

    /// Takes the entry at byte `offset` away: its room becomes that of the entry before it, or an
    /// unused entry if it is the first. `false` if no entry in use is there.
    ///
    /// # Errors
    /// Those of [`DirBlock::entries`], for any part of the body; nothing is changed then.
    pub fn remove(&mut self, offset: usize) -> Result<bool, Corrupt> {
        let entries = self.entries()?;
        let index = entries.iter().position(|entry| entry.offset == offset && entry.inode != 0);
        let Some(index) = index else { return Ok(false) };
        let len = |index: usize| entries.get(index).map(|e| (e.offset, to_usize(e.rec_len.into())));
        match index.checked_sub(1).and_then(len).zip(len(index)) {
            Some(((before, room), (_, freed))) => self.set_rec_len(before, room + freed),
            None => put_at(self.body, offset, &[0; 4]),
        }
        Ok(true)
    }

    /// Points the entry at byte `offset` to another inode. `false` if no entry in use is there.
    ///
    /// # Errors
    /// Those of [`DirBlock::entries`], for any part of the body; nothing is changed then.
    pub fn retarget(
        &mut self,
        offset: usize,
        ino: InodeNr,
        file_type: FileType,
    ) -> Result<bool, Corrupt> {
        let found = self.entries()?.iter().any(|e| e.offset == offset && e.inode != 0);
        if found {
            put_at(self.body, offset, &ino.get().to_le_bytes());
            if self.rule.has_filetype {
                put_at(self.body, offset + 7, &[file_type.dir_entry_byte()]);
            }
        }
        Ok(found)
    }

    /// Replaces all entries by `records`, one behind the other, the last one up to the end;
    /// without records by one unused entry. `false`, and nothing changed, if they do not fit.
    pub fn pack(&mut self, records: &[Vec<u8>]) -> bool {
        let total: usize = records.iter().map(Vec::len).sum();
        if total > self.body.len() || self.body.len() < MIN_REC_LEN {
            return false;
        }
        self.body.fill(0);
        let mut offset = 0;
        let mut last = 0;
        for record in records {
            put_at(self.body, offset, record);
            self.set_rec_len(offset, record.len());
            last = offset;
            offset += record.len();
        }
        self.set_rec_len(last, self.body.len() - last);
        true
    }

    /// Lets the chain of entries, which covers the first `covered` bytes, cover the whole body:
    /// the last entry grows, or an unused one is made where there was none.
    ///
    /// # Errors
    /// Those of [`DirBlock::entries`], for the bytes covered; nothing is changed then.
    pub fn extend(&mut self, covered: usize) -> Result<(), Corrupt> {
        let before = self.body.get(..covered).unwrap_or_default();
        let entries = DirBlock::entries(before, &self.rule, self.at);
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let last = entries.last().map_or(0, |entry| entry.offset);
        if entries.is_empty() {
            put_at(self.body, 0, &[0; HEADER]);
        }
        self.set_rec_len(last, self.body.len() - last);
        Ok(())
    }

    fn set_rec_len(&mut self, offset: usize, len: usize) {
        put_at(self.body, offset + 4, &self.rule.encode_rec_len(len).to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
