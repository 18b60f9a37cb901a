//! A file system whose log is full of transactions, written here: the product's writer of
//! transactions is not asked.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use extant_benches::{Numbers, mke2fs, open};
use extant_testkit::image::run;

const SIZE: u64 = 6 << 30;
const JOURNAL_MIB: u64 = 1024;
const MAGIC: u32 = 0xc03b_3998;
/// Blocks of a run of homes.
const RUN: u64 = 16;
const SUPERBLOCK: u64 = 1024;

/// An offset in the image, and bytes there.
type Bytes = (u64, Vec<u8>);

/// An image that needs recovery.
pub(crate) struct Dirty {
    pub(crate) path: PathBuf,
    pub(crate) transactions: u32,
    /// Homes of the copies in the order of the log.
    pub(crate) homes: Vec<u64>,
    /// Byte ranges of the journal's blocks: start, length.
    pub(crate) log: Vec<(u64, u64)>,
    /// Bytes of a block.
    block: usize,
    /// What makes it dirty: bytes at offsets.
    superblocks: [Bytes; 2],
}

impl Dirty {
    pub(crate) fn make(path: &Path, mix: Mix, block: usize) -> Result<Self> {
        File::create(path)?.set_len(SIZE)?;
        let options = format!("-t ext4 -b {block} -J size={JOURNAL_MIB} -E lazy_itable_init=1");
        mke2fs(path, &options)?;
        let log = journal(path, block)?;
        let homes = homes(&free_runs(path)?, mix);
        let file = File::options().read(true).write(true).open(path)?;
        let (journal, uuid) = dirty_journal(&file, log.first().context("no journal")?.0)?;
        let superblock = dirty_superblock(&file)?;
        let (mut writer, mut rest) = (Writer::new(&file, &log, uuid, block), homes.as_slice());
        let mut numbers = Numbers::new(3);
        // As many as one descriptor lists.
        let most = (block - 32) / 16;
        while !rest.is_empty() {
            let count = most / 4 + usize::try_from(numbers.below(most as u64 / 2))?;
            let (now, after) = rest.split_at(count.min(rest.len()));
            if !writer.has_room(now.len()) {
                break;
            }
            writer.transaction(now)?;
            rest = after;
        }
        let used = homes.len() - rest.len();
        let transactions = writer.sequence - 1;
        let homes = homes.get(..used).unwrap_or_default().to_vec();
        file.sync_data()?;
        let superblocks = [journal, superblock];
        Ok(Self { path: path.to_owned(), transactions, homes, log, block, superblocks })
    }

    /// Makes the recovered image dirty again.
    pub(crate) fn put_back(&self) -> Result<()> {
        let file = File::options().write(true).open(&self.path)?;
        for (at, bytes) in &self.superblocks {
            file.write_all_at(bytes, *at)?;
        }
        Ok(())
    }

    /// Bytes that recovery writes home.
    pub(crate) fn written(&self) -> u64 {
        (self.homes.len() * self.block) as u64
    }

    /// MiB of the log, and of what recovery writes.
    pub(crate) fn mib(&self) -> f64 {
        let log: u64 = self.log.iter().map(|(_, len)| len).sum();
        let mib = u32::try_from((log + self.written()) >> 20).unwrap_or(u32::MAX);
        f64::from(mib)
    }

    /// The recovered image is clean, and its home blocks hold what was logged.
    pub(crate) fn check(&self) -> Result<()> {
        let file = File::open(&self.path)?;
        let mut found = vec![0; self.block];
        for &home in self.homes.iter().step_by(37) {
            file.read_exact_at(&mut found, home * self.block as u64)?;
            ensure!(found == content(home, self.block), "block {home} is not what was logged");
        }
        let flags = field(&file, SUPERBLOCK + 0x60)?;
        ensure!(u32::from_le_bytes(flags) & 4 == 0, "recovery is still needed");
        Ok(())
    }
}

/// What is logged for block `home`.
fn content(home: u64, block: usize) -> Vec<u8> {
    let mut bytes = vec![0; block];
    Numbers::new(home).fill(&mut bytes);
    bytes
}

fn field(file: &File, at: u64) -> Result<[u8; 4]> {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// Where the journal lies.
fn journal(path: &Path, size: usize) -> Result<Vec<(u64, u64)>> {
    let log = open(path)?.volume().journal(None)?.context("no journal")?;
    let (mut runs, mut block) = (Vec::new(), 0);
    while let Some((start, len)) = log.locate(block) {
        runs.push((start, u64::from(len) * size as u64));
        block += len;
    }
    Ok(runs)
}

/// Free blocks, in whole aligned runs.
fn free_runs(path: &Path) -> Result<Vec<u64>> {
    let text = run("dumpe2fs", &[path])?;
    let lists = text.lines().filter_map(|line| line.strip_prefix("  Free blocks: "));
    let mut runs = Vec::new();
    for range in lists.flat_map(|list| list.split(", ")).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, end) = (first.parse::<u64>()?, last.parse::<u64>()? + 1);
        runs.extend((first.div_ceil(RUN)..end / RUN).map(|run| run * RUN));
    }
    Ok(runs)
}

/// How homes lie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mix {
    /// As many runs of 16 as single blocks.
    Runs,
    /// As many blocks in runs of 16 as single ones.
    Singles,
    /// Single blocks.
    Scattered,
}

