//! Random mutations of small images: opened and walked, they neither panic nor hang nor read more
//! than their size allows. `EXTANT_LONG=1` makes twenty times as many; `EXTANT_SEED` starts
//! elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use extant::{Filesystem, OpenOptions};
use extant_block::MemoryDevice;
use extant_testkit::hostile::{ImageEditor, Part, SmallImage, Spot, small_image};
use extant_testkit_device::CountingDevice;

use crate::support::{TIME_BOUND, try_bounded};
use crate::walk::{Limits, id_of, walk};

/// Mutants of each profile.
const MUTANTS: u64 = 500;
/// Bytes read of a device, at most: so many times its size, and a constant.
const READ_FACTOR: u64 = 64;
const READ_CONSTANT: u64 = 64 << 20;

/// Numbers that depend on a seed alone (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `limit`, which is not 0.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Bytes that are worth a change, and the checksum that covers them.
#[derive(Clone, Copy, Debug)]
struct Region {
    start: u64,
    length: u64,
    part: Part,
}

/// The regions by class: blocks and inodes first, then descriptors, then the superblock, so that
/// checksums are fixed while what they depend on is still whole.
fn regions(editor: &ImageEditor) -> [Vec<Region>; 6] {
    let block = editor.block_size().unwrap();
    let at = |spot| editor.locate(spot).unwrap();
    let whole = |number: u64, part| Region { start: number * block, length: block, part };
    let names = [
        "/",
        "/file",
        "/fragmented",
        "/dir",
        "/dir/sub",
        "/many",
        "/slow",
        "/link",
        "/xattr-large",
    ];
    let found: Vec<u32> = names.iter().filter_map(|name| editor.lookup(name).ok()).collect();
    let size = editor.inode_size().unwrap() as u64;
    let inode = |&number: &u32| Region {
        start: at(Spot::Inode(number)),
        length: size,
        part: Part::Inode(number),
    };
    let mut extents = Vec::new();
    let mut directories = Vec::new();
    for &inode in &found {
        let nodes = editor.extent_blocks(inode).unwrap();
        extents.extend(nodes.iter().map(|&n| whole(n, Part::ExtentBlock { inode, block: n })));
        let is_dir = editor.get_u16(Spot::Inode(inode), 0).unwrap() & 0xf000 == 0x4000;
        let inline = editor.get_u32(Spot::Inode(inode), 0x20).unwrap() & 0x1000_0000 != 0;
        let blocks = editor.file_size(inode).unwrap() / block;
        for logical in 0..u32::try_from(blocks).unwrap() {
            let Ok(Some(n)) = editor.map_block(inode, logical) else { continue };
            if is_dir && !inline {
                let indexed = editor.get_u32(Spot::Inode(inode), 0x20).unwrap() & 0x1000 != 0;
                let root = indexed && logical == 0;
                let leaf = Part::DirLeaf { inode, block: n };
                let part = if root { Part::DxRoot { inode, block: n } } else { leaf };
                directories.push(whole(n, part));
            }
        }
    }
    let large = editor.lookup("/xattr-large").unwrap();
    let xattrs = match editor.xattr_block(large).unwrap() {
        0 => vec![inode(&large)],
        n => vec![whole(n, Part::XattrBlock(n))],
    };
    let special = [3, 4, 5, 7, 8];
    let inodes = found.iter().chain(&special).map(inode).collect();
    let length = editor.descriptor_size().unwrap() as u64;
    let groups = (0..editor.group_count().unwrap())
        .map(|n| Region { start: at(Spot::Group(n)), length, part: Part::Group(n) })
        .collect();
    let superblock = vec![Region { start: 1024, length: 1024, part: Part::Superblock }];
    [extents, directories, xattrs, inodes, groups, superblock]
}

/// One edit, for messages.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Edit {
    part: Part,
    offset: u64,
    bytes: Vec<u8>,
    fixed: bool,
}

/// Makes 1 to 3 edits.
fn mutate(editor: &mut ImageEditor, regions: &[Vec<Region>; 6], random: &mut Random) -> Vec<Edit> {
    let fixed = random.below(3) != 0;
    let mut classes: Vec<u64> = (0..=random.below(3)).map(|_| random.below(6)).collect();
    classes.sort_unstable();
    let mut edits = Vec::new();
    for class in classes {
        let class = &regions[usize::try_from(class).unwrap()];
        if class.is_empty() {
            continue;
        }
        let region = class[usize::try_from(random.below(class.len() as u64)).unwrap()];
        let (offset, bytes) = change(editor, region, random);
        editor.set_bytes(Spot::Image, region.start + offset, &bytes).unwrap();
        if fixed {
            // A structure that is broken enough has no place for its sum.
            let _ = editor.fix(region.part);
        }
        edits.push(Edit { part: region.part, offset, bytes, fixed });
    }
    edits
}

