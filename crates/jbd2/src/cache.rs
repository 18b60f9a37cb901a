//! The bounded, sharded cache of metadata blocks.
//!
//! Locks: one shard (rank `BufferShard`), then one buffer (`Buffer`); no lock is held during a
//! device read. A buffer that someone still holds is never evicted: a writer could not tell two
//! buffers for one block apart.

use extant_block::{AlignedBuffer, BlockDevice, DeviceError, IoFlags, WriteFlags, read_unaligned};
use extant_format::{BlockNr, BlockSize};
use extant_sync::atomic::{AtomicU64, Ordering};
use extant_sync::{Arc, Rank, RwLock, ShardedCache, hash_number};

/// The content of one metadata block. Never changes while an `Arc` to it is held.
#[derive(Debug)]
pub struct Block {
    bytes: AlignedBuffer,
    checked: AtomicU64,
}

impl Block {
    /// The block's bytes, as many as a block has.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What a block was checked as: the kind of structure, its owner and the owner's generation. A
/// block checked for one owner is checked again for another, since their checksums differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckToken(u64);

impl CheckToken {
    /// `kind` is the caller's own small number for the structure (not 0), `owner` an inode or
    /// group number, `generation` the inode's.
    #[must_use]
    pub const fn new(kind: u8, owner: u32, generation: u32) -> Self {
        let generation = generation & 0x00ff_ffff;
        Self((kind as u64) << 56 | (generation as u64) << 32 | owner as u64)
    }
}

/// A cached block: the identity that handles and lists will refer to.
#[derive(Debug)]
pub struct Buffer {
    nr: u64,
    current: RwLock<Arc<Block>>,
}

impl Buffer {
    /// The content as it is now.
    #[must_use]
    pub fn current(&self) -> Arc<Block> {
        Arc::clone(&self.current.read())
    }
}

/// Why a metadata block could not be had.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum BufferError {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// No-wait was asked for and the block is not in memory.
    #[error("the operation would block")]
    WouldBlock,
}

/// All metadata blocks in memory, at most as many as the capacity allows.
#[derive(Debug)]
pub struct BufferCache {
    device: Arc<dyn BlockDevice>,
    block_size: BlockSize,
    buffers: ShardedCache<Arc<Buffer>>,
}

impl BufferCache {
    /// A cache of at most about `capacity_bytes` over the file system that starts at byte 0 of
    /// `device`.
    #[must_use]
    pub fn new(device: Arc<dyn BlockDevice>, block_size: BlockSize, capacity_bytes: usize) -> Self {
        let capacity = capacity_bytes / block_size.to_usize();
        let held = |buffer: &Arc<Buffer>| Arc::strong_count(buffer) > 1;
        Self { device, block_size, buffers: ShardedCache::new(Rank::BufferShard, capacity, held) }
    }

    /// The device under the cache.
    #[must_use]
    pub fn device(&self) -> &Arc<dyn BlockDevice> {
        &self.device
    }

    /// Blocks in memory now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffers.len()
    }

    /// Whether no block is in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    /// The content of block `nr`, from memory or the device.
    ///
    /// # Errors
    /// [`BufferError::Device`]; [`BufferError::WouldBlock`] under no-wait for a block not in
    /// memory.
    pub fn read(&self, nr: BlockNr, flags: IoFlags) -> Result<Arc<Block>, BufferError> {
        if let Some(block) = self.cached(nr.get()) {
            return Ok(block);
        }
        if flags.nowait() {
            return Err(BufferError::WouldBlock);
        }
        let mut bytes = self.new_block();
        read_unaligned(&*self.device, &mut bytes, nr.byte_offset(self.block_size))?;
        Ok(self.insert(nr.get(), bytes))
    }

    /// As [`read`](Self::read), and `check` has accepted the content under `token`. A content is
    /// checked once for each token that follows another.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and of `check`.
    pub fn read_checked<E: From<BufferError>>(
        &self,
        nr: BlockNr,
        token: CheckToken,
        flags: IoFlags,
        check: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<Arc<Block>, E> {
        let block = self.read(nr, flags)?;
        if block.checked.load(Ordering::Relaxed) != token.0 {
            check(block.bytes())?;
            block.checked.store(token.0, Ordering::Relaxed);
        }
        Ok(block)
    }

    /// Gives block `nr` a new content of one block, in memory and on the device: for a device that
    /// is an overlay, where recovery changes metadata. Readers that hold the old content keep it.
    ///
    /// # Errors
    /// [`BufferError::Device`].
    pub fn replace(&self, nr: BlockNr, content: &[u8]) -> Result<(), BufferError> {
        let mut bytes = self.new_block();
        bytes.copy_from_slice(content);
        self.device.write_at(&bytes, nr.byte_offset(self.block_size), WriteFlags::NONE)?;
        let block = Arc::new(Block { bytes, checked: AtomicU64::new(0) });
        let cached = |buffer: &Arc<Buffer>| *buffer.current.write() = Arc::clone(&block);
        self.buffers.find(hash_number(nr.get()), |buffer| buffer.nr == nr.get(), cached);
        Ok(())
    }

    /// Brings the `count` blocks from `first` into memory with one device read, but for those
    /// already there. A hint: failures are left for the later read of the block to report.
    pub fn read_ahead(&self, first: BlockNr, count: u32) {
        let size = self.block_size.to_usize();
        let Some(len) = size.checked_mul(count as usize) else { return };
        let mut bytes = AlignedBuffer::new(len);
        let offset = first.byte_offset(self.block_size);
        if read_unaligned(&*self.device, &mut bytes, offset).is_err() {
            return;
        }
        for (nr, part) in (first.get()..).zip(bytes.chunks_exact(size)) {
            if self.cached(nr).is_some() {
                continue;
            }
            let mut own = self.new_block();
            own.copy_from_slice(part);
            self.insert(nr, own);
        }
    }

    /// Memory for one block, aligned as the device wants it and no more: small blocks at page
    /// boundaries would cost a page each.
    fn new_block(&self) -> AlignedBuffer {
        let alignment = self.device.alignment().memory.max(16) as usize;
        AlignedBuffer::with_alignment(self.block_size.to_usize(), alignment)
    }

    fn cached(&self, nr: u64) -> Option<Arc<Block>> {
        self.buffers.find(hash_number(nr), |buffer| buffer.nr == nr, |buffer| buffer.current())
    }

    /// Puts a block in memory; the first of two that race stays.
    fn insert(&self, nr: u64, bytes: AlignedBuffer) -> Arc<Block> {
        let block = Arc::new(Block { bytes, checked: AtomicU64::new(0) });
        let buffer = Arc::new(Buffer { nr, current: RwLock::new(Rank::Buffer, block) });
        self.buffers.insert(hash_number(nr), |old| old.nr == nr, buffer, |buffer| buffer.current())
    }
}

#[cfg(test)]
mod tests;
