//! A small fast-commit area, followed fsync by fsync: what the image holds after each, beside the
//! tree that was acknowledged by then.
//!
//! Every step ends with an fsync that covers it, so the tree after recovery is the acknowledged
//! one and nothing else. When the area is exactly full the kernel refuses its own image; that step
//! is marked by the log ([`Step::log`]), and only the list can judge it.

use super::Stop;
use super::log::{self, Log};
use super::operation::Operation;
use super::profile::DirtyProfile;
use super::session::{Allocation, Session};
use crate::error::{Context, Error, Result};
use crate::image::Scratch;
use crate::manifest::{Manifest, host_manifest};
use crate::observe::HashKind;
use crate::random::Random;

/// Granularity of the stored changes in bytes.
const PAGE: usize = 4096;

/// The image after an fsync.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was done; the last is an `fsync` that makes the others durable.
    pub operations: Vec<Operation>,
    /// The tree that this fsync acknowledged.
    pub tree: Manifest,
    /// What the log holds.
    pub log: Log,
    /// Pages of the image that changed since the step before: byte offset and content.
    changed: Vec<(usize, Vec<u8>)>,
}

/// A file system through all steps.
#[derive(Clone, Debug)]
pub struct Steps {
    image: Vec<u8>,
    steps: Vec<Step>,
}

impl Steps {
    /// The steps in order, each with the whole image as it was after the step's fsync.
    pub fn each(mut self, mut look: impl FnMut(&[u8], &Step)) {
        for step in &self.steps {
            for (at, page) in &step.changed {
                if let Some(place) = self.image.get_mut(*at..at + page.len()) {
                    place.copy_from_slice(page);
                }
            }
            look(&self.image, step);
        }
    }

    /// The steps without the images.
    #[must_use]
    pub fn list(&self) -> &[Step] {
        &self.steps
    }
}

/// Does `count` steps chosen by `seed` on a file system of `profile`, which has fast commits, and
/// takes down image and tree after each.
///
/// # Errors
/// If a tool or the kernel fails.
pub fn follow(scratch: &Scratch, profile: &DirtyProfile, seed: u64, count: usize) -> Result<Steps> {
    let name = format!("{}-{seed}-steps", profile.name);
    let mut session = Session::start(scratch, profile, &name, Allocation::of(seed))?;
    session.run(&Operation::Mkdir("d".to_owned()))?;
    session.run(&Operation::Sync)?;
    let image = std::fs::read(&session.files().image).on("read", &session.files().image)?;
    let mut names = Names { random: Random::new(seed), files: Vec::new(), serial: 0 };
    let (mut last, mut steps) = (image.clone(), Vec::new());
    for _ in 0..count {
        let operations = names.step();
        for operation in &operations {
            session.run(operation)?;
        }
        let tree = host_manifest(session.root(), HashKind::Xxh3)?;
        let next = std::fs::read(&session.files().image).on("read", &session.files().image)?;
        let log = log::read_bytes(next.clone(), None)?;
        steps.push(Step { operations, tree, log, changed: changes(&last, &next) });
        last = next;
    }
    if session.refused() != 0 {
        return Err(Error::Image(format!("{} steps of {name} refused", session.refused())));
    }
    let files = session.stop(Stop::NoLogFlush)?;
    std::fs::remove_file(&files.image).on("remove", &files.image)?;
    Ok(Steps { image, steps })
}

/// The lines of a manifest without the times of directories: a fast commit does not hold them, and
/// the kernel takes the time of the replay.
#[must_use]
pub fn without_folder_times(lines: &[String]) -> Vec<String> {
    let strip = |line: &String| {
        let mut fields: Vec<_> = line.split(' ').collect();
        if fields.get(1) == Some(&"d") {
            fields.drain(9..11);
        }
        fields.join(" ")
    };
    lines.iter().map(strip).collect()
}

/// Profiles with areas of `blocks` blocks of 1 KiB, from nearly none.
pub const SMALL_AREAS: &[DirtyProfile] = &[
    DirtyProfile::fast_area("fast-area-2", &["-J", "size=1,fast_commit_size=2"]),
    DirtyProfile::fast_area("fast-area-3", &["-J", "size=1,fast_commit_size=3"]),
    DirtyProfile::fast_area("fast-area-4", &["-J", "size=1,fast_commit_size=4"]),
    DirtyProfile::fast_area("fast-area-8", &["-J", "size=1,fast_commit_size=8"]),
    DirtyProfile::fast_area("fast-area-13", &["-J", "size=1,fast_commit_size=13"]),
];

fn changes(old: &[u8], new: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let pairs = old.chunks(PAGE).zip(new.chunks(PAGE)).enumerate();
    let changed = pairs.filter(|(_, (old, new))| old != new);
    changed.map(|(number, (_, new))| (number * PAGE, new.to_vec())).collect()
}

/// The names there are.
struct Names {
    random: Random,
    files: Vec<String>,
    serial: u32,
}

impl Names {
    fn fresh(&mut self) -> String {
        self.serial += 1;
        let folder = if self.random.one_in(3) { "d/" } else { "" };
        format!("{folder}name{}", self.serial)
    }

    /// The `fsync` is of a file: that of a directory is never a fast commit.
    fn step(&mut self) -> Vec<Operation> {
        let choice = self.random.below(9);
        let index = self.random.index(self.files.len());
        let Some(path) = self.files.get(index).cloned() else { return self.create(None) };
        let (operation, file) = match choice {
            0 => {
                self.files.swap_remove(index);
                return self.create(Some(Operation::Unlink(path)));
            }
            1 => {
                let to = self.fresh();
                self.files.push(to.clone());
                (Operation::Link { from: path, to: to.clone() }, to)
            }
            2 => {
                let to = self.fresh();
                self.files.push(to.clone());
                self.files.swap_remove(index);
                (Operation::Rename { from: path, to: to.clone() }, to)
            }
            3 => {
                let (offset, length) = (self.random.below(9_000), self.random.between(1, 5_000));
                (Operation::Write { path: path.clone(), offset, length }, path)
            }
            4 => {
                let length = self.random.below(9_000);
                (Operation::Truncate { path: path.clone(), length }, path)
            }
            _ => return self.create(None),
        };
        vec![operation, Operation::Fsync(file)]
    }

    fn create(&mut self, first: Option<Operation>) -> Vec<Operation> {
        let (path, length) = (self.fresh(), self.random.below(5_000));
        self.files.push(path.clone());
        let create = Operation::Create { path: path.clone(), length };
        first.into_iter().chain([create, Operation::Fsync(path)]).collect()
    }
}
