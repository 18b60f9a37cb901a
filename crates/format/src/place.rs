//! Where in an image something was found: what errors and problem reports point at.

use std::fmt;

use crate::{GroupNr, InodeNr, LogicalBlock};

/// A place in an image, as exact as the finder knows it. All parts are optional; `Display` prints
/// those that are set, outermost first: `group 3`, `inode 12, block 3456, offset 24`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The structure, when a number alone does not say it ("superblock", "GPT header" ...).
    pub structure: Option<&'static str>,
    /// Block group.
    pub group: Option<u32>,
    /// The inode that owns the structure.
    pub inode: Option<u32>,
    /// Logical block of that inode.
    pub logical: Option<u32>,
    /// Physical block.
    pub block: Option<u64>,
    /// Byte offset inside the innermost of the above.
    pub offset: Option<u64>,
}

impl Place {
    /// A structure that its name alone identifies.
    #[must_use]
    pub fn structure(name: &'static str) -> Self {
        Self { structure: Some(name), ..Self::default() }
    }

    /// The superblock in use.
    #[must_use]
    pub fn superblock() -> Self {
        Self::structure("superblock")
    }

    /// The descriptor of a block group.
    #[must_use]
    pub fn group(group: GroupNr) -> Self {
        Self { group: Some(group.get()), ..Self::default() }
    }

    /// An inode.
    #[must_use]
    pub fn inode(ino: InodeNr) -> Self {
        Self { inode: Some(ino.get()), ..Self::default() }
    }

    /// The same place, narrowed to physical block `block`.
    #[must_use]
    pub fn block(mut self, block: u64) -> Self {
        self.block = Some(block);
        self
    }

    /// The same place, narrowed to a logical block of its inode.
    #[must_use]
    pub fn logical(mut self, logical: LogicalBlock) -> Self {
        self.logical = Some(logical.get());
        self
    }

    /// The same place, narrowed to byte `offset` of its structure.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = Some(offset as u64);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(name) = self.structure {
            f.write_str(name)?;
            separator = ", ";
        }
        let numbers = [
            ("group", self.group.map(u64::from)),
            ("inode", self.inode.map(u64::from)),
            ("logical block", self.logical.map(u64::from)),
            ("block", self.block),
            ("offset", self.offset),
        ];
        for (name, number) in numbers {
            if let Some(n) = number {
                write!(f, "{separator}{name} {n}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() { f.write_str("unknown place") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_prints_outermost_first() {
        let place = Place::inode(InodeNr::ROOT).offset(24).block(3456);
        assert_eq!(place.to_string(), "inode 2, block 3456, offset 24");
        assert_eq!(Place::superblock().to_string(), "superblock");
        assert_eq!(Place::default().to_string(), "unknown place");
    }
}
