//! Symbolic links: the target, in the inode or in a block. Short targets are in the inode, others
//! in the first and only block, each with a zero byte behind it.

use extant_format::inline_data::INODE_CAPACITY;
use extant_format::xattr::IbodyXattrs;
use extant_format::{Inode, InodeFlags, Place, to_usize};

use crate::ProblemKind;
use crate::attributes::Attributes;
use crate::image::Image;
use crate::inodes::Worker;
use crate::map::Runs;

/// Checks the target of the link `inode`, of which flags and map are sound.
pub(crate) fn check(worker: &mut Worker<'_>, inode: &Inode, attributes: &Attributes) {
    // Nobody follows a link that holds the value of an attribute.
    if inode.flags.contains(InodeFlags::EA_INODE) {
        return;
    }
    let inline = inode.flags.contains(InodeFlags::INLINE_DATA);
    if inline && (attributes.inline_len.is_none() || attributes.broken) {
        return;
    }
    let short = inode.size < INODE_CAPACITY as u64;
    let sound = if inline {
        inline_target(inode)
    } else if short {
        let extents = inode.flags.contains(InodeFlags::EXTENTS);
        inode.is_fast_symlink() && !extents && is_target(inode, inode.map_bytes())
    } else {
        block_target(worker.image, inode)
    };
    if !sound {
        worker.report(ProblemKind::SymlinkTarget, inode.ino);
    }
}

/// Whether `bytes` start with the target of `inode` and a zero byte. The length of an encrypted one
/// stands in front of it.
fn is_target(inode: &Inode, bytes: &[u8]) -> bool {
    let len = if inode.flags.contains(InodeFlags::ENCRYPT) {
        bytes.first_chunk().map(|len| u64::from(u16::from_le_bytes(*len)) + 2)
    } else {
        bytes.iter().position(|&byte| byte == 0).map(|len| len as u64)
    };
    inode.size > 0 && len == Some(inode.size)
}

/// The target starts where the map would be and goes on in the attribute; no zero byte follows it
/// where it fills both.
fn inline_target(inode: &Inode) -> bool {
    let at = Place::inode(inode.ino);
    let Ok(area) = IbodyXattrs::parse(inode.ea_area(), at) else { return false };
    let value = area.inline_data().and_then(|entry| entry.value);
    let content = [inode.map_bytes(), value.unwrap_or_default()].concat();
    let len = content.iter().position(|&byte| byte == 0).unwrap_or(content.len());
    len > 0 && len as u64 == inode.size
}

/// The target is in the only block.
fn block_target(image: &Image, inode: &Inode) -> bool {
    let size = image.block_size();
    let Some(runs) = Runs::of(image, inode) else { return true };
    let [run] = *runs.list else { return false };
    if inode.size >= size.bytes64() || run.logical != 0 || run.len != 1 || !runs.nodes.is_empty() {
        return false;
    }
    let mut bytes = vec![0; to_usize(size.bytes64())];
    // A block that cannot be read has been told of, or will be by whoever reads it.
    image.read(run.start, &mut bytes).is_err() || is_target(inode, &bytes)
}
