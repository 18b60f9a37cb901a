//! Recovery onto a device.

use extant_block::BlockDevice;
pub use extant_core::{RecoverOptions, RecoveryReport};
use extant_sync::Arc;

use crate::Result;

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
