//! From a seed to a list of operations.
//!
//! The generator keeps the names it made, so that nearly every operation is possible when it is
//! run; what the file system then refuses (no space, no such feature) is part of the workload.
//! Groups of operations end with a sync, so that each is a transaction of its own or several.

use super::mixes;
use super::operation::Operation;
use super::profile::DirtyProfile;
use crate::random::Random;

/// A file that is there from the beginning to the end.
const ANCHOR: &str = "anchor";

/// What a workload is about. Each group of operations of `Mixed` and `Long` is one of the others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mix {
    /// Many small files: made, linked, renamed, removed; symbolic links and modes.
    Files,
    /// Directories filled, emptied and removed; data goes where their blocks were.
    Directories,
    /// Files with extent trees or indirect blocks, cut and removed.
    Deep,
    /// Attributes in inodes, blocks and inodes of their own.
    Attributes,
    /// Files whose data goes through the journal, with its magic number in every block.
    Journalled,
    /// Files removed while open.
    Orphans,
    /// A truncate that does not end.
    Truncating,
    /// Groups of all kinds.
    Mixed,
    /// As `Mixed`, so many that the log wraps around.
    Long,
    /// An fsync after every operation, for fast commits.
    Fast,
    /// As `Fast`, after groups of all kinds.
    MixedThenFast,
}

impl Mix {
    /// For file systems without fast commits.
    pub const PLAIN: &[Self] = &[
        Self::Directories,
        Self::Mixed,
        Self::Deep,
        Self::Truncating,
        Self::Journalled,
        Self::Long,
        Self::Files,
        Self::Orphans,
        Self::Attributes,
    ];
    /// For file systems with fast commits.
    pub const FAST: &[Self] = &[Self::Fast, Self::MixedThenFast, Self::Mixed];

    const GROUPS: &[Self] = &[
        Self::Files,
        Self::Directories,
        Self::Directories,
        Self::Deep,
        Self::Attributes,
        Self::Journalled,
        Self::Orphans,
    ];
}

/// The operations of `seed` on `profile`: always the same.
#[must_use]
pub fn operations(profile: &DirtyProfile, seed: u64) -> Vec<Operation> {
    let count = profile.mixes.len() as u64;
    let choice = usize::try_from(seed % count.max(1)).unwrap_or_default();
    let mix = profile.mixes.get(choice).copied().unwrap_or(Mix::Mixed);
    let mut generator = Generator::new(seed);
    generator.prologue(mix);
    let groups = match mix {
        Mix::Long => 30,
        Mix::Fast => 2,
        _ => generator.random.between(4, 7),
    };
    for number in 0..groups {
        generator.group(mix);
        // The last group may be lost, or committed only by the way the workload ends.
        if number + 1 < groups || generator.random.one_in(2) {
            generator.commit();
        }
    }
    generator.epilogue(mix);
    generator.operations
}

/// Names that exist, and the operations so far.
#[derive(Debug)]
pub(super) struct Generator {
    pub(super) random: Random,
    pub(super) files: Vec<String>,
    pub(super) folders: Vec<String>,
    operations: Vec<Operation>,
    serial: u32,
}

impl Generator {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            files: Vec::new(),
            folders: vec![String::new()],
            operations: Vec::new(),
            serial: 0,
        }
    }

    pub(super) fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// A path that was never used, in one of the folders; `stem` begins its last component.
    pub(super) fn fresh(&mut self, stem: &str) -> String {
        let index = self.random.index(self.folders.len());
        let folder = self.folders.get(index).cloned().unwrap_or_default();
        self.fresh_in(&folder, stem)
    }

    /// As [`fresh`](Self::fresh), in a folder of choice.
    pub(super) fn fresh_in(&mut self, folder: &str, stem: &str) -> String {
        self.serial += 1;
        let name = format!("{stem}{:04}", self.serial);
        if folder.is_empty() { name } else { format!("{folder}/{name}") }
    }

    /// One of the files.
    pub(super) fn any_file(&mut self) -> Option<String> {
        let index = self.random.index(self.files.len());
        self.files.get(index).cloned()
    }

    /// One of the files, forgotten.
    pub(super) fn take_file(&mut self) -> Option<String> {
        let index = self.random.index(self.files.len());
        (index < self.files.len()).then(|| self.files.swap_remove(index))
    }

    pub(super) fn create(&mut self, most: u64) -> String {
        let path = self.fresh("f");
        let length = self.random.below(most);
        self.push(Operation::Create { path: path.clone(), length });
        self.files.push(path.clone());
        path
    }

    /// Mostly without writing blocks home: recovery shall have something to do.
    pub(super) fn commit(&mut self) {
        let sync = self.random.one_in(10);
        self.push(if sync { Operation::Sync } else { Operation::Commit });
    }

    /// Lets the blocks of `path` be allocated now, some of the time.
    pub(super) fn settle(&mut self, path: &str) {
        if self.random.one_in(2) {
            self.push(Operation::Fsync(path.to_owned()));
        }
    }

    /// Removes files when there are many, so that long workloads do not run out of space.
    fn prune(&mut self) {
        while self.files.len() > 40 {
            if let Some(path) = self.take_file() {
                self.push(Operation::Unlink(path));
            }
        }
    }

    /// Something to begin with, committed; and often a file that leaves little space.
    fn prologue(&mut self, mix: Mix) {
        self.push(Operation::Create { path: ANCHOR.to_owned(), length: 5 });
        for _ in 0..3 {
            let path = self.fresh("d");
            self.push(Operation::Mkdir(path.clone()));
            self.folders.push(path);
        }
        for _ in 0..10 {
            self.create(6_000);
        }
        if mix != Mix::Truncating && !self.random.one_in(4) {
            let leave = self.random.between(700, 1_800);
            self.push(Operation::Fill { path: "fill".to_owned(), leave });
        }
        self.push(Operation::Sync);
    }

    fn group(&mut self, mix: Mix) {
        self.prune();
        match mix {
            Mix::Files | Mix::Fast => mixes::files(self),
            Mix::Directories => mixes::directories(self),
            Mix::Deep => mixes::deep(self),
            Mix::Attributes => mixes::attributes(self),
            Mix::Journalled => mixes::journalled(self),
            Mix::Orphans => mixes::orphans(self),
            Mix::Truncating | Mix::Mixed | Mix::Long | Mix::MixedThenFast => {
                let index = self.random.index(Mix::GROUPS.len());
                self.group(Mix::GROUPS.get(index).copied().unwrap_or(Mix::Files));
            }
        }
    }

    fn epilogue(&mut self, mix: Mix) {
        match mix {
            Mix::Truncating => mixes::truncate_in_progress(self),
            Mix::Fast | Mix::MixedThenFast => {
                self.push(Operation::Commit);
                let count = self.random.between(8, 60);
                mixes::fast(self, count);
                // Possible whatever was refused, so the last fsync has something to do.
                self.push(Operation::Chmod { path: ANCHOR.to_owned(), mode: 0o600 });
                self.push(Operation::Fsync(ANCHOR.to_owned()));
            }
            _ => {}
        }
    }
}
