//! From a path and options to the device that holds the file system.

use std::path::Path;

use extant_sync::Arc;

use crate::{BlockDevice, DeviceError, FileDevice, FileOptions, WindowDevice, partition};

/// How [`open_image`] opens.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImageOptions {
    /// Never change the image; the lock is then a shared one.
    pub read_only: bool,
    /// Bytes to skip. With a partition, the disk with its partition table starts there.
    pub offset: u64,
    /// The partition that holds the file system, from 1; `None` for no partition table.
    pub partition: Option<u32>,
    /// Take no lock and do not look who else uses the image.
    pub ignore_lock: bool,
    /// Bypass the host's page cache where possible: see [`FileOptions::direct`].
    pub direct: bool,
}

impl ImageOptions {
    fn file(&self) -> FileOptions {
        let Self { read_only, ignore_lock, direct, .. } = *self;
        FileOptions { read_only, ignore_lock, direct }
    }
}

/// Opens an image file or block device and narrows it to the file system's bytes.
///
/// # Errors
/// As [`FileDevice::open`]; [`DeviceError::OutOfRange`] for an offset past the end;
/// [`DeviceError::PartitionTable`] and [`DeviceError::NoSuchPartition`].
pub fn open_image(
    path: impl AsRef<Path>,
    options: &ImageOptions,
) -> Result<Arc<dyn BlockDevice>, DeviceError> {
    let mut device: Arc<dyn BlockDevice> = Arc::new(FileDevice::open(path, &options.file())?);
    if options.offset != 0 {
        let size = device.size_bytes();
        let len = size.saturating_sub(options.offset);
        device = Arc::new(WindowDevice::new(device, options.offset, len)?);
    }
    match options.partition {
        Some(number) => Ok(Arc::new(partition::window(device, number)?)),
        None => Ok(device),
    }
}
