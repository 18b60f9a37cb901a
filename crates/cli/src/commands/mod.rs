//! One module for each command.

mod attributes;
mod cat;
mod completions;
mod digest;
mod dump;
mod fsck;
mod info;
mod ls;
mod man;
mod recover;
mod stat;
mod tree;

use crate::args::{Cli, Command};
use crate::error::{Exit, Failure};
use crate::output::Out;

/// Does what the command line asks for.
pub(crate) fn run(cli: &Cli, out: &mut Out) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Info(args) => info::run(args, out),
        Command::Ls(args) => ls::run(args, out),
        Command::Stat(args) => stat::run(args, out),
        Command::Cat(args) => cat::run(args, out),
        Command::Tree(args) => tree::run(args, out),
        Command::Digest(args) => digest::run(args, out),
        Command::Dump(args) => dump::run(args, out),
        Command::Recover(args) => recover::run(args, out),
        Command::Fsck(args) => fsck::run(args, out),
        Command::Completions(args) => completions::run(args, out),
        Command::Man(args) => man::run(args, out),
    }
}
