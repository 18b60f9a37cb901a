//! Where the structures of a seed are, found once before anything is edited.

mod fields;
mod find;
mod journal;
mod replay;

use extant_testkit::hostile::{ImageEditor, Part};

pub use journal::{JournalLayout, JournalRole, crc32c};
pub use replay::Replayed;

/// The kinds of structure. Edits are applied in this order: what a checksum needs to find its
/// place (descriptors, superblock) comes last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Journal superblock.
    JournalSuper,
    /// Descriptor blocks of the log.
    JournalDescriptor,
    /// Revoke blocks of the log.
    JournalRevoke,
    /// Commit blocks of the log.
    JournalCommit,
    /// Copies of blocks in the log.
    JournalCopy,
    /// Blocks of the fast-commit area.
    FastCommit,
    /// Blocks of extent trees.
    Extent,
    /// Blocks of indirect maps.
    Indirect,
    /// Directory leaves.
    Directory,
    /// Nodes of hash trees.
    Htree,
    /// Attribute blocks.
    Xattr,
    /// Blocks of the orphan file.
    Orphan,
    /// Bitmaps.
    Bitmap,
    /// Multi-mount block.
    Mmp,
    /// Inodes.
    Inode,
    /// Group descriptors.
    Group,
    /// The superblock.
    Superblock,
}

impl Class {
    /// All, in their order.
    pub const ALL: [Self; 17] = [
        Self::JournalSuper,
        Self::JournalDescriptor,
        Self::JournalRevoke,
        Self::JournalCommit,
        Self::JournalCopy,
        Self::FastCommit,
        Self::Extent,
        Self::Indirect,
        Self::Directory,
        Self::Htree,
        Self::Xattr,
        Self::Orphan,
        Self::Bitmap,
        Self::Mmp,
        Self::Inode,
        Self::Group,
        Self::Superblock,
    ];

    /// Whether it is a part of the journal.
    #[must_use]
    pub fn is_journal(self) -> bool {
        self <= Self::FastCommit
    }
}

/// A field: where in its region, its bytes, and whether it names a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Bytes from the start of the region.
    pub offset: u16,
    /// 1, 2, 4 or 8 bytes.
    pub width: u8,
    /// Holds (the low half of) a block or an inode number.
    pub is_pointer: bool,
}

/// One structure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// Its kind.
    pub class: Class,
    /// First byte in the image.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// The structure that carries its checksum, outside the journal.
    pub part: Option<Part>,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// All structures of a seed.
#[derive(Clone, Default, Debug)]
pub struct Layout {
    /// Bytes of a block.
    pub block_size: u64,
    /// Regions in the order of their classes.
    pub regions: Vec<Region>,
    /// Inodes in use.
    pub inodes: Vec<u32>,
    /// Some of the names in directories.
    pub names: Vec<Vec<u8>>,
    /// The journal, if the seed has one inside.
    pub journal: Option<JournalLayout>,
}

impl Layout {
    /// The structures of a sound image; of an image that is none, its superblock's place only.
    #[must_use]
    pub fn of(editor: &ImageEditor) -> Self {
        find::layout(editor).unwrap_or_else(|_| Self::raw(editor.bytes().len() as u64))
    }

    /// The layout of an image that nothing is known of: blocks of 1 KiB as regions without fields.
    #[must_use]
    pub fn raw(size: u64) -> Self {
        let region =
            |class, start| Region { class, start, length: 1024, part: None, fields: Vec::new() };
        let blocks = (2..(size >> 10).min(4096)).map(|n| region(Class::Directory, n << 10));
        let superblock = (size >= 2048).then(|| region(Class::Superblock, 1024));
        Self { block_size: 1024, regions: blocks.chain(superblock).collect(), ..Self::default() }
    }

    /// The regions of `class`.
    pub fn of_class(&self, class: Class) -> impl Iterator<Item = &Region> + Clone {
        self.regions.iter().filter(move |region| region.class == class)
    }
}
