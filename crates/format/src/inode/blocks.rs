//! Changing what an inode says that it takes, in its slot. The checksum is left to whoever changes
//! the slot.

use super::RawInode;
use crate::features::RoCompat;
use crate::{InodeFlags, Superblock};

/// Records in `slot` that the inode takes `blocks` units of 512 bytes: 32 bits of them, or with
/// the feature `huge_file` 48 bits, or 48 bits of file-system blocks, with the flag that says so
/// set or cleared. False, and nothing is changed, if none of these holds the number.
#[must_use]
pub fn set_blocks_512(slot: &mut [u8], blocks: u64, sb: &Superblock) -> bool {
    let Some(raw) = RawInode::from_slot_mut(slot) else { return false };
    let huge = sb.features().ro_compat(RoCompat::HUGE_FILE);
    let in_blocks = huge && blocks >> 48 != 0;
    let count = if in_blocks { blocks >> (sb.geometry().block_size().bits() - 9) } else { blocks };
    let Ok(hi) = u16::try_from(count >> 32) else { return false };
    if hi != 0 && !huge {
        return false;
    }
    raw.blocks_lo.set(u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX));
    if huge {
        raw.blocks_hi.set(hi);
        let flags = raw.flags.get() & !InodeFlags::HUGE_FILE.bits();
        let flag = if in_blocks { InodeFlags::HUGE_FILE.bits() } else { 0 };
        raw.flags.set(flags | flag);
    }
    true
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;
    use crate::{Inode, InodeNr, testing};

    /// A file on a file system without checksums, which takes `blocks` as [`set_blocks_512`] says.
    fn with_blocks(blocks: u64, sb: &Superblock) -> Option<Inode> {
        let mut slot = [0; 256];
        let mut raw = RawInode::default();
        raw.mode.set(0o100_644);
        raw.links_count.set(1);
        raw.flags.set(InodeFlags::EXTENTS.bits());
        slot[..128].copy_from_slice(raw.as_bytes());
        set_blocks_512(&mut slot, blocks, sb)
            .then(|| Inode::parse(&slot, InodeNr::ROOT, sb).unwrap())
    }

    #[test]
    fn counts_are_read_as_they_were_set() {
        let huge = testing::with(|raw| raw.feature_ro_compat.set(RoCompat::HUGE_FILE.bits()));
        let small = testing::with(|raw| raw.feature_ro_compat.set(0));
        let counts = [0, 2, u64::from(u32::MAX), 1 << 32, (1 << 48) - 1, 1 << 48, (1 << 49) - 2];
        for blocks in counts {
            let inode = with_blocks(blocks, &huge).unwrap();
            assert_eq!(inode.blocks_512, blocks);
            assert_eq!(inode.flags.contains(InodeFlags::HUGE_FILE), blocks >= 1 << 48, "{blocks}");
            let fits = blocks <= u64::from(u32::MAX);
            let inode = with_blocks(blocks, &small);
            assert_eq!(inode.map(|inode| inode.blocks_512), fits.then_some(blocks));
        }
        assert!(with_blocks(1 << 49, &huge).is_none());
    }
}
