//! Columns of text.

use std::io::{self, Write};

/// On which side of its column a cell stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows whose cells are lined up when they are written. Cells are escaped by who makes them.
#[derive(Debug)]
pub(crate) struct Table {
    align: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with one column for each of `align`.
    pub(crate) fn new(align: &[Align]) -> Self {
        Self { align: align.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes all rows, each behind `indent` spaces. The last column is not padded.
    pub(crate) fn write(&self, out: &mut impl Write, indent: usize) -> io::Result<()> {
        let widths = self.widths();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            let columns = row.iter().zip(&widths).zip(&self.align);
            for (n, ((cell, &width), align)) in columns.enumerate() {
                let last = n + 1 == row.len();
                match align {
                    Align::Left if last => line.push_str(cell),
                    Align::Left => line.push_str(&format!("{cell:<width$}")),
                    Align::Right => line.push_str(&format!("{cell:>width$}")),
                }
                if !last {
                    line.push(' ');
                }
            }
            writeln!(out, "{}", line.trim_end_matches(' '))?;
        }
        Ok(())
    }

    fn widths(&self) -> Vec<usize> {
        let width = |n: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(n));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..self.align.len()).map(width).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lined_up() {
        let mut table = Table::new(&[Align::Right, Align::Left, Align::Left]);
        table.row(["1".into(), "a".into(), "x".into()]);
        table.row(["234".into(), "bcd".into(), String::new()]);
        let mut out = Vec::new();
        table.write(&mut out, 1).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "   1 a   x\n 234 bcd\n");
    }
}
