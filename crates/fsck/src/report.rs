//! What a check found.

use std::collections::BTreeMap;

use crate::{Problem, ProblemKind, Severity};

/// The most problems that are kept; of the others only the number.
pub const MAX_PROBLEMS: usize = 10_000;

/// The result of a check.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// What is wrong, by phase and then by place; at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// How many of each kind there were, those that were not kept included.
    pub counts: BTreeMap<ProblemKind, u64>,
    /// What is in the file system.
    pub summary: Summary,
}

/// Counts of what a file system holds, as found and not as recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Inodes in use.
    pub inodes_used: u64,
    /// All inodes.
    pub inodes: u64,
    /// Blocks in use.
    pub blocks_used: u64,
    /// All blocks.
    pub blocks: u64,
    /// Directories.
    pub directories: u64,
    /// Regular files.
    pub files: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Devices, pipes and sockets.
    pub specials: u64,
    /// Inodes on the list of orphans, which the next mount finishes.
    pub orphans: u64,
    /// Transactions of the journal that were replayed in memory.
    pub replayed_transactions: u32,
}

impl Report {
    /// Whether no problem is an error.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.errors() == 0
    }

    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> u64 {
        let errors = self.counts.iter().filter(|(kind, _)| kind.severity() == Severity::Error);
        errors.map(|(_, count)| count).sum()
    }
}

/// Gathers problems. Each thread has its own; they are joined and ordered at the end.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    counts: BTreeMap<ProblemKind, u64>,
}

impl Problems {
    /// Adds a problem.
    pub(crate) fn push(&mut self, problem: Problem) {
        *self.counts.entry(problem.kind).or_default() += 1;
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        }
    }

    /// Adds all of `other`.
    pub(crate) fn append(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        let room = MAX_PROBLEMS - self.list.len();
        self.list.extend(other.list.into_iter().take(room));
    }

    /// Ordered, as a report.
    pub(crate) fn finish(self, summary: Summary) -> Report {
        let Self { list: mut problems, counts } = self;
        problems.sort_by_cached_key(Problem::order);
        Report { problems, counts, summary }
    }
}
