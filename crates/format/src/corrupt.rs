//! Every way in which an image can be wrong, one named kind each.

use std::fmt;

use crate::Place;

/// A structure of the image that breaks the format's rules: what and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind} ({at})")]
pub struct Corrupt {
    /// What is wrong.
    pub kind: CorruptKind,
    /// Where.
    pub at: Place,
}

impl Corrupt {
    /// `kind` found at `at`.
    #[must_use]
    pub const fn new(kind: CorruptKind, at: Place) -> Self {
        Self { kind, at }
    }
}

macro_rules! corrupt_kinds {
    ($($name:ident = $id:literal: $text:literal,)*) => {
        /// What is wrong. The string [`id`](Self::id) of a kind never changes: tests, JSON and
        /// scripts name it.
        #[non_exhaustive]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum CorruptKind {
            $(#[doc = $text] $name,)*
        }

        impl CorruptKind {
            /// All kinds, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable identifier, `area.what`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

impl fmt::Display for CorruptKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

corrupt_kinds! {
    // Superblock and geometry.
    SuperblockMagic = "superblock.magic": "no ext2/3/4 superblock: wrong magic number",
    SuperblockChecksum = "superblock.checksum": "superblock checksum does not match",
    SuperblockChecksumType = "superblock.checksum_type": "unknown checksum algorithm",
    BlockSizeTooLarge = "superblock.block_size": "block size above 64 KiB",
    ClusterSize = "superblock.cluster_size":
        "cluster size invalid or in conflict with the bigalloc flag",
    InodeSize = "superblock.inode_size":
        "inode size is not a power of two from 128 bytes to the block size",
    BlocksPerGroup = "superblock.blocks_per_group":
        "blocks per group zero, unaligned, or above 8 x block size",
    ClustersPerGroup = "superblock.clusters_per_group":
        "clusters per group zero, or in conflict with blocks per group",
    InodesPerGroup = "superblock.inodes_per_group":
        "inodes per group zero, above 8 x block size, or not filling whole table blocks",
    InodesCount = "superblock.inodes_count": "inode count differs from groups x inodes per group",
    BlocksCount = "superblock.blocks_count": "block count zero, or too large for the format",
    FirstDataBlock = "superblock.first_data_block":
        "first data block outside the file system, or in conflict with the block size",
    GroupCount = "superblock.group_count": "group count does not fit 32 bits",
    DeviceTooSmall = "superblock.device_too_small": "the device is smaller than the file system",
    FlexGroupSize = "superblock.flex_bg_size": "flex group size out of range",
    DescriptorSize = "superblock.desc_size": "group descriptor size invalid",
    FirstMetaGroup = "superblock.first_meta_bg":
        "first meta block group beyond the descriptor table",
    FirstInode = "superblock.first_inode": "first ordinary inode below 11 or above the inode count",
    FeatureConflict = "superblock.feature_conflict":
        "features that exclude each other are both set",
    ReservedDescriptorBlocks = "superblock.reserved_gdt_blocks":
        "more reserved descriptor blocks than a block can address",
    HashVersion = "superblock.hash_version": "unknown default directory hash",
    JournalInode = "superblock.journal_inode": "the journal inode number is not usable",
    CasefoldEncoding = "superblock.encoding": "unknown file name encoding",

    // Group descriptors and bitmaps.
    GroupChecksum = "group.checksum": "group descriptor checksum does not match",
    GroupBlockBitmap = "group.block_bitmap":
        "block bitmap outside the file system, its group, or over other metadata",
    GroupInodeBitmap = "group.inode_bitmap":
        "inode bitmap outside the file system, its group, or over other metadata",
    GroupInodeTable = "group.inode_table":
        "inode table outside the file system, its group, or over other metadata",
    GroupFlags = "group.flags": "group flags set without the feature they need",
    GroupUnusedInodes = "group.itable_unused": "more unused inodes than the group has",
    BlockBitmapChecksum = "bitmap.block_checksum": "block bitmap checksum does not match",
    InodeBitmapChecksum = "bitmap.inode_checksum": "inode bitmap checksum does not match",

    // Inodes.
    InodeNumber = "inode.number": "inode number out of range, or reserved",
    InodeChecksum = "inode.checksum": "inode checksum does not match",
    InodeUnallocated = "inode.unallocated": "a free inode is referred to",
    InodeMode = "inode.mode": "unknown file type in the mode",
    InodeExtraSize = "inode.extra_isize": "extra inode size unaligned or beyond the inode",
    InodeSizeField = "inode.size": "file size negative or beyond what the map can hold",
    InodeFlags = "inode.flags": "inode flags that exclude each other, or lack their feature",
    RootInode = "inode.root": "the root inode is not an allocated directory",
    DirectorySize = "inode.directory_size":
        "directory size zero or not a multiple of the block size",

    // Block maps.
    ExtentMagic = "extent.magic": "extent node without its magic number",
    ExtentDepth = "extent.depth": "extent depth above 5, or not one less than its parent's",
    ExtentMaxEntries = "extent.max": "extent node claims more entries than fit",
    ExtentEntries = "extent.entries":
        "extent node holds more entries than its maximum, or an index node none",
    ExtentChecksum = "extent.checksum": "extent block checksum does not match",
    ExtentLength = "extent.length": "extent of length zero",
    ExtentOrder = "extent.order": "extents out of order or overlapping",
    ExtentLogicalRange = "extent.logical_range":
        "extent runs past the last logical block, or out of its parent's range",
    ExtentPhysicalRange = "extent.physical_range": "extent maps blocks outside the file system",
    ExtentIndexStart = "extent.index_start": "index entry disagrees with its child's first block",
    ExtentIndexBlock = "extent.index_block": "index entry points outside the file system",
    ExtentCycle = "extent.cycle": "extent index points to a node already on the path",
    MapSystemZone = "map.system_zone": "a file maps blocks that hold metadata",
    IndirectRange = "map.indirect_range": "block map points outside the file system",
    IndirectCycle = "map.indirect_cycle": "indirect block is already on the path",
    MapShared = "map.shared": "a block of a map is in that map twice",

    // Directories.
    DirRecLen = "dir.rec_len": "directory entry length too small, unaligned, or past the block",
    DirNameLen = "dir.name_len": "name longer than its directory entry, or empty",
    DirName = "dir.name": "name with a slash or a zero byte, or a duplicate dot entry",
    DirInode = "dir.inode": "directory entry points to an inode out of range or reserved",
    DirChecksum = "dir.checksum": "directory block checksum does not match",
    DirTail = "dir.tail": "directory block lacks the checksum tail",
    DirHole = "dir.hole": "directory has a hole",
    DirRepeat = "dir.repeat": "directory maps a block twice",
    DirDot = "dir.dot": "the entries . and .. are missing or wrong",
    DirLoop = "dir.loop": "a directory is its own ancestor or has two parents",
    HtreeRoot = "htree.root": "hash tree root malformed",
    HtreeHashVersion = "htree.hash_version": "unknown directory hash",
    HtreeLevels = "htree.levels": "hash tree deeper than the format allows",
    HtreeLimit = "htree.limit": "hash tree node with a wrong limit or count",
    HtreeChecksum = "htree.checksum": "hash tree node checksum does not match",
    HtreeBlock = "htree.block":
        "hash tree entry points outside the directory or at a node already used",
    HtreeOrder = "htree.order": "hash tree entries out of order",
    DirHashKey = "dir.hash_key": "a keyed directory hash is wanted where no key can be",

    // Extended attributes and inline data.
    XattrMagic = "xattr.magic": "attribute block without its magic number",
    XattrChecksum = "xattr.checksum": "attribute block checksum does not match",
    XattrHash = "xattr.hash": "attribute hash does not match its name and value",
    XattrBlockCount = "xattr.block_count": "attribute block that claims other than one block",
    XattrRefcount = "xattr.refcount": "attribute block reference count zero or above the limit",
    XattrEntry = "xattr.entry": "attribute entry runs past its area",
    XattrName = "xattr.name": "attribute name with a zero byte",
    XattrValue = "xattr.value": "attribute value outside its area or over the entries",
    XattrValueSize = "xattr.value_size": "attribute value larger than the format allows",
    XattrBlock = "xattr.block": "attribute block outside the file system or over metadata",
    EaInode = "xattr.ea_inode":
        "attribute value inode not usable: unflagged, wrong size, or a chain",
    EaInodeHash = "xattr.ea_inode_hash": "attribute value inode does not match its hash",
    AclMalformed = "acl.malformed":
        "POSIX ACL of an unknown version, a wrong size, or with wrong entries",
    InlineDataMissing = "inline.missing": "inline data flag without its attribute",
    InlineDataSize = "inline.size": "inline data smaller than the file size",
    InlineDirectory = "inline.directory": "inline directory malformed",
    SymlinkTarget = "symlink.target": "symlink target empty, too long, or with a zero byte",

    // Other structures.
    MmpMagic = "mmp.magic": "multi-mount block without its magic number",
    MmpChecksum = "mmp.checksum": "multi-mount block checksum does not match",
    MmpBlock = "mmp.block": "multi-mount block outside the file system or over metadata",
    OrphanInode = "orphan.inode":
        "the orphan list names an inode that is out of range, reserved, free, or not an orphan",
    OrphanFileBlock = "orphan.block": "orphan file block malformed",
    OrphanFileChecksum = "orphan.checksum": "orphan file block checksum does not match",
    JournalSuperblock = "journal.superblock": "journal superblock malformed",
    JournalChecksum = "journal.checksum": "journal superblock checksum does not match",
    JournalMap = "journal.map":
        "the journal is shorter than it says, has holes, or lies outside the file system",
    JournalUuid = "journal.uuid": "the journal belongs to another file system, or to several",
    JournalDescriptor = "journal.descriptor":
        "a descriptor block of the log is damaged, and transactions follow it",
    JournalTarget = "journal.target":
        "a transaction writes outside the file system or over the journal",
    JournalData = "journal.data": "a logged block is damaged, and transactions follow it",
    JournalRevoke = "journal.revoke": "revoke block with a wrong count or checksum",
    JournalCommit = "journal.commit":
        "the checksum of a commit does not match, and transactions follow it",
    JournalGap = "journal.gap":
        "a block of a transaction is missing from the log, and transactions follow it",
    JournalLoop = "journal.loop": "the log is longer than the journal",
    JournalReplay = "journal.replay":
        "replaying the journal would change what it rests on: the block size, the journal's place, \
         or what checksums depend on",
    JournalFastCommit = "journal.fast_commit":
        "a fast commit names an inode or blocks that it may not change",
    QuotaHeader = "quota.header": "quota file header malformed",
    VerityDescriptor = "verity.descriptor": "verity descriptor missing or malformed",
    VerityHash = "verity.hash": "file content does not match its verity Merkle tree",
    EncryptionContext = "crypt.context": "encryption context missing or malformed",
    EncryptedName = "crypt.name": "encrypted name of an impossible length",
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for kind in CorruptKind::ALL {
            let id = kind.id();
            assert!(seen.insert(id), "{id} twice");
            assert_eq!(id.split('.').count(), 2, "{id}");
            assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b"._0123456789".contains(&b)));
        }
    }
}
