//! Feature flags: names as mke2fs(8) has them, and what Extant does with each.

use std::fmt;

macro_rules! feature_words {
    ($($(#[$doc:meta])* $word:ident $letter:literal {
        $($flag:ident = $bit:literal, $name:literal;)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $word(u32);

        impl $word {
            $(#[doc = concat!("`", $name, "`.")] pub const $flag: Self = Self($bit);)*

            /// Each known flag with its mke2fs(8) name, lowest bit first.
            pub const NAMES: &'static [(Self, &'static str)] = &[$((Self::$flag, $name),)*];

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

            /// The names of the flags set, lowest bit first; an unknown bit `n` as e2fsprogs
            /// has it: `FEATURE_Cn`, `FEATURE_In` or `FEATURE_Rn` by the word.
            pub fn names(self) -> impl Iterator<Item = String> {
                (0..32).filter(move |bit| self.0 & (1 << bit) != 0).map(|bit| {
                    Self::NAMES
                        .iter()
                        .find(|(flag, _)| flag.0 == 1 << bit)
                        .map_or_else(
                            || format!(concat!("FEATURE_", $letter, "{}"), bit),
                            |(_, name)| (*name).to_owned(),
                        )
                })
            }
        }

        impl fmt::Debug for $word {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.names()).finish()
            }
        }
    )*};
}

feature_words! {
    /// Compatible features: an implementation that does not know one may read and write.
    Compat "C" {
        DIR_PREALLOC = 0x1, "dir_prealloc";
        IMAGIC_INODES = 0x2, "imagic_inodes";
        HAS_JOURNAL = 0x4, "has_journal";
        EXT_ATTR = 0x8, "ext_attr";
        RESIZE_INODE = 0x10, "resize_inode";
        DIR_INDEX = 0x20, "dir_index";
        LAZY_BG = 0x40, "lazy_bg";
        EXCLUDE_INODE = 0x80, "exclude_inode";
        EXCLUDE_BITMAP = 0x100, "snapshot_bitmap";
        SPARSE_SUPER2 = 0x200, "sparse_super2";
        FAST_COMMIT = 0x400, "fast_commit";
        STABLE_INODES = 0x800, "stable_inodes";
        ORPHAN_FILE = 0x1000, "orphan_file";
    }
    /// Incompatible features: an implementation that does not know one must not open the image.
    Incompat "I" {
        COMPRESSION = 0x1, "compression";
        FILETYPE = 0x2, "filetype";
        RECOVER = 0x4, "needs_recovery";
        JOURNAL_DEV = 0x8, "journal_dev";
        META_BG = 0x10, "meta_bg";
        EXTENTS = 0x40, "extent";
        BIT64 = 0x80, "64bit";
        MMP = 0x100, "mmp";
        FLEX_BG = 0x200, "flex_bg";
        EA_INODE = 0x400, "ea_inode";
        DIRDATA = 0x1000, "dirdata";
        CSUM_SEED = 0x2000, "metadata_csum_seed";
        LARGE_DIR = 0x4000, "large_dir";
        INLINE_DATA = 0x8000, "inline_data";
        ENCRYPT = 0x1_0000, "encrypt";
        CASEFOLD = 0x2_0000, "casefold";
    }
    /// Features compatible for reading: an implementation that does not know one must not write.
    RoCompat "R" {
        SPARSE_SUPER = 0x1, "sparse_super";
        LARGE_FILE = 0x2, "large_file";
        BTREE_DIR = 0x4, "btree_dir";
        HUGE_FILE = 0x8, "huge_file";
        GDT_CSUM = 0x10, "uninit_bg";
        DIR_NLINK = 0x20, "dir_nlink";
        EXTRA_ISIZE = 0x40, "extra_isize";
        HAS_SNAPSHOT = 0x80, "has_snapshot";
        QUOTA = 0x100, "quota";
        BIGALLOC = 0x200, "bigalloc";
        METADATA_CSUM = 0x400, "metadata_csum";
        REPLICA = 0x800, "replica";
        READONLY = 0x1000, "read-only";
        PROJECT = 0x2000, "project";
        SHARED_BLOCKS = 0x4000, "shared_blocks";
        VERITY = 0x8000, "verity";
        ORPHAN_PRESENT = 0x1_0000, "orphan_present";
    }
}

/// What Extant reads of the incompatible features. `needs_recovery` is known but handled apart.
pub const READABLE_INCOMPAT: Incompat = Incompat::FILETYPE
    .union(Incompat::RECOVER)
    .union(Incompat::META_BG)
    .union(Incompat::EXTENTS)
    .union(Incompat::BIT64)
    .union(Incompat::MMP)
    .union(Incompat::FLEX_BG)
    .union(Incompat::EA_INODE)
    .union(Incompat::CSUM_SEED)
    .union(Incompat::LARGE_DIR)
    .union(Incompat::INLINE_DATA)
    .union(Incompat::ENCRYPT)
    .union(Incompat::CASEFOLD);

