//! File data through mappings: the engine that reads files without knowing ext4.
//!
//! A file system answers [`IomapOps::map`] with the **largest** extent it can; the engine owns the
//! loops, the device requests and the zeroes between them. Layers meet at a mapping, never at a
//! page. So far: uncached reading, data and hole seeking. The toy file system in this crate's
//! tests shows that nothing here depends on ext4.
#![forbid(unsafe_code)]

mod read;
mod seek;

use std::fmt;

use extant_block::{BlockDevice, DeviceError, IoFlags};
use extant_sync::Arc;

pub use read::read;
pub use seek::{seek_data, seek_hole};

/// What a range of a file is mapped to.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mapping {
    /// Nothing is allocated: reads as zero.
    Hole,
    /// Allocated but never written: reads as zero.
    Unwritten {
        /// Byte offset on the device of the first byte of the range.
        device_offset: u64,
    },
    /// Allocated and written.
    Mapped {
        /// Byte offset on the device of the first byte of the range.
        device_offset: u64,
    },
    /// The bytes are in the inode, `data[0]` at the first byte of the range. Bytes of the range
    /// behind the end of `data` are zero.
    Inline {
        /// The bytes.
        data: Arc<[u8]>,
    },
}

impl Mapping {
    /// Whether `SEEK_DATA` stops here.
    #[must_use]
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Mapped { .. } | Self::Inline { .. })
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hole => f.write_str("Hole"),
            Self::Unwritten { device_offset } => write!(f, "Unwritten({device_offset})"),
            Self::Mapped { device_offset } => write!(f, "Mapped({device_offset})"),
            Self::Inline { data } => write!(f, "Inline({} bytes)", data.len()),
        }
    }
}

/// One answer of a file system: the bytes `offset .. offset + len` of a file are mapped alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Iomap {
    /// First byte of the range in the file; at or before the byte asked for.
    pub offset: u64,
    /// Bytes of the range; it contains the byte asked for, and is as large as the file system
    /// knows it.
    pub len: u64,
    /// What it is mapped to.
    pub mapping: Mapping,
    /// The inode's extent sequence when this was looked up: the mapping is valid only while the
    /// inode still has it (W4).
    pub sequence: u64,
}

impl Iomap {
    /// First byte behind the range.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// What a file system gives the engine for one file.
pub trait IomapOps {
    /// The file system's error.
    type Error: From<IomapError>;

    /// The device that mappings point into.
    fn device(&self) -> &dyn BlockDevice;

    /// The mapping that holds byte `offset`. `len` is how much the caller means to use: a hint,
    /// the answer may be larger or smaller, never empty.
    ///
    /// # Errors
    /// The file system's; `WouldBlock` in its own form if `flags` forbid waiting and the answer
    /// is not in memory.
    fn map(&self, offset: u64, len: u64, flags: IoFlags) -> Result<Iomap, Self::Error>;
}

/// What can go wrong inside the engine.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum IomapError {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// No-wait was asked for and the bytes are not in memory.
    #[error("the operation would block")]
    WouldBlock,
    /// `map` gave a range that does not hold the byte asked for.
    #[error("mapping {map:?} does not hold byte {offset}")]
    BadMapping {
        /// The answer.
        map: Iomap,
        /// The byte asked for.
        offset: u64,
    },
}

/// Asks for the mapping of `offset` and checks that it holds that byte.
fn checked_map<O: IomapOps>(
    ops: &O,
    offset: u64,
    len: u64,
    flags: IoFlags,
) -> Result<Iomap, O::Error> {
    let map = ops.map(offset, len, flags)?;
    if map.offset > offset || map.end() <= offset {
        return Err(IomapError::BadMapping { map, offset }.into());
    }
    Ok(map)
}

#[cfg(test)]
mod toy;
