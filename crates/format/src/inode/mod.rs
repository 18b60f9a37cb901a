//! Inodes: from the bytes of a table slot to a checked [`Inode`].
//!
//! A parsed inode has a right checksum (where the file system has them), a known type, extra
//! fields inside its slot, flags that agree with the features, and a size that its kind of map can
//! hold. What the map, the attributes and inline data hold is checked by their own modules.
//! Format: the kernel's `ext4/inodes.rst`.

mod blocks;
mod change;
mod flags;
mod raw;
mod times;

use std::mem::offset_of;

use zerocopy::{FromBytes, FromZeros};

pub use blocks::set_blocks_512;
pub use change::{map_bytes_mut, set_inode_checksum};
pub use flags::InodeFlags;
pub use raw::{BASE_SIZE, EXTRA_SIZE, RawExtra, RawInode};
pub use times::set_change_times;

use crate::checksum::crc32c;
use crate::features::{Incompat, RoCompat};
use crate::{
    Corrupt, CorruptKind, FileType, Geometry, IndirectMap, InodeNr, InodeSeed, Place, Superblock,
    Timestamp,
};

/// Offset of the block map in an inode.
const MAP_OFFSET: usize = offset_of!(RawInode, block);
/// Bytes of the block map.
pub const MAP_SIZE: usize = 60;

/// A checked inode. It keeps its bytes, [`bytes`](Self::bytes).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inode {
    /// The number.
    pub ino: InodeNr,
    /// The type, from the mode.
    pub file_type: FileType,
    /// Type and permissions as on disk.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Hard links; 1 for a directory with more links than the field counts (`dir_nlink`).
    pub links: u32,
    /// Size in bytes, at most what the kind of map holds.
    pub size: u64,
    /// Space in use, in units of 512 bytes, as recorded.
    pub blocks_512: u64,
    /// Flags.
    pub flags: InodeFlags,
    /// Generation.
    pub generation: u32,
    /// Last access.
    pub atime: Timestamp,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Last change of the inode.
    pub ctime: Timestamp,
    /// Creation, where the inode has room for it.
    pub crtime: Option<Timestamp>,
    /// Deletion in seconds since 1970, or the next inode of the orphan list.
    pub dtime: u32,
    /// Block of extended attributes, unchecked; 0 for none.
    pub file_acl: u64,
    /// Project, 0 where the inode has none.
    pub project: u32,
    /// Version.
    pub version: u64,
    /// Bytes of extra fields in use behind the first 128; 0 in slots of 128 bytes.
    pub extra_isize: u16,
    /// The seed of checksums of structures that this inode owns.
    pub seed: InodeSeed,
    fast_symlink: bool,
    bytes: Box<[u8]>,
}

impl Inode {
    /// Checks `bytes`, exactly [`Geometry::inode_size`] of them, as inode `ino`.
    ///
    /// # Errors
    /// One of the kinds `Inode*`, or `DirectorySize`. A slot of zeros, or without mode and links,
    /// is `InodeUnallocated`. An inode without links but with a mode is fine here: it may be an
    /// orphan.
    pub fn parse(bytes: &[u8], ino: InodeNr, sb: &Superblock) -> Result<Self, Corrupt> {
        let mut first = None;
        let inode = Self::inspect(bytes, ino, sb, |kind| {
            first.get_or_insert(kind);
        });
        match (first, inode) {
            (None, Some(inode)) => Ok(inode),
            (kind, _) => {
                let kind = kind.unwrap_or(CorruptKind::InodeUnallocated);
                Err(Corrupt::new(kind, Place::inode(ino)))
            }
        }
    }

