//! The outcome of a check for people: problems below the phase that found them, then one line.

use std::io::{self, Write};

use extant_fsck::{Problem, Report, Severity, Summary};

use super::marked::Marked;
use super::{Found, Outcome, Recovery};
use crate::args::Fsck;
use crate::commands::recover::{counted, summary};
use crate::output::{Out, escape};

/// Writes `outcome` with at most `limit` problems.
pub(super) fn write(outcome: &Outcome, args: &Fsck, limit: usize, out: &mut Out) -> io::Result<()> {
    let image = &outcome.image;
    journal(outcome, out)?;
    match &outcome.found {
        Found::Journal => {}
        Found::Marked(marked) => writeln!(out, "{image}: clean, {}", marked.counts())?,
        Found::Checked(report, reason) => {
            if let Some(reason) = reason {
                writeln!(out, "{image}: {reason}, checking")?;
            }
            problems(report, limit, out)?;
            if args.verbose {
                verbose(&report.summary, out)?;
            }
            writeln!(out, "{image}: {}, {}", verdict(outcome, report), counts(&report.summary))?;
        }
    }
    if args.timing {
        writeln!(out, "{image}: {:.6} s", outcome.took.as_secs_f64())?;
    }
    Ok(())
}

/// What became of the journal, if there was anything to do.
fn journal(outcome: &Outcome, out: &mut Out) -> io::Result<()> {
    let image = &outcome.image;
    match (&outcome.recovery, &outcome.found) {
        (Recovery::NotNeeded, Found::Journal) => writeln!(out, "{image}: nothing to replay"),
        (Recovery::NotNeeded, _) => Ok(()),
        (Recovery::Done(done), _) => {
            let done = escape(summary(done).as_bytes());
            writeln!(out, "{image}: replayed in memory, the image is untouched: {done}")
        }
        (Recovery::Refused(why), _) => {
            let why = escape(why.to_string().as_bytes());
            writeln!(out, "{image}: the journal cannot be replayed: {why}")
        }
    }
}

fn problems(report: &Report, limit: usize, out: &mut Out) -> io::Result<()> {
    let mut phase = None;
    for problem in report.problems.iter().take(limit) {
        if phase != Some(problem.kind.phase()) {
            phase = Some(problem.kind.phase());
            writeln!(out, "Checking {}:", problem.kind.phase().title())?;
        }
        line(problem, out)?;
    }
    let all: u64 = report.counts.values().sum();
    let shown = report.problems.len().min(limit) as u64;
    if all > shown {
        writeln!(out, "  and {} more", all - shown)?;
    }
    Ok(())
}

fn line(problem: &Problem, out: &mut Out) -> io::Result<()> {
    let severity = match problem.severity() {
        Severity::Note => "note: ",
        Severity::Error => "",
    };
    writeln!(out, "  {severity}{problem} [{}]", problem.id())
}

/// `clean`, or how many problems there are.
fn verdict(outcome: &Outcome, report: &Report) -> String {
    let (errors, all) = (report.errors(), report.counts.values().sum::<u64>());
    let notes = match all - errors {
        0 => String::new(),
        notes => format!(", {}", counted(notes, "note")),
    };
    match errors {
        0 if outcome.has_errors() => format!("errors in the journal{notes}"),
        0 => format!("clean{notes}"),
        errors => format!("{}{notes}", counted(errors, "error")),
    }
}

fn counts(summary: &Summary) -> String {
    let Summary { inodes_used, inodes, blocks_used, blocks, .. } = *summary;
    Marked { inodes_used, inodes, blocks_used, blocks }.counts()
}

impl Marked {
    fn counts(&self) -> String {
        let Self { inodes_used, inodes, blocks_used, blocks } = self;
        format!("{inodes_used}/{inodes} files, {blocks_used}/{blocks} blocks")
    }
}

fn verbose(summary: &Summary, out: &mut Out) -> io::Result<()> {
    let part = |used: u64, all: u64| {
        let tenths = u128::from(used) * 1000 / u128::from(all.max(1));
        format!(" of {all} ({}.{} %)", tenths / 10, tenths % 10)
    };
    let rows = [
        (summary.inodes_used, "inodes in use", part(summary.inodes_used, summary.inodes)),
        (summary.blocks_used, "blocks in use", part(summary.blocks_used, summary.blocks)),
        (summary.files, "regular files", String::new()),
        (summary.directories, "directories", String::new()),
        (summary.symlinks, "symbolic links", String::new()),
        (summary.specials, "devices, pipes and sockets", String::new()),
        (summary.orphans, "orphans", String::new()),
    ];
    for (number, what, rest) in rows {
        writeln!(out, "{number:>12} {what}{rest}")?;
    }
    Ok(())
}
