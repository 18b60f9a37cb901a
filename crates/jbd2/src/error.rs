//! What can go wrong with a journal.

use extant_block::DeviceError;
use extant_format::Corrupt;

/// An error of the journal.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The journal breaks the rules of the format.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The journal has features that Extant does not know.
    #[error("unsupported: {}", .features.join(", "))]
    Unsupported {
        /// Their names.
        features: Vec<String>,
    },
    /// A device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}
