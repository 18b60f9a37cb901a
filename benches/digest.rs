//! The digest of a full image of 1 GiB on tmpfs: `extant digest --hash xxh3` as a process, and the
//! library in this process, against `cat IMAGE > /dev/null`, all warm. The value is checked against
//! the test kit's, which walks a kernel mount of the image by system calls.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use extant_benches::{Goal, Numbers, Row, build_command, mke2fs, open, timed};
use extant_testkit::image::Scratch;
use extant_testkit::manifest::host_manifest;
use extant_testkit::mount::{Access, LoopMount};
use extant_testkit::observe::HashKind;
use extant_tree::{DigestOptions, Hash};
use rustix::fs::statvfs;

/// Rounds, each with one run of each.
const ROUNDS: usize = 15;
/// Size of the image in MiB, which is what both have to get through.
const MIB: u64 = 1024;
const MIB_F64: f64 = 1024.0;

fn main() -> Result<()> {
    let extant = build_command()?;
    let scratch = Scratch::new()?;
    let image = scratch.sparse_file("digest.img", MIB)?;
    mke2fs(&image, "-t ext4 -m 0")?;
    let writing = LoopMount::new(&image, Access::ReadWrite)?;
    let files = fill(writing.path())?;
    writing.unmount()?;

    let mount = LoopMount::new(&image, Access::ReadOnly)?;
    let expected = host_manifest(mount.path(), HashKind::Xxh3)?.digest;
    mount.unmount()?;
    eprintln!("{files} files, {expected} by system calls; {ROUNDS} rounds");

    let (mut command, mut library, mut cat) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        command.push(speed(|| digest_by_command(&extant, &image), &expected)?);
        cat.push(MIB_F64 / timed(|| run_cat(&image))?.0);
        library.push(speed(|| digest_by_library(&image), &expected)?);
    }
    const UNIT: &str = "MiB of image/s";
    const PEER: &str = "cat IMAGE > /dev/null";
    Row::new("extant digest --hash xxh3, 2 threads", UNIT, &command)
        .against(PEER, &cat)
        .goal(Goal::AtLeast(0.8))
        .print()?;
    Row::new("the library in one process, 2 threads", UNIT, &library).against(PEER, &cat).print()
}

/// MiB of the image per second that `digest` gets through; its value must be as `expected`.
fn speed(digest: impl FnOnce() -> Result<String>, expected: &str) -> Result<f64> {
    let (seconds, found) = timed(digest)?;
    ensure!(found == expected, "the digest is {found}, by system calls {expected}");
    Ok(MIB_F64 / seconds)
}

fn digest_by_library(image: &Path) -> Result<String> {
    let options = DigestOptions { hash: Hash::Xxh3, threads: 2, ..DigestOptions::default() };
    let digest = extant_tree::digest(&open(image)?, b"/", &options)?;
    ensure!(digest.complete && digest.errors.is_empty(), "errors: {:?}", digest.errors);
    Ok(digest.string)
}

/// What `extant digest` prints.
fn digest_by_command(extant: &Path, image: &Path) -> Result<String> {
    let args = ["digest", "--hash", "xxh3", "--threads", "2"].map(OsStr::new);
    let output = Command::new(extant).args(args).arg(image).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "extant digest failed: {errors}");
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().next().unwrap_or_default().to_owned())
}

fn run_cat(image: &Path) -> Result<()> {
    let null = fs::OpenOptions::new().write(true).open("/dev/null")?;
    let status = Command::new("cat").arg(image).stdout(null).status()?;
    ensure!(status.success(), "cat failed");
    Ok(())
}

/// Fills the file system at `root` but for a few MiB: six files of 64 MiB, 4,000 of up to 16 KiB,
/// and files of 100 KiB to 4 MiB for the rest. Nothing can be compressed and no chunk is zero.
/// Returns the number of files.
fn fill(root: &Path) -> Result<usize> {
    let mut writer = Writer { root: root.to_owned(), numbers: Numbers::new(7), files: 0 };
    for _ in 0..6 {
        writer.file("large", 64 << 20)?;
    }
    for n in 0..4_000 {
        let size = 1 + writer.numbers.below(16 << 10);
        writer.file(&format!("small/{}", n % 40), size)?;
    }
    loop {
        let space = statvfs(root)?;
        let free = space.f_bavail * space.f_frsize;
        let size = (100 << 10) + writer.numbers.below((4 << 20) - (100 << 10));
        if free < size + (2 << 20) {
            return Ok(writer.files);
        }
        writer.file(&format!("medium/{}", writer.files % 20), size)?;
    }
}

struct Writer {
    root: PathBuf,
    numbers: Numbers,
    files: usize,
}

impl Writer {
    fn file(&mut self, folder: &str, size: u64) -> Result<()> {
        let folder = self.root.join(folder);
        fs::create_dir_all(&folder)?;
        let mut file = File::create(folder.join(format!("{:06}", self.files)))?;
        let mut buffer = vec![0; 1 << 20];
        let mut left = usize::try_from(size)?;
        while left > 0 {
            let n = left.min(buffer.len());
            let part = buffer.get_mut(..n).context("part")?;
            self.numbers.fill(part);
            file.write_all(part)?;
            left -= n;
        }
        self.files += 1;
        Ok(())
    }
}
