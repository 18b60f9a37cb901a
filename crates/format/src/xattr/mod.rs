//! Extended attributes: entry lists in the inode and in a block of their own.
//!
//! Both are a list of entries that grows up from the start of the area, ended by a zero word, and
//! values that grow down from its end. Values may be elsewhere, in an inode each (feature
//! `ea_inode`). Unsorted entries are legal, so look-ups are linear. The hash of an entry whose
//! value is in the area is not checked, as Linux does not check it either: it serves only the
//! sharing of blocks. Source: kernel documentation, `ext4/attributes.rst`.

mod block;
mod ea_inode;
mod entry;
mod hash;
mod ibody;
mod name;

pub use block::{BlockXattrs, MAX_REFCOUNT, block_checksum, set_block_refcount};
pub use ea_inode::EaInode;
pub use entry::{IbodyXattrs, MAX_EA_INODE_VALUE, MAX_VALUE, XattrEntry};
pub use hash::{ea_inode_hash, entry_hash, verify_ea_inode_value};
pub use ibody::{ibody_room, set_ibody_value};
pub use name::{index, prefix, split_name};

/// The magic number that starts both the area in the inode and the block.
pub const MAGIC: u32 = 0xea02_0000;

#[cfg(test)]
mod tests;
