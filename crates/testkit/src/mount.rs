//! Kernel mounts of images that the tests made themselves: the oracle.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Context, Error, Result};
use crate::image::run;

/// How to mount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read-only; the loop device is read-only too, so the image cannot change.
    ReadOnly,
    /// Read-write.
    ReadWrite,
}

/// A loop mount, taken away when dropped.
#[derive(Debug)]
pub struct LoopMount {
    point: PathBuf,
    journal: Option<LoopDevice>,
    mounted: bool,
}

impl LoopMount {
    /// Mounts `image` (type ext4, which the kernel uses for ext2 and ext3 too) in a new folder
    /// beside it. Only for images made by the tests' own mke2fs: never for corrupted ones.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn new(image: &Path, access: Access) -> Result<Self> {
        Self::with_options(image, access, "")
    }

    /// As [`new`](Self::new) with more mount options, a comma list.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn with_options(image: &Path, access: Access, options: &str) -> Result<Self> {
        let parent = image.parent().unwrap_or(Path::new("."));
        let point = tempfile::Builder::new()
            .prefix("mnt-")
            .tempdir_in(parent)
            .on("mkdtemp in", parent)?
            .keep();
        let mode = if access == Access::ReadOnly { "loop,ro" } else { "loop,rw" };
        let list = if options.is_empty() { mode.to_owned() } else { format!("{mode},{options}") };
        let args = ["-t", "ext4", "-o", list.as_str()].map(OsStr::new);
        let args = [&args[..], &[image.as_os_str(), point.as_os_str()]].concat();
        match run("mount", &args) {
            Ok(_) => Ok(Self { point, journal: None, mounted: true }),
            Err(error) => {
                std::fs::remove_dir(&point).on("rmdir", &point)?;
                Err(error)
            }
        }
    }

    /// Mounts `image` whose journal is in the image `journal`.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn with_journal(image: &Path, access: Access, journal: &Path) -> Result<Self> {
        let mount = || {
            let device = LoopDevice::attach(journal)?;
            let options = format!("journal_path={}", device.path().display());
            let mut mount = Self::with_options(image, access, &options)?;
            mount.journal = Some(device);
            Ok(mount)
        };
        // A loop device that another test has just given back may still show its old content.
        mount().or_else(|_: Error| mount())
    }

    /// The mount point.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.point
    }

    /// Unmounts, and says if that failed; dropping only prints it.
    ///
    /// # Errors
    /// If the mount stays busy for ten seconds, or umount fails otherwise.
    pub fn unmount(mut self) -> Result<()> {
        self.take_down()
    }

    fn take_down(&mut self) -> Result<()> {
        if std::mem::take(&mut self.mounted) {
            umount_patiently(&self.point)?;
            std::fs::remove_dir(&self.point).on("rmdir", &self.point)?;
        }
        Ok(())
    }
}

impl Drop for LoopMount {
    fn drop(&mut self) {
        if let Err(error) = self.take_down() {
            eprintln!("{error}");
        }
    }
}

/// Other programs of the machine (indexers, udev) look into new mounts and leave soon: EBUSY is
/// asked again for up to ten seconds.
fn umount_patiently(point: &Path) -> Result<()> {
    let mut last = None;
    for _ in 0..100 {
        match run("umount", &[point]) {
            Ok(_) => return Ok(()),
            Err(Error::Tool { output, .. }) if output.contains("busy") => last = Some(output),
            Err(error) => return Err(error),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    run("umount", &[OsStr::new("--lazy"), point.as_os_str()])?;
    Err(Error::Image(format!("{} stayed busy: {}", point.display(), last.unwrap_or_default())))
}

/// A loop device over a file, detached when dropped.
#[derive(Debug)]
pub struct LoopDevice {
    node: PathBuf,
}

impl LoopDevice {
    /// Attaches `file` to a free loop device.
    ///
    /// # Errors
    /// If there is none.
    pub fn attach(file: &Path) -> Result<Self> {
        let args = ["--find", "--show"].map(OsStr::new);
        let output = run("losetup", &[&args[..], &[file.as_os_str()]].concat())?;
        Ok(Self { node: PathBuf::from(output.trim()) })
    }

    /// The device node.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.node
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        if let Err(error) = run("losetup", &[OsStr::new("--detach"), self.node.as_os_str()]) {
            eprintln!("{error}");
        }
    }
}
