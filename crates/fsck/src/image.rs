//! The image that is checked: a device, its superblock and its descriptors. Nothing is cached: each
//! phase reads what it needs, in large pieces.

use extant_block::{AlignedBuffer, BlockDevice, DeviceError, check_range, read_unaligned};
use extant_format::inode::RawInode;
use extant_format::{BlockNr, BlockSize, GroupDesc, GroupNr, Inode, InodeNr, Superblock};
use extant_format::{CorruptKind, Geometry, to_usize};
use extant_sync::Arc;
use zerocopy::FromBytes;

/// An image with a usable superblock.
#[derive(Debug)]
pub(crate) struct Image {
    device: Arc<dyn BlockDevice>,
    superblock: Superblock,
    /// One for each group of the geometry.
    groups: Vec<Group>,
}

/// What is known of a group's metadata.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Group {
    /// The descriptor, unless it is malformed. Its checksum may be wrong.
    pub(crate) desc: Option<GroupDesc>,
    /// Whether the descriptor says of bitmaps that they were never written without the feature
    /// for it: then nothing is known of them.
    pub(crate) bitmaps_unknown: bool,
    /// The inode table, where that part of the descriptor at least makes sense.
    pub(crate) inode_table: Option<BlockNr>,
}

impl Image {
    /// An image whose descriptors are still to be read.
    pub(crate) fn new(device: Arc<dyn BlockDevice>, superblock: Superblock) -> Self {
        Self { device, superblock, groups: Vec::new() }
    }

    /// Sets the descriptors: one for each group.
    pub(crate) fn set_groups(&mut self, groups: Vec<Group>) {
        self.groups = groups;
    }

    /// The device.
    pub(crate) fn device(&self) -> &Arc<dyn BlockDevice> {
        &self.device
    }

    /// The superblock in use.
    pub(crate) fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// Its geometry.
    pub(crate) fn geometry(&self) -> &Geometry {
        self.superblock.geometry()
    }

    /// The block size.
    pub(crate) fn block_size(&self) -> BlockSize {
        self.geometry().block_size()
    }

    /// Whether metadata carries CRC32C checksums.
    pub(crate) fn has_checksums(&self) -> bool {
        self.superblock.features().metadata_csum()
    }

    /// What is known of `group`.
    pub(crate) fn group(&self, group: GroupNr) -> Group {
        self.groups.get(group.get() as usize).copied().unwrap_or_default()
    }

    /// Fills `buf` from the start of `block` on.
    pub(crate) fn read(&self, block: u64, buf: &mut [u8]) -> Result<(), DeviceError> {
        let size = self.block_size().bytes64();
        self.read_bytes(block.saturating_mul(size), buf)
    }

    /// Fills `buf` from byte `offset` on. A device may be shorter than its file system.
    pub(crate) fn read_bytes(&self, offset: u64, buf: &mut [u8]) -> Result<(), DeviceError> {
        check_range(offset, buf.len() as u64, self.device.size_bytes())?;
        read_unaligned(&*self.device, buf, offset)
    }

    /// A buffer of one block.
    pub(crate) fn block_buffer(&self) -> AlignedBuffer {
        AlignedBuffer::new(self.block_size().to_usize())
    }

    /// The bytes of inode `ino`, as they are in its table; `None` if they cannot be read.
    pub(crate) fn inode_bytes(&self, ino: InodeNr) -> Option<Vec<u8>> {
        let geometry = self.geometry();
        let (group, index) = geometry.inode_group(ino);
        let table = self.group(group).inode_table?;
        let size = u64::from(geometry.inode_size());
        let offset = table.byte_offset(self.block_size()) + u64::from(index) * size;
        let mut bytes = vec![0; to_usize(size)];
        self.read_bytes(offset, &mut bytes).ok()?;
        Some(bytes)
    }

    /// The link count of `ino`; `None` if it cannot be read.
    pub(crate) fn links(&self, ino: InodeNr) -> Option<u32> {
        let bytes = self.inode_bytes(ino)?;
        let (raw, _) = RawInode::ref_from_prefix(&bytes).ok()?;
        Some(raw.links_count.get().into())
    }

    /// Inode `ino` as far as it means anything: what is wrong with it, the phase of inodes tells.
    pub(crate) fn inode(&self, ino: InodeNr) -> Option<Inode> {
        let bytes = self.inode_bytes(ino)?;
        Inode::inspect(&bytes, ino, &self.superblock, |_: CorruptKind| {})
    }
}
