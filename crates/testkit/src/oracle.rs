//! Judges of recovery: e2fsck and the kernel on copies of an image, and a comparison of images
//! byte by byte that knows which fields may differ.

use std::ffi::OsStr;
use std::path::Path;

use crate::capability::find_tool;
use crate::error::{Context, Result};
use crate::image::{run, run_with};
use crate::mount::LoopDevice;

#[cfg(test)]
mod tests;

/// What e2fsck said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Its exit status: 0 clean, 1 repaired, 4 errors left, 8 could not work.
    pub code: i32,
    /// What it printed on its standard output.
    pub text: String,
}

/// Bits 1 to 8 of its status, in every mix.
const STATUSES: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// All runs take place at the same time, so that what they delete has the same time.
const CLOCK: (&str, &str) = ("E2FSCK_TIME", "1800000000");

/// Within limits where there is `prlimit`: of some damaged images e2fsck wants all memory there is.
fn fsck(image: &Path, journal: Option<&Path>, options: &[&str]) -> Result<Verdict> {
    let mut args: Vec<&OsStr> = options.iter().map(OsStr::new).collect();
    if let Some(journal) = journal {
        args.extend([OsStr::new("-j"), journal.as_os_str()]);
    }
    args.push(image.as_os_str());
    let limits = [OsStr::new("--as=1000000000"), OsStr::new("--cpu=60")];
    let program = find_tool("e2fsck").unwrap_or_else(|| "e2fsck".into());
    let limited = [&limits[..], &[program.as_os_str()], &args].concat();
    let (code, text) = if find_tool("prlimit").is_some() {
        run_with("prlimit", &limited, &STATUSES, &[CLOCK])?
    } else {
        run_with("e2fsck", &args, &STATUSES, &[CLOCK])?
    };
    Ok(Verdict { code, text })
}

/// `e2fsck -fn` without its offers to optimize extent trees. It does not look into the log: for a
/// dirty image the answer means nothing.
///
/// # Errors
/// If e2fsck cannot be run, or ends in a way of its own.
pub fn check(image: &Path, journal: Option<&Path>) -> Result<Verdict> {
    fsck(image, journal, &["-fn", "-E", "no_optimize_extents"])
}

/// `e2fsck -fy`: replay, orphans, repair of the rest; what it prints names the repairs.
///
/// # Errors
/// If e2fsck cannot be run, or ends in a way of its own.
pub fn repair(image: &Path, journal: Option<&Path>) -> Result<Verdict> {
    fsck(image, journal, &["-fy"])
}

/// `e2fsck -E journal_only -y`: replay, and orphans; of an image with an empty log, orphans alone.
/// It cannot replay every fast commit (exit status 12).
///
/// # Errors
/// If e2fsck cannot be run, or ends in a way of its own.
pub fn journal_only(image: &Path, journal: Option<&Path>) -> Result<Verdict> {
    fsck(image, journal, &["-E", "journal_only", "-y"])
}

/// Lets the kernel recover `image` in place: log, fast commits and orphans, by a mount that does
/// nothing else and is taken away again. Only for images that the tests' own kernel workloads
/// left, never for damaged ones.
///
/// The mount is writable: a read-only one on the same device fails with `EROFS` where there are
/// fast commits. Of directories that fast commits changed, the kernel here leaves link counts,
/// block counts and times that e2fsck objects to.
///
/// # Errors
/// If the kernel refuses.
pub fn kernel_recover(image: &Path, journal: Option<&Path>) -> Result<()> {
    let parent = image.parent().unwrap_or(Path::new("."));
    let point = tempfile::Builder::new().prefix("recover-").tempdir_in(parent);
    let point = point.on("mkdtemp in", parent)?;
    let external = journal.map(LoopDevice::attach).transpose()?;
    let device = LoopDevice::attach(image)?;
    let mut options = "rw,noatime".to_owned();
    if let Some(external) = &external {
        options.push_str(&format!(",journal_path={}", external.path().display()));
    }
    let (node, folder) = (device.path().as_os_str(), point.path().as_os_str());
    let words = ["-t", "ext4", "-o", &options].map(OsStr::new);
    run("mount", &[&words[..], &[node, folder]].concat())?;
    run("umount", &[folder]).map(drop)
}

