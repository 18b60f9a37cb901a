//! Profiles that no kernel here mounts, filled by `mke2fs -d`: names, contents and attributes as in
//! the host folder that they were made from, every inode field as debugfs reads it, sums as
//! dumpe2fs gives them, and no complaint of e2fsck.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use extant::{Filesystem, Follow, OpenOptions};
use extant_testkit::content::{Built, Scale, build};
use extant_testkit::image::{Scratch, debugfs, e2fsck, run};
use extant_testkit::mount::{Access, LoopMount};
use extant_testkit::observe::{Kind, Observed, observe_dir};
use extant_testkit::profile::{KernelUse, PROFILES, named};

use crate::compare::{able, assert_same};
use crate::maps::{Run, Whereabouts, of_library};
use crate::names;
use crate::walker::{self, WAIT};

macro_rules! profiles {
    ($($name:literal => fn $test:ident;)*) => {
        const NAMES: &[&str] = &[$($name),*];

        $(#[test]
        fn $test() {
            profile($name);
        })*
    };
}

profiles! {
    "ext4-8k" => fn ext4_8k;
    "ext4-16k" => fn ext4_16k;
    "ext4-32k" => fn ext4_32k;
    "ext4-64k" => fn ext4_64k;
    "ext2-64k" => fn ext2_64k;
    "ext4-64k-inline" => fn ext4_64k_inline;
    "ext4-casefold" => fn ext4_casefold;
}

#[test]
fn every_other_profile_is_compared() {
    let others = PROFILES.iter().filter(|profile| profile.kernel == KernelUse::Not);
    assert_eq!(NAMES, others.map(|profile| profile.name).collect::<Vec<_>>());
}

fn profile(name: &str) {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let built = build(&scratch, named(name).unwrap(), Scale::SMALL).unwrap();
    e2fsck(&built.image).unwrap();
    let fs = walker::open(&built.image, &OpenOptions::default()).unwrap();
    assert_eq!(fs.volume().damage().1, 0);
    let ours = walker::walk(&fs);
    same_as_source(&built, &ours, name.contains("inline"));
    names::check(&built.image, &ours);
    same_sums(&fs, &built.image);
    same_map(&fs, &built.image);
    same_inodes(&built.image, &ours);
}

/// What `mke2fs -d` keeps: all but times below a second, the times of change and creation, and
/// where things are. A directory's size and the root's links depend on the file system.
fn same_as_source(built: &Built, ours: &[Observed], inline: bool) {
    let source = observe_dir(built.source.as_ref().unwrap()).unwrap();
    let kept = |entry: &&Observed| !entry.path.starts_with(b"/lost+found");
    let ours: Vec<_> = ours.iter().filter(kept).map(carried).collect();
    let mut source: Vec<_> = source.iter().map(carried).collect();
    if inline {
        // With inline data mke2fs 1.47 forgets the hole at the end of a file: to the last block.
        let sparse = source.iter_mut().find(|entry| entry.path == b"/files/sparse");
        sparse.unwrap().size = (40 << 20) + 65_536;
    }
    assert!(source.len() > 4_000);
    assert_same(&source, &ours);
}

fn carried(entry: &Observed) -> Observed {
    let mut entry = entry.clone();
    (entry.blocks, entry.ino) = (0, 0);
    (entry.btime, entry.ctime, entry.atime) = (None, (0, 0), (0, 0));
    (entry.flags, entry.generation, entry.project) = (None, None, None);
    // One 32-bit number of seconds.
    entry.mtime = (i64::from(u32::try_from(entry.mtime.0 & 0xffff_ffff).unwrap().cast_signed()), 0);
    entry.data_map = Vec::new();
    if entry.kind == Kind::Directory {
        (entry.size, entry.nlink) = (0, 0);
    }
    if entry.path == b"/" {
        // mke2fs makes the root itself.
        (entry.mtime, entry.mode) = ((0, 0), 0);
    }
    entry
}

/// Free and total counts; what is not counted as free or as size is the kernel's choice.
fn same_sums(fs: &Filesystem, image: &Path) {
    let text = run("dumpe2fs", &["-h", &image.display().to_string()]).unwrap();
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    let ours = fs.statfs();
    assert_eq!(u64::from(ours.block_size), number("Block size:"));
    assert_eq!(ours.blocks_free, number("Free blocks:"));
    assert_eq!(ours.files, number("Inode count:"));
    assert_eq!(ours.files_free, number("Free inodes:"));
    assert!(ours.blocks < number("Block count:") && ours.blocks > ours.blocks_free);
    assert!(ours.blocks_available <= ours.blocks_free - number("Reserved block count:"));
}

/// The fragmented file, block by block.
fn same_map(fs: &Filesystem, image: &Path) {
    let path = "/files/fragmented";
    let unit = u64::from(fs.statfs().block_size) / 1024;
    let runs = of_library(&fs.resolve(path.as_bytes(), Follow::No, WAIT).unwrap());
    assert!(runs.len() > 500, "{}", runs.len());
    let commands: Vec<_> =
        runs.iter().map(|run| format!("bmap {path} {}", run.logical / unit)).collect();
    let text = debugfs(image, &commands).unwrap();
    let blocks: Vec<u64> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
    assert_eq!(blocks.len(), runs.len());
    for (run, block) in runs.into_iter().zip(blocks) {
        let at = Whereabouts::Blocks { first: block * unit, unwritten: false };
        assert_eq!(run, Run { at, ..run });
    }
}

