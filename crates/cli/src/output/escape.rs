//! Escapes for names, labels and targets that come from an image (row 61 of the hostile images):
//! what a terminal could take for a command, or a reader for something else, is shown as code.

use std::fmt::Write;

/// `bytes` for a person to see. Printable UTF-8 stands for itself; control bytes and bytes that
/// are not UTF-8 become `\xNN`; characters without a shape (bidirectional controls, zero-width
/// ones, separators, private and unassigned ones) become `\u{...}`; a backslash is doubled, so the
/// result is unambiguous.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut shown, c));
        for byte in chunk.invalid() {
            push_byte(&mut shown, *byte);
        }
    }
    shown
}

fn push(shown: &mut String, c: char) {
    match c {
        '\\' => shown.push_str(r"\\"),
        ' '..='~' => shown.push(c),
        _ => match u8::try_from(c) {
            Ok(byte) if c.is_ascii() => push_byte(shown, byte),
            _ if is_shown(c) => shown.push(c),
            _ => shown.extend(c.escape_unicode()),
        },
    }
}

fn push_byte(shown: &mut String, byte: u8) {
    // A string takes everything.
    let _ = write!(shown, "\\x{byte:02x}");
}

/// Whether the standard library's table calls `c` printable. Asked behind a letter, where
/// combining marks may stand.
fn is_shown(c: char) -> bool {
    let probe: String = ['a', c].iter().collect();
    probe.escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stands_for_itself() {
        for text in ["plain", "with space", "caf\u{e9}", "cafe\u{301}", "\u{65e5}\u{672c}", "~\"'"]
        {
            assert_eq!(escape(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_could_deceive_is_shown_as_code() {
        let cases: [(&[u8], &str); 9] = [
            (b"\x1b[31m", r"\x1b[31m"),
            (b"a\nb\tc\x7f", r"a\x0ab\x09c\x7f"),
            (b"a\\x41", r"a\\x41"),
            (b"\xff\xe9", r"\xff\xe9"),
            ("\u{202e}fdp".as_bytes(), r"\u{202e}fdp"),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m"),
            ("\u{200b}\u{feff}\u{2066}".as_bytes(), r"\u{200b}\u{feff}\u{2066}"),
            ("\u{2028}\u{e000}".as_bytes(), r"\u{2028}\u{e000}"),
            (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(escape(bytes), shown);
        }
    }

    #[test]
    fn no_byte_sequence_of_two_leaves_a_control_character() {
        for pair in 0..=u16::MAX {
            let shown = escape(&pair.to_be_bytes());
            assert!(!shown.chars().any(char::is_control), "{pair:#x}: {shown:?}");
        }
    }
}
