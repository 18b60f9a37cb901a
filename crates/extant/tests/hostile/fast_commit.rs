//! Row 48: fast commits. Those that are whole and sound count, up to the first that is not; never
//! less than the log.

use extant::Filesystem;
use extant_testkit::hostile::{ImageEditor, Spot};
use extant_testkit::journal::{
    FastCommits, FcExtent, FcTag, LogBuilder, LogChecksum, LogFormat, Transaction,
};

use crate::dirty::{Dirty, TIME, filled, homes, recovered, stopped};
use crate::support::{bounded, image, read, unrelated_reads_right};
use crate::walk::{Limits, walk};

const FAST: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "fast_commit"];
/// The transaction in the log; fast commits belong to the next.
const LAST: u32 = 40;

const FORMAT: LogFormat =
    LogFormat { fast_commit_blocks: Some(16), ..LogFormat::new(LogChecksum::V3, true) };

/// A log of one transaction, and the fast commits that `write` writes.
fn with(write: impl FnOnce(&ImageEditor, &mut FastCommits)) -> Dirty {
    Dirty::new(FAST, FORMAT, |log, image| {
        log.start(log.range().0, LAST);
        let copies = vec![(homes(image, 1)[0], filled(1))];
        let whole = Transaction { copies, time: TIME, ..Transaction::default() };
        log.transaction(image, &whole).unwrap();
        let mut fast = FastCommits::new(1024);
        write(image, &mut fast);
        put(log, image, &fast);
    })
}

/// Writes what fits.
fn put(log: &LogBuilder, image: &mut ImageEditor, fast: &FastCommits) {
    let mut fast = fast.clone();
    fast.bytes_mut().truncate(15 * 1024);
    log.fast_commits(image, &fast).unwrap();
}

/// The records that make `/dir/a` known as `/dir/NAME`, with two links.
fn link(image: &ImageEditor, fast: &mut FastCommits, name: &[u8], links: u8) {
    let (dir, inode) = (image.lookup("/dir").unwrap(), image.lookup("/dir/a").unwrap());
    let mut raw = image.get_bytes(Spot::Inode(inode), 0, 160).unwrap().to_vec();
    raw[0x1a] = links;
    fast.name(FcTag::Link, dir, inode, name).inode(inode, &raw);
}

/// Opens: the log counts, and of the fast commits what makes these names known.
fn names(dirty: &Dirty, known: &[&str], unknown: &[&str]) -> Filesystem {
    let fs = crate::support::open(&dirty.image).unwrap();
    for name in known {
        assert_eq!(read(&fs, name).unwrap(), b"a", "{name}");
    }
    for name in unknown {
        assert!(read(&fs, name).is_err(), "{name}");
    }
    let mut first = vec![0; 1024];
    let home = homes(&dirty.before, 1)[0];
    fs.volume().device().read_at(&mut first, home * 1024).unwrap();
    assert_eq!(first, filled(1));
    unrelated_reads_right(&fs);
    let (again, report) = (fs.clone(), bounded(move || walk(&fs, Limits::default())));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    again
}

/// The state of the log alone, and a report that says so.
fn ignored(dirty: &Dirty) {
    let fs = dirty.replays(1);
    assert_eq!(fs.volume().recovery().unwrap().fast_commit_records, 0);
    names(dirty, &["/dir/a"], &["/dir/fast"]);
    let (result, bytes) = recovered(&dirty.image);
    result.unwrap();
    let again = crate::support::open(&ImageEditor::new(bytes)).unwrap();
    assert!(read(&again, "/dir/fast").is_err());
}

/// Records with a right checksum that may not be: as if there were no fast commits.
fn unsound(dirty: &Dirty) {
    ignored(dirty);
}

#[test]
fn whole_fast_commits_count() {
    let dirty = with(|image, fast| {
        fast.head(0, LAST + 1);
        link(image, fast, b"fast", 2);
        fast.tail(LAST + 1, 0);
        link(image, fast, b"more", 3);
        fast.tail(LAST + 1, 0);
    });
    let fs = names(&dirty, &["/dir/a", "/dir/fast", "/dir/more"], &[]);
    assert!(fs.volume().recovery().unwrap().fast_commit_records > 0);
}

