//! `extant ls`: directories, sorted by name. In JSON a line an entry, always with all attributes.

use std::collections::HashSet;
use std::io::Write;

use extant::{DirEntry, Error, FileType, Follow, IoFlags, Node, Stat};
use serde_json::Value;

use crate::args::{Ls, Target};
use crate::commands::attributes::{mode_text, size_text, stat_json, target};
use crate::error::{Exit, Failure, Parts};
use crate::image::Image;
use crate::output::{Align, Out, Table, escape, json, short_time};

pub(super) fn run(args: &Ls, out: &mut Out) -> Result<Exit, Failure> {
    let image = Image::open(&args.image)?;
    let mut listing = Listing {
        image: &image,
        args,
        parts: Parts::default(),
        titles: args.paths.len() > 1 || args.recursive,
        first: true,
    };
    for path in &args.paths {
        let target = Target::new(path);
        let follow = if args.long { Follow::No } else { Follow::Yes };
        match image.resolve(&target, follow) {
            Ok(node) => listing.argument(node, target.bytes(), out)?,
            Err(failure) => listing.parts.failed(failure)?,
        }
    }
    Ok(listing.parts.exit())
}

struct Listing<'a> {
    image: &'a Image,
    args: &'a Ls,
    parts: Parts,
    /// Whether directories are announced by their paths.
    titles: bool,
    /// Whether nothing has been printed yet.
    first: bool,
}

/// A line of the listing.
struct Row {
    name: Vec<u8>,
    path: Vec<u8>,
    ino: u32,
    details: Option<Details>,
}

struct Details {
    stat: Stat,
    target: Option<Vec<u8>>,
    has_acl: bool,
}

impl Details {
    fn of(node: &Node) -> extant::Result<Self> {
        let names = node.xattr_names(IoFlags::NONE)?;
        let has_acl = names.iter().any(|name| name.starts_with(b"system.posix_acl_"));
        Ok(Self { stat: node.stat(), target: target(node)?, has_acl })
    }
}

impl Listing<'_> {
    fn argument(&mut self, node: Node, path: Vec<u8>, out: &mut Out) -> Result<(), Failure> {
        if node.file_type() == FileType::Directory {
            return self.directories(node, path, out);
        }
        let row = match self.details(&node) {
            Ok(details) => Row { name: path.clone(), path, ino: node.ino().get(), details },
            Err(error) => return self.parts.failed(self.image.fail(&path, &error)),
        };
        self.first = false;
        self.parts.good();
        self.print(&[row], out)
    }

    /// Lists a directory and, if asked to, those below it, each once whatever the image says.
    fn directories(&mut self, node: Node, path: Vec<u8>, out: &mut Out) -> Result<(), Failure> {
        let mut seen = HashSet::from([node.ino()]);
        let mut waiting = vec![(node, path)];
        while let Some((node, path)) = waiting.pop() {
            let below = self.directory(&node, &path, out)?;
            for (name, node) in below.into_iter().rev() {
                let path = join(&path, &name);
                if seen.insert(node.ino()) {
                    waiting.push((node, path));
                } else {
                    let what = "this directory was listed already: the image has a loop";
                    self.parts.failed(Failure::part(&self.image.at(&path), what))?;
                }
            }
        }
        Ok(())
    }

    /// Lists one directory; returns the directories in it if they are wanted.
    fn directory(
        &mut self,
        node: &Node,
        path: &[u8],
        out: &mut Out,
    ) -> Result<Vec<(Vec<u8>, Node)>, Failure> {
        let (mut rows, mut below) = (Vec::new(), Vec::new());
        for entry in self.entries(node.clone(), path)? {
            let full = join(path, &entry.name);
            match self.row(node, &entry, full.clone()) {
                Ok((row, child)) => {
                    rows.push(row);
                    below.extend(child.map(|child| (entry.name, child)));
                }
                Err(error) => self.parts.failed(self.image.fail(&full, &error))?,
            }
        }
        self.parts.good();
        if self.titles && !self.args.image.json {
            let gap = if self.first { "" } else { "\n" };
            writeln!(out, "{gap}{}:", escape(path))?;
        }
        self.first = false;
        self.print(&rows, out)?;
        Ok(below)
    }

    /// The entries to show, sorted.
    fn entries(&mut self, node: Node, path: &[u8]) -> Result<Vec<DirEntry>, Failure> {
        let dir = node.into_dir().map_err(|error| self.image.fail(path, &error))?;
        let mut entries = Vec::new();
        for entry in dir.entries(IoFlags::NONE) {
            match entry {
                Ok(entry) if self.args.all || !entry.name.starts_with(b".") => entries.push(entry),
                Ok(_) => {}
                Err(error) => self.parts.failed(self.image.fail(path, &error))?,
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn row(
        &self,
        dir: &Node,
        entry: &DirEntry,
        path: Vec<u8>,
    ) -> extant::Result<(Row, Option<Node>)> {
        let may_be_dir = entry.file_type.is_none_or(|kind| kind == FileType::Directory);
        let descend = self.args.recursive && may_be_dir && !entry.is_dot();
        let mut row = Row { name: entry.name.clone(), path, ino: entry.ino.get(), details: None };
        if !self.wants_details() && !descend {
            return Ok((row, None));
        }
        let node = dir.filesystem().node(entry.ino, IoFlags::NONE)?;
        row.details = self.details(&node)?;
        let is_dir = node.file_type() == FileType::Directory;
        Ok((row, Some(node).filter(|_| descend && is_dir)))
    }

    fn wants_details(&self) -> bool {
        self.args.long || self.args.image.json
    }

    fn details(&self, node: &Node) -> Result<Option<Details>, Error> {
        if self.wants_details() { Details::of(node).map(Some) } else { Ok(None) }
    }

    fn print(&self, rows: &[Row], out: &mut Out) -> Result<(), Failure> {
        if self.args.image.json {
            for row in rows {
                out.json_line(&row_json(row))?;
            }
            return Ok(());
        }
        let mut columns = vec![Align::Right; usize::from(self.args.inode)];
        if self.args.long {
            columns.extend([Align::Left, Align::Right, Align::Right, Align::Right, Align::Right]);
            columns.push(Align::Left);
        }
        columns.push(Align::Left);
        let mut table = Table::new(&columns);
        for row in rows {
            table.push(self.cells(row));
        }
        table.write(out, 0)?;
        Ok(())
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let mut cells = Vec::new();
        if self.args.inode {
            cells.push(row.ino.to_string());
        }
        let mut name = escape(&row.name);
        if let Some(Details { stat, target, has_acl }) = &row.details {
            let acl = if *has_acl { "+" } else { "" };
            cells.push(format!("{}{acl}", mode_text(stat.file_type, stat.mode)));
            cells.extend([stat.links, stat.uid, stat.gid].map(|number| number.to_string()));
            cells.extend([size_text(stat), short_time(stat.mtime)]);
            if let Some(target) = target {
                name = format!("{name} -> {}", escape(target));
            }
        }
        cells.push(name);
        cells
    }
}

fn row_json(row: &Row) -> Value {
    let mut object = match &row.details {
        Some(details) => stat_json(&details.stat),
        None => serde_json::Map::new(),
    };
    object.insert("schema".to_owned(), "extant.ls/1".into());
    object.insert("path".to_owned(), json::name(&row.path));
    object.insert("name".to_owned(), json::name(&row.name));
    if let Some(Details { target: Some(target), .. }) = &row.details {
        object.insert("target".to_owned(), json::name(target));
    }
    object.into()
}

/// `dir/name`.
pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, slash, name].concat()
}
