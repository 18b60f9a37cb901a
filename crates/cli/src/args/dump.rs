//! What `extant dump` shows.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::args::ImageArgs;

#[derive(Debug, Args)]
#[command(subcommand_value_name = "STRUCTURE", subcommand_help_heading = "Structures")]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// The superblock, all fields
    #[command(alias = "sb")]
    Superblock,
    /// The descriptor of a block group, or a line for each group
    Group {
        /// Number of the group, from 0; without it all are listed
        number: Option<u32>,
    },
    /// An inode, all fields and its bytes
    Inode {
        /// A number, `<N>`, or a path (links are not followed)
        #[arg(value_name = "N|PATH")]
        target: OsString,
    },
    /// A block as a hexdump
    Block {
        /// Number of the block
        number: u64,
    },
    /// The block map of a file: the extent tree level by level, or the runs of an indirect map
    Extents {
        /// The file
        path: OsString,
    },
    /// The hash tree of a directory: nodes, limits, hashes, leaves
    Htree {
        /// The directory
        path: OsString,
    },
    /// The bitmaps of a block group: what is in use
    Bitmap {
        /// Number of the group, from 0
        number: u32,
    },
    /// The multi-mount protection block
    Mmp,
    /// The journal: its superblock and the records of its log, in order
    Journal {
        /// Show what is behind the end of the log, too: records that were replayed already
        #[arg(long)]
        all: bool,
    },
}
