//! ext2, ext3 and ext4 file systems in memory-safe Rust, in userspace.
//!
//! This is the public library: [`Filesystem`] and its handles, the devices under them
//! ([`device`]), and what inspection tools need of the layers below ([`raw`]). So far it reads.
#![forbid(unsafe_code)]

pub mod demo;

pub use extant_vfs::*;

/// Devices: image files and block devices, memory, windows, partitions.
pub mod device {
    pub use extant_block::image::{ImageOptions, open_image};
    pub use extant_block::{
        BlockDevice, DeviceError, FileDevice, MemoryDevice, OverlayDevice, WindowDevice, partition,
    };
}

/// The layers below, for tools that show what is on the disk: not a stable interface.
pub mod raw {
    pub use extant_core as core;
    pub use extant_format as format;
}
