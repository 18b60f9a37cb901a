//! What can be wrong with a file system: one kind for each row of the [table], and a
//! problem: a kind, its place, and the values that disagree.

mod table;

use std::fmt;

use extant_format::{Corrupt, CorruptKind, Place};

pub use table::ProblemKind;

/// How much a problem means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing: the next mount or repair puts it right, nothing is lost. Does not make a
    /// file system one with errors.
    Note,
    /// The file system breaks the format's rules.
    Error,
}

/// The part of a check that finds a problem, in the order in which they run and are reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// Superblock, descriptors, journal, and where metadata lies.
    Layout,
    /// Inodes, what they map, and their attributes.
    Inodes,
    /// Blocks that are claimed more than once.
    Shared,
    /// Directories: entries, names, hash trees.
    Directories,
    /// Whether every directory is reached from the root, once.
    Connectivity,
    /// Link counts and other reference counts.
    References,
    /// Bitmaps and counts of groups.
    Groups,
    /// Quota files.
    Quota,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 8] = [
        Self::Layout,
        Self::Inodes,
        Self::Shared,
        Self::Directories,
        Self::Connectivity,
        Self::References,
        Self::Groups,
        Self::Quota,
    ];

    /// What the phase looks at, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Layout => "superblock, descriptors and journal",
            Self::Inodes => "inodes, maps and attributes",
            Self::Shared => "blocks claimed more than once",
            Self::Directories => "directories",
            Self::Connectivity => "connectivity",
            Self::References => "reference counts",
            Self::Groups => "bitmaps and counts",
            Self::Quota => "quota",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The row of the table.
    pub kind: ProblemKind,
    /// Where.
    pub at: Place,
    /// The value there.
    pub found: Option<u64>,
    /// The value that would be right.
    pub expected: Option<u64>,
    /// What the parser says of the structure.
    pub cause: Option<CorruptKind>,
    /// The name of the directory entry or attribute concerned, as stored.
    pub name: Option<Box<[u8]>>,
}

impl Problem {
    /// A problem of `kind` at `at`.
    #[must_use]
    pub const fn new(kind: ProblemKind, at: Place) -> Self {
        Self { kind, at, found: None, expected: None, cause: None, name: None }
    }

    /// A problem of `kind` that the parser found.
    #[must_use]
    pub const fn corrupt(kind: ProblemKind, corrupt: Corrupt) -> Self {
        let mut problem = Self::new(kind, corrupt.at);
        problem.cause = Some(corrupt.kind);
        problem
    }

    /// The same, with the value found.
    #[must_use]
    pub fn found(mut self, value: impl Into<u64>) -> Self {
        self.found = Some(value.into());
        self
    }

    /// The same, with the value that would be right.
    #[must_use]
    pub fn expected(mut self, value: impl Into<u64>) -> Self {
        self.expected = Some(value.into());
        self
    }

    /// The same, with the name concerned.
    #[must_use]
    pub fn named(mut self, name: &[u8]) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The identifier of the kind: it never changes.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.kind.id()
    }

    /// How much the problem means.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// The order of reports: by phase, then by place.
    pub(crate) fn order(&self) -> impl Ord + use<> {
        let at = self.at;
        (self.kind.phase(), at.group, at.inode, at.logical, at.block, at.offset, self.kind.id())
    }
}

impl fmt::Display for Problem {
    /// One line: the place, what is wrong, and the values. Names are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.kind.text())?;
        if let Some(name) = &self.name {
            write!(f, ": \"{}\"", name.escape_ascii())?;
        }
        if let Some(cause) = self.cause {
            write!(f, ": {cause}")?;
        }
        match (self.found, self.expected) {
            (Some(found), Some(expected)) => write!(f, " ({found}, should be {expected})"),
            (Some(found), None) => write!(f, " ({found})"),
            (None, Some(expected)) => write!(f, " (should be {expected})"),
            (None, None) => Ok(()),
        }
    }
}
