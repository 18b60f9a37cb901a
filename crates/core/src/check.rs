//! What the buffer cache remembers about a block: as what, and for which inode, it was verified.

use extant_format::Inode;
use extant_jbd2::CheckToken;

/// Structures that are verified once when their block is read.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum CheckKind {
    ExtentNode = 1,
    DirBlock = 2,
    XattrBlock = 3,
}

impl CheckKind {
    /// The token of this structure as one of `inode`.
    pub(crate) fn token(self, inode: &Inode) -> CheckToken {
        CheckToken::new(self as u8, inode.ino.get(), inode.generation)
    }

    /// The token of this structure where several inodes share it.
    pub(crate) fn shared_token(self) -> CheckToken {
        CheckToken::new(self as u8, 0, 0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use extant_format::superblock::{MAGIC, RawSuperblock};
    use extant_format::{Geometry, Superblock};

    /// 8 MiB in blocks of 1 KiB.
    pub(crate) fn geometry() -> Geometry {
        let mut raw = RawSuperblock::default();
        raw.magic.set(MAGIC);
        raw.blocks_count_lo.set(8192);
        raw.first_data_block.set(1);
        raw.blocks_per_group.set(8192);
        raw.clusters_per_group.set(8192);
        raw.inodes_per_group.set(64);
        raw.inodes_count.set(64);
        Superblock::parse(raw.bytes()).unwrap().geometry().clone()
    }
}
