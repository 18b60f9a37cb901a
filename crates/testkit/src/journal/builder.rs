//! The builder of logs.
//!
//! It puts whole, well-formed blocks into the image and remembers where; a test then breaks them
//! through the image's editor and repairs checksums with [`Written::part`] where it wants to.
//! Nothing stops a log from running over its own start.

use super::tags::{ESCAPED, LAST_TAG, SAME_UUID};
use super::{LogChecksum, LogFormat, MAGIC, Model};
use crate::error::{Error, Result};
use crate::hostile::{ImageEditor, Part, Spot};

/// What is in one block of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogPart {
    /// A list of tags.
    Descriptor,
    /// The copy that a tag names.
    Copy,
    /// A list of revoked blocks.
    Revoke,
    /// The end of a transaction.
    Commit,
}

/// A block that was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// What it is.
    pub kind: LogPart,
    /// Its number in the log.
    pub number: u32,
    /// The block of the image that holds it.
    pub block: u64,
    /// The transaction it belongs to.
    pub sequence: u32,
    /// Of a copy: the block it is a copy of.
    pub home: u64,
    /// Of a copy: the block of the image that holds its descriptor, and the tag's byte offset in
    /// it.
    pub tag: (u64, u64),
}

impl Written {
    /// The part whose checksum covers this block.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self.kind {
            LogPart::Descriptor | LogPart::Revoke => Part::JournalTail(self.block),
            LogPart::Commit => Part::JournalCommit(self.block),
            LogPart::Copy => {
                let (descriptor, offset) = self.tag;
                Part::JournalTag { descriptor, offset, copy: self.block }
            }
        }
    }
}

/// A transaction.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Transaction {
    /// Home blocks and their content.
    pub copies: Vec<(u64, Vec<u8>)>,
    /// Blocks whose copies up to this transaction do not count.
    pub revokes: Vec<u64>,
    /// Whether the revokes stand before the copies.
    pub revokes_first: bool,
    /// Tags in one descriptor at most; 0 for as many as fit.
    pub tags: usize,
    /// Commit time in seconds since 1970.
    pub time: u64,
}

/// Writes a log into the journal of an image, or into the image of a journal device.
#[derive(Clone, Debug)]
pub struct LogBuilder {
    format: LogFormat,
    block_size: usize,
    range: (u32, u32),
    start: (u32, u32),
    next: u32,
    sequence: u32,
    crc: u32,
    written: Vec<Written>,
    open: Transaction,
    model: Model,
}

impl LogBuilder {
    /// Gives the journal in `image` the features of `format`, and begins a log at its first block
    /// with transaction 1.
    ///
    /// # Errors
    /// If there is no journal in the image.
    pub fn new(image: &mut ImageEditor, format: LogFormat) -> Result<Self> {
        let superblock = Spot::Block(image.journal_superblock()?);
        let (compat, incompat) = format.features();
        image.set_be32(superblock, 0x24, compat)?;
        image.set_be32(superblock, 0x28, incompat)?;
        image.set_be32(superblock, 0x54, format.fast_commit_blocks.unwrap_or(0))?;
        image.set_u8(superblock, 0x50, if format.all_blocks() { 4 } else { 0 })?;
        let fast = match format.fast_commit_blocks {
            None => 0,
            Some(0) => 256,
            Some(blocks) => blocks,
        };
        let first = image.get_be32(superblock, 0x14)?;
        let end = image.get_be32(superblock, 0x10)?.saturating_sub(fast);
        let block_size = usize::try_from(image.block_size()?).unwrap_or_default();
        let mut builder = Self {
            format,
            block_size,
            range: (first, end),
            start: (first, 1),
            next: first,
            sequence: 1,
            crc: !0,
            written: Vec::new(),
            open: Transaction::default(),
            model: Model::default(),
        };
        builder.start(first, 1);
        Ok(builder)
    }

    /// Begins the log at block `number` with transaction `sequence`. For before the first block.
    pub const fn start(&mut self, number: u32, sequence: u32) -> &mut Self {
        self.start = (number, sequence);
        (self.next, self.sequence) = self.start;
        self
    }

    /// The first block of the log and the one behind its last.
    #[must_use]
    pub const fn range(&self) -> (u32, u32) {
        self.range
    }

    /// The block that is written next.
    #[must_use]
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// The transaction that is open, or comes next.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// What was written, in its order.
    #[must_use]
    pub fn written(&self) -> &[Written] {
        &self.written
    }

