//! Maps changed over images of mke2fs(8), against a model of one entry for each block, the free
//! counts of the groups, and e2fsck(8) at the end. Skipped, and said so, without these programs.

/// An image of a kind, or the end of the test where there is no mke2fs.
macro_rules! image {
    ($kind:expr) => {
        match Image::make($kind) {
            Some(image) => image,
            None => {
                eprintln!("skipped: mke2fs or debugfs is not installed");
                return;
            }
        }
    };
}

mod deep;
mod image;
mod model;
mod single;

use extant_block::IoFlags;
use extant_format::LogicalBlock;

use self::image::{File, Image};
use super::*;

/// The extent that maps `len` blocks from `logical` to those from `start`.
fn extent(file: &File, logical: u32, len: u32, start: u64, unwritten: bool) -> Extent {
    let start = file.volume().geometry().block(start).unwrap();
    Extent { logical: LogicalBlock::new(logical), len, start, unwritten }
}

/// A run as (logical, blocks, first block on the device, unwritten).
type Quad = (u64, u64, u64, bool);

/// The file's runs of data, and its map blocks.
fn runs(file: &File) -> (Vec<Quad>, Vec<u64>) {
    let (mut data, mut map) = (Vec::new(), Vec::new());
    let inode = file.inode();
    file.volume()
        .walk_map(&inode, 0..u64::MAX, &mut |run| {
            match run {
                Run::Map(nr) => map.push(nr.get()),
                Run::Data(run) => {
                    data.push((run.logical, run.len, run.start.get(), run.unwritten));
                }
            }
            Ok(())
        })
        .unwrap();
    (data, map)
}

/// What `map_blocks` says of one block: where it is, and whether it is unwritten.
fn lookup(file: &File, inode: &Inode, logical: u32) -> Option<(u64, bool)> {
    let map = file.volume().map_blocks(inode, LogicalBlock::new(logical), IoFlags::NONE).unwrap();
    let offset = u64::from(logical - map.logical.get());
    match map.kind {
        crate::MapKind::Hole => None,
        crate::MapKind::Mapped(start) => Some((start.get() + offset, false)),
        crate::MapKind::Unwritten(start) => Some((start.get() + offset, true)),
    }
}
