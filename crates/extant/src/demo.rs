//! The demo image: a small ext4 file system inside the library, so that examples, tests and a
//! newcomer need nothing at hand. `scripts/make-demo.sh` builds it.

use std::io::Read;

use extant_block::{BlockDevice, MemoryDevice};
use extant_sync::Arc;
use flate2::read::GzDecoder;

/// The image, compressed: 4 MiB, most of it zero.
const COMPRESSED: &[u8] = include_bytes!("../data/demo.img.gz");
/// Its size in bytes.
const SIZE: usize = 4 << 20;

/// A device that holds a private copy of the demo image.
///
/// ```
/// use extant::{Filesystem, IoFlags, OpenOptions};
///
/// let fs = Filesystem::open(extant::demo::device(), &OpenOptions::default())?;
/// let readme = fs.open_file(b"/README.txt", IoFlags::NONE)?;
/// let mut text = [0; 7];
/// readme.read_at(&mut text, 0, IoFlags::NONE)?;
/// assert_eq!(&text, b"Welcome");
/// # Ok::<(), extant::Error>(())
/// ```
#[must_use]
pub fn device() -> Arc<dyn BlockDevice> {
    Arc::new(MemoryDevice::from_vec(image()))
}

/// The bytes of the demo image, for those who want them in a file.
#[must_use]
pub fn image() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SIZE);
    // The data is part of the program and a test inflates it: an error would show as a short image.
    let _ = GzDecoder::new(COMPRESSED).read_to_end(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_inflates_to_its_size() {
        assert_eq!(image().len(), SIZE);
        assert!(COMPRESSED.len() < 150_000, "{}", COMPRESSED.len());
    }
}