/// Homes in no order.
fn homes(free: &[u64], mix: Mix) -> Vec<u64> {
    let mut numbers = Numbers::new(1);
    let mut free = free.to_vec();
    numbers.shuffle(&mut free);
    // Of each run for single blocks some that are not neighbours.
    let whole = match mix {
        Mix::Runs => free.len() * 3 / 4,
        Mix::Singles => free.len() * 3 / 19,
        Mix::Scattered => 0,
    };
    let places: &[u64] = match mix {
        Mix::Scattered => &[1, 5, 9, 13],
        _ => &[1, 6, 11],
    };
    let (whole, single) = free.split_at(whole);
    let single = single.iter().flat_map(|run| places.iter().map(move |place| run + place));
    let mut pieces: Vec<(u64, u64)> = single.map(|block| (block, 1)).collect();
    pieces.extend(whole.iter().map(|&run| (run, RUN)));
    numbers.shuffle(&mut pieces);
    pieces.iter().flat_map(|&(start, len)| start..start + len).collect()
}

/// CRC32C as checksums of the file system continue it: not inverted at either end.
fn sum(seed: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!seed, bytes)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = *from);
}

/// The journal's superblock with a log from its first block and checksums of version 3; its UUID.
fn dirty_journal(file: &File, at: u64) -> Result<(Bytes, [u8; 16])> {
    let mut bytes = vec![0; 1024];
    file.read_exact_at(&mut bytes, at)?;
    let uuid = *bytes.get(0x30..).and_then(|tail| tail.first_chunk()).context("uuid")?;
    // Sequence and start; revokes, 64 bits and checksums; CRC32C.
    put(&mut bytes, 0x18, &[1_u32, 1].map(u32::to_be_bytes).concat());
    put(&mut bytes, 0x28, &0x13_u32.to_be_bytes());
    put(&mut bytes, 0x50, &[4]);
    put(&mut bytes, 0xfc, &[0; 4]);
    let checksum = sum(!0, &bytes);
    put(&mut bytes, 0xfc, &checksum.to_be_bytes());
    file.write_all_at(&bytes, at)?;
    Ok(((at, bytes), uuid))
}

/// The superblock with the flag that the journal is to be recovered.
fn dirty_superblock(file: &File) -> Result<Bytes> {
    let mut bytes = vec![0; 1024];
    file.read_exact_at(&mut bytes, SUPERBLOCK)?;
    let flags = u32::from_le_bytes(field(file, SUPERBLOCK + 0x60)?) | 4;
    put(&mut bytes, 0x60, &flags.to_le_bytes());
    let checksum = sum(!0, bytes.get(..0x3fc).unwrap_or_default());
    put(&mut bytes, 0x3fc, &checksum.to_le_bytes());
    file.write_all_at(&bytes, SUPERBLOCK)?;
    Ok((SUPERBLOCK, bytes))
}

/// Writes the log from its first block on.
struct Writer<'a> {
    file: &'a File,
    /// Byte offsets of the log's blocks that are left, the next one last.
    free: Vec<u64>,
    uuid: [u8; 16],
    seed: u32,
    sequence: u32,
    /// Bytes of a block.
    block: usize,
}

impl<'a> Writer<'a> {
    fn new(file: &'a File, log: &[(u64, u64)], uuid: [u8; 16], block: usize) -> Self {
        let blocks = log.iter().flat_map(|&(start, len)| (start..start + len).step_by(block));
        let mut free: Vec<u64> = blocks.skip(1).collect();
        free.reverse();
        Self { file, free, uuid, seed: sum(!0, &uuid), sequence: 1, block }
    }

    fn has_room(&self, copies: usize) -> bool {
        self.free.len() >= copies + 2
    }

    /// A transaction of at most as many copies as one descriptor lists.
    fn transaction(&mut self, homes: &[u64]) -> Result<()> {
        let contents: Vec<Vec<u8>> = homes.iter().map(|home| content(*home, self.block)).collect();
        let mut descriptor = self.header(1);
        let seed = sum(self.seed, &self.sequence.to_be_bytes());
        for (n, (home, content)) in homes.iter().zip(&contents).enumerate() {
            let same_uuid = if n > 0 { 2 } else { 0 };
            let last = if n + 1 == homes.len() { 8 } else { 0 };
            let (high, low) = (u32::try_from(home >> 32)?, u32::try_from(home & 0xffff_ffff)?);
            let tag = [low, same_uuid | last, high, sum(seed, content)];
            descriptor.extend(tag.map(u32::to_be_bytes).as_flattened());
            descriptor.extend(self.uuid.iter().filter(|_| n == 0));
        }
        ensure!(descriptor.len() + 4 <= self.block, "too many copies for a descriptor");
        self.sealed(descriptor, self.block - 4)?;
        contents.iter().try_for_each(|content| self.write(content))?;
        let mut commit = self.header(2);
        commit.resize(0x30, 0);
        commit.extend(1_700_000_000_u64.to_be_bytes());
        self.sealed(commit, 0x10)?;
        self.sequence += 1;
        Ok(())
    }

    fn header(&self, kind: u32) -> Vec<u8> {
        [MAGIC, kind, self.sequence].map(u32::to_be_bytes).concat()
    }

    /// Writes a block with its checksum at `place`.
    fn sealed(&mut self, mut block: Vec<u8>, place: usize) -> Result<()> {
        block.resize(self.block, 0);
        let checksum = sum(self.seed, &block);
        put(&mut block, place, &checksum.to_be_bytes());
        self.write(&block)
    }

    fn write(&mut self, block: &[u8]) -> Result<()> {
        let at = self.free.pop().context("the log is full")?;
        Ok(self.file.write_all_at(block, at)?)
    }
}
