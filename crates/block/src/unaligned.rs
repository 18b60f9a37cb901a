//! Reading any range from a device that accepts only aligned requests.

use crate::device::{check_range, to_usize};
use crate::{AlignedBuffer, BlockDevice, DeviceError};

/// The largest bounce buffer, in bytes.
const BOUNCE: u64 = 1 << 20;

/// Fills `buf` with the bytes at `offset`, whatever the device's alignment. An aligned request
/// goes to the device as it is; others go through a bounce buffer of at most 1 MiB (or one unit
/// of the device's alignment).
///
/// # Errors
/// Those of [`BlockDevice::read_at`]; also `OutOfRange` for a range whose last aligned unit is
/// past the end.
pub fn read_unaligned(
    device: &dyn BlockDevice,
    buf: &mut [u8],
    offset: u64,
) -> Result<(), DeviceError> {
    let alignment = device.alignment();
    check_range(offset, buf.len() as u64, device.size_bytes())?;
    if alignment.check(buf, offset).is_ok() {
        return device.read_at(buf, offset);
    }
    let mut at = offset;
    let mut rest = buf;
    while !rest.is_empty() {
        let n = read_bounced(device, rest, at)?;
        rest = rest.get_mut(n..).unwrap_or_default();
        at += n as u64;
    }
    Ok(())
}

/// Fills the start of `buf`, which is not empty, through one bounce buffer; returns how much.
fn read_bounced(
    device: &dyn BlockDevice,
    buf: &mut [u8],
    offset: u64,
) -> Result<usize, DeviceError> {
    let alignment = device.alignment();
    let unit = u64::from(alignment.offset.max(1));
    let skip = offset % unit;
    let wanted = (skip + buf.len() as u64).next_multiple_of(unit).min(BOUNCE.max(unit));
    let mut bounce =
        AlignedBuffer::with_alignment(to_usize(wanted), to_usize(alignment.memory.into()));
    device.read_at(&mut bounce, offset - skip)?;
    let bytes = bounce.get(to_usize(skip)..).unwrap_or_default();
    let n = bytes.len().min(buf.len());
    if let (Some(to), Some(from)) = (buf.get_mut(..n), bytes.get(..n)) {
        to.copy_from_slice(from);
    }
    Ok(n)
}
