//! The judge is judged: a change of one field, made with debugfs behind the kernel's back, is named
//! by the comparison, and nothing else is.

use std::collections::BTreeSet;

use extant::OpenOptions;
use extant_testkit::content::{Scale, build};
use extant_testkit::image::{Scratch, debugfs};
use extant_testkit::observe::diff;
use extant_testkit::profile::named;

use crate::compare::{able, kernel_view};
use crate::{maps, walker};

/// A change, and the differences that it makes.
const PLANTED: &[(&str, &[&str])] = &[
    ("set_inode_field /modes/file-0777 mode 0100776", &["/modes/file-0777: mode"]),
    ("set_inode_field /owners/0-65535 uid 1", &["/owners/0-65535: uid"]),
    ("set_inode_field /owners/65536-1 gid 2", &["/owners/65536-1: gid"]),
    ("set_inode_field /tiny/0001 links_count 2", &["/tiny/0001: nlink"]),
    ("set_inode_field /tiny/0002 mtime @5", &["/tiny/0002: mtime"]),
    ("set_inode_field /tiny/0003 atime_extra 4", &["/tiny/0003: atime"]),
    ("set_inode_field /tiny/0004 ctime @6", &["/tiny/0004: ctime"]),
    ("set_inode_field /tiny/0005 crtime @7", &["/tiny/0005: btime"]),
    ("set_inode_field /tiny/0006 generation 7", &["/tiny/0006: generation"]),
    ("set_inode_field /tiny/0007 flags 0x800c0", &["/tiny/0007: flags"]),
    ("set_inode_field /tiny/0008 blocks 24", &["/tiny/0008: blocks"]),
    (
        "set_inode_field /tiny/0009 size 8",
        &["/tiny/0009: size", "/tiny/0009: content", "/tiny/0009: data_map"],
    ),
    ("ea_set /xattrs/one user.a 2", &["/xattrs/one: xattrs"]),
    ("unlink /deep/here", &["/deep/here: missing in ours"]),
    ("link /tiny/0010 /tiny/new", &["/tiny/new: only in ours"]),
    ("set_inode_field /symlinks/dangling block[0] 0x61", &["/symlinks/dangling: target"]),
    ("set_inode_field /special/char-1-3 block[0] 0x0104", &["/special/char-1-3: rdev"]),
];

#[test]
fn every_planted_difference_is_named() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let built = build(&scratch, named("ext4-default").unwrap(), Scale::TINY).unwrap();
    let mut kernel = kernel_view(&built);
    for (change, _) in PLANTED {
        debugfs(&built.image, &[change]).unwrap();
    }
    let fs = walker::open(&built.image, &OpenOptions::default()).unwrap();
    let found: BTreeSet<String> = diff(&kernel.seen, &walker::walk(&fs))
        .iter()
        .map(|line| line.split(": kernel ").next().unwrap().to_owned())
        .collect();
    let expected = PLANTED.iter().flat_map(|(_, fields)| fields.iter().map(|&f| f.to_owned()));
    assert_eq!(found, expected.collect());
    // Block maps, and one that is a block off.
    assert_eq!(maps::differences(&fs, &kernel.maps), Vec::<String>::new());
    let path = &b"/files/two-mib"[..];
    kernel.maps.get_mut(path).unwrap()[0].count -= 1;
    let found = maps::differences(&fs, &kernel.maps);
    assert!(found.len() == 1 && found[0].starts_with("/files/two-mib: "), "{found:?}");
}
