//! What the benchmarks of this folder share: rows for `cargo xtask bench`, timing, and images.
//!
//! Each benchmark measures Extant and a peer in turns, round by round, on the same image in the
//! same run: only ratios mean anything on a shared machine.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use extant_block::{BlockDevice, FileDevice, FileOptions};
use extant_testkit::image::run;
use extant_vfs::{Filesystem, OpenOptions};
use serde::Serialize;

/// One measured thing, as `cargo xtask bench` reads it: one JSON object a line on stdout.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was done.
    pub name: String,
    /// Of all samples.
    pub unit: &'static str,
    /// Ours, in the order of measuring.
    pub samples: Vec<f64>,
    /// Who did the same, if anyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<&'static str>,
    /// Theirs, taken in turns with ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peer_samples: Vec<f64>,
    /// What is promised of the ratio of medians, or of the median if there is no peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
}

/// A promise.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

impl Row {
    /// A row without peer and goal.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: &'static str, samples: &[f64]) -> Self {
        let (name, samples) = (name.into(), samples.to_vec());
        Self { name, unit, samples, peer: None, peer_samples: Vec::new(), goal: None }
    }

    /// The same row, compared with `peer`.
    #[must_use]
    pub fn against(mut self, peer: &'static str, samples: &[f64]) -> Self {
        self.peer = Some(peer);
        self.peer_samples = samples.to_vec();
        self
    }

    /// The same row with a goal.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Prints the row for `cargo xtask bench`.
    ///
    /// # Errors
    /// None that a row can cause: numbers and strings always serialise.
    pub fn print(&self) -> Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

/// The seconds that `work` takes, and what it returns.
///
/// # Errors
/// Those of `work`.
pub fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let start = Instant::now();
    let result = work()?;
    Ok((start.elapsed().as_secs_f64(), result))
}

/// What a run of a program took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// From its start to its end.
    pub seconds: f64,
    /// Its largest resident memory in MiB, looked at every two milliseconds.
    pub peak_mib: f64,
}

/// Runs `command`, which must succeed, without its output.
///
/// # Errors
/// If it cannot be run, or fails.
pub fn run_watched(command: &mut Command) -> Result<Took> {
    let (seconds, peak_mib) = timed(|| {
        let mut child = command.stdout(Stdio::null()).spawn().context("cannot run the program")?;
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let mut peak = 0.0;
        while child.try_wait()?.is_none() {
            peak = peak_mib(&status).unwrap_or(peak);
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let status = child.wait()?;
        ensure!(status.success(), "{command:?}: {status}");
        Ok(peak)
    })?;
    Ok(Took { seconds, peak_mib })
}

/// The largest resident memory of a process so far; none when it has ended.
fn peak_mib(status: &Path) -> Option<f64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim_end_matches("kB").trim().parse::<f64>().ok()? / 1024.0)
}

/// Makes a file system in `image` with `mke2fs OPTIONS`.
///
/// # Errors
/// If mke2fs fails.
pub fn mke2fs(image: &Path, options: &str) -> Result<()> {
    let mut args: Vec<&OsStr> = options.split_whitespace().map(OsStr::new).collect();
    args.extend([OsStr::new("-q"), image.as_os_str()]);
    run("mke2fs", &args)?;
    Ok(())
}

/// Makes the release build of the command; its path.
///
/// # Errors
/// If it does not build.
pub fn build_command() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no root")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["build", "--quiet", "--release", "-p", "extant-cli", "--message-format", "json"];
    let output = Command::new(cargo)
        .args(args)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "the command does not build");
    let messages = String::from_utf8(output.stdout)?;
    let program = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    program.context("cargo names no program")
}

/// Opens `image` as a program would that knows that nobody writes to it.
///
/// # Errors
/// Those of the library.
pub fn open(image: &Path) -> Result<Filesystem> {
    let options = FileOptions { read_only: true, ..FileOptions::default() };
    let device: Arc<dyn BlockDevice> = Arc::new(FileDevice::open(image, &options)?);
    Ok(Filesystem::open(device, &OpenOptions::default())?)
}

/// Numbers that look random and are the same in every run (SplitMix64).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// The next number, from 0 to `end` - 1; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_u64().checked_rem(end).unwrap_or(0)
    }

    /// Puts `items` in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(other).unwrap_or(last));
        }
    }

    /// Fills `bytes`; what comes out cannot be compressed.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.iter_mut().zip(word).for_each(|(to, from)| *to = from);
        }
    }
}
