//! `extant digest`: one line that names the content of a tree, or the lines it is made of.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use extant_tree::{
    Digest as Found, DigestOptions, Error, Field, Fields, Progress, digest, manifest,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::args::{Digest, Hash, Target};
use crate::error::{Exit, Failure, Parts};
use crate::image::Image;
use crate::output::{Out, human_size, json};

pub(super) fn run(args: &Digest, out: &mut Out) -> Result<Exit, Failure> {
    let fields = fields(args)?;
    let image = Image::open(&args.image)?;
    let path = image.path_of(&Target::new(&args.path))?;
    let bar = progress_bar(args.manifest);
    let show = |progress: Progress| show(&bar, progress);
    let options = DigestOptions {
        hash: match args.hash {
            Hash::Blake3 => extant_tree::Hash::Blake3,
            Hash::Xxh3 => extant_tree::Hash::Xxh3,
        },
        times: !args.no_times,
        fields,
        threads: args.threads.unwrap_or(0).into(),
        progress: (!bar.is_hidden()).then_some(&show),
    };
    let found = if args.manifest {
        let mut lines = Lines { out, json: args.image.json, rest: Vec::new() };
        manifest(&image.fs, &path, &options, &mut lines)
    } else {
        digest(&image.fs, &path, &options)
    };
    bar.finish_and_clear();
    let found = found.map_err(|error| failure(&image, &path, error))?;
    finish(args, &image, found, out)
}

fn finish(args: &Digest, image: &Image, found: Found, out: &mut Out) -> Result<Exit, Failure> {
    let mut parts = Parts::default();
    let mut errors = Vec::new();
    for (path, error) in found.errors {
        errors.push(json!({ "path": json::name(&path), "what": error.to_string() }));
        parts.failed(failure(image, &path, error))?;
    }
    if found.more_errors > 0 {
        let what = format!("{} more errors", found.more_errors);
        parts.failed(Failure::part(&image.name, what))?;
    }
    if args.image.json && !args.manifest {
        out.json_line(&json!({
            "schema": "extant.digest/1",
            "digest": found.complete.then_some(&found.string),
            "entries": found.entries,
            "read_bytes": found.bytes,
            "errors": errors,
        }))?;
    } else if !args.manifest && found.complete {
        writeln!(out, "{}", found.string)?;
    }
    if found.complete {
        parts.good();
    }
    Ok(parts.exit())
}

fn failure(image: &Image, path: &[u8], error: Error) -> Failure {
    match error {
        Error::Fs(error) => image.fail(path, &error),
        Error::Output(error) => error.into(),
        error => Failure::part(&image.at(path), error),
    }
}

/// The selected fields; the order of the names does not matter.
fn fields(args: &Digest) -> Result<Fields, Failure> {
    if args.fields.is_empty() {
        return Ok(Fields::ALL);
    }
    Fields::parse(&args.fields.join(",")).map_err(|unknown| {
        let names: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
        let what = format!("--fields: no field {unknown:?}");
        Failure::usage(what, &format!("the fields are {}", names.join(", ")))
    })
}

/// A bar on standard error, hidden where that is no terminal or the lines would run into it.
fn progress_bar(with_lines: bool) -> ProgressBar {
    if !io::stderr().is_terminal() || (with_lines && io::stdout().is_terminal()) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_message(format!("{} names, {}", progress.entries, human_size(progress.bytes)));
}

/// Passes manifest lines on, in JSON each as an object.
struct Lines<'a> {
    out: &'a mut Out,
    json: bool,
    /// The start of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.json {
            return self.out.write(bytes);
        }
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            self.rest.extend_from_slice(piece);
            if let Some(line) = self.rest.strip_suffix(b"\n") {
                let line: Value = json::name(line);
                self.out.json_line(&json!({ "schema": "extant.digest/1", "line": line }))?;
                self.rest.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
