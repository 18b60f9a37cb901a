//! Where the blocks of the journal are, what each is, and checksums made right again.
//!
//! Format: the kernel's `filesystems/ext4/journal.rst`. It is written here a second time, since a
//! fixer that shared code with the product would follow it into its mistakes.

use super::Class;

/// What a block of the journal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalRole {
    /// Its superblock.
    Superblock,
    /// Lists the blocks of the copies behind it.
    Descriptor,
    /// A copy of a block.
    Copy,
    /// Lists revoked blocks.
    Revoke,
    /// Ends a transaction.
    Commit,
    /// In the fast-commit area.
    FastCommit,
    /// Nothing that recovery would read.
    Unused,
}

pub(super) const fn class(role: JournalRole) -> Option<Class> {
    match role {
        JournalRole::Superblock => Some(Class::JournalSuper),
        JournalRole::Descriptor => Some(Class::JournalDescriptor),
        JournalRole::Copy => Some(Class::JournalCopy),
        JournalRole::Revoke => Some(Class::JournalRevoke),
        JournalRole::Commit => Some(Class::JournalCommit),
        JournalRole::FastCommit => Some(Class::FastCommit),
        JournalRole::Unused => None,
    }
}

pub(super) const MAGIC: u32 = 0xc03b_3998;
/// Incompatible features: 64-bit tags, checksums of version 2 and 3, fast commits.
pub(super) const BIT64: u32 = 0x2;
const CSUM_V2: u32 = 0x8;
const CSUM_V3: u32 = 0x10;
const FAST_COMMIT: u32 = 0x20;
/// Blocks of a log beside a fast-commit area, at least.
const MIN_LOG_BLOCKS: u32 = 1024;
/// Tag flags.
const SAME_UUID: u32 = 2;
const LAST_TAG: u32 = 8;

/// The journal of a seed.
#[derive(Clone, Default, Debug)]
pub struct JournalLayout {
    block_size: usize,
    /// Block of the file system and role of each block of the journal.
    blocks: Vec<(u64, JournalRole)>,
    features: u32,
    seed: u32,
    /// The block of the journal that starts the log; 0 if it is empty.
    pub start: u32,
    /// Transaction that fast commits belong to.
    pub next_sequence: u32,
    first: u32,
    end: u32,
}

impl JournalLayout {
    /// The layout of the journal in the blocks `blocks` of `image`.
    #[must_use]
    pub fn of(image: &[u8], block_size: u64, blocks: Vec<u64>) -> Self {
        let block_size = usize::try_from(block_size).unwrap_or(1024);
        let count = u32::try_from(blocks.len()).unwrap_or(0);
        let blocks = blocks.into_iter().map(|block| (block, JournalRole::Unused)).collect();
        let mut journal = Self { block_size, blocks, ..Self::default() };
        journal.set_role(0, JournalRole::Superblock);
        let superblock = journal.block(image, 0).unwrap_or_default().to_vec();
        let word = |at| be32(&superblock, at).unwrap_or(0);
        if word(0) != MAGIC {
            return journal;
        }
        journal.features = if word(4) == 4 { word(0x28) } else { 0 };
        journal.seed = crc32c(!0, superblock.get(0x30..0x40).unwrap_or_default());
        (journal.first, journal.start, journal.next_sequence) =
            (word(0x14), word(0x1c), word(0x18));
        journal.end = word(0x10).min(count);
        if journal.features & FAST_COMMIT != 0 {
            let area = if word(0x54) == 0 { 256 } else { word(0x54) };
            // One that leaves too few blocks to the log is none.
            let left = journal.end.saturating_sub(area);
            journal.end = if left < MIN_LOG_BLOCKS { journal.end } else { left };
            (journal.end + 1..count).for_each(|n| journal.set_role(n, JournalRole::FastCommit));
        }
        journal.scan(image);
        journal
    }

    fn set_role(&mut self, n: u32, role: JournalRole) {
        if let Some(block) = self.blocks.get_mut(n as usize) {
            block.1 = role;
        }
    }

    /// Each block of the file system that has a role.
    pub fn roles(&self) -> impl Iterator<Item = (JournalRole, u64)> {
        self.blocks.iter().map(|&(block, role)| (role, block))
    }

    /// The bytes in `image` of block `n` of the journal.
    #[must_use]
    pub fn range(&self, n: u32) -> Option<std::ops::Range<usize>> {
        let (block, _) = self.blocks.get(n as usize)?;
        let start = usize::try_from(*block).ok()?.checked_mul(self.block_size)?;
        Some(start..start.checked_add(self.block_size)?)
    }

