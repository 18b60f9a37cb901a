//! Advisory locks on an image, so that two programs do not change it at once.
//!
//! Two kinds are taken because programs look at different ones: a flock (e2fsprogs' users,
//! systemd, udev) and, on regular files, OFD byte-range locks. An exclusive holder locks every
//! byte. A shared holder follows the byte protocol of QEMU (its documentation calls it "image
//! locking"): byte 100+i says "I use permission i", byte 200+i "nobody else may"; permissions 1
//! and 3 are writing and resizing. So a reader here and a virtual machine that writes refuse each
//! other, and readers of both kinds get along.
//!
//! Locks end with the last descriptor of the open file.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::AsFd;

use crate::sys::{self, LockMode, LockRange};

const ALL: LockRange = LockRange { start: 0, len: 0 };
/// "I read", "nobody else writes", "nobody else resizes".
const READER: [LockRange; 3] = [byte(100), byte(201), byte(203)];
/// "I write", "I resize".
const WRITERS: [LockRange; 2] = [byte(101), byte(103)];

const fn byte(start: i64) -> LockRange {
    LockRange { start, len: 1 }
}

/// Which lock of another open file is in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Conflict {
    /// A flock: /proc/locks names its holder.
    Flock,
    /// An OFD lock, which has no known holder.
    ByteRange,
}

/// Takes the locks without waiting, or tells what is in the way.
pub(super) fn try_lock(
    file: &File,
    exclusive: bool,
    regular: bool,
) -> io::Result<Option<Conflict>> {
    if !try_flock(file, exclusive)? {
        return Ok(Some(Conflict::Flock));
    }
    if regular && !supported(try_ofd(file, exclusive))? {
        return Ok(Some(Conflict::ByteRange));
    }
    Ok(None)
}

fn try_flock(file: &File, exclusive: bool) -> io::Result<bool> {
    match if exclusive { file.try_lock() } else { file.try_lock_shared() } {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => supported(Err(e)),
    }
}

fn try_ofd(file: &File, exclusive: bool) -> io::Result<bool> {
    let fd = file.as_fd();
    if exclusive {
        return sys::try_lock(fd, LockMode::Exclusive, ALL);
    }
    for range in READER {
        if !sys::try_lock(fd, LockMode::Shared, range)? {
            return Ok(false);
        }
    }
    for range in WRITERS {
        if sys::is_locked(fd, range)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A host file system without locks counts as one where nobody holds any.
fn supported(result: io::Result<bool>) -> io::Result<bool> {
    match result {
        Err(e)
            if matches!(
                e.raw_os_error(),
                Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL | libc::ENOLCK)
            ) =>
        {
            Ok(true)
        }
        other => other,
    }
}
