//! Block maps: what FIEMAP says, by filefrag(8), and what the library maps.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use extant::{Filesystem, Follow, Mapping, Node};
use extant_testkit::image::run;
use extant_testkit::observe::{Kind, Observed};

use crate::walker::WAIT;

/// The unit of filefrag's numbers in bytes: the smallest block.
const UNIT: u64 = 1024;

/// Where a run of a file's bytes is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whereabouts {
    /// In the inode.
    Inline,
    /// On the device, in [`UNIT`]s.
    Blocks { first: u64, unwritten: bool },
}

/// Units of a file that are mapped alike; neighbours that continue each other are one run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    pub(crate) logical: u64,
    pub(crate) count: u64,
    pub(crate) at: Whereabouts,
}

/// The runs of files by their path in the image.
pub(crate) type Maps = BTreeMap<Vec<u8>, Vec<Run>>;

/// The maps that the kernel shows of the files below `/files` and `/tiny` of the mount at `root`.
pub(crate) fn of_kernel(root: &Path, seen: &[Observed]) -> Maps {
    let wanted = |entry: &&Observed| {
        let below = [&b"/files/"[..], b"/tiny/"].iter().any(|p| entry.path.starts_with(p));
        entry.kind == Kind::Regular && below
    };
    let paths: Vec<&[u8]> = seen.iter().filter(wanted).map(|entry| &entry.path[1..]).collect();
    let hosts: Vec<PathBuf> = paths.iter().map(|path| root.join(OsStr::from_bytes(path))).collect();
    let mut args: Vec<&OsStr> = ["-e", "-v", "-b1024"].map(OsStr::new).to_vec();
    args.extend(hosts.iter().map(|path| path.as_os_str()));
    let text = run("filefrag", &args).unwrap();
    let parts: Vec<&str> = text.split("File size of ").skip(1).collect();
    assert_eq!(parts.len(), paths.len());
    let runs = parts.into_iter().map(|part| merged(part.lines().filter_map(parse_row)));
    paths.iter().map(|path| [b"/", *path].concat()).zip(runs).collect()
}

/// A row `N: FIRST.. LAST: FIRST.. LAST: LENGTH: [EXPECTED:] FLAGS`.
fn parse_row(line: &str) -> Option<Run> {
    let parts: Vec<&str> = line.split(':').map(str::trim).collect();
    parts.first()?.parse::<u32>().ok()?;
    let first = |range: &str| range.split("..").next()?.trim().parse::<u64>().ok();
    let (logical, first) = (first(parts.get(1)?)?, first(parts.get(2)?)?);
    let flags = parts.last()?;
    let at = if flags.contains("inline") {
        Whereabouts::Inline
    } else {
        Whereabouts::Blocks { first, unwritten: flags.contains("unwritten") }
    };
    Some(Run { logical, count: parts.get(3)?.parse().ok()?, at })
}

/// The runs with those joined that continue each other. Inline runs count as one unit, since
/// filefrag rounds their lengths.
fn merged(runs: impl Iterator<Item = Run>) -> Vec<Run> {
    let mut list: Vec<Run> = Vec::new();
    for mut run in runs {
        if run.at == Whereabouts::Inline {
            run.count = 1;
        }
        match list.last_mut() {
            Some(last) if continues(last, &run) => last.count += run.count,
            _ => list.push(run),
        }
    }
    list
}

fn continues(last: &Run, next: &Run) -> bool {
    let Whereabouts::Blocks { first, unwritten } = last.at else { return false };
    let at = Whereabouts::Blocks { first: first + last.count, unwritten };
    next.at == at && next.logical == last.logical + last.count
}

/// Files that the library maps otherwise.
pub(crate) fn differences(fs: &Filesystem, maps: &Maps) -> Vec<String> {
    assert!(maps.len() > 100);
    let ours = |path: &[u8]| of_library(&fs.resolve(path, Follow::No, WAIT).unwrap());
    (maps.iter().map(|(path, runs)| (path, runs, ours(path))))
        .filter(|(_, runs, ours)| *runs != ours)
        .map(|(path, runs, ours)| format!("{}: {runs:?}, ours {ours:?}", path.escape_ascii()))
        .collect()
}

/// Walks the map from one end to the other; mappings must follow one another without a gap.
pub(crate) fn of_library(node: &Node) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut offset = 0;
    loop {
        let map = node.map(offset, WAIT).unwrap();
        assert!(map.offset <= offset && map.end() > offset, "{map:?} for {offset}");
        let skip = offset - map.offset;
        let block = |device_offset: u64| {
            assert_eq!((device_offset + skip) % UNIT, 0);
            (device_offset + skip) / UNIT
        };
        let at = match map.mapping {
            Mapping::Hole => None,
            Mapping::Inline { .. } => Some(Whereabouts::Inline),
            Mapping::Mapped { device_offset: at } => {
                Some(Whereabouts::Blocks { first: block(at), unwritten: false })
            }
            Mapping::Unwritten { device_offset: at } => {
                Some(Whereabouts::Blocks { first: block(at), unwritten: true })
            }
            other => panic!("{other:?}"),
        };
        let count = (map.offset + map.len - offset) / UNIT;
        runs.extend(at.map(|at| Run { logical: offset / UNIT, count, at }));
        offset = map.end();
        if offset == u64::MAX {
            return merged(runs.into_iter());
        }
    }
}
