//! Regular files and block devices of the host.
//!
//! The size is taken once, when the file is opened. A file that shrinks later gives errors, not
//! a signal: nothing is mapped. Requests need no lock here, since the host orders them.

mod lock;
mod open;
mod transfer;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::device::check_range;
use crate::{Alignment, BlockDevice, DeviceError, DeviceOp, WriteFlags};

pub use open::FileOptions;

/// An open image file or block device. Locks it holds end when it is dropped.
#[derive(Debug)]
pub struct FileDevice {
    file: File,
    size: u64,
    alignment: Alignment,
    read_only: bool,
    direct: bool,
}

impl FileDevice {
    /// Whether transfers bypass the host's page cache. May be false although direct I/O was asked
    /// for: see [`FileOptions::direct`].
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Checks a change against mode, size and alignment.
    fn check_change(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        if self.read_only {
            return Err(DeviceError::ReadOnly);
        }
        check_range(offset, len, self.size)?;
        self.alignment.check_range(offset, len)
    }
}

impl AsFd for FileDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl BlockDevice for FileDevice {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn alignment(&self) -> Alignment {
        self.alignment
    }

    /// One byte through the host's page cache, which keeps neighbours intact; else the unit of
    /// direct I/O.
    fn write_granularity(&self) -> u32 {
        self.alignment.offset
    }

    fn is_read_only(&self) -> bool {
        self.read_only
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        let len = buf.len() as u64;
        check_range(offset, len, self.size)?;
        self.alignment.check(buf, offset)?;
        transfer::read(&self.file, buf, offset).map_err(failed(DeviceOp::Read, offset, len))
    }

    fn write_at(&self, buf: &[u8], offset: u64, flags: WriteFlags) -> Result<(), DeviceError> {
        let len = buf.len() as u64;
        self.check_change(offset, len)?;
        self.alignment.check(buf, offset)?;
        transfer::write(&self.file, buf, offset, flags.fua).map_err(failed(
            DeviceOp::Write,
            offset,
            len,
        ))
    }

    fn flush(&self) -> Result<(), DeviceError> {
        if self.read_only {
            return Ok(());
        }
        self.file.sync_data().map_err(failed(DeviceOp::Flush, 0, 0))
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.check_change(offset, len)?;
        transfer::discard(&self.file, offset, len).map_err(failed(DeviceOp::Discard, offset, len))
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.check_change(offset, len)?;
        transfer::write_zeroes(&self.file, offset, len).map_err(failed(
            DeviceOp::WriteZeroes,
            offset,
            len,
        ))
    }
}

fn failed(op: DeviceOp, offset: u64, len: u64) -> impl FnOnce(io::Error) -> DeviceError {
    move |source| DeviceError::io(op, offset, len, source)
}
