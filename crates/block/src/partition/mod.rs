//! Partition tables: GPT (512- and 4096-byte sectors) and MBR with logical partitions.
//!
//! Parsed here rather than by the crates `gpt` and `mbrman`, which are not made for hostile
//! tables: the first (4.1) asserts on the entry size and allocates what the header claims, the
//! second (0.6) follows a cycle of extended partitions for ever. Here every count is bounded
//! before it sizes anything, and all arithmetic is in 64 bits.

mod gpt;
mod mbr;

use extant_sync::Arc;

use crate::{BlockDevice, DeviceError, WindowDevice, read_unaligned};

/// What kind of table a partition was found in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TableKind {
    /// GUID partition table.
    Gpt,
    /// Master boot record.
    Mbr,
}

/// One partition, as its table claims: it may reach past the end of a truncated image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Number from 1, as the kernel numbers it; logical partitions of an MBR count from 5.
    pub number: u32,
    /// First byte on the disk.
    pub offset: u64,
    /// Length in bytes, not zero.
    pub len: u64,
    /// The table it is listed in.
    pub table: TableKind,
    /// Type: a GUID in lower case for GPT, `0x83` for MBR.
    pub type_id: String,
    /// Its name in a GPT, empty otherwise.
    pub name: String,
}

/// The partitions of a disk in table order. An empty table gives an empty list. Extended
/// partitions are not listed, only what is in them.
///
/// # Errors
/// [`DeviceError::PartitionTable`] if there is no table or a malformed one; errors of reading.
pub fn list(device: &dyn BlockDevice) -> Result<Vec<Partition>, DeviceError> {
    let Some(record) = mbr::BootRecord::read(device, 0)?.filter(mbr::BootRecord::is_plausible)
    else {
        return gpt::list(device)?.ok_or_else(|| malformed("none found (no GPT and no MBR)"));
    };
    if record.is_protective() {
        return gpt::list(device)?.ok_or_else(|| malformed("no intact GPT header found"));
    }
    mbr::list(device, &record)
}

/// The partition `number` of a disk, as a device.
///
/// # Errors
/// As [`list`]; [`DeviceError::NoSuchPartition`]; [`DeviceError::OutOfRange`] if the partition
/// does not lie inside the device.
pub fn window(device: Arc<dyn BlockDevice>, number: u32) -> Result<WindowDevice, DeviceError> {
    let all = list(&*device)?;
    let Some(found) = all.iter().find(|partition| partition.number == number) else {
        let present = all.iter().map(|partition| partition.number).collect();
        return Err(DeviceError::NoSuchPartition { number, present });
    };
    WindowDevice::new(device, found.offset, found.len)
}

fn malformed(reason: impl Into<String>) -> DeviceError {
    DeviceError::PartitionTable { reason: reason.into() }
}

/// Reads `N` bytes at `offset`; `None` if they are not inside the device.
fn read_array<const N: usize>(
    device: &dyn BlockDevice,
    offset: u64,
) -> Result<Option<[u8; N]>, DeviceError> {
    let mut bytes = [0; N];
    match read_unaligned(device, &mut bytes, offset) {
        Ok(()) => Ok(Some(bytes)),
        Err(DeviceError::OutOfRange { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The `N` bytes at `at`; zeroes where `bytes` is too short.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

#[cfg(test)]
mod tests;