/// Where the offset of a [`Volatile`] field counts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Within {
    /// The primary superblock of the file system, or of the external journal's device.
    Superblock,
    /// The superblock of the journal.
    Journal,
    /// The image.
    Image,
}

/// A field that recoveries may leave in different states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Volatile {
    /// The field's name in the format's documentation.
    pub name: &'static str,
    /// The structure.
    pub within: Within,
    /// Byte offset.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Why it may differ.
    pub reason: &'static str,
}

const fn field(
    name: &'static str,
    within: Within,
    offset: u64,
    length: u64,
    reason: &'static str,
) -> Volatile {
    Volatile { name, within, offset, length, reason }
}

/// What may differ between a recovery by e2fsck and one by another program.
pub const VOLATILE: &[Volatile] = &[
    field("s_mtime", Within::Superblock, 0x2c, 4, "time of the last mount"),
    field("s_wtime", Within::Superblock, 0x30, 4, "time of the last write"),
    field("s_mnt_count", Within::Superblock, 0x34, 2, "mounts"),
    field("s_lastcheck", Within::Superblock, 0x40, 4, "time of the last check"),
    field("s_kbytes_written", Within::Superblock, 0x178, 8, "a counter of writes by the kernel"),
    field("s_wtime_hi and following", Within::Superblock, 0x274, 4, "upper bytes of the times"),
    field("s_checksum", Within::Superblock, 0x3fc, 4, "sum over the fields above"),
    field("s_sequence", Within::Journal, 0x18, 4, "an empty log may count on from any number"),
    field("s_head", Within::Journal, 0x58, 4, "a hint where an empty log begins"),
    field("s_checksum", Within::Journal, 0xfc, 4, "sum over the fields above"),
];

/// Ranges after which a comparison ends.
const MOST: usize = 100;

/// The ranges of bytes that differ and are in none of `fields`; about the first hundred.
/// `journal` is the byte offset of the journal's superblock, if it is in these images.
#[must_use]
pub fn differences(
    one: &[u8],
    two: &[u8],
    journal: Option<u64>,
    fields: &[Volatile],
) -> Vec<(u64, u64)> {
    let place = |field: &Volatile| {
        let base = match field.within {
            Within::Superblock => Some(1024),
            Within::Journal => journal,
            Within::Image => Some(0),
        };
        base.map(|base| base + field.offset..base + field.offset + field.length)
    };
    let ignored: Vec<_> = fields.iter().filter_map(place).collect();
    let mut found: Vec<(u64, u64)> = Vec::new();
    if one.len() != two.len() {
        let (short, long) = (one.len().min(two.len()), one.len().max(two.len()));
        found.push((short as u64, long as u64));
    }
    let chunks = one.chunks(4096).zip(two.chunks(4096)).enumerate();
    for (number, (a, b)) in chunks.filter(|(_, (a, b))| a != b) {
        let bytes = a.iter().zip(b).enumerate().filter(|(_, (a, b))| a != b);
        let places = bytes.map(|(index, _)| number as u64 * 4096 + index as u64);
        for at in places.filter(|at| !ignored.iter().any(|range| range.contains(at))) {
            note(&mut found, at);
        }
        if found.len() > MOST {
            break;
        }
    }
    found
}

/// Adds the byte `at` to the last range or begins a new one.
fn note(found: &mut Vec<(u64, u64)>, at: u64) {
    match found.last_mut() {
        Some((_, end)) if *end == at => *end += 1,
        _ => found.push((at, at + 1)),
    }
}
