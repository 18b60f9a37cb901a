//! The judge on damaged images: of what e2fsck finds, the checker finds nearly all.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Checker, Opinion, Subject, ask, replayed, share};
use crate::damage::{Base, Class, Damage, Sum, base, base_count};
use crate::error::{Context, Error, Result};
use crate::image::Scratch;
use crate::oracle::{self, Verdict};

/// Bytes of a file that are compared at a time.
const CHUNK: usize = 4096;

/// One damaged image.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its seed.
    pub seed: u64,
    /// What was damaged.
    pub class: Class,
    /// The checksum over it.
    pub sum: Sum,
    /// One line.
    pub description: String,
    /// What e2fsck said; `Err` if it crashed.
    pub reference: std::result::Result<Verdict, String>,
    /// What the checker says.
    pub opinion: Opinion,
    /// How long that took.
    pub time: Duration,
}

impl Case {
    const fn found(&self) -> bool {
        matches!(self.reference, Ok(Verdict { code: 1.., .. }))
    }

    const fn missed(&self) -> bool {
        self.found() && !self.opinion.is_errors()
    }

    /// The first lines of e2fsck.
    fn said(&self) -> String {
        let lines = self.reference.iter().flat_map(|verdict| verdict.text.lines());
        let lines: Vec<_> = lines.filter(|line| is_finding(line)).take(3).collect();
        lines.join(" / ")
    }

    const fn alarm(&self) -> bool {
        matches!(self.reference, Ok(Verdict { code: 0, .. })) && self.opinion.is_errors()
    }
}

/// All cases, and what was said of the undamaged images.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By seed.
    pub cases: Vec<Case>,
    /// The checker's complaints about images without damage.
    pub unfounded: Vec<String>,
}

/// Damages images by `seeds`, and asks e2fsck and `checker` about each; two at a time.
///
/// # Errors
/// If a base image cannot be made, or e2fsck not be run.
pub fn judge(seeds: Range<u64>, checker: Checker) -> Result<Report> {
    let (next, report) = (AtomicUsize::new(0), Mutex::new(Report::default()));
    let work = || -> Result<()> {
        let scratch = Scratch::new()?;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= base_count() {
                return Ok(());
            }
            let count = base_count() as u64;
            let mine = seeds.clone().filter(|seed| seed % count == index as u64);
            let mine: Vec<u64> = mine.collect();
            if !mine.is_empty() {
                let done = judge_base(base(index)?, &mine, &scratch, checker)?;
                let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                report.cases.extend(done.cases);
                report.unfounded.extend(done.unfounded);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => Err(Error::Image("a thread of the judge panicked".to_owned())),
        })
    })?;
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.cases.sort_by_key(|case| case.seed);
    Ok(report)
}

fn judge_base(base: &Base, seeds: &[u64], scratch: &Scratch, checker: Checker) -> Result<Report> {
    let path = scratch.join(&format!("{}.img", base.name()));
    std::fs::write(&path, base.image()).on("write", &path)?;
    let mut report = Report::default();
    match ask(checker, Subject::new(&path)).0 {
        Opinion::Clean => {}
        opinion => report.unfounded.push(format!("{}: {}", base.name(), opinion.summary())),
    }
    let file = OpenOptions::new().write(true).open(&path).on("open", &path)?;
    for &seed in seeds {
        let damage = base.damage(seed)?;
        patch(&file, base.image(), &damage.image).on("write", &path)?;
        report.cases.push(judge_one(seed, &damage, &path, checker)?);
        patch(&file, &damage.image, base.image()).on("write", &path)?;
    }
    std::fs::remove_file(&path).on("remove", &path)?;
    Ok(report)
}

/// Writes those chunks of `new` that are not as in `old`.
fn patch(file: &File, old: &[u8], new: &[u8]) -> std::io::Result<()> {
    let chunks = old.chunks(CHUNK).zip(new.chunks(CHUNK)).enumerate();
    for (number, (_, new)) in chunks.filter(|(_, (old, new))| old != new) {
        file.write_all_at(new, (number * CHUNK) as u64)?;
    }
    Ok(())
}

