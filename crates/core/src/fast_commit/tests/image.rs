//! A file system from mke2fs(8) in memory, and records about it.

use std::path::Path;
use std::process::{Command, Output};

use extant_block::{BlockDevice, IoFlags, MemoryDevice};
use extant_format::inode::RawInode;
use extant_format::journal::NameChange;
use extant_format::{Inode, InodeNr};
use extant_sync::Arc;

use super::super::area::{FastCommits, Record};
use super::super::replay::replay;
use crate::changes::Changes;
use crate::dir::Directory;
use crate::{InodeUse, OpenOptions, Result, Volume};

/// The generation of inodes that records make.
pub(super) const NEW: u32 = 0x1234;
/// Bytes of an inode that records have.
const INODE_LEN: usize = 160;

pub(super) struct Image {
    device: Arc<MemoryDevice>,
}

fn run(tool: &str, args: &[&str], image: &Path) -> Option<Output> {
    let output = Command::new(tool).args(args).arg(image).output();
    if output.is_err() {
        println!("skipped: no {tool}");
    }
    output.ok()
}

impl Image {
    /// Files `a` and `b` of 10,000 bytes, and a directory `d` with a file `e`. `None` where there
    /// is no mke2fs.
    pub(super) fn new(options: &[&str]) -> Option<Self> {
        let source = tempfile::tempdir().unwrap();
        std::fs::create_dir(source.path().join("d")).unwrap();
        for name in ["a", "b"] {
            std::fs::write(source.path().join(name), [name.as_bytes()[0]; 10_000]).unwrap();
        }
        std::fs::write(source.path().join("d/e"), "e").unwrap();
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(8 << 20).unwrap();
        let source = source.path().to_str().unwrap();
        let fixed = ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-N", "64", "-d", source];
        let output = run("mke2fs", &[&fixed, options].concat(), image.path())?;
        assert!(output.status.success(), "{output:?}");
        let bytes = std::fs::read(image.path()).unwrap();
        Some(Self { device: Arc::new(MemoryDevice::from_vec(bytes)) })
    }

    pub(super) fn volume(&self) -> Volume {
        self.volume_with(&OpenOptions::default())
    }

    pub(super) fn volume_with(&self, options: &OpenOptions) -> Volume {
        let device: Arc<dyn BlockDevice> = self.device.clone();
        Volume::open(device, options).unwrap()
    }

    /// The inode at `path`, names separated by slashes.
    pub(super) fn find(&self, path: &str) -> Option<Inode> {
        let volume = self.volume();
        let mut now = volume.inode(InodeNr::ROOT, InodeUse::Ordinary, IoFlags::NONE).unwrap();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let found = Directory::new(&volume, &now).lookup(name.as_bytes(), IoFlags::NONE);
            let ino = found.unwrap()?.ino;
            now = volume.inode(ino, InodeUse::Ordinary, IoFlags::NONE).unwrap();
        }
        Some(now)
    }

    pub(super) fn number(&self, path: &str) -> u32 {
        self.find(path).unwrap().ino.get()
    }

    /// Replays, and lets e2fsck judge.
    pub(super) fn replay(&self, commits: Vec<Vec<Record>>) {
        self.try_replay(&FastCommits { commits }).unwrap();
        let image = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(image.path(), self.device.to_vec()).unwrap();
        if let Some(output) = run("e2fsck", &["-fn"], image.path()) {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }

    pub(super) fn try_replay(&self, commits: &FastCommits) -> Result<()> {
        let volume = self.volume();
        let mut changes = Changes::new(&volume);
        let report = replay(&mut changes, commits)?;
        let records: usize = commits.commits.iter().map(Vec::len).sum();
        assert_eq!(
            (report.commits as usize, report.records as usize),
            (commits.commits.len(), records)
        );
        Ok(())
    }

    /// Replays what has to be refused before anything is changed.
    pub(super) fn refuse(&self, records: Vec<Record>) {
        let before = self.device.to_vec();
        let result = self.try_replay(&FastCommits { commits: vec![records] });
        let Err(crate::Error::Corrupt(corrupt)) = result else { panic!("{result:?}") };
        assert_eq!(corrupt.kind.id(), "journal.fast_commit");
        assert!(self.device.to_vec() == before, "something was changed");
    }

    /// The record of inode `ino` as it is, after `change`.
    pub(super) fn inode(&self, ino: u32, change: impl FnOnce(&mut RawInode)) -> Record {
        let volume = self.volume();
        let number = volume.geometry().inode(ino).unwrap();
        let inode = volume.inode(number, InodeUse::Special, IoFlags::NONE).unwrap();
        let mut bytes = inode.bytes()[..INODE_LEN].to_vec();
        change(RawInode::from_slot_mut(&mut bytes).unwrap());
        Record::Inode { ino, bytes: bytes.into() }
    }
}

/// The record of a new inode of mode `mode`, mapped by extents, after `change`.
pub(super) fn new_inode(ino: u32, mode: u16, change: impl FnOnce(&mut RawInode)) -> Record {
    let mut bytes = vec![0; INODE_LEN];
    bytes[128] = 32;
    let raw = RawInode::from_slot_mut(&mut bytes).unwrap();
    raw.mode.set(mode);
    raw.links_count.set(1);
    raw.flags.set(0x8_0000);
    raw.generation.set(NEW);
    raw.ctime.set(2_000_000_000);
    raw.block[..8].copy_from_slice(&[0x0a, 0xf3, 0, 0, 4, 0, 0, 0]);
    change(raw);
    Record::Inode { ino, bytes: bytes.into() }
}

pub(super) fn name(change: NameChange, parent: u32, ino: u32, name: &str) -> Record {
    Record::Name { change, parent, ino, name: name.as_bytes().into() }
}

pub(super) fn create(parent: u32, ino: u32, text: &str) -> Record {
    name(NameChange::Create, parent, ino, text)
}

pub(super) fn link(parent: u32, ino: u32, text: &str) -> Record {
    name(NameChange::Link, parent, ino, text)
}

pub(super) fn unlink(parent: u32, ino: u32, text: &str) -> Record {
    name(NameChange::Unlink, parent, ino, text)
}

pub(super) fn add(ino: u32, logical: u32, len: u32, start: u64) -> Record {
    Record::AddRange { ino, logical, len, start, unwritten: false }
}
