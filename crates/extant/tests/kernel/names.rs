//! Look-ups by path: every name of a tree, and names that are not there.

use std::path::Path;

use extant_testkit::observe::{Kind, Observed};
use rustix::io::Errno;

use crate::walker::{errno, number, open};
use extant::OpenOptions;

/// Every path of `seen` leads to its inode, and neighbours of every name to nothing; first with
/// nothing in memory, then out of the name cache.
pub(crate) fn check(image: &Path, seen: &[Observed]) {
    let fs = open(image, &OpenOptions::default()).unwrap();
    assert_eq!(fs.cached().1, 0);
    for _ in ["cold", "warm"] {
        for entry in seen {
            let shown = entry.path.escape_ascii();
            assert_eq!(number(&fs, &entry.path).ok(), Some(entry.ino), "{shown}");
        }
        for path in absent(seen) {
            let shown = path.escape_ascii();
            let error = number(&fs, &path).expect_err(&shown.to_string());
            assert_eq!(errno(&error), Errno::NOENT, "{shown}");
        }
    }
    assert!(fs.cached().1 > seen.len().min(1_000));
}

/// In every directory a name that is not there, and beside every 16th file one that differs in its
/// last byte.
fn absent(seen: &[Observed]) -> Vec<Vec<u8>> {
    let known: std::collections::HashSet<&[u8]> =
        seen.iter().map(|entry| entry.path.as_slice()).collect();
    let folders = seen.iter().filter(|entry| entry.kind == Kind::Directory);
    let mut paths: Vec<Vec<u8>> =
        folders.map(|entry| [&entry.path, &b"/not there"[..]].concat()).collect();
    for entry in seen.iter().step_by(16) {
        let mut path = entry.path.clone();
        if let Some(last) = path.last_mut() {
            *last = if *last == b'~' { b'!' } else { b'~' };
        }
        paths.push(path);
    }
    paths.retain(|path| path != b"~" && !known.contains(path.as_slice()));
    paths
}
