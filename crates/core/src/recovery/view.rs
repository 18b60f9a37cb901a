//! The device as it is after recovery, for a checker: nothing of it is trusted yet.

use extant_block::BlockDevice;
use extant_sync::Arc;

use super::{Purpose, RecoveryReport, replay_into_memory};
use crate::open::FoundSuperblock;
use crate::{OpenOptions, Result, Volume};

/// A device with a file system as recovery leaves it, in memory.
#[derive(Debug)]
pub struct RecoveredView {
    /// Reads give the recovered file system. The device itself if there was nothing to recover.
    pub device: Arc<dyn BlockDevice>,
    /// What was done.
    pub report: RecoveryReport,
}

/// The file system on `device` as it is after recovery in memory: log and fast commits replayed,
/// orphans left alone, the device never written. Of `options` only the superblock, the journal and
/// the leave to be short count; whether the file system can be opened, and who else uses it, is
/// not asked.
///
/// # Errors
/// [`Error::Corrupt`](crate::Error::Corrupt) for a superblock or a log that cannot be used;
/// `Unsupported`, `JournalMissing`, `Device`.
pub fn recovered_view(
    device: Arc<dyn BlockDevice>,
    options: &OpenOptions,
) -> Result<RecoveredView> {
    let options = OpenOptions { ignore_in_use: true, inspect: true, ..options.clone() };
    let found = FoundSuperblock::read(&*device, &options)?;
    if !found.superblock.needs_recovery() {
        return Ok(RecoveredView { device, report: RecoveryReport::default() });
    }
    let recovered = replay_into_memory(device, found, &options, Purpose::Check)?;
    let found = FoundSuperblock::read(&*recovered.device, &options)?;
    // A file system too damaged for this question has a log all the same.
    if let Ok(volume) = Volume::at_rest(Arc::clone(&recovered.device), found, &options) {
        recovered.check(&volume)?;
    }
    Ok(RecoveredView { device: recovered.device, report: recovered.report })
}
