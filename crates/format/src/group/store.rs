//! Writing counts, flags and checksums into a descriptor. Places and unknown bytes stay as found.

use zerocopy::FromBytes;
use zerocopy::little_endian::U16;

use super::{GroupDesc, RawHigh, RawLow, descriptor_checksum};
use crate::{GroupNr, Superblock};

impl GroupDesc {
    /// Writes counts, flags and the checksums of the bitmaps into `bytes`, the
    /// [`Geometry::desc_size`](crate::Geometry::desc_size) bytes of the descriptor of `group`, then
    /// its own checksum where descriptors carry one. Where they do not, the number of unused
    /// inodes means nothing and stays.
    pub fn store(&self, bytes: &mut [u8], group: GroupNr, sb: &Superblock) {
        let csum = sb.features().group_csum();
        let Ok((low, rest)) = RawLow::mut_from_prefix(bytes) else { return };
        // Fields that a short descriptor does not have go here.
        let mut nowhere = super::NO_HIGH.clone();
        let high = RawHigh::mut_from_prefix(rest).map_or(&mut nowhere, |(high, _)| high);
        low.flags.set(self.flags.bits());
        put(self.free_clusters, &mut low.free_clusters, &mut high.free_clusters);
        put(self.free_inodes, &mut low.free_inodes, &mut high.free_inodes);
        put(self.used_dirs, &mut low.used_dirs, &mut high.used_dirs);
        put(self.block_bitmap_csum, &mut low.block_bitmap_csum, &mut high.block_bitmap_csum);
        put(self.inode_bitmap_csum, &mut low.inode_bitmap_csum, &mut high.inode_bitmap_csum);
        if csum {
            put(self.unused_inodes, &mut low.unused_inodes, &mut high.unused_inodes);
            let size = sb.geometry().desc_size() as usize;
            let sum = descriptor_checksum(bytes.get(..size).unwrap_or_default(), group, sb);
            if let Ok((low, _)) = RawLow::mut_from_prefix(bytes) {
                low.checksum.set(sum);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "halves")]
fn put(value: u32, low: &mut U16, high: &mut U16) {
    low.set(value as u16);
    high.set((value >> 16) as u16);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Incompat, RoCompat};
    use crate::superblock::RawSuperblock;
    use crate::{GroupFlags, testing};

    /// A descriptor of `size` bytes with its places inside the small file system.
    fn descriptor(size: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
        for (offset, place) in [(0, 100_u32), (4, 101), (8, 102)] {
            bytes[offset..offset + 4].copy_from_slice(&place.to_le_bytes());
        }
        if size >= 64 {
            bytes[0x20..0x2c].fill(0);
        }
        bytes
    }

    fn round_trip(size: u16, change: impl FnOnce(&mut RawSuperblock)) {
        let sb = testing::with(change);
        let group = sb.geometry().group(0).unwrap();
        let mut bytes = descriptor(size.into());
        let before = bytes.clone();
        let block = |n| sb.geometry().block(n).unwrap();
        let wide = if size >= 64 { 0x1_0000 } else { 0 };
        let csum = sb.features().group_csum();
        let mut desc = GroupDesc {
            block_bitmap: block(100),
            inode_bitmap: block(101),
            inode_table: block(102),
            free_clusters: 0x1234 + wide,
            free_inodes: 33,
            used_dirs: 7,
            unused_inodes: if csum { 20 } else { 0 },
            flags: GroupFlags::INODE_ZEROED,
            block_bitmap_csum: 0x9876 + wide,
            inode_bitmap_csum: 0x4321 + wide,
            checksum: 0,
        };
        desc.store(&mut bytes, group, &sb);
        let parsed = GroupDesc::parse(&bytes, group, &sb).unwrap();
        desc.checksum = parsed.checksum;
        assert_eq!(parsed, desc);
        let kept = |range: std::ops::Range<usize>| bytes[range.clone()] == before[range];
        assert!(kept(0..0xc) && kept(0x14..0x18), "places and the exclude bitmap");
        assert!(csum || kept(0x1c..0x20), "fields that mean nothing without checksums");
        if size >= 64 {
            assert!(kept(0x34..0x38) && kept(0x3c..bytes.len()), "unknown bytes");
        }
    }

    #[test]
    fn what_is_stored_is_what_is_parsed_and_the_rest_stays() {
        let bit64 = |raw: &mut RawSuperblock, size| {
            raw.feature_incompat.set(raw.feature_incompat.get() | Incompat::BIT64.bits());
            raw.desc_size.set(size);
        };
        round_trip(32, |_| ());
        round_trip(64, |raw| bit64(raw, 64));
        round_trip(128, |raw| bit64(raw, 128));
        round_trip(32, |raw| raw.feature_ro_compat.set(RoCompat::GDT_CSUM.bits()));
        round_trip(32, |raw| raw.feature_ro_compat.set(0));
    }
}
