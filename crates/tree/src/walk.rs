//! A parallel walk over everything below a node.
//!
//! Invariants: each directory is listed once, whatever entries name it; none more than
//! [`MAX_DEPTH`] levels down; an error concerns one object, and the walk goes on. What waits is
//! bounded by the pending directories and 1024 batches of names: a thread that lists a
//! huge directory reads its inodes itself when the others cannot keep up.

use std::collections::BTreeSet;
use std::fmt;

use extant_sync::atomic::{AtomicU32, Ordering};
use extant_sync::{Arc, Mutex, Rank};
use extant_vfs::{
    Corrupt, CorruptKind, DirEntry, FileType, Filesystem, InodeNr, IoFlags, Node, Place,
};

use crate::Error;
use crate::pool::{Pool, on_threads};

/// The deepest directory that is listed, in levels below the start.
pub const MAX_DEPTH: u32 = 4096;
/// Batches of names that may wait for a thread.
const MAX_QUEUED: usize = 1024;
/// Names in a batch.
const BATCH: usize = 32;

/// A directory of a walk: its name, and the directory it is in.
pub struct WalkDir {
    parent: Option<Arc<WalkDir>>,
    name: Vec<u8>,
    ino: InodeNr,
    number: u32,
    depth: u32,
}

impl WalkDir {
    /// Counts the directories of a walk from 0, the start.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The path from the start, which is `/`, of the entry `name`.
    #[must_use]
    pub fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut names = vec![name];
        let mut at = Some(self);
        while let Some(dir) = at {
            names.push(&dir.name);
            at = dir.parent.as_deref();
        }
        names.reverse();
        names.join(&b'/')
    }
}

impl fmt::Debug for WalkDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalkDir").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Something that a walk found.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The directory it is in; `None` for the start of the walk.
    pub parent: Option<&'a Arc<WalkDir>>,
    /// Its name there; empty for the start.
    pub name: &'a [u8],
    /// The inode.
    pub node: &'a Node,
    /// Of a directory that will be listed: its number.
    pub dir: Option<u32>,
}

impl Entry<'_> {
    /// The path from the start, which is `/`.
    #[must_use]
    pub fn path(&self) -> Vec<u8> {
        self.parent.map_or_else(|| b"/".to_vec(), |dir| dir.path_of(self.name))
    }
}

/// What is done with the entries of a walk. Entries come in no order, but a directory comes
/// before what is in it.
pub trait Visitor: Sync {
    /// What one thread keeps from entry to entry.
    type Worker;

    /// Called once on each thread before its first entry.
    fn worker(&self) -> Self::Worker;

    /// Called for every entry, and for the start.
    fn visit(&self, worker: &mut Self::Worker, entry: &Entry<'_>);

    /// Called for every object that could not be read, with its path from the start.
    fn error(&self, path: Vec<u8>, error: Error);

    /// Called once on each thread after its last entry.
    fn finish(&self, worker: Self::Worker);
}

/// Visits `root` and everything below it on `threads` threads; 0 stands for as many as can run at
/// once. `.` and `..` are not entries.
pub fn walk<V: Visitor>(root: &Node, threads: usize, visitor: &V) {
    let walk = Walk {
        fs: root.filesystem(),
        visitor,
        pool: Pool::new(Task::Start(root.clone())),
        listed: Mutex::new(Rank::Leaf, BTreeSet::new()),
        dirs: AtomicU32::new(0),
    };
    on_threads(threads, || {
        let mut worker = visitor.worker();
        walk.pool.work(|task| walk.run(&mut worker, task));
        visitor.finish(worker);
    });
}

enum Task {
    Start(Node),
    List(Arc<WalkDir>),
    Load(Arc<WalkDir>, Vec<DirEntry>),
}

struct Walk<'a, V> {
    fs: &'a Filesystem,
    visitor: &'a V,
    pool: Pool<Task>,
    /// Directories that are or were listed.
    listed: Mutex<BTreeSet<InodeNr>>,
    dirs: AtomicU32,
}

