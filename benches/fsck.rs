//! Checking: `extant fsck -fn` against `e2fsck -fn`.
//!
//! * `small`: a thousand images of 2 MiB on tmpfs. e2fsck takes one image a process. Extant takes
//!   any number, which is what a thousand images are checked with; a process an image is measured
//!   too, and beside it a process that does nothing, which is where that comparison ends.
//! * `single`: the library on such an image in memory, on one core.
//! * `large`: a file system of 8 GiB that 400,000 files fill, made by the kernel on tmpfs: time and
//!   peak memory of the processes. First as it is after one go, with every file in one piece, for
//!   which e2fsck needs hardly any memory; then aged: a third of the files removed, in no order,
//!   and as many made again.
//!
//! Without an argument all three run.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use extant_benches::{Goal, Numbers, Row, Took, build_command, mke2fs, run_watched, timed};
use extant_block::{BlockDevice, MemoryDevice};
use extant_fsck::CheckOptions;
use extant_testkit::capability::{Capability, missing};
use extant_testkit::image::Scratch;
use extant_testkit::mount::{Access, LoopMount};
use rustix::fs::{FallocateFlags, fallocate};

const PEER: &str = "e2fsck -fn";
const IMAGES: usize = 1000;
const ROUNDS: usize = 5;
/// Rounds of checks in process, and checks in each.
const ROUNDS_IN_PROCESS: usize = 21;
const CHECKS: usize = 300;
const LARGE_MIB: u64 = 8 << 10;
const FOLDERS: u64 = 8000;
const FILES_IN_A_FOLDER: u64 = 50;

fn main() -> Result<()> {
    // `cargo bench` adds options of its own.
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let is_wanted = |part: &str| wanted.as_deref().is_none_or(|wanted| wanted == part);
    let scratch = Scratch::new()?;
    let small = small_image(&scratch)?;
    if is_wanted("single") {
        in_process(&small)?;
    }
    if is_wanted("small") {
        processes(&build_command()?, &copies(&scratch, &small)?)?;
    }
    if is_wanted("large") {
        large(&build_command()?, &scratch)?;
    }
    Ok(())
}

/// A file system of 2 MiB with some folders, files, links and a journal.
fn small_image(scratch: &Scratch) -> Result<Vec<u8>> {
    let tree = scratch.folder("tree")?;
    for folder in 0..6 {
        let folder = tree.join(format!("folder-{folder}"));
        fs::create_dir(&folder)?;
        for file in 0..12 {
            fs::write(folder.join(format!("file-{file}")), vec![7; file * 700])?;
        }
        std::os::unix::fs::symlink("file-1", folder.join("link"))?;
        fs::hard_link(folder.join("file-2"), folder.join("hard"))?;
    }
    let image = scratch.sparse_file("small.img", 2)?;
    mke2fs(&image, &format!("-F -t ext4 -d {}", tree.display()))?;
    Ok(fs::read(&image)?)
}

fn copies(scratch: &Scratch, image: &[u8]) -> Result<Vec<PathBuf>> {
    let copy = |n| {
        let path = scratch.join(&format!("copy-{n}.img"));
        let file = File::create(&path)?;
        file.set_len(image.len() as u64)?;
        for (block, n) in image.chunks(4096).zip(0_u64..) {
            if block.iter().any(|&byte| byte != 0) {
                file.write_all_at(block, n * 4096)?;
            }
        }
        Ok(path)
    };
    (0..IMAGES).map(copy).collect()
}

/// Checks in a second, by the library.
fn in_process(image: &[u8]) -> Result<()> {
    let device: Arc<dyn BlockDevice> = Arc::new(MemoryDevice::from_vec(image.to_vec()));
    let options = CheckOptions { threads: 1, ..CheckOptions::default() };
    let check = || {
        let report = extant_fsck::check(Arc::clone(&device), &options)?;
        ensure!(report.problems.is_empty(), "{:?}", report.problems);
        Ok(())
    };
    let mut samples = Vec::new();
    for _ in 0..ROUNDS_IN_PROCESS {
        let (seconds, ()) = timed(|| (0..CHECKS).try_for_each(|_| check()))?;
        samples.push(CHECKS as f64 / seconds);
    }
    let row = Row::new("a 2 MiB image in memory, one core", "checks/s", &samples);
    row.goal(Goal::AtLeast(3000.0)).print()
}

