//! `extant fsck`: the options of e2fsck(8) that make sense without repair.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use super::image::bytes;

/// Of what other commands have, too, in help and pages.
const HEADING: &str = "Image options";
const AFTER: &str = "\
Exit codes, joined by OR over all images: 0 no errors, 4 errors (left as they are), 8 an image \
could not be checked, 16 usage, 32 cancelled.";

/// Check file systems, and change nothing
///
/// What the journal holds is replayed in memory first. An image that is marked as clean is passed
/// over unless -f is given. There is no repair yet: with or without -n errors are reported only.
#[derive(Debug, Args)]
#[command(after_help = AFTER, args_override_self = true)]
pub(crate) struct Fsck {
    /// Image files, block devices, or `demo:`
    #[arg(value_name = "IMAGE", required_unless_present = "list_problems")]
    pub(crate) images: Vec<OsString>,
    /// Change nothing and answer no to everything
    #[arg(short = 'n', conflicts_with_all = ["automatic", "yes"])]
    pub(crate) read_only: bool,
    /// Check also if the file system is marked as clean
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Show what is in the file system
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Show how long it took
    #[arg(short = 't', long)]
    pub(crate) timing: bool,
    /// Progress: a bar for 0, lines `PHASE DONE TOTAL IMAGE` to another descriptor, none if it is
    /// negative [default: a bar on a terminal]
    #[arg(short = 'C', value_name = "FD", allow_negative_numbers = true)]
    pub(crate) progress: Option<i32>,
    /// Extended options, separated by commas: journal_only says what replay would do, and stops
    #[arg(short = 'E', value_name = "OPTION", value_delimiter = ',', value_enum)]
    pub(crate) extended: Vec<Extended>,
    /// Show at most so many problems of an image
    #[arg(long, value_name = "N")]
    pub(crate) max_problems: Option<usize>,
    /// Threads to use [default: one a processor for large images]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// Print the table of problems: id, severity, phase, text
    #[arg(long)]
    pub(crate) list_problems: bool,
    /// Print JSON: a line an image
    #[arg(long)]
    pub(crate) json: bool,
    /// Repair what is safe to repair: not in this version
    #[arg(short = 'p', short_alias = 'a', hide = true)]
    pub(crate) automatic: bool,
    /// Repair everything: not in this version
    #[arg(short = 'y', hide = true)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where the file system is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Use the superblock copy in this block
    #[arg(short = 'b', long, value_name = "BLOCK", help_heading = HEADING)]
    pub(crate) sb: Option<u64>,
    /// Bytes of a block, to find the superblock copy (all sizes are tried without it)
    #[arg(short = 'B', long, value_name = "BYTES", value_parser = bytes, help_heading = HEADING)]
    pub(crate) block_size: Option<u64>,
    /// Device or image of the external journal, if the file system has one
    #[arg(short, long, value_name = "PATH", help_heading = HEADING)]
    pub(crate) journal: Option<OsString>,
    /// Byte where the file system, or with --partition the disk, starts (k, M, G, T: binary units)
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "0")]
    #[arg(hide_default_value = true, help_heading = HEADING)]
    pub(crate) offset: u64,
    /// Partition that holds the file system, from 1 (GPT or MBR)
    #[arg(long, value_name = "N", help_heading = HEADING)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) partition: Option<u32>,
    /// Open although somebody else uses the image
    #[arg(long, help_heading = HEADING)]
    pub(crate) ignore_lock: bool,
}

/// An extended option.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Extended {
    /// Only the journal
    #[value(name = "journal_only")]
    JournalOnly,
}
