//! One change each, at the edges.

use extant_format::extent::{NodeBuf, NodeEntry};
use extant_format::indirect::set_entries;
use extant_format::inode::map_bytes_mut;
use extant_format::{ExtentIndex, NodeRule};

use super::image::Kind;
use super::*;
use crate::changes::Mark;

/// Data of these tests starts here: free at first, far from where trees are.
const DATA: u64 = 40_000;

fn insert(file: &mut File, logical: u32, len: u32, start: u64, unwritten: bool) -> Result<()> {
    let extent = extent(file, logical, len, start, unwritten);
    insert_range(&mut file.changes, file.ino, extent)
}

fn free(file: &mut File, from: u32, end: u64) -> Result<()> {
    free_range(&mut file.changes, file.ino, LogicalBlock::new(from), end)
}

fn kind_of(result: &Result<()>) -> Option<CorruptKind> {
    match result {
        Err(Error::Corrupt(corrupt)) => Some(corrupt.kind),
        _ => None,
    }
}

fn block(file: &File, nr: u64) -> BlockNr {
    file.volume().geometry().block(nr).unwrap()
}

/// Gives the file a root with `entries`, `depth` levels above the leaves.
fn set_root(file: &mut File, depth: u16, entries: Vec<NodeEntry>) {
    let mut root = NodeBuf::for_block(depth, 60, false);
    root.entries = entries;
    let put = |slot: &mut [u8]| assert!(root.write(map_bytes_mut(slot)));
    file.changes.change_inode(file.ino, put).unwrap();
}

fn index(file: &File, logical: u32, child: u64) -> NodeEntry {
    let logical = LogicalBlock::new(logical);
    NodeEntry::index(&ExtentIndex { logical, child: block(file, child) }).unwrap()
}

/// Writes a leaf with `extents` into block `nr`.
fn write_leaf(file: &mut File, nr: u64, extents: &[Extent]) {
    let mut leaf = NodeBuf::for_block(0, file.volume().block_size().to_usize(), true);
    leaf.entries = extents.iter().map(|extent| NodeEntry::extent(extent).unwrap()).collect();
    let (seed, nr) = (file.inode().seed, block(file, nr));
    file.changes.mark_blocks(nr, 1, Mark::Used).unwrap();
    let put = |bytes: &mut [u8]| {
        assert!(leaf.write(bytes) && extant_format::extent::set_extent_checksum(bytes, seed));
    };
    file.changes.create(nr, put).unwrap();
}

#[test]
fn neighbours_become_one_extent_and_a_hole_makes_two() {
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    for (logical, len) in [(0, 10), (20, 10), (10, 10)] {
        insert(&mut file, logical, len, DATA + u64::from(logical), false).unwrap();
    }
    assert_eq!(runs(&file), (vec![(0, 30, DATA, false)], vec![]));
    free(&mut file, 12, 15).unwrap();
    let two = vec![(0, 12, DATA, false), (15, 15, DATA + 15, false)];
    assert_eq!(runs(&file), (two, vec![]));
    insert(&mut file, 12, 3, DATA + 12, true).unwrap();
    assert_eq!(runs(&file).0.len(), 3);
    insert(&mut file, 12, 3, DATA + 12, false).unwrap();
    assert_eq!(runs(&file), (vec![(0, 30, DATA, false)], vec![]));
    assert_eq!(file.inode().blocks_512, 60);
    file.judge();
}

#[test]
fn the_largest_extents_are_32768_written_and_32767_unwritten() {
    let volume = image!(Kind::Small).open();
    for (unwritten, most) in [(false, 0x8000_u32), (true, 0x7fff)] {
        let mut file = File::new(&volume);
        // Over metadata of other groups it would not do: the range is chosen between.
        let start = 24_600;
        file.changes.set_aside(block(&file, start), 0x8002);
        let zones = volume.zones().allows(file.ino, block(&file, start), 0x8002);
        assert!(zones, "metadata at {start}");
        insert(&mut file, 7, most, start, unwritten).unwrap();
        insert(&mut file, 7 + most, 1, start + u64::from(most), unwritten).unwrap();
        let lens: Vec<_> = runs(&file).0.iter().map(|run| run.1).collect();
        assert_eq!(lens, [u64::from(most), 1]);
        free(&mut file, 0, u64::MAX).unwrap();
        insert(&mut file, 7, most + 2, start, unwritten).unwrap();
        let lens: Vec<_> = runs(&file).0.iter().map(|run| run.1).collect();
        assert_eq!(lens, [u64::from(most), 2]);
        free(&mut file, 0, u64::MAX).unwrap();
        assert_eq!((runs(&file), file.inode().blocks_512), ((vec![], vec![]), 0));
    }
}

