//! The lines of a manifest in their order.
//!
//! Rows come from the walk in any order and know their directory by its number. They are sorted
//! within their directories, and directories are woven in where their paths belong: an entry's
//! own line has the key `NAME`, everything below it `NAME/`.

use std::io;
use std::ops::Range;

use crate::hash::HashValue;
use crate::text::{push_escaped, push_hex};
use crate::{Field, Fields};

/// What field 13 says.
#[derive(Debug)]
pub(crate) enum Content {
    /// Nothing: not selected.
    Omitted,
    /// It is no regular file.
    NotAFile,
    /// The hash.
    Hash(HashValue),
    /// It could not be read: `!` and the error's name.
    Failed(String),
    /// What the job of this number comes to.
    Job(u32),
}

/// One line to be.
#[derive(Debug)]
pub(crate) struct Row {
    /// Number of the directory it is in; `None` for the root.
    pub(crate) parent: Option<u32>,
    pub(crate) name: Box<[u8]>,
    /// Of a directory that was listed: its number.
    pub(crate) dir: Option<u32>,
    /// Fields 2 to 12.
    pub(crate) attributes: Box<[u8]>,
    pub(crate) content: Content,
}

/// All rows, sorted, and which are in which directory.
pub(crate) struct Lines<'a> {
    rows: Vec<Row>,
    /// By number of the directory.
    ranges: Vec<Range<usize>>,
    /// What became of the jobs.
    jobs: &'a [Content],
    fields: Fields,
}

/// A directory whose lines are being written.
struct Frame {
    /// Row, and whether it stands for what is below it.
    items: std::vec::IntoIter<(usize, bool)>,
    /// Bytes of the escaped path of the directory.
    prefix: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(mut rows: Vec<Row>, jobs: &'a [Content], fields: Fields) -> Self {
        rows.sort_unstable_by(|a, b| {
            (a.parent, &a.name, &a.attributes).cmp(&(b.parent, &b.name, &b.attributes))
        });
        let mut ranges = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            let Some(parent) = row.parent.and_then(|parent| usize::try_from(parent).ok()) else {
                continue;
            };
            if ranges.len() <= parent {
                ranges.resize(parent + 1, i..i);
            }
            if let Some(range) = ranges.get_mut(parent) {
                range.end = i + 1;
            }
        }
        Self { rows, ranges, jobs, fields }
    }

    /// Gives all lines to `write`, each with its newline, in order.
    pub(crate) fn write(&self, write: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let Some(root) = self.rows.first().filter(|row| row.parent.is_none()) else {
            return Ok(());
        };
        let mut line = Vec::new();
        self.write_line(&mut line, b"/", root, write)?;
        let mut path = Vec::new();
        let mut stack: Vec<_> = root.dir.map(|dir| self.frame(dir, 0)).into_iter().collect();
        while let Some(frame) = stack.last_mut() {
            let Some((row, below)) = frame.items.next() else {
                stack.pop();
                continue;
            };
            let Some(row) = self.rows.get(row) else { continue };
            path.truncate(frame.prefix);
            path.push(b'/');
            push_escaped(&mut path, &row.name, b"");
            match row.dir.filter(|_| below) {
                Some(dir) => stack.push(self.frame(dir, path.len())),
                None => self.write_line(&mut line, &path, row, write)?,
            }
        }
        Ok(())
    }

    fn frame(&self, dir: u32, prefix: usize) -> Frame {
        let range = usize::try_from(dir).ok().and_then(|dir| self.ranges.get(dir));
        let range = range.cloned().unwrap_or_default();
        let rows = self.rows.get(range.clone()).unwrap_or_default();
        let mut items = Vec::with_capacity(rows.len());
        for (i, row) in range.zip(rows) {
            items.push((i, false));
            items.extend(row.dir.map(|_| (i, true)));
        }
        if items.len() > rows.len() {
            items.sort_by(|a, b| self.key(*a).cmp(self.key(*b)));
        }
        Frame { items: items.into_iter(), prefix }
    }

    fn key(&self, (row, below): (usize, bool)) -> impl Iterator<Item = u8> {
        let name = self.rows.get(row).map_or(&[][..], |row| &row.name);
        name.iter().copied().chain(below.then_some(b'/'))
    }

    fn write_line(
        &self,
        line: &mut Vec<u8>,
        path: &[u8],
        row: &Row,
        write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        line.clear();
        if self.fields.contains(Field::Path) {
            line.extend_from_slice(path);
            line.push(b' ');
        }
        line.extend_from_slice(&row.attributes);
        self.push_content(line, &row.content);
        if line.last() == Some(&b' ') {
            line.pop();
        }
        line.push(b'\n');
        write(line)
    }

    fn push_content(&self, line: &mut Vec<u8>, content: &Content) {
        match content {
            Content::Omitted => {}
            Content::NotAFile => line.push(b'-'),
            Content::Hash(value) => push_hex(line, value.as_ref()),
            Content::Failed(mark) => line.extend_from_slice(mark.as_bytes()),
            Content::Job(number) => {
                let number = usize::try_from(*number).unwrap_or(usize::MAX);
                match self.jobs.get(number) {
                    // A job does not stand for another one.
                    Some(Content::Job(_)) | None => {}
                    Some(content) => self.push_content(line, content),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(parent: Option<u32>, name: &str, dir: Option<u32>) -> Row {
        Row {
            parent,
            name: name.as_bytes().into(),
            dir,
            attributes: Box::from(&b"x "[..]),
            content: Content::NotAFile,
        }
    }

    fn written(rows: Vec<Row>, jobs: &[Content]) -> String {
        let mut out = Vec::new();
        let lines = Lines::new(rows, jobs, Fields::ALL);
        lines
            .write(&mut |line| {
                out.extend_from_slice(line);
                Ok(())
            })
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_in_the_order_of_whole_paths() {
        let rows = vec![
            row(Some(1), "b", Some(2)),
            row(Some(0), "ab", None),
            row(Some(0), "a", Some(1)),
            row(None, "", Some(0)),
            row(Some(0), "a!", None),
            row(Some(2), "z", None),
            row(Some(0), "a0", None),
        ];
        let text = written(rows, &[]);
        let paths: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(paths, ["/", "/a", "/a!", "/a/b", "/a/b/z", "/a0", "/ab"]);
        assert!(paths.is_sorted());
    }

    #[test]
    fn a_job_gives_its_content() {
        let mut root = row(None, "", None);
        root.content = Content::Job(1);
        let jobs = [Content::NotAFile, Content::Failed("!EIO".to_owned())];
        assert_eq!(written(vec![root], &jobs), "/ x !EIO\n");
    }

    #[test]
    fn a_failed_write_ends_it() {
        let lines = Lines::new(vec![row(None, "", None)], &[], Fields::ALL);
        let error = lines.write(&mut |_| Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
