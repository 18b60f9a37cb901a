//! Group descriptors: the one pass at opening, and later look-ups by group.

use std::ops::Range;

use extant_block::{AlignedBuffer, IoFlags, read_unaligned};
use extant_format::{BlockNr, Corrupt, CorruptKind, GroupDesc, GroupNr, GroupParser, Place};
use extant_sync::atomic::{AtomicU32, Ordering};
use extant_sync::thread;

use crate::statfs::FreeCounts;
use crate::{Error, Result, SystemZones, Volume};

/// Bytes of descriptors read at once: small enough to stay in the nearest caches.
const CHUNK_BYTES: u32 = 32 << 10;
/// Bytes of descriptors that a thread takes at a time.
const PIECE_BYTES: u32 = 256 << 10;
/// Pieces for which one more thread is worth its start.
const PIECES_PER_THREAD: u32 = 4;
/// Threads beyond this wait for memory.
const MAX_THREADS: usize = 4;
/// Descriptions of damage to keep.
const MAX_DAMAGE: usize = 16;

/// What the pass over all descriptors found.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) zones: SystemZones,
    pub(crate) damage: Vec<Corrupt>,
    pub(crate) damaged_groups: u32,
    pub(crate) free: FreeCounts,
}

/// Reads and verifies every group descriptor in one streaming pass, and gathers the blocks that
/// hold metadata. A bad descriptor is damage of its group, not an error (row 12, 13).
pub(crate) fn scan(volume: &Volume) -> Result<Scan> {
    let geometry = volume.geometry();
    let pieces = Pieces::new(volume, PIECE_BYTES / volume.block_size().bytes());
    let most = (pieces.count / PIECES_PER_THREAD) as usize;
    let mut scan = pieces.scan(most.min(MAX_THREADS).min(thread::available_parallelism()))?;
    for group in geometry.groups_with_base_meta() {
        let len = geometry.base_meta_blocks(group);
        scan.zones.add(geometry.group_first_block(group).get(), len.into(), None);
    }
    Ok(scan)
}

/// The table in pieces. Each thread takes the next piece when it is done with one, so that one
/// that starts late, or is kept waiting, does not hold up the others for long.
struct Pieces<'a> {
    volume: &'a Volume,
    /// Descriptor blocks of a piece.
    len: u32,
    count: u32,
    next: AtomicU32,
}

impl<'a> Pieces<'a> {
    fn new(volume: &'a Volume, len: u32) -> Self {
        let len = len.max(1);
        let count = volume.geometry().desc_block_count().div_ceil(len);
        Self { volume, len, count, next: AtomicU32::new(0) }
    }

    /// Scans all pieces with `threads` threads, of which the caller is one.
    fn scan(&self, threads: usize) -> Result<Scan> {
        let mut done = thread::scope(|scope| -> Result<_> {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| self.work())).collect();
            let mut done = self.work()?;
            for other in others {
                // A panic goes on in the caller: nothing here is known to cause one.
                done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(done)
        })?;
        done.sort_by_key(|(n, _)| *n);
        let mut scan = Scan::default();
        done.into_iter().for_each(|(_, part)| scan.append(part));
        Ok(scan)
    }

    /// Scans pieces until none is left; gives their numbers and what was found.
    fn work(&self) -> Result<Vec<(u32, Scan)>> {
        let end = self.volume.geometry().desc_block_count();
        let mut reader = Reader::new(self.volume);
        let mut done = Vec::new();
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n >= self.count {
                return Ok(done);
            }
            let start = n * self.len;
            let range = start..start.saturating_add(self.len).min(end);
            done.push((n, reader.scan(range)?));
        }
    }
}

/// Reads descriptor blocks, a chunk at a time.
struct Reader<'a> {
    volume: &'a Volume,
    parser: GroupParser<'a>,
    blocks_per_chunk: u32,
    chunk: AlignedBuffer,
}

impl<'a> Reader<'a> {
    fn new(volume: &'a Volume) -> Self {
        let block = volume.block_size().bytes();
        let blocks_per_chunk = (CHUNK_BYTES / block).max(1);
        let chunk = AlignedBuffer::new((blocks_per_chunk * block) as usize);
        Self { volume, parser: GroupParser::new(&volume.superblock), blocks_per_chunk, chunk }
    }

    /// Scans the descriptor blocks with the numbers in `range`.
    fn scan(&mut self, range: Range<u32>) -> Result<Scan> {
        let (size, geometry) = (self.volume.block_size(), self.volume.geometry());
        let mut pass = Pass::new(geometry.inode_table_blocks());
        let mut index = range.start;
        while index < range.end {
            let most = self.blocks_per_chunk.min(range.end - index);
            let Some((first, run)) = run_of_blocks(self.volume, index, most) else {
                pass.scan.note(Corrupt::new(CorruptKind::BlocksCount, Place::superblock()));
                break;
            };
            let bytes = self.chunk.get_mut(..(run * size.bytes()) as usize).unwrap_or_default();
            read_unaligned(&**self.volume.device(), bytes, first.byte_offset(size))?;
            let group = index * geometry.descs_per_block();
            self.parser.parse_all(bytes, group, |desc| pass.add(desc));
            index += run;
        }
        Ok(pass.finish())
    }
}

/// Where descriptor block `index` is, and how many from it on lie side by side, at most `most`.
fn run_of_blocks(volume: &Volume, index: u32, most: u32) -> Option<(BlockNr, u32)> {
    let geometry = volume.geometry();
    let block = |n: u32| geometry.desc_block(index + n, volume.superblock_block);
    let first = block(0)?;
    let follows = |n: u32| block(n).is_some_and(|b| b.get() == first.get() + u64::from(n));
    Some((first, (1..most).find(|&n| !follows(n)).unwrap_or(most)))
}

