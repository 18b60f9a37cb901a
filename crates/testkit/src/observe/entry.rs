//! One file through system calls.

use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Statx, StatxFlags, lgetxattr, llistxattr, readlink, statx,
};
use rustix::io::Errno;

use super::hash::HashKind;
use super::{Kind, Observed, Time, Xattrs, content};
use crate::error::{Context, Error, Result};
use crate::tree_walk::Place;

/// The kernel's limit on a list of names and on a value.
const XATTR_MAX: usize = 65536;

/// Reads entries; holds the buffer for attributes.
pub(crate) struct EntryReader {
    hash: HashKind,
    buffer: Vec<u8>,
}

impl EntryReader {
    pub(crate) fn new(hash: HashKind) -> Self {
        Self { hash, buffer: vec![0; XATTR_MAX] }
    }

    /// All but flags, generation and project, which need ioctls.
    pub(crate) fn read(&mut self, place: &Place) -> Result<Observed> {
        let host = &place.host;
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let stat = statx(CWD, host, AtFlags::SYMLINK_NOFOLLOW, wanted).on("statx", host)?;
        let kind = kind_of(&stat)
            .ok_or_else(|| Error::Image(format!("{}: unknown type", host.display())))?;
        let mut entry = of_stat(place.path.clone(), kind, &stat);
        entry.xattrs = self.xattrs(host);
        match kind {
            Kind::Symlink => entry.target = Some(readlink(host, Vec::new()).map(Into::into)),
            Kind::Regular => match content::read(host, stat.stx_size, self.hash) {
                Ok((digest, map)) => (entry.content, entry.data_map) = (Some(Ok(digest)), map),
                Err(error) => entry.content = Some(Err(error)),
            },
            _ => {}
        }
        Ok(entry)
    }

    fn xattrs(&mut self, host: &Path) -> std::result::Result<Xattrs, Errno> {
        let length = match llistxattr(host, self.buffer.as_mut_slice()) {
            Err(Errno::OPNOTSUPP) => 0,
            other => other?,
        };
        let names = self.buffer.get(..length).unwrap_or_default().to_vec();
        let mut found = Xattrs::new();
        for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
            let value = match lgetxattr(host, name, self.buffer.as_mut_slice()) {
                Ok(size) => Ok(self.buffer.get(..size).unwrap_or_default().to_vec()),
                Err(error) => Err(error),
            };
            found.insert(name.to_vec(), value);
        }
        Ok(found)
    }
}

fn kind_of(stat: &Statx) -> Option<Kind> {
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => Some(Kind::Regular),
        FileType::Directory => Some(Kind::Directory),
        FileType::Symlink => Some(Kind::Symlink),
        FileType::Fifo => Some(Kind::Fifo),
        FileType::Socket => Some(Kind::Socket),
        FileType::CharacterDevice => Some(Kind::CharDevice),
        FileType::BlockDevice => Some(Kind::BlockDevice),
        FileType::Unknown => None,
    }
}

fn of_stat(path: Vec<u8>, kind: Kind, stat: &Statx) -> Observed {
    let time = |t: rustix::fs::StatxTimestamp| -> Time { (t.tv_sec, t.tv_nsec) };
    let has_btime = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    Observed {
        path,
        kind,
        mode: stat.stx_mode & 0o7777,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        nlink: stat.stx_nlink,
        rdev: (stat.stx_rdev_major, stat.stx_rdev_minor),
        size: stat.stx_size,
        blocks: stat.stx_blocks,
        ino: stat.stx_ino,
        atime: time(stat.stx_atime),
        mtime: time(stat.stx_mtime),
        ctime: time(stat.stx_ctime),
        btime: has_btime.then(|| time(stat.stx_btime)),
        target: None,
        xattrs: Ok(Xattrs::new()),
        flags: None,
        generation: None,
        project: None,
        content: None,
        data_map: Vec::new(),
    }
}
