//! The start of a check: a superblock that can be used, and the descriptors of all groups.

use extant_block::{BlockDevice, DeviceError, read_unaligned};
use extant_format::Superblock;
use extant_format::group::descriptor_checksum;
use extant_format::superblock::{SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, SuperblockError};
use extant_format::{BlockNr, BlockSize, Corrupt, CorruptKind, GroupDesc, GroupNr, Place};
use extant_format::{Compat, RoCompat};
use extant_sync::Arc;

use crate::image::{Group, Image};
use crate::report::Problems;
use crate::{CheckError, CheckOptions, Problem, ProblemKind, Severity};

/// Offset of the checksum in a descriptor.
const DESC_CHECKSUM: usize = 0x1e;
/// Bytes of the block numbers at its start, and of their upper halves from [`HIGH`] on.
const PLACES: usize = 12;
/// Offset of the upper halves.
const HIGH: usize = 0x20;
/// Offset of its flags.
const FLAGS: usize = 0x12;
/// Offset of the count of unused inodes, and of its upper half.
const UNUSED: usize = 0x1c;
const UNUSED_HIGH: usize = 0x32;

/// Compatible features with structures that are checked, and those without any.
const KNOWN_COMPAT: Compat = Compat::DIR_PREALLOC
    .union(Compat::IMAGIC_INODES)
    .union(Compat::HAS_JOURNAL)
    .union(Compat::EXT_ATTR)
    .union(Compat::RESIZE_INODE)
    .union(Compat::DIR_INDEX)
    .union(Compat::SPARSE_SUPER2)
    .union(Compat::FAST_COMMIT)
    .union(Compat::STABLE_INODES)
    .union(Compat::ORPHAN_FILE);
/// The same of the features that are compatible for reading.
const KNOWN_RO_COMPAT: RoCompat = extant_format::features::WRITABLE_RO_COMPAT
    .union(RoCompat::READONLY)
    .union(RoCompat::SHARED_BLOCKS)
    .union(RoCompat::BTREE_DIR);

/// A superblock, and the block it was read from.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) superblock: Superblock,
    /// In blocks of its file system.
    pub(crate) block: u64,
}

/// Finds the superblock to use.
pub(crate) fn superblock(
    device: &dyn BlockDevice,
    options: &CheckOptions,
    problems: &mut Problems,
) -> Result<Found, CheckError> {
    if let Some(block) = options.superblock {
        return asked_for(device, block, options.block_size);
    }
    let wrong = match read_at(device, SUPERBLOCK_OFFSET)? {
        Ok(superblock) => {
            let block = superblock.geometry().superblock_block().get();
            known(&superblock)?;
            return Ok(Found { superblock, block });
        }
        // No copy would help.
        Err(error @ (SuperblockError::Unsupported { .. } | SuperblockError::JournalDevice)) => {
            return Err(error.into());
        }
        Err(SuperblockError::Corrupt(corrupt)) => corrupt,
    };
    let found = copies().find_map(|(size, block)| at_block(device, size, block).ok().flatten());
    let found = found.ok_or(SuperblockError::Corrupt(wrong))?;
    problems.push(Problem::corrupt(ProblemKind::SuperblockPrimary, wrong).found(found.block));
    Ok(found)
}

/// Where the first copy of the superblock lies with each block size, as mke2fs(8) lays groups out.
fn copies() -> impl Iterator<Item = (BlockSize, u64)> {
    (0..=6).filter_map(BlockSize::from_log).flat_map(|size| {
        let first = u64::from(size.bytes() == 1024);
        let group = size.bytes64() * 8;
        // Also the second group with a copy.
        [first + group, first + 3 * group].map(|block| (size, block))
    })
}

/// Refuses what a checker must not judge: features and revisions that it does not know. Compatible
/// features count, too: an image may have structures because of them.
fn known(superblock: &Superblock) -> Result<(), SuperblockError> {
    let features = superblock.features();
    let compat = features.compat.without(KNOWN_COMPAT);
    let ro_compat = features.ro_compat.without(KNOWN_RO_COMPAT);
    let mut unknown: Vec<String> = compat.names().chain(ro_compat.names()).collect();
    if superblock.raw().rev_level.get() > 1 {
        unknown.push(format!("revision {}", superblock.raw().rev_level.get()));
    }
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(SuperblockError::Unsupported { features: unknown })
    }
}