/// Notes the groups whose metadata lies over that of others: of those that have a block of
/// `overlaps`, the last (row 12). One pass, and only where there are overlaps.
pub(crate) fn note_overlaps(volume: &mut Volume, mut overlaps: Vec<u64>) -> Result<()> {
    let mut next = volume.geometry().group_count();
    while let Some(n) = next.checked_sub(1).filter(|_| !overlaps.is_empty()) {
        next = n;
        let Some(group) = volume.geometry().group(n) else { continue };
        let desc = match volume.group_desc(group, IoFlags::NONE) {
            Err(Error::Corrupt(_)) => continue,
            desc => desc?,
        };
        let table_blocks = volume.geometry().inode_table_blocks();
        overlaps.retain(|&block| {
            let Some(kind) = held_as(&desc, table_blocks, block) else { return true };
            let corrupt = Corrupt::new(kind, Place::group(group));
            if !volume.damage.contains(&corrupt) {
                volume.damage.push(corrupt);
                volume.damaged_groups += 1;
            }
            false
        });
    }
    Ok(())
}

/// What is wrong with a group that has `block` but should not; `None` if it does not have it.
fn held_as(desc: &GroupDesc, table_blocks: u32, block: u64) -> Option<CorruptKind> {
    let table = desc.inode_table.get();
    if desc.block_bitmap.get() == block {
        Some(CorruptKind::GroupBlockBitmap)
    } else if desc.inode_bitmap.get() == block {
        Some(CorruptKind::GroupInodeBitmap)
    } else if (table..table + u64::from(table_blocks)).contains(&block) {
        Some(CorruptKind::GroupInodeTable)
    } else {
        None
    }
}

impl Scan {
    fn note(&mut self, corrupt: Corrupt) {
        self.damaged_groups += 1;
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(corrupt);
        }
    }

    /// Adds what was found in later groups.
    fn append(&mut self, other: Self) {
        self.zones.append(other.zones);
        self.damage.extend(other.damage);
        self.damage.truncate(MAX_DAMAGE);
        self.damaged_groups += other.damaged_groups;
        self.free.clusters += other.free.clusters;
        self.free.inodes += other.free.inodes;
    }
}

/// Gathers what descriptors in ascending order say.
struct Pass {
    scan: Scan,
    /// Block bitmaps, inode bitmaps, inode tables. Each kind ascends by itself, also where a flex
    /// group interleaves them: gathered apart, a whole flex group becomes one zone.
    runs: [Range<u64>; 3],
    table_blocks: u64,
}

impl Pass {
    fn new(table_blocks: u32) -> Self {
        let table_blocks = table_blocks.into();
        Self { scan: Scan::default(), runs: [0..0, 0..0, 0..0], table_blocks }
    }

    #[inline]
    fn add(&mut self, desc: Result<GroupDesc, Corrupt>) {
        match desc {
            Ok(desc) => {
                self.scan.free.clusters += u64::from(desc.free_clusters);
                self.scan.free.inodes += u64::from(desc.free_inodes);
                self.add_places(&desc);
            }
            Err(corrupt) => self.scan.note(corrupt),
        }
    }

    #[inline]
    fn add_places(&mut self, desc: &GroupDesc) {
        let places = [
            (desc.block_bitmap.get(), 1),
            (desc.inode_bitmap.get(), 1),
            (desc.inode_table.get(), self.table_blocks),
        ];
        for (run, (start, len)) in self.runs.iter_mut().zip(places) {
            if run.end != start {
                self.scan.zones.add(run.start, run.end - run.start, None);
                run.start = start;
            }
            run.end = start + len;
        }
    }

    fn finish(mut self) -> Scan {
        for run in self.runs {
            self.scan.zones.add(run.start, run.end - run.start, None);
        }
        self.scan
    }
}

impl Volume {
    /// The verified descriptor of `group`, as it is on the device or in memory now.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a bad descriptor, those of a block read.
    pub fn group_desc(&self, group: GroupNr, flags: IoFlags) -> Result<GroupDesc> {
        self.with_desc(group, flags, |bytes| GroupDesc::parse(bytes, group, &self.superblock))
    }

    /// The first block of the inode table of `group`, also where the rest of its descriptor is
    /// damaged.
    ///
    /// # Errors
    /// [`CorruptKind::GroupInodeTable`], those of a block read.
    pub fn inode_table(&self, group: GroupNr, flags: IoFlags) -> Result<BlockNr> {
        self.with_desc(group, flags, |bytes| GroupDesc::inode_table(bytes, group, &self.superblock))
    }

    fn with_desc<R>(
        &self,
        group: GroupNr,
        flags: IoFlags,
        parse: impl FnOnce(&[u8]) -> Result<R, Corrupt>,
    ) -> Result<R> {
        let geometry = self.geometry();
        let (index, offset) = geometry.desc_index(group);
        let outside = Corrupt::new(CorruptKind::GroupChecksum, Place::group(group));
        let nr = geometry.desc_block(index, self.superblock_block).ok_or(outside)?;
        let block = self.block(nr, flags)?;
        let end = offset + geometry.desc_size() as usize;
        let bytes = block.bytes().get(offset..end).unwrap_or_default();
        Ok(parse(bytes)?)
    }
}

#[cfg(test)]
mod tests;
