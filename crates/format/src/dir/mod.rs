//! Directory blocks: linear entries, the checksum tail, hash tree nodes.
//!
//! Every directory block, hash tree nodes included, is a chain of entries that a linear scan can
//! walk: nodes look like one unused entry. A scan always advances by a checked length of at least
//! 12 bytes, so it ends on any bytes. Source: kernel documentation, `ext4/directory.rst`.

mod dot;
mod edit;
pub mod htree;
mod tail;

pub use dot::DotEntries;
pub use edit::{DirBlockMut, MAX_NAME};
pub use tail::{
    DIR_TAIL, dir_body, dir_body_mut, dir_tail, init_dir_tail, set_dir_checksum,
    verify_dir_checksum,
};

use crate::le::{bytes_at, u16_at, u32_at};
use crate::{BlockSize, Corrupt, CorruptKind, Place, to_usize};

/// Bytes before the name.
const HEADER: usize = 8;
/// The shortest entry, used or not: header and a name of one byte, rounded up to 4.
const MIN_REC_LEN: usize = 12;
/// The two hashes behind the name in directories that are both encrypted and casefolded.
const HASHES: usize = 8;

/// What the rules for entries depend on besides the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryRule {
    /// Decides how record lengths are decoded.
    pub block_size: BlockSize,
    /// The largest inode number.
    pub inodes_count: u32,
    /// Feature `filetype`: byte 7 is the file type. Without it the byte means nothing: it is the
    /// high byte of the length of names that have at most 255 bytes, and keeps the type where the
    /// feature was removed.
    pub has_filetype: bool,
    /// The directory is encrypted: names are ciphertext, in which any byte may occur.
    pub encrypted: bool,
    /// The directory is casefolded; with `encrypted`, hashes are stored behind the names.
    pub casefold: bool,
}

impl EntryRule {
    /// Whether entries other than `.` and `..` store their hashes behind the name.
    #[must_use]
    pub const fn has_hashes(&self) -> bool {
        self.encrypted && self.casefold
    }

    /// A record length as stored. With 64 KiB blocks, 0 and 65,535 mean a whole block and the two
    /// low bits carry bits 16 and 17.
    #[must_use]
    pub const fn decode_rec_len(&self, raw: u16) -> u32 {
        let raw = raw as u32;
        if self.block_size.bytes() < 65_536 {
            raw
        } else if raw == 0 || raw == 0xffff {
            65_536
        } else {
            (raw & 0xfffc) | ((raw & 3) << 16)
        }
    }

    /// The least record length of an entry named `name`.
    fn min_rec_len(&self, name: &[u8]) -> usize {
        let hashes = if self.has_hashes() && !is_dot(name) { HASHES } else { 0 };
        HEADER + name.len().next_multiple_of(4) + hashes
    }
}

/// `.` and `..`, which are never encrypted, hashed or casefolded.
fn is_dot(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}

/// One directory entry, used or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirEntry<'a> {
    /// Byte offset of the entry in the bytes scanned.
    pub offset: usize,
    /// The inode number, at most the inode count; 0 for an unused entry.
    pub inode: u32,
    /// Bytes to the next entry, decoded.
    pub rec_len: u32,
    /// The name as stored; ciphertext in an encrypted directory. Not empty if `inode` is not 0.
    pub name: &'a [u8],
    /// The file type byte, 0 (unknown) without the feature `filetype`.
    pub file_type: u8,
    /// Hash and minor hash stored behind the name in encrypted casefolded directories.
    pub hash_suffix: Option<(u32, u32)>,
    /// Whether the name may be shown: without slash and zero byte (plain text), or of at least 16
    /// bytes (ciphertext). Others are to be hidden and reported.
    pub name_valid: bool,
}

impl<'a> DirEntry<'a> {
    /// Whether the entry is `.` or `..`.
    #[must_use]
    pub fn is_dot(&self) -> bool {
        is_dot(self.name)
    }