#[test]
fn row_48_a_broken_one_ends_them() {
    let dirty = with(|image, fast| {
        fast.head(0, LAST + 1);
        link(image, fast, b"fast", 2);
        fast.tail(LAST + 1, 0);
        link(image, fast, b"broken", 3);
        fast.tail(LAST + 1, 1);
        link(image, fast, b"late", 3);
        fast.tail(LAST + 1, 0);
    });
    names(&dirty, &["/dir/fast"], &["/dir/broken", "/dir/late"]);
}

/// The area exactly full, the last commit without its tail or with.
#[test]
fn row_48_full_area() {
    for (whole, known, unknown) in
        [(14, "/dir/n13", "/dir/n14"), (15, "/dir/n14", "/dir/n15"), (16, "/dir/n14", "/dir/n15")]
    {
        let dirty = with(|image, fast| {
            fast.head(0, LAST + 1);
            for number in 0..whole {
                link(image, fast, format!("n{number}").as_bytes(), number + 2);
                fast.tail(LAST + 1, 0);
            }
        });
        names(&dirty, &["/dir/n0", known], &[unknown]);
    }
}

#[test]
fn row_48_checksum_and_transaction() {
    for (head, tail, damage) in
        [(1, 1, 1), (1, 1, 1 << 31), (0, 0, 0), (2, 2, 0), (1, 0, 0), (1, 2, 0), (0, 1, 0)]
    {
        ignored(&with(|image, fast| {
            fast.head(0, LAST + head);
            link(image, fast, b"fast", 2);
            fast.tail(LAST + tail, damage);
        }));
    }
}

#[test]
fn row_48_no_head_or_an_unknown_one() {
    ignored(&with(|image, fast| {
        link(image, fast, b"fast", 2);
        fast.tail(LAST + 1, 0);
    }));
    let dirty = with(|image, fast| {
        fast.head(1, LAST + 1);
        link(image, fast, b"fast", 2);
        fast.tail(LAST + 1, 0);
    });
    stopped(&dirty.image, "EOPNOTSUPP");
    // Nothing but a tail; nothing but a head.
    ignored(&with(|_, fast| {
        fast.tail(LAST + 1, 0);
    }));
    ignored(&with(|_, fast| {
        fast.head(0, LAST + 1);
    }));
}

#[test]
fn row_48_length_past_the_block() {
    for length in [1009, 1021, 4096, u16::MAX] {
        ignored(&with(|image, fast| {
            fast.head(0, LAST + 1);
            link(image, fast, b"fast", 2);
            fast.raw(4, length, b"12345678name").tail(LAST + 1, 0);
        }));
    }
}

#[test]
fn row_48_unknown_tags_and_short_records() {
    for (tag, length) in
        [(0, 4), (10, 8), (0xffff, 8), (1, 4), (2, 4), (3, 8), (4, 0), (6, 4), (6, 131), (9, 4)]
    {
        ignored(&with(|image, fast| {
            fast.head(0, LAST + 1);
            link(image, fast, b"fast", 2);
            fast.raw(tag, length, &vec![1; length.into()]).tail(LAST + 1, 0);
        }));
    }
}

/// Inodes of the file system itself, free, or outside: as an inode, a parent, a target.
#[test]
fn row_48_inode_numbers() {
    for number in [0, 1, 3, 5, 7, 8, 10, 1 << 20, u32::MAX] {
        for kind in 0..5 {
            unsound(&with(|image, fast| {
                fast.head(0, LAST + 1);
                link(image, fast, b"fast", 2);
                let extent = FcExtent { logical: 0, raw_length: 1, physical: 7000 };
                match kind {
                    0 => fast.inode(number, &[0x11; 160]),
                    1 => fast.name(FcTag::Creat, number, 13, b"name"),
                    2 => fast.name(FcTag::Link, 2, number, b"name"),
                    3 => fast.add_range(number, extent),
                    _ => fast.del_range(number, 0, u32::MAX),
                };
                fast.tail(LAST + 1, 0);
            }));
        }
    }
}