fn asked_for(
    device: &dyn BlockDevice,
    block: u64,
    size: Option<BlockSize>,
) -> Result<Found, CheckError> {
    let sizes = (0..=6).filter_map(BlockSize::from_log);
    let sizes = sizes.filter(|candidate| size.is_none_or(|wanted| wanted == *candidate));
    let mut wrong = SuperblockError::Corrupt(Corrupt::new(
        CorruptKind::SuperblockMagic,
        Place::superblock().block(block),
    ));
    for size in sizes {
        let Some(offset) = block.checked_mul(size.bytes64()) else { continue };
        match read_at(device, offset) {
            Ok(Ok(superblock)) if superblock.geometry().block_size() == size => {
                return Ok(Found { superblock, block });
            }
            Ok(Err(SuperblockError::Corrupt(corrupt)))
                if corrupt.kind == CorruptKind::SuperblockMagic => {}
            Ok(Err(error)) => wrong = error,
            _ => {}
        }
    }
    Err(wrong.into())
}

fn at_block(
    device: &dyn BlockDevice,
    size: BlockSize,
    block: u64,
) -> Result<Option<Found>, DeviceError> {
    let read = read_at(device, block * size.bytes64())?;
    let fits = |superblock: &Superblock| superblock.geometry().block_size() == size;
    Ok(read.ok().filter(fits).map(|superblock| Found { superblock, block }))
}

/// The superblock at byte `offset`.
pub(crate) fn read_at(
    device: &dyn BlockDevice,
    offset: u64,
) -> Result<Result<Superblock, SuperblockError>, DeviceError> {
    let mut bytes = [0; SUPERBLOCK_SIZE];
    let end = offset.checked_add(bytes.len() as u64);
    if end.is_none_or(|end| end > device.size_bytes()) {
        let at = Place::superblock();
        return Ok(Err(Corrupt::new(CorruptKind::SuperblockMagic, at).into()));
    }
    read_unaligned(device, &mut bytes, offset)?;
    Ok(Superblock::parse(&bytes))
}

/// The image of `found` on `device`, with its descriptors: the primary ones even if the superblock
/// is a copy, since nobody keeps the counts and sums of copies up to date.
pub(crate) fn image(device: Arc<dyn BlockDevice>, found: Found, problems: &mut Problems) -> Image {
    let size = found.superblock.geometry().size_bytes();
    if size > device.size_bytes() {
        let problem = Problem::new(ProblemKind::DeviceTooSmall, Place::superblock());
        problems.push(problem.found(device.size_bytes()).expected(size));
    }
    let geometry = found.superblock.geometry().clone();
    let mut image = Image::new(device, found.superblock);
    let beside = geometry.superblock_block();
    let copy = geometry.block(found.block).filter(|&block| block != beside);
    let mut groups = Vec::with_capacity(geometry.group_count() as usize);
    for index in 0..geometry.desc_block_count() {
        let first = index * geometry.descs_per_block();
        let count = geometry.descs_per_block().min(geometry.group_count() - first);
        let block = geometry.desc_block(index, beside);
        let mut table = Table { image: &image, copy, problems };
        groups.extend(table.block(block, first, count));
    }
    image.set_groups(groups);
    image
}

struct Table<'a> {
    image: &'a Image,
    /// The block with the copy of the superblock in use, if it is one.
    copy: Option<BlockNr>,
    problems: &'a mut Problems,
}

