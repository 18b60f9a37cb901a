//! Where the file system's own metadata lies: superblock copies, descriptors and their reserve,
//! bitmaps and inode tables. No file may map any of it.

use std::ops::Range;

use extant_format::{Compat, GroupNr, Place};

use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// Sorted, disjoint runs of blocks.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    runs: Vec<Range<u64>>,
}

/// A run of a group's metadata.
struct Piece {
    blocks: Range<u64>,
    group: u32,
}

/// Descriptor blocks reserved in `group` although the feature for it is not set: they count.
fn unused_reserve(image: &Image, group: GroupNr) -> u32 {
    let (superblock, geometry) = (image.superblock(), image.geometry());
    let counted = superblock.features().compat(Compat::RESIZE_INODE);
    let reserved = u32::from(superblock.raw().reserved_gdt_blocks.get());
    let whole = geometry.first_meta_group().is_none() && geometry.has_superblock(group);
    let fits = reserved < geometry.group_blocks(group).saturating_sub(geometry.desc_block_count());
    if whole && fits && !counted { reserved } else { 0 }
}

impl Zones {
    /// The metadata of all groups; pieces that lie over another are told of.
    pub(crate) fn of(image: &Image, problems: &mut Problems) -> Self {
        let geometry = image.geometry();
        let mut pieces = Vec::new();
        for group in geometry.groups() {
            let mut add = |start: u64, len: u32| {
                let blocks = start..start + u64::from(len);
                pieces.push(Piece { blocks, group: group.get() });
            };
            let base = geometry.base_meta_blocks(group) + unused_reserve(image, group);
            if base > 0 {
                add(geometry.group_first_block(group).get(), base);
            }
            let known = image.group(group);
            if let Some(desc) = known.desc {
                add(desc.block_bitmap.get(), 1);
                add(desc.inode_bitmap.get(), 1);
            }
            if let Some(table) = known.inode_table {
                add(table.get(), geometry.inode_table_blocks());
            }
        }
        Self::join(pieces, problems)
    }

    fn join(mut pieces: Vec<Piece>, problems: &mut Problems) -> Self {
        pieces.sort_by_key(|piece| piece.blocks.start);
        let mut runs: Vec<Range<u64>> = Vec::new();
        for Piece { blocks, group } in pieces {
            match runs.last_mut() {
                Some(last) if blocks.start < last.end => {
                    let at = Place { group: Some(group), ..Place::default() }.block(blocks.start);
                    problems.push(Problem::new(ProblemKind::GroupOverlap, at));
                    last.end = last.end.max(blocks.end);
                }
                Some(last) if blocks.start == last.end => last.end = blocks.end,
                _ => runs.push(blocks),
            }
        }
        runs.shrink_to_fit();
        Self { runs }
    }

    /// Adds a block that is none yet.
    pub(crate) fn add(&mut self, block: u64) {
        let at = self.runs.partition_point(|run| run.start < block);
        self.runs.insert(at, block..block + 1);
    }

    /// Whether any of `blocks` is metadata.
    pub(crate) fn touches(&self, blocks: &Range<u64>) -> bool {
        self.within(blocks.clone()).next().is_some()
    }

    /// The parts of the runs that lie in `blocks`, ascending.
    pub(crate) fn within(&self, blocks: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.runs.partition_point(|run| run.end <= blocks.start);
        let runs = self.runs.iter().skip(first).take_while(move |run| run.start < blocks.end);
        runs.map(move |run| run.start.max(blocks.start)..run.end.min(blocks.end))
    }

    /// All runs, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.runs.iter()
    }
}
