//! What changes a digest, and what does not.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use extant_testkit::capability::{Capability, need};
use extant_tree::{DigestOptions, Hash, digest};

use crate::images::{Scratch, demo, fields, lines};

fn base() -> Scratch {
    let scratch = Scratch::new();
    fs::write(scratch.tree().join("a"), b"first").unwrap();
    fs::write(scratch.tree().join("b"), b"second").unwrap();
    fs::create_dir(scratch.tree().join("dir")).unwrap();
    for name in ["a", "b"] {
        let mode = Permissions::from_mode(0o644);
        fs::set_permissions(scratch.tree().join(name), mode).unwrap();
    }
    scratch
}

/// The digest without times: every build has its own.
fn of(scratch: &Scratch) -> String {
    let options = DigestOptions { times: false, ..DigestOptions::default() };
    let digest = digest(&scratch.open(), b"/", &options).unwrap();
    assert!(digest.complete && digest.errors.is_empty(), "{:?}", digest.errors);
    digest.string
}

#[test]
fn the_same_image_has_the_same_digest() {
    let (first, _) = lines(&demo(), Hash::Blake3, 2);
    for threads in [0, 1, 3] {
        assert_eq!(lines(&demo(), Hash::Blake3, threads).0.string, first.string);
    }
    assert!(first.string.starts_with("extant1-blake3:") && first.string.len() == 15 + 64);
    assert!(first.errors.is_empty(), "{:?}", first.errors);
}

#[test]
fn content_mode_name_owner_and_attributes_change_it() {
    if !need(Capability::Tool("mke2fs")) || !need(Capability::Tool("debugfs")) {
        return;
    }
    let scratch = base();
    scratch.make();
    let mut seen = vec![of(&scratch)];
    for commands in [
        "set_inode_field /a mode 0100600\n",
        "set_inode_field /a uid 7\n",
        "set_inode_field /a gid 7\n",
        "set_inode_field /a links_count 2\n",
        "set_inode_field /a size 4\n",
        "ln /b /c\n",
        "unlink /b\n",
        "ea_set /a user.x y\n",
        "ea_set /a user.x z\n",
        "ea_set /a user.w y\n",
        "symlink /l target\n",
        "mknod p p\n",
    ] {
        scratch.debugfs(commands);
        let digest = of(&scratch);
        assert!(!seen.contains(&digest), "{commands}");
        seen.push(digest);
    }
    fs::write(scratch.tree().join("b"), b"Second").unwrap();
    scratch.make();
    assert!(!seen.contains(&of(&scratch)));
}

#[test]
fn times_change_it_only_where_they_are_in_it() {
    if !need(Capability::Tool("mke2fs")) || !need(Capability::Tool("debugfs")) {
        return;
    }
    let scratch = base();
    let with_times = |fs: &extant_vfs::Filesystem| lines(fs, Hash::Blake3, 1).0.string;
    let (first, without) = (with_times(&scratch.make()), of(&scratch));
    scratch.debugfs("set_inode_field /a atime 20010203\n");
    assert_eq!(with_times(&scratch.open()), first);
    scratch.debugfs("set_inode_field /a mtime 20010203\n");
    assert_ne!(with_times(&scratch.open()), first);
    assert_eq!(of(&scratch), without);
}

#[test]
fn allocation_does_not_change_it() {
    if !need(Capability::Tool("mke2fs")) {
        return;
    }
    let (sparse, dense) = (Scratch::new(), Scratch::new());
    let file = File::create(sparse.tree().join("zeroes")).unwrap();
    file.set_len(5 << 20).unwrap();
    fs::write(dense.tree().join("zeroes"), vec![0; 5 << 20]).unwrap();
    let sparse_fs = sparse.make();
    let dense_fs = dense.make();
    // mke2fs leaves out zeroes: this puts the blocks back.
    dense.debugfs("fallocate /zeroes 0 1279\n");
    assert_eq!(of(&sparse), of(&dense));
    drop(dense_fs);
    let blocks = |fs: &extant_vfs::Filesystem| {
        let path = b"/zeroes";
        fs.stat(path, extant_vfs::Follow::No, extant_vfs::IoFlags::NONE).unwrap().blocks_512
    };
    assert_ne!(blocks(&sparse_fs), blocks(&dense.open()));
    let (_, lines) = lines(&dense.open(), Hash::Xxh3, 2);
    assert_eq!(fields(&lines, "/zeroes")[12], "2d06800538d394c2");
}
