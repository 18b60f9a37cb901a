//! Trees of many levels.

use super::image::Kind;
use super::*;

/// The depth of the file's tree.
fn depth(file: &File) -> u16 {
    let inode = file.inode();
    extant_format::ExtentNode::view(inode.map_bytes(), file.volume().geometry()).depth()
}

/// The first block of data: not that of any tree.
const DATA: u64 = 24_640;

/// Maps every second of `2 * count` blocks, each by itself, in the order that `order` gives.
fn comb(file: &mut File, count: u32, order: impl Fn(u32) -> u32) {
    let start = file.volume().geometry().block(DATA).unwrap();
    file.changes.set_aside(start, count.into());
    for n in 0..count {
        let n = order(n);
        let extent = extent(file, 2 * n, 1, DATA + u64::from(n), n.is_multiple_of(3));
        insert_range(&mut file.changes, file.ino, extent).unwrap();
    }
}

fn check_comb(file: &File, count: u32) {
    let data: Vec<_> =
        (0..u64::from(count)).map(|n| (2 * n, 1, DATA + n, n.is_multiple_of(3))).collect();
    let (found, map) = runs(file);
    assert!(found == data, "{} runs, not {count}", found.len());
    let units = (map.len() as u64 + u64::from(count)) * 2;
    assert_eq!(file.inode().blocks_512, units);
}

/// A file that grows fills its leaves; at 28,224 extents four entries of the root are not enough.
#[test]
fn trees_grow_to_three_levels_and_shrink_to_nothing() {
    const COUNT: u32 = 28_400;
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    let free_before = file.free_clusters();
    comb(&mut file, COUNT, |n| n);
    assert_eq!(depth(&file), 3);
    check_comb(&file, COUNT);
    let leaves = COUNT.div_ceil(84);
    let nodes = leaves + leaves.div_ceil(84) + 1;
    assert_eq!(runs(&file).1.len(), nodes as usize, "leaves are full");
    for n in [0, 1, 83, 84, 85, 7055, 7056, 14_112, COUNT - 1] {
        let place = Some((DATA + u64::from(n), n.is_multiple_of(3)));
        assert_eq!(lookup(&file, &file.inode(), 2 * n), place);
        assert_eq!(lookup(&file, &file.inode(), 2 * n + 1), None);
    }
    // Out of the middle, the front, then the rest; a lonely extent goes up into the root.
    for (from, end) in [(10_000, 50_001), (0, 9000), (50_001, 56_000), (9003, u64::MAX)] {
        let from = LogicalBlock::new(from);
        free_range(&mut file.changes, file.ino, from, end).unwrap();
    }
    assert_eq!(runs(&file), (vec![9000, 9002].into_iter().map(at).collect(), vec![]));
    assert_eq!((depth(&file), file.inode().blocks_512), (0, 4));
    assert_eq!(file.free_clusters(), free_before - 2);
    file.judge();
}

fn at(logical: u64) -> Quad {
    let n = logical / 2;
    (logical, 1, DATA + n, n.is_multiple_of(3))
}

/// In any order, leaves and index nodes are split in the middle.
#[test]
fn extents_that_come_in_any_order_make_the_same_map() {
    const COUNT: u32 = 2_000;
    // Backwards, and in leaps that reach every number: 37 and 2,000 have no common factor.
    for order in [|n| COUNT - 1 - n, |n| n * 37 % COUNT] {
        let volume = image!(Kind::Small).open();
        let mut file = File::new(&volume);
        comb(&mut file, COUNT, order);
        check_comb(&file, COUNT);
        assert_eq!(depth(&file), 2);
        let first = extent(&file, 0, 2 * COUNT, DATA + 10_000, false);
        insert_range(&mut file.changes, file.ino, first).unwrap();
        let all = vec![(0, u64::from(2 * COUNT), DATA + 10_000, false)];
        assert_eq!(runs(&file), (all, vec![]));
        file.judge();
    }
}
