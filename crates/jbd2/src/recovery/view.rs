//! The file system as it is after replay, without a write: blocks that have a copy in the log are
//! read from there.

use extant_block::{Alignment, BlockDevice, DeviceError, WriteFlags, read_unaligned};
use extant_format::journal::JOURNAL_MAGIC;
use extant_sync::Arc;

use super::Recovery;

/// A read-only view of a device with the log replayed. Takes no memory for the replayed blocks.
#[derive(Debug)]
pub struct ReplayDevice {
    base: Arc<dyn BlockDevice>,
    recovery: Arc<Recovery>,
}

/// A part of a request.
struct Part {
    /// Bytes of the request.
    len: usize,
    /// The device, the byte there, and whether the first four bytes of the block are the magic
    /// number.
    source: Source,
}

enum Source {
    Base,
    Log { offset: u64, escaped: bool },
}

impl ReplayDevice {
    /// `base` with what `recovery` found in its log.
    #[must_use]
    pub fn new(base: Arc<dyn BlockDevice>, recovery: Arc<Recovery>) -> Self {
        Self { base, recovery }
    }

    /// What was found in the log.
    #[must_use]
    pub fn recovery(&self) -> &Arc<Recovery> {
        &self.recovery
    }

    /// The part at the start of the `len` bytes from `offset`.
    fn part(&self, offset: u64, len: usize) -> Part {
        let size = self.recovery.log.block_size();
        let block = offset >> size.bits();
        let within = offset - (block << size.bits());
        let next = self.recovery.copies.range(block..).next();
        match next {
            Some((home, copy)) if *home == block => {
                let len = len.min(extant_format::to_usize(size.bytes64() - within));
                let offset = match self.recovery.log.locate(copy.log) {
                    Some((start, _)) => start + within,
                    // The scan has read it there; the device refuses this.
                    None => u64::MAX,
                };
                Part { len, source: Source::Log { offset, escaped: copy.escaped } }
            }
            Some((home, _)) => {
                let until = (home << size.bits()) - offset;
                Part { len: len.min(usize::try_from(until).unwrap_or(len)), source: Source::Base }
            }
            None => Part { len, source: Source::Base },
        }
    }

    fn read_part(&self, buf: &mut [u8], offset: u64, source: &Source) -> Result<(), DeviceError> {
        match *source {
            Source::Base => read_unaligned(&*self.base, buf, offset),
            Source::Log { offset: at, escaped } => {
                read_unaligned(&**self.recovery.log.device(), buf, at)?;
                if escaped {
                    let within = offset & u64::from(self.recovery.log.block_size().bytes() - 1);
                    unescape(buf, extant_format::to_usize(within));
                }
                Ok(())
            }
        }
    }
}

/// Puts the magic number back into `buf`, which starts `within` bytes into an escaped block.
pub(super) fn unescape(buf: &mut [u8], within: usize) {
    let magic = JOURNAL_MAGIC.to_be_bytes();
    let missing = magic.get(within..).unwrap_or_default();
    for (byte, magic) in buf.iter_mut().zip(missing) {
        *byte = *magic;
    }
}

impl BlockDevice for ReplayDevice {
    fn size_bytes(&self) -> u64 {
        self.base.size_bytes()
    }

    fn alignment(&self) -> Alignment {
        self.base.alignment()
    }

    fn write_granularity(&self) -> u32 {
        self.base.write_granularity()
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let part = self.part(at, rest.len());
            let (now, after) = rest.split_at_mut(part.len);
            self.read_part(now, at, &part.source)?;
            at += part.len as u64;
            rest = after;
        }
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64, _: WriteFlags) -> Result<(), DeviceError> {
        Err(DeviceError::ReadOnly)
    }

    fn flush(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn discard(&self, _: u64, _: u64) -> Result<(), DeviceError> {
        Err(DeviceError::ReadOnly)
    }

    fn write_zeroes(&self, _: u64, _: u64) -> Result<(), DeviceError> {
        Err(DeviceError::ReadOnly)
    }
}
