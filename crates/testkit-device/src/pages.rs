//! Storage of a test device: pages of 4 KiB behind two levels of shared pointers, so that a
//! snapshot costs nothing and a write after it copies one page and one leaf.

use std::fmt;

use extant_block::{Alignment, BlockDevice, DeviceError, WriteFlags, check_range};
use extant_sync::Arc;

const PAGE: usize = 4096;
const LEAF: usize = 512;
const SECTOR: u64 = 512;

type Page = Arc<[u8; PAGE]>;
type Leaf = Arc<Vec<Option<Page>>>;

/// What a sector holds that was never written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fill {
    /// Zeroes.
    Zero,
    /// A pattern with the sector's own number (see [`Fill::poison`]), so that stale content shows
    /// what it is and where it came from.
    Poison,
}

impl Fill {
    /// The poison of a sector of 512 bytes: `POISON!!` and its number, little-endian, repeated.
    #[must_use]
    pub fn poison(sector: u64) -> [u8; 512] {
        let mut bytes = [0; 512];
        for (i, word) in bytes.chunks_exact_mut(8).enumerate() {
            let odd = i % 2 == 1;
            word.copy_from_slice(if odd { sector.to_le_bytes() } else { *b"POISON!!" }.as_slice());
        }
        bytes
    }

    fn page(self, number: u64) -> Page {
        let mut bytes = [0; PAGE];
        if self == Self::Poison {
            let first = number * (PAGE as u64 / SECTOR);
            for (sector, target) in (first..).zip(bytes.chunks_exact_mut(512)) {
                target.copy_from_slice(&Self::poison(sector));
            }
        }
        Arc::new(bytes)
    }
}

/// The content of a device at one moment. Cloning is cheap. As a device it is read-only; wrap it
/// in an `OverlayDevice` to run recovery on it.
#[derive(Clone)]
pub struct Snapshot {
    size: u64,
    fill: Fill,
    leaves: Arc<Vec<Leaf>>,
}

/// One page's part of a request.
struct Piece {
    page: u64,
    start: usize,
    len: usize,
}

impl Snapshot {
    pub(crate) fn new(size: u64, fill: Fill) -> Self {
        let empty: Leaf = Arc::new(vec![None; LEAF]);
        let count = size.div_ceil((PAGE * LEAF) as u64);
        Self { size, fill, leaves: Arc::new((0..count).map(|_| Arc::clone(&empty)).collect()) }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Fills `buf` from `offset`; the range is inside the device.
    pub(crate) fn read(&self, buf: &mut [u8], offset: u64) {
        let mut rest = buf;
        for piece in pieces(offset, rest.len()) {
            let page = self.page(piece.page);
            let source = page.get(piece.start..piece.start + piece.len).unwrap_or_default();
            let (head, tail) = rest.split_at_mut(piece.len);
            head.copy_from_slice(source);
            rest = tail;
        }
    }

    /// Writes `bytes` at `offset`; the range is inside the device.
    pub(crate) fn write(&mut self, bytes: &[u8], offset: u64) {
        let mut rest = bytes;
        for piece in pieces(offset, rest.len()) {
            let (head, tail) = rest.split_at(piece.len);
            if let Some(target) = self
                .page_mut(piece.page)
                .and_then(|page| page.get_mut(piece.start..piece.start + piece.len))
            {
                target.copy_from_slice(head);
            }
            rest = tail;
        }
    }

    /// Zeroes a range inside the device.
    pub(crate) fn zero(&mut self, offset: u64, len: u64) {
        let zeroes = [0; PAGE];
        let mut done = 0;
        while done < len {
            let n = (len - done).min(PAGE as u64);
            self.write(zeroes.get(..to_usize(n)).unwrap_or_default(), offset + done);
            done += n;
        }
    }

    /// The whole content.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; to_usize(self.size)];
        self.read(&mut bytes, 0);
        bytes
    }

    fn page(&self, number: u64) -> Page {
        let number_in_memory = to_usize(number);
        self.leaves
            .get(number_in_memory / LEAF)
            .and_then(|leaf| leaf.get(number_in_memory % LEAF))
            .and_then(Clone::clone)
            .unwrap_or_else(|| self.fill.page(number))
    }

    fn page_mut(&mut self, number: u64) -> Option<&mut [u8; PAGE]> {
        let index = to_usize(number);
        let leaf = Arc::make_mut(&mut self.leaves).get_mut(index / LEAF)?;
        let slot = Arc::make_mut(leaf).get_mut(index % LEAF)?;
        Some(Arc::make_mut(slot.get_or_insert_with(|| self.fill.page(number))))
    }
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == len {
            return None;
        }
        let place = offset + at as u64;
        let start = to_usize(place % PAGE as u64);
        let piece = Piece { page: place / PAGE as u64, start, len: (PAGE - start).min(len - at) };
        at += piece.len;
        Some(piece)
    })
}

/// Lossless: only 64-bit targets.
pub(crate) const fn to_usize(n: u64) -> usize {
    const { assert!(size_of::<usize>() >= 8, "64-bit targets only") };
    #[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits here")]
    let n = n as usize;
    n
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("size", &self.size).finish_non_exhaustive()
    }
}

impl BlockDevice for Snapshot {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn alignment(&self) -> Alignment {
        Alignment::NONE
    }

    fn write_granularity(&self) -> u32 {
        1
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        check_range(offset, buf.len() as u64, self.size)?;
        self.read(buf, offset);
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64, _: WriteFlags) -> Result<(), DeviceError> {
        Err(DeviceError::ReadOnly)
    }

    fn flush(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn discard(&self, _: u64, _: u64) -> Result<(), DeviceError> {
        Err(DeviceError::ReadOnly)
    }

    fn write_zeroes(&self, _: u64, _: u64) -> Result<(), DeviceError> {
        Err(DeviceError::ReadOnly)
    }
}
