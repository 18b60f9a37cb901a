//! Extended attributes, POSIX ACLs and inode flags.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{IFlags, XattrFlags, ioctl_getflags, ioctl_setflags, lsetxattr};
use rustix::io::Errno;

use super::Site;
use super::extents::pattern;
use crate::error::{Context, Result};

/// What a file system says of an attribute that does not fit.
const TOO_BIG: &[Errno] = &[Errno::NOSPC, Errno::RANGE, Errno::TOOBIG];

pub(super) fn write(site: &mut Site) -> Result<()> {
    let folder = site.folder("xattrs")?;
    small(&folder)?;
    let block = usize::try_from(site.holds.block).unwrap_or(4096);
    filling(&folder, block)?;
    special_files(site, &folder)?;
    large(site, &folder)?;
    acls(site)
}

fn set(path: &Path, name: &str, value: &[u8]) -> Result<()> {
    lsetxattr(path, name, value, XattrFlags::empty()).on(&format!("setxattr {name} of"), path)
}

fn file(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, name).on("write", &path)?;
    Ok(path)
}

fn small(folder: &Path) -> Result<()> {
    let path = file(folder, "one")?;
    set(&path, "user.a", b"1")?;
    let path = file(folder, "empty-value")?;
    set(&path, "user.empty", b"")?;
    let path = file(folder, "namespaces")?;
    set(&path, "user.u", b"user")?;
    set(&path, "trusted.t", b"trusted")?;
    set(&path, "security.test", b"\0\xff\n")?;
    set(&path, "user.with space=and,comma\u{e9}", b"odd name")?;
    // A capability of revision 2 (struct vfs_cap_data): magic, then two pairs of masks.
    let mut capability = 0x0200_0001_u32.to_le_bytes().to_vec();
    capability.extend_from_slice(&[0x00, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    set(&path, "security.capability", &capability)
}

/// Attributes that fill the inode and most of one block.
fn filling(folder: &Path, block: usize) -> Result<()> {
    let path = file(folder, "in-block")?;
    set(&path, "user.block", &pattern(1, block.min(16_384) / 2))?;
    let path = file(folder, "many")?;
    for number in 0..(block / 64).min(60) {
        set(&path, &format!("user.n{number:02}"), &pattern(number as u64, number % 20))?;
    }
    // Two files with equal blocks: ext4 shares the block between them.
    for name in ["shared-1", "shared-2", "shared-3"] {
        let path = file(folder, name)?;
        set(&path, "user.shared", &pattern(2, block.min(16_384) / 2))?;
    }
    let path = file(folder, "longest-name")?;
    set(&path, &format!("user.{}", "n".repeat(250)), b"v")
}

fn special_files(site: &Site, folder: &Path) -> Result<()> {
    set(folder, "user.on-directory", b"d")?;
    set(folder, "trusted.on-directory", &pattern(4, 300))?;
    for name in ["special/fifo", "special/char-1-3", "symlinks/dangling", "symlinks/length-0100"] {
        set(&site.join(name), "trusted.on-special", b"s")?;
    }
    set(&site.join("tiny/0050"), "user.beside-inline", b"inline")?;
    set(&site.join("tiny/0120"), "user.beside-inline", &pattern(5, 60))
}

/// Values larger than a block: only with inodes of their own.
fn large(site: &mut Site, folder: &Path) -> Result<()> {
    let sizes = if site.holds.on_host { vec![] } else { vec![5_000, 20_000, 65_536] };
    for size in sizes {
        let part = format!("attribute of {size} bytes");
        let path = file(folder, &format!("large-{size}"))?;
        let result = set(&path, "user.large", &pattern(size as u64, size));
        if site.holds.ea_inodes {
            result?;
        } else {
            site.unless(&part, TOO_BIG, result)?;
        }
    }
    if site.holds.ea_inodes {
        // Equal values share one inode; several large ones in one file.
        for name in ["large-twin-1", "large-twin-2"] {
            let path = file(folder, name)?;
            set(&path, "user.large", &pattern(9, 30_000))?;
            set(&path, "user.larger", &pattern(10, 40_000))?;
        }
    }
    Ok(())
}

/// The value of an ACL attribute as setxattr takes it: version 2, then tag, permissions and id.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    for &(tag, permissions, id) in entries {
        value.extend_from_slice(&tag.to_le_bytes());
        value.extend_from_slice(&permissions.to_le_bytes());
        value.extend_from_slice(&id.to_le_bytes());
    }
    value
}

const NOBODY: u32 = u32::MAX;
const USER_OBJ: u16 = 1;
const USER: u16 = 2;
const GROUP_OBJ: u16 = 4;
const GROUP: u16 = 8;
const MASK: u16 = 16;
const OTHER: u16 = 32;

fn acls(site: &Site) -> Result<()> {
    let folder = site.folder("acls")?;
    let short = acl(&[
        (USER_OBJ, 6, NOBODY),
        (USER, 4, 1000),
        (GROUP_OBJ, 4, NOBODY),
        (MASK, 4, NOBODY),
        (OTHER, 0, NOBODY),
    ]);
    let mut entries = vec![(USER_OBJ, 7, NOBODY)];
    entries.extend((0..20).map(|number| (USER, 5, 70_000 + number)));
    entries.push((GROUP_OBJ, 5, NOBODY));
    entries.extend((0..10).map(|number| (GROUP, 1, 4_000_000_000 + number)));
    entries.extend([(MASK, 7, NOBODY), (OTHER, 1, NOBODY)]);
    let path = file(&folder, "short")?;
    set(&path, "system.posix_acl_access", &short)?;
    let path = file(&folder, "long")?;
    set(&path, "system.posix_acl_access", &acl(&entries))?;
    let inherit = folder.join("inherit");
    std::fs::create_dir(&inherit).on("mkdir", &inherit)?;
    set(&inherit, "system.posix_acl_default", &acl(&entries))?;
    set(&inherit, "system.posix_acl_access", &short)?;
    file(&inherit, "child")?;
    let path = inherit.join("subfolder");
    std::fs::create_dir(&path).on("mkdir", &path)
}

/// One file for each flag that chattr can set everywhere.
const FLAGS: [(&str, IFlags); 6] = [
    ("append", IFlags::APPEND),
    ("immutable", IFlags::IMMUTABLE),
    ("nodump", IFlags::NODUMP),
    ("noatime", IFlags::NOATIME),
    ("sync", IFlags::SYNC),
    ("secure-delete", IFlags::SECURE_REMOVAL),
];

/// Last of all, since immutable files take no change.
pub(super) fn set_flags(site: &mut Site) -> Result<()> {
    if !site.holds.flags {
        site.skip("inode flags", "filled by mke2fs -d");
        return Ok(());
    }
    let folder = site.folder("flags")?;
    let made: Vec<_> = FLAGS.iter().map(|(name, _)| file(&folder, name)).collect::<Result<_>>()?;
    let inner = folder.join("dirsync");
    std::fs::create_dir(&inner).on("mkdir", &inner)?;
    add_flags(&inner, IFlags::DIRSYNC | IFlags::TOPDIR | IFlags::NODUMP)?;
    for (path, (_, flag)) in made.iter().zip(FLAGS) {
        add_flags(path, flag)?;
    }
    Ok(())
}

fn add_flags(path: &Path, flags: IFlags) -> Result<()> {
    let open = File::open(path).on("open", path)?;
    let old = ioctl_getflags(&open).on("get flags of", path)?;
    ioctl_setflags(&open, old | flags).on("set flags of", path)
}