    /// Block `number` of those of `kind`, counted from 0 in the order they were written.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(&self, kind: LogPart, number: usize) -> Result<Written> {
        let found = self.written.iter().filter(|block| block.kind == kind).nth(number).copied();
        found.ok_or_else(|| Error::Image(format!("no {kind:?} {number} in the log")))
    }

    /// The committed transactions.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Writes a whole transaction.
    ///
    /// # Errors
    /// If a block of the journal is not in the image.
    pub fn transaction(&mut self, image: &mut ImageEditor, whole: &Transaction) -> Result<()> {
        if whole.revokes_first {
            self.revoke(image, &whole.revokes)?;
        }
        let per_descriptor = match whole.tags {
            0 => self.format.tags_in(self.block_size),
            tags => tags,
        };
        for copies in whole.copies.chunks(per_descriptor) {
            self.descriptor(image, copies)?;
        }
        if !whole.revokes_first {
            self.revoke(image, &whole.revokes)?;
        }
        self.commit(image, whole.time)
    }

    /// Writes one descriptor and its copies; no more than fit.
    ///
    /// # Errors
    /// If a block of the journal is not in the image.
    pub fn descriptor(&mut self, image: &mut ImageEditor, copies: &[(u64, Vec<u8>)]) -> Result<()> {
        let uuid = Spot::Block(image.journal_superblock()?);
        let uuid = image.get_bytes(uuid, 0x30, 16)?.to_vec();
        let mut block = self.header(1);
        let mut offsets = Vec::new();
        for (number, (home, data)) in copies.iter().enumerate() {
            let mut flags = if data.starts_with(&MAGIC.to_be_bytes()) { ESCAPED } else { 0 };
            flags |= if number + 1 == copies.len() { LAST_TAG } else { 0 };
            let with_uuid = self.format.has_uuid(number);
            flags |= if with_uuid { 0 } else { SAME_UUID };
            offsets.push(block.len() as u64);
            block.extend(self.format.tag(*home, flags));
            block.extend(uuid.iter().filter(|_| with_uuid));
        }
        let descriptor = self.put(image, LogPart::Descriptor, block)?;
        for ((home, data), offset) in copies.iter().zip(offsets) {
            let mut data = data.clone();
            if data.starts_with(&MAGIC.to_be_bytes()) {
                data.splice(..4, [0; 4]);
            }
            let copy = self.put(image, LogPart::Copy, data)?;
            let copy = Written { home: *home, tag: (descriptor.block, offset), ..copy };
            image.make_right(copy.part())?;
            self.written.pop();
            self.written.push(copy);
        }
        self.sum_v1(image, descriptor, copies.len())?;
        self.open.copies.extend_from_slice(copies);
        Ok(())
    }

    /// Goes on with the version 1 checksum over a descriptor and the `copies` blocks after it.
    fn sum_v1(&mut self, image: &ImageEditor, from: Written, copies: usize) -> Result<()> {
        let mut number = from.number;
        for _ in 0..=copies {
            let block = image.journal_block(number)?;
            self.crc = crc32_be(self.crc, image.get_bytes(Spot::Block(block), 0, self.block_size)?);
            number = self.after(number);
        }
        Ok(())
    }

    /// Writes revoke blocks for `homes`, none if there are none.
    ///
    /// # Errors
    /// If a block of the journal is not in the image.
    pub fn revoke(&mut self, image: &mut ImageEditor, homes: &[u64]) -> Result<()> {
        let width = if self.format.wide { 8 } else { 4 };
        let tail = if self.format.all_blocks() { 4 } else { 0 };
        for homes in homes.chunks((self.block_size - 16 - tail) / width) {
            let mut block = self.header(5);
            let used = u32::try_from(16 + width * homes.len()).unwrap_or(u32::MAX);
            block.extend(used.to_be_bytes());
            for home in homes {
                block.extend(home.to_be_bytes().iter().skip(8 - width));
            }
            let revoke = self.put(image, LogPart::Revoke, block)?;
            image.make_right(revoke.part())?;
        }
        self.open.revokes.extend_from_slice(homes);
        Ok(())
    }

    /// Ends the open transaction.
    ///
    /// # Errors
    /// If a block of the journal is not in the image.
    pub fn commit(&mut self, image: &mut ImageEditor, time: u64) -> Result<()> {
        let mut block = self.header(2);
        if self.format.checksum == LogChecksum::V1 {
            block.extend([1, 4, 0, 0]);
            block.extend(self.crc.to_be_bytes());
        }
        block.resize(0x30, 0);
        block.extend(time.to_be_bytes());
        let commit = self.put(image, LogPart::Commit, block)?;
        image.make_right(commit.part())?;
        self.crc = !0;
        self.sequence = self.sequence.wrapping_add(1);
        self.model.push(std::mem::take(&mut self.open));
        Ok(())
    }

    /// Makes the superblock of the journal say where the log starts; for a journal inside the file
    /// system, makes the latter say that there is something to recover.
    ///
    /// # Errors
    /// If there is no journal in the image.
    pub fn finish(&self, image: &mut ImageEditor) -> Result<()> {
        let superblock = Spot::Block(image.journal_superblock()?);
        image.set_be32(superblock, 0x18, self.start.1)?;
        image.set_be32(superblock, 0x1c, self.start.0)?;
        image.make_right(Part::JournalSuperblock)?;
        let incompat = image.get_u32(Spot::Superblock, 0x60)?;
        if incompat & 0x8 == 0 {
            image.set_u32(Spot::Superblock, 0x60, incompat | 0x4)?;
        }
        Ok(())
    }

    /// Magic, kind and sequence of a block of the log.
    fn header(&self, kind: u32) -> Vec<u8> {
        [MAGIC, kind, self.sequence].map(u32::to_be_bytes).concat()
    }

    const fn after(&self, number: u32) -> u32 {
        if number + 1 >= self.range.1 { self.range.0 } else { number + 1 }
    }

    fn put(
        &mut self,
        image: &mut ImageEditor,
        kind: LogPart,
        mut bytes: Vec<u8>,
    ) -> Result<Written> {
        if bytes.len() > self.block_size {
            return Err(Error::Image(format!("{kind:?} of {} bytes", bytes.len())));
        }
        bytes.resize(self.block_size, 0);
        let (number, sequence) = (self.next, self.sequence);
        let block = image.journal_block(number)?;
        image.set_bytes(Spot::Block(block), 0, &bytes)?;
        let written = Written { kind, number, block, sequence, home: 0, tag: (0, 0) };
        self.written.push(written);
        self.next = self.after(number);
        Ok(written)
    }
}

/// CRC32 of polynomial 0x04c11db7, high bit first, continued from `seed`.
fn crc32_be(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            let carry = crc >> 31;
            (crc << 1) ^ (0x04c1_1db7 * carry)
        })
    })
}
