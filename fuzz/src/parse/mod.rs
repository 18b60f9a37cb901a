//! Every parser of the format on arbitrary bytes, under the rules of an arbitrary file system.
//!
//! The first 16 bytes of an input choose the parser and describe the file system; the rest is what
//! is parsed. A parser may refuse anything. What it accepts is held against what it promises: that
//! numbers are inside the geometry, entries in order, and lengths inside the bytes.

mod attributes;
mod directories;
mod files;
mod journal;
mod maps;
mod names;
mod system;

use extant_format::{BlockNr, InodeNr, Place};

pub use system::System;

/// Bytes that describe the file system.
pub const HEADER: usize = 16;

/// A parser and its checks.
type Target = fn(&System, &[u8]);

const TARGETS: [Target; 24] = [
    system::superblock,
    system::group,
    system::group_table,
    system::bitmap,
    files::inode,
    files::mmp,
    files::orphan_file,
    files::quota,
    files::verity,
    maps::extents,
    maps::indirect,
    directories::entries,
    directories::htree,
    directories::inline,
    attributes::in_inode,
    attributes::in_block,
    attributes::values,
    names::folding,
    names::hashes,
    names::encrypted,
    journal::superblock,
    journal::blocks,
    journal::fast_commit,
    journal::device,
];

/// Parses `input`.
///
/// # Panics
/// If a parser panics or breaks a promise.
pub fn run(input: &[u8]) {
    let Some((header, body)) = input.split_first_chunk::<HEADER>() else { return };
    let [selector, ..] = *header;
    let index = usize::from(selector) % TARGETS.len();
    if let Some(target) = TARGETS.get(index) {
        target(&System::new(header), body);
    }
}

/// Where the bytes are said to be.
fn at() -> Place {
    Place::structure("fuzz")
}

/// Any block and inode of the file system.
fn any_block(system: &System) -> BlockNr {
    let geometry = system.superblock.geometry();
    geometry.block(geometry.blocks_count() / 2).unwrap_or(geometry.superblock_block())
}

fn any_inode(system: &System) -> InodeNr {
    system.superblock.geometry().inode(12).unwrap_or(InodeNr::ROOT)
}

/// `body` with zeroes up to a whole block, or cut there.
fn block(system: &System, body: &[u8]) -> Vec<u8> {
    let mut block = body.to_vec();
    block.resize(system.superblock.geometry().block_size().to_usize(), 0);
    block
}
