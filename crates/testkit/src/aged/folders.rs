//! Steps on names.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, makedev, mknodat, renameat_with};
use rustix::io::Errno;

use super::workload::Workload;

fn touch(path: &Path) -> io::Result<()> {
    Ok(mknodat(CWD, path, FileType::RegularFile, Mode::from_raw_mode(0o644), 0)?)
}

impl Workload {
    /// To a new name or over another file.
    pub(super) fn rename(&mut self) -> io::Result<()> {
        let from = self.any_file()?;
        let over = self.random.one_in(3) && self.files.len() > 1;
        let to = if over { self.any_file()? } else { self.fresh("r") };
        std::fs::rename(&from, &to)?;
        self.files.retain(|other| *other != from);
        if !over {
            self.files.push(to);
        }
        Ok(())
    }

    pub(super) fn exchange(&mut self) -> io::Result<()> {
        let (one, two) = (self.any_file()?, self.any_file()?);
        Ok(renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE)?)
    }

    /// A directory with all below it gets another parent.
    pub(super) fn move_folder(&mut self) -> io::Result<()> {
        let (from, to) = (self.any_folder()?, self.fresh("m"));
        if to.starts_with(&from) {
            return Err(Errno::INVAL.into());
        }
        std::fs::rename(&from, &to)?;
        let moved = |path: &mut PathBuf| {
            if let Ok(rest) = path.strip_prefix(&from) {
                *path = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
            }
        };
        self.files.iter_mut().for_each(moved);
        self.folders.iter_mut().for_each(moved);
        self.large.iter_mut().for_each(moved);
        Ok(())
    }

    pub(super) fn link(&mut self) -> io::Result<()> {
        let (from, to) = (self.any_file()?, self.fresh("l"));
        std::fs::hard_link(from, &to)?;
        self.files.push(to);
        Ok(())
    }

    /// Around the 60 bytes of an inode, and up to a block.
    pub(super) fn symbolic_link(&mut self) -> io::Result<()> {
        let path = self.fresh("y");
        let most = if self.random.one_in(2) { 80 } else { 1000 };
        let length = usize::try_from(self.random.between(1, most)).unwrap_or(1);
        symlink("t".repeat(length), &path)?;
        self.files.push(path);
        Ok(())
    }

    pub(super) fn special(&mut self) -> io::Result<()> {
        let path = self.fresh("p");
        let kinds =
            [FileType::Fifo, FileType::Socket, FileType::CharacterDevice, FileType::BlockDevice];
        let kind = kinds.get(self.random.index(kinds.len())).copied().unwrap_or(FileType::Fifo);
        let major = u32::try_from(self.random.below(4000)).unwrap_or_default();
        let minor = u32::try_from(self.random.below(1 << 20)).unwrap_or_default();
        // Not among the files: nothing shall open it.
        Ok(mknodat(CWD, &path, kind, Mode::from_raw_mode(0o600), makedev(major, minor))?)
    }

    pub(super) fn make_folder(&mut self) -> io::Result<()> {
        let path = self.fresh("d");
        std::fs::create_dir(&path)?;
        self.folders.push(path);
        Ok(())
    }

    /// Some levels deep.
    pub(super) fn tree(&mut self) -> io::Result<()> {
        let mut path = self.fresh("t");
        for level in 0..self.random.between(2, 12) {
            std::fs::create_dir(&path)?;
            self.folders.push(path.clone());
            let file = path.join("leaf");
            touch(&file)?;
            self.files.push(file);
            path = path.join(format!("level{level}"));
        }
        Ok(())
    }

    /// With all below it.
    pub(super) fn remove_folder(&mut self) -> io::Result<()> {
        let path = self.any_folder()?;
        let removed = std::fs::remove_dir_all(&path);
        self.files.retain(|other| !other.starts_with(&path));
        self.folders.retain(|other| !other.starts_with(&path));
        self.large.retain(|other| !other.starts_with(&path));
        removed
    }

    /// Some hundred names more in a directory of many.
    pub(super) fn grow_large(&mut self) -> io::Result<()> {
        if self.large.is_empty() || self.random.one_in(3) {
            let path = self.fresh("large");
            std::fs::create_dir(&path)?;
            self.folders.push(path.clone());
            self.large.push(path);
        }
        let index = self.random.index(self.large.len());
        let folder = self.large.get(index).cloned().unwrap_or_default();
        for _ in 0..self.random.between(20, 400) {
            let path = self.fresh_in(&folder, "g");
            match self.random.below(30) {
                0 => std::fs::create_dir(&path)?,
                1 => symlink("short", &path)?,
                _ => touch(&path)?,
            }
        }
        Ok(())
    }

    /// A part of the names of a directory of many is removed, sometimes all.
    pub(super) fn shrink_large(&mut self) -> io::Result<()> {
        let index = self.random.index(self.large.len());
        let folder = self.large.get(index).cloned().ok_or(Errno::NOENT)?;
        let keep = self.random.below(10);
        for entry in std::fs::read_dir(&folder)? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            let known = self.files.contains(&path) || self.folders.contains(&path);
            if known || self.random.below(10) < keep {
                continue;
            }
            if kind.is_dir() { std::fs::remove_dir(path)? } else { std::fs::remove_file(path)? }
        }
        Ok(())
    }
}
