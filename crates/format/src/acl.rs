//! POSIX access control lists: the compact form on disk, and the form of the system calls.
//!
//! On disk (version 1) the entries without an id take 4 bytes and those with one 8, so their number
//! follows from the size; in getxattr(2) (version 2) all take 8. Source: kernel documentation,
//! `ext4/attributes.rst`, "POSIX ACLs".

use crate::le::{bytes_at, u16_at, u32_at};
use crate::{Corrupt, CorruptKind, Place};

const DISK_VERSION: u32 = 1;
const XATTR_VERSION: u32 = 2;
const NO_ID: u32 = u32::MAX;

/// Whom an entry is for. The order is the order in a list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AclTag {
    /// The owner.
    UserObj,
    /// The user of this id.
    User(u32),
    /// The owning group.
    GroupObj,
    /// The group of this id.
    Group(u32),
    /// The most that named users, named groups and the owning group get.
    Mask,
    /// Everyone else.
    Other,
}

impl AclTag {
    /// From the tag word on disk; `id` is asked for only by the tags that have one.
    fn from_raw(tag: u16, id: impl FnOnce() -> Option<u32>) -> Option<Self> {
        Some(match tag {
            0x01 => Self::UserObj,
            0x02 => Self::User(id()?),
            0x04 => Self::GroupObj,
            0x08 => Self::Group(id()?),
            0x10 => Self::Mask,
            0x20 => Self::Other,
            _ => return None,
        })
    }

    /// The tag word, the same in both forms.
    #[must_use]
    pub const fn raw(self) -> u16 {
        match self {
            Self::UserObj => 0x01,
            Self::User(_) => 0x02,
            Self::GroupObj => 0x04,
            Self::Group(_) => 0x08,
            Self::Mask => 0x10,
            Self::Other => 0x20,
        }
    }

    /// The id of a named user or group.
    #[must_use]
    pub const fn id(self) -> Option<u32> {
        match self {
            Self::User(id) | Self::Group(id) => Some(id),
            _ => None,
        }
    }
}

/// One entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AclEntry {
    /// Whom it is for.
    pub tag: AclTag,
    /// 4 read, 2 write, 1 execute; at most 7.
    pub perm: u16,
}

/// A checked list: owner, named users, owning group, named groups, mask, others, in this order,
/// the mask present if anyone is named. An empty list stands for no list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Acl {
    entries: Vec<AclEntry>,
}

impl Acl {
    /// Reads the value of an on-disk ACL attribute (prefix number 2 or 3).
    ///
    /// # Errors
    /// [`CorruptKind::AclMalformed`] for an unknown version, a size that no list has, an unknown
    /// tag or permission, or entries that are missing, doubled or out of order.
    pub fn parse(value: &[u8], at: Place) -> Result<Self, Corrupt> {
        let malformed = Corrupt::new(CorruptKind::AclMalformed, at);
        if u32_at(value, 0) != Some(DISK_VERSION) {
            return Err(malformed);
        }
        let mut entries = Vec::new();
        let mut offset = 4;
        while offset < value.len() {
            let entry = entry_at(value, offset)
                .ok_or(Corrupt::new(CorruptKind::AclMalformed, at.offset(offset)))?;
            offset += if entry.tag.id().is_some() { 8 } else { 4 };
            entries.push(entry);
        }
        if !is_valid(&entries) {
            return Err(malformed);
        }
        Ok(Self { entries })
    }

    /// The entries in order.
    #[must_use]
    pub fn entries(&self) -> &[AclEntry] {
        &self.entries
    }

    /// Whether this stands for no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value as getxattr(2) gives it: `le32` version 2, then for each entry `le16` tag, `le16`
    /// permissions and `le32` id, all ones where there is none.
    #[must_use]
    pub fn to_xattr_bytes(&self) -> Vec<u8> {
        let entries = self.entries.iter().flat_map(|entry| {
            let [tag0, tag1] = entry.tag.raw().to_le_bytes();
            let [perm0, perm1] = entry.perm.to_le_bytes();
            let [id0, id1, id2, id3] = entry.tag.id().unwrap_or(NO_ID).to_le_bytes();
            [tag0, tag1, perm0, perm1, id0, id1, id2, id3]
        });
        XATTR_VERSION.to_le_bytes().into_iter().chain(entries).collect()
    }
}

fn entry_at(value: &[u8], offset: usize) -> Option<AclEntry> {
    let short = bytes_at(value, offset, 4)?;
    let tag = AclTag::from_raw(u16_at(short, 0)?, || u32_at(value, offset + 4))?;
    let perm = u16_at(short, 2).filter(|perm| *perm <= 7)?;
    Some(AclEntry { tag, perm })
}

/// The rules of POSIX.1e 23.1.5 that concern one list alone. Ids need not be in order, as in
/// Linux.
fn is_valid(entries: &[AclEntry]) -> bool {
    let count = |raw: u16| entries.iter().filter(|entry| entry.tag.raw() == raw).count();
    let named = entries.iter().any(|entry| entry.tag.id().is_some());
    let complete = [0x01, 0x04, 0x20].into_iter().all(|raw| count(raw) == 1)
        && (usize::from(named)..=1).contains(&count(0x10));
    entries.is_empty() || complete && entries.is_sorted_by(|a, b| a.tag.raw() <= b.tag.raw())
}

#[cfg(test)]
mod tests;
