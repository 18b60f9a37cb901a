//! The phase of inodes: every inode of every table that may be in use, what it maps, and its
//! attributes. Claims the blocks of all files.
//!
//! Groups are spread over threads. A thread claims clusters in bitmaps shared by all, so that a
//! cluster claimed twice is known whoever came first; what else is found stays with the thread and
//! is ordered at the end.

mod check;
mod claim;
mod fields;
mod reserved;
mod scan;
mod size;

use extant_format::InodeNr;

pub(crate) use scan::scan;

use crate::census::Census;
use crate::image::Image;
use crate::quota::Usage;
use crate::report::{Problems, Summary};

/// A thread of the phase.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) image: &'a Image,
    pub(crate) census: &'a Census,
    pub(crate) problems: Problems,
    /// Directories in use.
    pub(crate) directories: Vec<InodeNr>,
    pub(crate) summary: Summary,
    /// What the owners of the inodes use.
    pub(crate) usage: Usage,
}

/// What a thread found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) problems: Problems,
    /// Directories in use.
    pub(crate) directories: Vec<InodeNr>,
    pub(crate) summary: Summary,
    /// What the owners of the inodes use.
    pub(crate) usage: Usage,
}

impl<'a> Worker<'a> {
    pub(crate) fn finish(self) -> Found {
        let Self { problems, directories, summary, usage, .. } = self;
        Found { problems, directories, summary, usage }
    }

    pub(crate) fn new(image: &'a Image, census: &'a Census) -> Self {
        Self {
            image,
            census,
            problems: Problems::default(),
            directories: Vec::new(),
            summary: Summary::default(),
            usage: Usage::default(),
        }
    }
}
