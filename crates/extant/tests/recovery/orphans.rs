//! Orphans that the kernel left: files unlinked while open, and files that a stopped truncate left
//! with blocks past their end. Judged by a kernel mount of another copy (free space and inodes)
//! and by e2fsck (everything else).

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use extant::{Filesystem, OpenOptions};
use extant_block::{BlockDevice, FileDevice, FileOptions};
use extant_core::{RecoverOptions, RecoveryReport, recover};
use extant_testkit::capability::{Capability, need};
use extant_testkit::image::{Scratch, debugfs, e2fsck, run};
use extant_testkit::ioctls::{ShutdownMode, shutdown};
use extant_testkit::mount::{Access, LoopMount};
use extant_testkit::observe::statfs;
use rustix::fs::{OFlags, XattrFlags, setxattr};

/// Options of mke2fs for each kind of image.
const PROFILES: &[(&str, &[&str])] = &[
    ("ext3", &["-t", "ext3"]),
    ("ext3-small", &["-t", "ext3", "-b", "1024", "-I", "128"]),
    ("ext4", &["-t", "ext4"]),
    ("ext4-32bit", &["-t", "ext4", "-b", "1024", "-O", "^64bit"]),
    ("uninit", &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,uninit_bg"]),
    ("no-csum", &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^uninit_bg"]),
    ("bigalloc", &["-t", "ext4", "-O", "bigalloc", "-C", "16384"]),
    ("orphan-file", &["-t", "ext4", "-O", "orphan_file"]),
    ("orphan-file-no-csum", &["-t", "ext4", "-O", "orphan_file,^metadata_csum"]),
    ("ea-inode", &["-t", "ext4", "-O", "ea_inode", "-b", "1024", "-I", "256"]),
    ("inline", &["-t", "ext4", "-O", "inline_data"]),
    ("meta-bg", &["-t", "ext4", "-O", "meta_bg,^resize_inode", "-b", "1024", "-g", "1024"]),
];

/// Inodes that the workload unlinks while they are open.
const UNLINKED: u32 = 21;

fn image(scratch: &Scratch, name: &str, args: &[&str]) -> PathBuf {
    let path = scratch.sparse_file(&format!("{name}.img"), 64).unwrap();
    let path_text = path.display().to_string();
    run("mke2fs", &[&["-q", "-F", "-N", "4096"], args, &[&path_text]].concat()).unwrap();
    path
}

/// Bytes that are not all the same, so that no block looks like another.
fn noise(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| ((n * n) >> 7).to_le_bytes()[0]).collect()
}

/// A file with a block in every third place: one extent each.
fn sparse(path: &Path, blocks: u64) {
    let file = File::create(path).unwrap();
    for n in 0..blocks {
        file.write_all_at(b"x", n * 3 * 4096).unwrap();
    }
}

fn fill(root: &Path) {
    for n in 0..20 {
        fs::write(root.join(format!("file{n}")), noise(1000 + n * 4096)).unwrap();
    }
    for n in 0..4 {
        sparse(&root.join(format!("sparse{n}")), 300);
    }
    fs::write(root.join("big"), noise(6 << 20)).unwrap();
    for n in 0..4 {
        let path = root.join(format!("attributes{n}"));
        fs::write(&path, "q").unwrap();
        let set = |name, value: &[u8]| setxattr(&path, name, value, XattrFlags::empty());
        set("user.shared", &[b'v'; 300]).unwrap();
        // Only with the feature ea_inode are these possible: shared by all, and by none.
        let _ = set("user.large", &[b'v'; 6000]);
        let _ = set("user.own", &[b'a' + n; 7000]);
    }
    fs::create_dir(root.join("empty")).unwrap();
    fs::create_dir(root.join("emptied")).unwrap();
    for n in 0..200 {
        fs::write(root.join(format!("emptied/name{n:050}")), "").unwrap();
    }
    fs::write(root.join("tiny"), "hello").unwrap();
    symlink("t".repeat(30), root.join("fast")).unwrap();
    symlink("t".repeat(200), root.join("slow")).unwrap();
}

/// Unlinks files and folders of [`fill`] that stay open in what is returned.
fn unlink_open(root: &Path) -> Vec<File> {
    for n in 0..200 {
        fs::remove_file(root.join(format!("emptied/name{n:050}"))).unwrap();
    }
    let by_number = |name: &str, numbers: &[u32]| {
        numbers.iter().map(|n| format!("{name}{n}")).collect::<Vec<_>>()
    };
    let mut names = by_number("file", &[0, 1, 2, 5, 7, 9, 11, 13, 17, 19]);
    names.extend(by_number("sparse", &[0, 2]));
    names.extend(by_number("attributes", &[0, 2]));
    names.extend(["big", "tiny", "fast", "slow"].map(str::to_owned));
    let mut open = Vec::new();
    let hold = |path: &Path| {
        let flags = (OFlags::PATH | OFlags::NOFOLLOW).bits();
        File::options().read(true).custom_flags(flags.cast_signed()).open(path).unwrap()
    };
    for name in &names {
        let path = root.join(name);
        open.push(hold(&path));
        fs::remove_file(path).unwrap();
    }
    for name in ["empty", "emptied"] {
        let path = root.join(name);
        open.push(hold(&path));
        fs::remove_dir(path).unwrap();
    }
    // Deleted at once, but for values that others share.
    fs::remove_file(root.join("attributes3")).unwrap();
    let fifo = root.join("file3");
    open.push(hold(&fifo));
    fs::remove_file(fifo).unwrap();
    open
}

/// An image whose log holds a tree and orphans, all of them open when the file system stopped.
fn unlinked(scratch: &Scratch, name: &str, args: &[&str]) -> PathBuf {
    let path = image(scratch, name, args);
    let mount = LoopMount::with_options(&path, Access::ReadWrite, "commit=300").unwrap();
    fill(mount.path());
    rustix::fs::syncfs(File::open(mount.path()).unwrap()).unwrap();
    let open = unlink_open(mount.path());
    assert_eq!(open.len(), UNLINKED as usize);
    shutdown(mount.path(), ShutdownMode::LogFlush).unwrap();
    drop(open);
    mount.unmount().unwrap();
    path
}

/// Free blocks and inodes as the kernel has them after its own recovery.
fn kernel_counts(scratch: &Scratch, image: &Path) -> (u64, u64) {
    let copy = scratch.copy(image, "kernel.img").unwrap();
    let mount = LoopMount::new(&copy, Access::ReadWrite).unwrap();
    let found = statfs(mount.path()).unwrap();
    mount.unmount().unwrap();
    e2fsck(&copy).unwrap();
    (found.blocks_free, found.files_free)
}

/// The same as an opening for reading has them; the image stays as it is.
fn opened_counts(image: &Path) -> (u64, u64) {
    let before = blake3::hash(&fs::read(image).unwrap());
    let found = Filesystem::open(device(image), &OpenOptions::default()).unwrap().statfs();
    assert_eq!(blake3::hash(&fs::read(image).unwrap()), before);
    (found.blocks_free, found.files_free)
}

fn recovered(image: &Path) -> RecoveryReport {
    recover(device(image), &finishing()).unwrap()
}

fn device(image: &Path) -> Arc<dyn BlockDevice> {
    Arc::new(FileDevice::open(image, &FileOptions::default()).unwrap())
}

fn finishing() -> RecoverOptions {
    RecoverOptions { finish_orphans: true, ..RecoverOptions::default() }
}

/// The image recovers to what the kernel makes of it, in memory and on the image.
fn judge(scratch: &Scratch, name: &str, image: &Path) -> RecoveryReport {
    let kernel = kernel_counts(scratch, image);
    assert_eq!(opened_counts(image), kernel, "{name}: opened");
    let report = recovered(image);
    assert_eq!(report.orphan_damage, [], "{name}");
    e2fsck(image).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(opened_counts(image), kernel, "{name}: recovered");
    let again = recovered(image);
    assert_eq!((again.orphans_deleted, again.orphans_truncated, again.changed_blocks), (0, 0, 0));
    report
}

#[test]
fn c16_open_files_that_were_unlinked_are_deleted_as_the_kernel_deletes_them() {
    if !need(Capability::KernelMount) || !need(Capability::Compiler) {
        return;
    }
    for (name, args) in PROFILES {
        let scratch = Scratch::new().unwrap();
        let image = unlinked(&scratch, name, args);
        let report = judge(&scratch, name, &image);
        assert_eq!((report.orphans_deleted, report.orphans_truncated), (UNLINKED, 0), "{name}");
    }
}

/// A clean image and its files that are to be cut: number and new size.
fn files_to_cut(scratch: &Scratch, name: &str, args: &[&str]) -> (PathBuf, Vec<(u64, u64)>) {
    let path = image(scratch, name, args);
    let mount = LoopMount::new(&path, Access::ReadWrite).unwrap();
    let root = mount.path();
    let mut cut = Vec::new();
    let mut add = |name: &str, size| cut.push((fs::metadata(root.join(name)).unwrap().ino(), size));
    for n in 0..8 {
        let name = format!("file{n}");
        fs::write(root.join(&name), noise(100_000 + n * 30_011)).unwrap();
        add(&name, 20_000 + n as u64 * 7_777);
    }
    // Many extents: none stays, or so many that the tree stays as deep as it is. Where it could be
    // less deep afterwards, the kernel leaves it, and the counts may differ.
    for (n, blocks, stay) in [(0, 1500, 0), (1, 300, 250), (2, 1500, 1400)] {
        let name = format!("sparse{n}");
        sparse(&root.join(&name), blocks);
        add(&name, stay * 3 * 4096);
    }
    fs::write(root.join("gone"), noise(1 << 20)).unwrap();
    add("gone", 0);
    fs::write(root.join("small"), "hello").unwrap();
    add("small", 3);
    mount.unmount().unwrap();
    (path, cut)
}

#[test]
fn c16_files_past_their_end_are_cut_as_the_kernel_cuts_them() {
    if !need(Capability::KernelMount) {
        return;
    }
    for (name, args) in PROFILES {
        let scratch = Scratch::new().unwrap();
        let (image, cut) = files_to_cut(&scratch, name, args);
        let mut commands = vec![format!("set_super_value last_orphan {}", cut[0].0)];
        for (n, (ino, size)) in cut.iter().enumerate() {
            let next = cut.get(n + 1).map_or(0, |next| next.0);
            commands.push(format!("set_inode_field <{ino}> size {size}"));
            commands.push(format!("set_inode_field <{ino}> dtime {next:#x}"));
        }
        debugfs(&image, &commands).unwrap();
        let report = judge(&scratch, name, &image);
        let done = (report.orphans_deleted, report.orphans_truncated as usize);
        assert_eq!(done, (0, cut.len()), "{name}");
    }
}

#[test]
fn quota_is_refused_for_writing_and_not_for_reading() {
    let scratch = Scratch::new().unwrap();
    let image = image(&scratch, "quota", &["-t", "ext4", "-O", "quota"]);
    // The tool that makes the image also makes the file; nothing names it afterwards.
    let source = scratch.join("source");
    fs::write(&source, noise(100_000)).unwrap();
    let free = opened_counts(&image);
    let commands = [
        format!("write {} file", source.display()),
        "set_inode_field file links_count 0".to_owned(),
        "unlink file".to_owned(),
    ];
    debugfs(&image, &commands[..1]).unwrap();
    let line = debugfs(&image, &["imap file"]).unwrap();
    let number = line.split_whitespace().skip_while(|word| *word != "Inode").nth(1).unwrap();
    debugfs(&image, &commands[1..]).unwrap();
    debugfs(&image, &[format!("set_super_value last_orphan {number}")]).unwrap();
    assert_eq!(opened_counts(&image), free, "the file is gone for a reader");
    let before = blake3::hash(&fs::read(&image).unwrap());
    let refused = recover(device(&image), &finishing()).unwrap_err().to_string();
    assert!(refused.contains("quota"), "{refused}");
    assert_eq!(blake3::hash(&fs::read(&image).unwrap()), before);
}
