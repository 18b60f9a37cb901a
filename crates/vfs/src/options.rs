//! How to open a file system.

use extant_block::BlockDevice;
pub use extant_core::SuperblockCopy;
use extant_sync::Arc;

/// Options of [`Filesystem::open`](crate::Filesystem::open). The default opens for reading and
/// refuses what cannot be trusted.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Open for writing: not supported yet, and refused by name.
    pub writable: bool,
    /// Which superblock copy to use.
    pub superblock: SuperblockCopy,
    /// Leave out recovery, which happens in memory: neither the journal nor orphans are looked at.
    pub noload: bool,
    /// Open although the multi-mount block says that another host uses the file system.
    pub ignore_in_use: bool,
    /// Open although the device is smaller than the file system: what is behind its end fails.
    pub allow_short_device: bool,
    /// Open to show structures as they are on the device: nothing is recovered, and a root that
    /// cannot be read is no reason to refuse, but noted as damage of the volume.
    pub inspect: bool,
    /// The device of an external journal. Only a journal that holds changes is looked at.
    pub journal: Option<Arc<dyn BlockDevice>>,
    /// Bytes of metadata blocks to keep in memory.
    pub metadata_cache_bytes: usize,
    /// Inodes to keep in memory, besides those with open handles: about 600 bytes each.
    pub inode_cache: usize,
    /// Names to keep in memory, looked up with or without success: about 100 bytes each.
    pub name_cache: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            writable: false,
            superblock: SuperblockCopy::Primary,
            noload: false,
            ignore_in_use: false,
            allow_short_device: false,
            inspect: false,
            journal: None,
            metadata_cache_bytes: 32 << 20,
            inode_cache: 1 << 16,
            name_cache: 1 << 17,
        }
    }
}

impl OpenOptions {
    /// The part that the metadata layer wants.
    pub(crate) fn core(&self) -> extant_core::OpenOptions {
        extant_core::OpenOptions {
            superblock: self.superblock,
            noload: self.noload,
            ignore_in_use: self.ignore_in_use,
            allow_short_device: self.allow_short_device,
            inspect: self.inspect,
            journal: self.journal.clone(),
            cache_bytes: self.metadata_cache_bytes,
        }
    }
}
