//! Regular files: sparse, fragmented, preallocated, tiny, and larger than the device.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use super::Site;
use crate::error::{Context, Result};

const TIB: u64 = 1 << 40;

pub(super) fn write(site: &mut Site) -> Result<()> {
    std::fs::create_dir(site.join("files")).on("mkdir", &site.root)?;
    plain(site)?;
    fragmented(site)?;
    sparse(site)?;
    largest(site)?;
    preallocated(site)?;
    tiny(site)
}

fn create(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path).on("create", path)
}

/// Bytes that differ from place to place and from `seed` to `seed`.
pub(super) fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn plain(site: &Site) -> Result<()> {
    for (name, length) in [("one-block", 1), ("odd-size", 100_001), ("two-mib", 2 << 20)] {
        let path = site.join("files").join(name);
        std::fs::write(&path, pattern(7, length)).on("write", &path)?;
    }
    let path = site.join("files/zeros");
    std::fs::write(&path, vec![0; 50_000]).on("write", &path)
}

/// Every other block, last block first: neighbours are never adjacent, and with block maps the
/// file reaches from direct to double indirect blocks.
fn fragmented(site: &Site) -> Result<()> {
    let path = site.join("files/fragmented");
    let file = create(&path)?;
    let block = u64::from(site.holds.block);
    // At most 256 MiB, or 64 KiB blocks would fill the image.
    let count = u64::from(site.scale.extents).min((256 << 20) / block / 4);
    let length = usize::try_from(block.min(4096)).unwrap_or(4096);
    for number in (0..count).rev() {
        file.write_all_at(&pattern(number, length), number * 2 * block).on("write", &path)?;
    }
    Ok(())
}

fn sparse(site: &Site) -> Result<()> {
    let path = site.join("files/sparse");
    let file = create(&path)?;
    for (at, length) in [(10_000, 5_000), (1 << 20, 1), ((9 << 20) - 3, 7), (40 << 20, 4096)] {
        file.write_all_at(&pattern(at, length), at).on("write", &path)?;
    }
    file.set_len(50 << 20).on("truncate", &path)?;
    let path = site.join("files/only-hole");
    create(&path)?.set_len(123_456_789).on("truncate", &path)
}

/// A block map with 4-byte entries ends after 12 direct blocks and three levels.
fn size_limit(site: &Site) -> u64 {
    let block = u64::from(site.holds.block);
    let fanout = block / 4;
    if site.holds.extents { block << 32 } else { (fanout.pow(3) + fanout.pow(2) + fanout) * block }
}

fn largest(site: &mut Site) -> Result<()> {
    let size = TIB.min(size_limit(site));
    if size < TIB {
        site.skip("1 TiB sparse file", format!("the block map ends at {size} bytes"));
    }
    let path = site.join("files/largest");
    let file = create(&path)?;
    for at in [0, size / 3, size / 2 + 12_345, size - 4096] {
        file.write_all_at(&pattern(at, 4096), at).on("write", &path)?;
    }
    Ok(())
}

fn preallocated(site: &mut Site) -> Result<()> {
    if !site.holds.extents || site.holds.on_host {
        site.skip("preallocated ranges", "needs extents and a kernel mount");
        return Ok(());
    }
    let make = |name: &str, flags, ranges: &[(u64, u64)], written: &[u64]| {
        let path = site.join("files").join(name);
        let file = create(&path)?;
        for &(at, length) in ranges {
            fallocate(&file, flags, at, length).on("fallocate", &path)?;
        }
        for &at in written {
            file.write_all_at(&pattern(at, 3_000), at).on("write", &path)?;
        }
        Ok(())
    };
    let keep = FallocateFlags::KEEP_SIZE;
    make("unwritten", FallocateFlags::empty(), &[(0, 1 << 20)], &[])?;
    make("unwritten-holes", FallocateFlags::empty(), &[(65_536, 65_536), (300_000, 9_000)], &[])?;
    make("unwritten-mixed", FallocateFlags::empty(), &[(0, 1 << 20)], &[8_192, 300_000])?;
    make("kept-size", keep, &[(0, 1 << 20)], &[0])?;
    make("kept-size-empty", keep, &[(0, 1 << 20)], &[])?;
    make("longest-unwritten", keep, &[(0, 40 << 20)], &[20 << 20])
}

/// Every size around what an inode can hold inline.
fn tiny(site: &Site) -> Result<()> {
    let folder = site.folder("tiny")?;
    let large = [500, 700, 900, 1000, 2000, 3000, 3900];
    for length in (0..=180).chain(large) {
        let path = folder.join(format!("{length:04}"));
        std::fs::write(&path, pattern(3, length)).on("write", &path)?;
    }
    Ok(())
}
