//! The checker as the judges of the test kit ask it, and wrong ones that they must refuse.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::sync::Arc;

use extant_block::{BlockDevice, MemoryDevice};
use extant_fsck::{CheckOptions, Report, check};
use extant_testkit::capability::{Capability, need};
use extant_testkit::verdict::{Opinion, Subject};

/// `extant_fsck::check`, as it is used by default: errors count.
pub(crate) fn extant(subject: Subject<'_>) -> Opinion {
    ask(subject, Report::is_clean)
}

/// Notes that sound images may have.
const HARMLESS: &[&str] = &["superblock.free_blocks", "superblock.free_inodes"];

/// The same, where not even a note is wanted.
pub(crate) fn silent(subject: Subject<'_>) -> Opinion {
    ask(subject, |report| report.counts.keys().all(|kind| HARMLESS.contains(&kind.id())))
}

fn ask(subject: Subject<'_>, is_clean: fn(&Report) -> bool) -> Opinion {
    let device = |path| -> Arc<dyn BlockDevice> {
        Arc::new(MemoryDevice::from_vec(std::fs::read(path).unwrap()))
    };
    let options = CheckOptions { journal: subject.journal.map(device), ..CheckOptions::default() };
    match check(device(subject.image), &options) {
        Ok(report) if is_clean(&report) => Opinion::Clean,
        Ok(report) => {
            let line = |problem: &extant_fsck::Problem| format!("{}: {problem}", problem.id());
            Opinion::Errors(report.problems.iter().map(line).collect())
        }
        Err(error) => Opinion::Errors(vec![error.to_string()]),
    }
}

/// Planted: sees nothing.
pub(crate) fn blind(_: Subject<'_>) -> Opinion {
    Opinion::Clean
}

/// Planted: sees errors everywhere.
pub(crate) fn nervous(_: Subject<'_>) -> Opinion {
    Opinion::Errors(vec!["planted".to_owned()])
}

/// True if e2fsprogs are there.
pub(crate) fn able() -> bool {
    ["mke2fs", "debugfs", "e2fsck"].into_iter().all(|tool| need(Capability::Tool(tool)))
}

/// The number in the environment variable `name`, or `default`.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
