//! The flags of an inode, with the letters of lsattr(1) and the features they need.

use std::fmt;

use crate::features::{FeatureSet, Incompat, RoCompat};

/// The flags of an inode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct InodeFlags(u32);

macro_rules! inode_flags {
    ($($flag:ident = $bit:literal, $name:literal: $text:literal;)*) => {
        impl InodeFlags {
            $(#[doc = $text] pub const $flag: Self = Self($bit);)*

            /// Each known flag with its name, lowest bit first.
            pub const NAMES: &'static [(Self, &'static str)] = &[$((Self::$flag, $name),)*];
        }
    };
}

inode_flags! {
    SECRM = 0x1, "secrm": "Secure deletion (not implemented by anyone).";
    UNRM = 0x2, "unrm": "Keep for undeletion (not implemented by anyone).";
    COMPR = 0x4, "compr": "Compression wanted (not implemented by anyone).";
    SYNC = 0x8, "sync": "Writes are synchronous.";
    IMMUTABLE = 0x10, "immutable": "The file cannot be changed.";
    APPEND = 0x20, "append": "Writes only append.";
    NODUMP = 0x40, "nodump": "Not to be saved by dump(8).";
    NOATIME = 0x80, "noatime": "The access time is not updated.";
    DIRTY = 0x100, "dirty": "Compressed and changed (unused).";
    COMPRBLK = 0x200, "comprblk": "Has compressed clusters (unused).";
    NOCOMPR = 0x400, "nocompr": "Not to be compressed.";
    ENCRYPT = 0x800, "encrypt": "Encrypted.";
    INDEX = 0x1000, "index": "A directory with a hash tree.";
    IMAGIC = 0x2000, "imagic": "An AFS directory (unused).";
    JOURNAL_DATA = 0x4000, "journal_data": "The content goes through the journal.";
    NOTAIL = 0x8000, "notail": "Tails are not merged (unused).";
    DIRSYNC = 0x1_0000, "dirsync": "Directory changes are synchronous.";
    TOPDIR = 0x2_0000, "topdir": "Top of a directory hierarchy.";
    HUGE_FILE = 0x4_0000, "huge_file": "The block count is in file-system blocks.";
    EXTENTS = 0x8_0000, "extents": "Mapped by extents.";
    VERITY = 0x10_0000, "verity": "Protected by fs-verity.";
    EA_INODE = 0x20_0000, "ea_inode": "Holds the value of an extended attribute.";
    EOFBLOCKS = 0x40_0000, "eofblocks": "Blocks allocated past the end (obsolete).";
    NOCOW = 0x80_0000, "nocow": "No copy on write (unused).";
    DAX = 0x200_0000, "dax": "Direct access wanted.";
    INLINE_DATA = 0x1000_0000, "inline_data": "The content is in the inode.";
    PROJINHERIT = 0x2000_0000, "projinherit": "New files get the directory's project.";
    CASEFOLD = 0x4000_0000, "casefold": "A directory whose names ignore case.";
    RESERVED = 0x8000_0000, "reserved": "Reserved for the ext4 library.";
}

/// Flags and letters in the order of lsattr(1).
const LETTERS: [(InodeFlags, char); 22] = [
    (InodeFlags::SECRM, 's'),
    (InodeFlags::UNRM, 'u'),
    (InodeFlags::SYNC, 'S'),
    (InodeFlags::DIRSYNC, 'D'),
    (InodeFlags::IMMUTABLE, 'i'),
    (InodeFlags::APPEND, 'a'),
    (InodeFlags::NODUMP, 'd'),
    (InodeFlags::NOATIME, 'A'),
    (InodeFlags::COMPR, 'c'),
    (InodeFlags::ENCRYPT, 'E'),
    (InodeFlags::JOURNAL_DATA, 'j'),
    (InodeFlags::INDEX, 'I'),
    (InodeFlags::NOTAIL, 't'),
    (InodeFlags::TOPDIR, 'T'),
    (InodeFlags::EXTENTS, 'e'),
    (InodeFlags::NOCOW, 'C'),
    (InodeFlags::DAX, 'x'),
    (InodeFlags::CASEFOLD, 'F'),
    (InodeFlags::INLINE_DATA, 'N'),
    (InodeFlags::PROJINHERIT, 'P'),
    (InodeFlags::VERITY, 'V'),
    (InodeFlags::NOCOMPR, 'm'),
];

impl InodeFlags {
    /// The word as it is on disk, unknown bits included.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The word as it is on disk.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of the known flags set, lowest bit first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }

    /// The column of lsattr(1): a letter for each flag set, else `-`.
    #[must_use]
    pub fn lsattr(self) -> String {
        LETTERS.iter().map(|(flag, c)| if self.contains(*flag) { *c } else { '-' }).collect()
    }

    /// Whether no two flags exclude each other and each has the feature it needs. Flags that
    /// change nothing in how an inode is read are not judged.
    pub(super) fn valid_with(self, features: &FeatureSet) -> bool {
        let needs = [
            (Self::INLINE_DATA, features.incompat(Incompat::INLINE_DATA)),
            (Self::ENCRYPT, features.incompat(Incompat::ENCRYPT)),
            (Self::CASEFOLD, features.incompat(Incompat::CASEFOLD)),
            (Self::EA_INODE, features.incompat(Incompat::EA_INODE)),
            (Self::VERITY, features.ro_compat(RoCompat::VERITY)),
        ];
        let both = Self::EXTENTS.union(Self::INLINE_DATA);
        !self.contains(both) && needs.iter().all(|(flag, has)| *has || !self.contains(*flag))
    }
}

impl fmt::Debug for InodeFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_single_distinct_bits_with_names() {
        let union = InodeFlags::NAMES.iter().fold(0, |bits, (flag, _)| bits ^ flag.bits());
        assert_eq!(union.count_ones() as usize, InodeFlags::NAMES.len());
        let flags = InodeFlags::EXTENTS.union(InodeFlags::INDEX);
        assert_eq!(flags.names().collect::<Vec<_>>(), ["index", "extents"]);
    }

    #[test]
    fn lsattr_shows_letters_in_their_places() {
        let flags = InodeFlags::EXTENTS.union(InodeFlags::IMMUTABLE).union(InodeFlags::NOATIME);
        assert_eq!(flags.lsattr(), "----i--A------e-------");
        assert_eq!(InodeFlags::from_bits(u32::MAX).lsattr().len(), 22);
        assert!(!InodeFlags::from_bits(u32::MAX).lsattr().contains('-'));
    }
}