    /// As [`parse`](Self::parse), but goes on where a rule is broken, and tells `broken` each. What
    /// does not make sense is left out: extra fields that do not fit the slot count as absent.
    /// `None` if there is no inode, or its type is unknown.
    pub fn inspect(
        bytes: &[u8],
        ino: InodeNr,
        sb: &Superblock,
        mut broken: impl FnMut(CorruptKind),
    ) -> Option<Self> {
        let split = RawInode::ref_from_prefix(bytes).ok();
        let Some((raw, rest)) = split.filter(|_| bytes.len() == slot_size(sb)) else {
            broken(CorruptKind::InodeExtraSize);
            return None;
        };
        if bytes.iter().all(|&byte| byte == 0) {
            broken(CorruptKind::InodeUnallocated);
            return None;
        }
        let extra = extra_fields(rest);
        let seed = sb.seed().for_inode(ino, raw.generation.get());
        let summed = sb.features().metadata_csum();
        match &extra {
            Err(kind) => broken(*kind),
            Ok(extra) if summed && !checksum_matches(bytes, raw, extra, seed) => {
                broken(CorruptKind::InodeChecksum);
            }
            Ok(_) => {}
        }
        let extra = extra.unwrap_or_else(|_| RawExtra::new_zeroed());
        if raw.mode.get() == 0 && raw.links_count.get() == 0 {
            broken(CorruptKind::InodeUnallocated);
            return None;
        }
        let Some(file_type) = FileType::from_mode(raw.mode.get()) else {
            broken(CorruptKind::InodeMode);
            return None;
        };
        let parts = Parts { raw, extra: &extra, file_type, ino, seed };
        let mut inode = Self::decode(bytes, &parts, sb);
        inode.check(sb, &mut broken);
        inode.fast_symlink = inode.decide_fast_symlink(sb);
        Some(inode)
    }

    fn decode(bytes: &[u8], parts: &Parts<'_>, sb: &Superblock) -> Self {
        let Parts { raw, extra, file_type, ino, seed } = *parts;
        let features = sb.features();
        let projects = features.ro_compat(RoCompat::PROJECT) && extra.has(EXTRA_SIZE);
        // Linux takes the times of a slot that tune2fs enlarged, whose size is 0, as in use.
        let enlarged = bytes.len() > BASE_SIZE && extra.extra_isize.get() == 0;
        let has = |end| enlarged || extra.has(end);
        let time = |base: u32, word: u32, end| Timestamp::decode(base, has(end).then_some(word));
        let crtime = has(0x14).then(|| time(extra.crtime.get(), extra.crtime_extra.get(), 0x18));
        Self {
            ino,
            file_type,
            mode: raw.mode.get(),
            uid: u32::from(raw.uid_hi.get()) << 16 | u32::from(raw.uid_lo.get()),
            gid: u32::from(raw.gid_hi.get()) << 16 | u32::from(raw.gid_lo.get()),
            links: raw.links_count.get().into(),
            size: size(raw, file_type, sb),
            blocks_512: blocks_512(raw, sb),
            flags: InodeFlags::from_bits(raw.flags.get()),
            generation: raw.generation.get(),
            atime: time(raw.atime.get(), extra.atime_extra.get(), 0x10),
            mtime: time(raw.mtime.get(), extra.mtime_extra.get(), 0xc),
            ctime: time(raw.ctime.get(), extra.ctime_extra.get(), 0x8),
            crtime,
            dtime: raw.dtime.get(),
            file_acl: file_acl(raw, sb),
            project: if projects { extra.projid.get() } else { 0 },
            version: u64::from(extra.version_hi.get()) << 32 | u64::from(raw.version_lo.get()),
            extra_isize: extra.extra_isize.get(),
            seed,
            fast_symlink: false,
            bytes: bytes.into(),
        }
    }

    fn check(&self, sb: &Superblock, broken: &mut impl FnMut(CorruptKind)) {
        if !self.flags.valid_with(sb.features()) {
            broken(CorruptKind::InodeFlags);
        }
        // Sizes of the others mean nothing, but must be sizes still: Linux counts them signed.
        let content = self.file_type.has_content();
        let most = if content { self.max_size(sb.geometry()) } else { i64::MAX.cast_unsigned() };
        if self.size > most {
            broken(CorruptKind::InodeSizeField);
        }
        let inline = self.flags.contains(InodeFlags::INLINE_DATA);
        if self.file_type == FileType::Directory && !inline {
            // A directory removed while open is an orphan of size zero.
            let empty = self.size == 0 && self.links > 0;
            if empty || !self.size.is_multiple_of(sb.geometry().block_size().bytes64()) {
                broken(CorruptKind::DirectorySize);
            }
        }
    }