#[test]
fn the_last_logical_block_can_be_mapped_and_unmapped() {
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    insert(&mut file, u32::MAX - 2, 2, DATA, false).unwrap();
    let past = insert(&mut file, u32::MAX - 1, 2, DATA + 10, false);
    assert_eq!(kind_of(&past), Some(CorruptKind::ExtentLogicalRange));
    assert_eq!(runs(&file).0, [(u64::from(u32::MAX) - 2, 2, DATA, false)]);
    free(&mut file, u32::MAX - 1, u64::MAX).unwrap();
    assert_eq!(runs(&file).0, [(u64::from(u32::MAX) - 2, 1, DATA, false)]);
}

#[test]
fn extents_that_no_file_may_have_are_refused() {
    use CorruptKind as K;
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    let (last, table) = (volume.geometry().blocks_count() - 1, volume.zones().iter().next());
    let table = table.unwrap().0.max(2);
    let free_before = file.free_clusters();
    let cases = [
        (0, DATA, K::ExtentLength),
        (2, last, K::ExtentPhysicalRange),
        (1, table, K::MapSystemZone),
    ];
    for (len, start, kind) in cases {
        assert_eq!(kind_of(&insert(&mut file, 0, len, start, false)), Some(kind), "{kind:?}");
    }
    let nr = block(&file, table);
    let append = append_block(&mut file.changes, file.ino, LogicalBlock::ZERO, nr);
    assert_eq!(kind_of(&append), Some(K::MapSystemZone));
    assert_eq!((runs(&file), file.free_clusters()), ((vec![], vec![]), free_before));
}

#[test]
fn what_has_no_map_has_nothing_to_free_and_takes_no_extents() {
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    // A character device, 1:3; a symlink to "target".
    for (mode, map) in [(0x21a4_u16, [3, 1, 0, 0, 0, 0]), (0xa1ff, *b"target")] {
        let change = |slot: &mut [u8]| {
            slot[..2].copy_from_slice(&mode.to_le_bytes());
            slot[4..8].copy_from_slice(&6_u32.to_le_bytes());
            slot[32..36].fill(0);
            map_bytes_mut(slot).fill(0);
            map_bytes_mut(slot)[..6].copy_from_slice(&map);
        };
        file.changes.change_inode(file.ino, change).unwrap();
        let before = file.inode();
        free(&mut file, 0, u64::MAX).unwrap();
        assert_eq!(file.inode(), before);
        assert_eq!(runs_of_each(&file), []);
        assert_eq!(mapped_512(&volume, &before).unwrap(), 0);
        let refused = insert(&mut file, 0, 1, DATA, false);
        assert_eq!(kind_of(&refused), Some(CorruptKind::InodeFlags));
        let nr = block(&file, DATA);
        let refused = append_block(&mut file.changes, file.ino, LogicalBlock::ZERO, nr);
        assert_eq!(kind_of(&refused), Some(CorruptKind::InodeFlags));
        assert_eq!(file.inode(), before);
    }
}

fn runs_of_each(file: &File) -> Vec<(u64, u64, bool)> {
    let mut found = Vec::new();
    each_run(file.volume(), &file.inode(), |start, len, map| found.push((start.get(), len, map)))
        .unwrap();
    found
}

/// A leaf may be empty below the root: what is put in lets its index entry move, and a range that
/// begins before it is cut there.
#[test]
fn empty_leaves_are_filled_and_removed() {
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    let (full, empty) = (DATA, DATA + 1);
    let first = [extent(&file, 0, 10, DATA + 100, false)];
    write_leaf(&mut file, full, &first);
    write_leaf(&mut file, empty, &[]);
    let entries = vec![index(&file, 0, full), index(&file, 50, empty)];
    let build = |file: &mut File| {
        set_root(file, 1, entries.clone());
        let blocks = mapped_512(file.volume(), &file.inode()).unwrap();
        file.changes
            .change_inode(file.ino, |slot| {
                extant_format::inode::set_blocks_512(slot, blocks, file_superblock(&volume))
            })
            .unwrap();
    };
    build(&mut file);
    insert(&mut file, 40, 20, DATA + 200, false).unwrap();
    let after = (runs(&file).0, runs(&file).1);
    let data =
        vec![(0, 10, DATA + 100, false), (40, 10, DATA + 200, false), (50, 10, DATA + 210, false)];
    assert_eq!(after, (data, vec![full, empty]));
    write_leaf(&mut file, full, &first);
    write_leaf(&mut file, empty, &[]);
    build(&mut file);
    insert(&mut file, 70, 1, DATA + 300, false).unwrap();
    let data = vec![(0, 10, DATA + 100, false), (70, 1, DATA + 300, false)];
    assert_eq!(runs(&file), (data, vec![full, empty]));
    free(&mut file, 20, u64::MAX).unwrap();
    // One leaf is left, and the root has the room for it.
    assert_eq!(runs(&file), (vec![(0, 10, DATA + 100, false)], vec![]));
    assert_eq!(file.inode().blocks_512, 20);
}

