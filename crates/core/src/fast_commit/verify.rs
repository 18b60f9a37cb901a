//! Records verified against the file system, before anything is changed (row 48).
//!
//! What a record says by itself and with the geometry is judged here. Whether its inode is in use,
//! or a directory, depends on the records before it.

use std::collections::BTreeMap;

use extant_block::IoFlags;
use extant_format::extent::ExtentNode;
use extant_format::inode::{RawInode, set_inode_checksum};
use extant_format::journal::NameChange;
use extant_format::{
    BlockNr, Extent, FileType, Inode, InodeFlags, InodeNr, LogicalBlock, NodeRule, Place,
};

use super::area::{FastCommits, Record, bad};
use crate::{Error, InodeUse, Result, Volume, special};

/// An inode as a record has it.
#[derive(Clone, Debug)]
pub(super) struct InodeRecord {
    /// What the record makes of an empty slot. A directory's size is a block at least.
    pub(super) inode: Inode,
    /// The first bytes of the slot, as recorded.
    pub(super) bytes: Box<[u8]>,
    /// The extents of a file that has them all in the inode.
    pub(super) extents: Vec<Extent>,
}

/// A change of a map.
#[derive(Clone, Copy, Debug)]
pub(super) enum RangeRecord {
    /// Blocks.
    Add(InodeNr, Extent),
    /// A hole, to before the second number.
    Del(InodeNr, LogicalBlock, u64),
}

/// A change of a name.
#[derive(Clone, Debug)]
pub(super) struct NameRecord {
    pub(super) change: NameChange,
    pub(super) parent: InodeNr,
    pub(super) ino: InodeNr,
    pub(super) name: Box<[u8]>,
}

/// A commit.
#[derive(Clone, Debug, Default)]
pub(super) struct Commit {
    pub(super) inodes: BTreeMap<InodeNr, InodeRecord>,
    pub(super) ranges: Vec<RangeRecord>,
    pub(super) names: Vec<NameRecord>,
}

/// Verifies all records, but for those about quota files: Linux records what it did to them by the
/// way, nothing that reads needs it, and what is written has none (decision 0014).
///
/// # Errors
/// [`CorruptKind::JournalFastCommit`](extant_format::CorruptKind::JournalFastCommit); those of
/// reading a parent directory's inode.
pub(super) fn verify(volume: &Volume, records: &FastCommits) -> Result<Vec<Commit>> {
    records.commits.iter().map(|records| commit(volume, records)).collect()
}

fn commit(volume: &Volume, records: &[Record]) -> Result<Commit> {
    let mut commit = Commit::default();
    let quota = special::quota_inodes(volume.superblock());
    for record in records.iter().filter(|record| !record.changes_one_of(&quota)) {
        match record {
            Record::AddRange { ino, logical, len, start, unwritten } => {
                let ino = inode_number(volume, *ino)?;
                let start = volume.geometry().run(*start, (*len).into()).ok_or(bad(ino.get()))?;
                let logical = LogicalBlock::new(*logical);
                let extent = Extent { logical, len: *len, start, unwritten: *unwritten };
                check_extent(volume, ino, &extent)?;
                commit.ranges.push(RangeRecord::Add(ino, extent));
            }
            Record::DelRange { ino, logical, len } => {
                let ino = inode_number(volume, *ino)?;
                let end = u64::from(*logical) + u64::from(*len);
                commit.ranges.push(RangeRecord::Del(ino, LogicalBlock::new(*logical), end));
            }
            Record::Name { change, parent, ino, name } => {
                commit.names.push(name_record(volume, *change, (*parent, *ino), name)?);
            }
            Record::Inode { ino, bytes } => {
                let ino = inode_number(volume, *ino)?;
                commit.inodes.insert(ino, inode_record(volume, ino, bytes)?);
            }
        }
    }
    Ok(commit)
}

/// An inode that a record may change: not the root, nor one of the file system's own.
fn inode_number(volume: &Volume, number: u32) -> Result<InodeNr> {
    let journal = volume.superblock().raw().journal_inum.get();
    let ino = volume.geometry().inode(number).filter(|ino| {
        volume.is_ordinary_inode(*ino) && *ino != InodeNr::ROOT && ino.get() != journal
    });
    Ok(ino.ok_or(bad(number))?)
}