fn processes(extant: &Path, images: &[PathBuf]) -> Result<()> {
    let each = |program: &Path, options: &[&str]| -> Result<f64> {
        let run = |image: &PathBuf| quiet(Command::new(program).args(options).arg(image));
        Ok(IMAGES as f64 / timed(|| images.iter().try_for_each(run))?.0)
    };
    let (mut at_once, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut nothing = Vec::new();
    for _ in 0..ROUNDS {
        let all = || quiet(Command::new(extant).args(["fsck", "-fn"]).args(images));
        at_once.push(IMAGES as f64 / timed(all)?.0);
        ours.push(each(extant, &["fsck", "-fn"])?);
        theirs.push(each(Path::new("e2fsck"), &["-fn"])?);
        nothing.push(each(Path::new("true"), &[])?);
    }
    let row = |name, samples: &[f64]| Row::new(name, "images/s", samples).against(PEER, &theirs);
    row("1,000 images of 2 MiB, one process", &at_once).goal(Goal::AtLeast(5.0)).print()?;
    row("1,000 images of 2 MiB, a process each", &ours).print()?;
    row("1,000 processes that do nothing (true)", &nothing).print()
}

/// Runs a program that must succeed, without its output.
fn quiet(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

fn large(extant: &Path, scratch: &Scratch) -> Result<()> {
    if let Some(reason) = missing(Capability::KernelMount) {
        eprintln!("no large image: {reason}");
        return Ok(());
    }
    let image = scratch.sparse_file("large.img", LARGE_MIB)?;
    mke2fs(&image, "-t ext4")?;
    let mount = LoopMount::new(&image, Access::ReadWrite)?;
    let mut files = Files { root: mount.path().to_owned(), numbers: Numbers::new(1) };
    let names = files.fill()?;
    mount.unmount()?;
    let [time, _] = compare("8 GiB, 400,000 files", extant, &image)?;
    time.print()?;
    let mount = LoopMount::new(&image, Access::ReadWrite)?;
    files.root = mount.path().to_owned();
    files.age(names)?;
    mount.unmount()?;
    let [time, memory] = compare("8 GiB, 400,000 files, aged", extant, &image)?;
    time.goal(Goal::AtMost(0.5)).print()?;
    memory.goal(Goal::AtMost(1.0)).print()
}

/// Time and peak memory.
fn compare(name: &str, extant: &Path, image: &Path) -> Result<[Row; 2]> {
    let ours = || run_watched(Command::new(extant).args(["fsck", "-fn"]).arg(image));
    let theirs = || run_watched(Command::new("e2fsck").arg("-fn").arg(image));
    // All that is read is in the page cache from here on.
    ours()?;
    theirs()?;
    let (mut own, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        own.push(ours()?);
        peer.push(theirs()?);
    }
    let row = |name: &str, unit, of: fn(&Took) -> f64| {
        let pick = |took: &[Took]| took.iter().map(of).collect::<Vec<f64>>();
        Row::new(name, unit, &pick(&own)).against(PEER, &pick(&peer))
    };
    let memory = format!("{name}, peak memory");
    Ok([row(name, "s", |took| took.seconds), row(&memory, "MiB", |took| took.peak_mib)])
}

/// Files below a mount. Their blocks are allocated and not written: a check does not read them, and
/// the image stays small.
struct Files {
    root: PathBuf,
    numbers: Numbers,
}

impl Files {
    /// Makes all folders and files; where they are below the root.
    fn fill(&mut self) -> Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        for folder in 0..FOLDERS {
            fs::create_dir_all(self.root.join(folder_name(folder)))?;
            for n in 0..FILES_IN_A_FOLDER {
                names.push(folder_name(folder).join(format!("a file with a name, {n}")));
                self.make(names.last().context("name")?)?;
            }
        }
        Ok(names)
    }

    fn make(&mut self, name: &Path) -> Result<()> {
        let file = File::create(self.root.join(name))?;
        let bytes = 1 + self.numbers.below(34 << 10);
        Ok(fallocate(&file, FallocateFlags::empty(), 0, bytes)?)
    }

    /// Removes a third of the files `names`, in no order, and makes as many in folders of any.
    fn age(&mut self, mut names: Vec<PathBuf>) -> Result<()> {
        self.numbers.shuffle(&mut names);
        names.truncate(names.len() / 3);
        for name in &names {
            fs::remove_file(self.root.join(name))?;
        }
        for n in 0..names.len() {
            let folder = folder_name(self.numbers.below(FOLDERS));
            self.make(&folder.join(format!("a later file, {n}")))?;
        }
        Ok(())
    }
}

fn folder_name(folder: u64) -> PathBuf {
    format!("top-{}/folder-{folder}", folder % 80).into()
}
