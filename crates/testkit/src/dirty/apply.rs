//! Operations as system calls below a mount point.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::thread::JoinHandle;

use rustix::fs::{FallocateFlags, XattrFlags, fallocate, fstatvfs};
use rustix::io::Errno;

use super::operation::Operation;
use crate::random::Random;

/// The magic number that a journal block starts with.
const MAGIC: [u8; 4] = [0xc0, 0x3b, 0x39, 0x98];
/// Distance of the blocks of scattered files in blocks: more than an indirect block of 1 KiB maps.
const SCATTER: u64 = 300;

/// What lives as long as the workload.
#[derive(Debug, Default)]
pub(super) struct Held {
    open: Vec<File>,
    truncating: Option<JoinHandle<()>>,
}

impl Held {
    /// Waits for what still runs, and closes the files.
    pub(super) fn release(&mut self) {
        self.open.clear();
        if let Some(thread) = self.truncating.take() {
            // It ends with an error when the file system was shut down meanwhile.
            drop(thread.join());
        }
    }
}

/// Runs `operation` below `root`, whose blocks are of `block` bytes.
pub(super) fn apply(
    root: &Path,
    block: u64,
    operation: &Operation,
    held: &mut Held,
) -> io::Result<()> {
    let at = |path: &str| root.join(path);
    match operation {
        Operation::Create { path, length } => write_new(&at(path), *length),
        Operation::CreateJournalled { path, length } => journalled(&at(path), *length),
        Operation::CreateFragmented { path, count } => spread(&at(path), block, *count, 2),
        Operation::CreateScattered { path, count } => spread(&at(path), block, *count, SCATTER),
        Operation::Fill { path, leave } => fill(&at(path), *leave * block),
        Operation::Write { path, offset, length } => {
            existing(&at(path))?.write_all_at(&pattern(*offset ^ length, *length), *offset)
        }
        Operation::Allocate { path, offset, length, punch } => {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let flags = if *punch { flags } else { FallocateFlags::empty() };
            Ok(fallocate(existing(&at(path))?, flags, *offset, *length)?)
        }
        Operation::Truncate { path, length } => existing(&at(path))?.set_len(*length),
        Operation::Mkdir(path) => std::fs::create_dir(at(path)),
        Operation::Rmdir(path) => std::fs::remove_dir(at(path)),
        Operation::Unlink(path) => std::fs::remove_file(at(path)),
        Operation::Orphan(path) => {
            held.open.push(File::open(at(path))?);
            std::fs::remove_file(at(path))
        }
        Operation::Rename { from, to } => std::fs::rename(at(from), at(to)),
        Operation::Link { from, to } => std::fs::hard_link(at(from), at(to)),
        Operation::Symlink { path, length } => symlink(target(*length), at(path)),
        Operation::Chmod { path, mode } => {
            std::fs::set_permissions(at(path), Permissions::from_mode(*mode))
        }
        Operation::SetXattr { path, name, length } => {
            let value = pattern(*length, *length);
            Ok(rustix::fs::setxattr(at(path), user(name), &value, XattrFlags::empty())?)
        }
        Operation::RemoveXattr { path, name } => Ok(rustix::fs::removexattr(at(path), user(name))?),
        Operation::Fsync(path) => File::open(at(path))?.sync_all(),
        Operation::Commit => commit(root),
        Operation::Sync => Ok(rustix::fs::syncfs(File::open(root)?)?),
        Operation::TruncateInProgress(path) => {
            held.truncating = Some(begin_truncate(root, &at(path))?);
            Ok(())
        }
    }
}

fn user(name: &str) -> String {
    format!("user.{name}")
}

fn target(length: u64) -> String {
    "t".repeat(usize::try_from(length).unwrap_or(1))
}

fn existing(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Bytes that differ from seed to seed.
fn pattern(seed: u64, length: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(usize::try_from(length).unwrap_or_default());
    bytes
}

fn write_new(path: &Path, length: u64) -> io::Result<()> {
    new_file(path)?.write_all_at(&pattern(length, length), 0)
}

/// The magic number every 1,024 bytes, so at the start of every block of any size.
fn journalled(path: &Path, length: u64) -> io::Result<()> {
    let file = new_file(path)?;
    let mut bytes = pattern(length, length);
    for chunk in bytes.chunks_mut(1024) {
        if let Some(head) = chunk.get_mut(..4) {
            head.copy_from_slice(&MAGIC);
        }
    }
    file.write_all_at(&bytes, 0)
}

/// Block after block, `distance` blocks apart, last first: the blocks are not neighbours.
fn spread(path: &Path, block: u64, count: u64, distance: u64) -> io::Result<()> {
    let file = new_file(path)?;
    let bytes = pattern(count, block.min(512));
    (0..count).rev().try_for_each(|number| file.write_all_at(&bytes, number * distance * block))
}

/// Takes the free space but `leave` bytes: unwritten where there are extents, else zeros.
fn fill(path: &Path, leave: u64) -> io::Result<()> {
    let file = new_file(path)?;
    let free = fstatvfs(&file)?;
    let length = (free.f_bfree * free.f_frsize).saturating_sub(leave);
    if length == 0 || fallocate(&file, FallocateFlags::empty(), 0, length).is_ok() {
        return Ok(());
    }
    let zeros = vec![0; 1 << 16];
    (0..length >> 16).try_for_each(|chunk| file.write_all_at(&zeros, chunk << 16))
}

/// With fast commits, a change of attributes makes the commit a full one; where there is no space
/// for it, a fast commit will do.
fn commit(root: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(root)?.permissions().mode();
    std::fs::set_permissions(root, Permissions::from_mode(mode ^ 0o11))?;
    let value = mode.to_le_bytes();
    match rustix::fs::setxattr(root, "user.commit", &value, XattrFlags::empty()) {
        Ok(()) | Err(Errno::NOSPC | Errno::OPNOTSUPP) => File::open(root)?.sync_all(),
        Err(error) => Err(error.into()),
    }
}

/// Returns when the truncate has begun and a commit went by since.
fn begin_truncate(root: &Path, path: &Path) -> io::Result<JoinHandle<()>> {
    let file = existing(path)?;
    let watched = file.try_clone()?;
    let full = watched.metadata()?.len();
    let thread = std::thread::spawn(move || drop(file.set_len(0)));
    while watched.metadata()?.len() == full && !thread.is_finished() {
        std::thread::yield_now();
    }
    commit(root)?;
    Ok(thread)
}
