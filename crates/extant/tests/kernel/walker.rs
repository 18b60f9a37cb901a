//! The library's view of an image in the test kit's structs.

use std::collections::BTreeMap;
use std::path::Path;

use extant::device::ImageOptions;
use extant_testkit::observe::{ContentDigest, Kind, Observed, Statfs, Time, Xattrs};
use rustix::io::Errno;

use extant::{
    Dir, Error, File, FileType, Filesystem, Follow, IoFlags, Node, OpenOptions, Result, Stat,
    Timestamp,
};

/// Wait for whatever is not in memory.
pub(crate) const WAIT: IoFlags = IoFlags::NONE;
/// The flags that `FS_IOC_GETFLAGS` of ext4 shows.
const SHOWN_FLAGS: u32 = 0x725b_dfff;
/// Shown for directories only.
const PROJECT_INHERIT: u32 = 0x2000_0000;
/// The unit of the content hash.
const CHUNK: u64 = 4096;
/// Bytes of a file that have a hash of their own.
const SEGMENT: u64 = 1 << 20;
/// Bytes read at once.
const WINDOW: usize = 1 << 20;

/// Opens the image at `path` for reading.
pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Filesystem> {
    let image = ImageOptions { read_only: true, ..ImageOptions::default() };
    Filesystem::open_path(path, &image, options)
}

/// Everything in the image, sorted by path, as `observe_dir` gives it for a mount.
pub(crate) fn walk(fs: &Filesystem) -> Vec<Observed> {
    let mut seen = vec![observe(b"/", fs.root(WAIT).unwrap().node())];
    let mut open = vec![(Vec::new(), fs.root(WAIT).unwrap())];
    while let Some((prefix, dir)) = open.pop() {
        for (name, node) in children(&dir) {
            let path = [&prefix, &b"/"[..], &name].concat();
            seen.push(observe(&path, &node));
            if node.file_type() == FileType::Directory {
                open.push((path, node.into_dir().unwrap()));
            }
        }
    }
    seen.sort_by(|a, b| a.path.cmp(&b.path));
    seen
}

/// Every entry but the dots, looked up by its name as well as listed.
fn children(dir: &Dir) -> Vec<(Vec<u8>, Node)> {
    let fs = dir.node().filesystem();
    let mut found = Vec::new();
    for entry in dir.entries(WAIT) {
        let entry = entry.unwrap();
        if entry.is_dot() {
            continue;
        }
        assert_eq!(dir.lookup(&entry.name, WAIT).unwrap(), Some(entry.ino), "{entry:?}");
        let node = fs.node(entry.ino, WAIT).unwrap();
        assert!(entry.file_type.is_none_or(|kind| kind == node.file_type()), "{entry:?}");
        found.push((entry.name, node));
    }
    found
}

/// One inode under the name `path`.
pub(crate) fn observe(path: &[u8], node: &Node) -> Observed {
    let stat = node.stat();
    let kind = kind(stat.file_type);
    let mut entry = of_stat(path, kind, &stat);
    entry.xattrs = xattrs(node);
    match kind {
        Kind::Symlink => entry.target = Some(node.read_link(WAIT).map_err(|e| errno(&e))),
        Kind::Regular => match content(node) {
            Ok((digest, map)) => (entry.content, entry.data_map) = (Some(Ok(digest)), map),
            Err(error) => entry.content = Some(Err(errno(&error))),
        },
        _ => {}
    }
    if kind != Kind::Directory && !matches!(entry.content, Some(Ok(_))) {
        (entry.flags, entry.generation, entry.project) = (None, None, None);
    }
    entry
}

fn of_stat(path: &[u8], kind: Kind, stat: &Stat) -> Observed {
    let hidden = if kind == Kind::Directory { 0 } else { PROJECT_INHERIT };
    Observed {
        path: path.to_vec(),
        kind,
        mode: stat.mode & 0o7777,
        uid: stat.uid,
        gid: stat.gid,
        nlink: stat.links,
        rdev: stat.device.unwrap_or_default(),
        size: stat.size,
        blocks: stat.blocks_512,
        ino: stat.ino.get().into(),
        atime: time(stat.atime),
        mtime: time(stat.mtime),
        ctime: time(stat.ctime),
        btime: stat.btime.map(time),
        target: None,
        xattrs: Ok(Xattrs::new()),
        flags: Some(stat.flags.bits() & SHOWN_FLAGS & !hidden),
        generation: Some(stat.generation),
        project: Some(stat.project),
        content: None,
        data_map: Vec::new(),
    }
}

