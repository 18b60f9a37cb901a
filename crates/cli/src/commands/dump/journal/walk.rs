//! The records of a log in the order in which replay meets them.
//!
//! This is a view for people who look for what is wrong: it follows the sequence numbers as replay
//! does, but a wrong checksum is shown and not the end. Each step takes at least one block of the
//! ring and a walk takes none twice, so it ends. In memory are one block and the reader's window.

use extant::Corrupt;
use extant::Place;
use extant::raw::format::journal::{
    CRC32_BE_START, CommitBlock, CommitSum, DescriptorTags, JournalBlockHeader, JournalBlockKind,
    JournalFeatures, JournalTag, RevokeBlock, TagFlags, crc32_be,
};
use extant::raw::jbd2::{JournalError, Log, LogReader};

/// A block of the log that is not a copy.
#[derive(Debug)]
pub(super) struct Record {
    /// Its number in the journal.
    pub(super) block: u32,
    /// The transaction.
    pub(super) sequence: u32,
    /// Whether it lies behind the end of the log.
    pub(super) is_old: bool,
    /// Whether its checksum is right; `None` if it has none or it cannot be computed.
    pub(super) checksum_ok: Option<bool>,
    pub(super) content: Content,
}

/// What a record says.
#[derive(Debug)]
pub(super) enum Content {
    /// Copies of blocks follow.
    Descriptor(Vec<Copy>),
    /// Older copies of these blocks must not be replayed.
    Revoke(Result<Vec<u64>, Corrupt>),
    /// The transaction is complete.
    Commit(CommitBlock),
}

/// A copy of a block.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) tag: JournalTag,
    /// The journal's block that holds it.
    pub(super) block: u32,
    /// As in [`Record`].
    pub(super) checksum_ok: Option<bool>,
}

impl Record {
    fn has_damage(&self) -> bool {
        let inside = match &self.content {
            Content::Descriptor(copies) => {
                copies.iter().any(|copy| copy.checksum_ok == Some(false))
            }
            Content::Revoke(blocks) => blocks.is_err(),
            Content::Commit(_) => false,
        };
        inside || self.checksum_ok == Some(false)
    }
}

/// Where the log ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// The first block that is no part of it; `None` if it fills the journal.
    pub(super) block: Option<u32>,
    /// The transaction that would be next.
    pub(super) sequence: u32,
}

/// A walk along a log.
pub(super) struct Walk<'a> {
    log: &'a Log,
    reader: LogReader<'a>,
    next: u32,
    /// Blocks of the ring that are still to be looked at.
    left: u32,
    /// The transaction that the next record must be of, in the log.
    expected: u32,
    end: Option<End>,
    /// The first transaction with a wrong checksum.
    damaged: Option<u32>,
    /// Whether to go on behind the end.
    all: bool,
    /// The sum of the transaction so far (version 1).
    sum: u32,
}

impl<'a> Walk<'a> {
    /// A walk from the start of `log`: to its end, or with `all` around the whole ring.
    pub(super) fn new(log: &'a Log, all: bool) -> Self {
        let superblock = log.superblock();
        let (sequence, empty) = (superblock.sequence, superblock.is_empty());
        Self {
            log,
            reader: LogReader::new(log),
            next: if empty { superblock.first } else { superblock.start },
            left: log.len(),
            expected: sequence,
            end: empty.then_some(End { block: None, sequence }),
            damaged: None,
            all,
            sum: CRC32_BE_START,
        }
    }

    /// Where the log ends, once the walk got there.
    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// The transaction that replay would expect behind the good ones.
    pub(super) fn next_sequence(&self) -> u32 {
        self.damaged.unwrap_or(self.expected)
    }

    /// The next record.
    pub(super) fn step(&mut self) -> Result<Option<Record>, JournalError> {
        while self.left > 0 && (self.end.is_none() || self.all) {
            let at = self.next;
            let bytes = self.reader.block(at)?.to_vec();
            let header = JournalBlockHeader::parse(&bytes).filter(|header| is_record(header.kind));
            if self.end.is_none() && header.is_none_or(|found| found.sequence != self.expected) {
                self.end = Some(End { block: Some(at), sequence: self.expected });
                continue;
            }
            self.pass(1);
            if let Some(header) = header {
                return self.record(at, header, &bytes).map(Some);
            }
        }
        if self.end.is_none() {
            self.end = Some(End { block: None, sequence: self.expected });
        }
        Ok(None)
    }

