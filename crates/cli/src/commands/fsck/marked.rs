//! Whether the superblock says that there is no need for a check.

use std::time::{SystemTime, UNIX_EPOCH};

use extant::device::BlockDevice;
use extant::raw::format::Superblock;
use extant::raw::format::superblock::{SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, state};

const DAY: i64 = 24 * 60 * 60;

/// A file system that is marked as clean, and its counts as the superblock has them.
pub(super) struct Marked {
    pub(super) inodes_used: u64,
    pub(super) inodes: u64,
    pub(super) blocks_used: u64,
    pub(super) blocks: u64,
}

/// Reads the primary superblock.
///
/// # Errors
/// Why the file system must be checked; nothing where a check will say what is wrong.
pub(super) fn read(device: &dyn BlockDevice) -> Result<Marked, Option<String>> {
    let mut bytes = [0; SUPERBLOCK_SIZE];
    device.read_at(&mut bytes, SUPERBLOCK_OFFSET).map_err(|_| None)?;
    let superblock = Superblock::parse(&bytes).map_err(|_| None)?;
    match reason(&superblock, now()) {
        Some(reason) => Err(Some(reason)),
        None => Ok(Marked::of(&superblock)),
    }
}

impl Marked {
    fn of(superblock: &Superblock) -> Self {
        let geometry = superblock.geometry();
        let (inodes, blocks) = (u64::from(geometry.inodes_count()), geometry.blocks_count());
        Self {
            inodes_used: inodes.saturating_sub(superblock.raw().free_inodes.get().into()),
            inodes,
            blocks_used: blocks.saturating_sub(superblock.free_blocks()),
            blocks,
        }
    }
}

/// Why the file system must be checked, in the order of e2fsck(8).
fn reason(superblock: &Superblock, now: i64) -> Option<String> {
    let raw = superblock.raw();
    let flags = raw.state.get();
    if flags & state::ERRORS != 0 {
        return Some("it is marked as having errors".to_owned());
    }
    if flags & state::VALID == 0 {
        return Some("it was not cleanly unmounted".to_owned());
    }
    // A negative number is no limit.
    let limit = raw.max_mount_count.get();
    let mounts = raw.mount_count.get();
    if (1..0x8000).contains(&limit) && mounts >= limit {
        return Some(format!("{mounts} mounts without a check"));
    }
    let interval = i64::from(raw.checkinterval.get());
    let last = i64::from(raw.lastcheck_hi) << 32 | i64::from(raw.lastcheck.get());
    let since = now - last;
    (interval > 0 && since >= interval).then(|| format!("{} days without a check", since / DAY))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
