//! Files under fs-verity: the descriptor behind their content. The tree of hashes is for readers.

use extant_format::features::RoCompat;
use extant_format::verity::{VerityDescriptor, descriptor_offset};
use extant_format::{FileType, Inode, InodeFlags, Place, to_usize};

use crate::ProblemKind;
use crate::image::Image;
use crate::inodes::Worker;
use crate::map::{MappedRun, Runs};

/// The largest descriptor that Linux takes, with its signature.
const MAX_DESCRIPTOR: u32 = 16 << 10;

/// Checks that a verity file, of which the whole map was walked, has its descriptor.
pub(crate) fn check(worker: &mut Worker<'_>, inode: &Inode) {
    let has_feature = worker.image.superblock().features().ro_compat(RoCompat::VERITY);
    let verity = inode.flags.contains(InodeFlags::VERITY);
    // That of an encrypted file is encrypted.
    let readable = !inode.flags.contains(InodeFlags::ENCRYPT);
    let concerned = verity && readable && has_feature && inode.file_type == FileType::Regular;
    if concerned && descriptor(worker.image, inode).is_none() {
        worker.report(ProblemKind::VerityDescriptor, inode.ino);
    }
}

fn descriptor(image: &Image, inode: &Inode) -> Option<VerityDescriptor> {
    let (size, at) = (image.block_size(), Place::inode(inode.ino));
    let runs = Runs::of(image, inode)?.list;
    let last = runs.iter().rfind(|run| !run.unwritten)?;
    let end = (last.logical + last.len) << size.bits();
    let len = content(image, &runs, end - 4, 4)?;
    let len = u32::from_le_bytes(*len.first_chunk()?);
    let offset = descriptor_offset(inode.size, end, len, size, at).ok()?;
    let len = Some(len).filter(|len| *len <= MAX_DESCRIPTOR)?;
    let bytes = content(image, &runs, offset, to_usize(len.into()))?;
    VerityDescriptor::parse(&bytes, inode.size, at).ok()
}

/// `len` bytes of a file from `offset` on, all of them mapped.
fn content(image: &Image, runs: &[MappedRun], offset: u64, len: usize) -> Option<Vec<u8>> {
    let bits = image.block_size().bits();
    let mut bytes = vec![0; len];
    let mut rest = &mut bytes[..];
    let mut at = offset;
    while !rest.is_empty() {
        let logical = at >> bits;
        let behind = runs.partition_point(|run| run.logical <= logical);
        let run = runs.get(behind.checked_sub(1)?)?;
        if logical - run.logical >= run.len {
            return None;
        }
        let block = run.start + (logical - run.logical);
        let within = at - (logical << bits);
        let now = to_usize(image.block_size().bytes64() - within).min(rest.len());
        let (part, others) = rest.split_at_mut(now);
        image.read_bytes((block << bits) + within, part).ok()?;
        (rest, at) = (others, at + now as u64);
    }
    Some(bytes)
}
