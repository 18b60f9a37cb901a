//! diff names every field; observation sees what was written.

use std::os::unix::fs::{FileExt, symlink};

use super::*;
use crate::capability::{Capability, need};

fn sample() -> Observed {
    Observed {
        path: b"/a".to_vec(),
        kind: Kind::Regular,
        mode: 0o644,
        uid: 0,
        gid: 0,
        nlink: 1,
        rdev: (0, 0),
        size: 1,
        blocks: 8,
        ino: 12,
        atime: (0, 0),
        mtime: (0, 0),
        ctime: (0, 0),
        btime: Some((0, 0)),
        target: None,
        xattrs: Ok(Xattrs::new()),
        flags: Some(0),
        generation: Some(1),
        project: Some(0),
        content: Some(Ok(ContentDigest("aa".to_owned()))),
        data_map: vec![(0, 1)],
    }
}

#[test]
fn diff_names_each_field() {
    type Change = fn(&mut Observed);
    let changes: [(&str, Change); 20] = [
        ("kind", |o| o.kind = Kind::Fifo),
        ("mode", |o| o.mode = 0),
        ("uid", |o| o.uid = 1),
        ("gid", |o| o.gid = 1),
        ("nlink", |o| o.nlink = 2),
        ("rdev", |o| o.rdev = (0, 1)),
        ("size", |o| o.size = 2),
        ("blocks", |o| o.blocks = 9),
        ("ino", |o| o.ino = 13),
        ("atime", |o| o.atime = (0, 1)),
        ("mtime", |o| o.mtime = (-1, 0)),
        ("ctime", |o| o.ctime = (1, 0)),
        ("btime", |o| o.btime = None),
        ("target", |o| o.target = Some(Ok(b"t".to_vec()))),
        ("xattrs", |o| o.xattrs = Ok(Xattrs::from([(b"user.a".to_vec(), Ok(vec![0; 300]))]))),
        ("flags", |o| o.flags = Some(1)),
        ("generation", |o| o.generation = Some(2)),
        ("project", |o| o.project = Some(2)),
        ("content", |o| o.content = Some(Err(Errno::NOKEY))),
        ("data_map", |o| o.data_map = vec![]),
    ];
    for (field, change) in changes {
        let mut ours = sample();
        change(&mut ours);
        let report = diff(&[sample()], &[ours]);
        assert_eq!(report.len(), 1, "{field}: {report:?}");
        assert!(report[0].starts_with(&format!("/a: {field}: kernel ")), "{report:?}");
    }
    assert!(diff(&[sample()], &[sample()]).is_empty());
}

/// Long values that differ past what is printed still differ.
#[test]
fn diff_sees_the_end_of_long_attributes() {
    let with = |last: u8| {
        let mut value = vec![0; 5000];
        value.push(last);
        Observed { xattrs: Ok(Xattrs::from([(b"user.a".to_vec(), Ok(value))])), ..sample() }
    };
    assert_eq!(diff(&[with(1)], &[with(2)]).len(), 1);
}

#[test]
fn diff_pairs_by_path_and_stops_at_fifty() {
    let at = |path: &str| Observed { path: path.as_bytes().to_vec(), ..sample() };
    let report = diff(&[at("/a"), at("/b"), at("/d")], &[at("/b"), at("/c"), at("/d")]);
    assert_eq!(report, ["/a: missing in ours", "/c: only in ours"]);
    let many: Vec<_> = (100..200).map(|number| at(&format!("/{number}"))).collect();
    let report = diff(&many, &[]);
    assert_eq!(report.len(), 51);
    assert_eq!(report[50], "... and 50 more differences");
}

#[test]
fn what_cannot_be_observed_is_not_compared() {
    let unknown = Observed { flags: None, ..sample() };
    assert!(diff(&[sample()], std::slice::from_ref(&unknown)).is_empty());
}

#[test]
fn observes_what_was_written() {
    if !need(Capability::Compiler) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(root.path().join("f")).unwrap();
    file.write_all_at(b"x", 1 << 40).unwrap();
    symlink("target", root.path().join("l")).unwrap();
    let seen = observe_dir(root.path()).unwrap();
    let paths: Vec<_> = seen.iter().map(|entry| entry.path.as_slice()).collect();
    assert_eq!(paths, [&b"/"[..], b"/f", b"/l"]);
    assert_eq!(seen[0].kind, Kind::Directory);
    assert_eq!(seen[1].size, (1 << 40) + 1);
    let (start, end) = seen[1].data_map[0];
    assert!(start > 0 && end == (1 << 40) + 1, "{start} {end}");
    assert_eq!(seen[2].target, Some(Ok(b"target".to_vec())));
    let mut chunk = (1_u64 << 40).to_le_bytes().to_vec();
    chunk.push(b'x');
    chunk.resize(8 + 4096, 0);
    let segment = blake3::hash(&chunk);
    let expected = ContentDigest(blake3::hash(segment.as_bytes()).to_hex().to_string());
    assert_eq!(seen[1].content, Some(Ok(expected)));
}
