//! Reads everything that an image holds, however broken it is, and says what that cost.
//!
//! `abuse IMAGE` walks one image: errors are counted, and the peak of resident memory is printed.
//! `abuse --corpora` does so for every image of the corpora, a process each, and fails if one
//! panics, takes more than 10 s or more than 256 MiB. Meant for release builds.
#![allow(clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/hostile/walk.rs"]
mod walk;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use extant::{Error, Filesystem, OpenOptions};
use extant_block::image::ImageOptions;
use extant_testkit::corpus::{self, Case};
use extant_testkit::image::Scratch;

use walk::{Limits, id_of, walk};

const TIME: Duration = Duration::from_secs(10);
const MEMORY_KIB: u64 = 256 << 10;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(arg) if arg == "--corpora" => corpora(),
        Some(image) => {
            one(Path::new(&image));
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("usage: abuse IMAGE | --corpora");
            ExitCode::from(2)
        }
    }
}

fn one(image: &Path) {
    match open(image) {
        Err(error) => println!("refused: {}", id_of(&error)),
        Ok(fs) => {
            let report = walk(&fs, Limits::default());
            println!("entries: {} directories: {}", report.entries, report.directories);
            println!("bytes: {} findings: {}", report.bytes, report.findings.len());
            report.findings.iter().take(20).for_each(|finding| println!("finding: {finding}"));
        }
    }
    println!("peak KiB: {}", peak_kib().unwrap_or(0));
}

fn open(image: &Path) -> Result<Filesystem, Error> {
    let mut options = OpenOptions::default();
    match Filesystem::open_path(image, &ImageOptions::default(), &options) {
        Err(Error::JournalMissing { .. } | Error::InUse { .. }) => {
            (options.noload, options.ignore_in_use) = (true, true);
            Filesystem::open_path(image, &ImageOptions::default(), &options)
        }
        result => result,
    }
}

/// `VmHWM` of this process.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn corpora() -> ExitCode {
    let cases = match corpus::cases() {
        Ok(Some(cases)) => cases,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let (mut failed, mut slowest, mut largest) = (0, Duration::ZERO, 0);
    for case in &cases {
        match child(case) {
            Ok((time, kib)) => {
                slowest = slowest.max(time);
                largest = largest.max(kib);
                let bad = time > TIME || kib > MEMORY_KIB || kib == 0;
                if bad {
                    println!("{}: {time:?}, {kib} KiB", case.name);
                }
                failed += u32::from(bad);
            }
            Err(what) => {
                println!("{}: {what}", case.name);
                failed += 1;
            }
        }
    }
    println!("{} images, {failed} failed, at most {slowest:?} and {largest} KiB", cases.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Walks one case in a process of its own: time and peak memory.
fn child(case: &Case) -> Result<(Duration, u64), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let scratch = Scratch::new().map_err(|e| text(&e))?;
    let image = scratch.join("image");
    let bytes = case.unpack().map_err(|e| text(&e))?;
    std::fs::write(&image, bytes).map_err(|e| text(&e))?;
    let program = std::env::current_exe().map_err(|e| text(&e))?;
    let start = Instant::now();
    let output = Command::new("timeout")
        .arg("30")
        .arg(program)
        .arg(&image)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| text(&e))?;
    let time = start.elapsed();
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{} {message}", output.status));
    }
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let kib = out.lines().find_map(|line| line.strip_prefix("peak KiB: ")?.parse().ok());
    Ok((time, kib.unwrap_or(0)))
}
