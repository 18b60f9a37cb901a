//! `extant tree`: a tree of directories as a picture. In JSON a line an entry, with its depth.

use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};

use extant::{DirEntry, FileType, Follow, InodeNr, IoFlags, Node};
use serde_json::json;

use crate::args::{Target, Tree};
use crate::commands::attributes::target;
use crate::commands::ls::join;
use crate::error::{Exit, Failure, Parts};
use crate::image::Image;
use crate::output::{Out, escape, json};

/// Entries of a directory to show on a terminal.
const TERMINAL_LIMIT: usize = 24;
/// The deepest tree of sensible size; deeper ones are a hostile image.
const MAX_DEPTH: usize = 4096;

pub(super) fn run(args: &Tree, out: &mut Out) -> Result<Exit, Failure> {
    let image = Image::open(&args.image)?;
    let path = Target::new(&args.path);
    let node = image.resolve(&path, Follow::Yes)?;
    let on_terminal = io::stdout().is_terminal() && !args.image.json;
    let limit = args.limit.unwrap_or(if on_terminal { TERMINAL_LIMIT } else { 0 });
    let mut picture = Picture {
        image: &image,
        args,
        limit: if limit == 0 { usize::MAX } else { limit },
        lines: Lines::of_locale(),
        seen: HashSet::new(),
        parts: Parts::default(),
        counts: (0, 0),
    };
    picture.start(&node, &path.bytes(), out)?;
    Ok(picture.parts.exit())
}

struct Picture<'a> {
    image: &'a Image,
    args: &'a Tree,
    limit: usize,
    lines: Lines,
    /// Directories that were entered.
    seen: HashSet<InodeNr>,
    parts: Parts,
    /// Directories and other things that were named.
    counts: (u64, u64),
}

/// The strokes of the picture.
struct Lines {
    branch: &'static str,
    last: &'static str,
    through: &'static str,
}

impl Lines {
    /// Box-drawing characters where the locale says UTF-8.
    fn of_locale() -> Self {
        let name = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(|variable| std::env::var(variable).ok())
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if name.contains("utf-8") || name.contains("utf8") {
            return Self {
                branch: "\u{251c}\u{2500}\u{2500} ",
                last: "\u{2514}\u{2500}\u{2500} ",
                through: "\u{2502}   ",
            };
        }
        Self { branch: "|-- ", last: "`-- ", through: "|   " }
    }
}

/// A directory on the way down: what of it is still to show.
struct Level {
    dir: Node,
    path: Vec<u8>,
    entries: std::vec::IntoIter<DirEntry>,
    /// Entries that are left out.
    hidden: usize,
    /// What stands before each line.
    prefix: String,
}

