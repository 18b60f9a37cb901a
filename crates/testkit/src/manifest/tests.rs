//! Vectors worked out by hand from docs/digest.md, and the sensitivity of every field.

use std::os::unix::fs::{PermissionsExt, chown, symlink};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, makedev, mknodat,
    utimensat,
};
use tempfile::TempDir;

use super::*;
use crate::capability::{Capability, need};
use crate::observe::ContentDigest;

fn set_mtime(path: &Path, tv_sec: i64, tv_nsec: i64) {
    let time = Timespec { tv_sec, tv_nsec };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn tree() -> TempDir {
    let base = Path::new("/dev/shm");
    let root =
        if base.is_dir() { tempfile::tempdir_in(base) } else { tempfile::tempdir() }.unwrap();
    let path = root.path();
    std::fs::create_dir(path.join("dir")).unwrap();
    std::fs::write(path.join("dir/file name"), "content").unwrap();
    std::fs::write(path.join("other"), vec![7; 10_000]).unwrap();
    symlink("some where", path.join("link")).unwrap();
    root
}

fn entry(path: &[u8]) -> Observed {
    Observed {
        path: path.to_vec(),
        kind: Kind::Regular,
        mode: 0o4755,
        uid: 1,
        gid: 4_294_967_294,
        nlink: 2,
        rdev: (0, 0),
        size: 5,
        blocks: 8,
        ino: 12,
        atime: (1, 1),
        mtime: (-2, 750_000_000),
        ctime: (15_032_385_535, 1),
        btime: None,
        target: None,
        xattrs: Ok(Xattrs::new()),
        flags: None,
        generation: None,
        project: None,
        content: Some(Ok(ContentDigest("00ff".to_owned()))),
        data_map: Vec::new(),
    }
}

#[test]
fn lines_are_as_the_page_says() {
    let mut file = entry(b"/a b\\\xff");
    let pairs = [(b"user.a,=".to_vec(), Ok(vec![0, 255])), (b"user.b".to_vec(), Ok(vec![]))];
    file.xattrs = Ok(pairs.into_iter().collect());
    assert_eq!(
        line(&file).unwrap(),
        "/a\\x20b\\x5c\\xff f 4755 1 4294967294 2 - 5 - -2.750000000 15032385535.000000001 \
         user.a\\x2c\\x3d=00ff,user.b= 00ff"
    );
    file.content = Some(Err(Errno::NOKEY));
    assert!(line(&file).unwrap().ends_with(" !ENOKEY"));
    file.content = Some(Err(Errno::NOTTY));
    assert!(line(&file).unwrap().ends_with(" !E25"));
    let device =
        Observed { kind: Kind::BlockDevice, rdev: (4095, 7), content: None, ..entry(b"/d") };
    assert!(line(&device).unwrap().starts_with("/d b 4755 1 4294967294 2 4095:7 - - "));
    let target = Some(Ok(b"x y".to_vec()));
    let link = Observed { kind: Kind::Symlink, target, content: None, ..entry(b"/l") };
    assert!(line(&link).unwrap().contains(" - - x\\x20y -2.75"));
}

/// The content stream: offset, chunk, padded; zero chunks feed nothing. Then the hash of the hashes
/// of the segments that were fed.
#[test]
fn content_is_chunks_with_offsets_in_segments() {
    let root = tree();
    let path = root.path().join("sparse");
    const FAR: usize = 3 << 20;
    let mut bytes = vec![0; FAR + 10];
    (bytes[4096], bytes[(1 << 20) - 1], bytes[1 << 20], bytes[FAR + 9]) = (1, 2, 3, 4);
    std::fs::write(&path, &bytes).unwrap();
    let segment = |chunks: &[usize]| {
        let mut stream = Vec::new();
        for &chunk in chunks {
            stream.extend_from_slice(&(chunk as u64 * 4096).to_le_bytes());
            let rest = &bytes[chunk * 4096..];
            let used = rest.len().min(4096);
            stream.extend_from_slice(&rest[..used]);
            stream.resize(stream.len() + 4096 - used, 0);
        }
        stream
    };
    let segments = [segment(&[1, 255]), segment(&[256]), segment(&[768])];
    let hashes: Vec<u8> =
        segments.iter().flat_map(|bytes| *blake3::hash(bytes).as_bytes()).collect();
    let manifest = host_manifest(root.path(), HashKind::Blake3).unwrap();
    let line = manifest.lines.iter().find(|line| line.starts_with("/sparse ")).unwrap();
    assert!(line.ends_with(blake3::hash(&hashes).to_hex().as_str()));
    let xxh3 = xxhash_rust::xxh3::xxh3_64;
    let hashes: Vec<u8> = segments.iter().flat_map(|bytes| xxh3(bytes).to_be_bytes()).collect();
    let manifest = host_manifest(root.path(), HashKind::Xxh3).unwrap();
    let line = manifest.lines.iter().find(|line| line.starts_with("/sparse ")).unwrap();
    assert!(line.ends_with(&format!(" {:016x}", xxh3(&hashes))));
}

#[test]
fn the_digest_covers_lines_with_newlines() {
    let root = tree();
    let manifest = host_manifest(root.path(), HashKind::Blake3).unwrap();
    assert_eq!(manifest.lines.len(), 5);
    assert!(manifest.lines[0].starts_with("/ d "));
    let text: String = manifest.lines.iter().map(|line| format!("{line}\n")).collect();
    let hex = blake3::hash(text.as_bytes()).to_hex();
    assert_eq!(manifest.digest, format!("extant1-blake3:{hex}"));
    assert_eq!(host_manifest(root.path(), HashKind::Blake3).unwrap(), manifest);
}

/// Every change is seen, and on the line of the changed file only (and its directory's).
#[test]
fn every_field_counts() {
    if !need(Capability::Root) {
        return;
    }
    type Change = fn(&Path);
    let changes: &[(&str, Change)] = &[
        ("mode", |p| {
            std::fs::set_permissions(p, std::fs::Permissions::from_mode(0o601)).unwrap();
        }),
        ("uid", |p| chown(p, Some(70_000), None).unwrap()),
        ("gid", |p| chown(p, None, Some(70_000)).unwrap()),
        ("nlink", |p| std::fs::hard_link(p, p.with_file_name("again")).unwrap()),
        ("size", |p| std::fs::File::options().write(true).open(p).unwrap().set_len(8).unwrap()),
        ("mtime", |p| set_mtime(p, -5, 1)),
        ("xattr", |p| lsetxattr(p, "trusted.x", b"v", XattrFlags::empty()).unwrap()),
        ("content", |p| std::fs::write(p, "CONTENT").unwrap()),
        ("type", |p| {
            std::fs::remove_file(p).unwrap();
            symlink("content", p).unwrap();
        }),
        ("name", |p| std::fs::rename(p, p.with_file_name("renamed")).unwrap()),
        ("rdev", |p| {
            std::fs::remove_file(p).unwrap();
            let kind = FileType::CharacterDevice;
            mknodat(CWD, p, kind, Mode::from_raw_mode(0o644), makedev(1, 3)).unwrap();
        }),
    ];
    for (field, change) in changes {
        let root = tree();
        let file = root.path().join("dir/file name");
        set_mtime(&file, 1_000_000_000, 5);
        let before = host_manifest(root.path(), HashKind::Xxh3).unwrap();
        change(&file);
        let after = host_manifest(root.path(), HashKind::Xxh3).unwrap();
        assert_ne!(before.digest, after.digest, "{field}");
        let kept = |line: &&String| !line.starts_with("/dir");
        let others =
            |manifest: &Manifest| manifest.lines.iter().filter(kept).cloned().collect::<Vec<_>>();
        assert_eq!(others(&before), others(&after), "{field}");
        let lines = before.lines.iter().zip(&after.lines);
        assert!(lines.clone().any(|(a, b)| a != b) || before.lines.len() != after.lines.len());
    }
}

#[test]
fn access_times_do_not_count() {
    let root = tree();
    let before = host_manifest(root.path(), HashKind::Xxh3).unwrap();
    let again = host_manifest(root.path(), HashKind::Xxh3).unwrap();
    assert_eq!(before.digest, again.digest);
    let path = root.path().join("other");
    let reading = std::fs::read(&path).unwrap();
    assert_eq!(reading.len(), 10_000);
    assert_eq!(host_manifest(root.path(), HashKind::Xxh3).unwrap(), before);
}
