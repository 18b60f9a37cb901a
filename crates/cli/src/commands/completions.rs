//! `extant completions`: for the shell to read.

use clap::CommandFactory;

use crate::args::{Cli, Completions};
use crate::error::{Exit, Failure};
use crate::output::Out;
use std::io::Write;

pub(super) fn run(args: &Completions, out: &mut Out) -> Result<Exit, Failure> {
    // The generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "extant", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Ok)
}
