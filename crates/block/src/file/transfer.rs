//! Whole transfers: every loop over short and interrupted system calls is here.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::{Errno, ReadWriteFlags, pwritev2};

use crate::AlignedBuffer;
use crate::device::to_usize;

/// The most zeroes written by one call where the host cannot zero a range itself.
const ZERO_CHUNK: u64 = 1 << 20;

/// Fills `buf` whole. A file that has shrunk since it was opened gives an error.
pub(super) fn read(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buf, offset).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => {
            io::Error::new(e.kind(), "the file is shorter than when it was opened")
        }
        _ => e,
    })
}

/// Writes `buf` whole; with `fua` it is on stable storage when this returns.
pub(super) fn write(file: &File, buf: &[u8], offset: u64, fua: bool) -> io::Result<()> {
    if !fua {
        return file.write_all_at(buf, offset);
    }
    match write_through(file, buf, offset) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            file.write_all_at(buf, offset)?;
            file.sync_data()
        }
        result => Ok(result?),
    }
}

/// The loop over `pwritev2(RWF_DSYNC)`.
fn write_through(file: &File, mut buf: &[u8], mut offset: u64) -> Result<(), Errno> {
    while !buf.is_empty() {
        match pwritev2(file, &[IoSlice::new(buf)], offset, ReadWriteFlags::DSYNC) {
            Ok(0) => return Err(Errno::IO),
            Ok(n) => {
                buf = buf.get(n..).unwrap_or_default();
                offset += n as u64;
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Gives the storage of a range back; where the host cannot, nothing happens.
pub(super) fn discard(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate_range(file, flags, offset, len).map(|_| ())
}

/// Makes a range read as zeroes, by the host's own means or by writing.
pub(super) fn write_zeroes(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let flags = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
    if fallocate_range(file, flags, offset, len)? {
        return Ok(());
    }
    let zeroes = AlignedBuffer::new(to_usize(len.min(ZERO_CHUNK)));
    let mut done = 0;
    while done < len {
        let n = (len - done).min(ZERO_CHUNK);
        write(file, zeroes.get(..to_usize(n)).unwrap_or_default(), offset + done, false)?;
        done += n;
    }
    Ok(())
}

/// `fallocate`; `false` if the host cannot do this (to this range).
fn fallocate_range(file: &File, flags: FallocateFlags, offset: u64, len: u64) -> io::Result<bool> {
    if len == 0 {
        return Ok(true);
    }
    loop {
        match fallocate(file, flags, offset, len) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => return Ok(false),
            Err(e) => return Err(e.into()),
        }
    }
}
