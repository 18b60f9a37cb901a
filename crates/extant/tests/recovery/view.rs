//! Opening and recovering images, and what they show.

use std::path::Path;
use std::sync::Arc;

use extant::device::{BlockDevice, ImageOptions, MemoryDevice, open_image};
use extant::{Filesystem, OpenOptions, RecoverOptions, RecoveryReport};
use extant_tree::{DigestOptions, Hash, manifest};

fn device(path: &Path, read_only: bool) -> Arc<dyn BlockDevice> {
    open_image(path, &ImageOptions { read_only, ..ImageOptions::default() }).unwrap()
}

/// Opens the image for reading, its journal replayed into memory.
pub(crate) fn open(image: &Path, journal: Option<&Path>) -> Filesystem {
    let journal = journal.map(|path| device(path, true));
    let options = OpenOptions { journal, ..OpenOptions::default() };
    Filesystem::open(device(image, true), &options).unwrap()
}

/// As [`open`], of an image in memory.
pub(crate) fn open_bytes(image: &[u8]) -> extant::Result<Filesystem> {
    let device = Arc::new(MemoryDevice::from_vec(image.to_vec()));
    Filesystem::open(device, &OpenOptions::default())
}

/// Recovers the image in place.
pub(crate) fn recover(
    image: &Path,
    journal: Option<&Path>,
    finish_orphans: bool,
) -> RecoveryReport {
    let journal = journal.map(|path| device(path, false));
    let options = RecoverOptions { journal, finish_orphans, ..RecoverOptions::default() };
    extant::recover(device(image, false), &options).unwrap()
}

/// The lines of the tree's manifest, in the form of the test kit's.
pub(crate) fn lines(fs: &Filesystem) -> Vec<String> {
    let options = DigestOptions { hash: Hash::Xxh3, ..DigestOptions::default() };
    let mut text = Vec::new();
    let digest = manifest(fs, b"/", &options, &mut text).unwrap();
    assert!(digest.complete && digest.errors.is_empty(), "{:?}", digest.errors.first());
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

/// Fails with the first line that differs.
pub(crate) fn assert_same_lines(told: &[String], ours: &[String], context: &str) {
    for (told, ours) in told.iter().zip(ours) {
        assert_eq!(ours, told, "{context}: ours, then what it must be");
    }
    assert_eq!(ours.len(), told.len(), "{context}");
}
