//! Fields of an inode that can be judged by themselves.

use extant_format::features::{Compat, Incompat, RoCompat};
use extant_format::inode::RawInode;
use extant_format::{FileType, Inode, InodeFlags};

use super::Worker;
use crate::ProblemKind;

/// The compat feature without which no inode has the flag `imagic`.
const IMAGIC_INODES: Compat = Compat::from_bits(2);
/// How the root of an extent tree in an inode starts: magic number, entries, room, depth.
const EXTENT_MAGIC: [u8; 2] = [0x0a, 0xf3];
const EXTENT_ROOM: u8 = 4;
const EXTENT_MAX_DEPTH: u8 = 5;

/// What the flags of an inode say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flags {
    /// They make sense.
    Sound,
    /// They do not; what kind of map there is is known still.
    Odd,
    /// They do not, and the inode may have any kind of map or none.
    MapUnknown,
}

impl Worker<'_> {
    /// Checks the fields of `inode`, of which `raw` are the bytes.
    pub(super) fn check_fields(&mut self, inode: &Inode, raw: &RawInode) -> Flags {
        let kept = self.is_kept(inode.ino);
        // In an inode that the file system keeps, only the number of an inode is not a time.
        let most = if kept { self.image.geometry().inodes_count() } else { u32::MAX };
        let orphan = self.census.orphans.contains(&inode.ino);
        if (1..=most).contains(&raw.dtime.get()) && raw.links_count.get() != 0 && !orphan {
            self.report(ProblemKind::InodeDeletionTime, inode.ino);
        }
        if !kept && self.has_reserved(inode, raw) {
            self.report(ProblemKind::InodeReservedField, inode.ino);
        }
        let flags = self.flags(inode);
        if flags != Flags::Sound {
            self.report(ProblemKind::InodeFlags, inode.ino);
        } else if !kept && self.has_unused_flags(inode) {
            self.report(ProblemKind::InodeFlagsUnused, inode.ino);
        }
        flags
    }

    /// Whether a field has a value that nothing there can have.
    fn has_reserved(&self, inode: &Inode, raw: &RawInode) -> bool {
        let features = self.image.superblock().features();
        let wide_size = match inode.file_type {
            FileType::Regular => true,
            FileType::Directory => features.incompat(Incompat::LARGE_DIR),
            _ => false,
        };
        raw.obso_faddr.get() != 0
            || (!features.ro_compat(RoCompat::HUGE_FILE) && raw.blocks_hi.get() != 0)
            || (!features.incompat(Incompat::BIT64) && raw.file_acl_hi.get() != 0)
            || (!wide_size && raw.size_hi.get() != 0)
    }

    fn flags(&self, inode: &Inode) -> Flags {
        let features = self.image.superblock().features();
        let (flags, file_type) = (inode.flags, inode.file_type);
        let has = |flag| flags.contains(flag);
        let (extents, inline) = (has(InodeFlags::EXTENTS), has(InodeFlags::INLINE_DATA));
        let with_map = file_type.has_content();
        let may_extents = features.incompat(Incompat::EXTENTS);
        let may_inline = features.incompat(Incompat::INLINE_DATA);
        let unknown = ((extents || inline) && !with_map)
            || (extents && (inline || !may_extents))
            || (inline && !may_inline)
            || (may_extents && lacks_extents(inode));
        if unknown {
            return Flags::MapUnknown;
        }
        let directory = file_type == FileType::Directory;
        let casefold = directory && features.incompat(Incompat::CASEFOLD);
        let imagic = self.is_kept(inode.ino) || features.compat(IMAGIC_INODES);
        let odd = (has(InodeFlags::IMAGIC) && !imagic)
            || (has(InodeFlags::INDEX) && !(directory && features.compat(Compat::DIR_INDEX)))
            || (has(InodeFlags::CASEFOLD) && !casefold);
        if odd { Flags::Odd } else { Flags::Sound }
    }

    /// Whether flags are set that nobody looks at where they are.
    fn has_unused_flags(&self, inode: &Inode) -> bool {
        let features = self.image.superblock().features();
        let has = |flag| inode.flags.contains(flag);
        let regular = inode.file_type == FileType::Regular;
        let changed = regular || inode.file_type == FileType::Directory;
        (has(InodeFlags::ENCRYPT) && !features.incompat(Incompat::ENCRYPT))
            || (has(InodeFlags::EA_INODE) && !features.incompat(Incompat::EA_INODE))
            || (has(InodeFlags::VERITY) && !(regular && features.ro_compat(RoCompat::VERITY)))
            || ((has(InodeFlags::IMMUTABLE) || has(InodeFlags::APPEND)) && !changed)
    }
}

/// Whether the map is an extent tree but for the flag: as block numbers, the second would be one of
/// the first few, which are the file system's own.
fn lacks_extents(inode: &Inode) -> bool {
    let mapped = inode.file_type.has_content() && !inode.is_fast_symlink();
    let other = InodeFlags::EXTENTS.bits() | InodeFlags::INLINE_DATA.bits();
    let Some([magic0, magic1, entries, 0, EXTENT_ROOM, 0, depth, 0]) =
        inode.map_bytes().first_chunk()
    else {
        return false;
    };
    mapped
        && inode.flags.bits() & other == 0
        && [*magic0, *magic1] == EXTENT_MAGIC
        && *entries <= EXTENT_ROOM
        && *depth <= EXTENT_MAX_DEPTH
}
