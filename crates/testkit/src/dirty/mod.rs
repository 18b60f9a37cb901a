//! Images whose journal is dirty, made by the kernel: a seeded workload on a mount, and a way to
//! stop it as a crash would.
//!
//! A seed gives the same list of operations every time ([`operations`]); the bytes differ from run
//! to run, since the kernel takes times and allocates as it likes. What a log holds is read back
//! by [`log`], a small reader of its own, so that a test can say what it was judged on. [`fast`]
//! follows a small fast-commit area step by step, [`torn`] damages the last transaction.

mod apply;
pub mod fast;
mod generate;
pub mod log;
mod mixes;
mod operation;
mod profile;
mod session;
#[cfg(test)]
mod tests;
pub mod torn;

use std::path::PathBuf;

pub use generate::{Mix, operations};
pub use log::Log;
pub use operation::Operation;
pub use profile::{DIRTY_PROFILES, DirtyProfile};
pub use session::{Allocation, Files, JOURNALLED, Session};

use crate::error::{Context, Error, Result};
use crate::image::Scratch;
use crate::ioctls::ShutdownMode;
use crate::manifest::host_manifest;
use crate::observe::HashKind;

/// How the workload ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stop {
    /// The shutdown ioctl in its default mode: the file system is frozen first, so the log is
    /// empty, but orphans stay.
    Frozen,
    /// The shutdown ioctl, with the running transaction committed first.
    LogFlush,
    /// The shutdown ioctl; what is not committed is lost.
    NoLogFlush,
    /// A copy of the image with the workload at rest and the mount left to unmount cleanly.
    Copy,
}

impl Stop {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Frozen, Self::LogFlush, Self::NoLogFlush, Self::Copy];
    /// Those that leave transactions in the log.
    pub const DIRTY: [Self; 3] = [Self::LogFlush, Self::NoLogFlush, Self::Copy];

    /// A way of [`Self::DIRTY`] for `seed`, so that over many seeds every mix of `profile` ends in
    /// every way; flushing the log, which ends fast commits, is rare where there are any.
    #[must_use]
    pub fn of(profile: &DirtyProfile, seed: u64) -> Self {
        let round = seed + seed / (profile.mixes.len() as u64).max(1);
        match round % if profile.fast_commits() { 7 } else { 3 } {
            0 => Self::LogFlush,
            odd if odd % 2 == 1 => Self::NoLogFlush,
            _ => Self::Copy,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::LogFlush => "logflush",
            Self::NoLogFlush => "nologflush",
            Self::Copy => "copy",
        }
    }

    const fn shutdown_mode(self) -> Option<ShutdownMode> {
        match self {
            Self::Frozen => Some(ShutdownMode::Default),
            Self::LogFlush => Some(ShutdownMode::LogFlush),
            Self::NoLogFlush => Some(ShutdownMode::NoLogFlush),
            Self::Copy => None,
        }
    }
}

/// A file system as a crash left it.
#[derive(Clone, Debug)]
pub struct DirtyImage {
    /// The image.
    pub image: PathBuf,
    /// The image of its external journal.
    pub journal: Option<PathBuf>,
    /// The profile.
    pub profile: &'static DirtyProfile,
    /// The seed of its operations.
    pub seed: u64,
    /// How the workload ended.
    pub stop: Stop,
    /// Operations that the file system refused for lack of space or of the feature; they are part
    /// of the sequence as much as the others.
    pub refused: usize,
    /// What the log holds.
    pub log: Log,
    /// What a recovered tree must show, as [`names`] gives it, if everything was acknowledged
    /// before the workload ended.
    pub names: Option<Vec<String>>,
}

/// The lines of a manifest without size, times and content: what a commit without write-back of
/// data makes durable.
#[must_use]
pub fn names(lines: &[String]) -> Vec<String> {
    let lasting = |line: &String| {
        let fields = line.split(' ').enumerate();
        let kept = fields.filter(|(index, _)| !matches!(index, 7 | 9 | 10 | 12));
        kept.map(|(_, field)| field).collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(lasting).collect()
}

impl DirtyImage {
    /// For reports: profile, seed and stop.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.profile.name, self.seed, self.stop.name())
    }

    /// Whether the log is followed by fast commits.
    #[must_use]
    pub fn has_fast_commits(&self) -> bool {
        self.log.fast.as_ref().is_some_and(|fast| fast.commits() > 0)
    }

    /// Copies of image and journal with `suffix` in their names.
    ///
    /// # Errors
    /// If they cannot be copied.
    pub fn copy(&self, suffix: &str) -> Result<(PathBuf, Option<PathBuf>)> {
        let image = self.image.with_extension(format!("{suffix}.img"));
        std::fs::copy(&self.image, &image).on("copy", &self.image)?;
        let Some(from) = &self.journal else { return Ok((image, None)) };
        let journal = from.with_extension(format!("{suffix}.journal"));
        std::fs::copy(from, &journal).on("copy", from)?;
        Ok((image, Some(journal)))
    }

    /// Removes image and journal, for runs that make many.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.image).on("remove", &self.image)?;
        match &self.journal {
            Some(journal) => std::fs::remove_file(journal).on("remove", journal),
            None => Ok(()),
        }
    }
}

/// Makes a file system of `profile` in `scratch`, runs the operations of `seed` on it through the
/// kernel, and ends as `stop` says. Needs
/// [`KernelMount`](crate::capability::Capability::KernelMount) and a C compiler for the ioctl.
///
/// # Errors
/// If a tool or the kernel fails, or the result is not dirty though `stop` is of
/// [`Stop::DIRTY`].
pub fn make(
    scratch: &Scratch,
    profile: &'static DirtyProfile,
    seed: u64,
    stop: Stop,
) -> Result<DirtyImage> {
    let name = format!("{}-{seed}-{}", profile.name, stop.name());
    let mut session = Session::start(scratch, profile, &name, Allocation::of(seed))?;
    let operations = operations(profile, seed);
    for operation in &operations {
        session.run(operation)?;
    }
    let is_flushed = matches!(stop, Stop::Frozen | Stop::LogFlush);
    let names = match operations.last() {
        Some(last) if is_flushed || last.commits() => {
            Some(names(&host_manifest(session.root(), HashKind::Xxh3)?.lines))
        }
        _ => None,
    };
    let (refused, files) = (session.refused(), session.stop(stop)?);
    let log = log::read(&files.image, files.journal.as_deref())?;
    if stop != Stop::Frozen && !(log.needs_recovery && log.start != 0) {
        return Err(Error::Image(format!("{name} came out clean: {log:?}")));
    }
    Ok(DirtyImage {
        image: files.image,
        journal: files.journal,
        profile,
        seed,
        stop,
        refused,
        log,
        names,
    })
}