fn file_superblock(volume: &Volume) -> &extant_format::Superblock {
    volume.superblock()
}

#[test]
fn a_leaf_that_is_in_a_tree_twice_is_found_before_anything_changes() {
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    write_leaf(&mut file, DATA, &[]);
    let entries = vec![index(&file, 0, DATA), index(&file, 50, DATA)];
    set_root(&mut file, 1, entries);
    let before = file.inode();
    assert_eq!(kind_of(&free(&mut file, 0, u64::MAX)), Some(CorruptKind::MapShared));
    assert_eq!(kind_of(&insert(&mut file, 0, 99, DATA + 9, false)), Some(CorruptKind::MapShared));
    assert_eq!(kind_of(&each_run(&volume, &before, |_, _, _| ())), Some(CorruptKind::MapShared));
    assert_eq!(file.inode(), before);
}

/// All numbers of three levels lead to one block: 2^24 blocks of data in three of the map.
#[test]
fn an_indirect_block_that_is_in_a_map_twice_is_found_before_anything_changes() {
    let volume = image!(Kind::Indirect).open();
    let mut file = File::new(&volume);
    for level in 0..3 {
        let below = u32::try_from(DATA + level + 1).unwrap();
        let nr = block(&file, DATA + level);
        file.changes.create(nr, |bytes| set_entries(bytes, &[below; 256])).unwrap();
    }
    let top = u32::try_from(DATA).unwrap();
    let mut numbers = [0; 15];
    numbers[14] = top;
    file.changes.change_inode(file.ino, |slot| set_entries(map_bytes_mut(slot), &numbers)).unwrap();
    let before = file.inode();
    assert_eq!(kind_of(&free(&mut file, 0, u64::MAX)), Some(CorruptKind::MapShared));
    assert_eq!(file.inode(), before);
    numbers[13] = u32::MAX;
    file.changes.change_inode(file.ino, |slot| set_entries(map_bytes_mut(slot), &numbers)).unwrap();
    assert_eq!(kind_of(&free(&mut file, 0, u64::MAX)), Some(CorruptKind::IndirectRange));
    numbers = [0; 15];
    numbers[11] = u32::try_from(volume.geometry().blocks_count()).unwrap();
    file.changes.change_inode(file.ino, |slot| set_entries(map_bytes_mut(slot), &numbers)).unwrap();
    assert_eq!(kind_of(&free(&mut file, 0, u64::MAX)), Some(CorruptKind::IndirectRange));
    numbers[10] = numbers[11] - 1;
    file.changes.change_inode(file.ino, |slot| set_entries(map_bytes_mut(slot), &numbers)).unwrap();
    assert_eq!(kind_of(&free(&mut file, 0, u64::MAX)), Some(CorruptKind::IndirectRange), "a run");
}

/// The deepest tree that the format allows, each node with one entry and no room for another.
#[test]
fn a_full_tree_of_the_largest_depth_takes_no_more() {
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    let leaf = [extent(&file, 10, 1, DATA + 100, false)];
    write_leaf(&mut file, DATA, &leaf);
    for depth in 0..5_u16 {
        let nr = DATA + u64::from(depth);
        let entry = index(&file, 10, nr.max(DATA + 1) - 1);
        let (seed, block) = (file.inode().seed, block(&file, nr));
        let put = |bytes: &mut [u8]| {
            if depth > 0 {
                let mut node = NodeBuf::for_block(depth, 60, false);
                node.entries = vec![entry];
                assert!(node.write(bytes));
            }
            // Room for one entry.
            bytes[4] = 1;
            assert!(extant_format::extent::set_extent_checksum(bytes, seed));
        };
        file.changes.mark_blocks(block, 1, Mark::Used).unwrap();
        file.changes.change(block, put).unwrap();
    }
    let entry = index(&file, 10, DATA + 4);
    set_root(&mut file, 5, vec![entry]);
    file.changes.change_inode(file.ino, |slot| map_bytes_mut(slot)[4] = 1).unwrap();
    let free_before = file.free_clusters();
    let refused = insert(&mut file, 20, 1, DATA + 200, false);
    assert_eq!(kind_of(&refused), Some(CorruptKind::ExtentDepth));
    // Only the data was marked.
    assert_eq!(file.free_clusters(), free_before - 1);
    assert_eq!(runs(&file).0, [(10, 1, DATA + 100, false)]);
    let rule = NodeRule::root(true);
    assert_eq!((rule.range().end, runs(&file).1.len()), (u32::MAX, 5));
    free(&mut file, 0, u64::MAX).unwrap();
    assert_eq!(runs(&file), (vec![], vec![]));
}

