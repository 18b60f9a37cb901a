//! Inodes: every type, owner, mode and time.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, makedev, mknodat, utimensat};

use super::Site;
use crate::error::{Context, Result};

pub(super) fn write(site: &mut Site) -> Result<()> {
    special(site)?;
    symlinks(site)?;
    hard_links(site)?;
    owners(site)?;
    modes(site)
}

fn special(site: &Site) -> Result<()> {
    let folder = site.folder("special")?;
    let node = |name: &str, kind, device| {
        let path = folder.join(name);
        mknodat(CWD, &path, kind, Mode::from_raw_mode(0o640), device).on("mknod", &path)
    };
    node("fifo", FileType::Fifo, 0)?;
    node("socket", FileType::Socket, 0)?;
    let numbers = [(0, 0), (1, 3), (255, 255), (256, 0), (1, 256), (4095, 1_048_575)];
    for (major, minor) in numbers {
        let device = makedev(major, minor);
        node(&format!("char-{major}-{minor}"), FileType::CharacterDevice, device)?;
        node(&format!("block-{major}-{minor}"), FileType::BlockDevice, device)?;
    }
    Ok(())
}

/// Around the 60 bytes of a fast symlink, inline sizes, and up to the longest.
fn symlinks(site: &Site) -> Result<()> {
    let folder = site.folder("symlinks")?;
    let longest = usize::try_from(site.holds.block).unwrap_or(4096).min(4096) - 1;
    let lengths = [1, 2, 58, 59, 60, 61, 62, 100, 150, 160, 255, 256, 1000, longest];
    for length in lengths.into_iter().filter(|&length| length <= longest) {
        let path = folder.join(format!("length-{length:04}"));
        let target: String = "../abcdefg/".chars().cycle().take(length).collect();
        if !path.is_symlink() {
            symlink(target, &path).on("symlink", &path)?;
        }
    }
    for (name, target) in [("dangling", "nowhere"), ("loop", "loop"), ("up", ".."), ("root", "/")] {
        let path = folder.join(name);
        symlink(target, &path).on("symlink", &path)?;
    }
    Ok(())
}

fn hard_links(site: &Site) -> Result<()> {
    let folder = site.folder("links")?;
    let first = folder.join("first");
    std::fs::write(&first, "shared\n").on("write", &first)?;
    for number in 0..100 {
        let path = folder.join(format!("link{number:02}"));
        std::fs::hard_link(&first, &path).on("link", &path)?;
    }
    let fifo = site.join("special/fifo");
    let path = folder.join("fifo");
    std::fs::hard_link(fifo, &path).on("link", &path)
}

fn owners(site: &Site) -> Result<()> {
    let folder = site.folder("owners")?;
    for (uid, gid) in [(0, 65_535), (65_536, 1), (100_000, 4_294_967_294), (2_000_000_000, 0)] {
        let path = folder.join(format!("{uid}-{gid}"));
        std::fs::write(&path, "").on("write", &path)?;
        chown(&path, Some(uid), Some(gid)).on("chown", &path)?;
    }
    Ok(())
}

fn modes(site: &Site) -> Result<()> {
    let folder = site.folder("modes")?;
    for mode in [0, 0o1, 0o777, 0o4755, 0o2755, 0o1777, 0o6711, 0o7000] {
        let path = folder.join(format!("file-{mode:04o}"));
        std::fs::write(&path, "x").on("write", &path)?;
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions.clone()).on("chmod", &path)?;
        let path = folder.join(format!("dir-{mode:04o}"));
        std::fs::create_dir(&path).on("mkdir", &path)?;
        std::fs::set_permissions(&path, permissions).on("chmod", &path)?;
    }
    Ok(())
}

/// The seconds at which the encoding of times changes: the ends of each epoch of 2^32 seconds, the
/// least and the greatest.
const SECONDS: [i64; 14] = [
    -2_147_483_648,
    -2_147_483_647,
    -86_400,
    -1,
    0,
    1,
    1_700_000_000,
    2_147_483_647,
    2_147_483_648,
    4_294_967_295,
    4_294_967_296,
    6_442_450_944,
    10_737_418_240,
    15_032_385_535,
];

/// Times of files, a directory and a symlink; the kernel clamps what small inodes do not hold.
pub(super) fn set_times(site: &mut Site) -> Result<()> {
    let folder = site.folder("times")?;
    if !site.holds.wide_inodes {
        site.skip("times after 2038, nanoseconds", "128-byte inodes");
    }
    for (number, seconds) in SECONDS.into_iter().enumerate() {
        let nanoseconds = [0, 1, 999_999_999].get(number % 3).copied().unwrap_or(0);
        let path = folder.join(format!("file{number:02}"));
        std::fs::write(&path, "").on("write", &path)?;
        stamp(&path, seconds, nanoseconds)?;
    }
    let link = folder.join("link");
    symlink("file00", &link).on("symlink", &link)?;
    stamp(&link, -12_345, 678)?;
    stamp(&folder, -1, 500_000_000)
}

fn stamp(path: &Path, tv_sec: i64, tv_nsec: i64) -> Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: tv_sec.saturating_add(1), tv_nsec },
        last_modification: Timespec { tv_sec, tv_nsec },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).on("utimensat", path)
}
