//! Steps on extended attributes, access lists, flags, owners and times, and encrypted directories.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use rustix::fs::{
    AtFlags, CWD, IFlags, Timespec, Timestamps, XattrFlags, ioctl_getflags, ioctl_setflags,
    lsetxattr, removexattr, setxattr, utimensat,
};

use super::workload::Workload;
use crate::ioctls;

impl Workload {
    /// A file, now and then a directory.
    fn bearer(&mut self) -> io::Result<PathBuf> {
        if self.random.one_in(5) { self.any_folder() } else { self.any_file() }
    }

    fn set(&mut self, name: &str, value: &[u8]) -> io::Result<()> {
        let path = self.bearer()?;
        if path.is_symlink() {
            // It carries no user attributes. A value in an inode of its own would let e2fsck take
            // the target for block numbers.
            let value = value.get(..value.len().min(20)).unwrap_or_default();
            return Ok(lsetxattr(path, "trusted.link", value, XattrFlags::empty())?);
        }
        Ok(lsetxattr(path, name, value, XattrFlags::empty())?)
    }

    /// Of any size that an inode or a block can hold.
    pub(super) fn attribute(&mut self) -> io::Result<()> {
        let spaces = ["user", "trusted", "security"];
        let space = spaces.get(self.random.index(3)).copied().unwrap_or("user");
        let width = if self.random.one_in(8) { 120 } else { 6 };
        let width = usize::try_from(self.random.below(width)).unwrap_or_default();
        let name = format!("{space}.a{}{}", self.random.below(5), "n".repeat(width));
        let most = [1, 30, 120, 900].get(self.random.index(4)).copied().unwrap_or(30);
        let length = self.random.below(most);
        let value = self.bytes(length);
        self.set(&name, &value)
    }

    /// The same on many files, so that blocks are shared.
    pub(super) fn shared_attribute(&mut self) -> io::Result<()> {
        let kind = self.random.below(3);
        let value = vec![b'v'; usize::try_from(300 + 100 * kind).unwrap_or_default()];
        for _ in 0..self.random.between(2, 8) {
            self.set(&format!("user.shared{kind}"), &value)?;
        }
        Ok(())
    }

    /// Too large for a block; equal ones share an inode.
    pub(super) fn large_attribute(&mut self) -> io::Result<()> {
        let kind = self.random.below(4);
        let length = 3_000 + 7_000 * kind;
        let value = if self.random.one_in(2) {
            vec![b'w'; usize::try_from(length).unwrap_or_default()]
        } else {
            self.bytes(length)
        };
        let number = self.random.below(3);
        self.set(&format!("user.large{number}"), &value)
    }

    pub(super) fn remove_attribute(&mut self) -> io::Result<()> {
        let path = self.bearer()?;
        let mut names = vec![0; 4096];
        let length = rustix::fs::listxattr(&path, &mut names[..])?;
        names.truncate(length);
        let names: Vec<_> =
            names.split(|&byte| byte == 0).filter(|name| !name.is_empty()).collect();
        match names.get(self.random.index(names.len())) {
            Some(&name) => Ok(removexattr(path, name)?),
            None => Ok(()),
        }
    }

    pub(super) fn access_list(&mut self) -> io::Result<()> {
        let entry = |tag: u16, permissions: u16, id: u32| {
            let words = [tag.to_le_bytes(), permissions.to_le_bytes()].concat();
            [words, id.to_le_bytes().to_vec()].concat()
        };
        let nobody = u32::MAX;
        let mut value = [2_u32.to_le_bytes().to_vec(), entry(1, 7, nobody)].concat();
        for number in 0..self.random.between(1, 20) {
            value.extend(entry(2, 5, 1000 + u32::try_from(number).unwrap_or_default()));
        }
        for (tag, permissions) in [(4, 5), (16, 7), (32, 1)] {
            value.extend(entry(tag, permissions, nobody));
        }
        let path = self.bearer()?;
        if path.is_dir() && self.random.one_in(2) {
            setxattr(&path, "system.posix_acl_default", &value, XattrFlags::empty())?;
        }
        Ok(setxattr(&path, "system.posix_acl_access", &value, XattrFlags::empty())?)
    }

    /// Immutable ones stay as they are from now on.
    pub(super) fn flags(&mut self) -> io::Result<()> {
        let all = [
            IFlags::NODUMP,
            IFlags::NOATIME,
            IFlags::SYNC,
            IFlags::SECURE_REMOVAL,
            IFlags::UNRM,
            IFlags::COMPRESSED,
            IFlags::APPEND,
            IFlags::IMMUTABLE,
            IFlags::JOURNALING,
        ];
        let path = self.bearer()?;
        if path.is_symlink() {
            return Ok(());
        }
        let flag = all.get(self.random.index(all.len())).copied().unwrap_or(IFlags::NODUMP);
        let flag = if path.is_dir() { IFlags::DIRSYNC | IFlags::TOPDIR } else { flag };
        let file = File::open(&path)?;
        let old = ioctl_getflags(&file)?;
        Ok(ioctl_setflags(&file, old ^ flag)?)
    }

    pub(super) fn owner_and_times(&mut self) -> io::Result<()> {
        let path = self.bearer()?;
        if path.is_symlink() {
            return Ok(());
        }
        let id = u32::try_from(self.random.below(200_000)).unwrap_or_default();
        chown(&path, Some(id), Some(id / 3))?;
        let mode = u32::try_from(self.random.below(0o10000)).unwrap_or_default();
        std::fs::set_permissions(&path, Permissions::from_mode(mode))?;
        // e2fsck takes later ones, beyond 2310, for times before 1970.
        let tv_sec = i64::try_from(self.random.below(12_800_000_000)).unwrap_or_default();
        let time = Timespec { tv_sec: tv_sec - 2_147_483_648, tv_nsec: 123_456_789 };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(CWD, &path, &times, AtFlags::empty())?)
    }

    /// A new encrypted directory, which other steps then fill.
    pub(super) fn encrypted(&mut self) -> io::Result<()> {
        if !self.holds.encryption {
            return Ok(());
        }
        let path = self.fresh("e");
        std::fs::create_dir(&path)?;
        ioctls::encrypt(&path).map_err(|error| io::Error::other(error.to_string()))?;
        for number in 0..self.random.between(1, 60) {
            let file = path.join(format!("secret{number}"));
            let bytes = self.bytes(number * 40);
            std::fs::write(&file, bytes)?;
            self.files.push(file);
        }
        self.folders.push(path);
        Ok(())
    }
}