    pub(super) fn block<'a>(&self, image: &'a [u8], n: u32) -> Option<&'a [u8]> {
        image.get(self.range(n)?)
    }

    /// The block of the log `steps` behind `n`.
    pub(super) const fn after(&self, n: u32, steps: u32) -> u32 {
        let length = self.end.saturating_sub(self.first);
        match n.wrapping_sub(self.first).wrapping_add(steps).checked_rem(length) {
            Some(rest) => self.first + rest,
            None => self.first,
        }
    }

    /// Follows the log from its start and gives its blocks their roles.
    fn scan(&mut self, image: &[u8]) {
        let (mut at, mut left) = (self.start, self.end.saturating_sub(self.first));
        while left > 0 && self.start != 0 {
            let block = self.block(image, at).unwrap_or_default();
            let head = [0, 4, 8].map(|offset| be32(block, offset).unwrap_or(0));
            let mut steps = 1;
            match head {
                [MAGIC, 1, sequence] if sequence == self.next_sequence => {
                    let tags = self.tags(block).len();
                    let copies = u32::try_from(tags).unwrap_or(0).min(left - 1);
                    self.set_role(at, JournalRole::Descriptor);
                    for n in 1..=copies {
                        self.set_role(self.after(at, n), JournalRole::Copy);
                    }
                    steps += copies;
                }
                [MAGIC, 2, sequence] if sequence == self.next_sequence => {
                    self.set_role(at, JournalRole::Commit);
                    self.next_sequence = self.next_sequence.wrapping_add(1);
                }
                [MAGIC, 5, sequence] if sequence == self.next_sequence => {
                    self.set_role(at, JournalRole::Revoke);
                }
                _ => return,
            }
            left = left.saturating_sub(steps);
            at = self.after(at, steps);
        }
    }

    /// Whether the journal has one of these incompatible features.
    pub(super) const fn has(&self, features: u32) -> bool {
        self.features & features != 0
    }

    /// Blocks of the log.
    pub(super) const fn log_length(&self) -> u32 {
        self.end.saturating_sub(self.first)
    }

    /// The layout of the same blocks as their content is in `image`.
    pub(super) fn as_now(&self, image: &[u8]) -> Self {
        let blocks = self.blocks.iter().map(|(block, _)| *block).collect();
        Self::of(image, self.block_size as u64, blocks)
    }

    /// All blocks of the journal, as bytes of the image.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        (0..).map_while(|n| self.range(n))
    }

    fn has_checksums(&self) -> bool {
        self.features & (CSUM_V2 | CSUM_V3) != 0
    }

    /// Byte offsets of the tags of a descriptor block.
    pub(super) fn tags(&self, block: &[u8]) -> Vec<usize> {
        let v3 = self.features & CSUM_V3 != 0;
        let wide = if self.features & BIT64 != 0 { 4 } else { 0 };
        let odd = if self.features & CSUM_V2 != 0 { 2 } else { 0 };
        let size = if v3 { 16 } else { 8 + wide + odd };
        let end = block.len().saturating_sub(if self.has_checksums() { 4 } else { 0 });
        let (mut at, mut tags) = (12, Vec::new());
        while at + size <= end {
            tags.push(at);
            let flags = match v3 {
                true => be32(block, at + 4).unwrap_or(0),
                false => be32(block, at + 4).unwrap_or(0) & 0xffff,
            };
            at += size + if flags & SAME_UUID == 0 { 16 } else { 0 };
            if flags & LAST_TAG != 0 {
                break;
            }
        }
        tags
    }

    /// Makes all checksums of the journal right, as far as blocks still are what they were.
    pub fn fix(&self, image: &mut [u8]) {
        if !self.has_checksums() {
            return;
        }
        for n in 0..u32::try_from(self.blocks.len()).unwrap_or(0) {
            match self.blocks.get(n as usize).map_or(JournalRole::Unused, |block| block.1) {
                JournalRole::Superblock => self.fix_superblock(image),
                JournalRole::Descriptor => self.fix_descriptor(image, n),
                JournalRole::Revoke => self.fix_field(image, n, self.block_size - 4),
                JournalRole::Commit => self.fix_field(image, n, 16),
                JournalRole::Copy | JournalRole::FastCommit | JournalRole::Unused => {}
            }
        }
    }

    /// The superblock's sum has no seed.
    fn fix_superblock(&self, image: &mut [u8]) {
        let Some(block) = self.range(0).and_then(|range| image.get_mut(range)) else { return };
        put_be32(block, 0xfc, 0);
        let sum = crc32c(!0, block.get(..1024).unwrap_or_default());
        put_be32(block, 0xfc, sum);
    }

    /// The sum of a whole block is at `field`.
    fn fix_field(&self, image: &mut [u8], n: u32, field: usize) {
        let Some(block) = self.range(n).and_then(|range| image.get_mut(range)) else { return };
        put_be32(block, field, 0);
        let sum = crc32c(self.seed, block);
        put_be32(block, field, sum);
    }

    /// The sums of the copies are in their tags.
    fn fix_descriptor(&self, image: &mut [u8], n: u32) {
        let Some(block) = self.block(image, n).map(<[u8]>::to_vec) else { return };
        let sequence = be32(&block, 8).unwrap_or(0);
        for (step, tag) in (1..).zip(self.tags(&block)) {
            let copy = self.block(image, self.after(n, step)).unwrap_or_default();
            let sum = crc32c(crc32c(self.seed, &sequence.to_be_bytes()), copy);
            let Some(block) = self.range(n).and_then(|range| image.get_mut(range)) else { return };
            if self.features & CSUM_V3 != 0 {
                put_be32(block, tag + 12, sum);
            } else if let Some(field) = block.get_mut(tag + 4..tag + 6) {
                let [_, _, high, low] = sum.to_be_bytes();
                field.copy_from_slice(&[high, low]);
            }
        }
        self.fix_field(image, n, self.block_size - 4);
    }

    /// The byte ranges in the image of the blocks of the fast-commit area.
    #[must_use]
    pub fn fast_commit_ranges(&self) -> Vec<std::ops::Range<usize>> {
        let numbered = (0_u32..).zip(&self.blocks);
        let area = numbered.filter(|(_, block)| block.1 == JournalRole::FastCommit);
        area.filter_map(|(n, _)| self.range(n)).collect()
    }
}

/// CRC32C without inversion on either side, as ext4 and jbd2 have it.
#[must_use]
pub fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!seed, bytes)
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn put_be32(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(field) = bytes.get_mut(at..at + 4) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}
