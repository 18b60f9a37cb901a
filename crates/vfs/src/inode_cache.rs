//! Inodes in memory, by number. Bounded; an inode with a handle is never dropped, so that each
//! inode is in memory once.

use extant_block::IoFlags;
use extant_core::{InodeUse, Volume};
use extant_format::{FileType, Inode, InodeFlags, InodeNr};
use extant_sync::atomic::{AtomicU64, Ordering};
use extant_sync::{Arc, Rank, ShardedCache, hash_number};

use crate::{Result, Stat};

/// An inode in memory.
#[derive(Debug)]
pub(crate) struct CachedInode {
    pub(crate) inode: Inode,
    /// Size as shown: of an encrypted symlink not the one on disk.
    pub(crate) shown_size: u64,
    /// Counts changes of the block map (none yet).
    sequence: AtomicU64,
}

impl CachedInode {
    /// The extent sequence.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
pub(crate) struct InodeCache {
    inodes: ShardedCache<Arc<CachedInode>>,
}

impl InodeCache {
    pub(crate) fn new(capacity: usize) -> Self {
        let open = |inode: &Arc<CachedInode>| Arc::strong_count(inode) > 1;
        Self { inodes: ShardedCache::new(Rank::InodeShard, capacity, open) }
    }

    /// The inode `ino`, from memory or the volume.
    pub(crate) fn get(
        &self,
        volume: &Volume,
        ino: InodeNr,
        wanted: InodeUse,
        flags: IoFlags,
    ) -> Result<Arc<CachedInode>> {
        if wanted == InodeUse::Ordinary
            && let Some(found) = self.find(ino, Arc::clone)
        {
            return Ok(found);
        }
        let loaded = Arc::new(load(volume, ino, wanted, flags)?);
        if wanted != InodeUse::Ordinary {
            return Ok(loaded);
        }
        Ok(self.inodes.insert(hash(ino), |i| i.inode.ino == ino, loaded, Arc::clone))
    }

    /// The attributes of `ino`. A hit copies them under the shard's lock and touches nothing that
    /// other cores write.
    pub(crate) fn stat(&self, volume: &Volume, ino: InodeNr, flags: IoFlags) -> Result<Stat> {
        if let Some(stat) = self.find(ino, |i| Stat::of(&i.inode, i.shown_size)) {
            return Ok(stat);
        }
        let inode = self.get(volume, ino, InodeUse::Ordinary, flags)?;
        Ok(Stat::of(&inode.inode, inode.shown_size))
    }

    pub(crate) fn len(&self) -> usize {
        self.inodes.len()
    }

    fn find<R>(&self, ino: InodeNr, read: impl FnOnce(&Arc<CachedInode>) -> R) -> Option<R> {
        self.inodes.find(hash(ino), |i| i.inode.ino == ino, read)
    }
}

fn load(volume: &Volume, ino: InodeNr, wanted: InodeUse, flags: IoFlags) -> Result<CachedInode> {
    let inode = volume.inode(ino, wanted, flags)?;
    let encrypted_link =
        inode.file_type == FileType::Symlink && inode.flags.contains(InodeFlags::ENCRYPT);
    let mut shown_size = inode.size;
    if encrypted_link {
        match volume.link_target(&inode, flags) {
            Ok(target) => shown_size = target.len() as u64,
            // A damaged link still has attributes.
            Err(extant_core::Error::Corrupt(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(CachedInode { inode, shown_size, sequence: AtomicU64::new(1) })
}

fn hash(ino: InodeNr) -> u64 {
    hash_number(ino.get().into())
}
