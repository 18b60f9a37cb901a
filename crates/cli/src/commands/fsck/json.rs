//! The outcome of a check for programs: one object an image.

use std::ffi::OsStr;

use extant::Place;
use extant_fsck::{Phase, Problem, ProblemKind, Report, Severity, Summary};
use serde_json::{Map, Value, json};

use super::marked::Marked;
use super::{Found, Outcome, Recovery};
use crate::commands::recover;
use crate::error::CheckExit;
use crate::image::shown_name;
use crate::output::json as value;

/// The schema of all objects that the command prints.
pub(super) const SCHEMA: &str = "extant.fsck/1";

/// An image that could not be checked.
pub(super) fn failed(image: &OsStr, what: &str) -> Value {
    json!({
        "schema": SCHEMA,
        "image": shown_name(image),
        "verdict": "failed",
        "exit_code": CheckExit::OPERATIONAL.code(),
        "error": what,
    })
}

/// What was found, with at most `limit` problems.
pub(super) fn of(outcome: &Outcome, limit: usize) -> Value {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("schema", SCHEMA.into());
    set("image", outcome.image.as_str().into());
    set("verdict", if outcome.has_errors() { "errors" } else { "clean" }.into());
    set("exit_code", outcome.exit().code().into());
    set("recovery", recovery(&outcome.recovery));
    set("seconds", outcome.took.as_secs_f64().into());
    match &outcome.found {
        Found::Journal => drop(set("is_checked", false.into())),
        Found::Marked(marked) => {
            set("is_checked", false.into());
            set("summary", counts(marked).into());
        }
        Found::Checked(report, reason) => {
            set("is_checked", true.into());
            set("reason", reason.as_deref().into());
            set("problems", report.problems.iter().take(limit).map(problem).collect());
            set("counts", by_id(report).into());
            set("errors", report.errors().into());
            set("summary", summary(&report.summary).into());
        }
    }
    object.into()
}

fn recovery(recovery: &Recovery) -> Value {
    match recovery {
        Recovery::NotNeeded => Value::Null,
        Recovery::Done(done) => recover::to_json(done),
        Recovery::Refused(why) => json!({ "error": why.to_string() }),
    }
}

fn problem(problem: &Problem) -> Value {
    json!({
        "id": problem.id(),
        "severity": severity(problem.kind),
        "phase": phase(problem.kind.phase()),
        "text": problem.to_string(),
        "at": place(&problem.at),
        "found": problem.found,
        "expected": problem.expected,
        "cause": problem.cause.map(|kind| kind.id()),
        "name": problem.name.as_deref().map(value::name),
    })
}

fn place(at: &Place) -> Value {
    json!({
        "structure": at.structure,
        "group": at.group,
        "inode": at.inode,
        "logical": at.logical,
        "block": at.block,
        "offset": at.offset,
    })
}

pub(super) const fn severity(kind: ProblemKind) -> &'static str {
    match kind.severity() {
        Severity::Note => "note",
        Severity::Error => "error",
    }
}

/// The name of a phase, which never changes.
pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Layout => "layout",
        Phase::Inodes => "inodes",
        Phase::Shared => "shared",
        Phase::Directories => "directories",
        Phase::Connectivity => "connectivity",
        Phase::References => "references",
        Phase::Groups => "groups",
        Phase::Quota => "quota",
    }
}

fn by_id(report: &Report) -> Map<String, Value> {
    report.counts.iter().map(|(kind, count)| (kind.id().to_owned(), (*count).into())).collect()
}

fn counts(marked: &Marked) -> Map<String, Value> {
    let fields = [
        ("inodes_used", marked.inodes_used),
        ("inodes", marked.inodes),
        ("blocks_used", marked.blocks_used),
        ("blocks", marked.blocks),
    ];
    fields.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

fn summary(summary: &Summary) -> Map<String, Value> {
    let Summary { inodes_used, inodes, blocks_used, blocks, .. } = *summary;
    let mut object = counts(&Marked { inodes_used, inodes, blocks_used, blocks });
    let rest = [
        ("directories", summary.directories),
        ("files", summary.files),
        ("symlinks", summary.symlinks),
        ("specials", summary.specials),
        ("orphans", summary.orphans),
    ];
    object.extend(rest.map(|(key, value)| (key.to_owned(), value.into())));
    object
}
