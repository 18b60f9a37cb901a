//! The scan: one pass over the log, transaction by transaction.

use std::collections::BTreeMap;

use extant_format::journal::{
    CRC32_BE_START, CommitBlock, CommitSum, DescriptorTags, JournalBlockHeader, JournalBlockKind,
    JournalFeatures, JournalSeed, JournalTag, RevokeBlock, TagFlags, TagLayout, crc32_be,
};
use extant_format::{Corrupt, CorruptKind};
use extant_sync::Arc;

use super::{LoggedCopy, Recovery, RecoveryCounts};
use crate::log::at;
use crate::{JournalError, Log, LogReader};

mod behind;

impl Recovery {
    /// Reads the log from its start to its end. `is_home` says whether a block of the file system
    /// may be written by a transaction at all; blocks of an internal journal never are. Commits
    /// from before `not_before`, seconds since 1970, are of an earlier use of these blocks: they
    /// prove nothing.
    ///
    /// # Errors
    /// [`CorruptKind::JournalDescriptor`], [`CorruptKind::JournalData`],
    /// [`CorruptKind::JournalRevoke`], [`CorruptKind::JournalCommit`], [`CorruptKind::JournalGap`]
    /// for damage that a later valid commit follows; [`CorruptKind::JournalTarget`],
    /// [`CorruptKind::JournalLoop`], and a malformed revoke block, wherever they are; those of the
    /// device.
    pub fn scan(
        log: Arc<Log>,
        not_before: u64,
        is_home: impl Fn(u64) -> bool,
    ) -> Result<Self, JournalError> {
        let start = log.superblock().start;
        let sequence = log.superblock().sequence;
        let mut scan = Scan::new(&log, not_before, &is_home);
        let (end, torn) = match start {
            0 => (Cursor { block: log.superblock().first, sequence, used: 0 }, None),
            _ => scan.all(Cursor { block: start, sequence, used: 0 })?,
        };
        let Scan { copies, counts, .. } = scan;
        let Cursor { block: head, sequence: next_sequence, used } = end;
        Ok(Self { log, copies, counts, next_sequence, head, used, torn })
    }
}

/// A place in the log.
#[derive(Clone, Copy)]
struct Cursor {
    block: u32,
    /// The transaction that is expected there.
    sequence: u32,
    /// Blocks of the log from its start to here.
    used: u32,
}

/// What stands between two places.
enum Found {
    /// A whole transaction, damaged or not.
    Transaction(Transaction),
    /// No more blocks of the expected transaction.
    End(End),
}

/// How a log ends before a commit.
#[derive(Clone, Copy)]
enum End {
    /// With nothing of the expected transaction.
    Clean,
    /// With a part of it, and then a block that is none of it.
    Broken(Corrupt),
    /// With a part of it that is damaged.
    Damaged(Corrupt),
}

/// A transaction with its commit block.
struct Transaction {
    copies: Vec<(u64, LoggedCopy)>,
    revokes: Vec<u32>,
    seconds: u64,
    /// Whether its commit has a sum over it.
    summed: bool,
    /// The first thing wrong with it.
    damage: Option<Corrupt>,
    end: Cursor,
}

struct Scan<'a, F> {
    log: &'a Log,
    is_home: &'a F,
    reader: LogReader<'a>,
    layout: TagLayout,
    seed: JournalSeed,
    copies: BTreeMap<u64, LoggedCopy>,
    counts: RecoveryCounts,
    /// Commit time of the last good transaction; before the first, a time that none is older than.
    seconds: u64,
}

impl<'a, F: Fn(u64) -> bool> Scan<'a, F> {
    fn new(log: &'a Log, not_before: u64, is_home: &'a F) -> Self {
        Self {
            log,
            is_home,
            reader: LogReader::new(log),
            layout: log.layout(),
            seed: log.seed(),
            copies: BTreeMap::new(),
            counts: RecoveryCounts::default(),
            seconds: not_before,
        }
    }

