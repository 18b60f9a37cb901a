//! A small reader of the log, so that tests can say what is in an image: transactions, revokes,
//! escaped blocks, records of fast commits.
//!
//! It goes by magic numbers and sequence numbers only and verifies no checksum: it reads what the
//! kernel has just written. The structures are those of the kernel documentation's
//! `filesystems/ext4/journal.rst`.

mod bytes;
mod fast;
mod scan;

use std::collections::BTreeMap;
use std::path::Path;

pub use fast::{FastLog, FastTag};

use crate::error::{Context, Error, Result};
use crate::hostile::{ImageEditor, Spot};
use bytes::Blocks;

/// How the log is checksummed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Checksum {
    /// Not at all.
    None,
    /// A sum over the transaction in its commit block.
    V1,
    /// Sums of every block, 16 bits in tags.
    V2,
    /// Sums of every block, 32 bits in tags.
    V3,
}

/// What a block of the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The list of the blocks that follow.
    Descriptor,
    /// A copy of a block.
    Copy {
        /// The block of the file system.
        home: u64,
        /// The copy's first four bytes are zeros instead of the magic number.
        escaped: bool,
    },
    /// A list of blocks not to be written from earlier copies.
    Revoke,
    /// The end of a transaction.
    Commit,
}

/// A block of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogBlock {
    /// Its byte offset in the image that holds the journal.
    pub at: u64,
    /// What it is.
    pub role: Role,
}

/// A committed transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// Its number.
    pub sequence: u32,
    /// Its blocks, the commit block last.
    pub blocks: Vec<LogBlock>,
    /// What it revokes.
    pub revoked: Vec<u64>,
}

/// The log of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// The superblock of the file system asks for recovery.
    pub needs_recovery: bool,
    /// The list of orphans in the superblock is not empty, or there is something in the orphan
    /// file.
    pub orphans: bool,
    /// Byte offset of the journal's superblock in the image that holds it.
    pub superblock_at: u64,
    /// First block of the log, 0 if it is empty.
    pub start: u32,
    /// The transaction that the superblock of the journal expects there.
    pub sequence: u32,
    /// The highest number in the header of any block of the log, in or out of what counts.
    pub highest: Option<u32>,
    /// Block size in bytes.
    pub block: u64,
    /// Checksums.
    pub checksum: Checksum,
    /// Block numbers of 64 bits.
    pub wide: bool,
    /// Commit blocks do not wait for the others.
    pub async_commit: bool,
    /// The log goes on at its first block after its last.
    pub wraps: bool,
    /// Committed transactions, oldest first.
    pub transactions: Vec<Transaction>,
    /// Revoked copies whose home block now holds something else, so that the revoke matters.
    pub decisive_revokes: usize,
    /// The fast commits after the last transaction; `None` without the feature.
    pub fast: Option<FastLog>,
}

impl Log {
    /// Revoked blocks, in all transactions.
    #[must_use]
    pub fn revokes(&self) -> usize {
        self.transactions.iter().map(|transaction| transaction.revoked.len()).sum()
    }

    /// Copies with escaped magic numbers.
    #[must_use]
    pub fn escaped(&self) -> usize {
        self.roles().filter(|role| matches!(role, Role::Copy { escaped: true, .. })).count()
    }

    fn roles(&self) -> impl Iterator<Item = Role> {
        self.transactions.iter().flat_map(|one| &one.blocks).map(|block| block.role)
    }
}

/// Reads the log of the image at `image`, in its own journal or in that at `journal`.
///
/// # Errors
/// If the files cannot be read or hold no journal.
pub fn read(image: &Path, journal: Option<&Path>) -> Result<Log> {
    let image = std::fs::read(image).on("read", image)?;
    let journal = journal.map(|path| std::fs::read(path).on("read", path)).transpose()?;
    read_bytes(image, journal)
}

