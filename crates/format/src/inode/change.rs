//! Changing an inode in its slot: the fields, then [`set_inode_checksum`].

use zerocopy::FromBytes;

use super::{BASE_SIZE, MAP_OFFSET, MAP_SIZE, RawExtra, RawInode, inode_checksum};
use crate::{InodeNr, Superblock};

impl RawInode {
    /// The first 128 bytes of a slot; `None` if there are fewer.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<&Self> {
        Self::ref_from_prefix(bytes).ok().map(|(raw, _)| raw)
    }

    /// The first 128 bytes of a slot, to be changed; `None` if there are fewer.
    #[must_use]
    pub fn from_slot_mut(bytes: &mut [u8]) -> Option<&mut Self> {
        Self::mut_from_prefix(bytes).ok().map(|(raw, _)| raw)
    }

    /// Leaves what a deleted inode has: no links, size, blocks or attribute block, and the time of
    /// its deletion, of which the low half in seconds since 1970 is kept. Type, owner and times
    /// stay; so does the map.
    pub fn erase(&mut self, deleted: u32) {
        self.links_count.set(0);
        self.size_lo.set(0);
        self.size_hi.set(0);
        self.blocks_lo.set(0);
        self.blocks_hi.set(0);
        self.file_acl_lo.set(0);
        self.file_acl_hi.set(0);
        self.dtime.set(deleted);
    }
}

/// The 60 bytes of the block map of a slot, to be changed; empty if there are too few.
#[must_use]
pub fn map_bytes_mut(slot: &mut [u8]) -> &mut [u8] {
    slot.get_mut(MAP_OFFSET..MAP_OFFSET + MAP_SIZE).unwrap_or_default()
}

/// Makes the checksum of `slot`, the bytes of inode `ino`, right where the file system has
/// checksums. The generation is that of the slot. The upper half is stored where the extra fields
/// reach that far.
pub fn set_inode_checksum(slot: &mut [u8], ino: InodeNr, sb: &Superblock) {
    if !sb.features().metadata_csum() {
        return;
    }
    let Some(raw) = RawInode::from_slot_mut(slot) else { return };
    let seed = sb.seed().for_inode(ino, raw.generation.get());
    let sum = inode_checksum(slot, seed).to_le_bytes();
    let [low, high] = [[sum[0], sum[1]], [sum[2], sum[3]]].map(u16::from_le_bytes);
    if let Some(raw) = RawInode::from_slot_mut(slot) {
        raw.checksum_lo.set(low);
    }
    if let Some(rest) = slot.get_mut(BASE_SIZE..)
        && RawExtra::in_use(rest).is_some_and(|extra| extra.has(4))
        && let Some(place) = rest.get_mut(2..4)
    {
        place.copy_from_slice(&high.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Inode, testing};

    fn slot(size: usize, extra_isize: u16) -> Vec<u8> {
        let mut slot = vec![0; size];
        let raw = RawInode::from_slot_mut(&mut slot).unwrap();
        raw.mode.set(0o100_644);
        raw.links_count.set(1);
        raw.generation.set(77);
        if size > BASE_SIZE {
            slot[BASE_SIZE..BASE_SIZE + 2].copy_from_slice(&extra_isize.to_le_bytes());
        }
        slot
    }

    #[test]
    fn the_checksum_set_is_the_one_wanted() {
        for (size, extra) in [(128, 0), (256, 0), (256, 4), (256, 32), (512, 32)] {
            let sb = testing::with(|raw| raw.inode_size.set(u16::try_from(size).unwrap()));
            let ino = sb.geometry().inode(12).unwrap();
            let mut slot = slot(size, extra);
            assert!(Inode::parse(&slot, ino, &sb).is_err(), "{size} {extra}");
            set_inode_checksum(&mut slot, ino, &sb);
            let inode = Inode::parse(&slot, ino, &sb);
            assert_eq!(inode.unwrap().generation, 77, "{size} {extra}");
        }
    }

    #[test]
    fn without_checksums_nothing_changes() {
        let sb = testing::with(|raw| raw.feature_ro_compat.set(0));
        let mut slot = slot(256, 32);
        let before = slot.clone();
        set_inode_checksum(&mut slot, sb.geometry().inode(12).unwrap(), &sb);
        assert_eq!(slot, before);
    }

    #[test]
    fn erasing_leaves_type_and_map() {
        let mut slot = slot(256, 32);
        map_bytes_mut(&mut slot).fill(9);
        let raw = RawInode::from_slot_mut(&mut slot).unwrap();
        for field in [&mut raw.size_lo, &mut raw.size_hi, &mut raw.blocks_lo, &mut raw.file_acl_lo]
        {
            field.set(5);
        }
        raw.blocks_hi.set(5);
        raw.file_acl_hi.set(5);
        raw.erase(1234);
        assert_eq!((raw.mode.get(), raw.dtime.get(), raw.block), (0o100_644, 1234, [9; 60]));
        let rest = [raw.size_lo, raw.size_hi, raw.blocks_lo, raw.file_acl_lo];
        assert_eq!(rest.map(zerocopy::little_endian::U32::get), [0; 4]);
        assert_eq!((raw.links_count.get(), raw.blocks_hi.get(), raw.file_acl_hi.get()), (0, 0, 0));
    }
}