fn time(time: Timestamp) -> Time {
    (time.secs, time.nanos)
}

const fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::Regular => Kind::Regular,
        FileType::Directory => Kind::Directory,
        FileType::CharDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::Symlink => Kind::Symlink,
    }
}

/// The error number as system calls give it.
pub(crate) fn errno(error: &Error) -> Errno {
    Errno::from_raw_os_error(error.errno().0)
}

/// Names listed, values one by one and all at once: the three calls must agree.
fn xattrs(node: &Node) -> Result<Xattrs, Errno> {
    let all = node.xattrs(WAIT).map_err(|e| errno(&e))?;
    let names = node.xattr_names(WAIT).map_err(|e| errno(&e))?;
    assert_eq!(
        all.iter().map(|pair| &pair.name).collect::<Vec<_>>(),
        names.iter().collect::<Vec<_>>()
    );
    let one = |name: &Vec<u8>| node.xattr(name, WAIT).map_err(|e| errno(&e));
    let single: Xattrs = names.iter().map(|name| (name.clone(), one(name))).collect();
    let listed = all.into_iter().map(|pair| (pair.name, Ok(pair.value))).collect();
    assert_eq!(single, listed);
    Ok(single)
}

/// Content hash and data map, reading only where there is data.
fn content(node: &Node) -> Result<(ContentDigest, Vec<(u64, u64)>)> {
    let file = node.clone().into_file(IoFlags::NONE)?;
    let map = data_map(&file)?;
    let mut hashes: BTreeMap<u64, blake3::Hasher> = BTreeMap::new();
    let room = file.size().next_multiple_of(CHUNK).min(WINDOW as u64);
    let mut window = vec![0; usize::try_from(room).unwrap()];
    let mut next = 0;
    for &(start, end) in &map {
        let mut at = next.max(start - start % CHUNK);
        while at < end {
            let wanted = usize::try_from((end - at).next_multiple_of(CHUNK)).unwrap();
            let room = wanted.min(window.len());
            let got = file.read_at(&mut window[..room], at, WAIT)?;
            assert!(got > 0, "no bytes at {at} of {end}");
            feed(&mut hashes, &window[..got], at);
            at = (at + got as u64).next_multiple_of(CHUNK);
        }
        next = at;
    }
    let mut whole = blake3::Hasher::new();
    hashes.values().for_each(|segment| {
        whole.update(segment.finalize().as_bytes());
    });
    Ok((ContentDigest(whole.finalize().to_hex().to_string()), map))
}

/// Chunks that are not all zero, each with its offset and padded, into the hash of their segment.
fn feed(hashes: &mut BTreeMap<u64, blake3::Hasher>, bytes: &[u8], at: u64) {
    for (offset, chunk) in (at..).step_by(4096).zip(bytes.chunks(4096)) {
        if chunk.iter().any(|&byte| byte != 0) {
            let mut padded = [0; 4096];
            padded[..chunk.len()].copy_from_slice(chunk);
            let hash = hashes.entry(offset / SEGMENT).or_default();
            hash.update(&offset.to_le_bytes());
            hash.update(&padded);
        }
    }
}

/// The ranges that `seek_data` and `seek_hole` give.
pub(crate) fn data_map(file: &File) -> Result<Vec<(u64, u64)>> {
    let mut map = Vec::new();
    let mut at = 0;
    while let Some(start) = file.seek_data(at, WAIT)? {
        let end = file.seek_hole(start, WAIT)?.unwrap();
        assert!(start >= at && end > start, "{at}: {start}..{end}");
        map.push((start, end));
        at = end;
    }
    Ok(map)
}

/// The numbers of statfs as `statvfs` gives them.
pub(crate) fn statfs(fs: &Filesystem) -> Statfs {
    let ours = fs.statfs();
    Statfs {
        block_size: ours.block_size.into(),
        fragment_size: ours.block_size.into(),
        blocks: ours.blocks,
        blocks_free: ours.blocks_free,
        blocks_available: ours.blocks_available,
        files: ours.files,
        files_free: ours.files_free,
        fsid: ours.fsid,
        name_max: ours.name_max.into(),
    }
}

/// The inode number at `path`, links not followed.
pub(crate) fn number(fs: &Filesystem, path: &[u8]) -> Result<u64> {
    fs.stat(path, Follow::No, WAIT).map(|stat| stat.ino.get().into())
}
