//! The layers below, for tools that show an image rather than use it: no promise of stability.
//!
//! ```
//! use extant::{Filesystem, OpenOptions};
//!
//! let fs = Filesystem::open(extant::demo::device(), &OpenOptions::default())?;
//! let volume: &extant::raw::core::Volume = fs.volume();
//! assert_eq!(volume.geometry().blocks_count(), 4096);
//! # Ok::<(), extant::Error>(())
//! ```

pub use extant_core as core;
pub use extant_format as format;
pub use extant_jbd2 as jbd2;
