//! The digest of a tree (`docs/digest.md`): a walk that makes rows and hashes small files on the
//! way, jobs for the other files, then the lines in order.

use std::collections::BTreeMap;
use std::io::Write;

use extant_sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use extant_sync::{Arc, Mutex, Rank};
use extant_vfs::{FileType, Filesystem, Follow, InodeNr, IoFlags, Node};

use crate::content::{SEGMENT, Scratch};
use crate::hash::{Hash, HashValue, Hasher};
use crate::jobs::Job;
use crate::line::attributes;
use crate::lines::{Content, Lines, Row};
use crate::pool::on_threads;
use crate::text::{error_mark, push_hex};
use crate::walk::{Entry, Visitor, WalkDir, walk};
use crate::{Error, Field, Fields};

/// What a digest is made of, and how. The default is the digest proper.
#[derive(Clone, Copy)]
pub struct DigestOptions<'a> {
    /// The hash.
    pub hash: Hash,
    /// Whether the fields mtime and ctime are in it.
    pub times: bool,
    /// The other fields that are in it.
    pub fields: Fields,
    /// How many threads; 0 for as many as can run at once.
    pub threads: usize,
    /// Called now and then, from any of the threads.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl Default for DigestOptions<'_> {
    fn default() -> Self {
        Self { hash: Hash::Blake3, times: true, fields: Fields::ALL, threads: 0, progress: None }
    }
}

impl DigestOptions<'_> {
    /// The fields in effect.
    fn selected(&self) -> Fields {
        if self.times {
            self.fields
        } else {
            self.fields.without(Field::Mtime).without(Field::Ctime)
        }
    }
}

/// What is done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Names, the root included.
    pub entries: u64,
    /// Bytes of file content that were looked at: without the holes of large files.
    pub bytes: u64,
}

/// The digest of a tree.
#[derive(Debug)]
pub struct Digest {
    /// `extant1-HASH:HEX`. A digest of the tree only if it is [`complete`](Self::complete).
    pub string: String,
    /// Lines, the root's included.
    pub entries: u64,
    /// Bytes of file content that were looked at: without the holes of large files.
    pub bytes: u64,
    /// What could not be read, with its path from the root of the tree, sorted by path. A content
    /// without a key is no error.
    pub errors: Vec<(Vec<u8>, Error)>,
    /// Errors that are not in the list because it would be too large.
    pub more_errors: u64,
    /// Whether every name has its line. What could not be read *in* a line does not change this.
    pub complete: bool,
}

/// The digest of the tree at `root`, a path with links followed.
///
/// # Errors
/// [`Error::Fs`] if `root` cannot be reached. Other errors are in [`Digest::errors`].
pub fn digest(fs: &Filesystem, root: &[u8], options: &DigestOptions<'_>) -> Result<Digest, Error> {
    manifest(fs, root, options, &mut std::io::sink())
}

/// The digest of the tree at `root`, a path with links followed; its lines go to `out`, in large
/// pieces.
///
/// # Errors
/// [`Error::Fs`] if `root` cannot be reached, [`Error::Output`] if `out` fails.
pub fn manifest(
    fs: &Filesystem,
    root: &[u8],
    options: &DigestOptions<'_>,
    out: &mut dyn Write,
) -> Result<Digest, Error> {
    let root = fs.resolve(root, Follow::Yes, IoFlags::NONE)?;
    let collector = Collector::new(*options);
    walk(&root, options.threads, &collector);
    let plan = collector.plan.into_inner();
    let contents = run_jobs(fs, options, &collector.done, plan.jobs);
    let mut found = collector.found.into_inner();
    let contents: Vec<_> = contents
        .into_iter()
        .map(|(place, result)| content_of(result, |error| found.push(place.path(), error)))
        .collect();
    found.errors.sort_by(|a, b| a.0.cmp(&b.0));
    let entries = found.rows.len() as u64;
    let lines = Lines::new(found.rows, &contents, options.selected());
    let value = write_lines(&lines, options.hash, out)?;
    let mut string = format!("extant1-{}:", options.hash.name()).into_bytes();
    push_hex(&mut string, value.as_ref());
    Ok(Digest {
        string: String::from_utf8_lossy(&string).into_owned(),
        entries,
        bytes: collector.done.bytes.load(Ordering::Relaxed),
        errors: found.errors,
        more_errors: found.more_errors,
        complete: found.complete,
    })
}

