//! The judge on sound images: the checker has no complaint about what e2fsck finds clean.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Checker, Opinion, Subject, ask};
use crate::error::{Context, Error, Result};
use crate::image::Scratch;
use crate::oracle;

/// Linux itself leaves an image that is not sound now and then: value inodes counted once too often
/// have been seen once in 1,850 aged images.
const MADE_FOR_ONE_UNSOUND: usize = 500;

/// What was said of sound images.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Images that both were asked about.
    pub judged: usize,
    /// Those that their makers refused to make, with the reason.
    pub refused: Vec<(String, String)>,
    /// Those that e2fsck is not content with, with its transcript: not judged.
    pub unsound: Vec<(String, String)>,
    /// Those that the checker complains about.
    pub alarms: Vec<(String, Opinion)>,
    /// The longest check.
    pub slowest: Duration,
}

/// An image, or why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Made {
    /// It is at the path that was given.
    Image,
    /// As `Image`; its journal is in a file of its own.
    WithJournal(PathBuf),
    /// Refused by the tool that was to make it.
    Refused(String),
}

/// Makes images 0 to `count` and asks e2fsck and `checker` about each, two at a time. `make` gets
/// the number and the path of the image to make; `name` names it in reports.
///
/// # Errors
/// If an image cannot be made, or e2fsck not be run.
pub fn judge(
    count: usize,
    name: impl Fn(usize) -> String + Sync,
    make: impl Fn(usize, &Scratch, &Path) -> Result<Made> + Sync,
    checker: Checker,
) -> Result<Report> {
    let (next, report) = (AtomicUsize::new(0), Mutex::new(Report::default()));
    let work = || -> Result<()> {
        let scratch = Scratch::new()?;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Ok(());
            }
            let path = scratch.join(&format!("image-{index}.img"));
            let made = make(index, &scratch, &path)?;
            let one = match made {
                Made::Image => judge_one(name(index), Subject::new(&path), checker)?,
                Made::WithJournal(journal) => {
                    let subject = Subject { image: &path, journal: Some(&journal) };
                    let report = judge_one(name(index), subject, checker)?;
                    std::fs::remove_file(&journal).on("remove", &journal)?;
                    report
                }
                Made::Refused(why) => {
                    Report { refused: vec![(name(index), why)], ..Report::default() }
                }
            };
            if path.exists() {
                std::fs::remove_file(&path).on("remove", &path)?;
            }
            report.lock().unwrap_or_else(PoisonError::into_inner).merge(one);
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => Err(Error::Image("a thread of the judge panicked".to_owned())),
        })
    })?;
    Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn judge_one(name: String, subject: Subject<'_>, checker: Checker) -> Result<Report> {
    let verdict = oracle::check(subject.image, subject.journal)?;
    if verdict.code != 0 {
        return Ok(Report { unsound: vec![(name, verdict.text)], ..Report::default() });
    }
    let (opinion, slowest) = ask(checker, subject);
    let alarms = if opinion == Opinion::Clean { vec![] } else { vec![(name, opinion)] };
    Ok(Report { judged: 1, alarms, slowest, ..Report::default() })
}

impl Report {
    fn merge(&mut self, other: Self) {
        self.judged += other.judged;
        self.refused.extend(other.refused);
        self.unsound.extend(other.unsound);
        self.alarms.extend(other.alarms);
        self.slowest = self.slowest.max(other.slowest);
    }

    /// Passes if at least `least` images were made, e2fsck is content with all but one of
    /// [`MADE_FOR_ONE_UNSOUND`], and the checker with all of those.
    ///
    /// # Errors
    /// Why it does not.
    pub fn verdict(&self, least: usize) -> std::result::Result<(), String> {
        let made = self.judged + self.unsound.len();
        if made < least {
            return Err(format!("only {made} images were made, not {least}"));
        }
        if let Some((name, text)) = self.unsound.get(made / MADE_FOR_ONE_UNSOUND) {
            let count = self.unsound.len();
            return Err(format!("e2fsck is not content with {count} images: {name}: {text}"));
        }
        match self.alarms.as_slice() {
            [] => Ok(()),
            [(name, opinion), ..] => {
                let count = self.alarms.len();
                Err(format!("{count} false alarms, the first: {name}: {}", opinion.summary()))
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, why) in &self.refused {
            let line = why.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            writeln!(f, "refused: {name}: {line}")?;
        }
        for (name, text) in &self.unsound {
            writeln!(f, "e2fsck is not content: {name}: {text}")?;
        }
        for (name, opinion) in &self.alarms {
            writeln!(f, "false alarm: {name}: {}", opinion.summary())?;
        }
        let (refused, unsound) = (self.refused.len(), self.unsound.len());
        writeln!(f, "{} judged, {refused} refused, {unsound} not sound", self.judged)?;
        writeln!(f, "{} false alarms; slowest {:?}", self.alarms.len(), self.slowest)
    }
}