fn judge_one(seed: u64, damage: &Damage, path: &Path, checker: Checker) -> Result<Case> {
    let copy = replayed(path)?;
    let judged = copy.as_deref().unwrap_or(path);
    let reference = match oracle::check(judged, None) {
        Ok(verdict) => Ok(verdict),
        Err(Error::Tool { outcome, .. }) => Err(outcome),
        Err(error) => return Err(error),
    };
    let (opinion, time) = ask(checker, Subject::new(judged));
    if let Some(copy) = &copy {
        std::fs::remove_file(copy).on("remove", copy)?;
    }
    Ok(Case {
        seed,
        class: damage.class,
        sum: damage.sum,
        description: damage.description.clone(),
        reference,
        opinion,
        time,
    })
}

impl Report {
    /// Cases in which e2fsck finds something.
    pub fn found(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.found())
    }

    /// Cases in which e2fsck finds something and the checker does not.
    pub fn misses(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.missed())
    }

    /// Cases in which the checker finds something and e2fsck does not. They may be right: it is
    /// asked for less than it could check.
    pub fn alarms(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.alarm())
    }

    /// Passes if at most one in a hundred of what e2fsck finds is missed, nothing failed, and
    /// images without damage are clean.
    ///
    /// # Errors
    /// Why it does not.
    pub fn verdict(&self) -> std::result::Result<(), String> {
        let (found, missed) = (self.found().count(), self.misses().count());
        let failed = |case: &&Case| matches!(case.opinion, Opinion::Failed(_));
        let failed = self.cases.iter().filter(failed).count();
        if found == 0 {
            return Err("e2fsck found nothing: nothing was judged".to_owned());
        }
        if failed > 0 {
            return Err(format!("the checker failed {failed} times"));
        }
        if missed * 100 > found {
            return Err(format!("missed {}", share(missed, found)));
        }
        match self.unfounded.as_slice() {
            [] => Ok(()),
            list => Err(format!("{} images without damage are not clean: {list:?}", list.len())),
        }
    }

    fn classes(&self) -> BTreeMap<Class, [usize; 4]> {
        let mut classes = BTreeMap::new();
        for case in &self.cases {
            let [all, found, missed, alarms] = classes.entry(case.class).or_insert([0; 4]);
            *all += 1;
            *found += usize::from(case.found());
            *missed += usize::from(case.missed());
            *alarms += usize::from(case.alarm());
        }
        classes
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:14} {:>6} {:>7} {:>7} {:>7}",
            "class", "cases", "found", "missed", "alarms"
        )?;
        for (class, [all, found, missed, alarms]) in self.classes() {
            let name = format!("{class:?}");
            writeln!(f, "{name:14} {all:>6} {found:>7} {missed:>7} {alarms:>7}")?;
        }
        for sum in [Sum::None, Sum::Fixed, Sum::Left] {
            let all = self.cases.iter().filter(|case| case.sum == sum);
            let found = all.clone().filter(|case| case.found()).count();
            writeln!(f, "checksum {sum:?}: e2fsck finds {}", share(found, all.count()))?;
        }
        for case in self.alarms() {
            let (said, opinion) = (case.said(), case.opinion.summary());
            writeln!(f, "alarm: {}: {opinion}: e2fsck: {said}", case.description)?;
        }
        for case in self.cases.iter().filter(|case| case.reference.is_err()) {
            let outcome = case.reference.as_ref().err();
            writeln!(f, "e2fsck crashed: {}: {outcome:?}", case.description)?;
        }
        for case in &self.cases {
            if let Opinion::Failed(what) = &case.opinion {
                writeln!(f, "failed: {}: {what}", case.description)?;
            }
        }
        for case in self.misses() {
            writeln!(f, "miss: {}: e2fsck: {}", case.description, case.said())?;
        }
        let slowest = self.cases.iter().map(|case| case.time).max().unwrap_or_default();
        let (found, missed) = (self.found().count(), self.misses().count());
        let of_all = share(found, self.cases.len());
        writeln!(f, "e2fsck finds {of_all}; missed {}", share(missed, found))?;
        writeln!(f, "slowest check {slowest:?}; {} unfounded", self.unfounded.len())
    }
}

/// A line of a transcript that is no heading.
fn is_finding(line: &str) -> bool {
    let heading = ["Pass ", "e2fsck "].into_iter().any(|word| line.starts_with(word));
    let summary = line.contains(" files (") && line.contains(" blocks");
    !line.trim().is_empty() && !heading && !summary
}
