//! The blocks of a journal, big-endian: superblock, descriptors, revokes, commits. Which of them
//! are a valid log is for recovery to find out. Format: the kernel's `ext4/journal.rst`.

use std::fmt;

use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

mod checksum;
mod commit;
mod descriptor;
mod device;
mod fast_commit;
mod revoke;
mod superblock;
#[cfg(test)]
mod tests;

pub use checksum::{CRC32_BE_START, JournalSeed, crc32_be};
pub use commit::{COMMIT_HEADER_SIZE, CommitBlock, CommitSum};
pub use descriptor::{DescriptorTags, JournalTag, TagFlags, TagLayout};
pub use device::JournalDevice;
pub use fast_commit::{FastCommitRecord, FastCommitRecords, NameChange, PlacedRecord};
pub use revoke::RevokeBlock;
pub use superblock::{JournalSuperblock, journal_checksum};

/// The magic number of every block of the log that is not a copy.
pub const JOURNAL_MAGIC: u32 = 0xc03b_3998;
/// Bytes of the journal's superblock.
pub const JOURNAL_SUPERBLOCK_SIZE: usize = 1024;
/// Bytes of the header of each block of the log that is not a copy.
pub const JOURNAL_HEADER_SIZE: usize = 12;

/// The kind of a block of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalBlockKind {
    /// Lists the home blocks of the copies that follow.
    Descriptor,
    /// Ends a transaction.
    Commit,
    /// A superblock without features.
    SuperblockV1,
    /// A superblock.
    SuperblockV2,
    /// Lists blocks whose older copies must not be replayed.
    Revoke,
}

/// The 12 bytes that open each block of the log that is not a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalBlockHeader {
    /// The kind.
    pub kind: JournalBlockKind,
    /// The transaction.
    pub sequence: u32,
}

#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    magic: U32,
    kind: U32,
    sequence: U32,
}

impl JournalBlockHeader {
    /// The header at the start of `bytes`; `None` if there is no magic number or the kind is
    /// unknown, as in a copy of a file-system block.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (raw, _) = RawHeader::ref_from_prefix(bytes).ok()?;
        let kind = match raw.kind.get() {
            1 => JournalBlockKind::Descriptor,
            2 => JournalBlockKind::Commit,
            3 => JournalBlockKind::SuperblockV1,
            4 => JournalBlockKind::SuperblockV2,
            5 => JournalBlockKind::Revoke,
            _ => return None,
        };
        let header = Self { kind, sequence: raw.sequence.get() };
        (raw.magic.get() == JOURNAL_MAGIC).then_some(header)
    }
}

/// The three feature words of a journal.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalFeatures {
    /// Compatible: bit 0 is the checksum in commit blocks.
    pub compat: u32,
    /// Incompatible.
    pub incompat: u32,
    /// Compatible for reading: none are defined.
    pub ro_compat: u32,
}

impl JournalFeatures {
    /// Compatible: commit blocks carry a checksum of their transaction.
    pub const CHECKSUM: u32 = 0x1;
    /// Incompatible: there are revoke blocks.
    pub const REVOKE: u32 = 0x1;
    /// Incompatible: block numbers have 64 bits.
    pub const BIT64: u32 = 0x2;
    /// Incompatible: commit blocks are written without waiting for their transaction.
    pub const ASYNC_COMMIT: u32 = 0x4;
    /// Incompatible: checksums version 2.
    pub const CSUM_V2: u32 = 0x8;
    /// Incompatible: checksums version 3.
    pub const CSUM_V3: u32 = 0x10;
    /// Incompatible: there is a fast-commit area.
    pub const FAST_COMMIT: u32 = 0x20;

    const COMPAT_NAMES: [&'static str; 1] = ["journal_checksum"];
    const INCOMPAT_NAMES: [&'static str; 6] = [
        "journal_incompat_revoke",
        "journal_64bit",
        "journal_async_commit",
        "journal_checksum_v2",
        "journal_checksum_v3",
        "fast_commit",
    ];

    /// Whether all bits of `flag` are set in the incompatible word.
    #[must_use]
    pub const fn incompat(&self, flag: u32) -> bool {
        self.incompat & flag == flag
    }

    /// Whether the superblock, descriptors, revokes and commits carry CRC32C.
    #[must_use]
    pub const fn has_checksums(&self) -> bool {
        self.incompat & (Self::CSUM_V2 | Self::CSUM_V3) != 0
    }

    /// The names of all features set, unknown ones as `FEATURE_Cn`, `FEATURE_In`, `FEATURE_Rn`.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = word_names(self.compat, &Self::COMPAT_NAMES, 'C');
        names.extend(word_names(self.incompat, &Self::INCOMPAT_NAMES, 'I'));
        names.extend(word_names(self.ro_compat, &[], 'R'));
        names
    }

    /// The names of the features that make the log unreadable to those who do not know them.
    #[must_use]
    pub fn unknown(&self) -> Vec<String> {
        let known = (1 << Self::INCOMPAT_NAMES.len()) - 1;
        let mut names = word_names(self.incompat & !known, &[], 'I');
        names.extend(word_names(self.ro_compat, &[], 'R'));
        names
    }
}

fn word_names(word: u32, names: &[&str], class: char) -> Vec<String> {
    let name = |bit: u32| match names.get(bit as usize) {
        Some(name) => (*name).to_owned(),
        None => format!("FEATURE_{class}{bit}"),
    };
    (0..32).filter(|bit| word & (1 << bit) != 0).map(name).collect()
}

impl fmt::Debug for JournalFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
