//! The block layer: the only door to storage.
//!
//! [`BlockDevice`] is the trait; [`FileDevice`], [`MemoryDevice`], [`WindowDevice`] and
//! [`OverlayDevice`] implement it. [`image::open_image`] finds the right one for a path: it takes
//! locks, refuses images in use, and selects a partition. Nothing here knows a file system.

#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "owned memory with a run-time alignment")]
mod buffer;
mod device;
mod error;
mod file;
mod flags;
pub mod image;
mod memory;
mod overlay;
pub mod partition;
#[allow(unsafe_code, reason = "system calls without a safe wrapper")]
mod sys;
mod unaligned;
mod usage;
mod window;

pub use buffer::AlignedBuffer;
pub use device::{Alignment, BlockDevice, Completion, Operation, Request, check_range};
pub use error::{DeviceError, DeviceOp};
pub use file::{FileDevice, FileOptions};
pub use flags::{IoFlags, WriteFlags};
pub use memory::MemoryDevice;
pub use overlay::OverlayDevice;
pub use unaligned::read_unaligned;
pub use window::WindowDevice;
