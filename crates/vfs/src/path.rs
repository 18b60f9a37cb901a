//! Path walk: from a directory and a path of bytes to an inode.
//!
//! A warm walk takes one look-up in the name cache for each component and touches no inode on the
//! way. Symbolic links are followed at most 40 times, as Linux does; `..` of the root is the root.

use std::borrow::Cow;

use extant_block::IoFlags;
use extant_core::dir::{Directory, Found};
use extant_format::{Corrupt, CorruptKind, FileType, InodeNr, Place};

use crate::{Error, Filesystem, Result};

/// Symbolic links followed in one walk.
const MAX_LINKS: u32 = 40;
/// Bytes of a path with its links put in.
const MAX_PATH: usize = 64 << 10;
/// Bytes of a name.
const MAX_NAME: usize = 255;

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// To what it leads to, as stat(2).
    Yes,
    /// No: the link itself, as lstat(2).
    No,
}

/// Where a walk without links ends.
enum Walked {
    Done(InodeNr),
    /// At a link: its directory, the link, and where the rest of the path starts.
    Link {
        dir: InodeNr,
        link: InodeNr,
        rest: usize,
    },
}

impl Filesystem {
    /// The inode at the end of `path`, which starts at `start` (at the root if it starts with a
    /// slash).
    pub(crate) fn walk(
        &self,
        start: InodeNr,
        path: &[u8],
        follow: Follow,
        flags: IoFlags,
    ) -> Result<InodeNr> {
        let mut path = Cow::Borrowed(path);
        let mut dir = start;
        for _ in 0..=MAX_LINKS {
            match self.walk_to_link(dir, &path, follow, flags)? {
                Walked::Done(ino) => return Ok(ino),
                Walked::Link { dir: at, link, rest } => {
                    let inode = self.inode(link, flags)?;
                    let mut target = self.volume().link_target(&inode.inode, flags)?;
                    let rest = path.get(rest..).unwrap_or_default();
                    if target.len() + rest.len() >= MAX_PATH {
                        return Err(Error::NameTooLong);
                    }
                    target.push(b'/');
                    if rest.iter().all(|&b| b == b'/') && path.last() != Some(&b'/') {
                        target.pop();
                    }
                    target.extend_from_slice(rest);
                    path = Cow::Owned(target);
                    dir = at;
                }
            }
        }
        Err(Error::TooManyLinks)
    }

    fn walk_to_link(
        &self,
        start: InodeNr,
        path: &[u8],
        follow: Follow,
        flags: IoFlags,
    ) -> Result<Walked> {
        let mut at = if path.first() == Some(&b'/') { InodeNr::ROOT } else { start };
        let mut offset = 0;
        while let Some((name, end)) = next_component(path, offset) {
            let rest = path.get(end..).unwrap_or_default();
            let last = rest.iter().all(|&b| b == b'/');
            let as_dir = !rest.is_empty();
            let found = match name {
                b"." => Found { ino: at, file_type: Some(FileType::Directory) },
                b".." => self.parent(at, flags)?,
                _ => self.child(at, name, flags)?.ok_or(Error::NotFound)?,
            };
            let is = |kind| found.file_type == Some(kind);
            if is(FileType::Symlink) && (as_dir || follow == Follow::Yes) {
                return Ok(Walked::Link { dir: at, link: found.ino, rest: end });
            }
            if as_dir && !is(FileType::Directory) {
                return Err(Error::NotADirectory);
            }
            at = found.ino;
            if last {
                break;
            }
            offset = end;
        }
        Ok(Walked::Done(at))
    }

    /// The entry `name` of directory `dir`, its type always known if the inode can be read.
    pub(crate) fn child(&self, dir: InodeNr, name: &[u8], flags: IoFlags) -> Result<Option<Found>> {
        if let Some(known) = self.names().get(dir, name) {
            return Ok(known);
        }
        if name.len() > MAX_NAME {
            return Err(Error::NameTooLong);
        }
        let inode = self.inode(dir, flags)?;
        if inode.inode.file_type != FileType::Directory {
            return Err(Error::NotADirectory);
        }
        let mut found = Directory::new(self.volume(), &inode.inode).lookup(name, flags)?;
        if let Some(found) = &mut found {
            if found.file_type.is_none() {
                found.file_type = Some(self.inode(found.ino, flags)?.inode.file_type);
            }
            if found.file_type == Some(FileType::Directory) {
                self.check_parent(dir, found.ino, flags)?;
            }
        }
        self.names().put(dir, name, found);
        Ok(found)
    }

    /// A directory has one parent, and it knows which (row 32). A child that cannot be read
    /// answers for itself when it is used.
    fn check_parent(&self, dir: InodeNr, child: InodeNr, flags: IoFlags) -> Result<()> {
        if child == dir {
            return Err(Corrupt::new(CorruptKind::DirLoop, Place::inode(child)).into());
        }
        let inode = match self.inode(child, flags) {
            Ok(inode) if inode.inode.file_type == FileType::Directory => inode,
            // The name would be remembered unchecked.
            Err(Error::WouldBlock) => return Err(Error::WouldBlock),
            _ => return Ok(()),
        };
        match Directory::new(self.volume(), &inode.inode).parent(flags).map_err(Error::from) {
            Ok(parent) if parent != dir || child == InodeNr::ROOT => {
                Err(Corrupt::new(CorruptKind::DirLoop, Place::inode(child)).into())
            }
            Err(Error::WouldBlock) => Err(Error::WouldBlock),
            _ => Ok(()),
        }
    }

    fn parent(&self, dir: InodeNr, flags: IoFlags) -> Result<Found> {
        let inode = self.inode(dir, flags)?;
        if inode.inode.file_type != FileType::Directory {
            return Err(Error::NotADirectory);
        }
        let ino = if dir == InodeNr::ROOT {
            dir
        } else {
            Directory::new(self.volume(), &inode.inode).parent(flags)?
        };
        Ok(Found { ino, file_type: Some(FileType::Directory) })
    }
}

/// The component that starts at or behind `offset`, and the offset behind it.
fn next_component(path: &[u8], offset: usize) -> Option<(&[u8], usize)> {
    let rest = path.get(offset..)?;
    let start = offset + rest.iter().position(|&b| b != b'/')?;
    let name = path.get(start..)?;
    let len = name.iter().position(|&b| b == b'/').unwrap_or(name.len());
    Some((name.get(..len)?, start + len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_skip_slashes() {
        let path = b"//a///bc/";
        assert_eq!(next_component(path, 0), Some((&b"a"[..], 3)));
        assert_eq!(next_component(path, 3), Some((&b"bc"[..], 8)));
        assert_eq!(next_component(path, 8), None);
        assert_eq!(next_component(b"", 0), None);
        assert_eq!(next_component(b"///", 0), None);
    }
}