#[test]
fn without_space_for_the_tree_nothing_is_lost() {
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    for n in 0..4 {
        insert(&mut file, n * 10, 5, DATA + u64::from(n) * 10, false).unwrap();
    }
    let before = (runs(&file), file.inode());
    file.changes.set_aside(block(&file, 0), volume.geometry().blocks_count());
    assert!(matches!(insert(&mut file, 100, 1, DATA + 100, false), Err(Error::NoSpace)));
    assert!(matches!(free(&mut file, 2, 3), Err(Error::NoSpace)), "one extent becomes two");
    assert_eq!((runs(&file), file.inode()), before);
    free(&mut file, 3, 12).unwrap();
    assert_eq!(runs(&file).0[..2], [(0, 3, DATA, false), (12, 3, DATA + 12, false)]);
}

/// A new way through three indirect blocks, with space for two: none is taken.
#[test]
fn blocks_for_a_part_of_the_way_are_given_back() {
    let volume = image!(Kind::Indirect).open();
    let mut file = File::new(&volume);
    file.changes.set_aside(block(&file, 0), DATA + 500);
    file.changes.set_aside(block(&file, DATA + 502), volume.geometry().blocks_count());
    let (before, nr) = (file.inode(), block(&file, DATA));
    file.changes.mark_blocks(nr, 1, Mark::Used).unwrap();
    let free_before = file.free_clusters();
    for (logical, fits) in [(70_000, false), (300, true)] {
        let logical = LogicalBlock::new(logical);
        let result = append_block(&mut file.changes, file.ino, logical, nr);
        assert!(if fits { result.is_ok() } else { matches!(result, Err(Error::NoSpace)) });
        let taken = if fits { 2 } else { 0 };
        assert_eq!(file.free_clusters(), free_before - taken);
        assert_eq!(file.inode() == before, !fits);
    }
}

/// Blocks of a group with a bad bitmap stay in use; the map is right all the same.
#[test]
fn a_bad_bitmap_loses_blocks_and_no_more() {
    let volume = image!(Kind::Small).open();
    let mut file = File::new(&volume);
    let other = DATA - 2 * 8192;
    for (logical, start) in [(0, other), (10, DATA), (20, other + 20)] {
        insert(&mut file, logical, 5, start, false).unwrap();
    }
    let free_before = file.free_clusters();
    let group = volume.geometry().block_group(block(&file, DATA));
    let desc = volume.group_desc(group, IoFlags::NONE).unwrap();
    file.changes.change(desc.block_bitmap, |bytes| bytes[9] ^= 1).unwrap();
    let result = free(&mut file, 0, u64::MAX);
    assert_eq!(kind_of(&result), Some(CorruptKind::BlockBitmapChecksum));
    assert_eq!((runs(&file), file.inode().blocks_512), ((vec![], vec![]), 0));
    assert_eq!(file.free_clusters(), free_before + 10);
}

/// A cluster is freed with its last block, in whatever order the blocks go.
#[test]
fn a_cluster_goes_with_its_last_block() {
    let volume = image!(Kind::Clusters).open();
    let mut file = File::new(&volume);
    let free_before = file.free_clusters();
    insert(&mut file, 8, 16, DATA + 8, false).unwrap();
    insert(&mut file, 3, 2, DATA + 3, true).unwrap();
    let used = |file: &File| free_before - file.free_clusters();
    assert_eq!((used(&file), file.inode().blocks_512), (2, 64));
    for (from, end, left) in [(8, 16, 2), (20, 24, 2), (3, 4, 2), (4, 5, 1), (16, 20, 0)] {
        free(&mut file, from, end).unwrap();
        let units = file.inode().blocks_512;
        assert_eq!((used(&file), units), (left, left * 32), "{from}..{end}");
    }
}

#[test]
fn indirect_maps_end_where_three_levels_end() {
    let volume = image!(Kind::Indirect).open();
    let mut file = File::new(&volume);
    let end = 12 + 256 + 65536 + 256 * 65536;
    let nr = block(&file, DATA);
    let mut append =
        |logical| append_block(&mut file.changes, file.ino, LogicalBlock::new(logical), nr);
    assert!(matches!(append(end), Err(Error::NoSpace)));
    append(end - 1).unwrap();
    assert_eq!(runs(&file).0, [(u64::from(end) - 1, 1, DATA, false)]);
    assert_eq!((runs(&file).1.len(), file.inode().blocks_512), (3, 8));
    // Blocks of the map that are right in the way are found in the map, not in the range alone.
    free(&mut file, 0, u64::from(end) - 1).unwrap();
    assert_eq!(runs(&file).1.len(), 3);
    free(&mut file, end - 1, u64::from(end)).unwrap();
    assert_eq!((runs(&file), file.inode().blocks_512), ((vec![], vec![]), 0));
}
