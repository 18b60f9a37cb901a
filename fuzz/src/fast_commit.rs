//! A fast-commit area written from the records of a program.
//!
//! Little-endian records of tag, length and value, which do not cross blocks; a head opens a fast
//! commit and a tail with a sum over all records since the last tail ends it. Format: the kernel's
//! `filesystems/ext4/journal.rst`.

use crate::layout::{JournalLayout, crc32c};
use crate::program::{Edit, Operation};
use crate::seeds::Seed;

const ADD_RANGE: u16 = 1;
const INODE: u16 = 6;
const PAD: u16 = 7;
const TAIL: u16 = 8;
const HEAD: u16 = 9;

/// Bits of [`Edit::other`]: how a record is bent.
const BENT_LENGTH: u8 = 0x40;
const BENT_SUM: u8 = 0x80;

/// Blocks being filled with records.
struct Writer<'a> {
    ranges: &'a [std::ops::Range<usize>],
    bytes: &'a mut [u8],
    /// The block being filled, and the bytes used of it.
    block: usize,
    used: usize,
    crc: u32,
}

impl Writer<'_> {
    fn room(&self) -> usize {
        self.ranges.get(self.block).map_or(0, |range| range.len().saturating_sub(self.used))
    }

    fn put(&mut self, bytes: &[u8]) {
        let Some(range) = self.ranges.get(self.block) else { return };
        let start = range.start + self.used;
        if let Some(place) = self.bytes.get_mut(start..(start + bytes.len()).min(range.end)) {
            place.copy_from_slice(bytes.get(..place.len()).unwrap_or_default());
            self.used += place.len();
        }
    }

    /// A record whose sum counts. What does not fit goes to the next block, behind a pad.
    fn record(&mut self, tag: u16, value: &[u8], length: u16) {
        let size = 4 + value.len();
        // A tail must always fit behind.
        if self.room() < size + 12 {
            self.pad();
        }
        let record = [&tag.to_le_bytes()[..], &length.to_le_bytes(), value].concat();
        self.crc = crc32c(self.crc, &record);
        self.put(&record);
    }

    fn pad(&mut self) {
        let rest = self.room();
        if rest >= 4 {
            let length = u16::try_from(rest - 4).unwrap_or(0);
            let record = [PAD.to_le_bytes(), length.to_le_bytes()].concat();
            let value = vec![0; rest - 4];
            // The sum covers what a reader takes for the record.
            self.crc = crc32c(crc32c(self.crc, &record), &value);
            self.put(&record);
            self.put(&value);
        }
        (self.block, self.used) = (self.block + 1, 0);
    }

    /// Ends a fast commit: the tail's length reaches to the end of the block.
    fn tail(&mut self, transaction: u32, bend: u32) {
        let length = u16::try_from(self.room().saturating_sub(4)).unwrap_or(0);
        let head = [&TAIL.to_le_bytes()[..], &length.to_le_bytes(), &transaction.to_le_bytes()];
        let head = head.concat();
        let sum = crc32c(self.crc, &head) ^ bend;
        self.put(&head);
        self.put(&sum.to_le_bytes());
        let rest = self.room();
        self.put(&vec![0; rest]);
        (self.block, self.used, self.crc) = (self.block + 1, 0, 0);
    }
}

/// Writes the records among `edits` as one or more fast commits.
pub fn write(edits: &[Edit], seed: &Seed, journal: &JournalLayout, bytes: &mut [u8]) {
    let ranges = journal.fast_commit_ranges();
    let pristine = &seed.bytes;
    let mut writer = Writer { ranges: &ranges, bytes, block: 0, used: 0, crc: 0 };
    let transaction = journal.next_sequence;
    let head = [&0_u32.to_le_bytes()[..], &transaction.to_le_bytes()].concat();
    writer.record(HEAD, &head, 8);
    let mut open = true;
    for edit in edits.iter().filter(|edit| edit.operation() == Operation::Record) {
        let tag = u16::from(edit.mode & 0xf).checked_rem(12).unwrap_or(0);
        let bent = if edit.other & BENT_LENGTH != 0 { edit.value } else { 0 };
        match tag {
            TAIL => {
                let bend = if edit.other & BENT_SUM != 0 { edit.value } else { 0 };
                writer.tail(transaction.wrapping_add(bent), bend);
                open = false;
            }
            HEAD => {
                let features = if edit.other & BENT_SUM != 0 { edit.value } else { 0 };
                let next = transaction.wrapping_add(bent);
                let value = [features.to_le_bytes(), next.to_le_bytes()].concat();
                writer.record(HEAD, &value, 8);
            }
            PAD => writer.pad(),
            tag => {
                let value = value(tag, edit, seed, pristine);
                let right = u16::try_from(value.len()).unwrap_or(0);
                let [low, high, ..] = bent.to_le_bytes();
                let length = right.wrapping_add(u16::from_le_bytes([low, high]));
                writer.record(tag, &value, length);
                open = true;
            }
        }
    }
    if open {
        writer.tail(transaction, 0);
    }
}

