//! The resize inode: a file whose map is the reserve of descriptor blocks, kept so that the file
//! system can grow (feature `resize_inode`).
//!
//! Its map has one double-indirect block. The entries of that are the reserved blocks behind the
//! primary descriptors; each of these lists the same block of every copy. All but the
//! double-indirect block lies where the superblock says that the reserve is, so this module checks
//! where it should point, and the census gets one block.

use extant_format::inode::RawInode;
use extant_format::{Compat, FileType, GroupNr, IndirectMap, Inode, InodeFlags, InodeNr, Place};
use zerocopy::FromBytes;

use crate::image::Image;
use crate::report::Problems;
use crate::{Problem, ProblemKind};

/// Index of the double-indirect block in the map.
const DOUBLE: u32 = 13;
/// Blocks of the file before those of the double-indirect block, less those of the indirect one.
const DIRECT: u64 = 12;

/// The double-indirect block of the resize inode `inode`: the one block of it that no group counts
/// as its own.
pub(crate) fn double_indirect(image: &Image, inode: &Inode) -> Option<u64> {
    if inode.flags.contains(InodeFlags::EXTENTS) {
        return None;
    }
    let block = IndirectMap::new(inode.map_bytes()).entry(DOUBLE)?;
    image.geometry().run(block.into(), 1).map(|block| block.get())
}

/// Checks the resize inode. Gives whether its double-indirect block is known.
pub(crate) fn check(image: &Image, problems: &mut Problems) -> bool {
    let superblock = image.superblock();
    let at = Place::inode(InodeNr::RESIZE);
    // A table that cannot be read is told of elsewhere.
    let Some(bytes) = image.inode_bytes(InodeNr::RESIZE) else { return true };
    if !superblock.features().compat(Compat::RESIZE_INODE) {
        let reserved = superblock.raw().reserved_gdt_blocks.get();
        if reserved != 0 {
            let problem = Problem::new(ProblemKind::SuperblockReservedGdt, Place::superblock());
            problems.push(problem.found(reserved).expected(0_u32));
        }
        let links = RawInode::ref_from_prefix(&bytes).map_or(0, |(raw, _)| raw.links_count.get());
        if links != 0 {
            problems.push(Problem::new(ProblemKind::ResizeUnexpected, at));
        }
        return true;
    }
    let inode = image.inode(InodeNr::RESIZE).filter(|inode| {
        inode.file_type == FileType::Regular && !inode.flags.contains(InodeFlags::EXTENTS)
    });
    let Some(inode) = inode else {
        problems.push(Problem::new(ProblemKind::ResizeInode, at));
        return false;
    };
    let mut walk = Walk::new(image);
    walk.inode(&inode);
    walk.report(&inode, problems);
    walk.double.is_some() || image.geometry().reserved_gdt_blocks() == 0
}

/// What the map should hold, and what it does.
struct Walk<'a> {
    image: &'a Image,
    /// Groups with copies of the descriptors, but the first.
    copies: Vec<GroupNr>,
    double: Option<u64>,
    /// Blocks mapped, those of the map included.
    blocks: u64,
    /// The last block of the file that is mapped.
    last: u64,
    /// A number outside the file system.
    outside: Option<u64>,
    /// The first number that is another than it should be.
    misplaced: Option<u64>,
}

impl<'a> Walk<'a> {
    fn new(image: &'a Image) -> Self {
        let geometry = image.geometry();
        let copies = geometry.groups_with_base_meta();
        let copies = copies.filter(|&group| group.get() != 0 && geometry.has_superblock(group));
        Self {
            image,
            copies: copies.collect(),
            double: None,
            blocks: 0,
            last: 0,
            outside: None,
            misplaced: None,
        }
    }

    fn inode(&mut self, inode: &Inode) {
        let map = IndirectMap::new(inode.map_bytes());
        for (index, entry) in (0_u32..).zip(map.entries()) {
            if entry != 0 && index != DOUBLE {
                self.misplaced.get_or_insert(entry.into());
                self.enter(entry, index.into());
            }
        }
        self.double = double_indirect(self.image, inode);
        let Some(double) = self.double else {
            let entry = map.entry(DOUBLE).map_or(0, u64::from);
            if entry != 0 {
                self.outside.get_or_insert(entry);
            } else if self.image.geometry().reserved_gdt_blocks() > 0 {
                self.misplaced.get_or_insert(0);
            }
            return;
        };
        self.blocks += 1;
        let mut bytes = self.image.block_buffer();
        if self.image.read(double, &mut bytes).is_err() {
            self.misplaced.get_or_insert(double);
            return;
        }
        self.double_block(&IndirectMap::new(&bytes));
    }