    /// Takes up all transactions from `start`; gives the end of the log, and what is wrong with
    /// the transaction that it is in.
    fn all(&mut self, start: Cursor) -> Result<(Cursor, Option<Corrupt>), JournalError> {
        let mut now = start;
        loop {
            let transaction = match self.transaction(now)? {
                Found::Transaction(transaction) => transaction,
                Found::End(end) => return self.end(now, end),
            };
            if let Some(damage) = transaction.damage {
                if self.is_followed(now)? {
                    return Err(damage.into());
                }
                return Ok((now, Some(damage)));
            }
            now = transaction.end;
            self.take_up(transaction)?;
        }
    }

    /// The log ends at `now`, in a transaction without a commit, if nothing behind it proves that
    /// there was one.
    fn end(&mut self, now: Cursor, end: End) -> Result<(Cursor, Option<Corrupt>), JournalError> {
        let all_blocks = self.layout.has_checksums();
        let (missing, followed, torn) = match end {
            End::Damaged(damage) => (damage, self.is_followed(now)?, Some(damage)),
            End::Broken(gap) if all_blocks => (gap, self.is_followed(now)?, None),
            End::Broken(gap) => (gap, self.goes_on(now)?, None),
            End::Clean => {
                let gap = Corrupt::new(CorruptKind::JournalGap, at(now.block));
                (gap, self.goes_on(now)?, None)
            }
        };
        if followed { Err(missing.into()) } else { Ok((now, torn)) }
    }

    /// Reads the transaction at `start`.
    fn transaction(&mut self, start: Cursor) -> Result<Found, JournalError> {
        let mut draft = Draft::new(start, self.log);
        loop {
            let at = draft.now.block;
            let block = self.reader.block(at)?;
            let header = JournalBlockHeader::parse(block);
            let Some(header) = header.filter(|header| header.sequence == start.sequence) else {
                return Ok(Found::End(draft.end(start)));
            };
            match header.kind {
                JournalBlockKind::Descriptor => {
                    if !self.descriptor(&mut draft)? {
                        return Ok(Found::End(draft.end(start)));
                    }
                }
                JournalBlockKind::Revoke => self.revoke(&mut draft)?,
                JournalBlockKind::Commit => {
                    let (seconds, summed) = self.commit(&mut draft)?;
                    draft.step(self.log)?;
                    return Ok(Found::Transaction(draft.finish(seconds, summed)));
                }
                _ => return Ok(Found::End(draft.end(start))),
            }
        }
    }

    /// Reads a descriptor and the copies behind it. False for one that is torn: its tags, and so
    /// where the transaction goes on, may be anything.
    fn descriptor(&mut self, draft: &mut Draft) -> Result<bool, JournalError> {
        let block = self.reader.block(draft.now.block)?;
        if self.layout.has_checksums() && !self.seed.tail_matches(block) {
            draft.note(CorruptKind::JournalDescriptor);
            return Ok(false);
        }
        draft.add_to_sum(block);
        let tags: Vec<JournalTag> = DescriptorTags::new(block, self.layout).collect();
        draft.step(self.log)?;
        for tag in tags {
            let block = self.reader.block(draft.now.block)?;
            draft.add_to_sum(block);
            let sum = match self.layout.has_checksums() && draft.damage.is_none() {
                true => self.seed.data_sum(draft.now.sequence, block),
                false => tag.checksum,
            };
            if !self.layout.checksum_matches(&tag, sum) {
                draft.note(CorruptKind::JournalData);
            }
            let escaped = tag.flags.contains(TagFlags::ESCAPED);
            draft.copies.push((tag.home, LoggedCopy { log: draft.now.block, escaped }));
            draft.step(self.log)?;
        }
        Ok(true)
    }

    fn revoke(&mut self, draft: &mut Draft) -> Result<(), JournalError> {
        let block = self.reader.block(draft.now.block)?;
        if self.layout.has_checksums() && !self.seed.tail_matches(block) {
            draft.note(CorruptKind::JournalRevoke);
        }
        draft.revokes.push(draft.now.block);
        draft.step(self.log)
    }

