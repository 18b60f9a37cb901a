//! Recovery onto a device.

use extant_block::BlockDevice;
pub use extant_core::{RecoverOptions, RecoveredView, RecoveryReport};
use extant_sync::Arc;

use crate::{OpenOptions, Result};

/// Replays the journal of the file system on `device` onto it and, if asked, finishes orphans.
/// Everything is verified in memory first: an error of the image leaves it untouched. May be
/// interrupted at any point and started again.
///
/// # Errors
/// Those of [`Filesystem::open`](crate::Filesystem::open); [`Error::Device`](crate::Error::Device)
/// for a device that cannot be written, or fails.
pub fn recover(device: Arc<dyn BlockDevice>, options: &RecoverOptions) -> Result<RecoveryReport> {
    Ok(extant_core::recover(device, options)?)
}

/// The file system on `device` as it is after recovery in memory: log and fast commits replayed,
/// orphans left alone, the device never written. Of `options` only the superblock, the journal and
/// the leave to be short count; whether the file system can be opened, and who else uses it, is
/// not asked: this is for a checker.
///
/// # Errors
/// [`Error::Corrupt`](crate::Error::Corrupt) for a superblock or a log that cannot be used;
/// [`Error::Unsupported`](crate::Error::Unsupported),
/// [`Error::JournalMissing`](crate::Error::JournalMissing),
/// [`Error::Device`](crate::Error::Device).
pub fn recovered_view(
    device: Arc<dyn BlockDevice>,
    options: &OpenOptions,
) -> Result<RecoveredView> {
    Ok(extant_core::recovered_view(device, &options.core())?)
}
