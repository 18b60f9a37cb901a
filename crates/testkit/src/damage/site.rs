//! What can be damaged: one field of a live structure, where it is and how its values look.

use std::fmt;
use std::sync::Arc;

use crate::hostile::Part;

/// A kind of structure. The judge counts by these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Copies of the superblock and of descriptors.
    Backup,
    /// A bit of a block bitmap that is in use.
    BlockBitmap,
    /// A checksum, alone.
    Checksum,
    /// A field of a group descriptor.
    Descriptor,
    /// A directory entry that is not `.` or `..`.
    Dirent,
    /// The entries `.` and `..`.
    Dots,
    /// An inode that holds the value of an attribute.
    EaInode,
    /// An entry of a leaf of an extent tree.
    Extent,
    /// The header of a node of an extent tree.
    ExtentHeader,
    /// An entry of an inner node of an extent tree.
    ExtentIndex,
    /// The root of a hash tree.
    HtreeRoot,
    /// An inner node of a hash tree.
    HtreeNode,
    /// A block number in an inode or an indirect block.
    Indirect,
    /// A field of an inode.
    Inode,
    /// A bit of an inode bitmap that is in use.
    InodeBitmap,
    /// Entries of directories that are in their inodes.
    InlineDirent,
    /// The superblock of the journal.
    Journal,
    /// Link counts.
    LinkCount,
    /// The block of multiple mount protection.
    Mmp,
    /// A block of the orphan file.
    Orphan,
    /// A quota file.
    Quota,
    /// The resize inode and what it maps.
    ResizeInode,
    /// A field of the superblock.
    Superblock,
    /// An attribute in a block of its own.
    XattrBlock,
    /// An attribute in its inode.
    XattrInode,
}

impl Class {
    /// Structures that few images have are damaged the more often in those.
    pub(super) const fn weight(self) -> u64 {
        match self {
            Self::Mmp => 16,
            Self::EaInode | Self::HtreeNode | Self::InlineDirent | Self::Orphan | Self::Quota => 6,
            Self::Indirect => 4,
            Self::Backup => 1,
            _ => 2,
        }
    }
}

/// How the bytes of a field are read, and which values are worth trying.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A little-endian number of so many bytes.
    Number(usize),
    /// A little-endian number of so many bytes that names a block.
    Block(usize),
    /// Little-endian bits in so many bytes.
    Flags(usize),
    /// A big-endian number of four bytes.
    Big,
    /// A bitmap of so many bits.
    Bits(u32),
    /// A byte of a name, a target or a value.
    Text,
    /// A checksum or hash of so many bytes.
    Sum(usize),
}

impl Kind {
    /// Bytes of the field; of a bitmap, the one that is changed.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Number(width) | Self::Block(width) | Self::Flags(width) | Self::Sum(width) => {
                width
            }
            Self::Big => 4,
            Self::Bits(_) | Self::Text => 1,
        }
    }
}

/// A field in a table: its name in the format's documentation, and its offset in the structure.
pub(super) type Field = (&'static str, u64, Kind);

/// One field of one structure of one image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Site {
    pub(super) class: Class,
    /// The structure, as messages name it.
    pub(super) owner: Arc<str>,
    pub(super) field: &'static str,
    /// Byte offset in the image.
    pub(super) at: u64,
    pub(super) kind: Kind,
    /// What has a checksum over the field.
    pub(super) part: Option<Part>,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.owner, self.field)
    }
}
