//! Group descriptors: the one pass at opening, and later look-ups by group.

use extant_block::{AlignedBuffer, IoFlags, read_unaligned};
use extant_format::{BlockNr, Corrupt, CorruptKind, GroupDesc, GroupNr, Place};

use crate::statfs::FreeCounts;
use crate::{Result, SystemZones, Volume};

/// Bytes of descriptors read at once.
const CHUNK_BYTES: u32 = 256 << 10;
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
    let size = geometry.block_size();
    let per_chunk = (CHUNK_BYTES / size.bytes()).max(1);
    let mut streams = Streams::default();
    let mut scan = Scan::default();
    let mut chunk = AlignedBuffer::new((per_chunk * size.bytes()) as usize);
    let mut index = 0;
    while index < geometry.desc_block_count() {
        let run = run_length(volume, index, per_chunk);
        let Some(first) = geometry.desc_block(index, volume.superblock_block) else {
            scan.note(Corrupt::new(CorruptKind::BlocksCount, Place::superblock()));
            break;
        };
        let bytes = chunk.get_mut(..(run * size.bytes()) as usize).unwrap_or_default();
        read_unaligned(&**volume.device(), bytes, first.byte_offset(size))?;
        scan_run(volume, index, bytes, (&mut scan, &mut streams));
        index += run;
    }
    streams.finish(&mut scan.zones);
    Ok(scan)
}

/// How many descriptor blocks from `index` on lie side by side, at most `most`.
fn run_length(volume: &Volume, index: u32, most: u32) -> u32 {
    let geometry = volume.geometry();
    let block = |n: u32| geometry.desc_block(index + n, volume.superblock_block).map(|b| b.get());
    let first = block(0);
    (1..most).find(|&n| block(n) != first.map(|f| f + u64::from(n))).unwrap_or(most).max(1)
}

/// Verifies the descriptors in the blocks from descriptor block `index` on.
fn scan_run(volume: &Volume, index: u32, bytes: &[u8], out: (&mut Scan, &mut Streams)) {
    let (scan, streams) = out;
    let geometry = volume.geometry();
    let first = index * geometry.descs_per_block();
    for (n, desc) in (first..).zip(bytes.chunks_exact(geometry.desc_size() as usize)) {
        let Some(group) = geometry.group(n) else { break };
        streams.base.add(
            geometry.group_first_block(group).get(),
            geometry.base_meta_blocks(group).into(),
            None,
        );
        match GroupDesc::parse(desc, group, &volume.superblock) {
            Ok(desc) => {
                scan.free.clusters += u64::from(desc.free_clusters);
                scan.free.inodes += u64::from(desc.free_inodes);
                streams.add(&desc, geometry.inode_table_blocks());
            }
            Err(corrupt) => scan.note(corrupt),
        }
    }
}

impl Scan {
    fn note(&mut self, corrupt: Corrupt) {
        self.damaged_groups += 1;
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(corrupt);
        }
    }
}

/// Each kind of metadata ascends by itself, also where a flex group interleaves them: gathered
/// apart, runs join at once.
#[derive(Default)]
struct Streams {
    base: SystemZones,
    block_bitmaps: SystemZones,
    inode_bitmaps: SystemZones,
    inode_tables: SystemZones,
}

impl Streams {
    fn add(&mut self, desc: &GroupDesc, table_blocks: u32) {
        self.block_bitmaps.add(desc.block_bitmap.get(), 1, None);
        self.inode_bitmaps.add(desc.inode_bitmap.get(), 1, None);
        self.inode_tables.add(desc.inode_table.get(), table_blocks.into(), None);
    }

    fn finish(self, zones: &mut SystemZones) {
        for stream in [self.base, self.block_bitmaps, self.inode_bitmaps, self.inode_tables] {
            zones.append(stream);
        }
    }
}

impl Volume {
    /// The verified descriptor of `group`, as it is on the device or in memory now.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) for a bad descriptor, those of a block read.
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