/// As [`read`], from memory.
///
/// # Errors
/// If there is no journal.
pub fn read_bytes(image: Vec<u8>, journal: Option<Vec<u8>>) -> Result<Log> {
    let editor = ImageEditor::new(image);
    let flags = editor.get_u32(Spot::Superblock, 0x60)?;
    let read_only = editor.get_u32(Spot::Superblock, 0x64)?;
    let orphans = editor.get_u32(Spot::Superblock, 0xe8)? != 0 || read_only & 0x10000 != 0;
    let blocks = match journal {
        Some(device) => Blocks::device(device, editor.block_size()?),
        None => Blocks::inode(&editor)?,
    };
    let geometry = Geometry::read(&blocks)?;
    let scan = scan::scan(&blocks, &geometry);
    let fast = geometry.fast.then(|| fast::read(&blocks, &geometry, scan.next));
    let decisive_revokes = decisive(&editor, &blocks, &scan.transactions)?;
    Ok(Log {
        needs_recovery: flags & 4 != 0,
        orphans,
        superblock_at: blocks.superblock_at(),
        start: geometry.start,
        sequence: geometry.sequence,
        highest: (geometry.first..geometry.end).filter_map(|n| number(blocks.block(n).1)).max(),
        block: blocks.size(),
        checksum: geometry.checksum,
        wide: geometry.wide,
        async_commit: geometry.async_commit,
        wraps: scan.wraps,
        transactions: scan.transactions,
        decisive_revokes,
        fast,
    })
}

/// The transaction that `block` is of, if it is a descriptor, a commit or a revoke. Copies have no
/// such headers, as they are escaped.
fn number(block: &[u8]) -> Option<u32> {
    let kind = bytes::be32(block, 4);
    let is_header = bytes::be32(block, 0) == bytes::MAGIC && matches!(kind, 1 | 2 | 5);
    is_header.then(|| bytes::be32(block, 8))
}

/// What the superblock of the journal says.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    /// The first block of the log's ring.
    first: u32,
    /// One past the last block of the ring; the fast-commit area begins here.
    end: u32,
    /// One past the last block of the journal.
    total: u32,
    start: u32,
    sequence: u32,
    checksum: Checksum,
    wide: bool,
    async_commit: bool,
    fast: bool,
}

impl Geometry {
    fn read(blocks: &Blocks) -> Result<Self> {
        let block = blocks.superblock();
        let word = |at: usize| bytes::be32(block, at);
        if word(0) != bytes::MAGIC || !(3..=4).contains(&word(4)) {
            return Err(Error::Image("no journal superblock".to_owned()));
        }
        let (compatible, incompatible) = (word(0x24), word(0x28));
        let fast = incompatible & 0x20 != 0;
        let area = match word(0x54) {
            _ if !fast => 0,
            0 => 256,
            number => number,
        };
        Ok(Self {
            first: word(0x14),
            end: word(0x10).saturating_sub(area),
            total: word(0x10),
            start: word(0x1c),
            sequence: word(0x18),
            checksum: match (incompatible & 0x18, compatible & 1) {
                (0x10, _) => Checksum::V3,
                (0x08, _) => Checksum::V2,
                (_, 1) => Checksum::V1,
                _ => Checksum::None,
            },
            wide: incompatible & 2 != 0,
            async_commit: incompatible & 4 != 0,
            fast,
        })
    }
}

/// Counts blocks whose last copy is revoked by its own or a later transaction, and whose home no
/// longer holds that copy.
fn decisive(editor: &ImageEditor, blocks: &Blocks, transactions: &[Transaction]) -> Result<usize> {
    let mut last: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
    let mut revoked: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
    for transaction in transactions {
        for block in &transaction.blocks {
            if let Role::Copy { home, escaped } = block.role {
                last.insert(home, (block.at, escaped));
                revoked.remove(&home);
            }
        }
        for home in &transaction.revoked {
            if let Some(copy) = last.remove(home) {
                revoked.insert(*home, copy);
            }
        }
    }
    let size = blocks.size();
    let length = usize::try_from(size).unwrap_or_default();
    let mut count = 0;
    for (home, (at, escaped)) in revoked {
        let mut copy = blocks.bytes_at(at).to_vec();
        if let (true, Some(head)) = (escaped, copy.get_mut(..4)) {
            head.copy_from_slice(&bytes::MAGIC.to_be_bytes());
        }
        count += usize::from(editor.get_bytes(Spot::Block(home), 0, length)? != copy);
    }
    Ok(count)
}
