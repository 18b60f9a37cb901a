//! A second replayer of logs, to judge the product's: block after block as the format says, with a
//! table of revokes, and no checksum. How many transactions count is not for it to say.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::journal::{BIT64, JournalLayout, MAGIC, be32};

/// The first word of the copy was the magic number, and is zero in the log.
const ESCAPED: u32 = 1;

/// What becomes of a log.
#[derive(Clone, Default, Debug)]
pub struct Replayed {
    /// For each home block the bytes of the image that hold its last copy, and whether the magic
    /// number has to be put back at their start.
    pub blocks: BTreeMap<u64, (Range<usize>, bool)>,
    /// Copies in all transactions.
    pub logged: u32,
    /// Entries in all revoke blocks.
    pub revoked: u64,
}

impl Replayed {
    /// Writes the copies home in `image`.
    pub fn apply(&self, block_size: u64, image: &mut [u8]) {
        for (home, (copy, escaped)) in &self.blocks {
            let start = home.checked_mul(block_size).and_then(|at| usize::try_from(at).ok());
            let Some(start) = start.filter(|at| at + copy.len() <= image.len()) else { continue };
            image.copy_within(copy.clone(), start);
            if let Some(head) = image.get_mut(start..start + 4).filter(|_| *escaped) {
                head.copy_from_slice(&MAGIC.to_be_bytes());
            }
        }
    }
}

/// What the transactions hold, each with its number in the order of the log.
#[derive(Default)]
struct Records {
    copies: Vec<(u32, u64, Range<usize>, bool)>,
    revokes: Vec<(u32, u64)>,
}

impl JournalLayout {
    /// What the first `transactions` transactions of the journal make of `image`, which is as it
    /// was edited. `None` if there are not so many.
    #[must_use]
    pub fn replay(&self, image: &[u8], transactions: u32) -> Option<Replayed> {
        let journal = self.as_now(image);
        let superblock = journal.block(image, 0)?;
        let (mut at, mut sequence) = (journal.start, be32(superblock, 0x18)?);
        let mut records = Records::default();
        let (mut number, mut steps) = (0, 0);
        while number < transactions && steps < journal.log_length() {
            steps += 1;
            let block = journal.block(image, at)?;
            let head = [be32(block, 0)?, be32(block, 8)?];
            let kind = be32(block, 4).filter(|_| head == [MAGIC, sequence])?;
            at = journal.after(at, 1);
            match kind {
                1 => at = journal.copies(block, (number, at), &mut records)?,
                2 => (number, sequence) = (number + 1, sequence.wrapping_add(1)),
                5 => journal.revokes(block, number, &mut records)?,
                _ => return None,
            }
        }
        (number == transactions).then(|| records.replayed())
    }

    /// The copies behind a descriptor; the block behind them.
    fn copies(
        &self,
        block: &[u8],
        (number, mut at): (u32, u32),
        records: &mut Records,
    ) -> Option<u32> {
        for tag in self.tags(block) {
            let high = if self.has(BIT64) { be32(block, tag + 8)? } else { 0 };
            let home = u64::from(be32(block, tag)?) | u64::from(high) << 32;
            // The low half of the word holds the flags in both forms.
            let escaped = be32(block, tag + 4)? & ESCAPED != 0;
            records.copies.push((number, home, self.range(at)?, escaped));
            at = self.after(at, 1);
        }
        Some(at)
    }

    fn revokes(&self, block: &[u8], number: u32, records: &mut Records) -> Option<()> {
        let end = usize::try_from(be32(block, 12)?).ok()?;
        let width = if self.has(BIT64) { 8 } else { 4 };
        for entry in block.get(16..end)?.chunks_exact(width) {
            let home = entry.iter().fold(0, |home, byte| home << 8 | u64::from(*byte));
            records.revokes.push((number, home));
        }
        Some(())
    }
}

impl Records {
    /// A revoke is for all copies up to its own transaction.
    fn replayed(self) -> Replayed {
        let mut last = HashMap::new();
        for (number, home) in &self.revokes {
            last.insert(*home, *number);
        }
        let (logged, revoked) = (self.copies.len(), self.revokes.len() as u64);
        let mut blocks = BTreeMap::new();
        for (number, home, copy, escaped) in self.copies {
            if last.get(&home).is_none_or(|last| number > *last) {
                blocks.insert(home, (copy, escaped));
            }
        }
        Replayed { blocks, logged: u32::try_from(logged).unwrap_or(u32::MAX), revoked }
    }
}
