//! Directories without a hash tree: the first room found, another block, or a hash tree.

use extant_block::IoFlags;
use extant_format::{InodeFlags, LogicalBlock};

use super::DirEdit;
use crate::Result;
use crate::dir::Shape;

/// The length of the entry `.`, which has no room to give: the entry behind it must stay the
/// second.
const DOT_LEN: usize = 12;

impl DirEdit<'_, '_> {
    /// Adds an entry. All blocks of the directory have just been read, each once.
    pub(super) fn insert_linear(&mut self, record: &[u8]) -> Result<()> {
        if self.inode.flags.contains(InodeFlags::INDEX) {
            // A hash tree without the feature is about to become wrong.
            self.change_inode(self.dir().blocks(), |flags| flags.without(InodeFlags::INDEX))?;
        }
        let mut cursor = LogicalBlock::ZERO;
        while let (Some((logical, _)), _) = self.dir().next_mapped(cursor, IoFlags::NONE)? {
            if self.insert_into(logical, record)? {
                return Ok(());
            }
            let Some(next) = logical.checked_add(1) else { break };
            cursor = next;
        }
        if self.make_indexed(record)? {
            return Ok(());
        }
        let blocks = self.append_leaves(1)?;
        blocks.iter().try_for_each(|&(_, nr)| self.write_leaf(nr, &[record.to_vec()]))
    }

    /// Puts an entry into block `logical` if it has room. With checksums, a block with the shape
    /// of a hash tree node has no tail, and takes none.
    pub(super) fn insert_into(&mut self, logical: LogicalBlock, record: &[u8]) -> Result<bool> {
        let dir = self.dir();
        let block = dir.block(logical, IoFlags::NONE)?;
        if self.has_csum() && dir.shape(logical, block.bytes()) != Shape::Leaf {
            return Ok(false);
        }
        let from = if logical == LogicalBlock::ZERO { DOT_LEN } else { 0 };
        self.change_entries(logical, |entries| entries.insert(record, from))
    }
}
