//! Fast commits of the kernel, record by record: what each scenario did is there after recovery.
//!
//! The judge is the tree as it was when its last change had been synced: Linux itself refuses many
//! of these images, and crashes on fast commits of files without extents, so it mounts none.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use extant_testkit::capability::{Capability, need};
use extant_testkit::dirty::fast::without_folder_times;
use extant_testkit::image::{Scratch, e2fsck, run};
use extant_testkit::ioctls::{ShutdownMode, shutdown};
use extant_testkit::manifest::host_manifest;
use extant_testkit::mount::{Access, LoopMount};
use extant_testkit::observe::HashKind;
use rustix::fs::{AtFlags, CWD, FallocateFlags, OFlags, fallocate, linkat};

use crate::view;

/// Options of mke2fs for each kind of image.
const PROFILES: &[(&str, &[&str])] = &[
    ("4k", &["-b", "4096"]),
    ("1k", &["-b", "1024"]),
    ("orphan-file", &["-b", "1024", "-O", "orphan_file"]),
    ("inline", &["-b", "4096", "-O", "inline_data"]),
    ("no-csum", &["-b", "4096", "-O", "^metadata_csum"]),
    ("i128", &["-b", "4096", "-I", "128"]),
    ("bigalloc", &["-b", "4096", "-O", "bigalloc", "-C", "16384"]),
    ("no-index", &["-b", "1024", "-O", "^dir_index"]),
    ("no-extents", &["-b", "1024", "-O", "^extent,^64bit"]),
];

/// Writes take their blocks at once, so that an fsync of any file covers them.
const OPTIONS: &str = "commit=300,nodelalloc";

/// What a scenario does after the full commit, and the files that it keeps open.
type Scenario = fn(&Path) -> Vec<File>;

fn write(path: &Path, len: usize) {
    let seed = path.as_os_str().len();
    let bytes: Vec<u8> = (0..len).map(|n| ((n * 7 + seed) % 251).to_le_bytes()[0]).collect();
    fs::write(path, bytes).unwrap();
}