/// An inode of the seed, or with the high bit any number.
fn inode(seed: &Seed, index: u16) -> u32 {
    if index & 0x8000 != 0 {
        return u32::from(index & 0x7fff);
    }
    let inodes = &seed.layout.inodes;
    let ino = usize::from(index).checked_rem(inodes.len()).and_then(|n| inodes.get(n));
    ino.copied().unwrap_or(12)
}

fn value(tag: u16, edit: &Edit, seed: &Seed, pristine: &[u8]) -> Vec<u8> {
    let ino = inode(seed, edit.region).to_le_bytes();
    let [one, two, three, four] = edit.value.to_le_bytes();
    // Near the start of the file, or near the end of all that a file can be.
    let logical = if edit.other & 4 != 0 { u32::MAX - u32::from(one) } else { u32::from(one) };
    let logical = logical.to_le_bytes();
    match tag {
        // An inode and an extent: logical block, length, high and low half of the block.
        ADD_RANGE => {
            let length = u16::from(two) | if edit.other & 1 != 0 { 0x8000 } else { 0 };
            let block = u32::from(edit.offset).to_le_bytes();
            let high = if edit.other & 2 != 0 { u16::from(three) } else { 0 };
            [&ino[..], &logical, &length.to_le_bytes(), &high.to_le_bytes(), &block].concat()
        }
        2 => [&ino[..], &logical, &u32::from(two).to_le_bytes()].concat(),
        // A parent, an inode and a name.
        3..=5 => {
            let names = &seed.layout.names;
            let known = usize::from(three).checked_rem(names.len()).and_then(|n| names.get(n));
            let made = vec![b'a' + three % 26; usize::from(four)];
            let name = if edit.other & 1 != 0 { &made } else { known.unwrap_or(&made) };
            [&inode(seed, edit.offset).to_le_bytes()[..], &ino, name].concat()
        }
        INODE => {
            let from = inode(seed, edit.offset & 0x7fff);
            let mut raw = raw_inode(seed, pristine, from);
            if let Some(byte) = raw.get_mut(usize::from(one)).filter(|_| edit.other & 1 != 0) {
                *byte = two;
            }
            [&ino[..], &raw].concat()
        }
        _ => edit.value.to_le_bytes().repeat(usize::from(edit.offset % 8)),
    }
}

/// The bytes of an inode of the seed.
fn raw_inode(seed: &Seed, pristine: &[u8], ino: u32) -> Vec<u8> {
    let part = Some(extant_testkit::hostile::Part::Inode(ino));
    let region = seed.layout.regions.iter().find(|region| region.part == part);
    let bytes = region.and_then(|region| {
        let start = usize::try_from(region.start).ok()?;
        pristine.get(start..start + usize::try_from(region.length).ok()?)
    });
    bytes.unwrap_or_default().to_vec()
}

/// Makes the sums in the tails of an area right again, as far as its records can be followed.
pub fn fix(journal: &JournalLayout, bytes: &mut [u8]) {
    let mut crc = 0;
    for range in journal.fast_commit_ranges() {
        let Some(block) = bytes.get_mut(range) else { return };
        let mut at = 0;
        while let Some((tag, length)) = record_at(block, at) {
            let end = at + 4 + length;
            if tag == TAIL {
                let sum = crc32c(crc, block.get(at..at + 8).unwrap_or_default());
                if let Some(field) = block.get_mut(at + 8..at + 12) {
                    field.copy_from_slice(&sum.to_le_bytes());
                }
                crc = 0;
            } else {
                let Some(record) = block.get(at..end) else { return };
                crc = crc32c(crc, record);
            }
            at = end;
        }
    }
}

fn record_at(block: &[u8], at: usize) -> Option<(u16, usize)> {
    let head: &[u8; 4] = block.get(at..)?.first_chunk()?;
    let [tag0, tag1, length0, length1] = *head;
    let tag = u16::from_le_bytes([tag0, tag1]);
    // An area that was never written is zeroes.
    (tag != 0).then(|| (tag, usize::from(u16::from_le_bytes([length0, length1]))))
}