fn check_extent(volume: &Volume, ino: InodeNr, extent: &Extent) -> Result<()> {
    let inside = extent.len > 0
        && extent.end() <= u64::from(LogicalBlock::MAX.get()) + 1
        && volume.zones().allows(ino, extent.start, extent.len.into());
    if inside { Ok(()) } else { Err(bad(ino.get()).into()) }
}

fn name_record(
    volume: &Volume,
    change: NameChange,
    (parent, ino): (u32, u32),
    name: &[u8],
) -> Result<NameRecord> {
    let parent = match parent == InodeNr::ROOT.get() {
        true => InodeNr::ROOT,
        false => inode_number(volume, parent)?,
    };
    let ino = inode_number(volume, ino)?;
    let plain = !name.iter().any(|byte| matches!(byte, b'/' | 0));
    let dot = matches!(name, b"." | b"..");
    if parent == ino || dot || !(plain || is_encrypted(volume, parent)?) {
        return Err(bad(parent.get()).into());
    }
    Ok(NameRecord { change, parent, ino, name: name.into() })
}

/// Whether names in `dir` may have any bytes.
fn is_encrypted(volume: &Volume, dir: InodeNr) -> Result<bool> {
    match volume.inode(dir, InodeUse::Special, IoFlags::NONE) {
        Ok(inode) => Ok(inode.flags.contains(InodeFlags::ENCRYPT)),
        Err(Error::Corrupt(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn inode_record(volume: &Volume, ino: InodeNr, bytes: &[u8]) -> Result<InodeRecord> {
    let sb = volume.superblock();
    let wrong = || bad(ino.get());
    let mut slot = vec![0; volume.geometry().inode_size() as usize];
    slot.get_mut(..bytes.len()).ok_or_else(wrong)?.copy_from_slice(bytes);
    let raw = RawInode::from_slot_mut(&mut slot).ok_or_else(wrong)?;
    let flags = InodeFlags::from_bits(raw.flags.get());
    let directory = FileType::from_mode(raw.mode.get()) == Some(FileType::Directory);
    if directory && !flags.contains(InodeFlags::INLINE_DATA) {
        raw.size_lo.set(volume.block_size().bytes());
        raw.size_hi.set(0);
    }
    set_inode_checksum(&mut slot, ino, sb);
    let inode = Inode::parse(&slot, ino, sb).map_err(|_| wrong())?;
    if flags.contains(InodeFlags::EA_INODE) || !has_allowed_attributes(volume, &inode) {
        return Err(wrong().into());
    }
    let extents = extents(volume, &inode);
    extents.iter().try_for_each(|extent| check_extent(volume, ino, extent))?;
    Ok(InodeRecord { inode, bytes: bytes.into(), extents })
}

/// Whether the attribute block, if there is one, may be one.
fn has_allowed_attributes(volume: &Volume, inode: &Inode) -> bool {
    let block: Option<BlockNr> = volume.geometry().run(inode.file_acl, 1);
    inode.file_acl == 0 || block.is_some_and(|nr| volume.zones().allows(inode.ino, nr, 1))
}

/// The extents of a file whose map is in the inode: no others can be known without its blocks.
fn extents(volume: &Volume, inode: &Inode) -> Vec<Extent> {
    let file = matches!(inode.file_type, FileType::Regular | FileType::Symlink);
    if !file || !inode.flags.contains(InodeFlags::EXTENTS) {
        return Vec::new();
    }
    let rule = NodeRule::root(volume.superblock().features().metadata_csum());
    let at = Place::inode(inode.ino);
    let node = ExtentNode::parse(inode.map_bytes(), &rule, volume.geometry(), at);
    let leaf = node.ok().filter(ExtentNode::is_leaf);
    leaf.map_or_else(Vec::new, |leaf| (0..leaf.len()).filter_map(|i| leaf.extent(i)).collect())
}
