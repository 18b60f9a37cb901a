//! The phase of groups: bitmaps and counts of each group against what was found in use.
//!
//! Where damage elsewhere hides what is in use, only what is certainly wrong is told: something in
//! use that is marked free.

use extant_block::AlignedBuffer;
use extant_format::bitmap::{verify_block_bitmap, verify_inode_bitmap};
use extant_format::group::GroupFlags;
use extant_format::{BlockNr, FileType, GroupDesc, GroupNr, Place};

use crate::census::Census;
use crate::image::Image;
use crate::inode_states::{InodeState, Mark};
use crate::report::Problems;
use crate::{Problem, ProblemKind, threads};

/// A thread of the phase.
pub(crate) struct Worker<'a> {
    image: &'a Image,
    census: &'a Census,
    pub(crate) problems: Problems,
    pub(crate) totals: Totals,
    buffer: AlignedBuffer,
}

/// Sums over groups.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Totals {
    /// Clusters found in use.
    pub(crate) used_clusters: u64,
    /// Inodes found in use.
    pub(crate) used_inodes: u64,
    /// Free clusters as the descriptors have them.
    pub(crate) free_clusters: u64,
    /// Free inodes as the descriptors have them.
    pub(crate) free_inodes: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: Self) {
        self.used_clusters += other.used_clusters;
        self.free_clusters += other.free_clusters;
        self.used_inodes += other.used_inodes;
        self.free_inodes += other.free_inodes;
    }
}

/// Checks all groups on `threads` threads; `done` is told the number of each.
pub(crate) fn check<'a>(
    image: &'a Image,
    census: &'a Census,
    threads: usize,
    done: &(dyn Fn(u64) + Sync),
) -> Vec<Worker<'a>> {
    let groups = u64::from(image.geometry().group_count());
    let new = || Worker {
        image,
        census,
        problems: Problems::default(),
        totals: Totals::default(),
        buffer: image.block_buffer(),
    };
    threads::for_each(threads, groups, new, |worker, n| {
        if let Some(group) = u32::try_from(n).ok().and_then(|n| image.geometry().group(n)) {
            worker.group(group);
            done(n);
        }
    })
}

/// What a bitmap and what was found say of each other.
#[derive(Default)]
struct Comparison {
    /// First bit that is wrongly clear, and how many are.
    missing: Option<(u32, u64)>,
    /// First bit that is wrongly set, and how many are.
    extra: Option<(u32, u64)>,
    /// Bits found in use.
    used: u32,
    /// Bits set in the bitmap.
    set: u32,
}

impl Comparison {
    /// Compares the first `len` bits of both.
    fn of(len: u32, found: impl Fn(usize) -> u64, bitmap: impl Fn(usize) -> u64) -> Self {
        let mut comparison = Self::default();
        for word in 0..len.div_ceil(64) {
            let bits = (len - word * 64).min(64);
            let mask = u64::MAX >> (64 - bits);
            let (found, bitmap) = (found(word as usize) & mask, bitmap(word as usize) & mask);
            comparison.used += found.count_ones();
            comparison.set += bitmap.count_ones();
            add(&mut comparison.missing, word, found & !bitmap);
            add(&mut comparison.extra, word, bitmap & !found);
        }
        comparison
    }
}

fn add(sum: &mut Option<(u32, u64)>, word: u32, bits: u64) {
    if bits != 0 {
        let (first, count) = sum.unwrap_or((word * 64 + bits.trailing_zeros(), 0));
        *sum = Some((first, count + u64::from(bits.count_ones())));
    }
}

/// Word `index` of a bitmap.
fn word(bytes: &[u8], index: usize) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words.get(index).map_or(0, |word| u64::from_le_bytes(*word))
}

/// Whether all bits behind the first `len` are set.
fn is_padded(bytes: &[u8], len: u32) -> bool {
    let (whole, rest) = ((len / 8) as usize, len % 8);
    let first = bytes.get(whole).is_none_or(|byte| rest == 0 || byte >> rest == 0xff >> rest);
    let after = bytes.get(whole + usize::from(rest != 0)..).unwrap_or_default();
    first && after.iter().all(|&byte| byte == 0xff)
}

