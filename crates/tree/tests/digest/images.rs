//! Images for the tests, and shorthands for their digests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use extant_tree::{Digest, DigestOptions, Hash, manifest};
use extant_vfs::{Filesystem, OpenOptions};
use tempfile::TempDir;

/// A folder with a tree to make an image of, and the image.
pub(crate) struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        Self { folder }
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    pub(crate) fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Makes an image of 64 MiB of the tree; the same tree gives the same bytes.
    pub(crate) fn make(&self) -> Filesystem {
        let file = fs::File::create(self.image()).unwrap();
        file.set_len(64 << 20).unwrap();
        let mut mke2fs = Command::new("mke2fs");
        mke2fs.args(["-q", "-F", "-t", "ext4", "-U", "00000000-0000-4000-8000-000000000001"]);
        mke2fs.args(["-E", "hash_seed=00000000-0000-4000-8000-000000000002,root_owner=0:0"]);
        mke2fs.env("E2FSPROGS_FAKE_TIME", "1700000000");
        run(mke2fs.arg("-d").arg(self.tree()).arg(self.image()));
        self.open()
    }

    /// Runs debugfs commands on the image.
    pub(crate) fn debugfs(&self, commands: &str) {
        let script = self.folder.path().join("commands");
        fs::write(&script, commands).unwrap();
        run(Command::new("debugfs").arg("-w").arg("-f").arg(script).arg(self.image()));
    }

    pub(crate) fn open(&self) -> Filesystem {
        open(&self.image(), &OpenOptions::default())
    }
}

pub(crate) fn open(image: &Path, options: &OpenOptions) -> Filesystem {
    let read_only = extant::device::ImageOptions { read_only: true, ..Default::default() };
    Filesystem::open_path(image, &read_only, options).unwrap()
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

pub(crate) fn demo() -> Filesystem {
    Filesystem::open(extant::demo::device(), &OpenOptions::default()).unwrap()
}

/// The digest and the lines of everything.
pub(crate) fn lines(fs: &Filesystem, hash: Hash, threads: usize) -> (Digest, Vec<String>) {
    let options = DigestOptions { hash, threads, ..DigestOptions::default() };
    lines_with(fs, b"/", &options)
}

pub(crate) fn lines_with(
    fs: &Filesystem,
    root: &[u8],
    options: &DigestOptions<'_>,
) -> (Digest, Vec<String>) {
    let mut out = Vec::new();
    let digest = manifest(fs, root, options, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    (digest, text.lines().map(str::to_owned).collect())
}

/// The fields of the line of `path`.
pub(crate) fn fields<'a>(lines: &'a [String], path: &str) -> Vec<&'a str> {
    let line = lines.iter().find(|line| line.split(' ').next() == Some(path));
    line.unwrap_or_else(|| panic!("no line of {path}")).split(' ').collect()
}
