//! `stat` by path, warm: the library against `fstatat` on a kernel loop mount of the same image.
//!
//! Both get the same shuffled list of paths; each round measures the library and the kernel with
//! one thread and with two.
#![forbid(unsafe_code)]

use std::ffi::CString;
use std::fs::{self, File};
use std::hint::{black_box, spin_loop};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use extant_benches::{Goal, Numbers, Row, mke2fs, open};
use extant_sync::atomic::{AtomicUsize, Ordering};
use extant_sync::thread;
use extant_testkit::image::Scratch;
use extant_testkit::mount::{Access, LoopMount};
use extant_vfs::{Filesystem, Follow, IoFlags};
use rustix::fs::{AtFlags, statat};

/// Rounds, each with all four measurements.
const ROUNDS: usize = 15;
/// Times that a measurement goes through the whole list.
const PASSES: usize = 8;
/// Files in each of the 50 directories on the third level.
const FILES: usize = 400;
/// Files at the end of a chain of directories with long names.
const DEEP_FILES: usize = 1_000;

fn main() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = scratch.sparse_file("stat.img", 512)?;
    mke2fs(&image, "-t ext4 -N 40000")?;
    let writing = LoopMount::new(&image, Access::ReadWrite)?;
    let mut paths = fill(writing.path())?;
    writing.unmount()?;
    Numbers::new(1).shuffle(&mut paths);

    let mount = LoopMount::new(&image, Access::ReadOnly)?;
    let library = Library(open(&image)?);
    let kernel = Kernel(File::open(mount.path())?);
    for path in &paths {
        let (ours, theirs) = (library.stat(path)?, kernel.stat(path)?);
        ensure!(ours == theirs, "{path:?}: {ours:?} is not {theirs:?}");
    }
    eprintln!("{} paths, equal in both; {ROUNDS} rounds", paths.len());

    let mut samples: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let [ours, theirs, ours_two, theirs_two] = &mut samples;
        ours.push(calls_per_second(&library, &paths, 1)?);
        theirs.push(calls_per_second(&kernel, &paths, 1)?);
        ours_two.push(calls_per_second(&library, &paths, 2)?);
        theirs_two.push(calls_per_second(&kernel, &paths, 2)?);
    }
    drop(kernel);
    mount.unmount()?;
    report(&samples)
}

fn report([ours, theirs, ours_two, theirs_two]: &[Vec<f64>; 4]) -> Result<()> {
    const UNIT: &str = "calls/s";
    Row::new("stat, 1 thread", UNIT, ours)
        .against("fstatat", theirs)
        .goal(Goal::AtLeast(1.5))
        .print()?;
    Row::new("stat, 2 threads", UNIT, ours_two)
        .against("stat, 1 thread", ours)
        .goal(Goal::AtLeast(1.7))
        .print()?;
    Row::new("stat, 2 threads each", UNIT, ours_two)
        .against("fstatat, 2 threads", theirs_two)
        .print()?;
    Row::new("fstatat, 2 threads", UNIT, theirs_two).against("fstatat, 1 thread", theirs).print()
}

/// 20,000 files three levels down and 1,000 files at the end of a chain of eight directories with
/// names of 60 bytes. Returns all their paths from `root`.
fn fill(root: &Path) -> Result<Vec<CString>> {
    let short = (0..50).map(|n| (format!("d{}/e{}/f{n}", n / 10, n / 5 % 2), FILES));
    let name = |level| format!("{:-<60}", format!("a-directory-with-a-long-name-{level}"));
    let deep = (0..8).map(name).collect::<Vec<_>>().join("/");
    let mut paths = Vec::new();
    for (folder, files) in short.chain([(deep, DEEP_FILES)]) {
        fs::create_dir_all(root.join(&folder))?;
        for n in 0..files {
            let path = format!("{folder}/file-{n:05}.dat");
            fs::write(root.join(&path), path.as_bytes())?;
            paths.push(CString::new(path)?);
        }
    }
    Ok(paths)
}

/// What both sides must agree on: inode number, mode, size, seconds of the last change.
type Facts = (u64, u32, u64, i64);

/// One that answers `stat`.
trait Stats: Sync {
    fn stat(&self, path: &CString) -> Result<Facts>;
}

struct Library(Filesystem);

impl Stats for Library {
    fn stat(&self, path: &CString) -> Result<Facts> {
        let stat = self.0.stat(path.as_bytes(), Follow::No, IoFlags::NONE)?;
        let stat = black_box(stat);
        Ok((stat.ino.get().into(), stat.mode.into(), stat.size, stat.mtime.secs))
    }
}

/// The mount point, opened.
struct Kernel(File);

impl Stats for Kernel {
    fn stat(&self, path: &CString) -> Result<Facts> {
        let stat = black_box(statat(&self.0, path, AtFlags::SYMLINK_NOFOLLOW)?);
        Ok((stat.st_ino, stat.st_mode, u64::try_from(stat.st_size)?, stat.st_mtime))
    }
}

/// Calls per second of all of `threads` together, each going through the whole list, from
/// different starts.
fn calls_per_second<S: Stats>(side: &S, paths: &[CString], threads: usize) -> Result<f64> {
    let ready = AtomicUsize::new(0);
    let run = |thread: usize| -> Result<f64> {
        let (behind, front) = paths.split_at(thread * paths.len() / threads);
        ready.fetch_add(1, Ordering::AcqRel);
        while ready.load(Ordering::Acquire) < threads {
            spin_loop();
        }
        let start = Instant::now();
        for _ in 0..PASSES {
            for path in front.iter().chain(behind) {
                black_box(side.stat(path)?);
            }
        }
        Ok(start.elapsed().as_secs_f64())
    };
    let run = &run;
    let seconds = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|n| scope.spawn(move || run(n))).collect();
        let mut slowest = run(0)?;
        for other in others {
            let seconds = other.join().ok().context("a thread panicked")??;
            slowest = slowest.max(seconds);
        }
        anyhow::Ok(slowest)
    })?;
    let calls = u32::try_from(threads * PASSES * paths.len())?;
    Ok(f64::from(calls) / seconds)
}
