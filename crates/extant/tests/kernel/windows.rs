//! The same file system through partitions, offsets and copies of the superblock.

use std::fs::{self, File, OpenOptions as FileOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use extant::device::ImageOptions;
use extant::{Filesystem, OpenOptions, SuperblockCopy};
use extant_testkit::capability::{Capability, find_tool, need};
use extant_testkit::content::{Built, Scale, build};
use extant_testkit::image::{Scratch, run};
use extant_testkit::observe::Observed;
use extant_testkit::profile::named;

use crate::compare::assert_same;
use crate::walker;

const MIB: u64 = 1 << 20;

fn built(scratch: &Scratch, name: &str, mib: u64) -> (Built, Vec<Observed>) {
    // More than one group, so that there are copies.
    let built = build(scratch, named(name).unwrap(), Scale { mib, ..Scale::TINY }).unwrap();
    let fs = walker::open(&built.image, &OpenOptions::default()).unwrap();
    let plain = walker::walk(&fs);
    assert!(plain.len() > 1_000);
    (built, plain)
}

/// A disk with `image` at `start` and a table made by sfdisk.
fn disk(scratch: &Scratch, image: &Path, label: &str, script: &str, start: u64) -> PathBuf {
    let disk = scratch.sparse_file(label, 256).unwrap();
    let program = find_tool("sfdisk").unwrap();
    let mut command = Command::new(program);
    // A file is no disk that the kernel knows: without the flag sfdisk syncs the whole machine.
    command.args(["-q", "--no-tell-kernel"]).arg(&disk).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let seek = format!("seek={}", start / MIB);
    let input = format!("if={}", image.display());
    let output = format!("of={}", disk.display());
    run("dd", &[&input, &output, &seek, "bs=1M", "conv=notrunc,sparse", "status=none"]).unwrap();
    disk
}

fn walk(path: &Path, image: &ImageOptions) -> Vec<Observed> {
    let image = ImageOptions { read_only: true, ..*image };
    walker::walk(&Filesystem::open_path(path, &image, &OpenOptions::default()).unwrap())
}

#[test]
fn partitions_and_offsets_show_the_same() {
    if !need(Capability::KernelMount) || !need(Capability::Tool("sfdisk")) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let (built, plain) = built(&scratch, "ext4-1k", 128);
    let start = 24 * MIB;
    let gpt = "label: gpt\n1MiB,8MiB\n24MiB,128MiB\n";
    // Partition 5 is the first logical one in an extended partition.
    let mbr = "label: dos\n1MiB,8MiB,83\n16MiB,200MiB,5\n-\n-\n24MiB,128MiB,83\n";
    for (label, script, number) in [("gpt", gpt, 2), ("mbr", mbr, 5)] {
        let disk = disk(&scratch, &built.image, label, script, start);
        let by_number = ImageOptions { partition: Some(number), ..ImageOptions::default() };
        assert_same(&plain, &walk(&disk, &by_number));
        let by_offset = ImageOptions { offset: start, ..ImageOptions::default() };
        assert_same(&plain, &walk(&disk, &by_offset));
        let mut moved = File::create(scratch.join("moved")).unwrap();
        moved.write_all(&vec![0xaa; 4096]).unwrap();
        std::io::copy(&mut File::open(&disk).unwrap(), &mut moved).unwrap();
        let both = ImageOptions { offset: 4096, ..by_number };
        assert_same(&plain, &walk(&scratch.join("moved"), &both));
        fs::remove_file(disk).unwrap();
    }
}

/// Blocks of the superblock's copies, by dumpe2fs.
fn copies(image: &Path) -> Vec<u64> {
    let text = run("dumpe2fs", &[&image.display().to_string()]).unwrap();
    let after = text.split("Backup superblock at ").skip(1);
    after.map(number).collect()
}

fn number(text: &str) -> u64 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

fn by_copy(name: &str) {
    if !need(Capability::KernelMount) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let (built, plain) = built(&scratch, name, 512);
    let copies = copies(&built.image);
    assert!(!copies.is_empty());
    let block = u64::from(named(name).unwrap().block);
    // The boot block, the superblock and the rest of its block.
    let zeros = vec![0; usize::try_from(block.max(2048)).unwrap()];
    let image = FileOptions::new().write(true).open(&built.image).unwrap();
    image.write_all_at(&zeros, 0).unwrap();
    assert!(walker::open(&built.image, &OpenOptions::default()).is_err());
    for number in copies {
        let superblock = SuperblockCopy::Block { block: number, block_size: None };
        let options = OpenOptions { superblock, ..OpenOptions::default() };
        let fs = walker::open(&built.image, &options).unwrap();
        assert_same(&plain, &walker::walk(&fs));
    }
}

macro_rules! by_copy {
    ($($name:literal => fn $test:ident;)*) => {
        $(#[test]
        fn $test() {
            by_copy($name);
        })*
    };
}

by_copy! {
    "ext2-old" => fn copies_of_ext2_old;
    "ext3-1k-i128" => fn copies_of_ext3_1k;
    "ext4-1k" => fn copies_of_ext4_1k;
    "ext4-default" => fn copies_of_ext4_default;
    "ext4-csum-seed" => fn copies_of_ext4_csum_seed;
    "ext4-uninit-bg" => fn copies_of_ext4_uninit_bg;
    "ext4-sparse-super2" => fn copies_of_ext4_sparse_super2;
    "ext4-meta-bg-1k" => fn copies_of_ext4_meta_bg_1k;
    "ext4-bigalloc-1k" => fn copies_of_ext4_bigalloc_1k;
}