    /// The largest size that the inode's kind of map can hold: 2^32 - 1 blocks of extents, or
    /// three levels of indirect blocks.
    fn max_size(&self, geometry: &Geometry) -> u64 {
        let block_size = geometry.block_size();
        let by_indirect = !self.flags.contains(InodeFlags::EXTENTS) && self.file_type.has_content();
        if by_indirect {
            return IndirectMap::max_size(block_size);
        }
        u64::from(u32::MAX) << block_size.bits()
    }

    /// The kernel's rule: a symlink is fast if it has no blocks but those of its attributes. With
    /// the feature `ea_inode` blocks of values in inodes of their own are counted as well, and the
    /// size tells.
    fn decide_fast_symlink(&self, sb: &Superblock) -> bool {
        let inline = self.flags.contains(InodeFlags::INLINE_DATA);
        if self.file_type != FileType::Symlink || inline {
            return false;
        }
        if sb.features().incompat(Incompat::EA_INODE) {
            return (1..MAP_SIZE as u64).contains(&self.size);
        }
        let geometry = sb.geometry();
        let cluster_512 = geometry.block_size().bytes64() << geometry.cluster_ratio_bits() >> 9;
        let attributes = if self.file_acl == 0 { 0 } else { cluster_512 };
        self.blocks_512 == attributes
    }

    /// Whether the inode is a symlink with its target in [`map_bytes`](Self::map_bytes).
    #[must_use]
    pub const fn is_fast_symlink(&self) -> bool {
        self.fast_symlink
    }

    /// All bytes of the slot as they are on disk.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The 60 bytes of the block map, which may hold other things: the start of inline data, a
    /// symlink target, a device number.
    #[must_use]
    pub fn map_bytes(&self) -> &[u8] {
        self.bytes.get(MAP_OFFSET..MAP_OFFSET + MAP_SIZE).unwrap_or_default()
    }

    /// Offset in the slot of [`ea_area`](Self::ea_area).
    #[must_use]
    pub fn ea_offset(&self) -> usize {
        if self.extra_isize == 0 { self.bytes.len() } else { BASE_SIZE + self.extra_size() }
    }

    /// The bytes behind the extra fields, in which attributes live; empty if there are no extra
    /// fields.
    #[must_use]
    pub fn ea_area(&self) -> &[u8] {
        self.bytes.get(self.ea_offset()..).unwrap_or_default()
    }

    fn extra_size(&self) -> usize {
        self.extra_isize.into()
    }

    /// The encoded device number of a device: the old form of 16 bits in the first word of the
    /// map, or if that is zero the new form of 32 bits in the second.
    #[must_use]
    pub fn raw_device(&self) -> Option<RawDevice> {
        let map = IndirectMap::new(self.map_bytes());
        if !self.file_type.is_device() {
            return None;
        }
        let old = map.entry(0)?;
        Some(if old == 0 { RawDevice::New(map.entry(1)?) } else { RawDevice::Old(old) })
    }

    /// Major and minor number of a device.
    #[must_use]
    pub fn device(&self) -> Option<(u32, u32)> {
        self.raw_device().map(RawDevice::numbers)
    }
}

/// The encoded number of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RawDevice {
    /// Eight bits of minor below eight bits of major.
    Old(u32),
    /// Eight bits of minor, 12 bits of major, 12 more bits of minor.
    New(u32),
}

impl RawDevice {
    /// Major and minor number.
    #[must_use]
    pub const fn numbers(self) -> (u32, u32) {
        match self {
            Self::Old(word) => (word >> 8 & 0xff, word & 0xff),
            Self::New(word) => (word >> 8 & 0xfff, word & 0xff | word >> 12 & 0xf_ff00),
        }
    }
}

