//! The walk that finds every live structure of a sound image, by the editor's own look-ups.

mod directories;
mod groups;
mod inodes;
mod maps;
mod special;
mod xattrs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::change::Pool;
use super::site::{Class, Field, Kind, Site};
use crate::error::Result;
use crate::hostile::{ImageEditor, Part, Spot};

/// Read-only feature: checksums of all metadata.
const RO_METADATA_CSUM: u32 = 0x400;

/// All sites of the image, and what to draw new values from.
pub(super) fn walk(editor: &ImageEditor) -> Result<(Vec<Site>, Pool)> {
    let mut walk = Walk {
        editor,
        block: editor.block_size()?,
        summed: editor.get_u32(Spot::Superblock, 0x64)? & RO_METADATA_CSUM != 0,
        sites: Vec::new(),
        used: BTreeSet::new(),
        names: BTreeMap::from([(2, "/".to_owned())]),
        xattr_blocks: BTreeSet::new(),
        plain: 0,
    };
    walk.groups()?;
    walk.names()?;
    for inode in walk.live_inodes()? {
        walk.inode(inode)?;
    }
    walk.special()?;
    let pool = Pool {
        blocks: u64::from(editor.get_u32(Spot::Superblock, 0x4)?),
        used: walk.used.iter().copied().collect(),
        inodes: editor.get_u32(Spot::Superblock, 0x0)?,
    };
    Ok((walk.sites, pool))
}

struct Walk<'a> {
    editor: &'a ImageEditor,
    /// Bytes of a block.
    block: u64,
    /// Metadata has checksums.
    summed: bool,
    sites: Vec<Site>,
    used: BTreeSet<u64>,
    /// One name of each inode that has one.
    names: BTreeMap<u32, String>,
    /// Attribute blocks that were walked; inodes share them.
    xattr_blocks: BTreeSet<u64>,
    /// Empty files that were walked: they are all alike.
    plain: u32,
}

/// A structure whose fields are to be added.
#[derive(Clone)]
struct Structure {
    class: Class,
    owner: Arc<str>,
    part: Option<Part>,
}

impl Structure {
    fn new(class: Class, owner: impl Into<Arc<str>>, part: Option<Part>) -> Self {
        Self { class, owner: owner.into(), part }
    }

    fn class(&self, class: Class) -> Self {
        Self { class, ..self.clone() }
    }
}

impl Walk<'_> {
    /// Adds `fields` of a structure that begins at byte `base` of the image.
    fn add(&mut self, structure: &Structure, base: u64, fields: &[Field]) {
        let sites = fields.iter().map(|&(field, offset, kind)| Site {
            class: structure.class,
            owner: Arc::clone(&structure.owner),
            field,
            at: base + offset,
            kind,
            part: structure.part,
        });
        self.sites.extend(sites);
    }

    /// Adds a checksum of `width` bytes at byte `at`, where metadata has any.
    fn sum(&mut self, structure: &Structure, field: &'static str, at: u64, width: usize) {
        if self.summed {
            let structure = Structure { part: None, ..structure.class(Class::Checksum) };
            self.add(&structure, at, &[(field, 0, Kind::Sum(width))]);
        }
    }

    fn u8(&self, at: u64) -> Result<u8> {
        self.editor.get_u8(Spot::Image, at)
    }

    fn u16(&self, at: u64) -> Result<u16> {
        self.editor.get_u16(Spot::Image, at)
    }

    fn u32(&self, at: u64) -> Result<u32> {
        self.editor.get_u32(Spot::Image, at)
    }

    /// For messages: the number, and a name if there is one.
    fn title(&self, inode: u32) -> String {
        match self.names.get(&inode) {
            Some(name) => format!("inode {inode} ({})", name.get(..24).unwrap_or(name)),
            None => format!("inode {inode}"),
        }
    }

    /// Logical and physical numbers of the blocks of `inode` to its size, the first 4,096 at most.
    fn blocks_of(&self, inode: u32) -> Result<Vec<(u32, u64)>> {
        let count = self.editor.file_size(inode)?.div_ceil(self.block).min(4096);
        let mut found = Vec::new();
        for logical in 0..u32::try_from(count).unwrap_or_default() {
            if let Some(block) = self.editor.map_block(inode, logical)? {
                found.push((logical, block));
            }
        }
        Ok(found)
    }
}
