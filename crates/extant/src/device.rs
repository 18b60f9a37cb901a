//! Where the bytes of a file system come from: the [`BlockDevice`] trait, and the devices that
//! an embedder puts together.
//!
//! ```
//! use std::sync::Arc;
//!
//! use extant::device::{BlockDevice, MemoryDevice, WindowDevice};
//! use extant::{Filesystem, OpenOptions};
//!
//! // A file system that starts 1 MiB into something larger.
//! let mut disk = vec![0; 1 << 20];
//! disk.extend(extant::demo::image());
//! let disk: Arc<dyn BlockDevice> = Arc::new(MemoryDevice::from_vec(disk));
//! let len = disk.size_bytes() - (1 << 20);
//! let window = Arc::new(WindowDevice::new(disk, 1 << 20, len)?);
//! let fs = Filesystem::open(window, &OpenOptions::default())?;
//! assert_eq!(fs.statfs().block_size, 1024);
//! # Ok::<(), extant::Error>(())
//! ```

pub use extant_block::image::{self, ImageOptions, open_image};
pub use extant_block::partition;
pub use extant_block::{
    AlignedBuffer, Alignment, BlockDevice, Completion, DeviceError, DeviceOp, FileDevice,
    FileOptions, MemoryDevice, Operation, OverlayDevice, Request, WindowDevice, WriteFlags,
};
