//! A file system from mke2fs(8) in memory with one directory `d` and eight files, `f0` to `f7`.

use extant_block::{BlockDevice, MemoryDevice, WriteFlags};
use extant_format::superblock::RawSuperblock;
use extant_sync::Arc;

use super::*;
use crate::dir::{Directory, SeenBlocks};
use crate::{InodeUse, OpenOptions, Volume};

pub(super) struct Bench {
    device: Arc<MemoryDevice>,
    pub(super) dir: InodeNr,
    pub(super) files: Vec<InodeNr>,
}

impl Bench {
    /// `None` where there is no mke2fs. `options` are its options.
    pub(super) fn new(options: &[&str]) -> Option<Self> {
        let size = if options.contains(&"65536") { 64 << 20 } else { 8 << 20 };
        Self::sized(options, size)
    }

    pub(super) fn sized(options: &[&str], size: u64) -> Option<Self> {
        let source = tempfile::tempdir().unwrap();
        std::fs::create_dir(source.path().join("d")).unwrap();
        for n in 0..8 {
            std::fs::write(source.path().join(format!("f{n}")), "").unwrap();
        }
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(size).unwrap();
        let source = source.path().to_str().unwrap();
        let args =
            [&["-q", "-F", "-O", "^has_journal", "-N", "32", "-d", source], options].concat();
        let output = run("mke2fs", &args, image.path())?;
        assert!(output.status.success(), "{output:?}");
        let device = Arc::new(MemoryDevice::from_vec(std::fs::read(image.path()).unwrap()));
        let mut bench = Self { device, dir: InodeNr::ROOT, files: Vec::new() };
        let volume = bench.volume();
        let number = |name: &str| {
            let root = volume.inode(InodeNr::ROOT, InodeUse::Ordinary, IoFlags::NONE).unwrap();
            let found = Directory::new(&volume, &root).lookup(name.as_bytes(), IoFlags::NONE);
            found.unwrap().unwrap().ino
        };
        bench.dir = number("d");
        bench.files = (0..8).map(|n| number(&format!("f{n}"))).collect();
        Some(bench)
    }

    /// Sets the hash of new trees, and the flags that say how it takes bytes.
    pub(super) fn set_hash(&self, version: u8, flags: u32) {
        let mut bytes = vec![0; 1024];
        self.device.read_at(&mut bytes, 1024).unwrap();
        let raw = RawSuperblock::from_prefix_mut(&mut bytes).unwrap();
        raw.def_hash_version = version;
        raw.flags.set(flags);
        raw.seal();
        self.device.write_at(&bytes, 1024, WriteFlags::NONE).unwrap();
    }

    /// Opened afresh.
    pub(super) fn volume(&self) -> Volume {
        let device = Arc::clone(&self.device);
        Volume::open(device, &OpenOptions::default()).unwrap()
    }

    pub(super) fn lookup(&self, changes: &Changes<'_>, name: &[u8]) -> Option<InodeNr> {
        let inode = changes.inode(self.dir).unwrap();
        let dir = Directory::new(changes.volume(), &inode);
        dir.lookup(name, IoFlags::NONE).unwrap().map(|found| found.ino)
    }

    /// All entries but the first two, as they are listed.
    pub(super) fn list(&self, changes: &Changes<'_>) -> Vec<(Vec<u8>, InodeNr)> {
        let inode = changes.inode(self.dir).unwrap();
        let dir = Directory::new(changes.volume(), &inode);
        let (mut cursor, mut seen) = (Some(0), SeenBlocks::default());
        let mut entries = Vec::new();
        while let Some(from) = cursor {
            let chunk = dir.read_chunk(from, IoFlags::NONE).unwrap();
            assert!(chunk.block.is_none_or(|block| seen.add(block)));
            let items = chunk.items.into_iter().map(Result::unwrap);
            entries.extend(items.map(|item| (item.name, item.ino)));
            cursor = chunk.next;
        }
        entries.split_off(2)
    }

    /// Listing gives exactly `entries`, and looking each up finds it. In a directory with a hash
    /// tree it is found through the tree.
    pub(super) fn compare(&self, changes: &Changes<'_>, entries: &Vec<(Vec<u8>, InodeNr)>) {
        let mut listed = self.list(changes);
        listed.sort();
        let mut wanted = entries.clone();
        wanted.sort();
        assert_eq!(distinct(entries).len(), entries.len());
        assert!(listed == wanted, "{} listed, {} wanted", listed.len(), wanted.len());
        let inode = changes.inode(self.dir).unwrap();
        let dir = Directory::new(changes.volume(), &inode);
        for (name, ino) in entries {
            assert_eq!(self.lookup(changes, name), Some(*ino));
            if dir.is_indexed() {
                let found = dir.lookup_hashed(&Wanted::stored(&dir, name), IoFlags::NONE);
                assert_eq!(found.unwrap().unwrap().found.ino, *ino);
            }
        }
    }

    /// Gives the files as many links as they have names, and lets e2fsck check the image, which
    /// has also been opened afresh and has `entries`.
    pub(super) fn judge(&self, mut changes: Changes<'_>, entries: &Vec<(Vec<u8>, InodeNr)>) {
        for &file in &self.files {
            let names = entries.iter().filter(|&&(_, ino)| ino == file).count();
            let links = u16::try_from(1 + names).unwrap();
            let set =
                |slot: &mut [u8]| RawInode::from_slot_mut(slot).unwrap().links_count.set(links);
            changes.change_inode(file, set).unwrap();
        }
        changes.finish().unwrap();
        drop(changes);
        let volume = self.volume();
        self.compare(&Changes::new(&volume), entries);
        let image = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(image.path(), self.device.to_vec()).unwrap();
        let Some(output) = run("e2fsck", &["-fn"], image.path()) else { return };
        if !output.status.success() {
            let kept = std::env::var_os("EXTANT_KEEP_IMAGE");
            kept.map(|to| std::fs::copy(image.path(), to).unwrap());
        }
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
