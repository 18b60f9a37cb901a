//! Project tasks that are more than a shell line: `cargo xtask --help` lists them.
#![forbid(unsafe_code)]

mod bench;
mod casefold_tables;
mod ids;
mod source;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of this project")]
enum Task {
    /// Check what the compiler does not: arrows between crates, sizes, style, synchronisation.
    Tidy {
        /// Also fail if a test that is due is missing (see `ids`).
        #[arg(long)]
        strict: bool,
    },
    /// List the numbered statements of the design and the tests named after them.
    Ids {
        /// Only those without a test.
        #[arg(long)]
        missing: bool,
    },
    /// Run a benchmark and write docs/bench/NAME.{json,md,svg}.
    Bench(BenchArgs),
    /// Make the case folding tables from a folder of Unicode data files.
    CasefoldTables {
        /// For instance /usr/share/unicode.
        dir: PathBuf,
    },
}

#[derive(clap::Args)]
struct BenchArgs {
    /// A file benches/NAME.rs or crates/*/benches/NAME.rs, or `all`; without it, all are listed.
    name: Option<String>,
    /// Compare with what is recorded and write nothing.
    #[arg(long)]
    check: bool,
    /// Arguments for the benchmark itself.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// What a task has found out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Good,
    Bad,
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(task: Task) -> Result<Verdict> {
    let root = root()?;
    match task {
        Task::Tidy { strict } => tidy::run(root, strict),
        Task::Ids { missing } => ids::run(root, missing),
        Task::Bench(BenchArgs { name: None, .. }) => bench::list(root),
        Task::Bench(BenchArgs { name: Some(name), check, rest }) => {
            bench::run(root, &name, check, &rest)
        }
        Task::CasefoldTables { dir } => casefold_tables::run(&dir).map(|()| Verdict::Good),
    }
}

/// The root of the workspace: the folder above this crate's.
fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")
}
