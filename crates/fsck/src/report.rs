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
        errors(&self.counts)
    }
}

fn errors(counts: &BTreeMap<ProblemKind, u64>) -> u64 {
    let errors = counts.iter().filter(|(kind, _)| kind.severity() == Severity::Error);
    errors.map(|(_, count)| count).sum()
}

/// Gathers problems. Each thread has its own; they are joined and ordered at the end. Of more than
/// [`MAX_PROBLEMS`] the first in order are kept, whoever found them when.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    counts: BTreeMap<ProblemKind, u64>,
}

impl Problems {
    /// Adds a problem.
    pub(crate) fn push(&mut self, problem: Problem) {
        *self.counts.entry(problem.kind).or_default() += 1;
        self.list.push(problem);
        if self.list.len() >= 2 * MAX_PROBLEMS {
            self.keep_first();
        }
    }

    fn keep_first(&mut self) {
        self.list.sort_by_cached_key(Problem::order);
        self.list.truncate(MAX_PROBLEMS);
    }

    /// How many errors there are.
    pub(crate) fn errors(&self) -> u64 {
        errors(&self.counts)
    }

    /// Adds all of `other`.
    pub(crate) fn append(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        self.list.extend(other.list);
        if self.list.len() >= 2 * MAX_PROBLEMS {
            self.keep_first();
        }
    }

    /// Ordered, as a report.
    pub(crate) fn finish(mut self, summary: Summary) -> Report {
        self.keep_first();
        Report { problems: self.list, counts: self.counts, summary }
    }
}
