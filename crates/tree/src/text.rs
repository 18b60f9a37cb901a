//! The text forms of the digest: escapes, hexadecimal digits, times and names of errors
//! (`docs/digest.md`).

use extant_vfs::{Errno, Error, Timestamp};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends `bytes`, each as two lower-case hexadecimal digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend([byte >> 4, byte & 15].map(digit));
    }
}

fn digit(value: u8) -> u8 {
    DIGITS.get(usize::from(value)).copied().unwrap_or(b'?')
}

/// Appends `bytes` with everything but printable ASCII escaped, and with the backslash and the
/// bytes of `also` escaped too.
pub(crate) fn push_escaped(out: &mut Vec<u8>, bytes: &[u8], also: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_graphic() && byte != b'\\' && !also.contains(&byte) {
            out.push(byte);
        } else {
            out.extend(b"\\x");
            push_hex(out, &[byte]);
        }
    }
}

/// Appends a time: seconds rounded down, and nine digits of nanoseconds.
pub(crate) fn push_time(out: &mut Vec<u8>, time: Timestamp) {
    if time.secs < 0 {
        out.push(b'-');
    }
    push_number(out, time.secs.unsigned_abs());
    out.push(b'.');
    push_padded(out, time.nanos.into(), 9);
}

/// Appends `n` in decimal.
pub(crate) fn push_number(out: &mut Vec<u8>, n: u64) {
    push_padded(out, n, 1);
}

/// Appends `n` in decimal with at least `width` digits.
fn push_padded(out: &mut Vec<u8>, mut n: u64, width: usize) {
    let start = out.len();
    while n > 0 || out.len() < start + width {
        out.push(digit((n % 10).to_le_bytes()[0]));
        n /= 10;
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

/// How the digest writes an error: `!` and a name, or the number of an error without one here.
pub(crate) fn error_mark(error: &Error) -> String {
    const EPERM: Errno = Errno(1);
    const EACCES: Errno = Errno(13);
    let name = match error.errno() {
        EPERM => "EPERM",
        EACCES => "EACCES",
        Errno::ENOKEY => "ENOKEY",
        Errno::EIO => "EIO",
        Errno::EUCLEAN => "EUCLEAN",
        Errno::EOPNOTSUPP => "EOPNOTSUPP",
        Errno(number) => return format!("!E{number}"),
    };
    format!("!{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_the_definition() {
        let mut out = Vec::new();
        push_escaped(&mut out, b"a!~ \\\n\x7f\xff\0,=/", b"");
        assert_eq!(out, br"a!~\x20\x5c\x0a\x7f\xff\x00,=/");
        out.clear();
        push_escaped(&mut out, b"user.a,b=c", b",=");
        assert_eq!(out, br"user.a\x2cb\x3dc");
    }

    #[test]
    fn a_quarter_of_a_second_before_1970() {
        let mut out = Vec::new();
        push_time(&mut out, Timestamp { secs: -1, nanos: 750_000_000 });
        assert_eq!(out, b"-1.750000000");
        out.clear();
        push_time(&mut out, Timestamp { secs: 0, nanos: 7 });
        assert_eq!(out, b"0.000000007");
        out.clear();
        push_number(&mut out, u64::MAX);
        push_number(&mut out, 0);
        assert_eq!(out, b"184467440737095516150");
    }

    #[test]
    fn errors_have_names_or_numbers() {
        assert_eq!(error_mark(&Error::NoKey), "!ENOKEY");
        assert_eq!(error_mark(&Error::Unsupported { features: vec![] }), "!EOPNOTSUPP");
        assert_eq!(error_mark(&Error::NameTooLong), "!E36");
    }
}
