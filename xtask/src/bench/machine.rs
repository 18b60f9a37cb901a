//! What a measurement was made on.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine and the code. Parts that cannot be found out are empty.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Machine {
    /// With `+changes` if the tree differs from it.
    pub(super) commit: String,
    pub(super) cores: usize,
    pub(super) cpu: String,
    pub(super) memory_mib: u64,
    pub(super) kernel: String,
}

/// This machine, and the code at `root`.
pub(super) fn here(root: &Path) -> Machine {
    let changed = !output(root, &["git", "status", "--porcelain"]).is_empty();
    let commit = output(root, &["git", "rev-parse", "--short=12", "HEAD"]);
    Machine {
        commit: if changed { format!("{commit}+changes") } else { commit },
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        cpu: field("/proc/cpuinfo", "model name"),
        memory_mib: memory_mib(&field("/proc/meminfo", "MemTotal")),
        kernel: output(root, &["uname", "-r"]),
    }
}

fn output(dir: &Path, command: &[&str]) -> String {
    let Some((program, args)) = command.split_first() else { return String::new() };
    let output = Command::new(program).args(args).current_dir(dir).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The first value of `key` in a file of lines `key : value`.
fn field(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let found = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    });
    found.unwrap_or_default()
}

fn memory_mib(value: &str) -> u64 {
    value.trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) / 1024
}
