//! The judge on the corpora: the checker's verdict is e2fsck's, but for a table of differences.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::{Checker, Opinion, Subject, ask, replayed, share};
use crate::corpus::Case;
use crate::error::{Context, Error, Result};
use crate::image::Scratch;
use crate::oracle;

/// A case in which the two verdicts differ, and why that is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The case, `FAMILY/NAME`.
    pub name: &'static str,
    /// True if the checker finds errors where e2fsck says clean, false if it is the other way.
    pub errors: bool,
    /// Why.
    pub reason: &'static str,
}

/// One image and what was said of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The case, `FAMILY/NAME`.
    pub name: String,
    /// e2fsck's exit status of a check; `None` if it crashed.
    pub code: Option<i32>,
    /// What the checker says.
    pub opinion: Opinion,
    /// What the checker says of the image as it is, where it is dirty: it replays by itself.
    pub unreplayed: Option<Opinion>,
    /// The longer of both.
    pub time: Duration,
}

impl Entry {
    fn agrees(&self) -> bool {
        self.code.is_none_or(|code| match &self.opinion {
            Opinion::Clean => code == 0,
            Opinion::Errors(_) => code != 0,
            Opinion::Failed(_) => false,
        })
    }
}

/// All of a family of cases.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By name.
    pub entries: Vec<Entry>,
}

/// Asks e2fsck and `checker` about every image of `cases`, each on a replayed copy.
///
/// # Errors
/// If an image cannot be unpacked, or e2fsck not be run.
pub fn judge<'a>(cases: impl Iterator<Item = &'a Case>, checker: Checker) -> Result<Report> {
    let scratch = Scratch::new()?;
    let mut report = Report::default();
    for case in cases {
        let path = scratch.join("case.img");
        std::fs::write(&path, case.unpack()?).on("write", &path)?;
        report.entries.push(judge_one(&case.name, &path, checker)?);
    }
    Ok(report)
}

fn judge_one(name: &str, path: &Path, checker: Checker) -> Result<Entry> {
    let copy = replayed(path)?;
    let judged = copy.as_deref().unwrap_or(path);
    let code = match oracle::check(judged, None) {
        Ok(verdict) => Some(verdict.code),
        Err(Error::Tool { .. }) => None,
        Err(error) => return Err(error),
    };
    let (opinion, mut time) = ask(checker, Subject::new(judged));
    let mut unreplayed = None;
    if let Some(copy) = &copy {
        std::fs::remove_file(copy).on("remove", copy)?;
        let (said, longer) = ask(checker, Subject::new(path));
        (unreplayed, time) = (Some(said), time.max(longer));
    }
    Ok(Entry { name: name.to_owned(), code, opinion, unreplayed, time })
}

impl Report {
    /// Cases in which the verdicts differ.
    pub fn differences(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.agrees())
    }

    /// Passes if at least 95 of 100 verdicts agree, and those that do not are exactly `explained`.
    ///
    /// # Errors
    /// Why it does not.
    pub fn verdict(&self, explained: &[Difference]) -> std::result::Result<(), String> {
        let failed = |opinion: &Opinion| matches!(opinion, Opinion::Failed(_));
        let mut wrong = Vec::new();
        for entry in &self.entries {
            if failed(&entry.opinion) || entry.unreplayed.as_ref().is_some_and(failed) {
                wrong.push(format!("{} failed", entry.name));
            }
        }
        let differing = self.differences().count();
        if differing * 20 > self.entries.len() {
            wrong.push(format!("{} differ", share(differing, self.entries.len())));
        }
        for entry in self.differences() {
            let told = |row: &&Difference| row.name == entry.name;
            match explained.iter().find(told) {
                Some(row) if row.errors == entry.opinion.is_errors() => {}
                Some(_) => wrong.push(format!("{} differs the other way", entry.name)),
                None => wrong.push(format!("{} is not explained", entry.name)),
            }
        }
        for row in explained {
            if !self.differences().any(|entry| entry.name == row.name) {
                wrong.push(format!("{} does not differ any more: {}", row.name, row.reason));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in self.differences() {
            let code = entry.code.unwrap_or(-1);
            writeln!(f, "{}: e2fsck {code}, checker {}", entry.name, entry.opinion.summary())?;
        }
        for entry in &self.entries {
            let Some(alone) = &entry.unreplayed else { continue };
            if alone.is_errors() != entry.opinion.is_errors() {
                let (name, after) = (&entry.name, entry.opinion.summary());
                writeln!(f, "{name}: before replay {}, after {after}", alone.summary())?;
            }
        }
        let dirty = self.entries.iter().filter(|entry| entry.unreplayed.is_some()).count();
        let clean = self.entries.iter().filter(|entry| entry.code == Some(0)).count();
        let slowest = self.entries.iter().map(|entry| (entry.time, &entry.name)).max();
        let agree = self.entries.len() - self.differences().count();
        writeln!(f, "{} agree; e2fsck says clean of {clean}", share(agree, self.entries.len()))?;
        writeln!(f, "{dirty} dirty; slowest {slowest:?}")
    }
}
