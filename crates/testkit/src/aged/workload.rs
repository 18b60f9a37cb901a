//! The steps of a workload, drawn at random.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::content::Holds;
use crate::error::{Error, Result};
use crate::random::Random;

/// Names that are kept; more are removed.
const MOST: usize = 400;

/// A kind of step. They are methods in the other modules.
pub(super) type Step = fn(&mut Workload) -> io::Result<()>;

/// A file system that is being aged.
pub(super) struct Workload {
    pub(super) root: PathBuf,
    pub(super) holds: Holds,
    pub(super) random: Random,
    /// Regular files.
    pub(super) files: Vec<PathBuf>,
    /// Directories, the root first.
    pub(super) folders: Vec<PathBuf>,
    /// Directories with very many names.
    pub(super) large: Vec<PathBuf>,
    /// Open files without names.
    pub(super) open: Vec<File>,
    serial: u32,
    refused: usize,
}

impl Workload {
    pub(super) fn new(root: &Path, holds: Holds, random: Random) -> Self {
        Self {
            root: root.to_path_buf(),
            holds,
            random,
            files: Vec::new(),
            folders: vec![root.to_path_buf()],
            large: Vec::new(),
            open: Vec::new(),
            serial: 0,
            refused: 0,
        }
    }

    /// Takes some hundred steps. Each seed takes some kinds of steps often, and others never.
    pub(super) fn run(&mut self) -> Result<super::Done> {
        let mut bag: Vec<Step> = vec![Self::create, Self::make_folder];
        for (step, most) in STEPS {
            let copies = if self.random.one_in(4) { 0 } else { self.random.between(1, *most) };
            bag.extend((0..copies).map(|_| *step));
        }
        let steps = usize::try_from(self.random.between(80, 300)).unwrap_or_default();
        for _ in 0..steps {
            let step = bag.get(self.random.index(bag.len())).copied().unwrap_or(Self::create);
            self.take(step)?;
            while self.files.len() > MOST {
                self.take(Self::unlink)?;
            }
        }
        self.open.clear();
        let files = self.files.len();
        Ok(super::Done { steps, refused: self.refused, files, journal: None })
    }

    /// What lacks space or the feature, or meets a file that takes no change, is no failure.
    fn take(&mut self, step: Step) -> Result<()> {
        let refusals = [
            Errno::NOSPC,
            Errno::OPNOTSUPP,
            Errno::NOTTY,
            Errno::NOENT,
            Errno::NODATA,
            Errno::RANGE,
            Errno::TOOBIG,
            Errno::FBIG,
            Errno::MLINK,
            Errno::PERM,
            Errno::INVAL,
            Errno::NOTEMPTY,
            Errno::EXIST,
            Errno::NAMETOOLONG,
            Errno::XDEV,
            Errno::NOKEY,
            Errno::TXTBSY,
        ];
        match step(self) {
            Ok(()) => Ok(()),
            Err(error) if Errno::from_io_error(&error).is_some_and(|no| refusals.contains(&no)) => {
                self.refused += 1;
                Ok(())
            }
            Err(error) => Err(Error::io("age", &self.root, error)),
        }
    }

    /// A path that was never used, in one of the directories.
    pub(super) fn fresh(&mut self, stem: &str) -> PathBuf {
        let index = self.random.index(self.folders.len());
        let folder = self.folders.get(index).unwrap_or(&self.root).clone();
        self.fresh_in(&folder, stem)
    }

    /// As [`fresh`](Self::fresh), in a directory of choice. Names have any length.
    pub(super) fn fresh_in(&mut self, folder: &Path, stem: &str) -> PathBuf {
        self.serial += 1;
        let most = if self.random.one_in(6) { 240 } else { 24 };
        let length = usize::try_from(self.random.below(most)).unwrap_or_default();
        folder.join(format!("{stem}{}{}", self.serial, "x".repeat(length)))
    }

    /// One of the files.
    pub(super) fn any_file(&mut self) -> io::Result<PathBuf> {
        let index = self.random.index(self.files.len());
        self.files.get(index).cloned().ok_or_else(|| Errno::NOENT.into())
    }

    /// One of the directories below the root.
    pub(super) fn any_folder(&mut self) -> io::Result<PathBuf> {
        let index = 1 + self.random.index(self.folders.len().saturating_sub(1));
        self.folders.get(index).cloned().ok_or_else(|| Errno::NOENT.into())
    }

    /// Bytes that differ from call to call.
    pub(super) fn bytes(&mut self, length: u64) -> Vec<u8> {
        let word = self.random.next().to_le_bytes();
        let length = usize::try_from(length).unwrap_or_default();
        word.into_iter().cycle().take(length).collect()
    }
}

/// Every kind of step, and how often it may be in the bag.
const STEPS: &[(Step, u64)] = &[
    (Workload::create, 8),
    (Workload::write_somewhere, 6),
    (Workload::append, 4),
    (Workload::fragment, 3),
    (Workload::scatter, 2),
    (Workload::allocate, 6),
    (Workload::truncate, 4),
    (Workload::unlink, 6),
    (Workload::orphan, 2),
    (Workload::nameless, 2),
    (Workload::fill, 1),
    (Workload::sync, 2),
    (Workload::rename, 4),
    (Workload::exchange, 2),
    (Workload::move_folder, 2),
    (Workload::link, 3),
    (Workload::symbolic_link, 4),
    (Workload::special, 2),
    (Workload::make_folder, 4),
    (Workload::tree, 2),
    (Workload::remove_folder, 2),
    (Workload::grow_large, 3),
    (Workload::shrink_large, 3),
    (Workload::attribute, 8),
    (Workload::shared_attribute, 4),
    (Workload::large_attribute, 3),
    (Workload::remove_attribute, 3),
    (Workload::access_list, 2),
    (Workload::flags, 2),
    (Workload::owner_and_times, 3),
    (Workload::encrypted, 1),
];
