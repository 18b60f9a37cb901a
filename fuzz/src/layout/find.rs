//! Finds the structures of a sound image with the testkit's editor, which shares no code with the
//! product.

use extant_testkit::Result;
use extant_testkit::hostile::{ImageEditor, Part, Spot};

use super::fields::{fields, le16, le32};
use super::{Class, JournalLayout, Layout, Region, journal};

/// Inodes and blocks of one file that are looked at, at most: seeds are small.
const MOST_INODES: u32 = 4096;
const MOST_BLOCKS: u32 = 4096;
/// Names that are kept.
const MOST_NAMES: usize = 64;
/// Empty files whose inodes are structures to edit: more would only hide the others.
const MOST_EMPTY: usize = 8;

/// Inode flags.
const INDEX_FL: u32 = 0x1000;
const EXTENTS_FL: u32 = 0x8_0000;
const INLINE_FL: u32 = 0x1000_0000;

struct Finder<'a> {
    editor: &'a ImageEditor,
    layout: Layout,
    empty_files: usize,
}

/// All structures, in the order of their classes.
pub(super) fn layout(editor: &ImageEditor) -> Result<Layout> {
    let block_size = editor.block_size()?;
    let layout = Layout { block_size, ..Layout::default() };
    let mut finder = Finder { editor, layout, empty_files: 0 };
    finder.add(Class::Superblock, (1024, 1024), Some(Part::Superblock))?;
    finder.groups()?;
    let inodes = editor.get_u32(Spot::Superblock, 0)?.min(MOST_INODES);
    for ino in 1..=inodes {
        // A mode, and links or a special number.
        let used = editor.get_u16(Spot::Inode(ino), 0)? != 0;
        if used {
            finder.inode(ino)?;
        }
    }
    finder.journal()?;
    let mut layout = finder.layout;
    layout.regions.sort_by_key(|region| region.class);
    Ok(layout)
}