    fn record(
        &mut self,
        block: u32,
        header: JournalBlockHeader,
        bytes: &[u8],
    ) -> Result<Record, JournalError> {
        let is_old = self.end.is_some();
        let (content, checksum_ok) = match header.kind {
            JournalBlockKind::Descriptor => self.descriptor(header.sequence, bytes)?,
            JournalBlockKind::Revoke => self.revoke(block, bytes),
            _ => self.commit(bytes),
        };
        let record = Record { block, sequence: header.sequence, is_old, checksum_ok, content };
        if !is_old && record.has_damage() {
            self.damaged.get_or_insert(record.sequence);
        }
        Ok(record)
    }

    /// A descriptor, and in the log its copies, which the walk then has passed.
    fn descriptor(
        &mut self,
        sequence: u32,
        bytes: &[u8],
    ) -> Result<(Content, Option<bool>), JournalError> {
        self.add_to_sum(bytes);
        let mut copies = Vec::new();
        let mut at = self.next;
        for tag in DescriptorTags::new(bytes, self.log.layout()) {
            let mut copy = Copy { tag, block: at, checksum_ok: None };
            at = self.log.advance(at, 1);
            if self.end.is_none() && self.left > 0 {
                copy.checksum_ok = self.check_copy(sequence, &copy)?;
                self.pass(1);
            }
            copies.push(copy);
        }
        Ok((Content::Descriptor(copies), self.tail_ok(bytes)))
    }

    fn check_copy(&mut self, sequence: u32, copy: &Copy) -> Result<Option<bool>, JournalError> {
        let layout = self.log.layout();
        if !layout.has_checksums() && !self.sums_transactions() {
            return Ok(None);
        }
        let bytes = self.reader.block(copy.block)?;
        if layout.has_checksums() {
            let sum = self.log.seed().data_sum(sequence, bytes);
            return Ok(Some(layout.checksum_matches(&copy.tag, sum)));
        }
        self.sum = crc32_be(self.sum, bytes);
        Ok(None)
    }

    fn revoke(&self, block: u32, bytes: &[u8]) -> (Content, Option<bool>) {
        let at = Place::structure("journal").block(block.into());
        let parsed = RevokeBlock::parse(bytes, self.log.layout(), at);
        (Content::Revoke(parsed.map(|revoke| revoke.blocks().collect())), self.tail_ok(bytes))
    }

    fn commit(&mut self, bytes: &[u8]) -> (Content, Option<bool>) {
        let unreadable =
            CommitBlock { sequence: 0, seconds: 0, nanoseconds: 0, sum: CommitSum::Unknown };
        let commit = CommitBlock::parse(bytes).unwrap_or(unreadable);
        let ok = if self.log.layout().has_checksums() {
            Some(CommitBlock::checksum_matches(bytes, self.log.seed()))
        } else {
            match commit.sum {
                CommitSum::Crc32(sum) if self.sums_transactions() => Some(sum == self.sum),
                _ => None,
            }
        };
        if self.end.is_none() {
            self.expected = self.expected.wrapping_add(1);
        }
        self.sum = CRC32_BE_START;
        (Content::Commit(commit), ok)
    }

    /// Whether commits hold the sum of their transaction, and this walk knows all of it.
    fn sums_transactions(&self) -> bool {
        let features = self.log.superblock().features;
        features.compat & JournalFeatures::CHECKSUM != 0 && self.end.is_none()
    }

    fn add_to_sum(&mut self, bytes: &[u8]) {
        if self.sums_transactions() {
            self.sum = crc32_be(self.sum, bytes);
        }
    }

    fn tail_ok(&self, bytes: &[u8]) -> Option<bool> {
        self.log.layout().has_checksums().then(|| self.log.seed().tail_matches(bytes))
    }

    fn pass(&mut self, blocks: u32) {
        self.next = self.log.advance(self.next, blocks);
        self.left = self.left.saturating_sub(blocks);
    }
}

fn is_record(kind: JournalBlockKind) -> bool {
    use JournalBlockKind as Kind;
    matches!(kind, Kind::Descriptor | Kind::Revoke | Kind::Commit)
}

/// The names of the flags of a tag.
pub(super) fn flag_names(flags: TagFlags) -> Vec<&'static str> {
    let names = [
        (TagFlags::ESCAPED, "escaped"),
        (TagFlags::SAME_UUID, "same_uuid"),
        (TagFlags::DELETED, "deleted"),
        (TagFlags::LAST, "last"),
    ];
    names.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect()
}
