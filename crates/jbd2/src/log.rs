//! Where the blocks of a journal are, and reading them.
//!
//! A journal is an inode's blocks or a device of its own; either way it is a list of runs that was
//! checked when the log was opened, so that no log block leads outside. The superblock is read
//! once. Nothing here is cached: recovery reads a log once or twice, in order.

use extant_block::{AlignedBuffer, BlockDevice, DeviceError, WriteFlags, read_unaligned};
use extant_format::journal::{JOURNAL_SUPERBLOCK_SIZE, JournalSeed, TagLayout};
use extant_format::{BlockSize, Corrupt, CorruptKind, JournalSuperblock, Place};
use extant_sync::Arc;

use crate::{JournalError, write_unaligned};

/// Consecutive blocks of a journal that are consecutive on the device, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogRun {
    /// The first block's number in the journal.
    pub log: u32,
    /// Its number on the device.
    pub block: u64,
    /// How many blocks.
    pub len: u32,
}

/// A journal on a device.
#[derive(Debug)]
pub struct Log {
    device: Arc<dyn BlockDevice>,
    block_size: BlockSize,
    runs: Vec<LogRun>,
    /// The same, ascending on the device.
    by_block: Vec<LogRun>,
    /// The journal's block with the superblock: not 0 on a device of its own.
    superblock_block: u32,
    superblock: JournalSuperblock,
    is_internal: bool,
}

/// Where a journal lies, before anything in it was read.
#[derive(Debug)]
pub struct LogPlace {
    /// The device with the journal.
    pub device: Arc<dyn BlockDevice>,
    /// Bytes of a block, those of the file system.
    pub block_size: BlockSize,
    /// The journal's blocks in ascending order of their numbers in it.
    pub runs: Vec<LogRun>,
    /// The journal's block that holds its superblock.
    pub superblock_block: u32,
    /// Whether the journal lies in the file system whose changes it holds, so that none of them
    /// may be of its own blocks.
    pub is_internal: bool,
}

/// The place of block `log` of a journal.
pub(crate) fn at(log: u32) -> Place {
    Place::structure("journal").block(log.into())
}

impl Log {
    /// Opens the journal at `place`: its runs cover all blocks that the superblock claims, lie on
    /// the device, and no two blocks of it are one.
    ///
    /// # Errors
    /// [`CorruptKind::JournalMap`], those of [`JournalSuperblock::parse`]; unknown features;
    /// those of the device.
    pub fn open(place: LogPlace) -> Result<Self, JournalError> {
        let LogPlace { device, block_size, runs, superblock_block, is_internal } = place;
        let malformed = |log| Corrupt::new(CorruptKind::JournalMap, at(log));
        let device_blocks = device.size_bytes() >> block_size.bits();
        let mut covered = 0_u32;
        for run in &runs {
            let end = run.block.checked_add(run.len.into());
            if run.log != covered || end.is_none_or(|end| end > device_blocks) {
                return Err(malformed(covered).into());
            }
            covered = covered.checked_add(run.len).ok_or_else(|| malformed(covered))?;
        }
        let mut by_block = runs.clone();
        by_block.sort_unstable_by_key(|run| run.block);
        if let Some(twice) = first_overlap(&by_block) {
            return Err(malformed(twice).into());
        }
        let mut bytes = AlignedBuffer::new(block_size.to_usize());
        read_runs(&*device, block_size, &runs, superblock_block, &mut bytes)?;
        let superblock = JournalSuperblock::parse(&bytes, block_size, at(superblock_block))?;
        let unknown = superblock.features.unknown();
        if !unknown.is_empty() {
            return Err(JournalError::Unsupported { features: unknown });
        }
        if superblock.max_len > covered || superblock.first <= superblock_block {
            return Err(malformed(covered).into());
        }
        Ok(Self { device, block_size, runs, by_block, superblock_block, superblock, is_internal })
    }

    /// The superblock as it was when the log was opened.
    #[must_use]
    pub fn superblock(&self) -> &JournalSuperblock {
        &self.superblock
    }

    /// The device with the journal.
    #[must_use]
    pub fn device(&self) -> &Arc<dyn BlockDevice> {
        &self.device
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_size(&self) -> BlockSize {
        self.block_size
    }

    /// The seed of the checksums.
    #[must_use]
    pub fn seed(&self) -> JournalSeed {
        JournalSeed::from_uuid(&self.superblock.uuid)
    }

    /// The form of tags and revoked blocks.
    #[must_use]
    pub fn layout(&self) -> TagLayout {
        TagLayout::new(&self.superblock.features)
    }

    /// Blocks of the log, those before its first and the fast-commit area not counted.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.superblock.log_end() - self.superblock.first
    }

    /// Whether the log has no block (never, once it is open).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The block `n` behind `block` in the log, which is a ring. `n` is at most its length.
    #[must_use]
    pub fn advance(&self, block: u32, n: u32) -> u32 {
        let end = u64::from(self.superblock.log_end());
        let next = u64::from(block) + u64::from(n);
        let next = if next >= end { next - u64::from(self.len()) } else { next };
        u32::try_from(next).unwrap_or(self.superblock.first)
    }

