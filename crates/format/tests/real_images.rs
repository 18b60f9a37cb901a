//! Images made by mke2fs(8) and debugfs(8): every group descriptor, bitmap, inode and block map in
//! them must be accepted, and say what debugfs says. Skips visibly where e2fsprogs is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use extant_format::bitmap::{Bits, verify_block_bitmap, verify_inode_bitmap};
use extant_format::extent::verify_extent_checksum;
use extant_format::mmp::MmpState;
use extant_format::{
    BlockNr, Compat, ExtentNode, FileType, GroupDesc, GroupFlags, GroupNr, IndirectMap, Inode,
    InodeFlags, InodeNr, JournalSuperblock, Mmp, NodeRule, OrphanFileBlock, Place, QuotaHeader,
    QuotaKind, Superblock, Timestamp, to_usize,
};
use extant_testkit::capability::skip;

/// An image file that goes away with the value.
struct Image {
    path: PathBuf,
    bytes: Vec<u8>,
    superblock: Superblock,
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn run(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            skip(&format!("{}: {error}", command.get_program().display()));
            None
        }
    }
}

impl Image {
    /// An image of `size` (as mke2fs reads it) made with `options`, then changed by the debugfs
    /// `script`. `None` if e2fsprogs is missing.
    fn make(name: &str, options: &str, size: &str, script: &str) -> Option<Self> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.img"));
        let _ = fs::remove_file(&path);
        let mut mke2fs = Command::new("mke2fs");
        mke2fs.args(["-q", "-F"]).args(options.split_whitespace()).arg(&path).arg(size);
        let output = run(&mut mke2fs)?;
        assert!(output.status.success(), "{options}: {}", text(&output.stderr));
        for line in script.lines() {
            debugfs(&path, &["-w", "-R", line])?;
        }
        let bytes = fs::read(&path).unwrap();
        let superblock = Superblock::parse(&bytes[1024..]).map_err(|e| e.to_string()).unwrap();
        Some(Self { path, bytes, superblock })
    }

    fn block(&self, block: BlockNr) -> &[u8] {
        let size = self.superblock.geometry().block_size();
        let start = to_usize(block.byte_offset(size));
        &self.bytes[start..start + size.to_usize()]
    }

    fn group(&self, group: GroupNr) -> GroupDesc {
        let geometry = self.superblock.geometry();
        let (index, offset) = geometry.desc_index(group);
        let block = geometry.desc_block(index, geometry.superblock_block()).unwrap();
        let bytes = &self.block(block)[offset..][..geometry.desc_size() as usize];
        GroupDesc::parse(bytes, group, &self.superblock).unwrap()
    }

    fn inode_number(&self, ino: u32) -> InodeNr {
        self.superblock.geometry().inode(ino).unwrap()
    }

    fn inode(&self, ino: InodeNr) -> Inode {
        let geometry = self.superblock.geometry();
        let (group, index) = geometry.inode_group(ino);
        let size = geometry.inode_size() as usize;
        let table = self.group(group).inode_table.byte_offset(geometry.block_size());
        let start = to_usize(table) + index as usize * size;
        Inode::parse(&self.bytes[start..start + size], ino, &self.superblock).unwrap()
    }

    /// Checks both bitmaps of a group and gives the inodes in use.
    fn inodes_in_use(&self, group: GroupNr) -> Vec<InodeNr> {
        let geometry = self.superblock.geometry();
        let desc = self.group(group);
        if !desc.flags.contains(GroupFlags::BLOCK_UNINIT) {
            let bitmap = self.block(desc.block_bitmap);
            verify_block_bitmap(bitmap, &desc, group, &self.superblock).unwrap();
            let bits = geometry.group_blocks(group) >> geometry.cluster_ratio_bits();
            assert_eq!(Bits::new(bitmap, bits).unwrap().count_clear(), desc.free_clusters);
        }
        if desc.flags.contains(GroupFlags::INODE_UNINIT) {
            return Vec::new();
        }
        let bitmap = self.block(desc.inode_bitmap);
        verify_inode_bitmap(bitmap, &desc, group, &self.superblock).unwrap();
        let bits = Bits::new(bitmap, geometry.inodes_per_group()).unwrap();
        assert_eq!(bits.count_clear(), desc.free_inodes);
        let first = group.get() * geometry.inodes_per_group() + 1;
        bits.set().map(|bit| self.inode_number(first + bit)).collect()
    }

    /// All inodes in use but those reserved ones that were never made.
    fn all_inodes(&self) -> Vec<Inode> {
        let features = self.superblock.features();
        let made = |ino: &InodeNr| match ino.get() {
            2 | 11.. => true,
            7 => features.compat(Compat::RESIZE_INODE),
            8 => features.compat(Compat::HAS_JOURNAL),
            _ => false,
        };
        let groups = self.superblock.geometry().groups();
        let in_use = groups.flat_map(|group| self.inodes_in_use(group));
        in_use.filter(made).map(|ino| self.inode(ino)).collect()
    }

    /// The data blocks of an inode in the order of the file, as the maps have them.
    fn data_blocks(&self, inode: &Inode) -> Vec<u64> {
        let mut blocks = Vec::new();
        if inode.flags.contains(InodeFlags::EXTENTS) {
            let rule = NodeRule::root(self.superblock.features().metadata_csum());
            self.walk_extents(inode, inode.map_bytes(), &rule, &mut blocks);
        } else {
            let size = self.superblock.geometry().block_size();
            let count = u32::try_from(size.blocks_for(inode.size)).unwrap();
            blocks.extend((0..count).filter_map(|logical| self.indirect_block(inode, logical)));
        }
        blocks
    }

    fn walk_extents(&self, inode: &Inode, bytes: &[u8], rule: &NodeRule, found: &mut Vec<u64>) {
        let at = Place::inode(inode.ino);
        let node = ExtentNode::parse(bytes, rule, self.superblock.geometry(), at).unwrap();
        for i in 0..node.len() {
            if let Some(extent) = node.extent(i) {
                let start = extent.start.get();
                found.extend(start..start + u64::from(extent.len));
                continue;
            }
            let child = self.block(node.index(i).unwrap().child);
            if self.superblock.features().metadata_csum() {
                verify_extent_checksum(child, inode.seed, at).unwrap();
            }
            self.walk_extents(inode, child, &rule.descend(&node, i).unwrap(), found);
        }
    }

    fn indirect_block(&self, inode: &Inode, logical: u32) -> Option<u64> {
        let geometry = self.superblock.geometry();
        let path = IndirectMap::path(logical, geometry.block_size().bytes() / 4).unwrap();
        let mut map = IndirectMap::new(inode.map_bytes());
        let mut block = None;
        for offset in path.offsets() {
            block = Some(map.block(*offset, geometry, Place::inode(inode.ino)).unwrap()?);
            map = IndirectMap::new(self.block(block?));
        }
        block.map(BlockNr::get)
    }

    /// What debugfs lists for `blocks`, less the blocks of the map itself.
    fn debugfs_data_blocks(&self, inode: &Inode) -> Vec<u64> {
        let request = format!("stat <{}>", inode.ino);
        let listed = debugfs(&self.path, &["-R", &request]).unwrap();
        let blocks = listed.lines().skip_while(|line| !is_map_header(line)).skip(1);
        blocks.flat_map(|line| line.split(", ")).flat_map(runs).collect()
    }
}