/// Where in a region, and what.
fn change(editor: &ImageEditor, region: Region, random: &mut Random) -> (u64, Vec<u8>) {
    const WORDS: [u32; 12] =
        [0, 1, 2, 5, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, u32::MAX, 8191, 8192];
    // Headers matter more than the rest.
    let reach = if random.below(2) == 0 { 64.min(region.length) } else { region.length };
    let width = [1, 2, 4, 4][usize::try_from(random.below(4)).unwrap()];
    let offset = random.below(reach / width) * width;
    let width = usize::try_from(width).unwrap();
    let old = editor.get_bytes(Spot::Image, region.start + offset, width).unwrap().to_vec();
    let word = match random.below(5) {
        0 => u32::try_from(random.next() >> 32).unwrap(),
        1 => u32::try_from(random.below(16_384)).unwrap(),
        2 => {
            let bit = usize::try_from(random.below(8 * width as u64)).unwrap();
            let mut bytes = old;
            bytes[bit / 8] ^= 1 << (bit % 8);
            return (offset, bytes);
        }
        3 => {
            // As some other field of the region.
            let from = random.below(region.length / 4) * 4;
            let other = editor.get_bytes(Spot::Image, region.start + from, width).unwrap();
            return (offset, other.to_vec());
        }
        _ => WORDS[usize::try_from(random.below(WORDS.len() as u64)).unwrap()],
    };
    (offset, word.to_le_bytes()[..width].to_vec())
}

/// What opening and walking met, and the bytes read.
fn meet(bytes: Vec<u8>) -> (Vec<String>, u64) {
    let device = Arc::new(CountingDevice::new(Arc::new(MemoryDevice::from_vec(bytes))));
    let options = OpenOptions { noload: true, ignore_in_use: true, ..OpenOptions::default() };
    let met = match Filesystem::open(device.clone(), &options) {
        Err(error) => vec![format!("refused: {}", id_of(&error))],
        Ok(fs) => {
            let damage: Vec<_> =
                fs.volume().damage().0.iter().map(|c| c.kind.id().to_owned()).collect();
            let report = walk(&fs, Limits { bytes: 16 << 20, ..Limits::default() });
            let found = report.findings.into_iter().map(|finding| finding.what);
            damage.into_iter().chain(found).collect()
        }
    };
    (met, device.counts().read_bytes)
}

fn run(name: &str, recipe: &SmallImage<'_>) {
    let long = std::env::var_os("EXTANT_LONG").is_some();
    let count = if long { 20 * MUTANTS } else { MUTANTS };
    let start: u64 = std::env::var("EXTANT_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let base = ImageEditor::new(small_image(recipe).unwrap());
    let regions = regions(&base);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let (mut harmless, mut most) = (0, 0);
    // Each profile has mutants of its own.
    let profile = name.bytes().fold(0_u64, |n, byte| n << 5 ^ u64::from(byte));
    for seed in start..start + count {
        let mut editor = base.clone();
        let edits = mutate(&mut editor, &regions, &mut Random::new(seed << 40 ^ profile));
        let bytes = editor.into_bytes();
        let size = bytes.len() as u64;
        let (met, read) = try_bounded(move || meet(bytes)).unwrap_or_else(|what| {
            panic!("{name} seed {seed}: {what} (bound {TIME_BOUND:?}): {edits:?}")
        });
        let budget = READ_FACTOR * size + READ_CONSTANT;
        assert!(read <= budget, "{name} seed {seed}: {read} of {budget} bytes: {edits:?}");
        most = most.max(read);
        harmless += u64::from(met.is_empty());
        for kind in met {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    println!("{name}: {count} mutants, {harmless} harmless, at most {most} bytes read");
    kinds.iter().for_each(|(kind, count)| println!("{count:8} {kind}"));
    assert!(kinds.len() >= 10, "only {kinds:?}");
}

#[test]
fn mutations_of_ext4() {
    run("ext4", &SmallImage::new(crate::support::EXT4));
}

#[test]
fn mutations_of_ext4_without_checksums() {
    run("plain", &SmallImage::new(crate::support::PLAIN));
}

#[test]
fn mutations_of_ext2() {
    run("ext2", &SmallImage::new(crate::support::EXT2));
}

#[test]
fn mutations_of_groups() {
    let args =
        ["-t", "ext4", "-b", "1024", "-g", "1024", "-N", "512", "-O", "meta_bg,^resize_inode"];
    run("groups", &SmallImage::new(&args));
}

#[test]
fn mutations_of_inline_data() {
    run("inline", &SmallImage::new(crate::support::INLINE));
}

#[test]
fn mutations_of_bigalloc_with_quota() {
    let args = [
        "-t",
        "ext4",
        "-b",
        "1024",
        "-O",
        "bigalloc,quota,project,orphan_file,ea_inode",
        "-C",
        "4096",
    ];
    let command = format!("ea_set /xattr-large user.huge {}", "0123456789".repeat(200));
    run("bigalloc", &SmallImage { debugfs: &[&command], ..SmallImage::new(&args) });
}
