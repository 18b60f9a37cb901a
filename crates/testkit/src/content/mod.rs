//! The hard content mix, written by plain system calls: through a kernel mount, or into a host
//! folder for profiles that only `mke2fs -d` can fill.
//!
//! Everything is a function of profile and [`Scale`], without randomness. What a profile cannot
//! hold is left out and listed as [`Skipped`]; any other failure is an error.

mod attributes;
mod build;
mod encrypted;
mod extents;
mod inodes;
mod names;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rustix::io::Errno;

pub use build::{Built, build, empty_image};

use crate::error::{Error, Result};

/// How much of everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// Names in the one big directory.
    pub names: u32,
    /// Extents of the fragmented file.
    pub extents: u32,
    /// Levels of the deep tree.
    pub depth: u32,
    /// Size of the image in MiB; it is sparse.
    pub mib: u64,
}

impl Scale {
    /// A few hundred of each, for tests of the test kit.
    pub const TINY: Self = Self { names: 300, extents: 100, depth: 10, mib: 128 };
    /// 2,000 names, 1,000 extents.
    pub const SMALL: Self = Self { names: 2_000, extents: 1_000, depth: 64, mib: 512 };
    /// 100,000 names, 10,000 extents.
    pub const FULL: Self = Self { names: 100_000, extents: 10_000, depth: 64, mib: 2_048 };

    /// The inodes that an image of this scale needs.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        u64::from(self.names) + u64::from(self.depth) * 2 + 4_000
    }
}

/// What a file system can hold, for leaving out the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holds {
    /// Block size in bytes.
    pub block: u32,
    /// Files are mapped by extents: unwritten ranges, and sparse files of 1 TiB.
    pub extents: bool,
    /// Inodes hold nanoseconds, wide times and attributes.
    pub wide_inodes: bool,
    /// Attribute values may have inodes of their own.
    pub ea_inodes: bool,
    /// Small files and directories live in their inodes.
    pub inline_data: bool,
    /// Inode flags can be set by ioctl.
    pub flags: bool,
    /// Directories can be encrypted by the kernel.
    pub encryption: bool,
    /// Directories of 10^5 names can be made in reasonable time.
    pub huge_directories: bool,
    /// The content goes to a host folder first: times of change, flags and unwritten extents are
    /// lost on the way.
    pub on_host: bool,
}

/// A part of the mix that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The part.
    pub part: String,
    /// Why this profile cannot hold it.
    pub reason: String,
}

/// Where the mix goes.
#[derive(Debug)]
pub(crate) struct Site {
    root: PathBuf,
    holds: Holds,
    scale: Scale,
    skipped: Vec<Skipped>,
}

impl Site {
    fn join(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.join(name);
        std::fs::create_dir(&path).map_err(|error| Error::io("mkdir", &path, error))?;
        Ok(path)
    }

    fn skip(&mut self, part: impl Into<String>, reason: impl Into<String>) {
        self.skipped.push(Skipped { part: part.into(), reason: reason.into() });
    }

    /// Passes `result` on, except that one of the `expected` errors becomes a skipped part.
    fn unless(&mut self, part: &str, expected: &[Errno], result: Result<()>) -> Result<()> {
        match result {
            Err(error) if error.errno().is_some_and(|errno| expected.contains(&errno)) => {
                self.skip(part, error.to_string());
                Ok(())
            }
            other => other,
        }
    }
}

/// Writes the mix below `root`, an empty directory of a file system that holds `holds`.
///
/// # Errors
/// If something fails that the file system should hold.
pub fn fill(root: &Path, holds: Holds, scale: Scale) -> Result<Vec<Skipped>> {
    let mut site = Site { root: root.to_path_buf(), holds, scale, skipped: Vec::new() };
    names::write(&mut site)?;
    extents::write(&mut site)?;
    inodes::write(&mut site)?;
    attributes::write(&mut site)?;
    encrypted::write(&mut site)?;
    inodes::set_times(&mut site)?;
    attributes::set_flags(&mut site)?;
    Ok(site.skipped)
}
