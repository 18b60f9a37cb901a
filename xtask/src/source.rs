//! The files of the workspace that rules look at.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// One text file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root of the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The folder name of the crate it belongs to (`xtask` for xtask's).
    pub(crate) fn crate_dir(&self) -> Option<&str> {
        let mut parts = self.path.split('/');
        match parts.next()? {
            "crates" => parts.next(),
            "xtask" => Some("xtask"),
            _ => None,
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// In a crate's `src`.
    pub(crate) fn is_in_src(&self) -> bool {
        self.path.contains("/src/")
    }

    /// Nothing but tests: a `tests` folder or a `tests.rs` beside the code.
    pub(crate) fn is_test_only(&self) -> bool {
        !self.is_in_src() || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Written by a program, as its first lines say.
    pub(crate) fn is_generated(&self) -> bool {
        self.text.lines().take(5).any(|line| line.contains("@generated"))
    }

    /// The root of a library or program.
    pub(crate) fn is_crate_root(&self) -> bool {
        self.path.ends_with("/src/lib.rs") || self.path.ends_with("/src/main.rs")
    }
}

/// All files below `root` that rules may be about: not those of build folders or hidden ones, and
/// not what is not UTF-8.
pub(crate) fn load(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root)?.to_string_lossy().into_owned();
                sources.push(Source { path, text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let listed = fs::read_dir(folder);
    for entry in listed.with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_small = path.metadata().is_ok_and(|found| found.is_dir() || found.len() < 4 << 20);
        let skipped = |name: String| {
            name == "target" || (name.starts_with('.') && name != ".ci" && name != ".config")
        };
        if !path.is_symlink() && is_small && !name.is_none_or(skipped) {
            paths.push(path);
        }
    }
    Ok(paths)
}