    /// The double-indirect block: entry n modulo its length is the n-th block of the descriptor
    /// table and its reserve, counted from behind the superblock.
    fn double_block(&mut self, map: &IndirectMap<'_>) {
        let geometry = self.image.geometry();
        let len = map.len() as u64;
        let table = geometry.superblock_block().get() + 1;
        let first = u64::from(geometry.desc_block_count());
        let reserved = u64::from(geometry.reserved_gdt_blocks());
        let mut bytes = self.image.block_buffer();
        for (index, entry) in (0_u64..).zip(map.entries()) {
            // The n-th reserved block, if one belongs here.
            let n = (index + len - first % len) % len;
            let expected = if n < reserved { table + first + n } else { 0 };
            if u64::from(entry) != expected {
                self.misplaced.get_or_insert(entry.into());
            }
            let logical = DIRECT + len + index * len;
            if entry == 0 || !self.enter(entry, logical) {
                continue;
            }
            if self.image.read(entry.into(), &mut bytes).is_err() {
                self.misplaced.get_or_insert(entry.into());
            } else {
                self.list(&bytes, expected, logical);
            }
        }
    }

    /// A reserved block, number `block`, which lists its copies.
    fn list(&mut self, bytes: &[u8], block: u64, logical: u64) {
        let geometry = self.image.geometry();
        let map = IndirectMap::new(bytes);
        let per_group = u64::from(geometry.blocks_per_group());
        let listed = self.copies.len().min(map.len());
        let (wanted, rest) = bytes.split_at(listed * 4);
        for (group, entry) in self.copies.iter().zip(IndirectMap::new(wanted).entries()) {
            let expected = block + u64::from(group.get()) * per_group;
            if u64::from(entry) != expected {
                self.misplaced.get_or_insert(entry.into());
                break;
            }
        }
        if rest.iter().any(|&byte| byte != 0) {
            let behind = IndirectMap::new(rest).entries().find(|&entry| entry != 0);
            self.misplaced.get_or_insert(behind.map_or(0, u64::from));
        } else if listed == 0 {
            return;
        }
        let used = if rest.iter().any(|&byte| byte != 0) { map } else { IndirectMap::new(wanted) };
        for (index, entry) in (0_u64..).zip(used.entries()) {
            if entry != 0 {
                self.enter(entry, logical + index);
            }
        }
    }

    /// Counts block `entry` of the map, which is block `logical` of the file or above it.
    fn enter(&mut self, entry: u32, logical: u64) -> bool {
        if self.image.geometry().run(entry.into(), 1).is_none() {
            self.outside.get_or_insert(entry.into());
            return false;
        }
        self.blocks += 1;
        self.last = self.last.max(logical);
        true
    }

    /// Tells the worst of what was found.
    fn report(&self, inode: &Inode, problems: &mut Problems) {
        let at = Place::inode(inode.ino);
        let bits = self.image.block_size().bits();
        // Each block counts as a cluster.
        let ratio_bits = self.image.geometry().cluster_ratio_bits();
        let blocks_512 = self.blocks << (bits - 9 + ratio_bits);
        let lost = self.double.is_none() && self.image.geometry().reserved_gdt_blocks() > 0;
        if let Some(block) = self.outside {
            problems.push(Problem::new(ProblemKind::ResizeInode, at.block(block)));
        } else if inode.blocks_512 != blocks_512 {
            let problem = Problem::new(ProblemKind::ResizeInode, at);
            problems.push(problem.found(inode.blocks_512).expected(blocks_512));
        } else if inode.size < self.last << bits {
            let problem = Problem::new(ProblemKind::ResizeInode, at);
            problems.push(problem.found(inode.size).expected((self.last + 1) << bits));
        } else if lost {
            // The reserve is in use by a block that nobody knows.
            problems.push(Problem::new(ProblemKind::ResizeInode, at).found(0_u32));
        } else if let Some(block) = self.misplaced {
            problems.push(Problem::new(ProblemKind::ResizeLayout, at.block(block)));
        } else if inode.links == 0 {
            problems.push(Problem::new(ProblemKind::ResizeLayout, at).found(0_u32));
        }
    }
}
