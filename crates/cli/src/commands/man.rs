//! `extant man`: manual pages, made from the declaration of the command line.

use std::fs;
use std::io::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;

use crate::args::{Cli, Man};
use crate::error::{Exit, Failure};
use crate::output::{Out, escape};

pub(super) fn run(args: &Man, out: &mut Out) -> Result<Exit, Failure> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    if let Some(dir) = &args.dir {
        return write_all(&root, dir);
    }
    let command = match &args.command {
        None => root,
        Some(name) => page_of(&root, name)?,
    };
    out.write_all(&render(command)?)?;
    Ok(Exit::Ok)
}

/// The command `name`, with `dump-group` for a command below another.
fn page_of(root: &Command, name: &str) -> Result<Command, Failure> {
    let page = format!("extant-{name}");
    let found = all_below(root).into_iter().find(|(found, _)| *found == page);
    found.map(|(_, command)| command).ok_or_else(|| {
        let what = format!("no command {}", escape(name.as_bytes()));
        Failure::usage(what, "`extant help` lists the commands")
    })
}

/// All commands below `command` by the names of their pages, which they got when they were built.
fn all_below(command: &Command) -> Vec<(String, Command)> {
    let mut all = Vec::new();
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let name = below.get_display_name().unwrap_or_else(|| below.get_name());
        all.push((name.to_owned(), below.clone()));
        all.extend(all_below(below));
    }
    all
}

fn render(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let source = concat!("extant ", env!("CARGO_PKG_VERSION"));
    Page::new(command).source(source).manual("Extant").render(&mut page)?;
    Ok(page)
}

fn write_all(root: &Command, dir: &Path) -> Result<Exit, Failure> {
    let mut pages = all_below(root);
    pages.push(("extant".to_owned(), root.clone()));
    for (name, command) in pages {
        let path = dir.join(format!("{name}.1"));
        let page = render(command)?;
        fs::write(&path, page)
            .map_err(|error| Failure::part(&escape(path.to_string_lossy().as_bytes()), error))?;
    }
    Ok(Exit::Ok)
}
