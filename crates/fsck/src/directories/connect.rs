//! The phase of connectivity: from every directory up to the root.
//!
//! What directories add to link counts is counted here, as it is when `.` and `..` are right: what
//! is wrong with those has been told.

use extant_format::{InodeNr, Place};

use super::links::Links;
use crate::census::Census;
use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// Checks all directories.
pub(super) fn check(image: &Image, census: &Census, links: &Links<'_>, problems: &mut Problems) {
    let root = links.index(InodeNr::ROOT);
    for index in 0..links.len() {
        let Some(ino) = links.ino(index).filter(|&ino| !census.is_deleted(image, ino)) else {
            continue;
        };
        let parent = if Some(index) == root { root } else { links.parent(index) };
        count(census, links, (index, ino), parent);
        match parent.and_then(|parent| links.ino(parent)) {
            Some(parent) => {
                let dotdot = links.dotdot(index);
                if dotdot != 0 && dotdot != parent.get() {
                    let problem = Problem::new(ProblemKind::DirectoryParent, Place::inode(ino));
                    problems.push(problem.found(dotdot).expected(parent.get()));
                }
            }
            None if census.knows_names() && root.is_some() => {
                let kind = ProblemKind::DirectoryUnconnected;
                problems.push(Problem::new(kind, Place::inode(ino)));
            }
            None => {}
        }
    }
    loops(links, root, problems);
}

/// Counts the name of a directory, its `.`, and its `..`.
fn count(
    census: &Census,
    links: &Links<'_>,
    (index, ino): (usize, InodeNr),
    parent: Option<usize>,
) {
    census.inodes.refer(ino);
    census.inodes.refer(ino);
    let up = match parent {
        // The name and the `..` of the root are the same.
        Some(parent) if parent == index => None,
        Some(parent) => links.ino(parent),
        None => links.ino_of(links.dotdot(index)),
    };
    if let Some(up) = up {
        census.inodes.refer(up);
    }
}

/// What is known of where a directory leads up to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    New,
    /// On the way that is walked at the moment.
    Walked,
    /// To an end.
    Known,
}

/// Tells of directories that are their own ancestors: each loop at its first directory.
fn loops(links: &Links<'_>, root: Option<usize>, problems: &mut Problems) {
    let mut ways = vec![Way::New; links.len()];
    let mut walked = Vec::new();
    for start in 0..links.len() {
        let mut at = Some(start);
        let mut way = Way::Known;
        while let Some(index) = at {
            let Some(slot) = ways.get_mut(index) else { break };
            way = *slot;
            if way != Way::New {
                break;
            }
            *slot = Way::Walked;
            walked.push(index);
            at = if Some(index) == root { None } else { links.parent(index) };
        }
        if let Some(end) = at.filter(|_| way == Way::Walked) {
            let first = walked.iter().position(|&index| index == end).unwrap_or_default();
            let least = walked.get(first..).unwrap_or_default().iter().min();
            if let Some(ino) = least.and_then(|&index| links.ino(index)) {
                problems.push(Problem::new(ProblemKind::DirectoryLoop, Place::inode(ino)));
            }
        }
        for index in walked.drain(..) {
            if let Some(slot) = ways.get_mut(index) {
                *slot = Way::Known;
            }
        }
    }
}