/// Extents over metadata, outside, empty, or too long.
#[test]
fn row_48_extents() {
    for (logical, raw_length, physical) in [
        (0, 1, 0),
        (0, 1, 1),
        (0, 1, 2),
        (0, 1, 8192),
        (0, 2, 8191),
        (0, 1, (1 << 48) - 1),
        (0, 0, 7000),
        (u32::MAX, 2, 7000),
        (0, 0x7fff, 7000),
    ] {
        unsound(&with(|image, fast| {
            fast.head(0, LAST + 1);
            link(image, fast, b"fast", 2);
            let extent = FcExtent { logical, raw_length, physical };
            fast.add_range(image.lookup("/tiny").unwrap(), extent).tail(LAST + 1, 0);
        }));
    }
}

#[test]
fn row_48_names() {
    for name in [&b"a/b"[..], b"a\0b", b".", b".."] {
        unsound(&with(|image, fast| {
            fast.head(0, LAST + 1);
            link(image, fast, b"fast", 2);
            link(image, fast, name, 3);
            fast.tail(LAST + 1, 0);
        }));
    }
}

/// A directory in its own child; a file as a directory.
#[test]
fn row_48_directory_loops() {
    for (parent, child) in
        [("/dir/sub", "/dir"), ("/dir", "/dir"), ("/dir/sub", "/"), ("/tiny", "/dir/a")]
    {
        unsound(&with(|image, fast| {
            fast.head(0, LAST + 1);
            link(image, fast, b"fast", 2);
            let parent = image.lookup(parent).unwrap();
            let child = image.lookup(child).unwrap();
            fast.name(FcTag::Link, parent, child, b"loop").tail(LAST + 1, 0);
        }));
    }
}

/// Any records with a right checksum: an answer, in time, and a tree that can be walked.
#[test]
fn row_48_random_records() {
    let base = image(FAST);
    let mut random = crate::mutations::Random::new(48);
    let inodes: Vec<u32> = ["/", "/dir", "/dir/a", "/many", "/fragmented", "/tiny"]
        .iter()
        .map(|name| base.lookup(name).unwrap())
        .collect();
    let (mut opened, mut applied) = (0, 0);
    for _ in 0..300 {
        let dirty = with(|image, fast| {
            fast.head(0, LAST + 1);
            for _ in 0..1 + random.below(6) {
                record(image, fast, &mut random, &inodes);
            }
            fast.tail(LAST + 1, 0);
        });
        let Ok(fs) = crate::support::open(&dirty.image) else { continue };
        opened += 1;
        applied += fs.volume().recovery().unwrap().fast_commit_records;
        bounded(move || walk(&fs, Limits::default()));
    }
    assert!(opened > 200 && applied > 30, "{opened} {applied}");
}

fn record(
    image: &ImageEditor,
    fast: &mut FastCommits,
    random: &mut crate::mutations::Random,
    inodes: &[u32],
) {
    let number = |random: &mut crate::mutations::Random| {
        u32::try_from(random.next() >> (32 + random.below(32))).unwrap()
    };
    let one = usize::try_from(random.below(inodes.len() as u64)).unwrap();
    let other = usize::try_from(random.below(inodes.len() as u64)).unwrap();
    let (inode, parent) = (inodes[one], inodes[other]);
    match random.below(6) {
        0 => {
            let raw = image.get_bytes(Spot::Inode(inode), 0, 160).unwrap();
            let mut raw = raw.to_vec();
            let at = usize::try_from(random.below(160)).unwrap();
            raw[at] ^= 1 << random.below(8);
            fast.inode(inode, &raw)
        }
        1 => {
            let extent = FcExtent {
                logical: number(random),
                raw_length: u16::try_from(random.next() >> 50).unwrap(),
                physical: random.below(9000),
            };
            fast.add_range(inode, extent)
        }
        2 => fast.del_range(inode, number(random), number(random)),
        3 => fast.name(FcTag::Link, parent, inode, format!("n{}", random.below(9)).as_bytes()),
        4 => fast.name(FcTag::Unlink, parent, inode, b"a"),
        _ => fast.name(FcTag::Creat, parent, number(random), b"new"),
    };
}
