//! Link counts, and inodes without a name.

use extant_testkit::hostile::Spot;

use crate::support::{EXT2, EXT4, I_LINKS, image, only};

#[test]
fn inode_links() {
    for (path, links) in [("/file", 3), ("/file", 1), ("/dir", 4), ("/tiny", 0xffff)] {
        for args in [EXT4, EXT2] {
            let mut editor = image(args);
            let inode = editor.lookup(path).unwrap();
            editor.set_u16(Spot::Inode(inode), I_LINKS, links).unwrap();
            only(&editor, &["inode.links"]);
        }
    }
}

/// The name of a file is taken away: its entry is unused.
#[test]
fn inode_unattached() {
    let mut editor = image(EXT2);
    let dir = editor.lookup("/dir").unwrap();
    let (block, offset) = editor.find_entry(dir, b"b").unwrap();
    editor.set_u32(Spot::Block(block), offset, 0).unwrap();
    only(&editor, &["inode.unattached"]);
}
