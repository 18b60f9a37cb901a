//! The GUID partition table (UEFI specification 2.10, section 5.3): a header in sector 1 and a
//! copy in the last sector, each with a CRC-32 of itself and of its array of entries.

use crc::{CRC_32_ISO_HDLC, Crc};

use super::{Partition, TableKind, array, le32, le64, malformed, read_array};
use crate::device::to_usize;
use crate::{BlockDevice, DeviceError, read_unaligned};

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Bytes of the header that have a meaning.
const HEADER: usize = 92;
/// Most bytes of entries that are read: 64 times the usual.
const MAX_TABLE: u64 = 1 << 20;
const UNUSED: [u8; 16] = [0; 16];

/// A header whose checksum was found right.
struct Header {
    sector: u64,
    entries_lba: u64,
    count: u32,
    entry_size: u32,
    entries_crc: u32,
}

/// The partitions of the first intact table, primary before backup, 512-byte sectors before
/// 4096-byte ones; `None` if there is no intact header.
pub(super) fn list(device: &dyn BlockDevice) -> Result<Option<Vec<Partition>>, DeviceError> {
    let mut failure = None;
    for sector in [512, 4096] {
        let last = (device.size_bytes() / sector).saturating_sub(1);
        for lba in [1, last] {
            let Some(header) = Header::read(device, sector, lba)? else { continue };
            match header.entries(device) {
                Ok(table) => return header.partitions(&table).map(Some),
                Err(e) => failure = failure.or(Some(e)),
            }
        }
    }
    failure.map_or(Ok(None), Err)
}

impl Header {
    fn read(device: &dyn BlockDevice, sector: u64, lba: u64) -> Result<Option<Self>, DeviceError> {
        let Some(bytes) = read_array::<512>(device, lba * sector)? else { return Ok(None) };
        let size = to_usize(le32(&bytes, 12).into());
        let intact = bytes.starts_with(b"EFI PART")
            && size >= HEADER
            && bytes.get(..size).is_some_and(|b| header_crc(b) == le32(b, 16))
            && le64(&bytes, 24) == lba;
        Ok(intact.then(|| Self {
            sector,
            entries_lba: le64(&bytes, 72),
            count: le32(&bytes, 80),
            entry_size: le32(&bytes, 84),
            entries_crc: le32(&bytes, 88),
        }))
    }

    /// The array of entries, its checksum compared. An error says why it cannot be used.
    fn entries(&self, device: &dyn BlockDevice) -> Result<Vec<u8>, DeviceError> {
        if !self.entry_size.is_power_of_two() || self.entry_size < 128 {
            return Err(malformed(format!("GPT entries of {} bytes", self.entry_size)));
        }
        let len = u64::from(self.count) * u64::from(self.entry_size);
        if len > MAX_TABLE {
            return Err(malformed(format!("GPT with {} entries", self.count)));
        }
        let start = self.entries_lba.checked_mul(self.sector);
        let start = start.ok_or_else(|| malformed("GPT entries outside the device"))?;
        let mut table = vec![0; to_usize(len)];
        match read_unaligned(device, &mut table, start) {
            Ok(()) if table_crc(&table) == self.entries_crc => Ok(table),
            Ok(()) => Err(malformed("GPT entries do not match their checksum")),
            Err(DeviceError::OutOfRange { .. }) => Err(malformed("GPT entries outside the device")),
            Err(e) => Err(e),
        }
    }

    fn partitions(&self, table: &[u8]) -> Result<Vec<Partition>, DeviceError> {
        let entries = table.chunks_exact(to_usize(self.entry_size.into()));
        (1..)
            .zip(entries)
            .filter(|(_, entry)| !entry.starts_with(&UNUSED))
            .map(|(number, entry)| self.partition(number, entry))
            .collect()
    }

    fn partition(&self, number: u32, entry: &[u8]) -> Result<Partition, DeviceError> {
        let (first, last) = (le64(entry, 32), le64(entry, 40));
        let bytes = |sectors: u64| sectors.checked_mul(self.sector);
        let len = last.checked_sub(first).and_then(|n| n.checked_add(1)).and_then(bytes);
        let (Some(offset), Some(len)) = (bytes(first), len) else {
            return Err(malformed(format!("GPT entry {number} spans sectors {first} to {last}")));
        };
        let type_id = guid(array(entry, 0));
        Ok(Partition { number, offset, len, table: TableKind::Gpt, type_id, name: name(entry) })
    }
}

/// The checksum of a header, its own field taken as zero.
pub(super) fn header_crc(bytes: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(bytes.get(..16).unwrap_or_default());
    digest.update(&[0; 4]);
    digest.update(bytes.get(20..).unwrap_or_default());
    digest.finalize()
}

/// The text form of a GUID, whose first three fields are little-endian.
fn guid(bytes: [u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, tail @ ..] = bytes;
    let first = u32::from_le_bytes([a, b, c, d]);
    let second = u16::from_le_bytes([e, f]);
    let third = u16::from_le_bytes([g, h]);
    let tail = u64::from_be_bytes(tail);
    format!(
        "{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}",
        tail >> 48,
        tail & 0xffff_ffff_ffff
    )
}

/// The name of an entry: 36 UTF-16 units, ended by a zero.
fn name(entry: &[u8]) -> String {
    let units = entry.get(56..128).unwrap_or_default().chunks_exact(2);
    let units = units.map(|unit| u16::from_le_bytes(array(unit, 0))).take_while(|&unit| unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The checksum of an array of entries.
pub(super) fn table_crc(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}
