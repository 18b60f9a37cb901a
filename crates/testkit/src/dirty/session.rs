//! A mount with a workload on it, and the ways to end it.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::Stop;
use super::apply::{Held, apply};
use super::operation::Operation;
use super::profile::DirtyProfile;
use crate::content::empty_image;
use crate::error::{Context, Error, Result};
use crate::image::{Scratch, debugfs};
use crate::ioctls;
use crate::mount::{Access, LoopDevice, LoopMount};

/// Inodes of the images.
const INODES: u64 = 1024;
/// A folder that every image has, whose files inherit the flag that lets their data go through the
/// journal. It is set offline: by ioctl it takes a capability that root may lack.
pub const JOURNALLED: &str = "journalled";
/// `FS_JOURNAL_DATA_FL`.
const JOURNAL_DATA: u32 = 0x4000;
/// No commit by time: five minutes are longer than any workload.
const OPTIONS: &str = "commit=300,noatime";

/// An image and the image of its external journal.
#[derive(Clone, Debug)]
pub struct Files {
    /// The file system.
    pub image: PathBuf,
    /// Its external journal.
    pub journal: Option<PathBuf>,
}

/// When blocks are allocated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allocation {
    /// At write-back.
    Delayed,
    /// With the write. Only so is data of single files journalled.
    Direct,
}

impl Allocation {
    /// A function of the seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        if (seed / 2).is_multiple_of(2) { Self::Direct } else { Self::Delayed }
    }
}

/// A mounted file system of a [`DirtyProfile`], before its crash.
#[derive(Debug)]
pub struct Session {
    files: Files,
    block: u64,
    held: Held,
    refused: usize,
    mount: LoopMount,
    /// Gone after the mount.
    _journal: Option<LoopDevice>,
}

impl Session {
    /// Makes an empty file system called `name` in `scratch` and mounts it.
    ///
    /// # Errors
    /// If a tool or the kernel fails.
    pub fn start(
        scratch: &Scratch,
        profile: &DirtyProfile,
        name: &str,
        allocation: Allocation,
    ) -> Result<Self> {
        let mkfs = profile.mkfs()?;
        let made = empty_image(scratch, &mkfs, profile.mib, INODES)?;
        let image = scratch.join(&format!("{name}.img"));
        std::fs::rename(&made, &image).on("rename", &made)?;
        journalled_folder(&image)?;
        let mut options = OPTIONS.to_owned();
        if allocation == Allocation::Direct {
            options.push_str(",nodelalloc");
        }
        let (mut journal, mut device) = (None, None);
        if mkfs.external_journal {
            let made = scratch.join(&format!("{}.journal", mkfs.name));
            let path = scratch.join(&format!("{name}.journal"));
            std::fs::rename(&made, &path).on("rename", &made)?;
            let attached = LoopDevice::attach(&path)?;
            options.push_str(&format!(",journal_path={}", attached.path().display()));
            (journal, device) = (Some(path), Some(attached));
        }
        if !profile.options.is_empty() {
            options.push_str(&format!(",{}", profile.options));
        }
        let mount = LoopMount::with_options(&image, Access::ReadWrite, &options)?;
        Ok(Self {
            files: Files { image, journal },
            block: u64::from(mkfs.block),
            held: Held::default(),
            refused: 0,
            mount,
            _journal: device,
        })
    }

    /// The mount point.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.mount.path()
    }

    /// The images that the mount is on; what the file system has written is in them.
    #[must_use]
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// Operations that were refused so far.
    #[must_use]
    pub const fn refused(&self) -> usize {
        self.refused
    }

    /// Runs `operation`. It may be refused for lack of space, of the feature, or of what an earlier
    /// refused operation would have made.
    ///
    /// # Errors
    /// If it fails for another reason.
    pub fn run(&mut self, operation: &Operation) -> Result<()> {
        let done = apply(self.mount.path(), self.block, operation, &mut self.held);
        let Err(error) = done else { return Ok(()) };
        let refusals = [
            Errno::NOSPC,
            Errno::OPNOTSUPP,
            Errno::NOENT,
            Errno::NODATA,
            Errno::RANGE,
            Errno::TOOBIG,
            Errno::FBIG,
        ];
        if Errno::from_io_error(&error).is_some_and(|errno| refusals.contains(&errno)) {
            self.refused += 1;
            return Ok(());
        }
        Err(Error::io(&format!("{operation:?} below"), self.mount.path(), error))
    }

    /// Ends the workload and unmounts.
    ///
    /// # Errors
    /// If the kernel refuses, or a copy fails.
    pub fn stop(mut self, stop: Stop) -> Result<Files> {
        let copies = match stop.shutdown_mode() {
            Some(mode) => {
                ioctls::shutdown(self.mount.path(), mode)?;
                None
            }
            None => Some(self.copies()?),
        };
        self.held.release();
        self.mount.unmount()?;
        if let Some(copies) = copies {
            std::fs::rename(&copies.image, &self.files.image).on("rename", &copies.image)?;
            if let (Some(from), Some(to)) = (&copies.journal, &self.files.journal) {
                std::fs::rename(from, to).on("rename", from)?;
            }
        }
        Ok(self.files)
    }

    fn copies(&self) -> Result<Files> {
        let copy = |path: &PathBuf, extension: &str| {
            let to = path.with_extension(extension);
            std::fs::copy(path, &to).on("copy", path).map(|_| to)
        };
        let image = copy(&self.files.image, "copy")?;
        let journal = self.files.journal.as_ref().map(|path| copy(path, "journal-copy"));
        Ok(Files { image, journal: journal.transpose()? })
    }
}

fn journalled_folder(image: &Path) -> Result<()> {
    let make = [format!("mkdir {JOURNALLED}"), format!("stat {JOURNALLED}")];
    let told = debugfs(image, &make)?;
    let flags = told.split_once("Flags: 0x").and_then(|(_, rest)| rest.split_whitespace().next());
    let flags = flags.and_then(|text| u32::from_str_radix(text, 16).ok());
    let flags = flags.ok_or_else(|| Error::Image(format!("debugfs stat: {told}")))?;
    let set = format!("set_inode_field {JOURNALLED} flags 0x{:x}", flags | JOURNAL_DATA);
    debugfs(image, &[set]).map(drop)
}
