//! How far a check is: a bar on the terminal, or lines to a descriptor.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use extant_fsck::{Phase, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use super::json::phase as name_of;

/// A check that takes less shows no bar.
const SHORT: Duration = Duration::from_millis(300);

/// Where progress goes.
pub(super) enum Shown {
    /// A bar, made when the check has turned out to be long.
    Bar { since: Instant, bar: OnceLock<ProgressBar> },
    /// Lines, for another program.
    Lines { image: String, file: Mutex<File> },
}

impl Shown {
    /// As `-C` says; `image` is escaped.
    pub(super) fn of(descriptor: Option<i32>, image: &str) -> Option<Self> {
        let bar = || Self::Bar { since: Instant::now(), bar: OnceLock::new() };
        match descriptor {
            None | Some(0) => io::stderr().is_terminal().then(bar),
            Some(descriptor) if descriptor < 0 => None,
            Some(descriptor) => {
                let file = File::options().append(true).open(format!("/dev/fd/{descriptor}"));
                let file = Mutex::new(file.ok()?);
                Some(Self::Lines { image: image.to_owned(), file })
            }
        }
    }
}

impl Progress for Shown {
    fn advance(&self, phase: Phase, done: u64, total: u64) {
        match self {
            Self::Bar { since, .. } if since.elapsed() < SHORT => {}
            Self::Bar { bar, .. } => {
                let bar = bar.get_or_init(new_bar);
                bar.set_message(phase.title());
                bar.set_length(total);
                bar.set_position(done);
            }
            Self::Lines { image, file } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                // A reader that has gone does not end the check.
                let _ = writeln!(file, "{} {done} {total} {image}", name_of(phase));
            }
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Self::Bar { bar, .. } = self
            && let Some(bar) = bar.get()
        {
            bar.finish_and_clear();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar
}
