//! The master boot record and its chain of extended boot records. Layout: four entries of 16
//! bytes at 446, the mark 55 AA at 510; sectors are 512 bytes.

use super::{Partition, TableKind, le32, malformed, read_array};
use crate::{BlockDevice, DeviceError};

const SECTOR: u64 = 512;
const ENTRIES: usize = 446;
/// The most links of an extended chain that are followed; the kernel numbers at most 255.
const MAX_LOGICAL: usize = 256;
/// The partition type that says "look for a GPT".
const PROTECTIVE: u8 = 0xee;

/// One sector with the mark of a boot record.
pub(super) struct BootRecord {
    bytes: [u8; 512],
}

/// One of the four entries. Start and length are in sectors.
#[derive(Clone, Copy)]
struct Entry {
    status: u8,
    kind: u8,
    start: u32,
    len: u32,
}

impl Entry {
    fn is_used(self) -> bool {
        self.kind != 0 && self.len != 0
    }

    fn is_extended(self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }

    /// The entry as a partition; its start is relative to sector `base`.
    fn partition(self, number: u32, base: u64) -> Partition {
        Partition {
            number,
            offset: (base + u64::from(self.start)) * SECTOR,
            len: u64::from(self.len) * SECTOR,
            table: TableKind::Mbr,
            type_id: format!("{:#04x}", self.kind),
            name: String::new(),
        }
    }
}

impl BootRecord {
    /// The boot record at `sector`, or `None` if the sector has no mark or does not exist.
    pub(super) fn read(device: &dyn BlockDevice, sector: u64) -> Result<Option<Self>, DeviceError> {
        let bytes: Option<[u8; 512]> = read_array(device, sector * SECTOR)?;
        Ok(bytes.filter(|b| b.ends_with(&[0x55, 0xaa])).map(|bytes| Self { bytes }))
    }

    fn entries(&self) -> [Entry; 4] {
        [0, 1, 2, 3].map(|index| {
            let at = ENTRIES + index * 16;
            let byte = |i: usize| self.bytes.get(at + i).copied().unwrap_or(0);
            Entry {
                status: byte(0),
                kind: byte(4),
                start: le32(&self.bytes, at + 8),
                len: le32(&self.bytes, at + 12),
            }
        })
    }

    /// Whether the entries can be a table: the boot sector of a FAT file system has the mark too,
    /// but code where the entries would be.
    pub(super) fn is_plausible(&self) -> bool {
        self.entries().iter().all(|entry| matches!(entry.status, 0 | 0x80))
    }

    /// Whether the table only guards a GPT.
    pub(super) fn is_protective(&self) -> bool {
        self.entries().iter().any(|entry| entry.kind == PROTECTIVE)
    }
}

/// All primary and logical partitions.
pub(super) fn list(
    device: &dyn BlockDevice,
    record: &BootRecord,
) -> Result<Vec<Partition>, DeviceError> {
    let mut found = Vec::new();
    for (number, entry) in (1..).zip(record.entries()) {
        if entry.is_used() && !entry.is_extended() {
            found.push(entry.partition(number, 0));
        }
    }
    let mut number = 5;
    for entry in record.entries() {
        if entry.is_used() && entry.is_extended() {
            list_logical(device, entry.start.into(), &mut number, &mut found)?;
        }
    }
    Ok(found)
}

/// Follows one chain of extended boot records. In each, a partition's start counts from that
/// record and the next record's from the start of the chain.
fn list_logical(
    device: &dyn BlockDevice,
    first: u64,
    number: &mut u32,
    found: &mut Vec<Partition>,
) -> Result<(), DeviceError> {
    let mut sector = first;
    let mut visited = Vec::new();
    loop {
        if visited.contains(&sector) {
            return Err(malformed(format!("extended partitions form a cycle at sector {sector}")));
        }
        if visited.len() == MAX_LOGICAL {
            return Err(malformed(format!("more than {MAX_LOGICAL} extended partitions")));
        }
        visited.push(sector);
        let Some(record) = BootRecord::read(device, sector)? else {
            return Err(malformed(format!("no extended boot record at sector {sector}")));
        };
        let entries = record.entries();
        for entry in entries.iter().filter(|entry| entry.is_used() && !entry.is_extended()) {
            found.push(entry.partition(*number, sector));
            *number += 1;
        }
        match entries.iter().find(|entry| entry.is_used() && entry.is_extended()) {
            Some(next) => sector = first + u64::from(next.start),
            None => return Ok(()),
        }
    }
}
