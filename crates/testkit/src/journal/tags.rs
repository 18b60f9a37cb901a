//! Descriptor tags.

use super::{LogChecksum, LogFormat};

/// Which tags of a descriptor are followed by the 16 bytes of the journal's UUID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UuidTags {
    /// None: all are marked as the same as the one before.
    Never,
    /// The first of each descriptor, as the kernel writes.
    First,
    /// All.
    Every,
}

/// The first word of the copy was the magic number and is zero in the log.
pub(super) const ESCAPED: u16 = 1;
/// No UUID follows.
pub(super) const SAME_UUID: u16 = 2;
/// The last tag.
pub(super) const LAST_TAG: u16 = 8;

impl LogFormat {
    /// Bytes of a tag, without the UUID.
    #[must_use]
    pub const fn tag_size(&self) -> usize {
        match (self.checksum, self.wide) {
            (LogChecksum::V3, _) => 16,
            (LogChecksum::V2, true) => 14,
            (LogChecksum::V2, false) => 10,
            (_, true) => 12,
            (_, false) => 8,
        }
    }

    /// How many tags a descriptor of `block_size` bytes takes.
    #[must_use]
    pub const fn tags_in(&self, block_size: usize) -> usize {
        let room = block_size - 12 - if self.all_blocks() { 4 } else { 0 };
        match self.uuid {
            UuidTags::Never => room / self.tag_size(),
            UuidTags::First => (room - 16) / self.tag_size(),
            UuidTags::Every => room / (self.tag_size() + 16),
        }
    }

    /// Whether tag `number` of a descriptor is followed by the UUID.
    pub(super) const fn has_uuid(&self, number: usize) -> bool {
        match self.uuid {
            UuidTags::Never => false,
            UuidTags::First => number == 0,
            UuidTags::Every => true,
        }
    }

    /// A tag for `home`, its checksum still zero.
    pub(super) fn tag(&self, home: u64, flags: u16) -> Vec<u8> {
        let bytes = home.to_be_bytes();
        let (high, low) = bytes.split_at(4);
        let mut tag = low.to_vec();
        if self.checksum == LogChecksum::V3 {
            tag.extend(u32::from(flags).to_be_bytes());
            tag.extend(high);
        } else {
            tag.extend([0; 2]);
            tag.extend(flags.to_be_bytes());
            if self.wide {
                tag.extend(high);
            }
        }
        tag.resize(self.tag_size(), 0);
        tag
    }
}
