//! Trees with damage: errors have paths, and the rest has its lines.

use std::fs;

use extant_testkit::capability::{Capability, need};
use extant_tree::walk::MAX_DEPTH;
use extant_tree::{Error, Hash};
use extant_vfs::{CorruptKind, IoFlags, Mapping, OpenOptions};

use crate::images::{Scratch, fields, lines, open};

fn tools() -> bool {
    need(Capability::Tool("mke2fs")) && need(Capability::Tool("debugfs"))
}

fn is_loop(error: &Error) -> bool {
    matches!(error, Error::Fs(extant_vfs::Error::Corrupt(c)) if c.kind == CorruptKind::DirLoop)
}

#[test]
fn a_damaged_inode_costs_its_line_only() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new();
    for name in ["a", "b", "c"] {
        fs::write(scratch.tree().join(name), name).unwrap();
    }
    scratch.make();
    // A size that no file can have.
    scratch.debugfs("set_inode_field /b size 0x7000000000000000\n");
    let (digest, lines) = lines(&scratch.open(), Hash::Xxh3, 2);
    assert!(!digest.complete);
    assert_eq!(digest.errors.len(), 1, "{:?}", digest.errors);
    assert_eq!(digest.errors[0].0, b"/b");
    let paths: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(paths, ["/", "/a", "/c", "/lost+found"]);
}

/// The device ends inside a large file: that file's content is an error in its line, the error
/// of its first bad piece.
#[test]
fn content_that_cannot_be_read_is_an_error_in_its_line() {
    if !need(Capability::Tool("mke2fs")) {
        return;
    }
    let scratch = Scratch::new();
    fs::write(scratch.tree().join("large"), vec![7; 20 << 20]).unwrap();
    fs::write(scratch.tree().join("a"), b"small").unwrap();
    let fs = scratch.make();
    let large = fs.open_file(b"/large", IoFlags::NONE).unwrap();
    let last = large.map((20 << 20) - 1, IoFlags::NONE).unwrap();
    let Mapping::Mapped { device_offset } = last.mapping else { panic!("{last:?}") };
    drop((large, fs));
    let file = fs::OpenOptions::new().write(true).open(scratch.image()).unwrap();
    file.set_len(device_offset + last.len - 4096).unwrap();
    let options = OpenOptions { allow_short_device: true, ..OpenOptions::default() };
    let (digest, lines) = lines(&open(&scratch.image(), &options), Hash::Xxh3, 2);
    assert!(digest.complete);
    assert_eq!(fields(&lines, "/large")[12], "!EIO");
    assert!(!fields(&lines, "/a")[12].starts_with('!'));
    assert_eq!(digest.errors.len(), 1, "{:?}", digest.errors);
    assert_eq!(digest.errors[0].0, b"/large");
}

#[test]
fn a_directory_below_itself_is_a_loop() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.tree().join("a/b")).unwrap();
    fs::write(scratch.tree().join("a/b/c"), b"c").unwrap();
    scratch.make();
    scratch.debugfs("ln /a /a/b/up\n");
    let (digest, lines) = lines(&scratch.open(), Hash::Xxh3, 2);
    assert_eq!(digest.errors.len(), 1, "{:?}", digest.errors);
    assert_eq!(digest.errors[0].0, b"/a/b/up");
    assert!(is_loop(&digest.errors[0].1), "{:?}", digest.errors);
    assert!(!digest.complete);
    assert_eq!(fields(&lines, "/a/b/c")[7], "1");
}

/// Reached under two parents: below the one that `..` does not name it is an error, whichever is
/// read first.
#[test]
fn a_directory_with_two_parents_is_listed_once() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.tree().join("a/b")).unwrap();
    fs::create_dir_all(scratch.tree().join("z")).unwrap();
    fs::write(scratch.tree().join("a/b/c"), b"c").unwrap();
    scratch.make();
    scratch.debugfs("ln /a/b /z/b\nln /a/b /a/twin\n");
    for threads in [1, 2, 4] {
        let (digest, lines) = lines(&scratch.open(), Hash::Xxh3, threads);
        assert!(digest.errors.iter().all(|(_, error)| is_loop(error)), "{:?}", digest.errors);
        assert!(digest.errors.len() >= 2);
        assert!(!digest.complete);
        let listed = lines.iter().filter(|line| line.split(' ').next().unwrap().ends_with("/c"));
        assert!(listed.count() <= 1, "{lines:?}");
    }
}

#[test]
fn the_depth_is_limited() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new();
    scratch.make();
    scratch.debugfs(&"mkdir d\ncd d\n".repeat(4200));
    let (digest, lines) = lines(&scratch.open(), Hash::Xxh3, 2);
    assert_eq!(digest.errors.len(), 1);
    assert!(matches!(digest.errors[0].1, Error::TooDeep));
    let levels = MAX_DEPTH as usize + 1;
    assert_eq!(digest.errors[0].0, b"/d".repeat(levels));
    // The root, lost+found, and the directories down to the one that is not listed.
    assert_eq!(lines.len(), 2 + levels);
    assert!(!digest.complete);
}