    /// Whether the journal lies in the file system whose changes it holds.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.is_internal
    }

    /// Whether `block` of the file system is a block of this journal.
    #[must_use]
    pub fn contains(&self, block: u64) -> bool {
        let behind = self.by_block.partition_point(|run| run.block <= block);
        let run = behind.checked_sub(1).and_then(|n| self.by_block.get(n));
        self.is_internal && run.is_some_and(|run| block - run.block < run.len.into())
    }

    /// Whether `other` is the same journal: its blocks are where those of this one are.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.runs == other.runs && self.superblock_block == other.superblock_block
    }

    /// Fills `buf`, whole blocks, with the journal's blocks from `block` on, without wrapping.
    ///
    /// # Errors
    /// [`CorruptKind::JournalMap`] for a block the journal does not have; those of the device.
    pub fn read(&self, block: u32, buf: &mut [u8]) -> Result<(), JournalError> {
        read_runs(&*self.device, self.block_size, &self.runs, block, buf)
    }

    /// The byte of the device at which `block` of the journal starts, and how many blocks follow
    /// each other from it on; `None` if the journal has no such block.
    #[must_use]
    pub fn locate(&self, block: u32) -> Option<(u64, u32)> {
        locate(&self.runs, self.block_size, block)
    }

    /// Writes whole blocks to the journal from `block` on, without wrapping.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn write(&self, block: u32, buf: &[u8], flags: WriteFlags) -> Result<(), JournalError> {
        let (mut block, mut rest) = (block, buf);
        while !rest.is_empty() {
            let (offset, run) = self
                .locate(block)
                .ok_or_else(|| Corrupt::new(CorruptKind::JournalMap, at(block)))?;
            let blocks = run.min(blocks_in(rest.len(), self.block_size));
            let len = blocks as usize * self.block_size.to_usize();
            let (part, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            write_unaligned(&*self.device, &AlignedBuffer::from_slice(part), offset, flags)?;
            (block, rest) = (block.saturating_add(blocks), after);
        }
        Ok(())
    }

    /// Writes a new state to the superblock, durable when this returns: `superblock` is that of
    /// the log with another start, sequence or error.
    ///
    /// # Errors
    /// Those of the device.
    pub fn write_superblock(&self, superblock: &JournalSuperblock) -> Result<(), JournalError> {
        let (offset, _) = self
            .locate(self.superblock_block)
            .ok_or_else(|| Corrupt::new(CorruptKind::JournalMap, at(self.superblock_block)))?;
        let mut bytes = AlignedBuffer::new(JOURNAL_SUPERBLOCK_SIZE);
        read_unaligned(&*self.device, &mut bytes, offset)?;
        superblock.write_state(&mut bytes);
        write_unaligned(&*self.device, &bytes, offset, WriteFlags::NONE)?;
        self.device.flush()?;
        Ok(())
    }
}

/// The journal's block at which a run starts that has a block of another run.
fn first_overlap(by_block: &[LogRun]) -> Option<u32> {
    by_block.windows(2).find_map(|pair| match pair {
        [one, two] if two.block - one.block < one.len.into() => Some(one.log.max(two.log)),
        _ => None,
    })
}

/// How many whole blocks `len` bytes are.
fn blocks_in(len: usize, size: BlockSize) -> u32 {
    u32::try_from(len >> size.bits()).unwrap_or(u32::MAX)
}

fn locate(runs: &[LogRun], size: BlockSize, block: u32) -> Option<(u64, u32)> {
    let behind = runs.partition_point(|run| run.log <= block);
    let run = runs.get(behind.checked_sub(1)?)?;
    let skip = block - run.log;
    let left = run.len.checked_sub(skip).filter(|left| *left > 0)?;
    Some(((run.block + u64::from(skip)) << size.bits(), left))
}

fn read_runs(
    device: &dyn BlockDevice,
    size: BlockSize,
    runs: &[LogRun],
    block: u32,
    buf: &mut [u8],
) -> Result<(), JournalError> {
    let (mut block, mut rest) = (block, buf);
    while !rest.is_empty() {
        let (offset, run) = locate(runs, size, block)
            .ok_or_else(|| Corrupt::new(CorruptKind::JournalMap, at(block)))?;
        let blocks = run.min(blocks_in(rest.len(), size).max(1));
        let len = (blocks as usize * size.to_usize()).min(rest.len());
        let (part, after) = rest.split_at_mut(len);
        device_read(device, part, offset)?;
        (block, rest) = (block.saturating_add(blocks), after);
    }
    Ok(())
}

fn device_read(device: &dyn BlockDevice, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
    read_unaligned(device, buf, offset)
}

/// Reads blocks of a journal one after another, many with one request.
#[derive(Debug)]
pub struct LogReader<'a> {
    log: &'a Log,
    window: AlignedBuffer,
    /// The journal's blocks in the window.
    held: std::ops::Range<u32>,
}

/// Bytes of a window.
const WINDOW_BYTES: usize = 256 << 10;

impl<'a> LogReader<'a> {
    /// A reader of `log`.
    #[must_use]
    pub fn new(log: &'a Log) -> Self {
        let window = AlignedBuffer::new(WINDOW_BYTES.max(log.block_size.to_usize()));
        Self { log, window, held: 0..0 }
    }

    /// The content of the journal's block `block`.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn block(&mut self, block: u32) -> Result<&[u8], JournalError> {
        let size = self.log.block_size.to_usize();
        if !self.held.contains(&block) {
            self.fill(block)?;
        }
        let start = (block - self.held.start) as usize * size;
        Ok(self.window.get(start..start + size).unwrap_or_default())
    }

    /// Brings in the blocks from `block` on. The first window is small: a log is often short.
    fn fill(&mut self, block: u32) -> Result<(), JournalError> {
        let follows = block == self.held.end && block != 0;
        let most = blocks_in(self.window.len(), self.log.block_size);
        let most = if follows { most } else { most.min(16) };
        let (_, run) = self
            .log
            .locate(block)
            .ok_or_else(|| Corrupt::new(CorruptKind::JournalMap, at(block)))?;
        let count = run.min(most);
        self.held = 0..0;
        let len = count as usize * self.log.block_size.to_usize();
        self.log.read(block, self.window.get_mut(..len).unwrap_or_default())?;
        self.held = block..block + count;
        Ok(())
    }
}
