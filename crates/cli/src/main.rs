//! The `extant` command: look into ext2/3/4 images without mounting them.
//!
//! `args` says what can be asked, a module of `commands` answers each, `output` writes it so that
//! nothing in an image reaches a terminal raw, `error` turns failures into a line, a hint and an
//! exit code.
#![forbid(unsafe_code)]

mod absent;
mod args;
mod commands;
mod error;
mod image;
mod output;

use std::process::ExitCode;

use crate::error::{Exit, Failure};
use crate::output::Out;

fn main() -> ExitCode {
    let cli = match absent::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let mut out = Out::new();
    let done = commands::run(&cli, &mut out).and_then(|exit| {
        out.finish()?;
        Ok(exit)
    });
    let exit = done.unwrap_or_else(|failure: Failure| {
        // What was written before the failure comes first; a second failure of it says no more.
        let _ = out.finish();
        failure.report();
        failure.exit
    });
    Exit::into(exit)
}
