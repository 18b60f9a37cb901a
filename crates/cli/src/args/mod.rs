//! The command line, declared. The manual pages and completions are made from it.

mod dump;
mod fsck;
mod image;
mod target;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use dump::{Dump, What};
pub(crate) use fsck::{Extended, Fsck};
pub(crate) use image::{DeviceArgs, ImageArgs};
pub(crate) use target::Target;

const ABOUT: &str =
    "Look into ext2, ext3 and ext4 images, check and recover them, without mounting";
const AFTER: &str = "\
IMAGE is a file, a block device, or `demo:` for the image embedded in this program.
PATH is absolute; `<N>` stands for inode N, `<N>/name` for what is below it.

Exit codes: 0 all done, 1 a part failed, 2 usage, 3 image refused or corrupt, 4 unsupported, \
5 in use; those of fsck are e2fsck's.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "extant", version, about = ABOUT, after_help = AFTER)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The command line as far as `fsck` is concerned.
    pub(crate) fn only_fsck() -> clap::Command {
        let fsck = Fsck::augment_args(clap::Command::new("fsck"));
        clap::Command::new("extant").version(env!("CARGO_PKG_VERSION")).subcommand(fsck)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what an image is: features, sizes, times, state
    Info(Info),
    /// List directories
    Ls(Ls),
    /// Show all attributes of files
    Stat(Stat),
    /// Write the contents of files to standard output
    Cat(Cat),
    /// Show a tree of directories
    Tree(Tree),
    /// Compute one line that names the content of a whole tree
    Digest(Digest),
    /// Show structures of the format, field by field
    Dump(Dump),
    /// Replay the journal of an image that was not cleanly unmounted onto it
    ///
    /// The image is changed: the blocks that the journal holds and what its fast commits say are
    /// written, and the journal is emptied, as the next mount would. All other commands do the
    /// same in memory only, whenever they open such an image. A clean image is not written.
    Recover(Recover),
    Fsck(Fsck),
    /// Print the completions for a shell
    Completions(Completions),
    /// Print manual pages
    Man(Man),
}

#[derive(Debug, Args)]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    /// What to list
    #[arg(value_name = "PATH", default_value = "/")]
    pub(crate) paths: Vec<OsString>,
    /// Show mode, links, owner, size and time
    #[arg(short, long)]
    pub(crate) long: bool,
    /// List what is below directories, too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    /// Show names that start with a dot
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Show inode numbers
    #[arg(short, long)]
    pub(crate) inode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Stat {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    /// What to show
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<OsString>,
    /// Follow a symbolic link at the end of PATH
    #[arg(short = 'L', long)]
    pub(crate) dereference: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cat {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    /// What to write
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Tree {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    /// Where to start
    #[arg(value_name = "PATH", default_value = "/")]
    pub(crate) path: OsString,
    /// Go down at most so many levels
    #[arg(short = 'L', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) level: Option<u32>,
    /// Show at most so many entries of a directory, 0 for all [default: 24 on a terminal, else 0]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Leave out names that start with a dot
    #[arg(long)]
    pub(crate) no_hidden: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Digest {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    /// The tree
    #[arg(value_name = "PATH", default_value = "/")]
    pub(crate) path: OsString,
    /// Print the lines that the digest is made of, then nothing else
    #[arg(short, long)]
    pub(crate) manifest: bool,
    /// The hash
    #[arg(long, value_enum, default_value_t = Hash::Blake3)]
    pub(crate) hash: Hash,
    /// Leave out the times
    #[arg(long)]
    pub(crate) no_times: bool,
    /// Only these fields, separated by commas
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
    /// Threads to use [default: one a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

/// The hash of a digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Hash {
    /// Safe against forgery
    Blake3,
    /// Fast, for benchmarks
    Xxh3,
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    /// Finish orphans, too: delete files that had no name left, cut off what was being truncated
    #[arg(long)]
    pub(crate) orphans: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command whose page to print (`ls`, `dump-group`); without it the page of `extant`
    pub(crate) command: Option<String>,
    /// Write all pages into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}