impl Worker<'_> {
    fn group(&mut self, group: GroupNr) {
        let known = self.image.group(group);
        let Some(desc) = known.desc else { return };
        let last = group.get() + 1 == self.image.geometry().group_count();
        let checked = self.image.superblock().features().group_csum();
        if last && checked && desc.flags.contains(GroupFlags::BLOCK_UNINIT) {
            self.problems.push(Problem::new(ProblemKind::GroupLastUninit, Place::group(group)));
        }
        self.totals.free_clusters += u64::from(desc.free_clusters);
        self.totals.free_inodes += u64::from(desc.free_inodes);
        if !known.bitmaps_unknown {
            self.blocks(group, &desc);
            self.inodes(group, &desc);
        }
    }

    fn blocks(&mut self, group: GroupNr, desc: &GroupDesc) {
        let geometry = self.image.geometry();
        let blocks = geometry.group_blocks(group);
        let len = blocks.div_ceil(1 << geometry.cluster_ratio_bits());
        let clusters = &self.census.clusters;
        let found = |index| clusters.word(group, index);
        let checked = self.image.superblock().features().group_csum();
        let uninit = checked && desc.flags.contains(GroupFlags::BLOCK_UNINIT);
        let comparison = if uninit {
            let own = self.own_metadata(group);
            Comparison::of(len, found, |index| word(&own, index))
        } else {
            if !self.read(group, desc.block_bitmap) {
                return;
            }
            self.block_bitmap_itself(group, desc, len);
            Comparison::of(len, found, |index| word(&self.buffer, index))
        };
        let first = clusters.cluster(geometry.group_first_block(group).get());
        let block = |bit: u32| clusters.first_block(first + u64::from(bit));
        if let Some((bit, count)) = comparison.missing {
            let at = Place::group(group).block(block(bit));
            self.problems.push(Problem::new(ProblemKind::BlockBitmap, at).found(count));
        }
        if let Some((bit, count)) = comparison.extra.filter(|_| self.census.knows_blocks()) {
            let at = Place::group(group).block(block(bit));
            self.problems.push(Problem::new(ProblemKind::BlockBitmapUnused, at).found(count));
        }
        self.totals.used_clusters += u64::from(comparison.used);
        self.count(ProblemKind::GroupFreeBlocks, group, (desc.free_clusters, len), &comparison);
    }

    /// Checks checksum and padding of the block bitmap in the buffer.
    fn block_bitmap_itself(&mut self, group: GroupNr, desc: &GroupDesc, len: u32) {
        let at = Place::group(group).block(desc.block_bitmap.get());
        let superblock = self.image.superblock();
        if verify_block_bitmap(&self.buffer, desc, group, superblock).is_err() {
            self.problems.push(Problem::new(ProblemKind::BlockBitmapChecksum, at));
        }
        if !is_padded(&self.buffer, len) {
            self.problems.push(Problem::new(ProblemKind::BlockBitmapPadding, at));
        }
    }

    /// A bitmap of the metadata that lies in `group`.
    fn own_metadata(&self, group: GroupNr) -> Vec<u8> {
        let geometry = self.image.geometry();
        let start = geometry.group_first_block(group).get();
        let end = start + u64::from(geometry.group_blocks(group));
        let clusters = &self.census.clusters;
        let first = clusters.cluster(start);
        let mut bitmap = vec![0; self.buffer.len()];
        for run in self.census.zones.within(start..end) {
            for cluster in clusters.cluster(run.start)..=clusters.cluster(run.end - 1) {
                let bit = extant_format::to_usize(cluster - first);
                if let Some(byte) = bitmap.get_mut(bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
        bitmap
    }

    fn inodes(&mut self, group: GroupNr, desc: &GroupDesc) {
        let geometry = self.image.geometry();
        let len = geometry.inodes_per_group();
        let checked = self.image.superblock().features().group_csum();
        let uninit = checked && desc.flags.contains(GroupFlags::INODE_UNINIT);
        if uninit {
            self.buffer.fill(0);
        } else {
            if !self.read(group, desc.inode_bitmap) {
                return;
            }
            self.inode_bitmap_itself(group, desc, len);
        }
        let states = self.census.inodes.group(group);
        // Small groups share the reserved inodes.
        let before = group.get().saturating_mul(len);
        let reserved = (geometry.first_inode() - 1).saturating_sub(before).min(len);
        let found = |index: usize| used_word(states, index, reserved);
        let comparison = Comparison::of(len, found, |index| word(&self.buffer, index));
        let base = group.get() * len + 1;
        let place = |bit: u32| Place { inode: Some(base + bit), ..Place::group(group) };
        if let Some((bit, count)) = comparison.missing {
            let problem = Problem::new(ProblemKind::InodeBitmap, place(bit));
            self.problems.push(problem.found(count));
        }
        if let Some((bit, count)) = comparison.extra {
            let problem = Problem::new(ProblemKind::InodeBitmapUnused, place(bit));
            self.problems.push(problem.found(count));
        }
        self.totals.used_inodes += u64::from(comparison.used);
        self.count(ProblemKind::GroupFreeInodes, group, (desc.free_inodes, len), &comparison);
        self.directories(group, desc, states);
    }

    fn inode_bitmap_itself(&mut self, group: GroupNr, desc: &GroupDesc, len: u32) {
        let at = Place::group(group).block(desc.inode_bitmap.get());
        let superblock = self.image.superblock();
        if verify_inode_bitmap(&self.buffer, desc, group, superblock).is_err() {
            self.problems.push(Problem::new(ProblemKind::InodeBitmapChecksum, at));
        }
        if !is_padded(&self.buffer, len) {
            self.problems.push(Problem::new(ProblemKind::InodeBitmapPadding, at));
        }
    }

    fn directories(&mut self, group: GroupNr, desc: &GroupDesc, states: &[InodeState]) {
        let is_directory = |state: &&InodeState| {
            state.file_type() == Some(FileType::Directory) && !state.has(Mark::SYSTEM)
        };
        let count = states.iter().filter(is_directory).count() as u64;
        if count != u64::from(desc.used_dirs) && self.census.knows_names() {
            let problem = Problem::new(ProblemKind::GroupDirectories, Place::group(group));
            self.problems.push(problem.found(desc.used_dirs).expected(count));
        }
    }

    /// Checks a count of free things among `len`. One that agrees with a bitmap which is wrong has
    /// been told of with that.
    fn count(
        &mut self,
        kind: ProblemKind,
        group: GroupNr,
        (free, len): (u32, u32),
        comparison: &Comparison,
    ) {
        let expected = len - comparison.used;
        if free != expected && free != len - comparison.set {
            let problem = Problem::new(kind, Place::group(group));
            self.problems.push(problem.found(free).expected(expected));
        }
    }

    fn read(&mut self, group: GroupNr, block: BlockNr) -> bool {
        let read = self.image.read(block.get(), &mut self.buffer);
        if read.is_err() {
            let at = Place::group(group).block(block.get());
            self.problems.push(Problem::new(ProblemKind::GroupRead, at));
        }
        read.is_ok()
    }
}

/// Which of the 64 inodes from `index` x 64 on are in use; the first `reserved` always are.
fn used_word(states: &[InodeState], index: usize, reserved: u32) -> u64 {
    let start = index * 64;
    let states = states.get(start..).unwrap_or_default().iter().take(64);
    let used = states
        .enumerate()
        .fold(0_u64, |word, (bit, state)| word | u64::from(state.is_used()) << bit);
    let reserved = (reserved as usize).saturating_sub(start).min(64);
    used | u64::MAX.checked_shr(64 - u32::try_from(reserved).unwrap_or(64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_starts_at_the_bit() {
        let bytes = [0, 0b1111_1000, 0xff];
        assert!(is_padded(&bytes, 11) && is_padded(&bytes, 13) && !is_padded(&bytes, 10));
        assert!(is_padded(&bytes, 16) && is_padded(&bytes, 24));
        assert!(!is_padded(&[0xff, 0xfe], 8));
    }

    #[test]
    fn a_comparison_counts_what_differs() {
        let comparison = Comparison::of(70, |_| 0b101, |index| if index == 0 { 0b110 } else { 1 });
        assert_eq!(comparison.missing, Some((0, 2)));
        assert_eq!(comparison.extra, Some((1, 1)));
        assert_eq!((comparison.used, comparison.set), (4, 3));
    }

    #[test]
    fn reserved_inodes_are_in_use() {
        assert_eq!(used_word(&[], 0, 10), 0x3ff);
        assert_eq!(used_word(&[], 1, 10), 0);
        assert_eq!(used_word(&[], 0, 64), u64::MAX);
    }
}
