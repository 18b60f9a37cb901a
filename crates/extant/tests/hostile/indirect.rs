//! Row 27: block maps. `/fragmented` reaches into the double indirect block.

use extant::IoFlags;
use extant_testkit::hostile::{ImageEditor, Spot};

use crate::support::{
    EXT2, I_BLOCK, bounded, failure, image, only, open, read, unrelated_reads_right,
};
use crate::walk::{Limits, walk};

const VICTIM: &str = "/fragmented";
const OUTSIDE: &[(&str, &str)] = &[(VICTIM, "map.indirect_range")];
const CYCLE: &[(&str, &str)] = &[(VICTIM, "map.indirect_cycle")];
const ZONE: &[(&str, &str)] = &[(VICTIM, "map.system_zone")];

/// The image, the victim, and the block numbers in slots 12 and 13 of its map.
fn victim() -> (ImageEditor, u32, u32, u32) {
    let editor = image(EXT2);
    let inode = editor.lookup(VICTIM).unwrap();
    let slot = |n: u64| editor.get_u32(Spot::Inode(inode), I_BLOCK + 4 * n).unwrap();
    let (single, double) = (slot(12), slot(13));
    assert!(single != 0 && double != 0);
    (editor, inode, single, double)
}

/// The victim with `value` in slot `n` of its map.
fn with_slot(n: u64, value: u32) -> ImageEditor {
    let (mut editor, inode, ..) = victim();
    editor.set_u32(Spot::Inode(inode), I_BLOCK + 4 * n, value).unwrap();
    editor
}

#[test]
fn row_27_pointers_outside() {
    // Direct, single and double: the end, far behind it, the superblock.
    for slot in [0, 12, 13] {
        for value in [8192, u32::MAX, 1] {
            println!("slot {slot} to {value}");
            only(&with_slot(slot, value), OUTSIDE);
        }
    }
    let (editor, _, single, double) = victim();
    for block in [single, double] {
        for value in [8192, u32::MAX] {
            let mut editor = editor.clone();
            editor.set_u32(Spot::Block(block.into()), 0, value).unwrap();
            only(&editor, OUTSIDE);
        }
    }
}

#[test]
fn row_27_a_run_that_leaves_the_file_system() {
    let mut editor = with_slot(0, 8191);
    let inode = editor.lookup(VICTIM).unwrap();
    editor.set_u32(Spot::Inode(inode), I_BLOCK + 4, 8192).unwrap();
    only(&editor, OUTSIDE);
}

#[test]
fn row_27_pointers_to_metadata() {
    let table = u32::try_from(image(EXT2).group_block(0, 0x8).unwrap()).unwrap();
    for slot in [0, 12, 13] {
        for value in [2, 3, table] {
            println!("slot {slot} to {value}");
            only(&with_slot(slot, value), ZONE);
        }
    }
}

#[test]
fn row_27_triple_indirect_to_metadata() {
    let (mut editor, inode, ..) = victim();
    let reach = (12 + 256 + 65_536 + 1) * 1024;
    editor.set_u32(Spot::Inode(inode), 4, reach).unwrap();
    only(&editor, &[]);
    editor.set_u32(Spot::Inode(inode), I_BLOCK + 4 * 14, 2).unwrap();
    only(&editor, ZONE);
    editor.set_u32(Spot::Inode(inode), I_BLOCK + 4 * 14, 8192).unwrap();
    only(&editor, OUTSIDE);
}

#[test]
fn row_27_cycles() {
    let (editor, inode, _, double) = victim();
    // The double indirect block names itself as a single one.
    let mut own = editor.clone();
    own.set_u32(Spot::Block(double.into()), 0, double).unwrap();
    only(&own, CYCLE);
    // Triple: to itself at the second and at the third level.
    for (first, second) in [(double, double), (double, double)] {
        let mut triple = editor.clone();
        triple.set_u32(Spot::Inode(inode), 4, (12 + 256 + 65_536 + 1) * 1024).unwrap();
        triple.set_u32(Spot::Inode(inode), I_BLOCK + 4 * 14, first).unwrap();
        triple.set_u32(Spot::Block(first.into()), 0, second).unwrap();
        only(&triple, CYCLE);
    }
}

/// Pointer blocks that are each other's children: a walk takes three steps, whatever they say, and
/// a hole in a directory or file of that many blocks is passed in steps of a whole subtree.
#[test]
fn row_27_one_block_as_every_pointer_block() {
    let (mut editor, inode, single, double) = victim();
    let all: Vec<u8> = single.to_le_bytes().repeat(256);
    editor.set_bytes(Spot::Block(double.into()), 0, &all).unwrap();
    editor.set_u32(Spot::Inode(inode), 4, u32::MAX).unwrap();
    let fs = open(&editor).unwrap();
    let again = fs.clone();
    let limits = Limits { runs: 100_000, ..Limits::default() };
    bounded(move || walk(&again, limits));
    unrelated_reads_right(&fs);
}

/// What is read through damaged branches is the rest of the file.
#[test]
fn row_27_damage_in_one_branch_leaves_the_others() {
    let (mut editor, _, single, _) = victim();
    editor.set_u32(Spot::Block(single.into()), 0, u32::MAX).unwrap();
    let fs = open(&editor).unwrap();
    assert_eq!(failure(read(&fs, VICTIM)), "map.indirect_range");
    let file = fs.open_file(VICTIM.as_bytes(), IoFlags::NONE).unwrap();
    let mut block = [0; 1024];
    for (at, first) in [(0_u64, 1), (798 * 1024, 0x8f)] {
        file.read_at(&mut block, at, IoFlags::NONE).unwrap();
        assert_eq!(block, [first; 1024]);
    }
}

/// A directory's map is a map like others.
#[test]
fn row_27_directories() {
    for (slot, value, id) in [(0, 8192, "map.indirect_range"), (0, 2, "map.system_zone")] {
        let mut editor = image(EXT2);
        let inode = editor.lookup("/dir").unwrap();
        editor.set_u32(Spot::Inode(inode), I_BLOCK + 4 * slot, value).unwrap();
        only(&editor, &[("/dir", id)]);
    }
}