fn sync(path: &Path) {
    File::open(path).unwrap().sync_all().unwrap();
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// What is there before: durable by a full commit, which an fsync of a directory makes.
fn prepare(root: &Path) {
    fs::create_dir(root.join("dir")).unwrap();
    fs::create_dir(root.join("dir/empty")).unwrap();
    for n in 0..8 {
        write(&root.join(format!("file{n}")), 30_000);
        write(&root.join(format!("dir/small{n}")), 20 + n * 30);
        sync(&root.join(format!("file{n}")));
    }
    fs::hard_link(root.join("file7"), root.join("dir/other")).unwrap();
    sync(root);
}

/// All changes of the scenario are durable with this, its data included.
fn last(root: &Path) {
    write(&root.join("last"), 1);
    sync(&root.join("last"));
}

fn judge(scenario: Scenario) {
    if !need(Capability::KernelMount) || !need(Capability::Compiler) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    for (name, args) in PROFILES {
        let path = scratch.sparse_file(&format!("{name}.img"), 64).unwrap();
        let path_text = path.display().to_string();
        let fixed = ["-q", "-F", "-t", "ext4", "-N", "4096", "-J", "fast_commit_size=512"];
        let features = ["-O", "fast_commit,^quota"];
        run("mke2fs", &[&fixed, *args, &features, &[&path_text]].concat()).unwrap();
        let mount = LoopMount::with_options(&path, Access::ReadWrite, OPTIONS).unwrap();
        prepare(mount.path());
        let held = scenario(mount.path());
        last(mount.path());
        let told = host_manifest(mount.path(), HashKind::Xxh3).unwrap().lines;
        shutdown(mount.path(), ShutdownMode::NoLogFlush).unwrap();
        drop(held);
        mount.unmount().unwrap();
        let told = without_folder_times(&told);
        let seen = view::lines(&view::open(&path, None));
        view::assert_same_lines(&told, &without_folder_times(&seen), name);
        let report = view::recover(&path, None, true);
        println!("{name}: {} records", report.fast_commit_records);
        assert!(report.fast_commit_records > 0, "{name}: no fast commits");
        assert_eq!((report.fast_commit_damage, report.orphan_damage.len()), (None, 0), "{name}");
        e2fsck(&path).unwrap();
        view::assert_same_lines(&seen, &view::lines(&view::open(&path, None)), name);
    }
}

#[test]
fn c04_names() {
    judge(|root| {
        let at = |name: &str| root.join(name);
        fs::hard_link(at("file0"), at("dir/linked")).unwrap();
        fs::remove_file(at("file7")).unwrap();
        fs::rename(at("file1"), at("dir/moved")).unwrap();
        sync(&at("file0"));
        fs::rename(at("file2"), at("file3")).unwrap();
        fs::remove_file(at("file4")).unwrap();
        fs::rename(at("dir/moved"), at("back")).unwrap();
        fs::set_permissions(at("file5"), fs::Permissions::from_mode(0o400)).unwrap();
        sync(&at("back"));
        sync(&at("file5"));
        Vec::new()
    });
}

#[test]
fn c04_directories_come_and_go() {
    judge(|root| {
        let at = |name: &str| root.join(name);
        fs::create_dir_all(at("new/in/in")).unwrap();
        write(&at("new/in/in/file"), 9000);
        sync(&at("new/in/in/file"));
        fs::create_dir(at("new/more")).unwrap();
        fs::remove_dir(at("dir/empty")).unwrap();
        // Made, filled, emptied and removed within one commit; its numbers are used again.
        fs::create_dir(at("short")).unwrap();
        write(&at("short/file"), 10);
        fs::hard_link(at("file0"), at("short/linked")).unwrap();
        fs::remove_file(at("short/file")).unwrap();
        fs::remove_file(at("short/linked")).unwrap();
        fs::remove_dir(at("short")).unwrap();
        write(&at("again"), 10);
        sync(&at("file0"));
        Vec::new()
    });
}

#[test]
fn c04_a_directory_is_emptied_and_its_number_used_again() {
    judge(|root| {
        let at = |name: &str| root.join(name);
        for entry in fs::read_dir(at("dir")).unwrap() {
            let path = entry.unwrap().path();
            let removed = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
            removed.unwrap();
        }
        fs::remove_dir(at("dir")).unwrap();
        for n in 0..12 {
            write(&at(&format!("new{n}")), 5000);
        }
        sync(&at("new0"));
        Vec::new()
    });
}

#[test]
fn c04_maps_of_files() {
    judge(|root| {
        let at = |name: &str| root.join(name);
        let file = open(&at("file0"));
        for n in (0..60).step_by(2) {
            file.write_all_at(&[n; 3000], u64::from(n) * 8192).unwrap();
            file.sync_all().unwrap();
        }
        file.set_len(100_000).unwrap();
        file.sync_all().unwrap();
        // Without extents there are no preallocated blocks, and no holes punched by the record.
        let _ = fallocate(&file, FallocateFlags::empty(), 500_000, 50_000);
        file.sync_all().unwrap();
        let file = open(&at("file1"));
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(&file, punch, 4096, 8192);
        file.sync_all().unwrap();
        let file = open(&at("file2"));
        file.set_len(0).unwrap();
        file.sync_all().unwrap();
        file.write_all_at(b"new", 70_000).unwrap();
        file.sync_all().unwrap();
        Vec::new()
    });
}

#[test]
fn c04_files_without_a_name() {
    judge(|root| {
        let at = |name: &str| root.join(name);
        let temporary = || {
            let mut options = OpenOptions::new();
            let flags = OFlags::TMPFILE.bits().cast_signed();
            options.read(true).write(true).custom_flags(flags).mode(0o600).open(root).unwrap()
        };
        let (named, unnamed, open_still) = (temporary(), temporary(), open(&at("file0")));
        named.write_all_at(&[1; 20_000], 0).unwrap();
        named.sync_all().unwrap();
        unnamed.write_all_at(&[2; 20_000], 0).unwrap();
        unnamed.sync_all().unwrap();
        fs::remove_file(at("file0")).unwrap();
        open_still.write_all_at(&[3; 20_000], 50_000).unwrap();
        open_still.sync_all().unwrap();
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&named));
        linkat(CWD, link, CWD, at("named"), AtFlags::SYMLINK_FOLLOW).unwrap();
        named.sync_all().unwrap();
        vec![unnamed, open_still]
    });
}

#[test]
fn c04_a_directory_grows_a_hash_tree() {
    judge(|root| {
        let at = |n: usize| root.join(format!("dir/{n:0120}"));
        for n in 0..160 {
            File::create(at(n)).unwrap();
            if n % 40 == 39 {
                sync(&at(n));
            }
        }
        for n in (0..160).step_by(3) {
            fs::remove_file(at(n)).unwrap();
        }
        sync(&at(1));
        Vec::new()
    });
}

#[test]
fn c04_small_files_grow() {
    judge(|root| {
        let at = |n: usize| root.join(format!("dir/small{n}"));
        for n in 0..8 {
            write(&at(n), n * 40 + 10);
            sync(&at(n));
        }
        write(&at(5), 5000);
        sync(&at(5));
        Vec::new()
    });
}
