//! Fast commits: records of tag, length and value in the area behind the log.

use std::collections::BTreeMap;

use super::Geometry;
use super::bytes::{Blocks, le16, le32};

/// The kinds of records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FastTag {
    /// An extent of a file.
    AddRange = 1,
    /// A range of a file without blocks.
    DelRange = 2,
    /// A name for a new inode.
    Create = 3,
    /// A further name.
    Link = 4,
    /// A name that went.
    Unlink = 5,
    /// An inode.
    Inode = 6,
    /// The rest of a block.
    Pad = 7,
    /// The end of a fast commit.
    Tail = 8,
    /// The first record of the area.
    Head = 9,
}

impl FastTag {
    /// All of them, by number.
    pub const ALL: [Self; 9] = [
        Self::AddRange,
        Self::DelRange,
        Self::Create,
        Self::Link,
        Self::Unlink,
        Self::Inode,
        Self::Pad,
        Self::Tail,
        Self::Head,
    ];
}

/// The fast commits that belong to the end of the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FastLog {
    /// Records up to the last tail, by kind.
    pub records: BTreeMap<FastTag, usize>,
    /// Blocks up to the last tail.
    pub used: u32,
    /// Blocks of the area that commits may use.
    pub capacity: u32,
    /// Byte offset in the image of the block with the last tail; 0 without one.
    pub last_at: u64,
}

impl FastLog {
    /// Fast commits: their tails.
    #[must_use]
    pub fn commits(&self) -> usize {
        self.records.get(&FastTag::Tail).copied().unwrap_or_default()
    }

    /// True if the next fast commit does not fit, however small it is.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.used == self.capacity
    }
}

/// Reads the area up to the last tail of transaction `tid`.
pub(super) fn read(blocks: &Blocks, geometry: &Geometry, tid: u32) -> FastLog {
    let first = geometry.end + 1;
    let capacity = geometry.total.saturating_sub(first);
    let log = FastLog { capacity, ..FastLog::default() };
    let mut reader = Reader { tid, pending: BTreeMap::new(), log };
    for used in 1..=capacity {
        let (at, bytes) = blocks.block(first + used - 1);
        if !reader.block(bytes, used, at) {
            break;
        }
    }
    reader.log
}

struct Reader {
    tid: u32,
    /// Records since the start of the area.
    pending: BTreeMap<FastTag, usize>,
    log: FastLog,
}

impl Reader {
    /// Goes through the block that is number `used` of the area, from 1, and lies at byte `place`;
    /// false at the end of the commits.
    fn block(&mut self, bytes: &[u8], used: u32, place: u64) -> bool {
        let mut at = 0;
        while at + 4 <= bytes.len() {
            let (number, length) = (le16(bytes, at), usize::from(le16(bytes, at + 2)));
            let known = FastTag::ALL.into_iter().find(|&tag| tag as u16 == number);
            let Some(tag) = known else { return false };
            let told = match tag {
                FastTag::Head => Some(le32(bytes, at + 8)),
                FastTag::Tail => Some(le32(bytes, at + 4)),
                _ => None,
            };
            let begins = used == 1 && at == 0;
            if told.is_some_and(|tid| tid != self.tid) || (begins && tag != FastTag::Head) {
                return false;
            }
            *self.pending.entry(tag).or_default() += 1;
            if tag == FastTag::Tail {
                self.log.records = self.pending.clone();
                (self.log.used, self.log.last_at) = (used, place);
            }
            at += 4 + length;
        }
        true
    }
}
