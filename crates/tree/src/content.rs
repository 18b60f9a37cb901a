//! The hashes of a file's segments: only data is read, only chunks that are not all zero are fed.
//!
//! Invariant: a range starts and ends at a segment boundary or the end of the file, so that every
//! segment is hashed by one call and ranges can be hashed in any order by any thread.

use std::ops::Range;

use extant_vfs::{Error, File, IoFlags};

use crate::hash::{Hash, HashValue, Hasher};

/// Bytes of a chunk, the unit that is fed or left out.
const CHUNK: usize = 4096;
/// The same as an offset in a file.
const CHUNK64: u64 = CHUNK as u64;
/// Bytes of a segment, the unit that has a hash of its own.
pub(crate) const SEGMENT: u64 = 1 << 20;
/// Bytes of one read, a divisor of a segment: small enough to stay in a core's cache until hashed.
const READ: usize = 256 << 10;
/// The same as an offset in a file.
const READ64: u64 = READ as u64;

static ZEROES: [u8; CHUNK] = [0; CHUNK];

/// What one thread needs to hash, kept from file to file.
pub(crate) struct Scratch {
    memory: Vec<u8>,
    segment: Hasher,
    whole: Hasher,
}

/// What hashing a range came to.
pub(crate) struct Hashed {
    /// The digests of the segments with data, one behind the other.
    pub(crate) digests: Vec<u8>,
    /// Bytes that were read.
    pub(crate) bytes: u64,
    /// There is no data between the end of the range and this offset.
    pub(crate) next_data: u64,
}

impl Scratch {
    pub(crate) fn new(hash: Hash) -> Self {
        // Room to start at a page boundary, which devices with direct access want.
        let memory = vec![0; READ + CHUNK];
        Self { memory, segment: Hasher::new(hash), whole: Hasher::new(hash) }
    }

    /// The content hash of a whole file, and the bytes that were read.
    pub(crate) fn hash_file(&mut self, file: &File) -> Result<(HashValue, u64), Error> {
        let hashed = self.hash_range(file, 0..file.size())?;
        self.whole.update(&hashed.digests);
        Ok((self.whole.finish(), hashed.bytes))
    }

    /// Hashes the segments of `range`.
    pub(crate) fn hash_range(&mut self, file: &File, range: Range<u64>) -> Result<Hashed, Error> {
        let result = self.try_hash_range(file, range);
        if result.is_err() {
            // Starts anew.
            self.segment.finish();
        }
        result
    }

    fn try_hash_range(&mut self, file: &File, range: Range<u64>) -> Result<Hashed, Error> {
        let mut hashed = Hashed { digests: Vec::new(), bytes: 0, next_data: range.end };
        if range.end - range.start <= READ64 {
            // To read holes as zeroes is cheaper than to look for them.
            hashed.bytes = range.end - range.start;
            if self.feed(file, range)? {
                self.close(&mut hashed.digests);
            }
            return Ok(hashed);
        }
        let mut at = range.start;
        // The segment that was fed last, if its digest is not taken yet.
        let mut open = None;
        while at < range.end {
            let Some(data) = next_run(file, at, range.end)? else {
                hashed.next_data = u64::MAX;
                break;
            };
            if data.start >= range.end {
                hashed.next_data = data.start;
                break;
            }
            at = data.start;
            while at < data.end {
                let end = data.end.min((at / READ64 + 1).saturating_mul(READ64));
                if open.is_some_and(|segment| segment != at / SEGMENT) {
                    self.close(&mut hashed.digests);
                    open = None;
                }
                if self.feed(file, at..end)? {
                    open = Some(at / SEGMENT);
                }
                hashed.bytes += end - at;
                at = end;
            }
        }
        if open.is_some() {
            self.close(&mut hashed.digests);
        }
        Ok(hashed)
    }

    fn close(&mut self, digests: &mut Vec<u8>) {
        digests.extend_from_slice(self.segment.finish().as_ref());
    }

    /// Reads `range`, which is at most one read and starts at a chunk, and feeds what is not zero.
    /// Tells whether there was such.
    fn feed(&mut self, file: &File, range: Range<u64>) -> Result<bool, Error> {
        let skip = self.memory.as_ptr().align_offset(CHUNK).min(CHUNK);
        let len = usize::try_from(range.end - range.start).unwrap_or(READ).min(READ);
        let buffer = self.memory.get_mut(skip..).unwrap_or_default();
        let buffer = buffer.get_mut(..len.next_multiple_of(CHUNK)).unwrap_or_default();
        let (wanted, padding) = buffer.split_at_mut(len.min(buffer.len()));
        let got = file.read_at(wanted, range.start, IoFlags::NONE)?;
        wanted.get_mut(got..).unwrap_or_default().fill(0);
        padding.fill(0);
        let mut fed = false;
        let mut offset = range.start;
        for chunk in buffer.chunks_exact(CHUNK) {
            if *chunk != ZEROES {
                self.segment.update(&offset.to_le_bytes());
                self.segment.update(chunk);
                fed = true;
            }
            offset += CHUNK64;
        }
        Ok(fed)
    }
}

/// The next run of data at or behind `at`, which is a multiple of a chunk, widened to whole
/// chunks, as far as it lies before `end`. A run that starts behind `end` is of no length.
fn next_run(file: &File, at: u64, end: u64) -> Result<Option<Range<u64>>, Error> {
    let Some(data) = file.seek_data(at, IoFlags::NONE)? else { return Ok(None) };
    let mut stop = data;
    while stop < end {
        let map = file.map(stop, IoFlags::NONE)?;
        if !map.mapping.is_data() || map.end() <= stop {
            break;
        }
        stop = map.end();
    }
    let start = data / CHUNK64 * CHUNK64;
    let stop = stop.checked_next_multiple_of(CHUNK64).unwrap_or(u64::MAX).min(end);
    Ok(Some(start..stop))
}
