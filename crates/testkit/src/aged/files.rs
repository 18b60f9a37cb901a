//! Steps on the content of regular files.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags, fallocate, fstatvfs, linkat, open};

use super::workload::Workload;

fn existing(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

impl Workload {
    fn length(&mut self) -> u64 {
        match self.random.below(6) {
            0 => 0,
            1 | 2 => self.random.below(200),
            3 => self.random.below(5_000),
            4 => self.random.below(60_000),
            _ => self.random.below(300_000),
        }
    }

    pub(super) fn create(&mut self) -> io::Result<()> {
        let (path, length) = (self.fresh("f"), self.length());
        let bytes = self.bytes(length);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        self.files.push(path);
        file.write_all_at(&bytes, 0)?;
        if self.random.one_in(4) { file.sync_all() } else { Ok(()) }
    }

    /// Anywhere in the first MiB, rarely far behind.
    fn place(&mut self) -> u64 {
        match self.random.below(12) {
            0 => self.random.below(4 << 30),
            1..6 => self.random.below(64) * u64::from(self.holds.block),
            _ => self.random.below(1 << 20),
        }
    }

    pub(super) fn write_somewhere(&mut self) -> io::Result<()> {
        let (path, place, length) = (self.any_file()?, self.place(), self.length());
        let bytes = self.bytes(length);
        existing(&path)?.write_all_at(&bytes, place)
    }

    pub(super) fn append(&mut self) -> io::Result<()> {
        let (path, length) = (self.any_file()?, self.length());
        let (file, bytes) = (existing(&path)?, self.bytes(length));
        let end = file.metadata()?.len();
        file.write_all_at(&bytes, end)
    }

    /// Every other block, last first.
    pub(super) fn fragment(&mut self) -> io::Result<()> {
        self.spread(2, 400)
    }

    /// So far apart that neither extents nor indirect blocks are shared.
    pub(super) fn scatter(&mut self) -> io::Result<()> {
        self.spread(1100, 40)
    }

    fn spread(&mut self, distance: u64, most: u64) -> io::Result<()> {
        let (path, count) = (self.fresh("s"), self.random.between(2, most));
        let (block, bytes) = (u64::from(self.holds.block), self.bytes(500));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        self.files.push(path);
        (0..count).rev().try_for_each(|n| file.write_all_at(&bytes, n * distance * block))
    }

    pub(super) fn allocate(&mut self) -> io::Result<()> {
        let modes = [
            FallocateFlags::empty(),
            FallocateFlags::KEEP_SIZE,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            FallocateFlags::ZERO_RANGE,
            FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE,
            FallocateFlags::COLLAPSE_RANGE,
            FallocateFlags::INSERT_RANGE,
        ];
        let mode = modes.get(self.random.index(modes.len())).copied().unwrap_or(modes[0]);
        let whole = FallocateFlags::COLLAPSE_RANGE | FallocateFlags::INSERT_RANGE;
        let grain = if mode.intersects(whole) { 16_384 } else { 1 };
        let offset = self.random.below(300_000) / grain * grain;
        let length = (self.random.between(1, 200_000) / grain * grain).max(grain);
        fallocate(existing(&self.any_file()?)?, mode, offset, length)?;
        Ok(())
    }

    pub(super) fn truncate(&mut self) -> io::Result<()> {
        let (path, place) = (self.any_file()?, self.place());
        let size = if self.random.one_in(4) { 0 } else { place };
        existing(&path)?.set_len(size)
    }

    pub(super) fn unlink(&mut self) -> io::Result<()> {
        let index = self.random.index(self.files.len());
        if index < self.files.len() {
            std::fs::remove_file(self.files.swap_remove(index))?;
        }
        Ok(())
    }

    /// Removed while open; it is closed at the end, or when there are many.
    pub(super) fn orphan(&mut self) -> io::Result<()> {
        let path = self.any_file()?;
        self.files.retain(|other| *other != path);
        self.open.push(File::open(&path)?);
        if self.open.len() > 8 {
            self.open.clear();
        }
        std::fs::remove_file(path)
    }

    /// Made without a name; one of two gets one.
    pub(super) fn nameless(&mut self) -> io::Result<()> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY;
        let file = File::from(open(&self.root, flags, Mode::from_raw_mode(0o640))?);
        let (length, path) = (self.length(), self.fresh("n"));
        let bytes = self.bytes(length);
        file.write_all_at(&bytes, 0)?;
        if self.random.one_in(2) {
            let number = std::os::fd::AsRawFd::as_raw_fd(&file);
            let link = format!("/proc/self/fd/{number}");
            linkat(CWD, link, CWD, &path, AtFlags::SYMLINK_FOLLOW)?;
            self.files.push(path);
        }
        Ok(())
    }

    /// Takes nearly all space, and gives some of it back.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        let path = self.fresh("fill");
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        self.files.push(path);
        let free = fstatvfs(&file)?;
        let leave = self.random.between(20, 600);
        let length = free.f_bfree.saturating_sub(leave) * free.f_frsize;
        let bytes = self.bytes(1 << 16);
        let filled = (0..length >> 16).try_for_each(|n| file.write_all_at(&bytes, n << 16));
        file.sync_all()?;
        file.set_len(length / self.random.between(2, 9))?;
        filled
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.root)?)?)
    }
}
