//! `extant dump`: structures of the format as they are on the disk, field by field. Names of
//! fields are those of the JSON; units are in the names.

mod bitmap;
mod extents;
mod group;
mod hexdump;
mod htree;
mod indirect;
mod inode;
mod journal;
mod mmp;
mod superblock;

use extant::IoFlags;
use extant::raw::format::GroupNr;

use crate::args::{Dump, Target, What};
use crate::error::{Exit, Failure};
use crate::image::{Image, open_device};
use crate::output::{Out, Report};

pub(super) use superblock::{state_names, wide_time};

/// The schema of everything here; the member `structure` says which.
const SCHEMA: &str = "extant.dump/1";

pub(super) fn run(args: &Dump, out: &mut Out) -> Result<Exit, Failure> {
    let image = Image::inspect(&args.image, &open_device(&args.image)?)?;
    let show = Show { image: &image, json: args.image.json };
    match &args.what {
        What::Superblock => superblock::run(&show, out),
        What::Group { number } => group::run(&show, *number, out),
        What::Inode { target } => inode::run(&show, target, out),
        What::Block { number } => hexdump::run(&show, *number, out),
        What::Extents { path } => extents::run(&show, &Target::new(path), out),
        What::Htree { path } => htree::run(&show, &Target::new(path), out),
        What::Bitmap { number } => bitmap::run(&show, *number, out),
        What::Mmp => mmp::run(&show, out),
        What::Journal { all } => journal::run(&show, *all, out),
    }
}

/// What every dump needs.
struct Show<'a> {
    image: &'a Image,
    json: bool,
}

impl Show<'_> {
    /// Prints the fields of one structure.
    fn print(&self, structure: &str, mut report: Report, out: &mut Out) -> Result<Exit, Failure> {
        report.hidden("structure", structure);
        report.print(out, self.json.then_some(SCHEMA))?;
        Ok(Exit::Ok)
    }

    /// A failure of something that has a name in the command line.
    fn fail(&self, what: &str, error: impl Into<extant::Error>) -> Failure {
        self.image.fail(what.as_bytes(), &error.into())
    }

    /// A block group by number.
    fn group(&self, number: u32) -> Result<GroupNr, Failure> {
        let geometry = self.image.fs.volume().geometry();
        geometry.group(number).ok_or_else(|| {
            let count = geometry.group_count();
            Failure::part(&self.image.name, format!("no group {number}: there are {count}"))
        })
    }

    /// The bytes of a block, not checked in any way.
    fn block(&self, number: u64) -> Result<Vec<u8>, Failure> {
        let volume = self.image.fs.volume();
        let geometry = volume.geometry();
        let nr = geometry.block(number).ok_or_else(|| {
            let count = geometry.blocks_count();
            Failure::part(&self.image.name, format!("no block {number}: there are {count}"))
        })?;
        let block = volume.buffers().read(nr, IoFlags::NONE).map_err(|error| {
            self.fail(&format!("block {number}"), extant::raw::core::Error::from(error))
        })?;
        Ok(block.bytes().to_vec())
    }
}