/// The read-only-compatible features with which blocks and inodes may be taken and freed. Others
/// refuse that, and not reading: those that are unknown, and those that forbid it.
pub const WRITABLE_RO_COMPAT: RoCompat = RoCompat::SPARSE_SUPER
    .union(RoCompat::LARGE_FILE)
    .union(RoCompat::HUGE_FILE)
    .union(RoCompat::GDT_CSUM)
    .union(RoCompat::DIR_NLINK)
    .union(RoCompat::EXTRA_ISIZE)
    .union(RoCompat::QUOTA)
    .union(RoCompat::BIGALLOC)
    .union(RoCompat::METADATA_CSUM)
    .union(RoCompat::PROJECT)
    .union(RoCompat::VERITY)
    .union(RoCompat::ORPHAN_PRESENT);

/// The three feature words of a superblock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FeatureSet {
    /// Compatible features.
    pub compat: Compat,
    /// Incompatible features.
    pub incompat: Incompat,
    /// Features compatible for reading.
    pub ro_compat: RoCompat,
}

impl FeatureSet {
    /// Whether a compatible feature is set.
    #[must_use]
    pub const fn compat(&self, feature: Compat) -> bool {
        self.compat.contains(feature)
    }

    /// Whether an incompatible feature is set.
    #[must_use]
    pub const fn incompat(&self, feature: Incompat) -> bool {
        self.incompat.contains(feature)
    }

    /// Whether a read-only-compatible feature is set.
    #[must_use]
    pub const fn ro_compat(&self, feature: RoCompat) -> bool {
        self.ro_compat.contains(feature)
    }

    /// Whether metadata carries CRC32C checksums.
    #[must_use]
    pub const fn metadata_csum(&self) -> bool {
        self.ro_compat(RoCompat::METADATA_CSUM)
    }

    /// Whether group descriptors carry a checksum of either kind, and groups may be uninitialised.
    #[must_use]
    pub const fn group_csum(&self) -> bool {
        self.metadata_csum() || self.ro_compat(RoCompat::GDT_CSUM)
    }

    /// Names of the incompatible features that Extant cannot read.
    #[must_use]
    pub fn unreadable(&self) -> Vec<String> {
        self.incompat.without(READABLE_INCOMPAT).names().collect()
    }

    /// Names of the features with which no block or inode may be taken or freed: `read-only`,
    /// `shared_blocks` (a block may have several owners, and the bitmap does not say so), and
    /// read-only-compatible ones that are unknown.
    #[must_use]
    pub fn unwritable(&self) -> Vec<String> {
        self.ro_compat.without(WRITABLE_RO_COMPAT).names().collect()
    }

    /// All names set, as `dumpe2fs` lists them: compatible, incompatible, read-only-compatible.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.compat.names().chain(self.incompat.names()).chain(self.ro_compat.names()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_bits_have_a_name_and_are_unreadable() {
        let set = FeatureSet {
            incompat: Incompat::from_bits(0x8000_0000 | Incompat::EXTENTS.bits()),
            ..FeatureSet::default()
        };
        assert_eq!(set.unreadable(), ["FEATURE_I31"]);
        assert_eq!(set.names(), ["extent", "FEATURE_I31"]);
        assert_eq!(Compat::from_bits(1 << 20).names().next().as_deref(), Some("FEATURE_C20"));
        assert_eq!(RoCompat::from_bits(1 << 25).names().next().as_deref(), Some("FEATURE_R25"));
    }

    #[test]
    fn unwritable_features_have_names() {
        let set = FeatureSet { ro_compat: WRITABLE_RO_COMPAT, ..FeatureSet::default() };
        assert_eq!(set.unwritable(), [""; 0]);
        let all = FeatureSet { ro_compat: RoCompat::from_bits(u32::MAX), ..set }.unwritable();
        assert!(
            ["read-only", "shared_blocks", "replica", "FEATURE_R20"]
                .iter()
                .all(|name| all.iter().any(|found| found == name))
        );
        assert!(!all.iter().any(|name| name == "quota"));
    }

    #[test]
    fn flags_are_single_distinct_bits() {
        for (flag, name) in Incompat::NAMES {
            assert_eq!(flag.bits().count_ones(), 1, "{name}");
        }
        let union = RoCompat::NAMES.iter().fold(0, |bits, (flag, _)| bits ^ flag.bits());
        assert_eq!(union.count_ones() as usize, RoCompat::NAMES.len());
    }
}