/// Bytes of lines that are hashed and written at a time.
const PIECE: usize = 64 << 10;

fn write_lines(lines: &Lines<'_>, hash: Hash, out: &mut dyn Write) -> Result<HashValue, Error> {
    let mut hasher = Hasher::new(hash);
    let mut piece = Vec::with_capacity(PIECE);
    lines.write(&mut |line| {
        if piece.len() + line.len() > PIECE {
            hasher.update(&piece);
            out.write_all(&piece)?;
            piece.clear();
        }
        piece.extend_from_slice(line);
        Ok(())
    })?;
    hasher.update(&piece);
    out.write_all(&piece)?;
    out.flush()?;
    Ok(hasher.finish())
}

/// What a content field says. `failed` hears of errors that should not be.
fn content_of(result: Result<HashValue, extant_vfs::Error>, failed: impl FnOnce(Error)) -> Content {
    let error = match result {
        Ok(value) => return Content::Hash(value),
        Err(error) => error,
    };
    let mark = error_mark(&error);
    if !matches!(error, extant_vfs::Error::NoKey) {
        failed(error.into());
    }
    Content::Failed(mark)
}

/// Where a file of a job was found first.
struct JobPlace {
    parent: Option<Arc<WalkDir>>,
    name: Box<[u8]>,
}

impl JobPlace {
    fn path(&self) -> Vec<u8> {
        self.parent.as_ref().map_or_else(|| b"/".to_vec(), |dir| dir.path_of(&self.name))
    }
}

/// What the hashing of a file came to.
type Outcome = (JobPlace, Result<HashValue, extant_vfs::Error>);

/// Hashes the files of all jobs on all threads, large ones first; the outcomes are in the order
/// of `jobs`.
fn run_jobs(
    fs: &Filesystem,
    options: &DigestOptions<'_>,
    done: &Done<'_>,
    jobs: Vec<(JobPlace, Job)>,
) -> Vec<Outcome> {
    let mut order: Vec<&Job> = jobs.iter().map(|(_, job)| job).collect();
    order.sort_by_key(|job| std::cmp::Reverse(job.size));
    // Jobs before this one have no pieces to take.
    let first = AtomicUsize::new(0);
    if !order.is_empty() {
        on_threads(options.threads, || {
            let mut scratch = Scratch::new(options.hash);
            loop {
                let at = first.load(Ordering::Relaxed);
                let Some(job) = order.get(at) else { break };
                job.work(fs, &mut scratch, &|bytes| done.add(0, bytes));
                first.fetch_max(at + 1, Ordering::Relaxed);
            }
        });
    }
    jobs.into_iter().map(|(place, job)| (place, job.into_result())).collect()
}

/// Counts for the caller's progress.
struct Done<'a> {
    entries: AtomicU64,
    bytes: AtomicU64,
    progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl Done<'_> {
    fn add(&self, entries: u64, bytes: u64) {
        let entries = self.entries.fetch_add(entries, Ordering::Relaxed) + entries;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(progress) = self.progress {
            progress(Progress { entries, bytes });
        }
    }
}

/// The visitor that makes rows.
struct Collector<'a> {
    hash: Hash,
    fields: Fields,
    done: Done<'a>,
    plan: Mutex<Plan>,
    found: Mutex<Found>,
}

/// Files to hash after the walk.
#[derive(Default)]
struct Plan {
    jobs: Vec<(JobPlace, Job)>,
    by_inode: BTreeMap<InodeNr, u32>,
}

/// What the walk found.
struct Found {
    rows: Vec<Row>,
    errors: Vec<(Vec<u8>, Error)>,
    /// Bytes of paths in `errors`.
    error_bytes: usize,
    more_errors: u64,
    complete: bool,
}

/// Bytes of paths that are kept for errors: a hostile tree has many, and each of a mebibyte.
const MAX_ERROR_BYTES: usize = 16 << 20;

