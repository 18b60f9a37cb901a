//! Writing one transaction to a log that is at rest: how recovery makes its own changes atomic.
//!
//! The log is as [`Recovery`](crate::Recovery) left it: everything in it is home. The order is
//! that of any commit (C14): descriptors and copies, flush, commit block with FUA. What running
//! file systems need (handles, revokes, checkpoints) is not here.

use extant_block::WriteFlags;
use extant_format::Timestamp;
use extant_format::journal::{
    CRC32_BE_START, CommitBlock, CommitSum, JOURNAL_HEADER_SIZE, JOURNAL_MAGIC, JournalBlockHeader,
    JournalFeatures, JournalTag, TagFlags, crc32_be,
};

use crate::{JournalError, Log};

/// A block that a transaction changes: its number, and its new content.
pub type ChangedBlock<'a> = (u64, &'a [u8]);

/// Bytes of the UUID behind the first tag of a descriptor.
const UUID_SIZE: usize = 16;

/// Writes transactions, one after another, from a place in the log on.
#[derive(Debug)]
pub struct TransactionWriter<'a> {
    log: &'a Log,
    block: u32,
    sequence: u32,
    sum: u32,
}

impl<'a> TransactionWriter<'a> {
    /// The next transaction goes to `block` of the log and has the number `sequence`.
    #[must_use]
    pub fn new(log: &'a Log, block: u32, sequence: u32) -> Self {
        Self { log, block, sequence, sum: CRC32_BE_START }
    }

    /// The number of the next transaction.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// How many tags a descriptor holds.
    fn tags_per_descriptor(&self) -> usize {
        let layout = self.log.layout();
        let end = layout.body_end(self.log.block_size().to_usize());
        end.saturating_sub(JOURNAL_HEADER_SIZE + UUID_SIZE) / layout.tag_size()
    }

    /// Blocks of the log that a transaction of `count` changed blocks takes.
    #[must_use]
    pub fn blocks_needed(&self, count: usize) -> u64 {
        let descriptors = count.div_ceil(self.tags_per_descriptor().max(1));
        count as u64 + descriptors as u64 + 1
    }

    /// Clears what a torn transaction with the number of the next one has left where the
    /// descriptors and the commit of `count` changed blocks will be; durable when this returns.
    /// Otherwise a crash midway could leave the first blocks of the new transaction and the last
    /// of the old one, all with right checksums, as one.
    ///
    /// # Errors
    /// Those of the device.
    pub fn clear(&self, count: usize) -> Result<(), JournalError> {
        let empty = vec![0; self.log.block_size().to_usize()];
        let mut block = empty.clone();
        let (mut place, mut left, mut cleared) = (self.block, count, false);
        loop {
            self.log.read(place, &mut block)?;
            let old = JournalBlockHeader::parse(&block);
            if old.is_some_and(|header| header.sequence == self.sequence) {
                self.log.write(place, &empty, WriteFlags::NONE)?;
                cleared = true;
            }
            if left == 0 {
                break;
            }
            let copies = left.min(self.tags_per_descriptor().max(1));
            let step = u32::try_from(copies + 1).unwrap_or(u32::MAX).min(self.log.len());
            (place, left) = (self.log.advance(place, step), left - copies);
        }
        if cleared {
            self.log.device().flush()?;
        }
        Ok(())
    }

    /// Writes one transaction of `changes`; durable when this returns.
    ///
    /// # Errors
    /// Those of the device. Then the transaction is not in the log, or not whole.
    pub fn write(
        &mut self,
        changes: &[ChangedBlock<'_>],
        time: Timestamp,
    ) -> Result<(), JournalError> {
        self.sum = CRC32_BE_START;
        for part in changes.chunks(self.tags_per_descriptor().max(1)) {
            self.write_descriptor(part)?;
        }
        self.log.device().flush()?;
        self.write_commit(time)?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Writes a descriptor and the copies it lists.
    fn write_descriptor(&mut self, part: &[ChangedBlock<'_>]) -> Result<(), JournalError> {
        let log = self.log;
        let mut block = self.header(1);
        let mut copies: Vec<Vec<u8>> = Vec::with_capacity(part.len());
        let mut at = JOURNAL_HEADER_SIZE;
        for (n, &(home, content)) in part.iter().enumerate() {
            let (copy, escaped) = escape(content);
            let mut flags = if escaped { TagFlags::ESCAPED } else { TagFlags::default() };
            if n > 0 {
                flags = flags.union(TagFlags::SAME_UUID);
            }
            if n + 1 == part.len() {
                flags = flags.union(TagFlags::LAST);
            }
            let checksum = log.seed().data_sum(self.sequence, &copy);
            let tag = JournalTag { home, flags, checksum };
            log.layout().write(&tag, block.get_mut(at..).unwrap_or_default());
            at += log.layout().tag_size();
            if n == 0 {
                if let Some(uuid) = block.get_mut(at..at + UUID_SIZE) {
                    uuid.copy_from_slice(&log.superblock().uuid);
                }
                at += UUID_SIZE;
            }
            copies.push(copy);
        }
        if log.layout().has_checksums() {
            log.seed().set_tail(&mut block);
        }
        self.put(&block, WriteFlags::NONE)?;
        copies.iter().try_for_each(|copy| self.put(copy, WriteFlags::NONE))
    }

    fn write_commit(&mut self, time: Timestamp) -> Result<(), JournalError> {
        let features = self.log.superblock().features;
        let sum = match features.compat & JournalFeatures::CHECKSUM {
            0 => CommitSum::None,
            _ => CommitSum::Crc32(self.sum),
        };
        let commit = CommitBlock {
            sequence: self.sequence,
            seconds: time.secs.max(0).cast_unsigned(),
            nanoseconds: time.nanos,
            sum,
        };
        let mut block = vec![0; self.log.block_size().to_usize()];
        commit.write(&mut block, features.has_checksums().then(|| self.log.seed()));
        self.put(&block, WriteFlags::FUA)
    }

    /// A block of zeroes with the header of `kind`.
    fn header(&self, kind: u32) -> Vec<u8> {
        let mut block = vec![0; self.log.block_size().to_usize()];
        let words = [JOURNAL_MAGIC, kind, self.sequence].map(u32::to_be_bytes);
        for (byte, value) in block.iter_mut().zip(words.as_flattened()) {
            *byte = *value;
        }
        block
    }

    /// Writes the next block of the log.
    fn put(&mut self, block: &[u8], flags: WriteFlags) -> Result<(), JournalError> {
        self.sum = crc32_be(self.sum, block);
        self.log.write(self.block, block, flags)?;
        self.block = self.log.advance(self.block, 1);
        Ok(())
    }
}

/// The copy of a block as the log holds it: one that starts with the journal's magic number has
/// zeroes there, and is marked.
fn escape(content: &[u8]) -> (Vec<u8>, bool) {
    let mut copy = content.to_vec();
    let magic = JOURNAL_MAGIC.to_be_bytes();
    let escaped = copy.first_chunk_mut().is_some_and(|start| {
        let found = *start == magic;
        if found {
            *start = [0; 4];
        }
        found
    });
    (copy, escaped)
}
