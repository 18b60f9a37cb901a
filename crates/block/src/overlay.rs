//! Writes kept in memory over a device that is never written.
//!
//! The base does not change, so a read may take it first and lay the changed pages over it
//! afterwards; the lock is never held while the base is read.

use std::collections::BTreeMap;
use std::fmt;

use extant_sync::{Arc, Rank, RwLock};

use crate::device::{check_range, to_usize};
use crate::{Alignment, BlockDevice, DeviceError, WriteFlags, read_unaligned};

const PAGE: usize = 4096;
const PAGE_BYTES: u64 = PAGE as u64;

type Page = Box<[u8; PAGE]>;

/// A writable view of a device: pages of 4 KiB that were written live in memory, all others are
/// read from the base. Nothing is durable and nothing reaches the base. Takes as much memory as
/// distinct pages are written; discarding does nothing.
pub struct OverlayDevice {
    base: Arc<dyn BlockDevice>,
    pages: RwLock<BTreeMap<u64, Page>>,
}

/// The part of one page that a request covers.
struct Piece {
    page: u64,
    /// Start in the page.
    start: usize,
    /// Start in the request.
    at: usize,
    len: usize,
}

impl OverlayDevice {
    /// A view of `base` without changes.
    #[must_use]
    pub fn new(base: Arc<dyn BlockDevice>) -> Self {
        Self { base, pages: RwLock::new(Rank::Device, BTreeMap::new()) }
    }

    /// How many pages of 4 KiB differ from the base, or may.
    #[must_use]
    pub fn changed_pages(&self) -> usize {
        self.pages.read().len()
    }

    /// A page of the base; what lies past the end of the device is zero.
    fn base_page(&self, page: u64) -> Result<Page, DeviceError> {
        let mut content = Box::new([0; PAGE]);
        let start = page * PAGE_BYTES;
        let len = to_usize(self.size_bytes().saturating_sub(start).min(PAGE_BYTES));
        read_unaligned(&*self.base, content.get_mut(..len).unwrap_or_default(), start)?;
        Ok(content)
    }

    /// Applies `change(piece, bytes of the page)` to each page of a range.
    fn change(
        &self,
        offset: u64,
        len: usize,
        change: impl Fn(&Piece, &mut [u8]),
    ) -> Result<(), DeviceError> {
        check_range(offset, len as u64, self.size_bytes())?;
        for piece in pieces(offset, len) {
            // Another writer may put the page in between; then its content is the newer one.
            let missing = !self.pages.read().contains_key(&piece.page);
            let content = match missing {
                true if piece.len < PAGE => self.base_page(piece.page)?,
                _ => Box::new([0; PAGE]),
            };
            let mut pages = self.pages.write();
            let page = pages.entry(piece.page).or_insert(content);
            change(&piece, page.get_mut(piece.start..piece.start + piece.len).unwrap_or_default());
        }
        Ok(())
    }
}

/// The pieces of `len` bytes from `offset`, one for each page.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == len {
            return None;
        }
        let place = offset + at as u64;
        let start = to_usize(place % PAGE_BYTES);
        let piece =
            Piece { page: place / PAGE_BYTES, start, at, len: (PAGE - start).min(len - at) };
        at += piece.len;
        Some(piece)
    })
}

impl fmt::Debug for OverlayDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverlayDevice").field("base", &self.base).finish_non_exhaustive()
    }
}

impl BlockDevice for OverlayDevice {
    fn size_bytes(&self) -> u64 {
        self.base.size_bytes()
    }

    fn alignment(&self) -> Alignment {
        Alignment::NONE
    }

    fn write_granularity(&self) -> u32 {
        1
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), DeviceError> {
        read_unaligned(&*self.base, buf, offset)?;
        let pages = self.pages.read();
        let end = offset + buf.len() as u64;
        let touched = offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES);
        if touched.is_empty() || pages.range(touched).next().is_none() {
            return Ok(());
        }
        for piece in pieces(offset, buf.len()) {
            let source = pages.get(&piece.page);
            let source = source.and_then(|page| page.get(piece.start..piece.start + piece.len));
            let target = buf.get_mut(piece.at..piece.at + piece.len);
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64, _: WriteFlags) -> Result<(), DeviceError> {
        self.change(offset, buf.len(), |piece, target| {
            target.copy_from_slice(buf.get(piece.at..piece.at + piece.len).unwrap_or_default());
        })
    }

    fn flush(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn discard(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        check_range(offset, len, self.size_bytes())
    }

    fn write_zeroes(&self, offset: u64, len: u64) -> Result<(), DeviceError> {
        self.change(offset, to_usize(len), |_, target| target.fill(0))
    }
}
