//! Parsing, with the commands that are planned but not there yet: they are hidden, take anything,
//! and say so with their own exit code instead of a usage error.

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

use crate::args::Cli;
use crate::error::{CheckExit, Exit, Failure};

/// Commands of the design that this version does not have.
const ABSENT: &[&str] = &[
    "batch",
    "chattr",
    "chgrp",
    "chmod",
    "chown",
    "cp",
    "ctl",
    "defrag",
    "extract",
    "fallocate",
    "freeze",
    "grow",
    "label",
    "ln",
    "mkdir",
    "mkfs",
    "mknod",
    "mount",
    "mv",
    "put",
    "quota",
    "resize",
    "rm",
    "rmdir",
    "setfacl",
    "setxattr",
    "thaw",
    "touch",
    "trim",
    "truncate",
    "tune",
    "umount",
    "undelete",
    "write",
];

/// The command line, or the exit code of one that asks for nothing or for too much; what there is
/// to say has then been said.
pub(crate) fn parse() -> Result<Cli, Exit> {
    let is_fsck = std::env::args_os().nth(1).is_some_and(|name| name == "fsck");
    // A check of a small image takes less time than to declare what all commands take.
    let command = if is_fsck { Cli::only_fsck() } else { with_absent(Cli::command()) };
    let parsed = command.try_get_matches().and_then(|matches| {
        if let Some(name) = matches.subcommand_name().filter(|name| ABSENT.contains(name)) {
            return Ok(Err(name.to_owned()));
        }
        Cli::from_arg_matches(&matches).map(Ok)
    });
    match parsed {
        Ok(Ok(cli)) => Ok(cli),
        Ok(Err(name)) => {
            let failure = Failure::unsupported(&format!("{name} (not in this version)"));
            failure.report();
            Err(failure.exit)
        }
        Err(error) => {
            // To a closed pipe there is nothing to say.
            let _ = error.print();
            Err(match error.use_stderr() {
                true if is_fsck => Exit::Check(CheckExit::USAGE),
                true => Exit::Usage,
                false => Exit::Ok,
            })
        }
    }
}

fn with_absent(command: Command) -> Command {
    let anything = || {
        Arg::new("arguments")
            .num_args(0..)
            .trailing_var_arg(true)
            .allow_hyphen_values(true)
            .action(ArgAction::Append)
    };
    ABSENT.iter().fold(command, |command, name| {
        let hidden = Command::new(*name).hide(true).disable_help_flag(true).arg(anything());
        command.subcommand(hidden)
    })
}