fn is_map_header(line: &str) -> bool {
    line.starts_with("BLOCKS:") || line.starts_with("EXTENTS:")
}

/// `(0-3):10-13` as 10 to 13; nothing for `(ETB0):9`, `(IND):9` and totals.
fn runs(item: &str) -> std::ops::Range<u64> {
    let Some((place, run)) = item.split_once("):") else {
        return 0..0;
    };
    if place.contains(|c: char| c.is_ascii_alphabetic()) {
        return 0..0;
    }
    let (first, last) = run.split_once('-').unwrap_or((run, run));
    first.parse().unwrap()..last.parse::<u64>().unwrap() + 1
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn debugfs(path: &Path, arguments: &[&str]) -> Option<String> {
    let output = run(Command::new("debugfs").args(arguments).arg(path))?;
    Some(text(&output.stdout))
}

/// A file of 400 pieces of 1 KiB, each 8 KiB behind the one before; written by debugfs it keeps its
/// holes.
fn sparse_file(name: &str) -> PathBuf {
    use std::os::unix::fs::FileExt;

    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let file = fs::File::create(&path).unwrap();
    for piece in 0_u64..400 {
        file.write_all_at(&[b'x'; 1024], piece * 8192).unwrap();
    }
    path
}

const LAYOUTS: [(&str, &str, &str); 16] = [
    ("ext2", "-t ext2 -b 1024", "24M"),
    ("ext2_rev0", "-t ext2 -r 0 -b 1024", "8M"),
    ("ext3", "-t ext3 -b 1024", "24M"),
    ("ext4_1k", "-t ext4 -b 1024", "40M"),
    ("ext4_4k", "-t ext4 -b 4096", "64M"),
    ("ext4_32bit", "-t ext4 -b 1024 -O ^64bit", "24M"),
    ("uninit_bg", "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg", "40M"),
    ("uninit_bg_32", "-t ext4 -b 1024 -O ^metadata_csum,^64bit,uninit_bg", "40M"),
    ("no_flex", "-t ext4 -b 1024 -O ^flex_bg", "40M"),
    ("meta_bg", "-t ext4 -b 1024 -O meta_bg,^resize_inode", "40M"),
    ("bigalloc", "-t ext4 -b 4096 -O bigalloc -C 16384", "64M"),
    ("bigalloc_1k", "-t ext4 -b 1024 -O bigalloc -C 4096", "80M"),
    ("blocks_64k", "-t ext4 -b 65536", "256M"),
    ("tiny_groups", "-t ext4 -b 1024 -g 1024 -N 4096 -O resize_inode -E resize=1G", "40M"),
    ("sparse2_seed", "-t ext4 -b 2048 -O sparse_super2,metadata_csum_seed", "40M"),
    ("small_inodes", "-t ext4 -b 1024 -I 128 -O ^64bit", "24M"),
];

#[test]
fn all_metadata_of_every_layout_is_accepted_and_maps_match_debugfs() {
    let source = sparse_file("pieces");
    let script = format!("write {} pieces\nmkdir dir\nsymlink link target", source.display());
    for (name, options, size) in LAYOUTS {
        let Some(image) = Image::make(name, options, size, &script) else {
            return;
        };
        let inodes = image.all_inodes();
        let files = inodes.iter().filter(|inode| inode.file_type == FileType::Regular);
        let mut mapped = 0;
        for inode in files.filter(|inode| inode.ino.get() >= 11) {
            let ours = image.data_blocks(inode);
            assert_eq!(ours, image.debugfs_data_blocks(inode), "{name}, inode {}", inode.ino);
            mapped += ours.len();
        }
        assert!(mapped >= 50, "{name}: only {mapped} blocks were compared");
        let link = inodes.iter().find(|inode| inode.file_type == FileType::Symlink).unwrap();
        assert!(link.is_fast_symlink(), "{name}");
        assert!(link.map_bytes().starts_with(b"target\0"), "{name}");
    }
}

#[test]
fn inode_fields_are_those_that_debugfs_set() {
    let fields = [
        "mtime @-10",
        "atime @0x7fffffff",
        "ctime @0x300000000",
        "crtime @0x2540be3ff",
        "mtime_extra 0x1c",
        "uid 0x12345678",
        "gid 0x9abcdef0",
        "generation 77",
        "flags 0x80090",
        "projid 4711",
        "version 5",
    ];
    let script: String = fields.iter().map(|field| format!("\nsif <11> {field}")).collect();
    let script = format!("mknod device b 8 300{script}");
    let Some(image) =
        Image::make("fields", "-t ext4 -b 1024 -I 256 -O project,quota", "16M", &script)
    else {
        return;
    };
    let inode = image.inode(image.inode_number(11));
    assert_eq!(inode.mtime, Timestamp { secs: -10, nanos: 7 });
    assert_eq!(inode.atime.secs, 0x7fff_ffff);
    assert_eq!(inode.ctime.secs, 0x3_0000_0000);
    assert_eq!(inode.crtime.unwrap().secs, 0x2_540b_e3ff);
    assert_eq!((inode.uid, inode.gid), (0x1234_5678, 0x9abc_def0));
    assert_eq!((inode.generation, inode.project), (77, 4711));
    assert_eq!(inode.flags.lsattr(), "----i--A------e-------");
    let device = image.all_inodes().into_iter().find(|i| i.file_type.is_device()).unwrap();
    assert_eq!(device.device(), Some((8, 300)));
}

#[test]
fn journal_multi_mount_orphan_and_quota_structures_are_accepted() {
    let options = "-t ext4 -b 1024 -O mmp,orphan_file,quota,project,fast_commit";
    let Some(image) = Image::make("structures", options, "64M", "") else {
        return;
    };
    let sb = &image.superblock;
    let first_block = |ino: u32| {
        let inode = image.inode(image.inode_number(ino));
        let block = image.data_blocks(&inode)[0];
        (inode, sb.geometry().block(block).unwrap())
    };
    let mmp_block = Mmp::location(sb).unwrap().unwrap();
    let mmp = Mmp::parse(image.block(mmp_block), sb, Place::default()).unwrap();
    assert_eq!(mmp.state(), MmpState::Clean);

    let (journal, block) = first_block(8);
    let size = sb.geometry().block_size();
    let journal_sb = JournalSuperblock::parse(image.block(block), size, Place::default()).unwrap();
    assert!(journal_sb.is_empty());
    assert_eq!(u64::from(journal_sb.max_len), size.blocks_for(journal.size));

    let (orphans, block) = first_block(sb.raw().orphan_file_inum.get());
    let parsed = OrphanFileBlock::parse(image.block(block), orphans.seed, block, true).unwrap();
    assert_eq!((parsed.slots(), parsed.entries().count()), (254, 0));

    let raw = sb.raw();
    let files = [raw.user_quota_inum, raw.group_quota_inum, raw.project_quota_inum];
    for (kind, ino) in QuotaKind::ALL.into_iter().zip(files) {
        let (inode, block) = first_block(ino.get());
        let bytes = image.block(block);
        let header = QuotaHeader::parse(bytes, kind, inode.size, Place::default()).unwrap();
        assert_eq!((header.version, header.block_grace), (1, 604_800));
    }
}
