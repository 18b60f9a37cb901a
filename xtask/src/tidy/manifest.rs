//! Rules about manifests: arrows between crates, licences, lints, and dependencies that go round
//! the explorer.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Problem;
use super::tokens::EXPLORED;
use crate::source::Source;

const LICENSE: &str = "MIT OR Apache-2.0";

/// A crate and those it may be built on. What is not here may depend on no crate of ours.
const ARROWS: [(&str, &[&str]); 17] = [
    ("extant-sync", &[]),
    ("extant-format", &[]),
    ("extant-block", &["extant-sync"]),
    ("extant-jbd2", &["extant-block", "extant-format", "extant-sync"]),
    ("extant-core", &["extant-jbd2", "extant-format", "extant-block", "extant-sync"]),
    ("extant-iomap", &["extant-block", "extant-sync"]),
    ("extant-vfs", VFS),
    ("extant-fsck", &["extant-jbd2", "extant-format", "extant-block", "extant-sync"]),
    ("extant-mkfs", &["extant-format", "extant-block", "extant-sync"]),
    ("extant-fuse", &["extant-vfs", "extant-sync"]),
    ("extant-tree", &["extant-vfs", "extant-sync"]),
    ("extant", EXTANT),
    ("extant-cli", CLI),
    ("extant-testkit-device", &["extant-block", "extant-sync"]),
    // Its oracles share no code with what they judge.
    ("extant-testkit", &[]),
    ("extant-benches", BENCHES),
    ("xtask", &[]),
];

/// Benchmarks compare whole operations of the library and the command with their peers.
const BENCHES: &[&str] =
    &["extant-fsck", "extant-tree", "extant-vfs", "extant-block", "extant-sync", "extant-testkit"];

/// The library joins metadata and data, and all below them.
const VFS: &[&str] =
    &["extant-core", "extant-iomap", "extant-jbd2", "extant-format", "extant-block", "extant-sync"];

/// The public library re-exports the open file system, devices, and what inspection tools need.
const EXTANT: &[&str] =
    &["extant-vfs", "extant-core", "extant-jbd2", "extant-format", "extant-block", "extant-sync"];

/// The command may use everything.
const CLI: &[&str] = &[
    "extant",
    "extant-tree",
    "extant-fuse",
    "extant-fsck",
    "extant-mkfs",
    "extant-vfs",
    "extant-core",
    "extant-iomap",
    "extant-jbd2",
    "extant-format",
    "extant-block",
    "extant-sync",
];

/// Crates high enough for tests with whole images and kernel oracles, and two whose tests run
/// system tools and count what they skip; their tests may use all.
const USES_TESTKIT: [&str; 8] = [
    "extant",
    "extant-block",
    "extant-cli",
    "extant-format",
    "extant-fsck",
    "extant-fuse",
    "extant-tree",
    "extant-vfs",
];

/// Crates that lock, spawn or swap without the explorer's knowledge.
const UNSEEN: [&str; 9] = [
    "parking_lot",
    "crossbeam",
    "arc-swap",
    "dashmap",
    "rayon",
    "tokio",
    "once_cell",
    "shuttle",
    "moka",
];

/// Rules about one manifest's text.
pub(super) fn check_text(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_package = source.text.lines().any(|line| line == "[package]");
    if is_package && !source.text.contains("[lints]\nworkspace = true\n") {
        let message = "[lints] workspace = true is missing";
        problems.push(Problem::new(source, 0, "lints", message));
    }
    problems
}

/// Rules about the packages of the workspace below `root`, as cargo sees them.
pub(super) fn check_workspace(root: &Path) -> Result<Vec<Problem>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    Ok(check_metadata(&serde_json::from_slice(&output.stdout)?))
}

/// The same for the answer of `cargo metadata`.
pub(super) fn check_metadata(metadata: &Value) -> Vec<Problem> {
    list(metadata, "packages").iter().flat_map(check_package).collect()
}

fn check_package(package: &Value) -> Vec<Problem> {
    let name = text(package, "name");
    let mut messages = Vec::new();
    if text(package, "license") != LICENSE {
        messages.push(("licence", format!("license is not \"{LICENSE}\"")));
    }
    for dependency in list(package, "dependencies") {
        if let Some(message) = wrong_dependency(name, dependency) {
            messages.push(("arrows", message));
        }
    }
    let problem = |(rule, message)| Problem {
        path: text(package, "manifest_path").to_owned(),
        line: 0,
        rule,
        message,
    };
    messages.into_iter().map(problem).collect()
}

/// Why `package` may not have `dependency`.
fn wrong_dependency(package: &str, dependency: &Value) -> Option<String> {
    let name = text(dependency, "name");
    let is_dev = text(dependency, "kind") == "dev";
    if dependency.get("path").is_none_or(Value::is_null) {
        let explored = EXPLORED.iter().any(|dir| package == format!("extant-{dir}"));
        let unseen = explored && !is_dev && UNSEEN.contains(&name);
        return unseen.then(|| format!("{name} is not seen by the explorer; use extant-sync"));
    }
    let may_build = ARROWS.iter().any(|(from, to)| *from == package && to.contains(&name));
    let may_test = match name {
        "extant-testkit-device" => true,
        _ => USES_TESTKIT.contains(&package),
    };
    let allowed = may_build || (is_dev && may_test);
    (!allowed).then(|| format!("{package} -> {name} is not an arrow of the design"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
