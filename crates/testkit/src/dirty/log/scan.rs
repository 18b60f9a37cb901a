//! The transactions of the log, from its start to the first block that does not fit.

use super::bytes::{Blocks, MAGIC, be32};
use super::{Checksum, Geometry, LogBlock, Role, Transaction};

/// What a scan found.
pub(super) struct Scan {
    pub(super) transactions: Vec<Transaction>,
    /// The sequence number that was looked for last.
    pub(super) next: u32,
    pub(super) wraps: bool,
}

struct Cursor<'a> {
    blocks: &'a Blocks,
    geometry: &'a Geometry,
    position: u32,
    /// Blocks seen so far: at most once around.
    seen: u32,
    wraps: bool,
}

impl<'a> Cursor<'a> {
    fn next(&mut self) -> Option<(u64, &'a [u8])> {
        if self.seen >= self.geometry.end {
            return None;
        }
        self.seen += 1;
        if self.position >= self.geometry.end {
            self.position = self.geometry.first;
            self.wraps = true;
        }
        let found = self.blocks.block(self.position);
        self.position += 1;
        Some(found)
    }
}

pub(super) fn scan(blocks: &Blocks, geometry: &Geometry) -> Scan {
    let mut transactions = Vec::new();
    let mut next = geometry.sequence;
    let mut cursor = Cursor { blocks, geometry, position: geometry.start, seen: 0, wraps: false };
    let mut wraps = false;
    while geometry.start != 0
        && let Some(transaction) = one(&mut cursor, next)
    {
        transactions.push(transaction);
        next = next.wrapping_add(1);
        wraps = cursor.wraps;
    }
    Scan { transactions, next, wraps }
}

/// The transaction `sequence` if it is complete.
fn one(cursor: &mut Cursor<'_>, sequence: u32) -> Option<Transaction> {
    let mut found = Transaction { sequence, blocks: Vec::new(), revoked: Vec::new() };
    loop {
        let (at, bytes) = cursor.next()?;
        if be32(bytes, 0) != MAGIC || be32(bytes, 8) != sequence {
            return None;
        }
        match be32(bytes, 4) {
            1 => {
                found.blocks.push(LogBlock { at, role: Role::Descriptor });
                for role in tags(bytes, cursor.geometry) {
                    let (at, _) = cursor.next()?;
                    found.blocks.push(LogBlock { at, role });
                }
            }
            2 => {
                found.blocks.push(LogBlock { at, role: Role::Commit });
                return Some(found);
            }
            5 => {
                found.blocks.push(LogBlock { at, role: Role::Revoke });
                found.revoked.extend(revoked(bytes, cursor.geometry.wide));
            }
            _ => return None,
        }
    }
}

/// The blocks that descriptor block `bytes` lists.
fn tags(bytes: &[u8], geometry: &Geometry) -> Vec<Role> {
    let v3 = geometry.checksum == Checksum::V3;
    let size = match geometry.checksum {
        Checksum::V3 => 16,
        Checksum::V2 => 10 + if geometry.wide { 4 } else { 0 },
        _ => 8 + if geometry.wide { 4 } else { 0 },
    };
    let tail = if matches!(geometry.checksum, Checksum::V2 | Checksum::V3) { 4 } else { 0 };
    let mut found = Vec::new();
    let mut at = 12;
    while at + size + tail <= bytes.len() {
        let flags = if v3 { be32(bytes, at + 4) } else { be32(bytes, at + 4) & 0xffff };
        let high = if geometry.wide { be32(bytes, at + 8) } else { 0 };
        let home = u64::from(be32(bytes, at)) | u64::from(high) << 32;
        found.push(Role::Copy { home, escaped: flags & 1 != 0 });
        at += size + if flags & 2 == 0 { 16 } else { 0 };
        if flags & 8 != 0 {
            break;
        }
    }
    found
}

fn revoked(bytes: &[u8], wide: bool) -> Vec<u64> {
    let end = usize::try_from(be32(bytes, 12)).unwrap_or_default();
    let width = if wide { 8 } else { 4 };
    let list = bytes.get(16..end.min(bytes.len())).unwrap_or_default();
    list.chunks_exact(width)
        .map(|entry| entry.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
        .collect()
}