impl Picture<'_> {
    fn start(&mut self, node: &Node, path: &[u8], out: &mut Out) -> Result<(), Failure> {
        let json = self.args.image.json;
        if node.file_type() != FileType::Directory {
            return Err(self.image.fail(path, &extant::Error::NotADirectory));
        }
        if !json {
            writeln!(out, "{}", escape(path))?;
        }
        self.seen.insert(node.ino());
        self.parts.good();
        let mut levels = vec![self.level(node, path.to_vec(), String::new())?];
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.entries.next() else {
                if level.hidden > 0 && !json {
                    let (last, hidden) = (self.lines.last, level.hidden);
                    writeln!(out, "{}{last}({hidden} more; --limit 0 shows all)", level.prefix)?;
                }
                levels.pop();
                continue;
            };
            let below = self.entry(&levels, &entry, out)?;
            levels.extend(below);
        }
        if !json {
            let (dirs, others) = self.counts;
            writeln!(
                out,
                "\n{}, {}",
                count(dirs, "directory", "directories"),
                count(others, "file", "files")
            )?;
        }
        Ok(())
    }

    /// Shows one entry of the innermost directory; returns the level below if it is a directory
    /// to enter.
    fn entry(
        &mut self,
        levels: &[Level],
        entry: &DirEntry,
        out: &mut Out,
    ) -> Result<Option<Level>, Failure> {
        let depth = levels.len();
        let Some(level) = levels.last() else { return Ok(None) };
        let path = join(&level.path, &entry.name);
        let is_last = level.entries.len() == 0 && level.hidden == 0;
        let (node, target) = self.look(&level.dir, entry, &path)?;
        let kind = node.as_ref().map(Node::file_type).or(entry.file_type);
        let is_dir = kind == Some(FileType::Directory);
        *if is_dir { &mut self.counts.0 } else { &mut self.counts.1 } += 1;
        if self.args.image.json {
            out.json_line(&json!({
                "schema": "extant.tree/1",
                "path": json::name(&path),
                "depth": depth,
                "ino": entry.ino.get(),
                "type": kind.map(FileType::name),
                "target": target.as_deref().map(json::name),
            }))?;
        } else {
            let stroke = if is_last { self.lines.last } else { self.lines.branch };
            let arrow = target.map(|target| format!(" -> {}", escape(&target)));
            let (name, mark) = (escape(&entry.name), mark(kind));
            writeln!(out, "{}{stroke}{name}{mark}{}", level.prefix, arrow.unwrap_or_default())?;
        }
        let through = if is_last { "    " } else { self.lines.through };
        let prefix = format!("{}{through}", level.prefix);
        let below = self.args.level.is_none_or(|most| depth < most as usize);
        match node.filter(|_| is_dir && below) {
            Some(node) => self.enter(&node, path, prefix, depth),
            None => Ok(None),
        }
    }

    /// The inode of an entry and, of a symbolic link, the target: what of them can be read.
    fn look(
        &mut self,
        dir: &Node,
        entry: &DirEntry,
        path: &[u8],
    ) -> Result<(Option<Node>, Option<Vec<u8>>), Failure> {
        let found = dir.filesystem().node(entry.ino, IoFlags::NONE);
        let looked = found.and_then(|node| Ok((target(&node)?, node)));
        match looked {
            Ok((target, node)) => Ok((Some(node), target)),
            Err(error) => {
                self.parts.failed(self.image.fail(path, &error))?;
                Ok((None, None))
            }
        }
    }

    fn enter(
        &mut self,
        node: &Node,
        path: Vec<u8>,
        prefix: String,
        depth: usize,
    ) -> Result<Option<Level>, Failure> {
        let what = if depth >= MAX_DEPTH {
            "too deep to go on"
        } else if !self.seen.insert(node.ino()) {
            "this directory was shown already: the image has a loop"
        } else {
            return self.level(node, path, prefix).map(Some);
        };
        self.parts.failed(Failure::part(&self.image.at(&path), what))?;
        Ok(None)
    }

    fn level(&mut self, node: &Node, path: Vec<u8>, prefix: String) -> Result<Level, Failure> {
        let dir = node.clone().into_dir().map_err(|error| self.image.fail(&path, &error))?;
        let mut entries = Vec::new();
        for entry in dir.entries(IoFlags::NONE) {
            match entry {
                Ok(entry) if entry.is_dot() => {}
                Ok(entry) if self.args.no_hidden && entry.name.starts_with(b".") => {}
                Ok(entry) => entries.push(entry),
                Err(error) => self.parts.failed(self.image.fail(&path, &error))?,
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let hidden = entries.len().saturating_sub(self.limit);
        entries.truncate(self.limit);
        Ok(Level { dir: node.clone(), path, entries: entries.into_iter(), hidden, prefix })
    }
}

/// The mark of `ls -F`.
fn mark(kind: Option<FileType>) -> &'static str {
    match kind {
        Some(FileType::Directory) => "/",
        Some(FileType::Fifo) => "|",
        Some(FileType::Socket) => "=",
        _ => "",
    }
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
