//! Files that are hashed after the walk: those large enough for several threads, and those with
//! several names, which are hashed once.
//!
//! All threads work on the same file until its last piece is taken, then go on to the next.
//! Pieces are taken in order and their digests join the file's hash in order, so a file costs the
//! memory of the pieces in flight, not of its length.

use std::collections::BTreeMap;

use extant_sync::{Mutex, Rank};
use extant_vfs::{Error, File, Filesystem, InodeNr, IoFlags};

use crate::content::{Hashed, SEGMENT, Scratch};
use crate::hash::{Hash, HashValue, Hasher};

/// Bytes of a piece: what one thread hashes at a time.
const PIECE: u64 = 4 * SEGMENT;

/// A file to hash.
pub(crate) struct Job {
    pub(crate) ino: InodeNr,
    pub(crate) size: u64,
    state: Mutex<State>,
}

struct State {
    /// Start of the next piece that nobody took.
    next: u64,
    /// Pieces that were taken and have not joined the hash, with their digests once known.
    taken: BTreeMap<u64, Option<Vec<u8>>>,
    whole: Hasher,
    /// The first error in the file, and where.
    failed: Option<(u64, Error)>,
}

impl Job {
    pub(crate) fn new(hash: Hash, ino: InodeNr, size: u64) -> Self {
        let whole = Hasher::new(hash);
        let state = State { next: 0, taken: BTreeMap::new(), whole, failed: None };
        Self { ino, size, state: Mutex::new(Rank::Leaf, state) }
    }

    /// Hashes pieces until all are taken. Called by every thread; `read` hears of bytes read.
    pub(crate) fn work(&self, fs: &Filesystem, scratch: &mut Scratch, read: &dyn Fn(u64)) {
        let mut file: Option<File> = None;
        while let Some(start) = self.take() {
            let result = open_once(&mut file, fs, self.ino).and_then(|file| {
                scratch.hash_range(file, start..self.size.min(start.saturating_add(PIECE)))
            });
            match result {
                Ok(hashed) => {
                    read(hashed.bytes);
                    self.join(start, hashed);
                }
                Err(error) => self.fail(start, error),
            }
        }
    }

    /// The hash, or the first error, when all threads are done.
    pub(crate) fn into_result(self) -> Result<HashValue, Error> {
        let mut state = self.state.into_inner();
        match state.failed {
            Some((_, error)) => Err(error),
            None => Ok(state.whole.finish()),
        }
    }

    fn take(&self) -> Option<u64> {
        let mut state = self.state.lock();
        let start = state.next;
        // An empty file has a piece, too: to open it may fail.
        if state.failed.is_some() || (start != 0 && start >= self.size) {
            return None;
        }
        state.next = start.saturating_add(PIECE);
        state.taken.insert(start, None);
        Some(start)
    }

    fn join(&self, start: u64, hashed: Hashed) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.next = state.next.max(hashed.next_data / PIECE * PIECE);
        state.taken.insert(start, Some(hashed.digests));
        while let Some(first) = state.taken.first_entry() {
            let Some(digests) = first.get() else { break };
            state.whole.update(digests);
            first.remove();
        }
    }

    fn fail(&self, start: u64, error: Error) {
        let mut state = self.state.lock();
        if state.failed.as_ref().is_none_or(|(at, _)| start < *at) {
            state.failed = Some((start, error));
        }
    }
}

fn open_once<'a>(
    file: &'a mut Option<File>,
    fs: &Filesystem,
    ino: InodeNr,
) -> Result<&'a File, Error> {
    if file.is_none() {
        *file = Some(fs.node(ino, IoFlags::NONE)?.into_file(IoFlags::NONE)?);
    }
    file.as_ref().ok_or(Error::NotAFile)
}
