//! Opening: superblock, device size, recovery, multi-mount block, descriptors, system zones, root.
//! After this every number that locates something is inside the image, or its group is on
//! the list of damage.

use extant_block::{BlockDevice, IoFlags, read_unaligned};
use extant_format::superblock::{SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, Superblock};
use extant_format::{BlockNr, BlockSize, CorruptKind, FileType, InodeNr, Place};
use extant_jbd2::BufferCache;
use extant_sync::Arc;

use crate::recovery::Purpose;
use crate::statfs::FreeCounts;
use crate::{Error, InodeUse, Result, SystemZones, Volume, groups, recovery, special};

/// Which copy of the superblock to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SuperblockCopy {
    /// The primary one, 1,024 bytes into the file system.
    #[default]
    Primary,
    /// The copy in a block, as `e2fsck -b` counts them.
    Block {
        /// Block number, in blocks of the file system's block size.
        block: u64,
        /// The block size if it is known; else all sizes are tried.
        block_size: Option<BlockSize>,
    },
}

/// How to open a file system.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Which superblock to use.
    pub superblock: SuperblockCopy,
    /// Leave out recovery: neither the journal nor orphans are looked at.
    pub noload: bool,
    /// Open although the multi-mount block says that another host uses the file system.
    pub ignore_in_use: bool,
    /// Open although the device is smaller than the file system: blocks behind its end fail.
    pub allow_short_device: bool,
    /// Open to show structures as they are on the device: nothing is recovered, and a root that
    /// cannot be read is no reason to refuse, but noted as damage.
    pub inspect: bool,
    /// The device of an external journal. Only a journal that holds changes is looked at.
    pub journal: Option<Arc<dyn BlockDevice>>,
    /// Bytes of metadata to keep in memory.
    pub cache_bytes: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            superblock: SuperblockCopy::Primary,
            noload: false,
            ignore_in_use: false,
            allow_short_device: false,
            inspect: false,
            journal: None,
            cache_bytes: 32 << 20,
        }
    }
}

/// A superblock, and the block that it was found in.
#[derive(Clone, Debug)]
pub(crate) struct FoundSuperblock {
    pub(crate) superblock: Superblock,
    pub(crate) block: BlockNr,
}

impl Volume {
    /// Opens the file system that starts at byte 0 of `device`, for reading. What its journal
    /// holds, and orphans, are dealt with in memory; the device is never written.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a superblock, a journal or a root that cannot be used,
    /// [`Error::Unsupported`], [`Error::JournalMissing`], [`Error::InUse`], [`Error::Device`].
    pub fn open(device: Arc<dyn BlockDevice>, options: &OpenOptions) -> Result<Self> {
        let found = FoundSuperblock::read(&*device, options)?;
        if options.noload || options.inspect || !recovery::is_needed(&found.superblock) {
            return Self::at_rest(device, found, options);
        }
        let recovered = recovery::replay_into_memory(device, found, options, Purpose::View)?;
        let found = FoundSuperblock::read(&*recovered.device, options)?;
        let mut volume = Self::at_rest(Arc::clone(&recovered.device), found, options)?;
        recovered.check(&volume)?;
        volume.recovery = Some(recovered.report);
        Ok(volume)
    }

    /// Opens the file system as the device shows it, whatever its journal holds.
    pub(crate) fn at_rest(
        device: Arc<dyn BlockDevice>,
        found: FoundSuperblock,
        options: &OpenOptions,
    ) -> Result<Self> {
        let mut volume = Self::unchecked(device, found, options.cache_bytes);
        if !options.ignore_in_use {
            volume.check_multi_mount()?;
        }
        let scan = groups::scan(&volume)?;
        volume.damage = scan.damage;
        volume.damaged_groups = scan.damaged_groups;
        volume.free = scan.free;
        let mut zones = scan.zones;
        special::add_zones(&mut volume, &mut zones);
        let overlaps = zones.finish();
        volume.zones = zones;
        groups::note_overlaps(&mut volume, overlaps)?;
        match volume.check_root() {
            Err(Error::Corrupt(corrupt)) if options.inspect => volume.damage.push(corrupt),
            result => result?,
        }
        Ok(volume)
    }

