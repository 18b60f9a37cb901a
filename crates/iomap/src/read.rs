//! Uncached reading: each mapped run is one device request straight into the caller's buffer.

use extant_block::{BlockDevice, IoFlags, read_unaligned};

use crate::{Iomap, IomapError, IomapOps, Mapping, checked_map};

/// Reads the file whose mappings `ops` gives into `buf`, from byte `pos` up to `size`, the file's
/// length. Returns the bytes read: less than `buf.len()` only at the end of the file.
///
/// Under `IoFlags::NOWAIT` holes, unwritten and inline ranges are answered; bytes that would have
/// to come from the device are `WouldBlock`, or end a read that already has some.
///
/// # Errors
/// Those of `ops`, and [`IomapError`].
pub fn read<O: IomapOps>(
    ops: &O,
    size: u64,
    buf: &mut [u8],
    pos: u64,
    flags: IoFlags,
) -> Result<usize, O::Error> {
    let len = usize::try_from(size.saturating_sub(pos)).unwrap_or(usize::MAX).min(buf.len());
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..len).filter(|rest| !rest.is_empty()) {
        let at = pos + done as u64;
        let map = match checked_map(ops, at, rest.len() as u64, flags) {
            Err(_) if done > 0 && flags.nowait() => break,
            map => map?,
        };
        if flags.nowait() && matches!(map.mapping, Mapping::Mapped { .. }) {
            if done > 0 {
                break;
            }
            return Err(IomapError::WouldBlock.into());
        }
        let n = usize::try_from(map.end() - at).unwrap_or(usize::MAX).min(rest.len());
        let Some(part) = rest.get_mut(..n) else { break };
        fill(ops.device(), &map, part, at)?;
        done += n;
    }
    Ok(done)
}

/// Fills `buf` from byte `at` of the file, all of it inside `map`.
fn fill(device: &dyn BlockDevice, map: &Iomap, buf: &mut [u8], at: u64) -> Result<(), IomapError> {
    let skip = at - map.offset;
    match &map.mapping {
        Mapping::Hole | Mapping::Unwritten { .. } => buf.fill(0),
        Mapping::Mapped { device_offset } => {
            read_unaligned(device, buf, device_offset.saturating_add(skip))?;
        }
        Mapping::Inline { data } => {
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let from = data.get(skip..).unwrap_or_default();
            let n = from.len().min(buf.len());
            let (head, tail) = buf.split_at_mut(n);
            head.copy_from_slice(from.get(..n).unwrap_or_default());
            tail.fill(0);
        }
    }
    Ok(())
}
