//! Superblocks for the unit tests of this crate.

use zerocopy::IntoBytes;

use crate::Superblock;
use crate::features::{Incompat, RoCompat};
use crate::superblock::{self, RawSuperblock};

/// 8 MiB, 1 KiB blocks, one group, `metadata_csum`.
pub(crate) fn small_raw() -> RawSuperblock {
    let mut raw = RawSuperblock::default();
    raw.magic.set(superblock::MAGIC);
    raw.rev_level.set(1);
    raw.blocks_count_lo.set(8192);
    raw.first_data_block.set(1);
    raw.blocks_per_group.set(8192);
    raw.clusters_per_group.set(8192);
    raw.inodes_per_group.set(64);
    raw.inodes_count.set(64);
    raw.inode_size.set(256);
    raw.first_ino.set(11);
    raw.feature_incompat.set(Incompat::FILETYPE.union(Incompat::EXTENTS).bits());
    raw.feature_ro_compat.set(RoCompat::METADATA_CSUM.bits());
    raw.checksum_type = 1;
    raw
}

/// A superblock from [`small_raw`] after `change`, with its checksum made right.
pub(crate) fn with(change: impl FnOnce(&mut RawSuperblock)) -> Superblock {
    let mut raw = small_raw();
    change(&mut raw);
    raw.checksum.set(superblock::checksum(&raw));
    Superblock::parse(raw.as_bytes()).unwrap()
}

/// The superblock of [`small_raw`].
pub(crate) fn small() -> Superblock {
    with(|_| ())
}
