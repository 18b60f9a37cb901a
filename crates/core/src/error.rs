//! What can go wrong with the metadata of an image.

use extant_block::DeviceError;
use extant_format::superblock::SuperblockError;
use extant_format::{Corrupt, CorruptKind, Place};
use extant_jbd2::BufferError;

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
    /// The journal holds changes that are not in the file system yet.
    #[error("the file system was not cleanly unmounted: its journal must be recovered")]
    NeedsRecovery,
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
    /// No-wait was asked for and the answer is not in memory.
    #[error("the operation would block")]
    WouldBlock,
}

impl Error {
    pub(crate) const fn corrupt(kind: CorruptKind, at: Place) -> Self {
        Self::Corrupt(Corrupt::new(kind, at))
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
