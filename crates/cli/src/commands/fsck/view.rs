//! An image opened for a check: as it is after recovery in memory.

use std::ffi::OsStr;

use extant::device::{BlockDevice, ImageOptions};
use extant::raw::format::BlockSize;
use extant::{CorruptKind, Error, OpenOptions, SuperblockCopy, recovered_view};
use extant_sync::Arc;

use super::Recovery;
use crate::args::Fsck;
use crate::error::Failure;
use crate::image::{block_size, open_at, shown_name};

/// What the command line says about all images.
pub(super) struct Given {
    image: ImageOptions,
    superblock: Option<u64>,
    /// The block size to look for.
    pub(super) block_size: Option<BlockSize>,
    /// The device of the external journal.
    pub(super) journal: Option<Arc<dyn BlockDevice>>,
}

impl Given {
    pub(super) fn of(args: &Fsck) -> Result<Self, Failure> {
        let place = &args.place;
        let ignore_lock = place.ignore_lock;
        let file = ImageOptions { read_only: true, ignore_lock, ..ImageOptions::default() };
        let journal = match &place.journal {
            Some(_) if args.images.len() > 1 => {
                let hint = "check the image with an external journal on its own";
                return Err(Failure::usage("--journal with several images", hint));
            }
            journal => journal.as_ref().map(|path| open_at(path, &file)).transpose()?,
        };
        Ok(Self {
            image: ImageOptions { offset: place.offset, partition: place.partition, ..file },
            superblock: place.sb,
            block_size: place.block_size.map(block_size).transpose()?,
            journal,
        })
    }
}

/// An image as it is after recovery, or, where that is refused, as it is.
pub(super) struct View {
    pub(super) device: Arc<dyn BlockDevice>,
    pub(super) recovery: Recovery,
}

impl View {
    pub(super) fn open(given: &Given, image: &OsStr) -> Result<Self, Failure> {
        let device = open_at(image, &given.image)?;
        let superblock = match given.superblock {
            None => SuperblockCopy::Primary,
            Some(block) => SuperblockCopy::Block { block, block_size: given.block_size },
        };
        let options = OpenOptions {
            superblock,
            allow_short_device: true,
            journal: given.journal.clone(),
            ..OpenOptions::default()
        };
        match recovered_view(Arc::clone(&device), &options) {
            Ok(view) if view.report.needed => {
                Ok(Self { device: view.device, recovery: Recovery::Done(Box::new(view.report)) })
            }
            Ok(view) => Ok(Self { device: view.device, recovery: Recovery::NotNeeded }),
            // The check looks for a superblock of its own.
            Err(error) if is_superblock(&error) => {
                Ok(Self { device, recovery: Recovery::NotNeeded })
            }
            Err(error @ (Error::JournalMissing { .. } | Error::Device(_))) => {
                Err(refused(&shown_name(image), &error))
            }
            Err(error) => Ok(Self { device, recovery: Recovery::Refused(error) }),
        }
    }

    /// Whether the device shows the file system after recovery.
    pub(super) const fn is_recovered(&self) -> bool {
        matches!(self.recovery, Recovery::Done(_))
    }
}

/// Whether the superblock is the reason, and not the log.
fn is_superblock(error: &Error) -> bool {
    match error {
        Error::JournalDevice => true,
        Error::Corrupt(corrupt) => {
            corrupt.at.structure == Some("superblock") && corrupt.kind != CorruptKind::JournalReplay
        }
        _ => false,
    }
}

fn refused(name: &str, error: &Error) -> Failure {
    let failure = Failure::image(name, error);
    match error {
        Error::JournalMissing { .. } => {
            failure.hinting("name the device or image of the journal with --journal".to_owned())
        }
        _ => failure,
    }
}
