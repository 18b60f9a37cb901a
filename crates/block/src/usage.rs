//! Who else uses an image: loop devices, mounts, and holders of locks, as /sys and /proc tell.
//!
//! Everything here is best effort for a clear refusal: what cannot be read counts as not there.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Major number of loop devices (devices.txt of the kernel).
const LOOP: u32 = 7;
/// Of partitions beyond those that have numbers of their own.
const EXTENDED: u32 = 259;

/// What tells a file apart, however many paths lead to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// Device number of the file system that holds it.
    device: u64,
    inode: u64,
    /// Its own device number, for a block device.
    block: Option<DeviceNumber>,
}

/// Major and minor number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct DeviceNumber {
    major: u32,
    minor: u32,
}

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let block = metadata.file_type().is_block_device();
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            block: block.then(|| DeviceNumber::from_raw(metadata.rdev())),
        }
    }
}

impl DeviceNumber {
    fn from_raw(raw: u64) -> Self {
        Self { major: rustix::fs::major(raw), minor: rustix::fs::minor(raw) }
    }

    /// Parses `8:1`.
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once(':')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

/// Where the host describes itself.
#[derive(Clone, Debug)]
pub(crate) struct HostView {
    sys: PathBuf,
    proc: PathBuf,
}

impl Default for HostView {
    fn default() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into() }
    }
}

impl HostView {
    /// Who uses the image in a way that conflicts with opening it, locks apart.
    pub(crate) fn user(&self, image: Identity, read_only: bool) -> Option<String> {
        match image.block {
            Some(number) => self.block_device_user(number),
            None if read_only => self.mounted_loop(image),
            None => self.attached_loop(image),
        }
    }

    /// Who holds the flock that is in the way.
    pub(crate) fn flock_holder(&self, image: Identity) -> String {
        let locks = fs::read_to_string(self.proc.join("locks")).unwrap_or_default();
        let pid = locks.lines().find_map(|line| lock_owner(line, image));
        let Some(pid) = pid else {
            return "another program".to_owned();
        };
        if pid == std::process::id() {
            return "this process".to_owned();
        }
        match fs::read_to_string(self.proc.join(format!("{pid}/comm"))) {
            Ok(name) => format!("{} (process {pid})", name.trim_end()),
            Err(_) => format!("process {pid}"),
        }
    }

    /// A block device that is mounted read-write, or one of whose partitions is.
    fn block_device_user(&self, number: DeviceNumber) -> Option<String> {
        let folder = self.sys.join(format!("dev/block/{}:{}", number.major, number.minor));
        let at = self.mounted(&device_numbers(&folder, number), true)?;
        Some(format!("a mount on {at}"))
    }

    /// A loop device over the image that conflicts with an open that only reads: a writable one
    /// with a mount on it. Only those in the table of mounts are looked at: to look into every
    /// loop device takes longer than many a check of a small image.
    fn mounted_loop(&self, image: Identity) -> Option<String> {
        let table = fs::read_to_string(self.proc.join("self/mountinfo")).unwrap_or_default();
        let mut mounts = table.lines().filter_map(Mount::parse);
        mounts.find_map(|Mount { number: DeviceNumber { major, minor }, at, .. }| {
            if !matches!(major, LOOP | EXTENDED) {
                return None;
            }
            let device = self.sys.join(format!("dev/block/{major}:{minor}"));
            // A partition lies in the folder of its disk.
            let mut folders = [device.clone(), device.join("..")].into_iter();
            let folder = folders.find(|folder| backs(folder, image))?;
            let name = fs::canonicalize(&folder).ok()?.file_name()?.to_str()?.to_owned();
            let writable = read_line(&folder.join("ro")) != "1";
            writable.then(|| format!("/dev/{name}, mounted on {at}"))
        })
    }

    /// A loop device over the image: it conflicts with an open that may write.
    fn attached_loop(&self, image: Identity) -> Option<String> {
        fs::read_dir(self.sys.join("block")).ok()?.flatten().find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let folder = entry.path();
            if !name.starts_with("loop") || !backs(&folder, image) {
                return None;
            }
            let number = DeviceNumber::parse(&read_line(&folder.join("dev")))?;
            Some(match self.mounted(&device_numbers(&folder, number), false) {
                Some(at) => format!("/dev/{name}, mounted on {at}"),
                None => format!("/dev/{name}"),
            })
        })
    }

    /// Where one of the devices is mounted.
    fn mounted(&self, numbers: &[DeviceNumber], only_writable: bool) -> Option<String> {
        let table = fs::read_to_string(self.proc.join("self/mountinfo")).unwrap_or_default();
        table.lines().filter_map(Mount::parse).find_map(|mount| {
            let wanted = numbers.contains(&mount.number) && (mount.writable || !only_writable);
            wanted.then(|| mount.at.to_owned())
        })
    }
}

/// One line of mountinfo (proc_pid_mountinfo(5)).
struct Mount<'a> {
    number: DeviceNumber,
    at: &'a str,
    /// Of the file system, not of this mount of it.
    writable: bool,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(2);
        let number = DeviceNumber::parse(fields.next()?)?;
        let at = fields.nth(1)?;
        let options = file_system.split(' ').nth(2)?;
        Some(Self { number, at, writable: options.split(',').any(|option| option == "rw") })
    }
}

/// The numbers of a device and its partitions; `folder` is its folder in sysfs.
fn device_numbers(folder: &Path, number: DeviceNumber) -> Vec<DeviceNumber> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let partitions = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("partition").exists())
        .filter_map(|path| DeviceNumber::parse(&read_line(&path.join("dev"))));
    std::iter::once(number).chain(partitions).collect()
}

/// Whether the loop device at `folder` is attached to the image.
fn backs(folder: &Path, image: Identity) -> bool {
    let path = read_line(&folder.join("loop/backing_file"));
    !path.is_empty() && fs::metadata(path).is_ok_and(|metadata| Identity::of(&metadata) == image)
}

/// The process in a line of /proc/locks (`1: FLOCK  ADVISORY  WRITE 708 fe:00:13 0 EOF`) whose
/// flock is on the image.
fn lock_owner(line: &str, image: Identity) -> Option<u32> {
    let mut fields = line.split_whitespace().skip(1);
    fields.next().filter(|&kind| kind == "FLOCK")?;
    let pid = fields.nth(2)?.parse().ok()?;
    let mut place = fields.next()?.split(':');
    let mut hex = || u32::from_str_radix(place.next()?, 16).ok();
    let number = DeviceNumber { major: hex()?, minor: hex()? };
    let inode: u64 = place.next()?.parse().ok()?;
    (number == DeviceNumber::from_raw(image.device) && inode == image.inode).then_some(pid)
}

fn read_line(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default().trim_end_matches('\n').to_owned()
}

#[cfg(test)]
mod tests;