impl<V: Visitor> Walk<'_, V> {
    fn run(&self, worker: &mut V::Worker, task: Task) {
        match task {
            Task::Start(node) => self.found(worker, None, &[], &node),
            Task::List(dir) => self.list(worker, &dir),
            Task::Load(dir, batch) => self.load(worker, &dir, &batch),
        }
    }

    /// Lists a directory and hands out its names in batches.
    fn list(&self, worker: &mut V::Worker, dir: &Arc<WalkDir>) {
        let opened = self.fs.node(dir.ino, IoFlags::NONE).and_then(Node::into_dir);
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return self.error(dir, error.into()),
        };
        let mut batch = Vec::new();
        for entry in opened.entries(IoFlags::NONE) {
            match entry {
                Ok(entry) if &*entry.name == b".." => {
                    if dir.parent.as_ref().is_some_and(|parent| parent.ino != entry.ino) {
                        return self.error(dir, looped(dir.ino));
                    }
                }
                Ok(entry) if entry.is_dot() => {}
                Ok(entry) => batch.push(entry),
                Err(error) => self.error(dir, error.into()),
            }
            if batch.len() == BATCH {
                self.hand_out(worker, dir, std::mem::take(&mut batch));
            }
        }
        self.load(worker, dir, &batch);
    }

    fn hand_out(&self, worker: &mut V::Worker, dir: &Arc<WalkDir>, batch: Vec<DirEntry>) {
        let task = Task::Load(Arc::clone(dir), batch);
        if let Some(Task::Load(dir, batch)) = self.pool.push_below(MAX_QUEUED, task) {
            self.load(worker, &dir, &batch);
        }
    }

    fn load(&self, worker: &mut V::Worker, dir: &Arc<WalkDir>, batch: &[DirEntry]) {
        for entry in batch {
            match self.fs.node(entry.ino, IoFlags::NONE) {
                Ok(node) => self.found(worker, Some(dir), &entry.name, &node),
                Err(error) => self.visitor.error(dir.path_of(&entry.name), error.into()),
            }
        }
    }

    fn found(
        &self,
        worker: &mut V::Worker,
        parent: Option<&Arc<WalkDir>>,
        name: &[u8],
        node: &Node,
    ) {
        let is_dir = node.file_type() == FileType::Directory;
        let claimed = is_dir.then(|| self.claim(parent, name, node.ino()));
        let (dir, error) = match claimed {
            None => (None, None),
            Some(Ok(dir)) => (Some(dir), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let number = dir.as_ref().map(|dir| dir.number);
        let entry = Entry { parent, name, node, dir: number };
        self.visitor.visit(worker, &entry);
        if let Some(error) = error {
            self.visitor.error(entry.path(), error);
        }
        if let Some(dir) = dir {
            self.pool.push(Task::List(dir));
        }
    }

    /// Makes the caller the one who has the directory `ino` listed.
    fn claim(
        &self,
        parent: Option<&Arc<WalkDir>>,
        name: &[u8],
        ino: InodeNr,
    ) -> Result<Arc<WalkDir>, Error> {
        let depth = parent.map_or(0, |parent| parent.depth + 1);
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        if !self.listed.lock().insert(ino) {
            return Err(looped(ino));
        }
        let number = self.dirs.fetch_add(1, Ordering::Relaxed);
        let (parent, name) = (parent.map(Arc::clone), name.to_vec());
        Ok(Arc::new(WalkDir { parent, name, ino, number, depth }))
    }

    fn error(&self, dir: &WalkDir, error: Error) {
        let path = match &dir.parent {
            Some(parent) => parent.path_of(&dir.name),
            None => b"/".to_vec(),
        };
        self.visitor.error(path, error);
    }
}

/// A directory that is reached in a second way, or that names another parent.
fn looped(ino: InodeNr) -> Error {
    Error::Fs(Corrupt::new(CorruptKind::DirLoop, Place::inode(ino)).into())
}
