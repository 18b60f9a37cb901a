//! Writing blocks to a device whose unit of writing is larger than a block.
//!
//! A file system with blocks of 1 KiB may lie on a device with sectors of 4 KiB. The neighbours in
//! a unit are read and written back as they were, so a device that writes units whole never shows
//! half of a block.

use extant_block::{AlignedBuffer, BlockDevice, DeviceError, WriteFlags, read_unaligned};

/// Writes `buf` at `offset`, whatever the device's alignment. Nobody else writes the units that
/// the range touches. Memory, only if the range is not aligned: a copy of it, and two units.
///
/// # Errors
/// Those of [`BlockDevice::write_at`] and of reading what else is in the first and last unit.
pub fn write_unaligned(
    device: &dyn BlockDevice,
    buf: &[u8],
    offset: u64,
    flags: WriteFlags,
) -> Result<(), DeviceError> {
    let alignment = device.alignment();
    if alignment.check(buf, offset).is_ok() {
        return device.write_at(buf, offset, flags);
    }
    let unit = u64::from(alignment.offset.max(1));
    let skip = extant_format::to_usize(offset % unit);
    let start = offset - offset % unit;
    let len = (skip + buf.len()).next_multiple_of(extant_format::to_usize(unit));
    let mut units = AlignedBuffer::new(len);
    if skip > 0 || len > buf.len() {
        read_unaligned(device, &mut units, start)?;
    }
    if let Some(target) = units.get_mut(skip..skip + buf.len()) {
        target.copy_from_slice(buf);
    }
    device.write_at(&units, start, flags)
}
