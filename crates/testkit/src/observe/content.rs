//! Content and data map of a regular file, reading only where there is data.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, Mode, OFlags, SeekFrom, fadvise, open, seek};
use rustix::io::Errno;

use super::hash::{ContentDigest, HashKind, StreamHash};

/// The unit of the content hash in bytes.
const CHUNK: usize = 4096;
/// The padding of the last chunk.
const ZEROS: [u8; CHUNK] = [0; CHUNK];
/// Bytes read at once, a multiple of the chunk.
const WINDOW: usize = 256 * CHUNK;

/// Bytes of a file that have a hash of their own.
const SEGMENT: u64 = 1 << 20;

/// Half-open ranges in bytes.
pub(super) type DataMap = Vec<(u64, u64)>;

/// The content hash and the data map of the file at `path`, whose size is `size`.
pub(super) fn read(
    path: &Path,
    size: u64,
    kind: HashKind,
) -> Result<(ContentDigest, DataMap), Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    let map = data_map(&file, size)?;
    let mut hash = Segments::new(kind);
    let length = usize::try_from(size).unwrap_or(WINDOW).min(WINDOW).next_multiple_of(CHUNK);
    let mut window = vec![0; length];
    let mut next = 0;
    for &(start, end) in &map {
        let mut at = next.max(start - start % CHUNK as u64);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(WINDOW).next_multiple_of(CHUNK);
            let room = window.len().min(wanted);
            let got = fill(&file, window.get_mut(..room).unwrap_or_default(), at)?;
            at = feed(&mut hash, window.get(..got).unwrap_or_default(), at);
            if got < room {
                break;
            }
        }
        next = at;
    }
    Ok((ContentDigest(hash.finish()), map))
}

/// The hash over the hashes of segments.
struct Segments {
    kind: HashKind,
    whole: StreamHash,
    segment: StreamHash,
    /// The number of the segment being fed.
    open: Option<u64>,
}

impl Segments {
    fn new(kind: HashKind) -> Self {
        let (whole, segment) = (StreamHash::new(kind), StreamHash::new(kind));
        Self { kind, whole, segment, open: None }
    }

    /// A chunk that is not all zero.
    fn chunk(&mut self, chunk: &[u8], at: u64) {
        if self.open != Some(at / SEGMENT) {
            self.close();
            self.open = Some(at / SEGMENT);
        }
        self.segment.update(&at.to_le_bytes());
        self.segment.update(chunk);
        self.segment.update(ZEROS.get(chunk.len()..).unwrap_or_default());
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.whole.update(&self.segment.bytes());
            self.segment = StreamHash::new(self.kind);
        }
    }

    fn finish(mut self) -> String {
        self.close();
        self.whole.finish()
    }
}

/// Pages that another name's reading left in memory count as data where a range is unwritten: they
/// are dropped first.
fn data_map(file: &File, size: u64) -> Result<DataMap, Errno> {
    fadvise(file, 0, None, Advice::DontNeed)?;
    let mut map = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match seek(file, SeekFrom::Data(at)) {
            Err(Errno::NXIO) => break,
            other => other?,
        };
        let end = seek(file, SeekFrom::Hole(start))?;
        map.push((start, end));
        at = end;
    }
    Ok(map)
}

/// Reads at `at` until the buffer is full or the file ends.
fn fill(file: &File, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
    let mut got = 0;
    while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + got as u64) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) => return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        }
    }
    Ok(got)
}

/// Feeds the chunks of `bytes`, which start at `at`, and returns where they end.
fn feed(hash: &mut Segments, bytes: &[u8], mut at: u64) -> u64 {
    for chunk in bytes.chunks(CHUNK) {
        if chunk.iter().any(|&byte| byte != 0) {
            hash.chunk(chunk, at);
        }
        at += CHUNK as u64;
    }
    at
}
