//! Recovery of a log of 1 GiB full of transactions: `extant recover` as a process against reading
//! as many bytes as the log has in sequence and writing as many as recovery writes in sequence,
//! both on the same storage in the same run.
//!
//! The file system has 6 GiB in a sparse file, once on tmpfs, where only the processor counts, and
//! once in the folder for temporary files (`TMPDIR`) with neither side's bytes in the page cache.
//! Every copy in the log has a home of its own. The homes are runs of 16 blocks and single blocks
//! in no order: once as many runs as singles, and once, to see what scattered writes cost, as many
//! blocks in runs as single ones. Memory is measured besides with a log of blocks of 1 KiB that
//! have single homes: the most entries that a log of that size can have. Recovery changes only its
//! home blocks and two superblocks: putting these back makes the image dirty again. What it wrote
//! is compared with what the log was made of.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use extant_benches::{Goal, Numbers, Row, build_command, run_watched, timed};
use extant_testkit::image::Scratch;
use rustix::fs::{Advice, fadvise};

use log::{Dirty, Mix};

#[path = "recover/log.rs"]
mod log;

/// Rounds, each with one run of each.
const ROUNDS: usize = 7;
const ROUNDS_OF_E2FSCK: usize = 3;
const ROUNDS_OF_MEMORY: usize = 3;
/// Bytes of a request of the peer.
const REQUEST: usize = 1 << 20;
const UNIT: &str = "MiB read and written/s";
const PEER: &str = "sequential read and write";

fn main() -> Result<()> {
    let extant = build_command()?;
    let scratch = Scratch::new()?;
    let mut peak = on(scratch.path(), "tmpfs", &extant)?;
    drop(scratch);
    let folder = Folder::new()?;
    peak.extend(on(&folder.0, "disk", &extant)?);
    Row::new("peak memory of extant recover", "MiB", &peak).goal(Goal::AtMost(64.0)).print()?;
    let peak = many_blocks(&folder.0, &extant)?;
    let name = "peak memory of extant recover, blocks of 1 KiB, single homes";
    Row::new(name, "MiB", &peak).goal(Goal::AtMost(80.0)).print()
}

/// The most memory that a log of 1 GiB takes: peaks in MiB. At most 64 bytes for each of a million
/// blocks, and 16 MiB.
fn many_blocks(folder: &Path, extant: &Path) -> Result<Vec<f64>> {
    let dirty = Dirty::make(&folder.join("recover.img"), Mix::Scattered, 1024)?;
    eprintln!("1 KiB: {} transactions, {} copies", dirty.transactions, dirty.homes.len());
    let peaks = (0..ROUNDS_OF_MEMORY).map(|_| Ok(recover(extant, &dirty)?.1));
    let peaks = peaks.collect::<Result<Vec<_>>>()?;
    dirty.check()?;
    Ok(peaks)
}

/// A folder for temporary files that goes away with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let name = format!("extant-bench-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left: {error}", self.0.display());
        }
    }
}

/// Measures in `folder`; gives the peaks of memory in MiB.
fn on(folder: &Path, storage: &str, extant: &Path) -> Result<Vec<f64>> {
    let other = folder.join("sequential");
    let mut peak = Vec::new();
    for (mix, name) in [(Mix::Runs, "homes in runs"), (Mix::Singles, "half of the homes single")] {
        let dirty = Dirty::make(&folder.join("recover.img"), mix, 4096)?;
        let name = format!("{storage}, {name}");
        eprintln!("{name}: {} transactions, {} copies", dirty.transactions, dirty.homes.len());
        peak.push(recover(extant, &dirty)?.1);
        dirty.check()?;
        sequential(&dirty, &other)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (seconds, memory) = recover(extant, &dirty)?;
            ours.push(dirty.mib() / seconds);
            peak.push(memory);
            theirs.push(dirty.mib() / sequential(&dirty, &other)?);
        }
        dirty.check()?;
        let row = Row::new(name.clone(), UNIT, &ours).against(PEER, &theirs);
        match mix {
            Mix::Runs => row.goal(Goal::AtLeast(0.5)).print()?,
            Mix::Singles | Mix::Scattered => row.print()?,
        }
        let seconds = (0..ROUNDS_OF_E2FSCK).map(|_| by_e2fsck(&dirty));
        let e2fsck = seconds.map(|s| Ok(dirty.mib() / s?)).collect::<Result<Vec<_>>>()?;
        Row::new(name, UNIT, &ours).against("e2fsck -E journal_only", &e2fsck).print()?;
    }
    Ok(peak)
}

/// Makes what was written durable and takes it out of the page cache, where that is possible.
fn forget(path: &Path) -> Result<()> {
    let file = File::open(path)?;
    file.sync_data()?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    Ok(())
}

/// Seconds and MiB of a run of `extant recover`.
fn recover(extant: &Path, dirty: &Dirty) -> Result<(f64, f64)> {
    dirty.put_back()?;
    forget(&dirty.path)?;
    let took = run_watched(Command::new(extant).arg("recover").arg(&dirty.path))?;
    Ok((took.seconds, took.peak_mib))
}

/// Seconds that it takes to read the log in order, write as many bytes as the log has copies to
/// the file `other`, which already has them, and make them durable.
fn sequential(dirty: &Dirty, other: &Path) -> Result<f64> {
    let image = File::open(&dirty.path)?;
    let target = File::options().write(true).create(true).truncate(false).open(other)?;
    forget(&dirty.path)?;
    forget(other)?;
    let mut buffer = vec![0; REQUEST];
    Numbers::new(5).fill(&mut buffer);
    let (seconds, ()) = timed(|| {
        for &(start, len) in &dirty.log {
            each_request(len, |at, len| {
                let part = buffer.get_mut(..len).context("request")?;
                Ok(image.read_exact_at(part, start + at)?)
            })?;
        }
        each_request(dirty.written(), |at, len| {
            let part = buffer.get(..len).context("request")?;
            Ok(target.write_all_at(part, at)?)
        })?;
        Ok(target.sync_data()?)
    })?;
    Ok(seconds)
}

/// Calls `run` with offset and length of each request of `len` bytes.
fn each_request(len: u64, mut run: impl FnMut(u64, usize) -> Result<()>) -> Result<()> {
    let mut at = 0;
    while at < len {
        let now = REQUEST.min(usize::try_from(len - at)?);
        run(at, now)?;
        at += now as u64;
    }
    Ok(())
}

fn by_e2fsck(dirty: &Dirty) -> Result<f64> {
    dirty.put_back()?;
    forget(&dirty.path)?;
    let (seconds, status) = timed(|| {
        let mut command = Command::new("e2fsck");
        command.args(["-E", "journal_only", "-y"]).arg(&dirty.path);
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).status()?)
    })?;
    ensure!(matches!(status.code(), Some(0 | 1)), "e2fsck: {status}");
    Ok(seconds)
}
