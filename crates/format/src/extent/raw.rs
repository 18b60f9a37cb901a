//! Extent nodes as they lie on disk: a header of 12 bytes, then entries of 12 bytes,
//! little-endian (kernel documentation, `ext4/ifork.rst`, "Extent Tree").

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header of a node.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawHeader {
    pub(super) magic: U16,
    pub(super) entries: U16,
    pub(super) max: U16,
    pub(super) depth: U16,
    pub(super) generation: U32,
}

/// An entry of a leaf: `len` above 32,768 means unwritten.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawExtent {
    pub(super) logical: U32,
    pub(super) len: U16,
    pub(super) start_hi: U16,
    pub(super) start_lo: U32,
}

/// An entry of an index node.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawIndex {
    pub(super) logical: U32,
    pub(super) child_lo: U32,
    pub(super) child_hi: U16,
    pub(super) unused: U16,
}

const _: () = {
    assert!(size_of::<RawHeader>() == 12);
    assert!(size_of::<RawExtent>() == 12);
    assert!(size_of::<RawIndex>() == 12);
};

impl RawExtent {
    /// Length in blocks, and whether the blocks are unwritten. 0 is no valid length.
    pub(super) fn length(&self) -> (u32, bool) {
        match u32::from(self.len.get()) {
            len @ 0..=0x8000 => (len, false),
            len => (len - 0x8000, true),
        }
    }

    pub(super) fn start(&self) -> u64 {
        u64::from(self.start_hi.get()) << 32 | u64::from(self.start_lo.get())
    }

    /// The same bytes, read as an entry of an index node.
    pub(super) fn as_index(&self) -> &RawIndex {
        zerocopy::transmute_ref!(self)
    }
}

impl RawIndex {
    pub(super) fn child(&self) -> u64 {
        u64::from(self.child_hi.get()) << 32 | u64::from(self.child_lo.get())
    }
}
