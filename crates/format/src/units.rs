//! Numbers with a unit. A physical block, group or inode number exists only inside a validated
//! [`Geometry`](crate::Geometry); a logical block is an offset in a file and may be any `u32`.

use std::fmt;

/// Converts a byte count or index to `usize`. Lossless: only 64-bit targets are supported.
#[must_use]
pub const fn to_usize(n: u64) -> usize {
    const { assert!(size_of::<usize>() >= 8, "64-bit targets only") };
    #[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits here")]
    let n = n as usize;
    n
}

/// A file-system block size: a power of two from 1,024 to 65,536 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlockSize {
    bits: u8,
}

impl BlockSize {
    /// From the superblock's `s_log_block_size` (0 means 1,024 bytes); `None` above 64 KiB.
    #[must_use]
    pub const fn from_log(log: u32) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "at most 6")]
        if log <= 6 { Some(Self { bits: 10 + log as u8 }) } else { None }
    }

    /// From a size in bytes; `None` unless it is a power of two in range.
    #[must_use]
    pub const fn from_bytes(bytes: u32) -> Option<Self> {
        if bytes.is_power_of_two() && bytes >= 1024 {
            Self::from_log(bytes.trailing_zeros() - 10)
        } else {
            None
        }
    }

    /// log2 of the size in bytes, 10 to 16.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits as u32
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        1 << self.bits
    }

    /// The size in bytes, as `u64`.
    #[must_use]
    pub const fn bytes64(self) -> u64 {
        1 << self.bits
    }

    /// The size in bytes, as `usize`.
    #[must_use]
    pub const fn to_usize(self) -> usize {
        1 << self.bits
    }

    /// How many blocks hold `bytes` bytes, rounded up.
    #[must_use]
    pub const fn blocks_for(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.bytes64())
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name($int);

        impl $name {
            /// The bare number.
            #[must_use]
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A physical block number, in file-system blocks from the start of the file system.
    BlockNr, u64
}
number! {
    /// A block group number.
    GroupNr, u32
}
number! {
    /// An inode number, 1 to the superblock's inode count.
    InodeNr, u32
}
number! {
    /// An offset in a file, in blocks of the file system's block size.
    LogicalBlock, u32
}

impl BlockNr {
    pub(crate) const fn new(n: u64) -> Self {
        Self(n)
    }

    /// Byte offset of this block from the start of the file system.
    #[must_use]
    pub const fn byte_offset(self, size: BlockSize) -> u64 {
        self.0 << size.bits()
    }
}

impl GroupNr {
    pub(crate) const fn new(n: u32) -> Self {
        Self(n)
    }
}

impl InodeNr {
    /// The root directory.
    pub const ROOT: Self = Self(2);
    /// The user quota file of old file systems (feature `quota`).
    pub const USER_QUOTA: Self = Self(3);
    /// The group quota file (feature `quota`).
    pub const GROUP_QUOTA: Self = Self(4);
    /// The boot loader's inode, reached only by an ioctl.
    pub const BOOT_LOADER: Self = Self(5);
    /// The inode that owns the reserved descriptor blocks (feature `resize_inode`).
    pub const RESIZE: Self = Self(7);
    /// The usual inode of the internal journal.
    pub const JOURNAL: Self = Self(8);
    /// The first inode that is not reserved on revision 0 file systems.
    pub const FIRST_OLD: Self = Self(11);

    pub(crate) const fn new(n: u32) -> Self {
        Self(n)
    }
}

impl LogicalBlock {
    /// The first block of a file.
    pub const ZERO: Self = Self(0);
    /// The largest logical block number of an extent-mapped file (`EXT_MAX_BLOCKS - 1`).
    pub const MAX: Self = Self(0xffff_fffe);

    /// A logical block of a file.
    #[must_use]
    pub const fn new(n: u32) -> Self {
        Self(n)
    }

    /// The logical block that holds byte `offset` of a file, or `None` past the largest.
    #[must_use]
    pub fn containing(offset: u64, size: BlockSize) -> Option<Self> {
        u32::try_from(offset >> size.bits()).ok().map(Self)
    }

    /// `self + n`, or `None` past `u32::MAX`.
    #[must_use]
    pub fn checked_add(self, n: u32) -> Option<Self> {
        self.0.checked_add(n).map(Self)
    }

    /// Byte offset in the file.
    #[must_use]
    pub const fn byte_offset(self, size: BlockSize) -> u64 {
        (self.0 as u64) << size.bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_size_accepts_1k_to_64k_powers_of_two() {
        assert_eq!(BlockSize::from_log(0).unwrap().bytes(), 1024);
        assert_eq!(BlockSize::from_log(6).unwrap().bytes(), 65536);
        assert_eq!(BlockSize::from_log(7), None);
        assert_eq!(BlockSize::from_bytes(4096).unwrap().bits(), 12);
        for bad in [0, 512, 1000, 3072, 131_072] {
            assert_eq!(BlockSize::from_bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn logical_blocks_do_not_wrap() {
        let size = BlockSize::from_bytes(1024).unwrap();
        assert_eq!(LogicalBlock::containing(u64::MAX, size), None);
        assert_eq!(LogicalBlock::MAX.checked_add(2), None);
        assert_eq!(LogicalBlock::new(u32::MAX).byte_offset(size), 0xffff_ffff << 10);
    }
}