    /// The name if it may be shown.
    ///
    /// # Errors
    /// [`CorruptKind::EncryptedName`] for a ciphertext below 16 bytes (`rule.encrypted`),
    /// [`CorruptKind::DirName`] for a plain name with a slash or a zero byte. `at` is the block.
    pub fn checked_name(&self, rule: &EntryRule, at: Place) -> Result<&'a [u8], Corrupt> {
        if self.name_valid {
            return Ok(self.name);
        }
        let kind = if rule.encrypted { CorruptKind::EncryptedName } else { CorruptKind::DirName };
        Err(Corrupt::new(kind, at.offset(self.offset)))
    }

    fn parse(bytes: &'a [u8], offset: usize, rule: &EntryRule) -> Result<Self, CorruptKind> {
        let entry = bytes.get(offset..).unwrap_or_default();
        let header: &[u8; HEADER] = entry.first_chunk().ok_or(CorruptKind::DirRecLen)?;
        let [_, _, _, _, _, _, name_len, byte7] = *header;
        let rec_len = rule.decode_rec_len(u16_at(header, 4).unwrap_or_default());
        let len = to_usize(rec_len.into());
        if len < MIN_REC_LEN || !len.is_multiple_of(4) || len > entry.len() {
            return Err(CorruptKind::DirRecLen);
        }
        let file_type = if rule.has_filetype { byte7 } else { 0 };
        let inode = u32_at(header, 0).unwrap_or_default();
        let record = entry.get(..len).ok_or(CorruptKind::DirRecLen)?;
        let name = bytes_at(record, HEADER, name_len.into()).ok_or(CorruptKind::DirNameLen)?;
        Self { offset, inode, rec_len, name, file_type, hash_suffix: None, name_valid: true }
            .checked(record, entry.len(), rule)
    }

    /// Applies the rules that need the whole entry; `rest` is the bytes from it to the end.
    fn checked(
        mut self,
        record: &[u8],
        rest: usize,
        rule: &EntryRule,
    ) -> Result<Self, CorruptKind> {
        let after = rest - record.len();
        // The kernel refuses a gap at the end in which no entry fits.
        if record.len() < rule.min_rec_len(self.name) || (1..MIN_REC_LEN).contains(&after) {
            return Err(CorruptKind::DirRecLen);
        }
        if self.inode == 0 {
            return Ok(self);
        }
        if self.name.is_empty() {
            return Err(CorruptKind::DirNameLen);
        }
        if self.inode > rule.inodes_count {
            return Err(CorruptKind::DirInode);
        }
        self.name_valid = name_valid(self.name, rule);
        if rule.has_hashes() && !is_dot(self.name) {
            let at = HEADER + self.name.len().next_multiple_of(4);
            self.hash_suffix = u32_at(record, at).zip(u32_at(record, at + 4));
        }
        Ok(self)
    }
}

fn name_valid(name: &[u8], rule: &EntryRule) -> bool {
    if is_dot(name) {
        true
    } else if rule.encrypted {
        name.len() >= crate::fscrypt::MIN_NAME
    } else {
        !name.iter().any(|&byte| byte == b'/' || byte == 0)
    }
}

/// The entries of one directory block.
#[derive(Debug)]
pub enum DirBlock {}

impl DirBlock {
    /// The entries in `bytes`: a directory block without its tail ([`dir_body`]), or a part of an
    /// inline directory. `at` is the block; errors are narrowed to the offset of the entry.
    #[must_use]
    pub fn entries<'a>(bytes: &'a [u8], rule: &EntryRule, at: Place) -> DirEntries<'a> {
        DirEntries { bytes, rule: *rule, at, next: 0 }
    }
}

/// Iterator over directory entries, unused ones included. Ends after the first error:
/// [`CorruptKind::DirRecLen`], [`CorruptKind::DirNameLen`] or [`CorruptKind::DirInode`].
#[derive(Clone, Debug)]
pub struct DirEntries<'a> {
    bytes: &'a [u8],
    rule: EntryRule,
    at: Place,
    next: usize,
}

impl<'a> DirEntries<'a> {
    /// The same iterator, started at byte `offset`, which must be the offset of an entry.
    #[must_use]
    pub fn from_offset(mut self, offset: usize) -> Self {
        self.next = offset;
        self
    }
}

impl<'a> Iterator for DirEntries<'a> {
    type Item = Result<DirEntry<'a>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.bytes.len() {
            return None;
        }
        let offset = self.next;
        match DirEntry::parse(self.bytes, offset, &self.rule) {
            Ok(entry) => {
                self.next += to_usize(entry.rec_len.into());
                Some(Ok(entry))
            }
            Err(kind) => {
                self.next = self.bytes.len();
                Some(Err(Corrupt::new(kind, self.at.offset(offset))))
            }
        }
    }
}

impl std::iter::FusedIterator for DirEntries<'_> {}

#[cfg(test)]
mod tests;
