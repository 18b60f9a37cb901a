//! Features with which nothing may be freed: orphans stay, and fast commits are not written; the
//! log alone is replayed as ever.

use std::sync::Arc;

use extant::Error;
use extant_block::MemoryDevice;
use extant_core::{RecoverOptions, recover};
use extant_testkit::hostile::{ImageEditor, Spot};
use extant_testkit::journal::{
    FastCommits, FcExtent, FcTag, LogBuilder, LogChecksum, LogFormat, Transaction,
};

use crate::dirty::{Dirty, TIME, filled, homes, recovered};
use crate::orphans::{orphan, set_head};
use crate::support::{EXT4, image, open, read, unrelated_reads_right};
use crate::walk::id_of;

const FAST: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "fast_commit"];
const FORMAT: LogFormat =
    LogFormat { fast_commit_blocks: Some(16), ..LogFormat::new(LogChecksum::V3, true) };

fn set(image: &mut ImageEditor, feature: u32) {
    let old = image.get_u32(Spot::Superblock, 0x64).unwrap();
    image.set_u32(Spot::Superblock, 0x64, old | feature).unwrap();
}

/// Recovers without orphans; the bytes afterwards.
fn log_home(image: &ImageEditor) -> Result<Vec<u8>, Error> {
    let device = Arc::new(MemoryDevice::from_vec(image.bytes().to_vec()));
    recover(device.clone(), &RecoverOptions::default())?;
    Ok(device.to_vec())
}

/// Refused by `name`, nothing written.
fn refused(image: &ImageEditor, name: &str) {
    let (result, bytes) = recovered(image);
    let error = result.unwrap_err();
    assert_eq!(id_of(&error), "EOPNOTSUPP");
    assert!(error.to_string().contains(name), "{error}");
    assert!(bytes == image.bytes(), "recovery wrote");
}

/// Orphans are left alone, with and without a log.
fn orphans_stay(feature: u32, name: &str) {
    for logged in [false, true] {
        let mut image = match logged {
            true => Dirty::three(EXT4, LogFormat::new(LogChecksum::V3, true)).image,
            false => image(EXT4),
        };
        set(&mut image, feature);
        let inode = orphan(&mut image, "/dir", "a", 0);
        set_head(&mut image, inode);
        let fs = open(&image).unwrap();
        let report = fs.volume().recovery().unwrap();
        assert_eq!((report.orphans_deleted, report.changed_blocks), (0, 0));
        assert_eq!(report.orphans_left, [name]);
        unrelated_reads_right(&fs);
        refused(&image, name);
        let after = ImageEditor::new(log_home(&image).unwrap());
        let fs = open(&after).unwrap();
        let report = fs.volume().recovery().unwrap();
        assert_eq!((report.needed, &report.orphans_left[..]), (false, &[name.to_owned()][..]));
    }
    // Without orphans there is nothing to refuse.
    let mut dirty = Dirty::three(EXT4, LogFormat::new(LogChecksum::V3, true));
    set(&mut dirty.image, feature);
    let (result, _) = recovered(&dirty.image);
    assert_eq!(result.unwrap().log.transactions, 3);
}

/// A log and a fast commit behind it, with the records of `more` besides.
fn with_fast_commit(args: &[&str], more: impl FnOnce(&mut FastCommits, &ImageEditor)) -> Dirty {
    Dirty::new(args, FORMAT, |log: &mut LogBuilder, image| {
        let copies = vec![(homes(image, 1)[0], filled(1))];
        let whole = Transaction { copies, time: TIME, ..Transaction::default() };
        log.transaction(image, &whole).unwrap();
        let (dir, inode) = (image.lookup("/dir").unwrap(), image.lookup("/dir/a").unwrap());
        let mut raw = image.get_bytes(Spot::Inode(inode), 0, 160).unwrap().to_vec();
        raw[0x1a] = 2;
        let (mut fast, next) = (FastCommits::new(1024), log.sequence());
        fast.head(0, next).name(FcTag::Link, dir, inode, b"fast").inode(inode, &raw);
        more(&mut fast, image);
        fast.tail(next, 0);
        log.fast_commits(image, &fast).unwrap();
    })
}

/// Fast commits are shown, if they need no block of another, and not written.
fn fast_commits_are_not_written(feature: u32, name: &str, shown: bool) {
    let mut image = with_fast_commit(FAST, |_, _| ()).image;
    recovered(&image).0.unwrap();
    set(&mut image, feature);
    let fs = open(&image).unwrap();
    assert_eq!(read(&fs, "/dir/fast").is_ok(), shown);
    assert_eq!(fs.volume().recovery().unwrap().fast_commit_damage.is_some(), !shown);
    unrelated_reads_right(&fs);
    let name = format!("fast_commit with {name}");
    refused(&image, &name);
    assert!(log_home(&image).unwrap_err().to_string().contains(&name));
}

/// Linux records what fast commits do to quota files. They are shown without that, and not written,
/// as quota files would be wrong.
#[test]
fn quota() {
    let args = ["-t", "ext4", "-b", "1024", "-O", "fast_commit,quota"];
    let dirty = with_fast_commit(&args, |fast, image| {
        for ino in [3, 4] {
            let raw = image.get_bytes(Spot::Inode(ino), 0, 160).unwrap();
            let extent = FcExtent { logical: 20, raw_length: 1, physical: 7000 };
            fast.inode(ino, raw).add_range(ino, extent).del_range(ino, 30, 1);
        }
    });
    let fs = open(&dirty.image).unwrap();
    let report = fs.volume().recovery().unwrap();
    assert_eq!((report.fast_commit_damage, report.fast_commit_records), (None, 8));
    assert_eq!(read(&fs, "/dir/fast").unwrap(), b"a");
    unrelated_reads_right(&fs);
    refused(&dirty.image, "fast_commit with quota");
    assert!(log_home(&dirty.image).unwrap_err().to_string().contains("fast_commit with quota"));
    // No name leads to one.
    let dirty = with_fast_commit(&args, |fast, _| {
        fast.name(FcTag::Link, 2, 3, b"quota");
    });
    let fs = open(&dirty.image).unwrap();
    assert!(fs.volume().recovery().unwrap().fast_commit_damage.is_some());
}

#[test]
fn read_only() {
    orphans_stay(0x1000, "read-only");
    fast_commits_are_not_written(0x1000, "read-only", true);
}

#[test]
fn shared_blocks() {
    orphans_stay(0x4000, "shared_blocks");
    fast_commits_are_not_written(0x4000, "shared_blocks", false);
}

#[test]
fn replica() {
    orphans_stay(0x800, "replica");
    fast_commits_are_not_written(0x800, "replica", true);
}

#[test]
fn has_snapshot() {
    orphans_stay(0x80, "has_snapshot");
    fast_commits_are_not_written(0x80, "has_snapshot", true);
}

#[test]
fn btree_dir() {
    orphans_stay(0x4, "btree_dir");
    fast_commits_are_not_written(0x4, "btree_dir", true);
}

#[test]
fn unknown() {
    for bit in 17..32 {
        let name = format!("FEATURE_R{bit}");
        orphans_stay(1 << bit, &name);
        fast_commits_are_not_written(1 << bit, &name, true);
    }
}
