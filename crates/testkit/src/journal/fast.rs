//! Fast commits: little-endian records after the log.

use super::LogBuilder;
use crate::error::{Error, Result};
use crate::hostile::{ImageEditor, Spot};

/// The kind of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum FcTag {
    /// An extent is added to an inode.
    AddRange = 1,
    /// A range is taken from an inode.
    DelRange = 2,
    /// A new inode gets its name.
    Creat = 3,
    /// A name is added.
    Link = 4,
    /// A name is taken away.
    Unlink = 5,
    /// An inode as it is.
    Inode = 6,
    /// Nothing, to the end of the block.
    Pad = 7,
    /// The end of a fast commit.
    Tail = 8,
    /// The start of the first fast commit after a full one.
    Head = 9,
}

/// An extent that a record adds to an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FcExtent {
    /// First block of the file.
    pub logical: u32,
    /// Blocks; 32,768 more for an unwritten extent.
    pub raw_length: u16,
    /// First block of the image.
    pub physical: u64,
}

/// The content of a fast-commit area, record after record.
#[derive(Clone, Debug)]
pub struct FastCommits {
    block_size: usize,
    stream: Vec<u8>,
    /// Where the commit that is open begins.
    open: usize,
}

impl FastCommits {
    /// An empty area with blocks of `block_size` bytes.
    #[must_use]
    pub const fn new(block_size: usize) -> Self {
        Self { block_size, stream: Vec::new(), open: 0 }
    }

    /// What was written so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.stream
    }

    /// What was written so far, for a test to break.
    pub const fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.stream
    }

    /// Bytes left in the block.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.block_size - self.stream.len() % self.block_size
    }

    /// Blocks begun.
    #[must_use]
    pub const fn blocks(&self) -> usize {
        self.stream.len().div_ceil(self.block_size)
    }

    /// A record as it is, wherever that ends.
    pub fn raw(&mut self, tag: u16, length: u16, value: &[u8]) -> &mut Self {
        self.stream.extend(tag.to_le_bytes());
        self.stream.extend(length.to_le_bytes());
        self.stream.extend(value);
        self
    }

    /// A record, after padding if it and the header of one more do not fit in the block.
    pub fn record(&mut self, tag: FcTag, value: &[u8]) -> &mut Self {
        if 4 + value.len() + 4 > self.room() {
            self.pad();
        }
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.raw(tag as u16, length, value)
    }

    /// Padding to the end of the block; nothing at its start.
    pub fn pad(&mut self) -> &mut Self {
        if self.room() < self.block_size {
            let length = self.room().saturating_sub(4);
            self.fill(FcTag::Pad, length);
        }
        self
    }

    fn fill(&mut self, tag: FcTag, length: usize) {
        let zeroes = vec![0; length];
        self.raw(tag as u16, u16::try_from(length).unwrap_or(u16::MAX), &zeroes);
    }

    /// The head of the first fast commit after the full commit before `tid`.
    pub fn head(&mut self, features: u32, tid: u32) -> &mut Self {
        self.record(FcTag::Head, &[features, tid].map(u32::to_le_bytes).concat())
    }

    /// `tag` is [`Creat`](FcTag::Creat), [`Link`](FcTag::Link) or [`Unlink`](FcTag::Unlink).
    pub fn name(&mut self, tag: FcTag, parent: u32, inode: u32, name: &[u8]) -> &mut Self {
        let numbers = [parent, inode].map(u32::to_le_bytes).concat();
        self.record(tag, &[&numbers, name].concat())
    }

    /// An inode as it is.
    pub fn inode(&mut self, inode: u32, raw: &[u8]) -> &mut Self {
        self.record(FcTag::Inode, &[&inode.to_le_bytes(), raw].concat())
    }

    /// An extent is added.
    pub fn add_range(&mut self, inode: u32, extent: FcExtent) -> &mut Self {
        let [low @ .., _, _] = extent.physical.to_le_bytes();
        let [a, b, c, d, high @ ..] = low;
        let parts: [&[u8]; 5] = [
            &inode.to_le_bytes(),
            &extent.logical.to_le_bytes(),
            &extent.raw_length.to_le_bytes(),
            &high,
            &[a, b, c, d],
        ];
        self.record(FcTag::AddRange, &parts.concat())
    }

    /// `length` blocks from `logical` on are taken away.
    pub fn del_range(&mut self, inode: u32, logical: u32, length: u32) -> &mut Self {
        let numbers = [inode, logical, length].map(u32::to_le_bytes).concat();
        self.record(FcTag::DelRange, &numbers)
    }

    /// The end of a fast commit: its tail, to the end of the block. The checksum is over
    /// everything since the last tail, this one's own `tid` included, xor `damage`.
    pub fn tail(&mut self, tid: u32, damage: u32) -> &mut Self {
        if self.room() < 12 {
            self.pad();
        }
        let length = self.room() - 4;
        let short = u16::try_from(length).unwrap_or(u16::MAX);
        self.raw(FcTag::Tail as u16, short, &tid.to_le_bytes());
        let sum = !crc32c::crc32c_append(!0, self.stream.get(self.open..).unwrap_or_default());
        self.stream.extend((sum ^ damage).to_le_bytes());
        let end = self.stream.len().next_multiple_of(self.block_size);
        self.stream.resize(end, 0);
        self.open = end;
        self
    }
}

impl LogBuilder {
    /// Writes `fast` into the journal's fast-commit area.
    ///
    /// # Errors
    /// If the area is too small for it.
    pub fn fast_commits(&self, image: &mut ImageEditor, fast: &FastCommits) -> Result<()> {
        let room = self.fast_commit_room(image)?;
        if fast.blocks() > usize::try_from(room).unwrap_or_default() {
            return Err(Error::Image(format!("{room} blocks for fast commits")));
        }
        for (block, number) in fast.bytes().chunks(fast.block_size).zip(self.range().1 + 1..) {
            let at = Spot::Block(image.journal_block(number)?);
            image.set_bytes(at, 0, block)?;
        }
        Ok(())
    }

    /// The blocks that fast commits can use: all of the area but its first.
    ///
    /// # Errors
    /// If there is no journal in the image.
    pub fn fast_commit_room(&self, image: &ImageEditor) -> Result<u32> {
        let superblock = Spot::Block(image.journal_superblock()?);
        Ok(image.get_be32(superblock, 0x10)?.saturating_sub(self.range().1 + 1))
    }
}
