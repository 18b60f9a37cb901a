//! Reads everything that an open file system lets one reach, and writes down what failed.
//!
//! Errors never end the walk. It is bounded by [`Limits`] whatever the image says: a directory is
//! entered once, and entries, mappings and bytes are counted.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use extant::{Dir, DirEntry, Error, File, FileType, Filesystem, Follow, InodeNr, IoFlags, Node};

/// Flags of every call.
const BLOCKING: IoFlags = IoFlags::NONE;
/// A name that no image has.
const MISSING: &[u8] = b"no such name, surely";

/// What a walk may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Entries in all.
    pub(crate) entries: u64,
    /// Runs of data of one file.
    pub(crate) runs: u64,
    /// Bytes of content read of one file.
    pub(crate) file_bytes: u64,
    /// Bytes of content read in all.
    pub(crate) bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 200_000, runs: 20_000, file_bytes: 4 << 20, bytes: 64 << 20 }
    }
}

/// Something that could not be read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    /// The path, escaped.
    pub(crate) path: String,
    /// The stable id of a kind of corruption, or the error's number by name.
    pub(crate) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.what)
    }
}

/// What a walk met.
#[derive(Clone, Default, Debug)]
pub(crate) struct Report {
    /// What failed, each once.
    pub(crate) findings: BTreeSet<Finding>,
    /// Entries listed, `.` and `..` not counted.
    pub(crate) entries: u64,
    /// Directories entered.
    pub(crate) directories: u64,
    /// Bytes of content read.
    pub(crate) bytes: u64,
}

/// The id of what went wrong: that of the corruption, else the error number's name.
pub(crate) fn id_of(error: &Error) -> String {
    match error {
        Error::Corrupt(corrupt) => corrupt.kind.id().to_owned(),
        other => other.errno().name().to_owned(),
    }
}

/// Walks from the root: lists all directories, stats, reads links, attributes, maps and content,
/// and looks up every listed name and a missing one.
pub(crate) fn walk(fs: &Filesystem, limits: Limits) -> Report {
    let mut walk = Walk { fs, limits, report: Report::default(), seen: HashSet::new() };
    let _ = fs.statfs();
    match fs.root(BLOCKING) {
        Ok(root) => walk.from(root.node().ino()),
        Err(error) => walk.note(b"/", &error),
    }
    walk.report
}

struct Walk<'a> {
    fs: &'a Filesystem,
    limits: Limits,
    report: Report,
    seen: HashSet<InodeNr>,
}

/// Directories to enter: path and number, so that waiting ones cost no more than that.
type Waiting = Vec<(Vec<u8>, InodeNr)>;

