//! What the kernel changes of a superblock while it is mounted goes through the journal: UUID and
//! label. And journals over blocks that an earlier journal had.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use extant_testkit::capability::{Capability, need};
use extant_testkit::dirty::log::{self, Role};
use extant_testkit::image::{Scratch, debugfs, e2fsck, run};
use extant_testkit::ioctls::{ShutdownMode, set_label, set_uuid, shutdown};
use extant_testkit::manifest::host_manifest;
use extant_testkit::mount::{Access, LoopMount};
use extant_testkit::observe::HashKind;
use extant_testkit::oracle;

use crate::view;

fn able() -> Option<Scratch> {
    let able = need(Capability::KernelMount) && need(Capability::Compiler);
    able.then(|| Scratch::new().unwrap())
}

fn make(path: &Path, args: &[&str]) {
    let path = path.display().to_string();
    run("mke2fs", &[&["-q", "-F", "-t", "ext4", "-N", "1024"], args, &[&path]].concat()).unwrap();
}

fn mount(image: &Path) -> LoopMount {
    LoopMount::with_options(image, Access::ReadWrite, "commit=300").unwrap()
}

/// Makes a directory, durable by a transaction.
fn commit(root: &Path, name: &str) {
    fs::create_dir(root.join(name)).unwrap();
    File::open(root).unwrap().sync_all().unwrap();
}

/// An image whose log has what `change` does to the mounted file system, transactions before and
/// behind it; and the tree. It is a copy: with the end of the mount the superblock goes home.
fn changed(scratch: &Scratch, args: &[&str], change: impl FnOnce(&Path)) -> (PathBuf, Vec<String>) {
    let path = scratch.sparse_file("online.img", 24).unwrap();
    make(&path, args);
    let mount = mount(&path);
    commit(mount.path(), "before");
    change(mount.path());
    commit(mount.path(), "after");
    let told = host_manifest(mount.path(), HashKind::Xxh3).unwrap().lines;
    let copy = scratch.copy(&path, "copy.img").unwrap();
    mount.unmount().unwrap();
    let log = log::read(&copy, None).unwrap();
    assert!(log.needs_recovery && log.transactions.len() > 1);
    (copy, told)
}

const PROFILES: &[&[&str]] = &[
    &["-O", "metadata_csum,metadata_csum_seed"],
    &["-O", "metadata_csum,metadata_csum_seed", "-b", "1024"],
    &["-O", "^metadata_csum,^uninit_bg", "-b", "1024"],
];

/// Recovers `image` to `told`; `field` of the superblock is then `value`, as the kernel has it.
fn recovers(scratch: &Scratch, image: &Path, told: &[String], field: (usize, &[u8])) {
    let (at, value) = field;
    let has = |path: &Path| fs::read(path).unwrap()[1024 + at..][..value.len()] == *value;
    assert!(!has(image), "the new one must come from the log");
    let copy = scratch.copy(image, "kernel.img").unwrap();
    oracle::kernel_recover(&copy, None).unwrap();
    assert!(has(&copy), "the kernel");
    view::assert_same_lines(told, &view::lines(&view::open(image, None)), "opened");
    view::recover(image, None, true);
    assert!(has(image));
    e2fsck(image).unwrap();
    view::assert_same_lines(told, &view::lines(&view::open(image, None)), "recovered");
}

#[test]
fn a_uuid_that_was_changed_online_is_in_the_log() {
    let Some(scratch) = able() else { return };
    let uuid = *b"another identity";
    for args in PROFILES {
        let (image, told) = changed(&scratch, args, |root| set_uuid(root, uuid).unwrap());
        recovers(&scratch, &image, &told, (0x68, &uuid));
    }
}

#[test]
fn a_label_that_was_changed_online_is_in_the_log() {
    let Some(scratch) = able() else { return };
    for args in [PROFILES, &[&["-O", "metadata_csum"]]].concat() {
        let (image, told) = changed(&scratch, args, |root| set_label(root, "label").unwrap());
        recovers(&scratch, &image, &told, (0x78, b"label\0"));
    }
}

/// A file system made twice on the same device with the same UUID, its journal not zeroed: behind
/// the first transaction of the new log are commits with higher numbers and right checksums. They
/// are older than the file system, so they do not prove that a torn first transaction was lost.
#[test]
fn c15_commits_from_before_the_file_system_was_made_prove_nothing() {
    let Some(scratch) = able() else { return };
    let path = scratch.sparse_file("twice.img", 24).unwrap();
    let uuid = "11111111-2222-3333-4444-555555555555";
    let lazy = "lazy_journal_init=1,nodiscard";
    let args = ["-b", "1024", "-J", "size=4", "-E", lazy, "-U", uuid];
    make(&path, &args);
    let first = mount(&path);
    (0..60).for_each(|n| commit(first.path(), &format!("old{n}")));
    first.unmount().unwrap();
    make(&path, &args);
    // As if the second time was later than it is, and not in the same second.
    let made = fs::metadata(&path).unwrap().modified().unwrap();
    let made = made.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 100;
    debugfs(&path, &[format!("set_super_value mkfs_time {made}")]).unwrap();
    let second = mount(&path);
    commit(second.path(), "new");
    shutdown(second.path(), ShutdownMode::NoLogFlush).unwrap();
    second.unmount().unwrap();
    let log = log::read(&path, None).unwrap();
    let blocks = &log.transactions[0].blocks;
    for block in blocks.iter().filter(|block| block.role != Role::Revoke) {
        for offset in [0, 0x30] {
            let torn = scratch.copy(&path, "torn.img").unwrap();
            let mut file = File::options().write(true).open(&torn).unwrap();
            file.seek(SeekFrom::Start(block.at + offset)).unwrap();
            file.write_all(&[0x55; 8]).unwrap();
            let fs = view::open(&torn, None);
            assert_eq!(fs.volume().recovery().unwrap().log.transactions, 0, "{block:?}");
        }
    }
}
