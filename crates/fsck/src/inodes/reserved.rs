//! The first inodes, which the file system keeps for itself: what they may be.

use extant_format::inode::{RawInode, inode_checksum};
use extant_format::{Compat, FileType, Incompat, InodeFlags, InodeNr};

use super::Worker;
use super::check::is_system;
use crate::ProblemKind;

/// Offsets in an inode.
const GENERATION: usize = 0x64;
const CHECKSUM_LO: usize = 0x7c;
const EXTRA_SIZE: usize = 0x80;
const CHECKSUM_HI: usize = 0x82;

/// Lists bad blocks.
pub(super) const BAD_BLOCKS: u32 = 1;
/// For quota of users.
const USER_QUOTA: u32 = 3;
/// For quota of groups.
const GROUP_QUOTA: u32 = 4;
/// The boot loader's: it may keep anything there.
pub(super) const BOOT_LOADER: u32 = 5;
/// Keeps descriptor blocks for growth.
const RESIZE: u32 = 7;
/// The journal.
const JOURNAL: u32 = 8;

impl Worker<'_> {
    /// Checks a reserved inode; whether that is all there is to check of it.
    pub(super) fn reserved(&mut self, ino: InodeNr, raw: &RawInode) -> bool {
        // Without their features, too, these are in use for what the superblock says.
        let superblock = self.image.superblock().raw();
        let named =
            [superblock.journal_inum, superblock.user_quota_inum, superblock.group_quota_inum];
        if !self.is_reserved(ino) || named.iter().any(|number| number.get() == ino.get()) {
            return false;
        }
        let mapped = raw.block.first_chunk() != Some(&[0; 4]);
        let counted = raw.blocks_lo.get() != 0;
        let (wrong, done) = match ino.get() {
            BAD_BLOCKS => (!is_plain_map(raw), false),
            BOOT_LOADER => match FileType::from_mode(raw.mode.get()) {
                Some(file_type) => (file_type == FileType::Directory, false),
                None => (has_parts(raw), true),
            },
            RESIZE if self.image.superblock().features().compat(Compat::RESIZE_INODE) => {
                (false, false)
            }
            // That of growth starts with twelve holes.
            RESIZE if mapped && raw.mode.get() != 0 => (true, true),
            RESIZE => {
                let regular = FileType::from_mode(raw.mode.get()) == Some(FileType::Regular);
                (!regular && (raw.mode.get() != 0 || has_parts(raw)), !regular)
            }
            JOURNAL if self.has_extents_alone(raw) => (true, true),
            USER_QUOTA | GROUP_QUOTA | JOURNAL => {
                (raw.links_count.get() != 0 || counted || mapped, true)
            }
            _ => (raw.mode.get() != 0 || has_parts(raw), true),
        };
        if wrong {
            self.report(ProblemKind::InodeReserved, ino);
            // Nobody looks at what it maps.
            if done {
                self.census.lose_blocks();
            }
        }
        done
    }

    /// Whether a map is flagged as extents where no file has any.
    fn has_extents_alone(&self, raw: &RawInode) -> bool {
        raw.flags.get() & InodeFlags::EXTENTS.bits() != 0
            && !self.image.superblock().features().incompat(Incompat::EXTENTS)
    }

    /// Whether `ino` is the file system's own: one of the first, or named by the superblock.
    pub(crate) fn is_kept(&self, ino: InodeNr) -> bool {
        self.is_reserved(ino) || is_system(ino, self.image.superblock())
    }

    /// Whether an inode with extra fields has the right checksum, whatever their size is.
    pub(super) fn has_sum(&self, ino: InodeNr, bytes: &[u8]) -> bool {
        let half = |at: usize| {
            let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map_or(0, |half| u32::from(u16::from_le_bytes(*half)))
        };
        let seed = self
            .image
            .superblock()
            .seed()
            .for_inode(ino, half(GENERATION) | half(GENERATION + 2) << 16);
        let sum = inode_checksum(bytes, seed);
        let wide = half(EXTRA_SIZE) >= 4;
        let stored = half(CHECKSUM_LO) | if wide { half(CHECKSUM_HI) << 16 } else { 0 };
        !self.image.has_checksums() || stored == if wide { sum } else { sum & 0xffff }
    }

    /// Whether `ino` is one of the first inodes, which the file system keeps for itself.
    pub(super) fn is_reserved(&self, ino: InodeNr) -> bool {
        ino != InodeNr::ROOT && ino.get() < self.image.geometry().first_inode()
    }
}

/// Whether an inode without a type has what only one in use has.
fn has_parts(raw: &RawInode) -> bool {
    raw.blocks_lo.get() != 0
        || raw.file_acl_lo.get() != 0
        || raw.flags.get() & InodeFlags::INDEX.bits() != 0
}

/// The inode of bad blocks is a map and nothing else.
fn is_plain_map(raw: &RawInode) -> bool {
    let halves = [raw.mode, raw.links_count, raw.uid_lo, raw.gid_lo];
    halves.iter().all(|field| field.get() == 0) && raw.file_acl_lo.get() == 0
}
