//! Records that may not be: refused before anything is changed (row 48).

use super::super::area::{FastCommits, Record};
use super::image::{Image, add, create, link, new_inode, unlink};

fn image() -> Option<Image> {
    Image::new(&["-b", "1024"])
}

#[test]
fn row_48_numbers_of_inodes() {
    let Some(image) = image() else { return };
    let a = image.number("a");
    for bad in [0, 1, 2, 3, 7, 8, 10, 65, u32::MAX] {
        image.refuse(vec![add(bad, 0, 1, 5000)]);
        image.refuse(vec![Record::DelRange { ino: bad, logical: 0, len: 1 }]);
        image.refuse(vec![new_inode(bad, 0o100_644, |_| ())]);
        image.refuse(vec![link(2, a, "good"), link(2, bad, "bad")]);
        if bad != 2 {
            image.refuse(vec![link(bad, a, "x")]);
            image.refuse(vec![unlink(bad, a, "x")]);
        }
    }
}

#[test]
fn row_48_names() {
    let Some(image) = image() else { return };
    let a = image.number("a");
    for bad in [".", "..", "x/y", "x\0y"] {
        image.refuse(vec![link(2, a, "good"), link(2, a, bad)]);
        image.refuse(vec![unlink(2, a, bad)]);
    }
    image.refuse(vec![create(a, a, "self")]);
}

#[test]
fn row_48_ranges() {
    let Some(image) = image() else { return };
    let a = image.number("a");
    let end = image.volume().geometry().blocks_count();
    let table = image.volume().zones().iter().map(|(start, ..)| start).nth(1).unwrap();
    for start in [0, 1, table, end, end - 1, u64::MAX, (1 << 48) - 1] {
        image.refuse(vec![link(2, a, "good"), add(a, 0, 2, start)]);
    }
    image.refuse(vec![add(a, 0, 0, 5000)]);
    image.refuse(vec![add(a, u32::MAX - 1, 2, 5000)]);
}

#[test]
fn row_48_inodes() {
    let Some(image) = image() else { return };
    let mut long = vec![0; 257];
    long[1] = 0x81;
    image.refuse(vec![Record::Inode { ino: 40, bytes: long.into() }]);
    image.refuse(vec![new_inode(40, 0, |raw| raw.links_count.set(0))]);
    image.refuse(vec![new_inode(40, 0o110_644, |_| ())]);
    image.refuse(vec![new_inode(40, 0o100_644, |raw| raw.size_hi.set(1 << 30))]);
    image.refuse(vec![new_inode(40, 0o100_644, |raw| raw.flags.set(0x20_0000))]);
    image.refuse(vec![new_inode(40, 0o100_644, |raw| raw.file_acl_lo.set(1))]);
    // An extent in the inode itself, over the superblock.
    image.refuse(vec![new_inode(40, 0o100_644, |raw| {
        raw.block[2] = 1;
        raw.block[16] = 1;
        raw.block[20] = 2;
    })]);
}

/// Records that only the records before them, or the directories, show to be wrong.
#[test]
fn row_48_records_that_do_not_agree() {
    let cases: [fn(&Image) -> Vec<Record>; 9] = [
        |_| vec![add(40, 0, 1, 5000)],
        |image| vec![link(image.number("a"), image.number("b"), "in a file")],
        |image| vec![link(image.number("d"), image.number("d"), "x")],
        |image| vec![link(2, image.number("d"), "second name")],
        |image| vec![unlink(2, image.number("d"), "d")],
        |_| vec![new_inode(40, 0o40_755, |_| ())],
        |image| {
            let d = image.number("d");
            let dir = new_inode(40, 0o40_755, |_| ());
            vec![dir, create(d, 40, "in"), link(40, d, "loop"), unlink(2, d, "d")]
        },
        |_| {
            let dir = |ino| new_inode(ino, 0o40_755, |_| ());
            vec![dir(40), dir(41), create(41, 40, "x"), create(40, 41, "y")]
        },
        |image| {
            let d = image.number("d");
            vec![link(2, d, "one"), link(2, d, "two"), unlink(2, d, "d")]
        },
    ];
    for (n, case) in cases.iter().enumerate() {
        let Some(image) = image() else { return };
        let commits = FastCommits { commits: vec![case(&image)] };
        let result = image.try_replay(&commits);
        assert!(matches!(result, Err(crate::Error::Corrupt(_))), "case {n}: {result:?}");
    }
}
