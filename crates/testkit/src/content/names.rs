//! Directories and names: many, long, odd, deep, and deleted again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::Site;
use crate::error::{Context, Result};

/// Names of the big directory on profiles that are slow to fill.
const FEW: u32 = 2_000;

pub(super) fn write(site: &mut Site) -> Result<()> {
    many(site)?;
    odd(site)?;
    long(site)?;
    deep(site)?;
    sizes(site)?;
    deleted(site)
}

fn touch(path: &Path) -> Result<()> {
    mknodat(CWD, path, FileType::RegularFile, Mode::from_raw_mode(0o644), 0).on("create", path)
}

fn many(site: &mut Site) -> Result<()> {
    let folder = site.folder("many")?;
    let mut count = site.scale.names;
    if count > FEW && !site.holds.huge_directories {
        site.skip(format!("{count} names"), format!("without an index while filling: {FEW} names"));
        count = FEW;
    }
    for number in 0..count {
        touch(&folder.join(many_name(number)))?;
    }
    Ok(())
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Lengths vary from 7 to about 60 bytes, so that entries do not all have one size.
fn many_name(number: u32) -> String {
    let length = usize::try_from(number % 53).unwrap_or_default();
    format!("n{number:06}{}", LETTERS.get(..length).unwrap_or_default())
}

fn odd(site: &mut Site) -> Result<()> {
    let folder = site.folder("odd")?;
    let names: [&[u8]; 14] = [
        b" ",
        b"a b",
        b"trailing ",
        b"line\nbreak",
        b"tab\t",
        b"\x1b[31mred\x1b[0m",
        b"back\\slash",
        b"\xff\xfe\xfd",
        b"caf\xc3\xa9",
        b"cafe\xcc\x81",
        b"\xc3\x28",
        b"-rf",
        b"...",
        b"\x01\x7f",
    ];
    for name in names {
        let path = folder.join(OsStr::from_bytes(name));
        std::fs::write(&path, name).on("write", &path)?;
    }
    for byte in (1..=255_u8).filter(|&byte| byte != b'/' && byte != b'.') {
        touch(&folder.join(OsStr::from_bytes(&[b'b', byte])))?;
    }
    Ok(())
}

/// Names of the greatest lengths; enough of them that hash blocks and leaves split.
fn long(site: &mut Site) -> Result<()> {
    let folder = site.folder("long")?;
    for length in [251, 252, 253, 254, 255] {
        touch(&folder.join("L".repeat(length)))?;
    }
    for number in 0..site.scale.names.min(400) {
        touch(&folder.join(format!("{number:04}{}", "x".repeat(251))))?;
    }
    Ok(())
}

fn deep(site: &mut Site) -> Result<()> {
    let mut folder = site.folder("deep")?;
    for level in 0..site.scale.depth {
        let file = folder.join("here");
        std::fs::write(&file, format!("level {level}\n")).on("write", &file)?;
        folder = folder.join(format!("level{level:02}"));
        std::fs::create_dir(&folder).on("mkdir", &folder)?;
    }
    Ok(())
}

/// Directories of every small size, inline ones where they can be, around one block, and one with
/// more subdirectories than files.
fn sizes(site: &mut Site) -> Result<()> {
    let folder = site.folder("sizes")?;
    for count in (0..16).chain([40, 80, 120, 200]) {
        fill_folder(&folder.join(format!("dir{count:03}")), count)?;
    }
    let parent = site.folder("parents")?;
    for number in 0..100 {
        let child = parent.join(format!("child{number}"));
        std::fs::create_dir(&child).on("mkdir", &child)?;
    }
    Ok(())
}

fn fill_folder(folder: &Path, count: u32) -> Result<()> {
    std::fs::create_dir(folder).on("mkdir", folder)?;
    (0..count).try_for_each(|number| touch(&folder.join(format!("f{number:03}"))))
}

/// Whether an entry is removed.
type Chosen = fn(u32) -> bool;

/// Entries removed in every pattern: first, last, neighbours, all.
fn deleted(site: &mut Site) -> Result<()> {
    let parent = site.folder("deleted")?;
    let patterns: [(&str, Chosen); 4] = [
        ("even", |n| n % 2 == 0),
        ("ends", |n| n == 0 || n == 299),
        ("most", |n| n % 50 != 7),
        ("all", |_| true),
    ];
    for (name, remove) in patterns {
        let folder: PathBuf = parent.join(name);
        fill_folder(&folder, 300)?;
        for number in (0..300).filter(|&number| remove(number)) {
            let path = folder.join(format!("f{number:03}"));
            std::fs::remove_file(&path).on("unlink", &path)?;
        }
    }
    Ok(())
}
