//! Benchmarks: running them, and the pages under docs/bench that say what came out.
//!
//! A benchmark is a file `crates/*/benches/NAME.rs`, or `benches/NAME.rs` where it needs several
//! crates, with `harness = false` in its manifest. It
//! prints one JSON object a line to stdout, each a [`Row`]; the rest of its talk goes to stderr:
//!
//! `{"name": "stat, 1 thread", "unit": "calls/s", "samples": [1.0, 2.0, 3.0], "peer": "fstatat",
//!   "peer_samples": [1.0, 1.0], "goal": {"at_least": 1.5}}`
//!
//! A goal is about the ratio of our median to the peer's, or about our median if there is no peer.

mod machine;
mod report;
mod svg;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::Verdict;

/// One measured thing, with all its samples.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// What was done.
    pub(crate) name: String,
    /// Of all samples.
    pub(crate) unit: String,
    /// Ours, in the order of measuring.
    pub(crate) samples: Vec<f64>,
    /// Who did the same, if anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
    /// Theirs, taken in turns with ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) peer_samples: Vec<f64>,
    /// What the design promises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Goal>,
}

/// A promise about a ratio to a peer, or about a value without one.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

/// Smallest, median and largest sample.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of `samples`, of which there must be one that is a number.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.iter().copied().filter(|s| s.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        Some(Self { min, median: f64::midpoint(lower, upper), max })
    }
}

impl Goal {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    /// How much worse `now` is than `before`: 0.1 is ten in a hundred, less than 0 is better.
    fn loss(self, before: f64, now: f64) -> f64 {
        match self {
            Self::AtLeast(_) => (before - now) / before,
            Self::AtMost(_) => (now - before) / before,
        }
    }
}

impl Row {
    pub(crate) fn spread(&self) -> Option<Spread> {
        Spread::of(&self.samples)
    }

    pub(crate) fn peer_spread(&self) -> Option<Spread> {
        Spread::of(&self.peer_samples)
    }

    /// What goals are about: our median, divided by the peer's if there is one.
    pub(crate) fn score(&self) -> Option<f64> {
        let own = self.spread()?.median;
        match self.peer_spread() {
            Some(peer) => Some(own / peer.median),
            None => Some(own),
        }
    }

    pub(crate) fn meets_goal(&self) -> Option<bool> {
        Some(self.goal?.is_met_by(self.score()?))
    }
}

/// Lists the benchmarks there are.
pub(crate) fn list(root: &Path) -> Result<Verdict> {
    for (name, package) in all(root)? {
        println!("{name} ({package})");
    }
    Ok(Verdict::Good)
}

/// Runs `name` and records it, or with `check` compares it with the record.
///
/// The name `all` stands for every benchmark in turn.
pub(crate) fn run(root: &Path, name: &str, check: bool, rest: &[String]) -> Result<Verdict> {
    let known = all(root)?;
    if name == "all" {
        let run = |(name, _): &(String, String)| run(root, name, check, rest);
        let verdicts = known.iter().map(run).collect::<Result<Vec<_>>>()?;
        return Ok(if verdicts.contains(&Verdict::Bad) { Verdict::Bad } else { Verdict::Good });
    }
    let Some((_, package)) = known.iter().find(|(known, _)| known == name) else {
        let names: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
        bail!("no benchmark {name}; there are: {}", names.join(", "));
    };
    let mut args = vec!["bench", "--quiet", "-p", package, "--bench", name, "--"];
    args.extend(rest.iter().map(String::as_str));
    let rows = measure(root, &args)?;
    let command = match rest {
        [] => format!("cargo xtask bench {name}"),
        rest => format!("cargo xtask bench {name} -- {}", rest.join(" ")),
    };
    let report =
        report::Report { bench: name.to_owned(), machine: machine::here(root), command, rows };
    print!("{}", report.markdown());
    let dir = root.join("docs/bench");
    if check {
        return compare(&dir, &report);
    }
    report.write(&dir)?;
    Ok(if report.rows.iter().all(|row| row.meets_goal() != Some(false)) {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

/// Names of benchmarks and the packages they are in.
fn all(root: &Path) -> Result<Vec<(String, String)>> {
    // Those of the folder benches need more than one crate of ours may depend on.
    let mut folders = vec![(root.join("benches"), root.join("benches"))];
    for entry in fs::read_dir(root.join("crates"))? {
        let dir = entry?.path();
        folders.push((dir.join("benches"), dir));
    }
    let mut found = Vec::new();
    for (benches, dir) in folders {
        let Ok(benches) = fs::read_dir(benches) else { continue };
        let manifest = fs::read_to_string(dir.join("Cargo.toml"))?;
        let package = package_name(&manifest)
            .with_context(|| format!("{} has no package name", dir.display()))?;
        let files = benches.map(|file| Ok(file?.path())).collect::<Result<Vec<PathBuf>>>()?;
        let is_rust = |file: &&PathBuf| file.extension().is_some_and(|end| end == "rs");
        let names = files.iter().filter(is_rust).filter_map(|file| file.file_stem());
        found.extend(names.map(|name| (name.to_string_lossy().into_owned(), package.clone())));
    }
    found.sort();
    Ok(found)
}

fn package_name(manifest: &str) -> Option<String> {
    let value = manifest.lines().find_map(|line| line.strip_prefix("name = "))?;
    Some(value.trim_matches('"').to_owned())
}

fn measure(root: &Path, args: &[&str]) -> Result<Vec<Row>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(args)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "the benchmark failed: {}", output.status);
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// The rows among the lines of a benchmark's stdout.
fn parse(stdout: &str) -> Result<Vec<Row>> {
    let lines = stdout.lines().filter(|line| line.starts_with('{'));
    let rows = lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("not a row: {line}")))
        .collect::<Result<Vec<Row>>>()?;
    ensure!(!rows.is_empty(), "the benchmark printed no rows");
    let empty = rows.iter().find(|row| row.spread().is_none());
    ensure!(empty.is_none(), "{} has no samples", empty.map_or("", |row| &row.name));
    Ok(rows)
}

/// A score may be this much worse than the recorded one.
const TOLERANCE: f64 = 0.10;

fn compare(dir: &Path, now: &report::Report) -> Result<Verdict> {
    let before = report::Report::read(dir, &now.bench)?;
    let worse = regressions(&before.rows, &now.rows);
    let mut out = std::io::stdout().lock();
    for line in &worse {
        writeln!(out, "worse: {line}")?;
    }
    Ok(if worse.is_empty() { Verdict::Good } else { Verdict::Bad })
}

/// What got worse: goals missed, rows gone, scores that fell.
fn regressions(before: &[Row], now: &[Row]) -> Vec<String> {
    let mut worse = Vec::new();
    for old in before {
        let Some(new) = now.iter().find(|row| row.name == old.name) else {
            worse.push(format!("{} is not measured any more", old.name));
            continue;
        };
        if let (Some(goal), Some(was), Some(is)) = (new.goal, old.score(), new.score())
            && goal.loss(was, is) > TOLERANCE
        {
            worse.push(format!("{}: {was:.3} was recorded, {is:.3} now", old.name));
        }
    }
    let missed = now.iter().filter(|row| row.meets_goal() == Some(false));
    worse.extend(missed.map(|row| format!("{} misses its goal", row.name)));
    worse
}

#[cfg(test)]
mod tests;
