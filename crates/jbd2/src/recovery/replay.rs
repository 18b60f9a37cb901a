//! Writing the copies home.
//!
//! Order (C13, C14): all copies, flush, and only then may the caller reset the journal's
//! superblock. A crash anywhere before that leaves the log as it was, and recovery starts again.
//!
//! A log of more than a batch takes three threads: one reads ahead, the caller writes, and one
//! flushes from time to time, so that the device works while the last flush is still far off. No
//! lock is held: batches go through channels.

use extant_block::{AlignedBuffer, BlockDevice, DeviceError, WriteFlags};
use extant_format::{BlockSize, Corrupt, CorruptKind};
use extant_sync::channel::{Receiver, Sender, bounded};
use extant_sync::thread;

use super::Recovery;
use super::view::unescape;
use crate::log::at;
use crate::{JournalError, Log, write_unaligned};

/// Bytes of copies that are sorted and written together.
const BATCH_BYTES: usize = 1 << 20;
/// Batches in memory: one is written, one is read, one is between.
const BATCHES: usize = 3;
/// Blocks of the log between two copies that are rather read along than skipped.
const MAX_GAP: u32 = 8;
/// Copies behind each other in the log that are read with a request of their own.
const MIN_STRAIGHT: usize = 16;
/// Bytes read with gaps, or gathered, for one request.
const WINDOW_BYTES: usize = 1 << 20;
/// Batches between two flushes.
const FLUSH_EVERY: usize = 64;

/// A copy to be written: its place in the log, its home, and whether it is escaped.
#[derive(Clone, Copy)]
struct Move {
    log: u32,
    home: u64,
    escaped: bool,
}

/// Copies as they were read, in the order of the log.
type ReadBatch<'a> = (&'a [Move], Result<AlignedBuffer, JournalError>);

impl Recovery {
    /// Writes each copy to its home on `device` once, in the order of the log but sorted by home
    /// in batches, and makes them durable. Memory: three batches and 16 bytes for each copy.
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
        if moves.len() <= in_batch {
            let mut copies = AlignedBuffer::new(moves.len() * size);
            BatchReader::new(&self.log).read(&moves, &mut copies)?;
            BatchWriter::new(device, self.log.block_size()).write(&moves, &copies)?;
        } else {
            self.replay_ahead(&moves, in_batch, device)?;
        }
        device.flush()?;
        Ok(())
    }

    /// Reads, writes and flushes at once.
    fn replay_ahead(
        &self,
        moves: &[Move],
        in_batch: usize,
        device: &dyn BlockDevice,
    ) -> Result<(), JournalError> {
        thread::scope(|scope| {
            let (full, batches) = bounded(1);
            let (empty, buffers) = bounded(BATCHES);
            for _ in 0..BATCHES {
                let buffer = AlignedBuffer::new(in_batch * self.log.block_size().to_usize());
                // There is room, and the other end is here.
                let _sent = empty.try_send(buffer);
            }
            let (flush, requests) = bounded(1);
            scope.spawn(move || read_ahead(&self.log, moves.chunks(in_batch), &full, &buffers));
            let flusher = scope.spawn(move || flush_on_request(device, &requests));
            let mut writer = BatchWriter::new(device, self.log.block_size());
            let written = write_batches(&mut writer, &batches, &empty, &flush);
            // Without their other ends both threads end.
            drop((batches, empty, flush));
            // A panic goes on in the caller: nothing here is known to cause one.
            let flushed = flusher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            written.and(flushed.map_err(JournalError::from))
        })
    }
}

/// Reads batch after batch into the buffers that come back, until the end, an error, or nobody
/// takes them.
fn read_ahead<'a>(
    log: &Log,
    parts: impl Iterator<Item = &'a [Move]>,
    full: &Sender<ReadBatch<'a>>,
    buffers: &Receiver<AlignedBuffer>,
) {
    let mut reader = BatchReader::new(log);
    for part in parts {
        let Ok(mut buffer) = buffers.recv() else { return };
        let result = reader.read(part, &mut buffer).map(|()| buffer);
        let failed = result.is_err();
        if full.send((part, result)).is_err() || failed {
            return;
        }
    }
}

/// Flushes once for each request; the first error ends it. An error of a flush is told only once,
/// so it must not be lost.
fn flush_on_request(device: &dyn BlockDevice, requests: &Receiver<()>) -> Result<(), DeviceError> {
    while requests.recv().is_ok() {
        device.flush()?;
    }
    Ok(())
}

fn write_batches(
    writer: &mut BatchWriter<'_>,
    batches: &Receiver<ReadBatch<'_>>,
    empty: &Sender<AlignedBuffer>,
    flush: &Sender<()>,
) -> Result<(), JournalError> {
    let mut count = 0_usize;
    while let Ok((part, copies)) = batches.recv() {
        let copies = copies?;
        writer.write(part, &copies)?;
        // The reader may have ended: then nobody needs the buffer.
        let _back = empty.try_send(copies);
        count += 1;
        if count.is_multiple_of(FLUSH_EVERY) {
            // One that still runs is enough.
            let _asked = flush.try_send(());
        }
    }
    Ok(())
}

