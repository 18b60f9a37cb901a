//! Blocks that are claimed more than once.

use extant_testkit::hostile::{ImageEditor, Spot};

use crate::support::{EXT2, EXT4, I_BLOCK, found, image, only};

/// The only extent of `/tiny`, of one block, starts at `start`.
fn moved(args: &[&str], start: u32) -> ImageEditor {
    let mut editor = image(args);
    let inode = editor.lookup("/tiny").unwrap();
    editor.set_u32(Spot::Inode(inode), I_BLOCK + 20, start).unwrap();
    editor
}

fn first_block(editor: &ImageEditor, path: &str) -> u32 {
    let inode = editor.lookup(path).unwrap();
    u32::try_from(editor.map_block(inode, 0).unwrap().unwrap()).unwrap()
}

/// What the file leaves behind is in use by nobody.
const LEFT: &str = "bitmap.blocks_unused";

#[test]
fn shared_blocks() {
    let other = first_block(&image(EXT4), "/dir/a");
    let report = found(&moved(EXT4, other), &["shared.blocks", LEFT]);
    let owners: Vec<_> = report.problems.iter().filter(|p| p.id() == "shared.blocks").collect();
    assert_eq!(owners.len(), 2, "both owners: {owners:?}");
    only(&moved(EXT4, other), &["shared.blocks", LEFT]);
}

#[test]
fn shared_metadata() {
    let table = image(EXT4).get_u32(Spot::Group(0), 8).unwrap();
    only(&moved(EXT4, table), &["shared.metadata", LEFT]);
    only(&moved(EXT4, 1), &["map.extent"]);
}

/// Two files with one indirect block: the first to claim it maps what is below.
#[test]
fn shared_blocks_of_a_map() {
    let mut editor = image(EXT2);
    let (one, two) = (editor.lookup("/fragmented").unwrap(), editor.lookup("/file").unwrap());
    let block = editor.get_u32(Spot::Inode(one), I_BLOCK + 48).unwrap();
    editor.set_u32(Spot::Inode(two), I_BLOCK + 48, block).unwrap();
    only(&editor, &["shared.blocks", "inode.blocks", "inode.size"]);
}

/// A thousand files with the same blocks: each is told of, in bounded time.
#[test]
fn row_55_a_thousand_owners() {
    let mut editor = image(EXT4);
    let file = editor.lookup("/file").unwrap();
    let slot = editor.get_bytes(Spot::Inode(file), 0, 256).unwrap().to_vec();
    let first = file + 400;
    // No inode of the table is beyond those that were ever used.
    editor.set_u16(Spot::Group(0), 0x1c, 0).unwrap();
    for inode in first..first + 1000 {
        editor.set_bytes(Spot::Inode(inode), 0, &slot).unwrap();
    }
    let report = crate::support::report(&editor);
    let shared = report.counts.iter().find(|(kind, _)| kind.id() == "shared.blocks").unwrap();
    assert_eq!(*shared.1, 1001);
}
