//! `SEEK_DATA` and `SEEK_HOLE`: walks mappings, never data.

use extant_block::IoFlags;

use crate::{IomapOps, checked_map};

/// The first byte of data at or behind `pos`; `None` if there is none before `size`.
///
/// # Errors
/// Those of `ops`.
pub fn seek_data<O: IomapOps>(
    ops: &O,
    size: u64,
    pos: u64,
    flags: IoFlags,
) -> Result<Option<u64>, O::Error> {
    seek(ops, size, pos, (true, flags))
}

/// The first byte of a hole at or behind `pos`; the end of the file counts as one. `None` if
/// `pos` is not before `size`.
///
/// # Errors
/// Those of `ops`.
pub fn seek_hole<O: IomapOps>(
    ops: &O,
    size: u64,
    pos: u64,
    flags: IoFlags,
) -> Result<Option<u64>, O::Error> {
    if pos >= size {
        return Ok(None);
    }
    Ok(Some(seek(ops, size, pos, (false, flags))?.unwrap_or(size)))
}

fn seek<O: IomapOps>(
    ops: &O,
    size: u64,
    mut pos: u64,
    (data, flags): (bool, IoFlags),
) -> Result<Option<u64>, O::Error> {
    while pos < size {
        let map = checked_map(ops, pos, size - pos, flags)?;
        if map.mapping.is_data() == data {
            return Ok(Some(pos));
        }
        pos = map.end();
    }
    Ok(None)
}
