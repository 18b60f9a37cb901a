//! `extant fsck`: checks images one after another, and changes nothing.
//!
//! `view` opens an image as it is after recovery, `marked` reads whether it is marked as clean,
//! `text` and `json` write what came out, `progress` shows how far it is.

mod json;
mod marked;
mod progress;
mod table;
mod text;
mod view;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use extant::RecoveryReport;
use extant_fsck::{CheckError, CheckOptions, Report};
use extant_sync::Arc;

use crate::args::{Extended, Fsck};
use crate::error::{CheckExit, Exit, Failure};
use crate::image::{refusal, shown_name};
use crate::output::Out;
use marked::Marked;
use view::{Given, View};

pub(super) fn run(args: &Fsck, out: &mut Out) -> Result<Exit, Failure> {
    let exit = run_all(args, out).and_then(|exit| {
        out.finish()?;
        Ok(exit)
    });
    exit.map(Exit::Check).map_err(|failure| match failure.exit {
        // e2fsck(8) has no code of its own for a reader that has gone.
        Exit::Pipe | Exit::Check(_) => failure,
        Exit::Usage => failure.exiting(CheckExit::USAGE),
        _ => failure.exiting(CheckExit::OPERATIONAL),
    })
}

fn run_all(args: &Fsck, out: &mut Out) -> Result<CheckExit, Failure> {
    if args.list_problems {
        table::print(args.json, out)?;
        return Ok(CheckExit::CLEAN);
    }
    refuse_repair(args)?;
    let given = Given::of(args)?;
    end_on_signals();
    if !args.read_only {
        // Where standard error is gone, there is nobody to tell.
        let _ = writeln!(io::stderr(), "extant: fsck only reports: repair does not exist yet");
    }
    let mut all = CheckExit::CLEAN;
    for image in &args.images {
        let exit = match look(args, &given, image) {
            Ok(outcome) => {
                print(args, &outcome, out)?;
                outcome.exit()
            }
            Err(failure) => {
                out.flush()?;
                failure.report();
                if args.json {
                    out.json_line(&json::failed(image, failure.what()))?;
                }
                CheckExit::OPERATIONAL
            }
        };
        all = all.and(exit);
    }
    Ok(all)
}

fn refuse_repair(args: &Fsck) -> Result<(), Failure> {
    let refuse = |option| {
        let failure = Failure::unsupported(&format!("repair ({option})"));
        Err(failure.hinting("-n finds what is wrong, and changes nothing".to_owned()))
    };
    match (args.automatic, args.yes) {
        (true, _) => refuse("-p"),
        (_, true) => refuse("-y"),
        _ => Ok(()),
    }
}

/// An interrupt ends the program with the code that e2fsck(8) has for it. Nothing has to be undone.
fn end_on_signals() {
    let always = Arc::new(AtomicBool::new(true));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let (always, code) = (Arc::clone(&always), CheckExit::CANCELLED.code());
        // Without a handler the signal ends the program all the same.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, code.into(), always);
    }
}

/// What became of an image.
struct Outcome {
    /// Its name, escaped.
    image: String,
    /// What recovery in memory did, or why it was refused.
    recovery: Recovery,
    found: Found,
    took: Duration,
}

enum Recovery {
    NotNeeded,
    Done(Box<RecoveryReport>),
    /// The log cannot be replayed.
    Refused(extant::Error),
}

enum Found {
    /// Only the journal was asked for.
    Journal,
    /// Marked as clean, and so not checked.
    Marked(Marked),
    /// Checked; and why that was, if it was not asked for.
    Checked(Report, Option<String>),
}

impl Outcome {
    /// Whether there is something to repair.
    fn has_errors(&self) -> bool {
        let journal = match &self.recovery {
            Recovery::NotNeeded => false,
            Recovery::Done(done) => done.fast_commit_damage.is_some(),
            Recovery::Refused(_) => true,
        };
        let checked = matches!(&self.found, Found::Checked(report, _) if !report.is_clean());
        journal || checked
    }

    fn exit(&self) -> CheckExit {
        if self.has_errors() { CheckExit::ERRORS } else { CheckExit::CLEAN }
    }
}

/// Checks `image` as far as that is asked for.
fn look(args: &Fsck, given: &Given, image: &OsStr) -> Result<Outcome, Failure> {
    let start = Instant::now();
    let name = shown_name(image);
    let view = View::open(given, image)?;
    let found = if args.extended.contains(&Extended::JournalOnly) {
        Found::Journal
    } else {
        examine(args, given, &view, &name)?
    };
    Ok(Outcome { image: name, recovery: view.recovery, found, took: start.elapsed() })
}

fn examine(args: &Fsck, given: &Given, view: &View, name: &str) -> Result<Found, Failure> {
    let mut reason = None;
    // Another superblock says nothing about the state of the file system.
    let is_refused = matches!(view.recovery, Recovery::Refused(_));
    if !args.force && args.place.sb.is_none() && !is_refused {
        match marked::read(&*view.device) {
            Ok(marked) => return Ok(Found::Marked(marked)),
            Err(why) => reason = why,
        }
    }
    let progress = progress::Shown::of(args.progress, name);
    let options = CheckOptions {
        superblock: args.place.sb,
        block_size: given.block_size,
        journal: given.journal.clone(),
        recovered: view.is_recovered(),
        threads: args.threads.unwrap_or(0).into(),
        progress: progress.map(|shown| Arc::new(shown) as Arc<dyn extant_fsck::Progress>),
    };
    let report = extant_fsck::check(Arc::clone(&view.device), &options);
    let report = report.map_err(|error| {
        let error = match error {
            CheckError::Superblock(error) => extant::raw::core::Error::from(error).into(),
            CheckError::Device(error) => error.into(),
            error => return Failure::part(name, error),
        };
        refusal(name, &error, args.place.partition, &*view.device)
    })?;
    Ok(Found::Checked(report, reason))
}

fn print(args: &Fsck, outcome: &Outcome, out: &mut Out) -> io::Result<()> {
    let limit = args.max_problems.unwrap_or(usize::MAX);
    if args.json {
        return out.json_line(&json::of(outcome, limit));
    }
    text::write(outcome, args, limit, out)
}
