//! Without waiting: what is not in memory is `WouldBlock` and never a read of the device; what is
//! in memory is answered.

use std::sync::Arc;

use extant::device::{ImageOptions, open_image};
use extant::{CorruptKind, Error, Filesystem, Follow, IoFlags, OpenOptions};
use extant_testkit::content::{Scale, build};
use extant_testkit::image::{Scratch, debugfs};
use extant_testkit::observe::{Kind, Observed};
use extant_testkit::profile::named;
use extant_testkit_device::CountingDevice;

use crate::compare::able;
use crate::verity;
use crate::walker::{self, WAIT, number};

const NOWAIT: IoFlags = IoFlags::NOWAIT;

/// Every call that may wait, on one path: `true` if it was answered, and not by the device.
fn answered(fs: &Filesystem, path: &[u8]) -> bool {
    match touch(fs, path) {
        Ok(()) => true,
        Err(Error::WouldBlock) => false,
        Err(error) => panic!("{}: {error}", path.escape_ascii()),
    }
}

fn touch(fs: &Filesystem, path: &[u8]) -> Result<(), Error> {
    fs.stat(path, Follow::No, NOWAIT)?;
    let node = fs.resolve(path, Follow::No, NOWAIT)?;
    node.xattrs(NOWAIT)?;
    match node.file_type() {
        extant::FileType::Directory => {
            for entry in node.into_dir()?.entries(NOWAIT) {
                entry?;
            }
        }
        extant::FileType::Symlink => {
            node.read_link(NOWAIT)?;
        }
        extant::FileType::Regular => {
            let file = node.into_file(NOWAIT)?;
            file.seek_data(0, NOWAIT)?;
            file.map(0, NOWAIT)?;
        }
        _ => {}
    }
    Ok(())
}

#[test]
fn nothing_is_read_and_warm_paths_are_answered() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let built = build(&scratch, named("ext4-default").unwrap(), Scale::TINY).unwrap();
    let image = ImageOptions { read_only: true, ..ImageOptions::default() };
    let device = Arc::new(CountingDevice::new(open_image(&built.image, &image).unwrap()));
    let seen = {
        let fs = Filesystem::open(Arc::clone(&device) as _, &OpenOptions::default()).unwrap();
        walker::walk(&fs)
    };
    let fs = Filesystem::open(Arc::clone(&device) as _, &OpenOptions::default()).unwrap();
    device.take();
    cold(&fs, &seen);
    assert_eq!(device.counts().reads, 0);
    for entry in &seen {
        assert_eq!(number(&fs, &entry.path).unwrap(), entry.ino);
    }
    assert!(device.take().reads > 100);
    warm(&fs, &seen);
    assert_eq!(device.counts().reads, 0);
    walker::walk(&fs);
    device.take();
    let again = seen.iter().filter(|entry| !answered(&fs, &entry.path)).count();
    assert_eq!((again, device.counts().reads), (0, 0));
    content(&fs, &seen);
    assert_eq!(device.counts().reads, 0);
}

/// Nothing but the root was read by opening: no path below it is known.
fn cold(fs: &Filesystem, seen: &[Observed]) {
    for entry in seen.iter().filter(|entry| entry.path != b"/") {
        assert!(!answered(fs, &entry.path), "{}", entry.path.escape_ascii());
    }
    assert!(matches!(fs.open_dir(b"/files", NOWAIT), Err(Error::WouldBlock)));
}

/// Attributes of every path, and of one that is known not to be there.
fn warm(fs: &Filesystem, seen: &[Observed]) {
    for entry in seen {
        let stat = fs.stat(&entry.path, Follow::No, NOWAIT).unwrap();
        assert_eq!(u64::from(stat.ino.get()), entry.ino);
    }
    assert!(matches!(fs.stat(b"/files/none", Follow::No, NOWAIT), Err(Error::NotFound)));
}