impl Found {
    fn new() -> Self {
        let (rows, errors) = (Vec::new(), Vec::new());
        Self { rows, errors, error_bytes: 0, more_errors: 0, complete: true }
    }

    fn push(&mut self, path: Vec<u8>, error: Error) {
        if self.error_bytes > MAX_ERROR_BYTES {
            self.more_errors += 1;
            return;
        }
        self.error_bytes += path.len() + size_of::<Error>();
        self.errors.push((path, error));
    }
}

/// What one thread of the walk keeps.
struct Worker {
    scratch: Scratch,
    rows: Vec<Row>,
    /// Entries and bytes that the progress does not show yet.
    unseen: (u64, u64),
}

impl<'a> Collector<'a> {
    fn new(options: DigestOptions<'a>) -> Self {
        let (entries, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self {
            hash: options.hash,
            fields: options.selected(),
            done: Done { entries, bytes, progress: options.progress },
            plan: Mutex::new(Rank::Leaf, Plan::default()),
            found: Mutex::new(Rank::Leaf, Found::new()),
        }
    }

    fn content(&self, worker: &mut Worker, entry: &Entry<'_>) -> Content {
        let node = entry.node;
        if !self.fields.contains(Field::Content) {
            return Content::Omitted;
        }
        if node.file_type() != FileType::Regular {
            return Content::NotAFile;
        }
        let stat = node.stat();
        if stat.size > SEGMENT || stat.links > 1 {
            return Content::Job(self.job(entry, stat.size));
        }
        let result = hash_now(&mut worker.scratch, node);
        let result = result.map(|(value, bytes)| {
            worker.unseen.1 += bytes;
            value
        });
        content_of(result, |error| self.failed(entry, error))
    }

    /// The number of the job that hashes the file of `entry`, whatever its name.
    fn job(&self, entry: &Entry<'_>, size: u64) -> u32 {
        let ino = entry.node.ino();
        let mut plan = self.plan.lock();
        if let Some(&number) = plan.by_inode.get(&ino) {
            return number;
        }
        // Inode numbers have 32 bits, too.
        let number = u32::try_from(plan.jobs.len()).unwrap_or(u32::MAX);
        let place = JobPlace { parent: entry.parent.cloned(), name: entry.name.into() };
        plan.jobs.push((place, Job::new(self.hash, ino, size)));
        plan.by_inode.insert(ino, number);
        number
    }

    /// An error that the line of `entry` shows.
    fn failed(&self, entry: &Entry<'_>, error: Error) {
        let path = entry.path();
        self.found.lock().push(path, error);
    }
}

fn hash_now(scratch: &mut Scratch, node: &Node) -> Result<(HashValue, u64), extant_vfs::Error> {
    scratch.hash_file(&node.clone().into_file(IoFlags::NONE)?)
}

/// Entries after which a thread shows its progress.
const SHOW_EVERY: u64 = 64;

impl Visitor for Collector<'_> {
    type Worker = Worker;

    fn worker(&self) -> Worker {
        Worker { scratch: Scratch::new(self.hash), rows: Vec::new(), unseen: (0, 0) }
    }

    fn visit(&self, worker: &mut Worker, entry: &Entry<'_>) {
        let mut failed = |error: extant_vfs::Error| self.failed(entry, error.into());
        match attributes(entry.node, self.fields, &mut failed) {
            Ok(attributes) => {
                let content = self.content(worker, entry);
                worker.rows.push(Row {
                    parent: entry.parent.map(|dir| dir.number()),
                    name: entry.name.into(),
                    dir: entry.dir,
                    attributes: attributes.into(),
                    content,
                });
            }
            Err(error) => self.error(entry.path(), error.into()),
        }
        worker.unseen.0 += 1;
        if worker.unseen.0 >= SHOW_EVERY {
            let (entries, bytes) = std::mem::take(&mut worker.unseen);
            self.done.add(entries, bytes);
        }
    }

    fn error(&self, path: Vec<u8>, error: Error) {
        let mut found = self.found.lock();
        found.complete = false;
        found.push(path, error);
    }

    fn finish(&self, mut worker: Worker) {
        self.done.add(worker.unseen.0, worker.unseen.1);
        self.found.lock().rows.append(&mut worker.rows);
    }
}
