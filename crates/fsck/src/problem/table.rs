//! The table of problems: one row each, in the order of the phases. `tests/problems` has a test
//! for each row that causes exactly it.

use super::{Phase, Severity};

macro_rules! problems {
    ($($phase:ident { $($name:ident = $id:literal, $severity:ident: $text:literal;)* })*) => {
        /// What is wrong. The string [`id`](Self::id) of a kind never changes: tests, JSON and
        /// scripts name it.
        #[non_exhaustive]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum ProblemKind {
            $($(#[doc = $text] $name,)*)*
        }

        impl ProblemKind {
            /// All kinds, in the order of the table.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)*)*];

            /// The stable identifier, `area.what`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $($(Self::$name => $id,)*)* }
            }

            /// What is wrong, in words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $($(Self::$name => $text,)*)* }
            }

            /// How much it means.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $($(Self::$name => Severity::$severity,)*)* }
            }

            /// The phase that finds it.
            #[must_use]
            pub const fn phase(self) -> Phase {
                match self { $($(Self::$name => Phase::$phase,)*)* }
            }
        }
    };
}

problems! {
    Layout {
        SuperblockPrimary = "superblock.primary", Error:
            "the primary superblock cannot be used, a copy was";
        SuperblockReserved = "superblock.reserved_blocks", Error:
            "more than half of all blocks are reserved";
        SuperblockValue = "superblock.value", Error:
            "a field has a value that it never has, whether its feature is set or not";
        SuperblockErrors = "superblock.errors", Note:
            "errors were met while the file system was mounted, and recorded";
        SuperblockCopy = "superblock.copy", Note:
            "a copy of the superblock describes another file system";
        SuperblockExtraSize = "superblock.extra_isize", Note:
            "extra inode size wanted for new inodes is impossible";
        SuperblockFreeBlocks = "superblock.free_blocks", Note:
            "count of free blocks differs from the sum over the groups";
        SuperblockFreeInodes = "superblock.free_inodes", Note:
            "count of free inodes differs from the sum over the groups";
        SuperblockReservedGdt = "superblock.reserved_gdt", Note:
            "descriptor blocks are reserved without the resize inode";
        ResizeInode = "resize.inode", Error:
            "the resize inode is malformed, or its counts are wrong";
        ResizeLayout = "resize.layout", Note:
            "the resize inode does not map the reserved descriptor blocks as it should";
        ResizeUnexpected = "resize.unexpected", Note:
            "the resize inode is in use without its feature";
        JournalInode = "journal.inode", Error:
            "the journal's inode is not a regular file in use";
        JournalMap = "journal.map", Error: "the journal has holes or is too short";
        JournalSuperblock = "journal.superblock", Error: "the journal's superblock is malformed";
        JournalFeatures = "journal.features", Error: "the journal has unknown features";
        JournalUsers = "journal.users", Error: "several file systems use the journal";
        JournalDevice = "journal.device", Error:
            "the device of the journal was not given, or is another one";
        JournalRead = "journal.read", Error: "the journal cannot be read";
        JournalLog = "journal.log", Error:
            "the log is damaged and was not replayed: acknowledged changes may be lost";
        JournalReplay = "journal.replay", Error:
            "replay would make another file system of this one, and was left out";
        JournalFastCommits = "journal.fast_commits", Error:
            "fast commits follow the log, and were not replayed";
        JournalPending = "journal.pending", Note:
            "the log is not empty, but the file system does not ask for recovery";
        JournalErrno = "journal.errno", Note: "the journal was aborted with an error";
        JournalUnexpected = "journal.unexpected", Note:
            "there is a journal, or something to recover, without the journal's feature";
        OrphanList = "orphans.list", Error:
            "the list of orphans leads to an inode that cannot be on it";
        OrphanFile = "orphans.file", Error: "the orphan file is malformed";
        OrphanEntry = "orphans.entry", Error:
            "the orphan file names an inode that cannot be an orphan";
        OrphanFlag = "orphans.flag", Error:
            "the superblock and the orphan file disagree about whether there are orphans";
        OrphanUnexpected = "orphans.unexpected", Error:
            "there is an orphan file without its feature";
        OrphansPending = "orphans.pending", Note: "orphans that the next mount finishes";
        MmpBlock = "mmp.block", Error:
            "the multi-mount protection block is malformed or misplaced";
        MmpInUse = "mmp.in_use", Error: "the file system is being checked elsewhere";
        MmpActive = "mmp.active", Note:
            "the file system is mounted elsewhere, or was not unmounted";
        DeviceTooSmall = "superblock.device_size", Error:
            "the device is smaller than the file system";
        GroupChecksum = "group.checksum", Error: "descriptor checksum does not match";
        GroupDescriptor = "group.descriptor", Error: "descriptor is malformed";
        GroupUnusedInodes = "group.unused_inodes", Error:
            "more inodes were never used than there are";
        GroupFlags = "group.flags", Error:
            "groups are marked as never written without the feature for it";
        GroupCopy = "group.copy", Note: "a copy of descriptors places metadata elsewhere";
        GroupOverlap = "group.overlap", Error: "metadata lies over other metadata";
        GroupLastUninit = "group.last_uninit", Error:
            "the last group's block bitmap is marked as never written";
        GroupRead = "group.read", Error: "metadata cannot be read";
    }
    Inodes {
        InodeChecksum = "inode.checksum", Error: "inode checksum does not match";
        InodeExtraSize = "inode.extra_isize", Error: "extra fields do not fit the inode";
        InodeMode = "inode.mode", Error: "inode in use has an unknown type";
        InodeFlags = "inode.flags", Error:
            "flags exclude each other, lack their feature, or do not suit the type";
        InodeSize = "inode.size", Error: "size does not agree with the blocks mapped";
        InodeBlocks = "inode.blocks", Error: "count of blocks in use is wrong";
        InodeDeletionTime = "inode.dtime", Error: "inode in use has a deletion time";
        InodeDeletedWithoutTime = "inode.deleted_dtime", Error:
            "deleted inode has no deletion time";
        InodeReservedField = "inode.reserved_field", Error: "a field that must be zero is not";
        InodeRoot = "inode.root", Error: "the root inode is not a directory in use";
        InodeReserved = "inode.reserved", Error:
            "inode kept for the file system is in use for something else";
        InodeFlagsUnused = "inode.flags_unused", Note:
            "flags that mean nothing here: their feature is missing, or the type has no use";
        SymlinkTarget = "symlink.target", Error: "target of a symbolic link is malformed";
        InlineDataMissing = "inline.missing", Error:
            "content is said to be in the inode, and the attribute for it is missing";
        InlineDataSize = "inline.size", Note: "file is larger than its content in the inode";
        InlineDirectorySize = "inline.dir_size", Error:
            "size of a directory in its inode is not that of its content";
        XattrList = "xattr.list", Error: "attributes in the inode are malformed";
        XattrBlockNumber = "xattr.block_number", Error:
            "attribute block outside the file system, or in one without attributes";
        XattrBlock = "xattr.block", Error: "attribute block is malformed";
        XattrBlockChecksum = "xattr.block_checksum", Error:
            "checksum of an attribute block does not match";
        XattrRead = "xattr.read", Error: "attribute block cannot be read";
        XattrOverlap = "xattr.overlap", Error:
            "value of an attribute lies over another, or outside the block";
        XattrPrefix = "xattr.prefix", Error: "attribute in a block without a prefix";
        XattrHash = "xattr.hash", Error: "hash of an attribute does not match name and value";
        XattrDuplicate = "xattr.duplicate", Error: "attribute comes twice";
        XattrValueInode = "xattr.value_inode", Error:
            "inode that should hold the value of an attribute cannot";
        XattrValueSize = "xattr.value_size", Note:
            "inode that holds the value of an attribute has another size";
        XattrValueContent = "xattr.value_content", Error:
            "value in an inode of its own does not match its hash";
        AclMalformed = "acl.malformed", Note: "access control list is malformed";
        EncryptionContext = "crypt.context", Error:
            "encryption context of an encrypted inode is missing or malformed";
        EncryptionVersion = "crypt.version", Note: "encryption context of an unknown version";
        VerityDescriptor = "verity.descriptor", Error:
            "verity descriptor is missing or malformed";
        ExtentNode = "map.extent", Error: "extent tree is malformed";
        ExtentChecksum = "map.checksum", Error: "checksum of an extent block does not match";
        ExtentUnwrittenDir = "map.unwritten", Error: "directory maps unwritten blocks";
        IndirectBlock = "map.indirect", Error: "block map points outside the file system";
        ClusterAlignment = "map.cluster", Error:
            "a cluster is mapped at another offset than the cluster's own";
        MapRead = "map.read", Error: "a block of a map cannot be read";
    }
    Shared {
        SharedBlocks = "shared.blocks", Error: "blocks that are also claimed by others";
        SharedMetadata = "shared.metadata", Error: "blocks that hold metadata of the file system";
    }
    Directories {
        DirectoryRead = "dir.read", Error: "a directory block cannot be read";
        DirectoryHole = "dir.hole", Error: "a directory lacks blocks between others";
        DirectoryChain = "dir.chain", Error:
            "the entries of a directory block do not lead from its start to its end";
        DirectoryTail = "dir.tail", Error: "a directory block has no checksum";
        DirectoryChecksum = "dir.checksum", Error: "checksum of a directory block does not match";
        DirectoryInline = "dir.inline", Error: "a directory inside its inode is malformed";
        DirectoryDot = "dir.dot", Error:
            "the first entry of a directory is not . with its own number";
        DirectoryDotDot = "dir.dotdot", Error: "the second entry of a directory is not a usable ..";
        DirectoryDotTwice = "dir.dot_twice", Error: ". or .. behind the first two entries";
        DirectoryDotPadding = "dir.dot_padding", Error: "no zero byte follows the name . or ..";
        DirectoryName = "dir.name", Error: "a name with a slash or a zero byte";
        DirectoryNameShort = "dir.name_short", Error:
            "an encrypted name that is shorter than any ciphertext";
        DirectoryNameEncoding = "dir.name_encoding", Error:
            "a name that is not UTF-8, where only UTF-8 is allowed";
        DirectoryNameTwice = "dir.name_twice", Error: "a name that the directory has already";
        DirectoryNameFolded = "dir.name_folded", Note:
            "a name that differs in case only from one before, where case is ignored";
        DirectoryUnencrypted = "dir.unencrypted", Error:
            "an entry of an encrypted directory names what is not encrypted";
        DirectoryPolicy = "dir.policy", Error:
            "an entry names what is encrypted in another way than the directory";
        DirectoryFileType = "dir.file_type", Error: "the type in an entry is not that of the inode";
        DirectoryFileTypeUnset = "dir.file_type_unset", Note:
            "an entry lacks the type of the inode";
        EntryRange = "dir.inode_range", Error: "an entry names an inode that does not exist";
        EntryReserved = "dir.inode_reserved", Error:
            "an entry names an inode that the file system keeps for itself";
        EntryRoot = "dir.inode_root", Error: "an entry names the root directory";
        EntrySelf = "dir.inode_self", Error: "an entry names the directory that it is in";
        EntryUnused = "dir.inode_unused", Error: "an entry names an inode that is not in use";
        EntryUninit = "dir.inode_uninit", Error:
            "an entry names an inode where the descriptor says that none was ever used";
        EntryValue = "dir.inode_value", Note:
            "an entry names an inode that holds the value of an attribute";
        HtreeRoot = "htree.root", Error: "the root of a hash tree is missing or malformed";
        HtreeNode = "htree.node", Error: "a node of a hash tree is malformed";
        HtreeChecksum = "htree.checksum", Error: "checksum of a hash tree node does not match";
        HtreeTwice = "htree.twice", Error: "a hash tree leads to a block twice";
        HtreeUnreferenced = "htree.unreferenced", Error:
            "blocks of a directory to which its hash tree does not lead";
        HtreeRange = "htree.range", Error: "a name whose hash belongs to another block";
    }
    Connectivity {
        DirectorySecondName = "dir.second_name", Error: "a directory that has another name already";
        DirectoryParent = "dir.parent", Error: "the .. of a directory does not lead to its parent";
        DirectoryLoop = "dir.loop", Error: "a directory is its own ancestor";
        DirectoryUnconnected = "dir.unconnected", Error: "directory that no directory names";
    }
    References {
        LinkCount = "inode.links", Error: "link count is wrong";
        Unattached = "inode.unattached", Error: "inode in use that no directory names";
        XattrBlockReferences = "xattr.block_references", Error:
            "count of inodes that share an attribute block is wrong";
        XattrValueReferences = "xattr.value_references", Error:
            "count of attributes that have their value in the inode is wrong";
        XattrValueUnused = "xattr.value_unused", Error:
            "inode for the value of an attribute that no attribute refers to";
    }
    Groups {
        BlockBitmap = "bitmap.blocks_in_use", Error: "blocks in use are free in the bitmap";
        BlockBitmapUnused = "bitmap.blocks_unused", Error:
            "blocks that nothing uses are marked as in use";
        BlockBitmapPadding = "bitmap.block_padding", Error:
            "bits behind the last block are not set";
        BlockBitmapChecksum = "bitmap.block_checksum", Error:
            "block bitmap checksum does not match";
        InodeBitmap = "bitmap.inodes_in_use", Error: "inodes in use are free in the bitmap";
        InodeBitmapUnused = "bitmap.inodes_unused", Error:
            "inodes that are not in use are marked so";
        InodeBitmapPadding = "bitmap.inode_padding", Error:
            "bits behind the last inode are not set";
        InodeBitmapChecksum = "bitmap.inode_checksum", Error:
            "inode bitmap checksum does not match";
        GroupFreeBlocks = "group.free_blocks", Error: "count of free blocks is wrong";
        GroupFreeInodes = "group.free_inodes", Error: "count of free inodes is wrong";
        GroupDirectories = "group.directories", Error: "count of directories is wrong";
    }
    Quota {
        Incomplete = "check.incomplete", Error:
            "some of what is in use could not be read, so that not all could be judged";
        QuotaFile = "quota.file", Error: "quota file is malformed";
        QuotaUsage = "quota.usage", Error: "recorded usage differs from what is in use";
        QuotaUnexpected = "quota.unexpected", Error:
            "there is a quota file without the feature";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for kind in ProblemKind::ALL {
            let id = kind.id();
            assert!(seen.insert(id), "{id} twice");
            assert_eq!(id.split('.').count(), 2, "{id}");
            assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b"._0123456789".contains(&b)));
        }
    }

    #[test]
    fn rows_are_in_the_order_of_phases() {
        assert!(ProblemKind::ALL.is_sorted_by_key(|kind| kind.phase()));
    }
}
