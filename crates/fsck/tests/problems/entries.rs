//! Changing directories of an image.

use extant_testkit::hostile::{ImageEditor, Part, Spot};

/// The names in `/many`: the one of this number.
pub(crate) fn many(number: u32) -> String {
    format!("name-{number:03}-{}", "x".repeat(20))
}

/// A block of a directory: its owner, and its number.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) inode: u32,
    pub(crate) block: u64,
}

impl Block {
    /// Block `logical` of the directory at `path`.
    pub(crate) fn of(editor: &ImageEditor, path: &str, logical: u32) -> Self {
        let inode = editor.lookup(path).unwrap();
        let block = editor.map_block(inode, logical).unwrap().unwrap();
        Self { inode, block }
    }

    pub(crate) fn spot(self) -> Spot {
        Spot::Block(self.block)
    }

    pub(crate) fn fix(self, editor: &mut ImageEditor) {
        let Self { inode, block } = self;
        editor.fix(Part::DirLeaf { inode, block }).unwrap();
    }

    /// Gives a block that holds nothing an entry for a regular file.
    pub(crate) fn put(self, editor: &mut ImageEditor, number: u32, name: &[u8]) {
        editor.set_u32(self.spot(), 0, number).unwrap();
        let length = u8::try_from(name.len()).unwrap();
        editor.set_bytes(self.spot(), 6, &[&[length, 1], name].concat()).unwrap();
        self.fix(editor);
    }

    /// Puts an entry into the first room for it.
    pub(crate) fn add(self, editor: &mut ImageEditor, number: u32, name: &[u8], kind: u8) {
        let spot = self.spot();
        let mut at = 0;
        loop {
            let length = u64::from(editor.get_u16(spot, at + 4).unwrap());
            let name_length = u64::from(editor.get_u8(spot, at + 6).unwrap());
            let used = 8 + name_length.next_multiple_of(4);
            if length >= used + 8 + name.len().next_multiple_of(4) as u64 {
                editor.set_u16(spot, at + 4, used.try_into().unwrap()).unwrap();
                let mut entry = number.to_le_bytes().to_vec();
                entry.extend(u16::try_from(length - used).unwrap().to_le_bytes());
                entry.extend([u8::try_from(name.len()).unwrap(), kind]);
                entry.extend(name);
                editor.set_bytes(spot, at + used, &entry).unwrap();
                return self.fix(editor);
            }
            at += length;
        }
    }
}

/// Changes `bytes` at `at` of the entry `name` of `dir`.
pub(crate) fn change(editor: &mut ImageEditor, (dir, name): (&str, &str), at: u64, bytes: &[u8]) {
    let inode = editor.lookup(dir).unwrap();
    let (block, offset) = editor.find_entry(inode, name.as_bytes()).unwrap();
    editor.set_bytes(Spot::Block(block), offset + at, bytes).unwrap();
    editor.fix(Part::DirLeaf { inode, block }).unwrap();
}

/// Sets flags of the inode at `path`.
pub(crate) fn set_flags(editor: &mut ImageEditor, path: &str, flags: u32) {
    let inode = Spot::Inode(editor.lookup(path).unwrap());
    let old = editor.get_u32(inode, 0x20).unwrap();
    editor.set_u32(inode, 0x20, old | flags).unwrap();
}