    /// A volume of which only the superblock is known: enough to find a journal.
    pub(crate) fn unchecked(
        device: Arc<dyn BlockDevice>,
        found: FoundSuperblock,
        cache_bytes: usize,
    ) -> Self {
        let block_size = found.superblock.geometry().block_size();
        Self {
            superblock: found.superblock,
            superblock_block: found.block,
            buffers: BufferCache::new(device, block_size, cache_bytes),
            zones: SystemZones::default(),
            damage: Vec::new(),
            damaged_groups: 0,
            free: FreeCounts::default(),
            recovery: None,
        }
    }

    /// The root must be an allocated directory (row 17).
    fn check_root(&self) -> Result<()> {
        let bad = || Error::corrupt(CorruptKind::RootInode, Place::inode(InodeNr::ROOT));
        match self.inode(InodeNr::ROOT, InodeUse::Ordinary, IoFlags::NONE) {
            Ok(root) if root.file_type == FileType::Directory && root.links > 0 => Ok(()),
            Ok(_) => Err(bad()),
            Err(Error::Corrupt(c)) if c.kind == CorruptKind::InodeUnallocated => Err(bad()),
            Err(error) => Err(error),
        }
    }
}

impl FoundSuperblock {
    /// Reads the superblock that `options` name, and compares it with the size of the device.
    pub(crate) fn read(device: &dyn BlockDevice, options: &OpenOptions) -> Result<Self> {
        let (superblock, block) = read_superblock(device, options.superblock)?;
        let geometry = superblock.geometry();
        if device.size_bytes() < geometry.size_bytes() && !options.allow_short_device {
            let at = Place::superblock().block(device.size_bytes() >> geometry.block_size().bits());
            return Err(Error::corrupt(CorruptKind::DeviceTooSmall, at));
        }
        Ok(Self { superblock, block })
    }
}

fn read_superblock(
    device: &dyn BlockDevice,
    copy: SuperblockCopy,
) -> Result<(Superblock, BlockNr)> {
    match copy {
        SuperblockCopy::Primary => {
            let superblock = superblock_at(device, SUPERBLOCK_OFFSET)?;
            let block = superblock.geometry().superblock_block();
            Ok((superblock, block))
        }
        SuperblockCopy::Block { block, block_size: Some(size) } => copy_at(device, block, size),
        SuperblockCopy::Block { block, block_size: None } => {
            let sizes = (0..=6).filter_map(BlockSize::from_log);
            let mut first_error = None;
            for size in sizes {
                match copy_at(device, block, size) {
                    Ok(found) => return Ok(found),
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
            Err(first_error.unwrap_or(Error::corrupt(
                CorruptKind::SuperblockMagic,
                Place::superblock().block(block),
            )))
        }
    }
}

/// The superblock copy in `block`, if blocks have `size` bytes and the copy says so too.
fn copy_at(device: &dyn BlockDevice, block: u64, size: BlockSize) -> Result<(Superblock, BlockNr)> {
    let none = || Error::corrupt(CorruptKind::SuperblockMagic, Place::superblock().block(block));
    let start = block.checked_mul(size.bytes64()).ok_or_else(none)?;
    let offset = if start == 0 { SUPERBLOCK_OFFSET } else { start };
    let superblock = superblock_at(device, offset)?;
    let geometry = superblock.geometry();
    let nr = geometry.block(block).filter(|_| geometry.block_size() == size).ok_or_else(none)?;
    Ok((superblock, nr))
}

fn superblock_at(device: &dyn BlockDevice, offset: u64) -> Result<Superblock> {
    let mut bytes = [0; SUPERBLOCK_SIZE];
    let end = offset.checked_add(SUPERBLOCK_SIZE as u64);
    if end.is_none_or(|end| end > device.size_bytes()) {
        let at = Place::superblock().offset(usize::try_from(offset).unwrap_or(usize::MAX));
        return Err(Error::corrupt(CorruptKind::SuperblockMagic, at));
    }
    read_unaligned(device, &mut bytes, offset)?;
    Ok(Superblock::parse(&bytes)?)
}
