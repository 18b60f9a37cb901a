//! Why a check could not be done at all.

use extant_block::DeviceError;
use extant_format::superblock::SuperblockError;

/// Why there is no report. What can be checked is, so these are few.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Neither the superblock asked for nor a copy can be used; this is what is wrong with the
    /// first one.
    #[error(transparent)]
    Superblock(#[from] SuperblockError),
    /// The device failed before there was anything to check.
    #[error(transparent)]
    Device(#[from] DeviceError),
}
