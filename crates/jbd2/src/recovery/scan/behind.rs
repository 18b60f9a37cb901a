//! What is behind the place where a log seems to end.
//!
//! A commit is written when all transactions before it are durable. So a later valid commit is
//! proof that the transaction which cannot be read was acknowledged, and lost. What an earlier use
//! of the same blocks left has smaller numbers, or older times.

use extant_format::journal::{CommitBlock, JournalBlockHeader, JournalBlockKind, JournalFeatures};

use super::{Cursor, Found, Scan};
use crate::JournalError;

/// Bytes to look through for a header, at least.
const REACH_BYTES: u32 = 1 << 20;
/// Transactions that are tried where sums are over whole ones, and only the first block of one
/// tells where it begins.
const MAX_TRIES: u32 = 4;

/// What a block is to a log whose transaction is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trace {
    /// None of this log.
    Nothing,
    /// Of the missing transaction, or of a later one.
    Part,
    /// A later transaction was committed.
    Proof,
}

impl<F: Fn(u64) -> bool> Scan<'_, F> {
    /// Whether a valid commit of a later transaction than the one at `damaged` is in the rest of
    /// the log, not older than the last good one: then the damage is not the log's end.
    ///
    /// Only commits with checksums are proof: blocks of an older use of the log do not match.
    pub(super) fn is_followed(&mut self, damaged: Cursor) -> Result<bool, JournalError> {
        if !self.layout.has_checksums() {
            return self.next_is_whole(damaged);
        }
        let mut now = damaged;
        while now.used < self.log.len() {
            if self.trace(now, damaged.sequence)? == Trace::Proof {
                return Ok(true);
            }
            now.step(self.log)?;
        }
        Ok(false)
    }

    /// The same for sums over whole transactions (version 1): whether the next one is whole.
    fn next_is_whole(&mut self, damaged: Cursor) -> Result<bool, JournalError> {
        let Found::Transaction(bad) = self.transaction(damaged)? else { return Ok(false) };
        let next = self.transaction(bad.end)?;
        Ok(matches!(next, Found::Transaction(next)
            if next.damage.is_none() && next.seconds >= self.seconds))
    }

    /// The same where the transaction at `gap` has no readable first block, as at the end of any
    /// log. To read all that is behind the end would take as long as to read a full log. If only
    /// blocks at the start of the transaction are damaged, another one of it, or of the next, is
    /// no further than a descriptor reaches: where there is none, the log ends.
    pub(super) fn goes_on(&mut self, gap: Cursor) -> Result<bool, JournalError> {
        let sums = self.log.superblock().features.compat & JournalFeatures::CHECKSUM != 0;
        if !self.layout.has_checksums() && !sums {
            return Ok(false);
        }
        let reach = self.reach();
        let (mut now, mut left, mut tries) = (gap, reach, MAX_TRIES);
        while left > 0 && now.used < self.log.len() {
            let trace = match self.layout.has_checksums() {
                true => self.trace(now, gap.sequence)?,
                false => self.trace_of_sum(now, gap.sequence, &mut tries)?,
            };
            match trace {
                Trace::Proof => return Ok(true),
                Trace::Part => left = reach,
                Trace::Nothing => left -= 1,
            }
            now.step(self.log)?;
        }
        Ok(false)
    }

    /// Blocks that a descriptor and its copies take at most, and never too few.
    fn reach(&self) -> u32 {
        let size = self.log.block_size();
        let tags = size.to_usize() / self.layout.tag_size();
        u32::try_from(tags + 2).unwrap_or(u32::MAX).max(REACH_BYTES >> size.bits())
    }

    /// What the block at `now` is, by its own checksum.
    fn trace(&mut self, now: Cursor, missing: u32) -> Result<Trace, JournalError> {
        let seconds = self.seconds;
        let block = self.reader.block(now.block)?;
        let Some((header, ahead)) = header(block, missing) else { return Ok(Trace::Nothing) };
        let trace = match header.kind {
            JournalBlockKind::Commit => {
                let commit = CommitBlock::parse(block).filter(|commit| commit.seconds >= seconds);
                match CommitBlock::checksum_matches(block, self.seed) {
                    true if ahead == 0 => Trace::Part,
                    true if commit.is_some() => Trace::Proof,
                    _ => Trace::Nothing,
                }
            }
            _ if self.seed.tail_matches(block) => Trace::Part,
            _ => Trace::Nothing,
        };
        Ok(trace)
    }

    /// The same in a log with sums over transactions: whether a whole later one begins there.
    fn trace_of_sum(
        &mut self,
        now: Cursor,
        missing: u32,
        tries: &mut u32,
    ) -> Result<Trace, JournalError> {
        let block = self.reader.block(now.block)?;
        let Some((header, ahead)) = header(block, missing) else { return Ok(Trace::Nothing) };
        if ahead == 0 || *tries == 0 {
            return Ok(Trace::Part);
        }
        *tries -= 1;
        let start = Cursor { sequence: header.sequence, ..now };
        match self.transaction(start) {
            Ok(Found::Transaction(next))
                if next.damage.is_none() && next.summed && next.seconds >= self.seconds =>
            {
                Ok(Trace::Proof)
            }
            Ok(_) | Err(JournalError::Corrupt(_)) => Ok(Trace::Part),
            Err(error) => Err(error),
        }
    }
}

/// The header of a block of a transaction that is `missing` or later, and by how much.
fn header(block: &[u8], missing: u32) -> Option<(JournalBlockHeader, u32)> {
    use JournalBlockKind::{Commit, Descriptor, Revoke};
    let header = JournalBlockHeader::parse(block)?;
    let ahead = header.sequence.wrapping_sub(missing);
    let counts = matches!(header.kind, Commit | Descriptor | Revoke) && ahead < 1 << 31;
    counts.then_some((header, ahead))
}