impl Table<'_> {
    /// The `count` descriptors in a block, of which the first is that of group `first`.
    fn block(&mut self, block: Option<BlockNr>, first: u32, count: u32) -> Vec<Group> {
        let mut bytes = self.image.block_buffer();
        let read = block.map(|block| self.image.read(block.get(), &mut bytes));
        if !matches!(read, Some(Ok(()))) {
            let at = Place { group: Some(first), ..Place::default() };
            self.problems.push(Problem::new(ProblemKind::GroupRead, at));
            return vec![Group::default(); count as usize];
        }
        let geometry = self.image.geometry();
        let descs = bytes.chunks_exact(geometry.desc_size() as usize);
        let groups = (first..first + count).filter_map(|n| geometry.group(n));
        groups.zip(descs).map(|(group, bytes)| self.descriptor(group, bytes)).collect()
    }

    /// The descriptor of `group` in `bytes`, mended where that loses nothing.
    fn descriptor(&mut self, group: GroupNr, bytes: &[u8]) -> Group {
        let superblock = self.image.superblock();
        let mut bytes = bytes.to_vec();
        let mut told = Vec::new();
        let desc = loop {
            let corrupt = match GroupDesc::parse(&bytes, group, superblock) {
                Ok(desc) => break Some(desc),
                Err(corrupt) => corrupt,
            };
            if told.contains(&corrupt.kind) {
                break None;
            }
            told.push(corrupt.kind);
            self.mend(&mut bytes, group, corrupt.kind);
        };
        self.tell(group, &told);
        let table = desc.map(|desc| desc.inode_table);
        let table = table.or_else(|| GroupDesc::inode_table(&bytes, group, superblock).ok());
        let bitmaps_unknown = told.contains(&CorruptKind::GroupFlags);
        Group { desc, bitmaps_unknown, inode_table: table }
    }

    /// Tells what is wrong with the descriptor of `group`. Of one that is malformed, the checksum
    /// is no news.
    fn tell(&mut self, group: GroupNr, wrong: &[CorruptKind]) {
        let malformed = wrong.iter().any(|&kind| {
            kind != CorruptKind::GroupChecksum && row(kind).severity() == Severity::Error
        });
        for &kind in wrong {
            if kind != CorruptKind::GroupChecksum || !malformed {
                let corrupt = Corrupt::new(kind, Place::group(group));
                let mut problem = Problem::corrupt(row(kind), corrupt);
                // The row says the same.
                problem.cause = problem.cause.filter(|&kind| kind != CorruptKind::GroupChecksum);
                self.problems.push(problem);
            }
        }
    }

    /// Makes good what is wrong with a descriptor: places come from a copy, where there is one.
    fn mend(&self, bytes: &mut [u8], group: GroupNr, wrong: CorruptKind) {
        let mut set = |at: usize, value: &[u8]| {
            if let Some(field) = bytes.get_mut(at..at + value.len()) {
                field.copy_from_slice(value);
            }
        };
        match wrong {
            CorruptKind::GroupChecksum => {}
            CorruptKind::GroupFlags => set(FLAGS, &[0; 2]),
            CorruptKind::GroupUnusedInodes => {
                set(UNUSED, &[0; 2]);
                set(UNUSED_HIGH, &[0; 2]);
            }
            _ => {
                let copy = self.copy_of(group).unwrap_or_default();
                set(0, copy.get(..PLACES).unwrap_or_default());
                set(HIGH, copy.get(HIGH..HIGH + PLACES).unwrap_or_default());
            }
        }
        let sum = descriptor_checksum(bytes, group, self.image.superblock());
        if let Some(field) = bytes.get_mut(DESC_CHECKSUM..DESC_CHECKSUM + 2) {
            field.copy_from_slice(&sum.to_le_bytes());
        }
    }

    /// The descriptor of `group` beside the copy of the superblock in use, or the first one.
    fn copy_of(&self, group: GroupNr) -> Option<Vec<u8>> {
        let geometry = self.image.geometry();
        let mut copies = geometry.groups_with_base_meta().filter(|group| group.get() != 0);
        let first = copies.find(|&copy| geometry.has_superblock(copy));
        let beside = self.copy.or_else(|| first.map(|copy| geometry.group_first_block(copy)))?;
        let (index, offset) = geometry.desc_index(group);
        let block = geometry.desc_block(index, beside)?;
        let mut bytes = self.image.block_buffer();
        self.image.read(block.get(), &mut bytes).ok()?;
        let desc = bytes.get(offset..offset + geometry.desc_size() as usize)?;
        Some(desc.to_vec())
    }
}

/// The row for what the parser says of a descriptor.
fn row(kind: CorruptKind) -> ProblemKind {
    match kind {
        CorruptKind::GroupChecksum => ProblemKind::GroupChecksum,
        CorruptKind::GroupFlags => ProblemKind::GroupFlags,
        CorruptKind::GroupUnusedInodes => ProblemKind::GroupUnusedInodes,
        _ => ProblemKind::GroupDescriptor,
    }
}

/// Block bitmap, inode bitmap and inode table of the descriptor in `bytes`.
pub(crate) fn places(bytes: &[u8]) -> [u64; 3] {
    let word = |at: usize| {
        let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
        word.map_or(0, |word| u32::from_le_bytes(*word))
    };
    [0, 4, 8].map(|at| u64::from(word(HIGH + at)) << 32 | u64::from(word(at)))
}

/// The same of a descriptor in use.
pub(crate) fn places_of(desc: &GroupDesc) -> [u64; 3] {
    [desc.block_bitmap, desc.inode_bitmap, desc.inode_table].map(BlockNr::get)
}