    /// Verifies the commit block of a transaction; gives its time, and whether it has a sum.
    fn commit(&mut self, draft: &mut Draft) -> Result<(u64, bool), JournalError> {
        let block = self.reader.block(draft.now.block)?;
        if self.layout.has_checksums() && !CommitBlock::checksum_matches(block, self.seed) {
            draft.note(CorruptKind::JournalCommit);
        }
        let Some(commit) = CommitBlock::parse(block) else {
            draft.note(CorruptKind::JournalCommit);
            return Ok((0, false));
        };
        let matches = match (draft.sum, commit.sum) {
            (None, _) | (Some(_), CommitSum::None) => true,
            (Some(right), CommitSum::Crc32(sum)) => sum == right,
            (Some(_), CommitSum::Unknown) => false,
        };
        if !matches {
            draft.note(CorruptKind::JournalCommit);
        }
        Ok((commit.seconds, commit.sum != CommitSum::None))
    }

    /// Adds a good transaction to what is to be replayed.
    fn take_up(&mut self, transaction: Transaction) -> Result<(), JournalError> {
        for (home, copy) in transaction.copies {
            if !(self.is_home)(home) || self.log.contains(home) {
                return Err(Corrupt::new(CorruptKind::JournalTarget, at(copy.log)).into());
            }
            self.copies.insert(home, copy);
            self.counts.logged_blocks += 1;
        }
        for block in transaction.revokes {
            let bytes = self.reader.block(block)?;
            for number in RevokeBlock::parse(bytes, self.layout, at(block))?.blocks() {
                self.copies.remove(&number);
                self.counts.revoked_blocks += 1;
            }
        }
        self.counts.transactions += 1;
        self.seconds = transaction.seconds;
        Ok(())
    }
}

impl Cursor {
    /// One block on. A log cannot be longer than its journal.
    fn step(&mut self, log: &Log) -> Result<(), JournalError> {
        if self.used >= log.len() {
            return Err(Corrupt::new(CorruptKind::JournalLoop, at(self.block)).into());
        }
        self.block = log.advance(self.block, 1);
        self.used += 1;
        Ok(())
    }
}

/// A transaction while it is read.
struct Draft {
    now: Cursor,
    copies: Vec<(u64, LoggedCopy)>,
    revokes: Vec<u32>,
    /// The sum so far, in a journal with sums over transactions.
    sum: Option<u32>,
    damage: Option<Corrupt>,
}

impl Draft {
    fn new(start: Cursor, log: &Log) -> Self {
        let sums = log.superblock().features.compat & JournalFeatures::CHECKSUM != 0;
        let sum = sums.then_some(CRC32_BE_START);
        Self { now: start, copies: Vec::new(), revokes: Vec::new(), sum, damage: None }
    }

    fn note(&mut self, kind: CorruptKind) {
        let here = Corrupt::new(kind, at(self.now.block));
        self.damage.get_or_insert(here);
    }

    fn add_to_sum(&mut self, block: &[u8]) {
        self.sum = self.sum.map(|sum| crc32_be(sum, block));
    }

    fn step(&mut self, log: &Log) -> Result<(), JournalError> {
        self.now.step(log)
    }

    /// The end of a log here, in the transaction that began at `start`.
    fn end(&self, start: Cursor) -> End {
        match self.damage {
            Some(damage) => End::Damaged(damage),
            None if self.now.used == start.used => End::Clean,
            None => End::Broken(Corrupt::new(CorruptKind::JournalGap, at(self.now.block))),
        }
    }

    fn finish(self, seconds: u64, summed: bool) -> Transaction {
        let end = Cursor { sequence: self.now.sequence.wrapping_add(1), ..self.now };
        Transaction {
            copies: self.copies,
            revokes: self.revokes,
            seconds,
            summed,
            damage: self.damage,
            end,
        }
    }
}
