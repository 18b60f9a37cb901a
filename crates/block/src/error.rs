//! What a device, an open or a partition table can answer instead of data.

use std::fmt;
use std::path::PathBuf;

/// The kind of request that failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeviceOp {
    /// A read.
    Read,
    /// A write, with or without FUA.
    Write,
    /// A flush of the write cache.
    Flush,
    /// A discard.
    Discard,
    /// A write of zeroes.
    WriteZeroes,
}

impl fmt::Display for DeviceOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Flush => "flush",
            Self::Discard => "discard",
            Self::WriteZeroes => "write of zeroes",
        })
    }
}

/// Everything that can go wrong at or below the device. Offsets and lengths are in bytes.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The medium or the host's file system failed the request.
    #[error("{op} of {len} bytes at offset {offset} failed: {source}")]
    Io {
        /// What was asked for.
        op: DeviceOp,
        /// Start of the request.
        offset: u64,
        /// Length of the request.
        len: u64,
        /// The host's answer.
        source: std::io::Error,
    },
    /// The request does not lie inside the device; nothing was transferred.
    #[error("{len} bytes at offset {offset} lie outside the device of {size} bytes")]
    OutOfRange {
        /// Start of the request.
        offset: u64,
        /// Length of the request.
        len: u64,
        /// Size of the device.
        size: u64,
    },
    /// Offset, length or buffer address breaks the device's [`Alignment`](crate::Alignment).
    #[error("{len} bytes at offset {offset} are not aligned to {alignment} bytes as demanded")]
    Misaligned {
        /// Start of the request.
        offset: u64,
        /// Length of the request.
        len: u64,
        /// The alignment that was broken: of the offset and length, or of the buffer's address.
        alignment: u32,
    },
    /// A change was asked of a device that was opened read-only.
    #[error("the device is open read-only")]
    ReadOnly,
    /// The image could not be opened, or not examined.
    #[error("cannot open {}: {source}{}", path.display(), open_hint(source))]
    Open {
        /// The path as given.
        path: PathBuf,
        /// The host's answer.
        source: std::io::Error,
    },
    /// The path names something that cannot hold an image.
    #[error("{} is a {what}; name an image file or a block device", path.display())]
    NotAnImage {
        /// The path as given.
        path: PathBuf,
        /// What it is: "directory", "character device" ...
        what: &'static str,
    },
    /// Somebody else uses the image in a way that conflicts with this open.
    #[error("{} is in use by {by}; close it there first, or ignore locks", path.display())]
    InUse {
        /// The path as given.
        path: PathBuf,
        /// Who uses it, as exactly as the host tells.
        by: String,
    },
    /// No partition table could be read, or a malformed one.
    #[error("partition table: {reason}")]
    PartitionTable {
        /// What is wrong.
        reason: String,
    },
    /// The partition table has no partition of that number.
    #[error("no partition {number}; the table has {}", numbers(present))]
    NoSuchPartition {
        /// The number asked for, from 1.
        number: u32,
        /// The numbers that exist.
        present: Vec<u32>,
    },
}

impl DeviceError {
    /// An [`DeviceError::Io`] for a request of `len` bytes at `offset`.
    #[must_use]
    pub fn io(op: DeviceOp, offset: u64, len: u64, source: std::io::Error) -> Self {
        Self::Io { op, offset, len, source }
    }
}

fn open_hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => {
            " (run as a user who may, or open read-only if only writing is denied)"
        }
        std::io::ErrorKind::NotFound => " (check the path)",
        std::io::ErrorKind::ReadOnlyFilesystem => " (open read-only)",
        _ => "",
    }
}

fn numbers(present: &[u32]) -> String {
    if present.is_empty() {
        return "none".to_owned();
    }
    present.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_where_and_what_to_do() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let text = DeviceError::Open { path: "/dev/sda".into(), source: denied }.to_string();
        assert!(text.contains("/dev/sda") && text.contains("run as a user"), "{text}");
        let text = DeviceError::NoSuchPartition { number: 3, present: vec![1, 5] }.to_string();
        assert_eq!(text, "no partition 3; the table has 1, 5");
        let text = DeviceError::NoSuchPartition { number: 1, present: vec![] }.to_string();
        assert!(text.ends_with("none"), "{text}");
    }
}
