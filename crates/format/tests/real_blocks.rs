//! Directory and attribute blocks that e2fsprogs wrote, read by this crate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use extant_format::dir::htree::{self, DxRoot, DxRule};
use extant_format::dir::{DirBlock, DotEntries, EntryRule, dir_body, verify_dir_checksum};
use extant_format::dir_hash::dir_hash;
use extant_format::xattr::{self, BlockXattrs, EaInode, IbodyXattrs};
use extant_format::{CorruptKind, HashVersion, InodeNr, InodeSeed, Place, Superblock, to_usize};

const BLOCK: u64 = 1024;
const FILES: usize = 300;

/// An image with 300 files in an indexed directory `/d`, in a folder of its own that goes with it.
struct Image {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    superblock: Superblock,
}

fn run(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
    let output = command.output().ok()?;
    // e2fsck says 1 when it changed something.
    let done = output.status.success() || (program == "e2fsck" && output.status.code() == Some(1));
    assert!(done, "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn file_name(index: usize) -> String {
    format!("file-number-{index}-{}", "x".repeat(index % 40))
}

impl Image {
    /// `None`, with a note, where e2fsprogs is missing.
    fn make() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source/d");
        std::fs::create_dir_all(&source).unwrap();
        for index in 0..FILES {
            std::fs::write(source.join(file_name(index)), b"").unwrap();
        }
        let path = folder.path().join("image");
        let source = folder.path().join("source");
        std::fs::File::create(&path).unwrap().set_len(8 << 20).unwrap();
        let features = "^has_journal,metadata_csum,ea_inode";
        let (image, source) = (path.to_str().unwrap(), source.to_str().unwrap());
        let args = ["-q", "-F", "-t", "ext4", "-b", "1024", "-I", "256", "-O", features, "-d"];
        if run("mke2fs", &[&args[..], &[source, image]].concat()).is_none() {
            extant_testkit::capability::skip("mke2fs is not installed");
            return None;
        }
        run("e2fsck", &["-fyD", image]).unwrap();
        Some(Self::open(folder))
    }

    fn open(folder: tempfile::TempDir) -> Self {
        let bytes = std::fs::read(folder.path().join("image")).unwrap();
        let superblock = Superblock::parse(&bytes[1024..2048]).unwrap();
        Self { folder, bytes, superblock }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn debugfs(&self, request: &str) -> String {
        run("debugfs", &["-w", self.path().to_str().unwrap(), "-R", request]).unwrap()
    }

    fn block(&self, nr: u64) -> &[u8] {
        &self.bytes[to_usize(nr * BLOCK)..][..1024]
    }

    fn file_block(&self, file: &str, logical: u64) -> &[u8] {
        self.block(self.debugfs(&format!("bmap {file} {logical}")).trim().parse().unwrap())
    }

    /// Inode number and the 256 bytes of the inode.
    fn inode(&self, file: &str) -> (InodeNr, &[u8]) {
        let text = self.debugfs(&format!("imap {file}"));
        let after = |mark: &str| {
            let rest = text.split(mark).nth(1).unwrap();
            rest.split([' ', ',', '\n']).next().unwrap().to_owned()
        };
        let ino = after("Inode ").parse().unwrap();
        let block = after("located at block ").parse().unwrap();
        let offset = usize::from_str_radix(&after("offset 0x"), 16).unwrap();
        let ino = self.superblock.geometry().inode(ino).unwrap();
        (ino, &self.block(block)[offset..offset + 256])
    }

    fn seed(&self, file: &str) -> InodeSeed {
        let (ino, raw) = self.inode(file);
        self.superblock.seed().for_inode(ino, word(raw, 0x64))
    }

    fn entry_rule(&self) -> EntryRule {
        let geometry = self.superblock.geometry();
        EntryRule {
            block_size: geometry.block_size(),
            inodes_count: geometry.inodes_count(),
            has_filetype: true,
            encrypted: false,
            casefold: false,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()))
}

#[test]
fn an_indexed_directory_is_read_whole() {
    let Some(image) = Image::make() else { return };
    let rule = image.entry_rule();
    let seed = image.seed("/d");
    let (ino, raw) = image.inode("/d");
    let at = Place::inode(ino);
    let dir_blocks = u64::from(word(raw, 4)) / BLOCK;
    let dx_rule = DxRule { entry: rule, dir_blocks, has_csum: true, large_dir: false };

    let first = image.file_block("/d", 0);
    assert_eq!(htree::count_offset(first, &rule), Some(htree::ROOT_OFFSET));
    htree::verify_dx_checksum(first, htree::ROOT_OFFSET, seed, at).unwrap();
    assert_eq!(DotEntries::parse(first, ino, &rule, at).unwrap().parent, 2);
    let root = DxRoot::parse(first, &dx_rule, at).unwrap();
    assert_eq!((root.indirect_levels, root.node.limit()), (0, 123));
    assert_eq!(root.node.count() as u64, dir_blocks - 1);
    let flags = image.superblock.raw().flags.get();
    let version = HashVersion::from_disk(root.hash_version, flags).unwrap();

    let mut names = BTreeSet::new();
    for (index, pair) in root.node.entries().enumerate() {
        let block = image.file_block("/d", pair.block.get().into());
        assert_eq!(htree::count_offset(block, &rule), None);
        verify_dir_checksum(block, seed, at).unwrap();
        assert_eq!(dir_body(block).len(), 1012);
        for entry in DirBlock::entries(dir_body(block), &rule, at).map(|entry| entry.unwrap()) {
            if entry.inode != 0 {
                let hash = dir_hash(version, entry.name, image.superblock.hash_seed()).unwrap();
                assert_eq!(root.node.find(hash.major), index, "{:?}", entry.name);
                assert_eq!((entry.file_type, entry.name_valid), (1, true));
                names.insert(String::from_utf8(entry.name.to_vec()).unwrap());
            }
        }
    }
    assert_eq!(names, (0..FILES).map(file_name).collect());
}

#[test]
fn attributes_are_found_in_inode_block_and_value_inode() {
    let Some(image) = Image::make() else { return };
    let file = format!("/d/{}", file_name(7));
    let big: Vec<u8> = (0..600_u32).map(|i| i.to_le_bytes()[0] ^ 0x5a).collect();
    let huge: Vec<u8> = (0..1000_u32).map(|i| (i * 3).to_le_bytes()[0]).collect();
    let values = [("user.small", &b"value"[..]), ("user.big", &big), ("user.huge", &huge)];
    for (name, value) in values {
        let from = image.folder.path().join(name);
        std::fs::write(&from, value).unwrap();
        image.debugfs(&format!("ea_set -f {} {file} {name}", from.display()));
    }
    let image = Image::open(image.folder);
    let (ino, raw) = image.inode(&file);
    let at = Place::inode(ino);
    let ibody = IbodyXattrs::parse(&raw[128 + half(raw, 0x80)..], at).unwrap();
    let nr = image.superblock.geometry().block(word(raw, 0x68).into()).unwrap();
    let seed = image.superblock.seed();
    let block = BlockXattrs::parse(image.block(nr.get()), nr, Some(seed), at).unwrap();
    let mut moved = image.block(nr.get()).to_vec();
    moved[1023] ^= 1;
    let error = BlockXattrs::parse(&moved, nr, Some(seed), at).unwrap_err();
    assert_eq!(error.kind, CorruptKind::XattrChecksum);

    let mut seen = BTreeSet::new();
    for entry in ibody.entries.iter().chain(&block.entries) {
        let name = String::from_utf8(entry.full_name().unwrap()).unwrap();
        let expected = values.iter().find(|(n, _)| *n == name).unwrap().1;
        match entry.value {
            Some(value) => {
                assert_eq!(value, expected);
                let hashes = xattr::entry_hash(entry.name, value);
                assert!(entry.hash == 0 || hashes.contains(&entry.hash));
            }
            None => check_value_inode(&image, entry, expected),
        }
        let place = if entry.value.is_none() { "inode" } else { "area" };
        seen.insert((name, place));
    }
    let expected = [("user.big", "area"), ("user.huge", "inode"), ("user.small", "area")];
    assert_eq!(seen, expected.map(|(name, place)| (name.to_owned(), place)).into());
    assert_eq!(block.entries.iter().filter(|entry| entry.value == Some(&big)).count(), 1);
}

fn check_value_inode(image: &Image, entry: &xattr::XattrEntry<'_>, expected: &[u8]) {
    let file = format!("<{}>", entry.value_inode);
    let raw = image.inode(&file).1;
    let fields = [0xc, 0x24, 0x8, 0x10, 0x64].map(|at| word(raw, at));
    let [ctime, version, atime, mtime, generation] = fields;
    let inode = EaInode::from_fields(ctime, version, atime, mtime, generation);
    assert_eq!(inode.refcount, 1);
    let value = &image.file_block(&file, 0)[..entry.value_size.try_into().unwrap()];
    assert_eq!(value, expected);
    let seed = image.superblock.seed();
    let verify = |value: &[u8]| {
        xattr::verify_ea_inode_value(entry, value, inode.hash, seed, Place::default())
    };
    verify(value).unwrap();
    assert_eq!(verify(&value[1..]).unwrap_err().kind, CorruptKind::EaInodeHash);
}
