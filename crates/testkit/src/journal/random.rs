//! Random logs, well-formed but for their end.

use super::{LogBuilder, LogChecksum, LogFormat, LogPart, MAGIC, Transaction, UuidTags};
use crate::error::Result;
use crate::hostile::{ImageEditor, Part, Spot};

/// Transactions of a log, at most.
const MOST_TRANSACTIONS: u32 = 6;

/// An image with a random log.
#[derive(Clone, Debug)]
pub struct RandomLog {
    /// The image, in need of recovery.
    pub image: ImageEditor,
    /// The log in it.
    pub log: LogBuilder,
    /// The variant.
    pub format: LogFormat,
    /// How many of its transactions are complete.
    pub complete: usize,
    /// What was done to the end of the log.
    pub end: &'static str,
}

impl RandomLog {
    /// The log that `seed` stands for, on top of `base`. Home blocks are taken from `homes`, of
    /// which there are so few that transactions meet in them.
    ///
    /// # Errors
    /// If there is no journal of at least 300 blocks in `base`.
    pub fn new(base: &ImageEditor, seed: u64, homes: &[u64]) -> Result<Self> {
        let mut random = Random(seed);
        let format = random.format();
        let mut image = base.clone();
        let sequence = random.sequence();
        let start = LogBuilder::new(&mut image, format)?.range();
        let start = start.0 + random.below(start.1 - start.0);
        if random.below(2) == 0 {
            // What an older round of the log left behind: smaller numbers, all of them.
            let mut old = LogBuilder::new(&mut image, format)?;
            let before = MOST_TRANSACTIONS + random.below(40);
            old.start(start, sequence.wrapping_sub(before));
            random.transactions(&mut old, &mut image, homes)?;
        }
        let mut log = LogBuilder::new(&mut image, format)?;
        log.start(start, sequence);
        random.transactions(&mut log, &mut image, homes)?;
        log.finish(&mut image)?;
        let complete = log.model().len();
        let mut made = Self { image, log, format, complete, end: "whole" };
        made.damage(&mut random)?;
        Ok(made)
    }

    /// Breaks the last transaction in one of the ways in which a crash does, half the time.
    fn damage(&mut self, random: &mut Random) -> Result<()> {
        if self.log.model().is_empty() || random.below(2) == 0 {
            return Ok(());
        }
        self.complete -= 1;
        let commit = self.log.find(LogPart::Commit, self.complete)?;
        let spot = Spot::Block(commit.block);
        match random.below(4) {
            0 => {
                self.end = "no commit block";
                self.image.set_bytes(spot, 0, &[0; 64])
            }
            1 => {
                self.end = "commit of another transaction";
                let sequence = commit.sequence.wrapping_sub(1 + random.below(9));
                self.image.set_be32(spot, 8, sequence)?;
                self.image.make_right(Part::JournalCommit(commit.block))
            }
            2 => {
                self.end = "half a commit block";
                self.image.set_be32(spot, 0, 0x1122_3344)
            }
            _ if self.format.checksum == LogChecksum::None => {
                self.complete += 1;
                Ok(())
            }
            _ => {
                self.end = "commit with a wrong checksum";
                let sum = self.image.get_be32(spot, 0x10)?;
                self.image.set_be32(spot, 0x10, sum ^ (1 << random.below(32)))
            }
        }
    }
}

/// The generator known as splitmix64.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Below `limit`, or 0.
    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit.max(1))).unwrap_or_default()
    }

    fn pick<T: Copy>(&mut self, list: &[T], other: T) -> T {
        let number = self.below(u32::try_from(list.len()).unwrap_or(u32::MAX));
        list.get(number as usize).copied().unwrap_or(other)
    }

    fn format(&mut self) -> LogFormat {
        let sums = [LogChecksum::None, LogChecksum::V1, LogChecksum::V2, LogChecksum::V3];
        let uuids = [UuidTags::Never, UuidTags::First, UuidTags::Every];
        let mut format = LogFormat::new(self.pick(&sums, LogChecksum::None), self.below(2) == 0);
        format.uuid = self.pick(&uuids, UuidTags::First);
        format.async_commit = self.below(4) == 0;
        format
    }

    /// Transaction numbers wrap around.
    fn sequence(&mut self) -> u32 {
        match self.below(4) {
            0 => u32::MAX - self.below(4),
            1 => 1 + self.below(5),
            _ => u32::try_from(self.next() >> 33).unwrap_or(1).max(100),
        }
    }

    fn transactions(
        &mut self,
        log: &mut LogBuilder,
        image: &mut ImageEditor,
        homes: &[u64],
    ) -> Result<()> {
        let size = usize::try_from(image.block_size()?).unwrap_or(1024);
        let mut time = 1_700_000_000;
        for _ in 0..self.below(MOST_TRANSACTIONS + 1) {
            time += u64::from(self.below(100));
            let copies = (0..self.below(9)).map(|_| {
                let home = self.pick(homes, 0);
                (home, self.block(size))
            });
            let copies = unique(copies.collect());
            let revokes = (0..self.below(4)).map(|_| self.pick(homes, 0)).collect();
            let tags = self.below(5) as usize;
            let revokes_first = self.below(2) == 0;
            log.transaction(image, &Transaction { copies, revokes, revokes_first, tags, time })?;
        }
        Ok(())
    }

    fn block(&mut self, size: usize) -> Vec<u8> {
        let fill = self.next().to_le_bytes();
        let mut block = fill.iter().copied().cycle().take(size).collect::<Vec<_>>();
        let start = match self.below(5) {
            0 => MAGIC.to_be_bytes(),
            1 => [0; 4],
            _ => return block,
        };
        block.splice(..4, start);
        if self.below(2) == 0 {
            // As if it were a commit block of the log.
            block.splice(4..8, [0, 0, 0, 2]);
        }
        block
    }
}

/// A transaction has one copy of a block.
fn unique(mut copies: Vec<(u64, Vec<u8>)>) -> Vec<(u64, Vec<u8>)> {
    copies.sort_by_key(|(home, _)| *home);
    copies.dedup_by_key(|(home, _)| *home);
    copies
}