impl Finder<'_> {
    fn add(&mut self, class: Class, (start, length): (u64, u64), part: Option<Part>) -> Result<()> {
        let length_bytes = usize::try_from(length).unwrap_or_default();
        let bytes = self.editor.get_bytes(Spot::Image, start, length_bytes)?;
        let fields = fields(class, bytes);
        self.layout.regions.push(Region { class, start, length, part, fields });
        Ok(())
    }

    fn block(&mut self, class: Class, block: u64, part: Option<Part>) -> Result<()> {
        let size = self.layout.block_size;
        self.add(class, (block.saturating_mul(size), size), part)
    }

    fn groups(&mut self) -> Result<()> {
        let length = self.editor.descriptor_size()? as u64;
        for group in 0..self.editor.group_count()?.min(64) {
            let start = self.editor.locate(Spot::Group(group))?;
            self.add(Class::Group, (start, length), Some(Part::Group(group)))?;
            for (field, part) in [(0, Part::BlockBitmap(group)), (4, Part::InodeBitmap(group))] {
                let block = self.editor.group_block(group, field)?;
                self.block(Class::Bitmap, block, Some(part))?;
            }
        }
        if self.editor.get_u32(Spot::Superblock, 0x60)? & 0x100 != 0 {
            let block = self.editor.get_u64(Spot::Superblock, 0x168)?;
            self.block(Class::Mmp, block, Some(Part::Mmp))?;
        }
        Ok(())
    }

    fn inode(&mut self, ino: u32) -> Result<()> {
        let spot = Spot::Inode(ino);
        let size = self.editor.inode_size()? as u64;
        let start = self.editor.locate(spot)?;
        let kind = self.editor.get_u16(spot, 0)? & 0xf000;
        self.empty_files += usize::from(kind == 0x8000 && self.editor.file_size(ino)? == 0);
        if self.empty_files > MOST_EMPTY && self.editor.file_size(ino)? == 0 {
            return Ok(());
        }
        self.add(Class::Inode, (start, size), Some(Part::Inode(ino)))?;
        self.layout.inodes.push(ino);
        let flags = self.editor.get_u32(spot, 0x20)?;
        match self.editor.xattr_block(ino)? {
            0 => {}
            block => self.block(Class::Xattr, block, Some(Part::XattrBlock(block)))?,
        }
        // Directories, files and long links have a map.
        let long_link = kind == 0xa000 && self.editor.file_size(ino)? >= 60;
        if flags & INLINE_FL != 0 || !(kind == 0x4000 || kind == 0x8000 || long_link) {
            return Ok(());
        }
        if flags & EXTENTS_FL == 0 {
            self.indirect(ino)?;
        }
        for block in self.editor.extent_blocks(ino)? {
            self.block(Class::Extent, block, Some(Part::ExtentBlock { inode: ino, block }))?;
        }
        let orphan_file = self.editor.get_u32(Spot::Superblock, 0x280)?;
        if kind == 0x4000 || ino == orphan_file {
            self.content(ino, kind == 0x4000, flags & INDEX_FL != 0)?;
        }
        Ok(())
    }

    /// The blocks of a directory or of the orphan file.
    fn content(&mut self, inode: u32, is_dir: bool, indexed: bool) -> Result<()> {
        let blocks = self.editor.file_size(inode)? / self.layout.block_size;
        for logical in 0..u32::try_from(blocks).unwrap_or(0).min(MOST_BLOCKS) {
            let Some(block) = self.editor.map_block(inode, logical)? else { continue };
            if !is_dir {
                self.block(Class::Orphan, block, Some(Part::OrphanBlock { inode, block }))?;
                continue;
            }
            let start = [Spot::Block(block)].map(|spot| self.editor.get_bytes(spot, 0, 8));
            let [Ok(head)] = start else { continue };
            let covers = le16(head, 4).map(u64::from) == Some(self.layout.block_size);
            if indexed && logical == 0 {
                self.block(Class::Htree, block, Some(Part::DxRoot { inode, block }))?;
            } else if indexed && covers && le32(head, 0) == Some(0) {
                self.block(Class::Htree, block, Some(Part::DxNode { inode, block }))?;
            } else {
                self.block(Class::Directory, block, Some(Part::DirLeaf { inode, block }))?;
                self.names(block)?;
            }
        }
        Ok(())
    }

    fn names(&mut self, block: u64) -> Result<()> {
        let size = usize::try_from(self.layout.block_size).unwrap_or_default();
        let bytes = self.editor.get_bytes(Spot::Block(block), 0, size)?;
        let mut at = 0;
        while let Some(step) = le16(bytes, at + 4).filter(|step| *step >= 12) {
            let length = usize::from(bytes.get(at + 6).copied().unwrap_or(0));
            let name = bytes.get(at + 8..at + 8 + length).unwrap_or_default();
            if !name.is_empty() && self.layout.names.len() < MOST_NAMES {
                self.layout.names.push(name.to_vec());
            }
            at += usize::from(step);
        }
        Ok(())
    }

    /// Single and double indirect blocks.
    fn indirect(&mut self, ino: u32) -> Result<()> {
        let single = self.editor.get_u32(Spot::Inode(ino), 0x28 + 48)?;
        let double = self.editor.get_u32(Spot::Inode(ino), 0x28 + 52)?;
        if single != 0 {
            self.block(Class::Indirect, single.into(), None)?;
        }
        if double != 0 {
            self.block(Class::Indirect, double.into(), None)?;
            let child = self.editor.get_u32(Spot::Block(double.into()), 0)?;
            if child != 0 {
                self.block(Class::Indirect, child.into(), None)?;
            }
        }
        Ok(())
    }

    fn journal(&mut self) -> Result<()> {
        let inode = self.editor.get_u32(Spot::Superblock, 0xe0)?;
        let has_journal = self.editor.get_u32(Spot::Superblock, 0x5c)? & 4 != 0;
        if !has_journal || inode == 0 {
            return Ok(());
        }
        let count = self.editor.file_size(inode)? / self.layout.block_size;
        let mut blocks = Vec::new();
        for logical in 0..u32::try_from(count).unwrap_or(0).min(MOST_BLOCKS) {
            blocks.push(self.editor.map_block(inode, logical)?.unwrap_or(0));
        }
        let journal = JournalLayout::of(self.editor.bytes(), self.layout.block_size, blocks);
        for (role, block) in journal.roles() {
            if let Some(class) = journal::class(role) {
                self.block(class, block, None)?;
            }
        }
        self.layout.journal = Some(journal);
        Ok(())
    }
}
