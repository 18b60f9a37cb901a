//! System calls that no safe wrapper offers: open-file-description (OFD) locks.
//!
//! An OFD lock belongs to the open file, as a flock does, and so conflicts between two opens of
//! one process; virtual machine monitors take these and not flocks.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{F_OFD_GETLK, F_OFD_SETLK, F_RDLCK, F_UNLCK, F_WRLCK, SEEK_SET};

/// How a byte range is locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LockMode {
    Shared,
    Exclusive,
}

/// A byte range of a file; a length of 0 means to the end, however far the file grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LockRange {
    pub(crate) start: i64,
    pub(crate) len: i64,
}

/// Locks a range without waiting; `false` if somebody else's lock is in the way.
pub(crate) fn try_lock(fd: BorrowedFd<'_>, mode: LockMode, range: LockRange) -> io::Result<bool> {
    match fcntl(fd, F_OFD_SETLK, mode, range) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Whether somebody else holds a lock, shared or exclusive, anywhere in the range.
pub(crate) fn is_locked(fd: BorrowedFd<'_>, range: LockRange) -> io::Result<bool> {
    let answer = fcntl(fd, F_OFD_GETLK, LockMode::Exclusive, range)?;
    Ok(i32::from(answer.l_type) != F_UNLCK)
}

fn fcntl(
    fd: BorrowedFd<'_>,
    command: i32,
    mode: LockMode,
    range: LockRange,
) -> io::Result<libc::flock> {
    let kind = if mode == LockMode::Exclusive { F_WRLCK } else { F_RDLCK };
    let mut lock = libc::flock {
        l_type: i16::try_from(kind).unwrap_or(i16::MAX),
        l_whence: i16::try_from(SEEK_SET).unwrap_or(i16::MAX),
        l_start: range.start,
        l_len: range.len,
        // OFD commands demand 0 here.
        l_pid: 0,
    };
    // SAFETY: the descriptor is open for the whole call; both commands take a pointer to one
    // `struct flock`, which the kernel reads, and for F_OFD_GETLK writes, before it returns.
    let result = unsafe { libc::fcntl(fd.as_raw_fd(), command, &raw mut lock) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(lock) }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn locks_conflict_between_two_opens_of_one_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (a, b) = (file.reopen().unwrap(), file.reopen().unwrap());
        let byte = |start| LockRange { start, len: 1 };
        assert!(try_lock(a.as_fd(), LockMode::Shared, byte(5)).unwrap());
        assert!(try_lock(b.as_fd(), LockMode::Shared, byte(5)).unwrap());
        assert!(!try_lock(b.as_fd(), LockMode::Exclusive, byte(5)).unwrap());
        assert!(try_lock(b.as_fd(), LockMode::Exclusive, byte(6)).unwrap());
        assert!(is_locked(a.as_fd(), byte(6)).unwrap());
        assert!(!is_locked(b.as_fd(), byte(6)).unwrap(), "own locks do not count");
        drop(b);
        assert!(try_lock(a.as_fd(), LockMode::Exclusive, LockRange { start: 0, len: 0 }).unwrap());
    }
}
