//! Writing the copies home.
//!
//! Order (C13, C14): all copies, flush, and only then may the caller reset the journal's
//! superblock. A crash anywhere before that leaves the log as it was, and recovery starts again.

use extant_block::{AlignedBuffer, BlockDevice, WriteFlags};
use extant_format::{Corrupt, CorruptKind};

use super::Recovery;
use super::view::unescape;
use crate::JournalError;
use crate::log::at;

/// Bytes of copies that are sorted and written together.
const BATCH_BYTES: usize = 8 << 20;
/// Blocks of the log between two copies that are rather read along than skipped.
const MAX_GAP: u32 = 8;

/// A copy to be written: its place in the log, its home, and whether it is escaped.
#[derive(Clone, Copy)]
struct Move {
    log: u32,
    home: u64,
    escaped: bool,
}

impl Recovery {
    /// Writes each copy to its home on `device` once, in the order of the log but sorted by home
    /// in batches, and makes them durable. Memory: two batches and 16 bytes for each copy.
    ///
    /// # Errors
    /// Those of the devices. Then any part may have been written, and the log is as before.
    pub fn replay(&self, device: &dyn BlockDevice) -> Result<(), JournalError> {
        let mut moves: Vec<Move> = self
            .copies
            .iter()
            .map(|(&home, copy)| Move { log: copy.log, home, escaped: copy.escaped })
            .collect();
        moves.sort_unstable_by_key(|copy| copy.log);
        let size = self.log.block_size().to_usize();
        let in_batch = (BATCH_BYTES / size).max(1);
        let mut batch = Batch {
            recovery: self,
            copies: AlignedBuffer::new(in_batch.min(moves.len()) * size),
            window: AlignedBuffer::new(WINDOW_BYTES.max(size)),
        };
        for part in moves.chunks(in_batch) {
            batch.read(part)?;
            batch.write(part, device)?;
        }
        device.flush()?;
        Ok(())
    }
}

/// Bytes read or written with one request.
const WINDOW_BYTES: usize = 1 << 20;

/// Copies on their way.
struct Batch<'a> {
    recovery: &'a Recovery,
    /// The copies in the order of the log.
    copies: AlignedBuffer,
    window: AlignedBuffer,
}

impl Batch<'_> {
    fn size(&self) -> usize {
        self.recovery.log.block_size().to_usize()
    }

    /// Reads the copies of `part`, which ascend in the log.
    fn read(&mut self, part: &[Move]) -> Result<(), JournalError> {
        let size = self.size();
        let mut done = 0;
        while let Some(first) = part.get(done) {
            let (_, run) = self
                .recovery
                .log
                .locate(first.log)
                .ok_or_else(|| Corrupt::new(CorruptKind::JournalMap, at(first.log)))?;
            let most = run.min(u32::try_from(self.window.len() / size).unwrap_or(1));
            let rest = part.get(done..).unwrap_or_default();
            let count = together(rest, most);
            let last = rest.get(count - 1).map_or(first.log, |copy| copy.log);
            let len = (last - first.log + 1) as usize * size;
            let window = self.window.get_mut(..len).unwrap_or_default();
            self.recovery.log.read(first.log, window)?;
            let slots = self.copies.chunks_exact_mut(size).skip(done);
            for (slot, copy) in slots.zip(rest.iter().take(count)) {
                let start = (copy.log - first.log) as usize * size;
                slot.copy_from_slice(window.get(start..start + size).unwrap_or_default());
                if copy.escaped {
                    unescape(slot, 0);
                }
            }
            done += count;
        }
        Ok(())
    }

    /// Writes the copies of `part` home, neighbours with one request.
    fn write(&mut self, part: &[Move], device: &dyn BlockDevice) -> Result<(), JournalError> {
        let size = self.size();
        let mut order: Vec<(u64, usize)> =
            part.iter().enumerate().map(|(slot, copy)| (copy.home, slot)).collect();
        order.sort_unstable();
        let most = (self.window.len() / size).max(1);
        let mut rest = order.as_slice();
        while let Some(&(home, _)) = rest.first() {
            let follows = |(n, (block, _)): (usize, &(u64, usize))| *block == home + n as u64;
            let count = rest.iter().enumerate().take(most).take_while(|it| follows(*it)).count();
            let (now, after) = rest.split_at(count);
            for (&(_, slot), target) in now.iter().zip(self.window.chunks_exact_mut(size)) {
                let source = self.copies.get(slot * size..(slot + 1) * size);
                target.copy_from_slice(source.unwrap_or_default());
            }
            let bytes = self.window.get(..count * size).unwrap_or_default();
            let offset = home << self.recovery.log.block_size().bits();
            device.write_at(bytes, offset, WriteFlags::NONE)?;
            rest = after;
        }
        Ok(())
    }
}

/// How many copies at the start of `part`, at least one, are read with one request of at most
/// `most` blocks.
fn together(part: &[Move], most: u32) -> usize {
    let Some(first) = part.first() else { return 0 };
    let near = |pair: &&[Move]| match pair {
        [a, b] => b.log - a.log <= MAX_GAP && b.log - first.log < most,
        _ => false,
    };
    1 + part.windows(2).take_while(|pair| near(pair)).count()
}
