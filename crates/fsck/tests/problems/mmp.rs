//! Row 54: the multi-mount protection block.

use extant_testkit::hostile::{ImageEditor, Part, SmallImage, Spot, small_image};

use crate::support::{EXT4, only};

/// The image, and its block.
fn with_mmp() -> (ImageEditor, u64) {
    let recipe = SmallImage { tune2fs: &["-O", "mmp"], ..SmallImage::new(EXT4) };
    let editor = ImageEditor::new(small_image(&recipe).unwrap());
    let block = editor.get_u64(Spot::Superblock, 0x168).unwrap();
    (editor, block)
}

fn sequence(sequence: u32) -> ImageEditor {
    let (mut editor, block) = with_mmp();
    editor.set_u32(Spot::Block(block), 4, sequence).unwrap();
    editor.fix(Part::Mmp).unwrap();
    editor
}

#[test]
fn row_54_mmp_block() {
    only(&with_mmp().0, &[]);
    for place in [0, 1, 3, 9000, u64::MAX] {
        let (mut editor, _) = with_mmp();
        editor.set_u64(Spot::Superblock, 0x168, place).unwrap();
        only(&editor, &["mmp.block"]);
    }
    for offset in [0, 0x80, 0x3fc] {
        let (mut editor, block) = with_mmp();
        let byte = editor.get_u8(Spot::Block(block), offset).unwrap();
        editor.set_u8(Spot::Block(block), offset, byte ^ 1).unwrap();
        only(&editor, &["mmp.block"]);
    }
}

#[test]
fn row_54_mmp_in_use() {
    only(&sequence(0xe24d_4d50), &["mmp.in_use"]);
    only(&sequence(0xf000_0000), &["mmp.in_use"]);
}

#[test]
fn row_54_mmp_active() {
    only(&sequence(1), &["mmp.active"]);
    only(&sequence(0), &[]);
}
