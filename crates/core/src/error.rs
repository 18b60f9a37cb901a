//! What can go wrong with the metadata of an image.

use extant_block::DeviceError;
use extant_format::superblock::SuperblockError;
use extant_format::{Corrupt, CorruptKind, Place};
use extant_jbd2::{BufferError, JournalError};

/// An error of the metadata layer. Errors concern one object; the rest of the image stays usable.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A structure breaks the rules of the format.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The image uses something that Extant does not read.
    #[error("unsupported: {}", .features.join(", "))]
    Unsupported {
        /// Names of the features, as mke2fs(8) has them.
        features: Vec<String>,
    },
    /// The device is an external journal, not a file system.
    #[error("the device holds an external journal, not a file system")]
    JournalDevice,
    /// The journal is on a device of its own, which is needed and was not given.
    #[error("the journal is on another device, with UUID {uuid}")]
    JournalMissing {
        /// The UUID of the journal's device, as text.
        uuid: String,
    },
    /// The multi-mount block says that another host uses the file system.
    #[error("the file system is in use by host {node:?}, device {device:?}")]
    InUse {
        /// Host name in the multi-mount block.
        node: String,
        /// Device name in the multi-mount block.
        device: String,
    },
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// No block or inode is free.
    #[error("no space left in the file system")]
    NoSpace,
    /// No-wait was asked for and the answer is not in memory.
    #[error("the operation would block")]
    WouldBlock,
}

impl Error {
    pub(crate) const fn corrupt(kind: CorruptKind, at: Place) -> Self {
        Self::Corrupt(Corrupt::new(kind, at))
    }
}

/// A UUID in its usual form.
pub(crate) fn uuid_text(uuid: &[u8; 16]) -> String {
    let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Corrupt(corrupt) => Self::Corrupt(corrupt),
            JournalError::Unsupported { features } => Self::Unsupported { features },
            JournalError::Device(error) => Self::Device(error),
            _ => Self::WouldBlock,
        }
    }
}

impl From<BufferError> for Error {
    fn from(error: BufferError) -> Self {
        match error {
            BufferError::Device(error) => Self::Device(error),
            _ => Self::WouldBlock,
        }
    }
}

impl From<SuperblockError> for Error {
    fn from(error: SuperblockError) -> Self {
        match error {
            SuperblockError::Corrupt(corrupt) => Self::Corrupt(corrupt),
            SuperblockError::Unsupported { features } => Self::Unsupported { features },
            SuperblockError::JournalDevice => Self::JournalDevice,
        }
    }
}
