//! One inode: whether it is in use, and the order in which its parts are looked at.

use extant_format::inode::RawInode;
use extant_format::{
    Compat, CorruptKind, FileType, Inode, InodeFlags, InodeNr, Place, RoCompat, Superblock,
};
use zerocopy::FromBytes;

use super::Worker;
use super::claim::Claims;
use super::fields::Flags;
use super::reserved::{BAD_BLOCKS, BOOT_LOADER};
use crate::attributes::Attributes;
use crate::inode_states::Mark;
use crate::map::{self, MapRoot};
use crate::quota::Used;
use crate::{Problem, ProblemKind, attributes, encryption, inline, symlink, verity};

impl Worker<'_> {
    /// Checks what is in the slot of `ino`.
    pub(super) fn slot(&mut self, ino: InodeNr, bytes: &[u8]) {
        let Ok((raw, _)) = RawInode::ref_from_prefix(bytes) else { return };
        if self.reserved(ino, raw) {
            self.free(ino, bytes);
        } else if ino.get() == BAD_BLOCKS {
            self.free(ino, bytes);
            self.bad_blocks(ino, raw);
        } else if self.is_in_use(ino, raw) {
            self.inode(ino, raw, bytes);
        } else if ino == InodeNr::ROOT {
            self.report(ProblemKind::InodeRoot, ino);
        } else {
            self.free(ino, bytes);
        }
    }

    /// Of an inode that is not in use, the checksum counts still, unless it never was.
    fn free(&mut self, ino: InodeNr, bytes: &[u8]) {
        if !self.image.has_checksums() || bytes.iter().all(|&byte| byte == 0) {
            return;
        }
        let mut wrong = false;
        let note = |kind| wrong |= kind == CorruptKind::InodeChecksum;
        Inode::inspect(bytes, ino, self.image.superblock(), note);
        if wrong {
            self.report(ProblemKind::InodeChecksum, ino);
        }
    }

    /// Without links an inode is free, unless it is an orphan.
    fn is_in_use(&mut self, ino: InodeNr, raw: &RawInode) -> bool {
        if raw.links_count.get() != 0 || self.census.orphans.contains(&ino) {
            return true;
        }
        // Nobody needs to name the boot loader's.
        if ino.get() == BOOT_LOADER && self.is_reserved(ino) {
            return raw.mode.get() != 0;
        }
        if is_needed(ino, self.image.superblock()) {
            return self.is_own_in_use(ino, raw);
        }
        if raw.mode.get() != 0 && raw.dtime.get() == 0 && !self.is_reserved(ino) {
            self.report(ProblemKind::InodeDeletedWithoutTime, ino);
        }
        false
    }

    /// One of the file system's own without links: what its map holds is in use all the same.
    fn is_own_in_use(&mut self, ino: InodeNr, raw: &RawInode) -> bool {
        let in_use = raw.mode.get() != 0;
        if !in_use {
            self.census.inodes.set_used(ino, None, 0);
            self.census.inodes.mark(ino, Mark::SYSTEM);
            self.census.lose_blocks();
        }
        in_use
    }

    fn inode(&mut self, ino: InodeNr, raw: &RawInode, bytes: &[u8]) {
        let superblock = self.image.superblock();
        let mut broken = Vec::new();
        let inode = Inode::inspect(bytes, ino, superblock, |kind| broken.push(kind));
        for kind in broken {
            self.broken(ino, kind, bytes);
        }
        let file_type = inode.as_ref().map(|inode| inode.file_type);
        self.note(ino, raw, file_type);
        let Some(inode) = inode else {
            self.census.lose_blocks();
            self.census.lose_names();
            self.census.attributes.lose_values();
            return;
        };
        let flags = self.check_fields(&inode, raw);
        if flags == Flags::MapUnknown && file_type == Some(FileType::Directory) {
            self.directories.pop_if(|last| *last == ino);
            self.census.lose_names();
        }
        let mut claims = Claims::new(self, &inode);
        let whole = match MapRoot::of(&inode) {
            _ if flags == Flags::MapUnknown => false,
            Some(_) if ino == InodeNr::RESIZE => claims.resize_inode(&inode),
            Some(root) => map::walk(claims.image(), &root, &mut claims),
            None => true,
        };
        let mapped = claims.finish(whole);
        // What an inode that the file system keeps has outside is no block of attributes.
        let outside = self.image.geometry().block(inode.file_acl).is_none();
        let attributes = if outside && self.is_kept(ino) {
            Attributes::default()
        } else {
            attributes::check(self, &inode)
        };
        self.charge(&inode, mapped.clusters, &attributes);
        if ino != InodeNr::RESIZE {
            self.check_size(&inode, &mapped, &attributes);
        }
        if flags == Flags::Sound && !self.is_kept(ino) {
            inline::check(self, &inode, &attributes);
            encryption::check(self, &inode, &attributes);
            // Of a map that is not whole, another file may own the rest.
            if whole {
                verity::check(self, &inode);
            }
            if inode.file_type == FileType::Symlink && whole {
                symlink::check(self, &inode, &attributes);
            }
        }
    }

    /// Charges the owner of `inode` for `clusters` and for attributes.
    fn charge(&mut self, inode: &Inode, clusters: u64, attributes: &Attributes) {
        let superblock = self.image.superblock();
        if superblock.features().ro_compat(RoCompat::QUOTA) && !self.is_kept(inode.ino) {
            let geometry = self.image.geometry();
            let bits = geometry.block_size().bits() + geometry.cluster_ratio_bits();
            let bytes = (clusters << bits).saturating_add(attributes.blocks_512 << 9);
            self.usage.charge(inode, Used { bytes, inodes: 1 + attributes.value_inodes });
        }
    }

    /// What the parser says of an inode.
    fn broken(&mut self, ino: InodeNr, cause: CorruptKind, bytes: &[u8]) {
        let kind = match cause {
            CorruptKind::InodeChecksum => ProblemKind::InodeChecksum,
            // Nobody looks at the extra fields of the file system's own.
            CorruptKind::InodeExtraSize if self.is_kept(ino) => {
                if self.has_sum(ino, bytes) {
                    return;
                }
                ProblemKind::InodeChecksum
            }
            CorruptKind::InodeExtraSize => {
                self.census.attributes.lose_values();
                ProblemKind::InodeExtraSize
            }
            // What flags suit is judged with the other fields.
            CorruptKind::InodeFlags => return,
            CorruptKind::InodeSizeField | CorruptKind::DirectorySize => ProblemKind::InodeSize,
            _ => ProblemKind::InodeMode,
        };
        self.report(kind, ino);
    }

    /// Notes that the inode is in use.
    fn note(&mut self, ino: InodeNr, raw: &RawInode, file_type: Option<FileType>) {
        let states = &self.census.inodes;
        states.set_used(ino, file_type, raw.links_count.get().into());
        if raw.flags.get() & InodeFlags::EA_INODE.bits() != 0 {
            states.mark(ino, Mark::EA_INODE);
        }
        if self.is_kept(ino) {
            states.mark(ino, Mark::SYSTEM);
            return;
        }
        if ino == InodeNr::ROOT && file_type.is_some_and(|t| t != FileType::Directory) {
            self.report(ProblemKind::InodeRoot, ino);
        }
        let summary = &mut self.summary;
        match file_type {
            Some(FileType::Directory) => {
                summary.directories += 1;
                self.directories.push(ino);
            }
            Some(FileType::Regular) => summary.files += 1,
            Some(FileType::Symlink) => summary.symlinks += 1,
            Some(_) => summary.specials += 1,
            None => {}
        }
    }

    /// The inode that lists bad blocks has neither type nor links, but a map.
    fn bad_blocks(&mut self, ino: InodeNr, raw: &RawInode) {
        self.census.inodes.set_used(ino, None, 0);
        self.census.inodes.mark(ino, Mark::SYSTEM);
        let seed = self.image.superblock().seed().for_inode(ino, raw.generation.get());
        let root = MapRoot { ino, seed, bytes: &raw.block, extents: false };
        let mut claims = Claims::of_bad_blocks(self, ino);
        let whole = map::walk(claims.image(), &root, &mut claims);
        claims.finish(whole);
    }

    /// Adds a problem of an inode.
    pub(crate) fn report(&mut self, kind: ProblemKind, ino: InodeNr) {
        self.problems.push(Problem::new(kind, Place::inode(ino)));
    }
}

/// Whether the superblock names `ino` as one of the file system's own. An orphan file and quota
/// files are that even without their features: nothing else may be in them.
pub(super) fn is_system(ino: InodeNr, superblock: &Superblock) -> bool {
    let raw = superblock.raw();
    let names =
        [raw.orphan_file_inum, raw.user_quota_inum, raw.group_quota_inum, raw.project_quota_inum];
    names.iter().any(|number| number.get() == ino.get()) || is_needed(ino, superblock)
}

/// Whether the superblock names `ino`, and has the feature for which that must be in use.
fn is_needed(ino: InodeNr, superblock: &Superblock) -> bool {
    let (raw, features) = (superblock.raw(), superblock.features());
    let quota = features.ro_compat(RoCompat::QUOTA);
    let names = [
        (features.compat(Compat::RESIZE_INODE), InodeNr::RESIZE.get()),
        (features.compat(Compat::HAS_JOURNAL), raw.journal_inum.get()),
        (features.compat(Compat::ORPHAN_FILE), raw.orphan_file_inum.get()),
        (quota, raw.user_quota_inum.get()),
        (quota, raw.group_quota_inum.get()),
        (quota, raw.project_quota_inum.get()),
    ];
    names.contains(&(true, ino.get()))
}
