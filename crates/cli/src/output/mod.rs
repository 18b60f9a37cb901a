//! What goes to standard output, and the rule for it: bytes that come from an image are escaped
//! before a person sees them ([`escape`]) and are names in JSON ([`json::name`]).

mod escape;
pub(crate) mod json;
mod report;
mod table;
mod time;

use std::io::{self, BufWriter, StdoutLock, Write};

pub(crate) use escape::escape;
pub(crate) use report::Report;
pub(crate) use table::{Align, Table};
pub(crate) use time::{full_time, short_time};

/// Standard output, buffered. A closed pipe is an error of every write from then on.
#[derive(Debug)]
pub(crate) struct Out {
    inner: BufWriter<StdoutLock<'static>>,
}

impl Out {
    pub(crate) fn new() -> Self {
        Self { inner: BufWriter::with_capacity(64 << 10, io::stdout().lock()) }
    }

    /// Writes what is left.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    /// Writes a JSON value on a line of its own.
    pub(crate) fn json_line(&mut self, value: &serde_json::Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.inner, value)?;
        self.inner.write_all(b"\n")
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// `4.0 MiB`; below 1 KiB just `12 B`.
pub(crate) fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "B";
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A UUID in its usual form.
pub(crate) fn uuid(bytes: &[u8; 16]) -> String {
    let mut text = hex(bytes);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_cut_to_tenths() {
        assert_eq!(human_size(1023), "1023 B");
        assert_eq!(human_size(1024), "1.0 KiB");
        assert_eq!(human_size(4 << 20), "4.0 MiB");
        assert_eq!(human_size(1536 << 30), "1.5 TiB");
        assert_eq!(human_size(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn a_uuid_has_its_dashes() {
        let bytes: [u8; 16] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        assert_eq!(uuid(&bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
