//! Row 59: the image changes while it is open. What was parsed stays as it was; what is read again
//! is checked again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use extant::{BlockDevice, Filesystem, Follow, IoFlags, OpenOptions};
use extant_block::{Alignment, MemoryDevice, WriteFlags};
use extant_testkit::hostile::{Part, Spot};

use crate::mutations::Random;
use crate::support::{EXT4, GROUPS, bounded, failure, image, read, unrelated_reads_right};
use crate::walk::{Limits, walk};

const PATH: &str = "/fragmented";

/// Nearly nothing is kept in memory.
fn forgetful() -> OpenOptions {
    OpenOptions { metadata_cache_bytes: 0, inode_cache: 0, name_cache: 0, ..OpenOptions::default() }
}

#[test]
fn row_59_what_is_in_memory_stays_as_it_was() {
    let editor = image(EXT4);
    let device = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
    let fs = Filesystem::open(device.clone(), &OpenOptions::default()).unwrap();
    let before = read(&fs, PATH).unwrap();
    let stat = fs.stat(PATH.as_bytes(), Follow::No, IoFlags::NONE).unwrap();
    // All metadata in front of the journal, superblock and descriptors included.
    let inode = editor.lookup(PATH).unwrap();
    for block in editor.extent_blocks(inode).unwrap() {
        device.write_at(&[0x5a; 1024], block * 1024, WriteFlags::NONE).unwrap();
    }
    device.write_at(&[0x5a; 8192], 0, WriteFlags::NONE).unwrap();
    let table = editor.group_block(0, 0x8).unwrap();
    device.write_at(&[0x5a; 16_384], table * 1024, WriteFlags::NONE).unwrap();
    assert_eq!(read(&fs, PATH).unwrap(), before);
    assert_eq!(fs.stat(PATH.as_bytes(), Follow::No, IoFlags::NONE).unwrap(), stat);
    assert_eq!(fs.statfs().files, 2048);
}

#[test]
fn row_59_what_is_read_again_is_checked_again() {
    let mut editor = image(EXT4);
    let device = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
    let fs = Filesystem::open(device.clone(), &forgetful()).unwrap();
    read(&fs, PATH).unwrap();
    let inode = editor.lookup(PATH).unwrap();
    let leaf = editor.extent_blocks(inode).unwrap()[1];
    // Without a right checksum, then with one but out of range.
    for (at, fix, id) in [(8, false, "extent.checksum"), (20, true, "extent.physical_range")] {
        editor.set_u32(Spot::Block(leaf), at, u32::MAX).unwrap();
        editor.set_fixing(fix).fix(Part::ExtentBlock { inode, block: leaf }).unwrap();
        let bytes = editor.get_bytes(Spot::Block(leaf), 0, 1024).unwrap();
        device.write_at(bytes, leaf * 1024, WriteFlags::NONE).unwrap();
        push_out(&fs);
        let result = read(&fs, PATH);
        assert_eq!(failure(result), id);
    }
    unrelated_reads_right(&fs);
}

/// Reads everything, so that a cache of no size holds something else.
fn push_out(fs: &Filesystem) {
    let fs = fs.clone();
    bounded(move || walk(&fs, Limits::default()));
}

/// A disk that answers each read with some bytes changed, differently each time.
#[derive(Debug)]
struct Flickering {
    inner: MemoryDevice,
    reads: AtomicU64,
    seed: u64,
    /// One in so many reads lies.
    rate: u64,
}

impl BlockDevice for Flickering {
    fn size_bytes(&self) -> u64 {
        self.inner.size_bytes()
    }
    fn alignment(&self) -> Alignment {
        self.inner.alignment()
    }
    fn write_granularity(&self) -> u32 {
        1
    }
    fn is_read_only(&self) -> bool {
        true
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), extant_block::DeviceError> {
        self.inner.read_at(buf, offset)?;
        let mut random = Random::new(self.seed ^ self.reads.fetch_add(1, Ordering::Relaxed) << 20);
        if random.below(self.rate) == 0 {
            for _ in 0..=random.below(8) {
                let at = usize::try_from(random.below(buf.len().max(1) as u64)).unwrap();
                if let Some(byte) = buf.get_mut(at) {
                    *byte = random.next().to_le_bytes()[0];
                }
            }
        }
        Ok(())
    }
    fn write_at(
        &self,
        buf: &[u8],
        offset: u64,
        flags: WriteFlags,
    ) -> Result<(), extant_block::DeviceError> {
        self.inner.write_at(buf, offset, flags)
    }
    fn flush(&self) -> Result<(), extant_block::DeviceError> {
        Ok(())
    }
    fn discard(&self, offset: u64, len: u64) -> Result<(), extant_block::DeviceError> {
        self.inner.discard(offset, len)
    }
    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), extant_block::DeviceError> {
        self.inner.write_zeroes(offset, len)
    }
}

/// Whatever each read says: no panic, no hang. Without checksums lies are believed, and still
/// lead nowhere.
#[test]
fn row_59_every_read_may_differ() {
    let plain = ["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,inline_data,ea_inode"];
    let (mut opened, mut findings) = (0, 0);
    for seed in 0..60 {
        let args: &[&str] = if seed % 3 == 0 { GROUPS } else { &plain };
        let inner = MemoryDevice::from_vec(image(args).into_bytes());
        let rate = [2, 8, 40][usize::try_from(seed % 3).unwrap()];
        let device = Flickering { inner, reads: AtomicU64::new(0), seed, rate };
        bounded(move || Filesystem::open(Arc::new(device), &forgetful()))
            .map(|fs| {
                let report = bounded(move || walk(&fs, Limits::default()));
                opened += 1;
                findings += report.findings.len();
            })
            .ok();
    }
    println!("{opened} of 60 opened, {findings} findings");
    assert!(opened > 10 && findings > 100);
}
