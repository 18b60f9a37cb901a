//! The entries `.` and `..` at the start of a directory.

use extant_format::{FileType, Place};

use super::Worker;
use super::scan::{Found, Scan};
use crate::{Problem, ProblemKind};

/// Which of both is to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Dots {
    /// `.`, the first entry.
    #[default]
    Dot,
    /// `..`, the second one.
    DotDot,
    /// None.
    Done,
}

impl Worker<'_> {
    /// Looks at an entry of the first block; whether it is one of the two, or stands in its place.
    pub(super) fn dot(&mut self, scan: &mut Scan<'_>, found: &Found<'_>) -> bool {
        let (name, number) = (found.entry.name, found.entry.inode);
        match scan.dots {
            Dots::Done => false,
            Dots::Dot if name == b".." => {
                self.push(Problem::new(ProblemKind::DirectoryDot, found.at));
                self.dotdot(scan, found);
                true
            }
            Dots::Dot => {
                scan.dots = Dots::DotDot;
                let own = scan.dir.ino().get();
                if name == b"." && number == own {
                    self.dot_entry(found);
                } else {
                    self.not_dot(ProblemKind::DirectoryDot, found, Some(own));
                }
                true
            }
            Dots::DotDot if name == b".." => {
                self.dotdot(scan, found);
                true
            }
            Dots::DotDot => {
                scan.dots = Dots::Done;
                self.not_dot(ProblemKind::DirectoryDotDot, found, None);
                true
            }
        }
    }

    /// Tells that an entry is not the one that belongs in its place.
    fn not_dot(&mut self, kind: ProblemKind, found: &Found<'_>, expected: Option<u32>) {
        let number = found.entry.inode;
        let mut problem = found.problem(kind).found(number);
        problem.expected = expected.map(u64::from);
        // It may be a name that is not where it should be.
        if number != 0 && expected != Some(number) {
            self.census.lose_names();
        }
        self.push(problem);
    }

    fn dotdot(&mut self, scan: &mut Scan<'_>, found: &Found<'_>) {
        scan.dots = Dots::Done;
        let number = found.entry.inode;
        if self.image.geometry().inode(number).is_none() {
            self.push(Problem::new(ProblemKind::DirectoryDotDot, found.at).found(number));
            return;
        }
        if !scan.doubtful {
            self.links.set_dotdot(scan.dir.index, number);
        }
        self.dot_entry(found);
    }

    /// What holds for both entries.
    fn dot_entry(&mut self, found: &Found<'_>) {
        self.file_type(found, Some(FileType::Directory));
        if found.behind.is_some_and(|byte| byte != 0) {
            self.push(found.problem(ProblemKind::DirectoryDotPadding));
        }
    }

    /// Tells of those that have not come by the end of the first block.
    pub(super) fn missing_dots(&mut self, scan: &Scan<'_>, at: Place) {
        let kind = match scan.dots {
            Dots::Dot => ProblemKind::DirectoryDot,
            Dots::DotDot => ProblemKind::DirectoryDotDot,
            Dots::Done => return,
        };
        self.push(Problem::new(kind, at));
    }
}
