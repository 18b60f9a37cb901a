//! What the kernel changes of a superblock while it is mounted goes through the journal: UUID and
//! label.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use extant_testkit::capability::{Capability, need};
use extant_testkit::dirty::log;
use extant_testkit::image::{Scratch, e2fsck, run};
use extant_testkit::ioctls::{set_label, set_uuid};
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
