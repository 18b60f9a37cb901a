//! Memory for I/O: owned, zero-filled when made, aligned so that direct I/O accepts it.
//!
//! One of the few places with `unsafe`: the standard library has no owned bytes with a run-time
//! alignment. Invariant: `pointer` is valid for `len` initialised bytes and owned by this value; it
//! came from the global allocator with `layout(len, align)` unless `len` is 0.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// An owned `[u8]` at an aligned address. Its length never changes.
pub struct AlignedBuffer {
    pointer: NonNull<u8>,
    len: usize,
    align: usize,
}

impl AlignedBuffer {
    /// The alignment of [`AlignedBuffer::new`] in bytes: enough for direct I/O on every device
    /// with sectors of at most 4 KiB.
    pub const DEFAULT_ALIGNMENT: usize = 4096;

    /// `len` zero bytes at [`Self::DEFAULT_ALIGNMENT`]. Aborts, as `Vec` does, when memory is out:
    /// use [`Self::try_with_alignment`] for a length that an image claims.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self::with_alignment(len, Self::DEFAULT_ALIGNMENT)
    }

    /// `len` zero bytes at a multiple of `align` bytes (rounded up to a power of two). Aborts when
    /// memory is out.
    #[must_use]
    pub fn with_alignment(len: usize, align: usize) -> Self {
        Self::try_with_alignment(len, align)
            .unwrap_or_else(|| handle_alloc_error(Layout::new::<u8>()))
    }

    /// As [`Self::with_alignment`], but `None` when memory is out or the length is impossible.
    #[must_use]
    pub fn try_with_alignment(len: usize, align: usize) -> Option<Self> {
        let align = align.checked_next_power_of_two()?;
        let layout = Layout::from_size_align(len, align).ok()?;
        if len == 0 {
            return Some(Self { pointer: layout.dangling_ptr(), len, align });
        }
        // SAFETY: the layout's size is not zero.
        let pointer = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { pointer, len, align })
    }

    /// A copy of `bytes` at [`Self::DEFAULT_ALIGNMENT`].
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut buffer = Self::new(bytes.len());
        buffer.copy_from_slice(bytes);
        buffer
    }

    /// The alignment in bytes, a power of two.
    #[must_use]
    pub fn alignment(&self) -> usize {
        self.align
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        // SAFETY: the constructor made this very layout, so its conditions hold.
        let layout = unsafe { Layout::from_size_align_unchecked(self.len, self.align) };
        // SAFETY: `pointer` came from `alloc_zeroed` with this layout, is owned by `self`, and is
        // not used again.
        unsafe { dealloc(self.pointer.as_ptr(), layout) };
    }
}

impl Deref for AlignedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `pointer` is valid for `len` initialised bytes (or aligned and unused when `len`
        // is 0); the borrow of `self` keeps it alive and unchanged.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.len) }
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and the exclusive borrow of `self` makes this the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.len) }
    }
}

// SAFETY: the buffer owns its memory exclusively, as a `Box<[u8]>` does.
unsafe impl Send for AlignedBuffer {}
// SAFETY: a shared reference gives only shared access to plain bytes.
unsafe impl Sync for AlignedBuffer {}

impl Clone for AlignedBuffer {
    fn clone(&self) -> Self {
        let mut copy = Self::with_alignment(self.len, self.align);
        copy.copy_from_slice(self);
        copy
    }
}

impl AsRef<[u8]> for AlignedBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for AlignedBuffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for AlignedBuffer {}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuffer").field("len", &self.len).field("align", &self.align).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_zero_and_aligned() {
        for align in [0, 1, 3, 512, 4096, 65536] {
            for len in [0, 1, 511, 4096, 70_000] {
                let mut buffer = AlignedBuffer::with_alignment(len, align);
                assert_eq!(buffer.len(), len);
                assert!(buffer.iter().all(|&b| b == 0));
                assert_eq!(buffer.as_ptr().addr() % align.max(1).next_power_of_two(), 0);
                buffer.fill(7);
                assert!(buffer.clone().iter().all(|&b| b == 7));
            }
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(AlignedBuffer::try_with_alignment(usize::MAX, 4096).is_none());
        assert!(AlignedBuffer::try_with_alignment(1, usize::MAX).is_none());
        assert!(AlignedBuffer::try_with_alignment(isize::MAX as usize - 4096, 4096).is_none());
    }

    #[test]
    fn buffers_move_between_threads() {
        let buffer = AlignedBuffer::from_slice(b"abc");
        let back = std::thread::spawn(move || buffer).join().unwrap();
        assert_eq!(&*back, b"abc");
    }
}