/// Contents are not kept in memory: only what needs no device is answered.
fn content(fs: &Filesystem, seen: &[Observed]) {
    let mut buffer = [1; 100];
    for entry in seen.iter().filter(|entry| entry.kind == Kind::Regular && entry.size > 0) {
        let file = fs.open_file(&entry.path, WAIT).unwrap();
        let result = file.read_at(&mut buffer, 0, NOWAIT);
        let hole = entry.data_map.first().is_none_or(|range| range.0 >= 100);
        match result {
            Ok(got) => assert!(hole && got > 0 && buffer[..got] == [0; 100][..got]),
            Err(Error::WouldBlock) => assert!(!hole, "{}", entry.path.escape_ascii()),
            Err(error) => panic!("{}: {error}", entry.path.escape_ascii()),
        }
    }
}

/// The size of an encrypted symlink comes from its target: an answer without it would be wrong, and
/// would stay in memory.
#[test]
fn encrypted_symlinks_have_their_size_or_none() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let built = build(&scratch, named("ext4-encrypt").unwrap(), Scale::TINY).unwrap();
    let seen = walker::walk(&walker::open(&built.image, &OpenOptions::default()).unwrap());
    let inside = |entry: &&Observed| entry.path.starts_with(b"/encrypted/");
    let fs = walker::open(&built.image, &OpenOptions::default()).unwrap();
    let (links, others): (Vec<&Observed>, Vec<_>) =
        seen.iter().filter(inside).partition(|entry| entry.kind == Kind::Symlink);
    for entry in others {
        number(&fs, &entry.path).unwrap();
    }
    let mut refused = 0;
    for link in links {
        match fs.stat(&link.path, Follow::No, NOWAIT) {
            Ok(stat) => assert_eq!(stat.size, link.size),
            Err(Error::WouldBlock) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(fs.stat(&link.path, Follow::No, WAIT).unwrap().size, link.size);
        assert_eq!(fs.stat(&link.path, Follow::No, NOWAIT).unwrap().size, link.size);
    }
    assert!(refused > 0);
}

/// Opening a verity file reads its descriptor.
#[test]
fn verity_files_are_not_opened_without_waiting() {
    let Some(made) = verity::make(4096) else { return };
    let image = ImageOptions { read_only: true, ..ImageOptions::default() };
    let device = Arc::new(CountingDevice::new(open_image(&made.image, &image).unwrap()));
    let fs = Filesystem::open(Arc::clone(&device) as _, &OpenOptions::default()).unwrap();
    let path = b"/v5";
    number(&fs, path).unwrap();
    device.take();
    assert!(matches!(fs.open_file(path, NOWAIT), Err(Error::WouldBlock)));
    assert_eq!(device.counts().reads, 0);
    fs.open_file(path, WAIT).unwrap();
    assert!(device.take().reads > 0);
    fs.open_file(path, NOWAIT).unwrap();
    assert_eq!(device.counts().reads, 0);
}

/// A second name of a directory is refused, also if its first look-up could not see that.
#[test]
fn a_second_name_of_a_directory_is_not_remembered_unchecked() {
    if !able() {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let built = build(&scratch, named("ext4-default").unwrap(), Scale::TINY).unwrap();
    debugfs(&built.image, &["link /deep/level00/level01 /tiny/again"]).unwrap();
    let fs = walker::open(&built.image, &OpenOptions::default()).unwrap();
    number(&fs, b"/tiny/0001").unwrap();
    let first = fs.stat(b"/tiny/again", Follow::No, NOWAIT);
    assert!(matches!(first, Err(Error::WouldBlock)), "{first:?}");
    for flags in [WAIT, NOWAIT] {
        let error = fs.stat(b"/tiny/again", Follow::No, flags).unwrap_err();
        let Error::Corrupt(corrupt) = error else { panic!("{error}") };
        assert_eq!(corrupt.kind, CorruptKind::DirLoop);
    }
}