/// Every inode against `debugfs stat`.
fn same_inodes(image: &Path, ours: &[Observed]) {
    let commands: Vec<_> = ours.iter().map(|entry| format!("stat <{}>", entry.ino)).collect();
    let text = debugfs(image, &commands).unwrap();
    let parts: Vec<&str> = text.split("Inode: ").skip(1).collect();
    assert_eq!(parts.len(), ours.len());
    for (entry, part) in ours.iter().zip(parts) {
        same_inode(entry, part);
    }
}

fn same_inode(entry: &Observed, text: &str) {
    let shown = entry.path.escape_ascii().to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name).unwrap_or_else(|| panic!("{text}"));
        words[at + 1]
    };
    // Numbers of users above 2^31 are shown as negative ones.
    let number = |name: &str| after(name).parse::<i64>().unwrap().cast_unsigned();
    let id = |name: &str| u32::try_from(number(name) & 0xffff_ffff).unwrap();
    assert_eq!(words[0].parse::<u64>().unwrap(), entry.ino, "{shown}");
    assert_eq!(u16::from_str_radix(after("Mode:"), 8).unwrap(), entry.mode, "{shown}");
    assert_eq!(id("User:"), entry.uid, "{shown}");
    assert_eq!(id("Group:"), entry.gid, "{shown}");
    assert_eq!(number("Size:"), entry.size, "{shown}");
    assert_eq!(number("Links:"), entry.nlink.into(), "{shown}");
    // Bytes in the inode count as one more sector for stat(2).
    let inline = u64::from(entry.kind == Kind::Regular && text.contains("Size of inline data"));
    let in_inode = inline * entry.size.div_ceil(512);
    assert_eq!(number("Blockcount:") + in_inode, entry.blocks, "{shown}");
    if let Some(flags) = entry.flags {
        let stored = u32::from_str_radix(&after("Flags:")[2..], 16).unwrap();
        assert_eq!(stored & 0x725b_dfff, flags, "{shown}");
        assert_eq!(id("Generation:"), entry.generation.unwrap(), "{shown}");
        assert_eq!(id("Project:"), entry.project.unwrap(), "{shown}");
    }
    let times: HashMap<&str, (i64, u32)> =
        ["ctime:", "atime:", "mtime:", "crtime:"].map(|name| (name, time(after(name)))).into();
    assert_eq!(times["ctime:"], entry.ctime, "{shown}");
    assert_eq!(times["atime:"], entry.atime, "{shown}");
    assert_eq!(times["mtime:"], entry.mtime, "{shown}");
    assert_eq!(Some(times["crtime:"]), entry.btime, "{shown}");
}

/// `0xSECONDS:EXTRA`: the low two bits of the second word count periods of 2^32 seconds.
fn time(word: &str) -> (i64, u32) {
    let (seconds, extra) = word.strip_prefix("0x").unwrap().split_once(':').unwrap();
    let [seconds, extra] = [seconds, extra].map(|hex| u32::from_str_radix(hex, 16).unwrap());
    (i64::from(seconds.cast_signed()) + (i64::from(extra & 3) << 32), extra >> 2)
}

/// With inline data mke2fs stores a file that has no byte but zeros as an inode with a size and
/// nothing in it; the kernel reads zeros, so do we. (Its `SEEK_HOLE` fails there with ENOENT, which
/// is why such files are not in the profiles.)
#[test]
fn files_of_zeros_that_mke2fs_made_inline() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let source = scratch.folder("source").unwrap();
    let sizes = [1_u64, 60, 61, 1_000, 4_096, 50_000, 5_000_000];
    for size in sizes {
        let zeros = vec![0; usize::try_from(size).unwrap()];
        fs::write(source.join(format!("zeros-{size}")), zeros).unwrap();
        let hole = fs::File::create(source.join(format!("hole-{size}"))).unwrap();
        hole.set_len(size).unwrap();
    }
    let profile = named("ext4-inline-data").unwrap();
    let image = scratch.mkfs_from(profile, 64, 200, Some(&source)).unwrap();
    e2fsck(&image).unwrap();
    let ours = walker::open(&image, &OpenOptions::default()).unwrap();
    let mount = LoopMount::new(&image, Access::ReadOnly).unwrap();
    for size in sizes {
        for name in [format!("zeros-{size}"), format!("hole-{size}")] {
            let host = mount.path().join(&name);
            let kernel = fs::read(&host).unwrap();
            let file = ours.open_file(name.as_bytes(), WAIT).unwrap();
            let mut bytes = vec![1; kernel.len() + 10];
            let got = file.read_at(&mut bytes, 0, WAIT).unwrap();
            assert!(bytes[..got] == kernel, "{name}: {got} bytes");
            assert_eq!(file.stat().blocks_512, fs::metadata(&host).unwrap().blocks(), "{name}");
        }
    }
    mount.unmount().unwrap();
}