/// What decoding starts from.
#[derive(Clone, Copy)]
struct Parts<'a> {
    raw: &'a RawInode,
    extra: &'a RawExtra,
    file_type: FileType,
    ino: InodeNr,
    seed: InodeSeed,
}

/// Bytes of an inode's slot.
fn slot_size(sb: &Superblock) -> usize {
    sb.geometry().inode_size() as usize
}

/// The extra fields in the `rest` of a slot behind the first 128 bytes.
fn extra_fields(rest: &[u8]) -> Result<RawExtra, CorruptKind> {
    let Some(extra) = RawExtra::in_use(rest) else {
        return Ok(RawExtra::new_zeroed());
    };
    let size = usize::from(extra.extra_isize.get());
    if size > rest.len() || !size.is_multiple_of(4) {
        return Err(CorruptKind::InodeExtraSize);
    }
    Ok(extra)
}

fn checksum_matches(bytes: &[u8], raw: &RawInode, extra: &RawExtra, seed: InodeSeed) -> bool {
    let sum = inode_checksum(bytes, seed);
    if extra.has(4) {
        let stored = u32::from(extra.checksum_hi.get()) << 16 | u32::from(raw.checksum_lo.get());
        return sum == stored;
    }
    sum & 0xffff == u32::from(raw.checksum_lo.get())
}

/// The checksum that an inode should carry: over `bytes`, the whole slot, with both halves of the
/// field as zero. The upper half is not stored, and its place is summed as it is, where the extra
/// fields end before it.
#[must_use]
pub fn inode_checksum(bytes: &[u8], seed: InodeSeed) -> u32 {
    const LOW: usize = offset_of!(RawInode, checksum_lo);
    const HIGH: usize = BASE_SIZE + offset_of!(RawExtra, checksum_hi);
    let extra_isize = bytes.get(BASE_SIZE..).and_then(|rest| rest.first_chunk());
    let has_high = extra_isize.is_some_and(|size| u16::from_le_bytes(*size) >= 4);
    // The part with the fields is copied, to be summed in one piece.
    let mut head = [0; HIGH + 2];
    let len = if has_high { HIGH + 2 } else { BASE_SIZE };
    let (covered, rest) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
    let head = head.get_mut(..covered.len()).unwrap_or_default();
    head.copy_from_slice(covered);
    for field in [LOW, HIGH] {
        head.get_mut(field..field + 2).unwrap_or_default().fill(0);
    }
    crc32c(seed.sum(head), rest)
}

/// Regular files have 64 bits of size; others only with the feature `large_dir`.
fn size(raw: &RawInode, file_type: FileType, sb: &Superblock) -> u64 {
    let wide = file_type == FileType::Regular || sb.features().incompat(Incompat::LARGE_DIR);
    let hi = if wide { raw.size_hi.get() } else { 0 };
    crate::superblock::wide(hi, raw.size_lo.get())
}

/// The block count has 48 bits with the feature `huge_file`, and then counts file-system blocks if
/// the flag says so.
fn blocks_512(raw: &RawInode, sb: &Superblock) -> u64 {
    let lo = u64::from(raw.blocks_lo.get());
    if !sb.features().ro_compat(RoCompat::HUGE_FILE) {
        return lo;
    }
    let blocks = u64::from(raw.blocks_hi.get()) << 32 | lo;
    if InodeFlags::from_bits(raw.flags.get()).contains(InodeFlags::HUGE_FILE) {
        return blocks << (sb.geometry().block_size().bits() - 9);
    }
    blocks
}

fn file_acl(raw: &RawInode, sb: &Superblock) -> u64 {
    let wide = sb.features().incompat(Incompat::BIT64);
    let hi = if wide { raw.file_acl_hi.get() } else { 0 };
    u64::from(hi) << 32 | u64::from(raw.file_acl_lo.get())
}

#[cfg(test)]
mod tests;
