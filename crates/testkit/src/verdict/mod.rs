//! Judges of a checker: what it says of an image against what e2fsck says.
//!
//! A judge takes the checker as a function, so that it can be shown to refuse a wrong one.
//! [`corruptions`] asks about [damaged](crate::damage) images, [`corpora`] about the corpora,
//! [`soundness`] about images that e2fsck finds clean. Each gives a report that prints every
//! difference, and says whether the checker passes.

pub mod corpora;
pub mod corruptions;
pub mod soundness;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::error::{Context, Result};
use crate::oracle;

/// No image may take longer to check.
pub const TIME_BOUND: Duration = Duration::from_secs(10);

/// What a checker says of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opinion {
    /// Nothing is wrong.
    Clean,
    /// What is wrong, a line each; never empty. That it could not be checked at all is one, too.
    Errors(Vec<String>),
    /// It panicked, or took more than [`TIME_BOUND`].
    Failed(String),
}

impl Opinion {
    /// True if something is wrong.
    #[must_use]
    pub const fn is_errors(&self) -> bool {
        matches!(self, Self::Errors(_))
    }

    /// `clean`, `errors` or `failed`, and the first lines.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Clean => "clean".to_owned(),
            Self::Errors(lines) => {
                let first: Vec<_> = lines.iter().take(3).map(String::as_str).collect();
                format!("{} errors: {}", lines.len(), first.join("; "))
            }
            Self::Failed(what) => format!("failed: {what}"),
        }
    }
}

/// An image to give an opinion on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    /// The file with the file system.
    pub image: &'a Path,
    /// The file with its external journal.
    pub journal: Option<&'a Path>,
}

impl<'a> Subject<'a> {
    /// An image without external journal.
    #[must_use]
    pub const fn new(image: &'a Path) -> Self {
        Self { image, journal: None }
    }
}

/// A checker. It does not change the image.
pub type Checker = fn(Subject<'_>) -> Opinion;

/// Asks `checker` about an image in a thread of its own, and how long that took.
#[must_use]
pub fn ask(checker: Checker, subject: Subject<'_>) -> (Opinion, Duration) {
    ask_within(checker, subject, TIME_BOUND)
}

fn ask_within(checker: Checker, subject: Subject<'_>, bound: Duration) -> (Opinion, Duration) {
    let (sender, receiver) = channel();
    let (image, journal) = (subject.image.to_path_buf(), subject.journal.map(Path::to_path_buf));
    let start = Instant::now();
    std::thread::spawn(move || {
        let subject = Subject { image: &image, journal: journal.as_deref() };
        let result = catch_unwind(|| checker(subject));
        // Nobody listens any more after the time bound.
        let _ = sender.send(result);
    });
    let opinion = match receiver.recv_timeout(bound) {
        Ok(Ok(opinion)) => opinion,
        Ok(Err(payload)) => {
            let text = payload.downcast_ref::<&str>().map(|&text| text.to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            Opinion::Failed(format!("panicked: {}", text.unwrap_or_default()))
        }
        Err(_) => Opinion::Failed(format!("took more than {bound:?}")),
    };
    (opinion, start.elapsed())
}

/// The little-endian u32 at `offset` of the superblock; 0 where the image is too short.
fn superblock_field(image: &Path, offset: u64) -> Result<u32> {
    let file = File::open(image).on("open", image)?;
    let mut bytes = [0; 4];
    let read = file.read_at(&mut bytes, 1024 + offset).on("read", image)?;
    Ok(if read == bytes.len() { u32::from_le_bytes(bytes) } else { 0 })
}

/// Whether `image` has something to recover: a log, orphans in the list or in the orphan file.
///
/// # Errors
/// If it cannot be read.
pub fn is_dirty(image: &Path) -> Result<bool> {
    const MAGIC: u32 = 0xef53;
    const INCOMPAT_RECOVER: u32 = 0x4;
    const RO_ORPHAN_PRESENT: u32 = 0x1_0000;
    let recover = superblock_field(image, 0x60)? & INCOMPAT_RECOVER != 0;
    let present = superblock_field(image, 0x64)? & RO_ORPHAN_PRESENT != 0;
    let orphans = present || superblock_field(image, 0xe8)? != 0;
    Ok(superblock_field(image, 0x38)? & 0xffff == MAGIC && (recover || orphans))
}

/// A copy of a dirty image with its log replayed and its orphans gone, as far as e2fsck can;
/// `None` if the image is not dirty.
///
/// # Errors
/// If the image cannot be copied, or e2fsck not be run.
pub fn replayed(image: &Path) -> Result<Option<PathBuf>> {
    if !is_dirty(image)? {
        return Ok(None);
    }
    let copy = image.with_extension("replayed");
    std::fs::copy(image, &copy).on("copy", image)?;
    // What it cannot replay is for the check to find.
    oracle::journal_only(&copy, None)?;
    Ok(Some(copy))
}

/// `2 of 3 (66.7 %)`.
fn share(part: usize, whole: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "printed with one decimal")]
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    format!("{part} of {whole} ({percent:.2} %)")
}