impl Walk<'_> {
    fn from(&mut self, root: InodeNr) {
        let mut waiting = vec![(Vec::new(), root)];
        while let Some((path, ino)) = waiting.pop() {
            if self.seen.insert(ino) {
                let dir = self.fs.node(ino, BLOCKING).and_then(Node::into_dir);
                if let Some(dir) = self.check(&path, dir) {
                    self.directory(&path, &dir, &mut waiting);
                }
            }
        }
    }

    fn note(&mut self, path: &[u8], error: &Error) {
        let path = path.escape_ascii().to_string();
        self.report.findings.insert(Finding { path, what: id_of(error) });
        // Messages must not fail either.
        let _ = (error.to_string(), error.hint(), error.place().map(ToString::to_string));
    }

    fn check<T>(&mut self, path: &[u8], result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.note(path, &error)).ok()
    }

    fn directory(&mut self, path: &[u8], dir: &Dir, waiting: &mut Waiting) {
        self.report.directories += 1;
        let shown = if path.is_empty() { b"/" } else { path };
        self.attributes(shown, dir.node());
        for entry in dir.entries(BLOCKING) {
            if self.report.entries >= self.limits.entries {
                return;
            }
            match self.check(shown, entry) {
                Some(entry) if !entry.is_dot() => self.entry(path, dir, &entry, waiting),
                _ => {}
            }
        }
        let found = dir.lookup(MISSING, BLOCKING);
        assert!(!matches!(found, Ok(Some(_))), "a name that is not there was found");
        self.check(shown, found);
        self.check(shown, dir.resolve(b"..", Follow::No, BLOCKING).map(|_| ()));
    }

    fn entry(&mut self, path: &[u8], dir: &Dir, entry: &DirEntry, waiting: &mut Waiting) {
        self.report.entries += 1;
        let path = [path, b"/", &entry.name].concat();
        match dir.lookup(&entry.name, BLOCKING) {
            Ok(Some(_)) => {}
            Ok(None) => {
                let what = "listed, not found".to_owned();
                self.report
                    .findings
                    .insert(Finding { path: path.escape_ascii().to_string(), what });
            }
            Err(error) => self.note(&path, &error),
        }
        let Some(node) = self.check(&path, self.fs.node(entry.ino, BLOCKING)) else { return };
        if node.file_type() != FileType::Directory {
            self.attributes(&path, &node);
        }
        match node.file_type() {
            FileType::Directory => waiting.push((path, entry.ino)),
            FileType::Regular => {
                if let Some(file) = self.check(&path, node.into_file(IoFlags::NONE)) {
                    self.content(&path, &file);
                }
            }
            FileType::Symlink => {
                self.check(&path, node.read_link(BLOCKING));
                // May lead nowhere, or anywhere: only its end matters.
                let _ = dir.resolve(&entry.name, Follow::Yes, BLOCKING);
            }
            _ => assert!(node.into_file(IoFlags::NONE).is_err(), "a special file was opened"),
        }
    }

    fn attributes(&mut self, path: &[u8], node: &Node) {
        let stat = node.stat();
        for time in [Some(stat.atime), Some(stat.mtime), Some(stat.ctime), stat.btime] {
            assert!(time.is_none_or(|time| time.nanos < 1_000_000_000), "{time:?}");
        }
        if let Some(names) = self.check(path, node.xattr_names(BLOCKING)) {
            for name in names {
                self.check(path, node.xattr(&name, BLOCKING));
            }
        }
        self.check(path, node.xattrs(BLOCKING));
        self.check(path, node.encryption(BLOCKING).map(|_| ()));
        self.check(path, node.verity(BLOCKING).map(|_| ()));
        let has_map = node.file_type().has_content() && !node.inode().is_fast_symlink();
        if has_map {
            self.check(path, node.map(0, BLOCKING));
            self.check(path, node.map(stat.size, BLOCKING));
            self.check(path, node.map(u64::MAX, BLOCKING));
        }
    }

    /// Reads runs of data up to the limits; a run that fails is skipped.
    fn content(&mut self, path: &[u8], file: &File) {
        let mut buf = vec![0; 64 << 10];
        let (mut at, mut bytes) = (0, 0);
        for _ in 0..self.limits.runs {
            if bytes >= self.limits.file_bytes || self.report.bytes >= self.limits.bytes {
                break;
            }
            let Some(Some(data)) = self.check(path, file.seek_data(at, BLOCKING)) else { break };
            assert!(data >= at && data < file.size(), "data at {data} from {at}");
            let hole = self.check(path, file.seek_hole(data, BLOCKING)).flatten();
            assert!(hole.is_none_or(|hole| hole > data), "a run of nothing at {data}");
            let end = hole.unwrap_or(u64::MAX).min(data.saturating_add(buf.len() as u64));
            let len = usize::try_from(end - data).unwrap_or(buf.len());
            let part = buf.get_mut(..len).unwrap_or_default();
            let read = self.check(path, file.read_at(part, data, BLOCKING));
            bytes += read.unwrap_or(0) as u64;
            self.report.bytes += read.unwrap_or(0) as u64;
            at = end;
        }
        // Behind the end there is nothing, and that is no error.
        assert!(matches!(file.read_at(&mut buf, u64::MAX, BLOCKING), Ok(0)));
    }
}