/// Reads copies from the log.
struct BatchReader<'a> {
    log: &'a Log,
    size: usize,
    window: AlignedBuffer,
}

impl<'a> BatchReader<'a> {
    fn new(log: &'a Log) -> Self {
        let size = log.block_size().to_usize();
        Self { log, size, window: AlignedBuffer::new(WINDOW_BYTES.max(size)) }
    }

    /// Reads the copies of `part`, which ascend in the log, to the start of `copies`.
    fn read(&mut self, part: &[Move], copies: &mut [u8]) -> Result<(), JournalError> {
        let (mut rest, mut copies) = (part, copies);
        while let Some(first) = rest.first() {
            let straight = straight(rest);
            let count = if straight < MIN_STRAIGHT { self.near(rest)? } else { straight };
            let (now, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let (slots, others) =
                copies.split_at_mut_checked(count * self.size).unwrap_or_default();
            if count == straight {
                self.log.read(first.log, slots)?;
            } else {
                self.read_with_gaps(now, slots)?;
            }
            for (slot, copy) in slots.chunks_exact_mut(self.size).zip(now) {
                if copy.escaped {
                    unescape(slot, 0);
                }
            }
            (rest, copies) = (after, others);
        }
        Ok(())
    }

    /// How many copies at the start of `part` fit in the window, with small gaps between them.
    fn near(&self, part: &[Move]) -> Result<usize, JournalError> {
        let Some(first) = part.first() else { return Ok(0) };
        let (_, run) = self
            .log
            .locate(first.log)
            .ok_or_else(|| Corrupt::new(CorruptKind::JournalMap, at(first.log)))?;
        let most = run.min(u32::try_from(self.window.len() / self.size).unwrap_or(1));
        let near = |pair: &&[Move]| match pair {
            [a, b] => b.log - a.log <= MAX_GAP && b.log - first.log < most,
            _ => false,
        };
        Ok(1 + part.windows(2).take_while(near).count())
    }

    fn read_with_gaps(&mut self, part: &[Move], slots: &mut [u8]) -> Result<(), JournalError> {
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return Ok(()) };
        let len = (last.log - first.log + 1) as usize * self.size;
        let window = self.window.get_mut(..len).unwrap_or_default();
        self.log.read(first.log, window)?;
        for (slot, copy) in slots.chunks_exact_mut(self.size).zip(part) {
            let start = (copy.log - first.log) as usize * self.size;
            slot.copy_from_slice(window.get(start..start + self.size).unwrap_or_default());
        }
        Ok(())
    }
}

/// How many copies at the start of `part` are behind each other in the log.
fn straight(part: &[Move]) -> usize {
    let follows = |pair: &&[Move]| matches!(pair, [a, b] if b.log == a.log + 1);
    part.windows(2).take_while(follows).count() + usize::from(!part.is_empty())
}

/// Writes copies home.
struct BatchWriter<'a> {
    device: &'a dyn BlockDevice,
    block_size: BlockSize,
    window: AlignedBuffer,
    /// Homes and slots, by home.
    order: Vec<(u64, usize)>,
}

impl<'a> BatchWriter<'a> {
    fn new(device: &'a dyn BlockDevice, block_size: BlockSize) -> Self {
        let window = AlignedBuffer::new(WINDOW_BYTES.max(block_size.to_usize()));
        Self { device, block_size, window, order: Vec::new() }
    }

    /// Writes the `copies` of `part` home, neighbours with one request.
    fn write(&mut self, part: &[Move], copies: &[u8]) -> Result<(), JournalError> {
        let size = self.block_size.to_usize();
        self.order.clear();
        self.order.extend(part.iter().enumerate().map(|(slot, copy)| (copy.home, slot)));
        self.order.sort_unstable();
        let most = (self.window.len() / size).max(1);
        let mut rest = self.order.as_slice();
        while let Some(&(home, slot)) = rest.first() {
            let count = neighbours(rest, most);
            let (now, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let in_order = now.iter().zip(slot..).all(|(&(_, found), right)| found == right);
            let bytes = if in_order {
                copies.get(slot * size..(slot + count) * size)
            } else {
                for (&(_, slot), target) in now.iter().zip(self.window.chunks_exact_mut(size)) {
                    let source = copies.get(slot * size..(slot + 1) * size);
                    target.copy_from_slice(source.unwrap_or_default());
                }
                self.window.get(..count * size)
            };
            let offset = home << self.block_size.bits();
            let bytes = bytes.unwrap_or_default();
            write_unaligned(self.device, bytes, offset, WriteFlags::NONE)?;
            rest = after;
        }
        Ok(())
    }
}

/// How many homes at the start of `order` follow each other, at most `most`.
fn neighbours(order: &[(u64, usize)], most: usize) -> usize {
    let follows = |pair: &&[(u64, usize)]| matches!(pair, [a, b] if b.0 == a.0 + 1);
    let more = order.windows(2).take(most.saturating_sub(1)).take_while(follows).count();
    more + usize::from(!order.is_empty())
}

#[cfg(test)]
mod tests;
