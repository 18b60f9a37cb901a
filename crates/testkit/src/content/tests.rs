//! The mix is what it claims to be: checked through the kernel on profiles that differ most.

use super::*;
use crate::capability::{Capability, need};
use crate::image::{Scratch, debugfs, e2fsck};
use crate::observe::{Kind, Observed, observe_dir};
use crate::profile::named;

fn observed(name: &str) -> Option<(Vec<Observed>, Vec<Skipped>)> {
    if !need(Capability::KernelEncryption) {
        return None;
    }
    let scratch = Scratch::new().unwrap();
    let built = build(&scratch, named(name).unwrap(), Scale::TINY).unwrap();
    e2fsck(&built.image).unwrap();
    let mount = built.mount().unwrap();
    let seen = observe_dir(mount.path()).unwrap();
    mount.unmount().unwrap();
    Some((seen, built.skipped))
}

fn at<'a>(seen: &'a [Observed], path: &str) -> &'a Observed {
    seen.iter().find(|entry| entry.path == path.as_bytes()).unwrap()
}

#[test]
fn ext4_holds_all_but_large_attributes_and_encryption() {
    let Some((seen, skipped)) = observed("ext4-default") else { return };
    let parts: Vec<_> = skipped.iter().map(|part| part.part.as_str()).collect();
    assert!(parts.contains(&"encrypted tree") && parts.contains(&"attribute of 65536 bytes"));
    assert_eq!(parts.len(), 4, "{parts:?}");
    assert_eq!(at(&seen, "/files/fragmented").data_map.len(), 100);
    assert_eq!(at(&seen, "/files/largest").size, 1 << 40);
    assert_eq!(at(&seen, "/files/unwritten").data_map, []);
    assert!(at(&seen, "/files/kept-size-empty").blocks >= 2048);
    assert_eq!(at(&seen, "/times/file00").mtime, (-2_147_483_648, 0));
    assert_eq!(at(&seen, "/times/file13").mtime.0, 15_032_385_535);
    assert_eq!(at(&seen, "/special/char-4095-1048575").rdev, (4095, 1_048_575));
    assert_eq!(at(&seen, "/links/first").nlink, 101);
    assert_eq!(at(&seen, "/owners/100000-4294967294").gid, 4_294_967_294);
    assert_eq!(at(&seen, "/flags/immutable").flags.map(|flags| flags & 0x10), Some(0x10));
    assert_eq!(at(&seen, "/flags/append").flags.map(|flags| flags & 0x20), Some(0x20));
    let acl = at(&seen, "/acls/inherit/child").xattrs.as_ref().unwrap();
    assert!(acl.contains_key(&b"system.posix_acl_access"[..]));
    let kinds: std::collections::HashSet<Kind> = seen.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds.len(), 7);
}

#[test]
fn encrypted_names_show_without_the_key_and_contents_refuse() {
    let Some((seen, skipped)) = observed("ext4-encrypt-ea-inode-1k") else { return };
    assert_eq!(skipped, []);
    let inside: Vec<_> =
        seen.iter().filter(|entry| entry.path.starts_with(b"/encrypted/")).collect();
    assert!(inside.len() > 300, "{}", inside.len());
    let files: Vec<_> = inside.iter().filter(|entry| entry.kind == Kind::Regular).collect();
    assert!(files.iter().all(|entry| entry.content == Some(Err(Errno::NOKEY))));
    assert!(inside.iter().any(|entry| entry.kind == Kind::Symlink));
    assert!(!inside.iter().any(|entry| entry.path.ends_with(b"/below")));
    let large = at(&seen, "/xattrs/large-65536").xattrs.as_ref().unwrap();
    let value = large[&b"user.large"[..]].as_ref().unwrap();
    assert_eq!(value.len(), 65_536);
}

#[test]
fn ext2_leaves_out_what_block_maps_and_small_inodes_cannot() {
    let Some((seen, skipped)) = observed("ext2-1k-i128") else { return };
    let parts: Vec<_> = skipped.iter().map(|part| part.part.as_str()).collect();
    assert!(parts.contains(&"1 TiB sparse file") && parts.contains(&"preallocated ranges"));
    assert_eq!(at(&seen, "/files/largest").size, 1024 * (256 * 256 * 256 + 256 * 256 + 256));
    assert_eq!(at(&seen, "/times/file13").mtime.0, i64::from(i32::MAX));
    assert_eq!(at(&seen, "/files/fragmented").data_map.len(), 100);
}

/// The features are not only set but used: debugfs sees their marks in the image.
#[test]
fn features_are_used() {
    if !need(Capability::KernelMount) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let stat = |profile: &str, path: &str| {
        let built = build(&scratch, named(profile).unwrap(), Scale::TINY).unwrap();
        let text = debugfs(&built.image, &[format!("stat {path}")]).unwrap();
        std::fs::remove_file(&built.image).unwrap();
        text
    };
    assert!(stat("ext4-inline-data", "/tiny/0100").contains("Size of inline data: 100"));
    assert!(stat("ext4-casefold", "/many").contains("Flags: 0x40081000"));
    assert!(stat("ext4-project", "/files/sparse").contains("Project:    42"));
    assert!(stat("ext4-no-extent", "/files/fragmented").contains("(IND)"));
}
