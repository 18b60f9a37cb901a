//! `dump block`: bytes in hexadecimal, and the form of a hexdump that other dumps use.

use std::io::{self, Write};

use serde_json::json;

use crate::commands::dump::{SCHEMA, Show};
use crate::error::{Exit, Failure};
use crate::output::{Out, json};

const ROW: usize = 16;

pub(super) fn run(show: &Show<'_>, number: u64, out: &mut Out) -> Result<Exit, Failure> {
    let bytes = show.block(number)?;
    if show.json {
        out.json_line(&json!({
            "schema": SCHEMA,
            "structure": "block",
            "block": number,
            "size_bytes": bytes.len(),
            "data": json::raw(&bytes),
        }))?;
    } else {
        hexdump(&bytes, out)?;
    }
    Ok(Exit::Ok)
}

/// Rows of 16 bytes, with what is printable ASCII beside them; rows that repeat become `*`.
pub(super) fn hexdump(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut before: Option<&[u8]> = None;
    let mut repeats = false;
    for (row, offset) in bytes.chunks(ROW).zip((0_usize..).step_by(ROW)) {
        let same = before == Some(row);
        match (same, repeats) {
            (true, true) => {}
            (true, false) => writeln!(out, "*")?,
            _ => writeln!(out, "{offset:06x}  {}", row_text(row))?,
        }
        repeats = same;
        before = Some(row);
    }
    writeln!(out, "{:06x}", bytes.len())
}

fn row_text(row: &[u8]) -> String {
    let mut text = String::new();
    for n in 0..ROW {
        text.push_str(&row.get(n).map_or_else(|| "   ".to_owned(), |byte| format!("{byte:02x} ")));
        if n == ROW / 2 - 1 {
            text.push(' ');
        }
    }
    text.push_str(" |");
    text.extend(row.iter().map(|&b| if matches!(b, b' '..=b'~') { char::from(b) } else { '.' }));
    text.push('|');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_repeat_and_end() {
        let mut bytes = vec![0; 48];
        bytes.extend(b"Extant\x1b\xff");
        let mut out = Vec::new();
        hexdump(&bytes, &mut out).unwrap();
        let zeros = "00 00 00 00 00 00 00 00";
        let expected = format!(
            "000000  {zeros}  {zeros}  |................|\n*\n\
             000030  45 78 74 61 6e 74 1b ff  {}  |Extant..|\n000038\n",
            " ".repeat(23)
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
