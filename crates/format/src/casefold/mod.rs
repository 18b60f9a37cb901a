//! Names of directories that ignore case: folded as ext4's encoding 1, UTF-8 of Unicode 12.1.
//!
//! A folded name has every code point replaced by its full case folding in canonical
//! decomposition, default-ignorable code points left out and combining marks in canonical order.
//! Facts of ext4 that a general library has otherwise: marks keep their order across a code point
//! that is left out; code points unassigned in 12.1 stand for themselves; a NUL byte ends a name.
//! A name that is not UTF-8 is its raw bytes; whether it is allowed at all (strict encoding) is
//! for the caller to decide.
//! Format: Unicode Standard Annex 15 and the files of the Unicode Character Database.

#[rustfmt::skip]
mod tables;

use std::borrow::Cow;

use crate::dir_hash::{DirHash, HashVersion, dir_hash, dir_hash_keyed};

/// The name is not well-formed UTF-8, so it cannot be folded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the name is not valid UTF-8")]
pub struct InvalidUtf8;

/// The folded form of `name`: UTF-8, at most three times as long.
///
/// Folding it again changes nothing, unless code points that were left out had stood between
/// combining marks.
///
/// # Errors
/// [`InvalidUtf8`] if the name, up to a NUL byte, is not UTF-8.
pub fn fold(name: &[u8]) -> Result<Vec<u8>, InvalidUtf8> {
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = str::from_utf8(name).map_err(|_| InvalidUtf8)?;
    let mut folded = Folded { text: String::with_capacity(name.len()), marks: Vec::new() };
    text.chars().for_each(|c| folded.push(c));
    folded.end_marks();
    Ok(folded.text.into_bytes())
}

/// Whether two names are the same to a directory that ignores case. Names that are not UTF-8 are
/// equal only to themselves.
#[must_use]
pub fn eq(a: &[u8], b: &[u8]) -> bool {
    a == b || matches!((fold(a), fold(b)), (Ok(a), Ok(b)) if a == b)
}

/// The directory hash of `name` in a directory that ignores case; see [`dir_hash`].
#[must_use]
pub fn hash_name(version: HashVersion, name: &[u8], seed: Option<[u32; 4]>) -> Option<DirHash> {
    dir_hash(version, &folded_or_raw(name), seed)
}

/// The directory hash of `name` (plain text) in an encrypted directory that ignores case; see
/// [`dir_hash_keyed`].
#[must_use]
pub fn hash_name_keyed(key: &[u8; 16], name: &[u8]) -> DirHash {
    dir_hash_keyed(key, &folded_or_raw(name))
}

/// What a name is hashed as.
fn folded_or_raw(name: &[u8]) -> Cow<'_, [u8]> {
    fold(name).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// A folded name as it grows.
struct Folded {
    text: String,
    /// The combining marks since the last other code point, with their classes.
    marks: Vec<(u16, char)>,
}

impl Folded {
    fn push(&mut self, c: char) {
        if c.is_ascii() {
            return self.push_other(c.to_ascii_lowercase());
        }
        if let Some(jamo) = decompose_hangul(c) {
            return jamo.into_iter().flatten().for_each(|c| self.push_other(c));
        }
        match Class::of(c) {
            Class::Ignored => self.end_marks(),
            Class::Replaced(text) => text.chars().for_each(|c| self.push_final(c)),
            Class::Plain | Class::Mark(_) => self.push_final(c),
        }
    }

    /// Adds a code point that is not to be replaced.
    fn push_final(&mut self, c: char) {
        match Class::of(c) {
            Class::Mark(class) => self.marks.push((class, c)),
            _ => self.push_other(c),
        }
    }

    fn push_other(&mut self, c: char) {
        self.end_marks();
        self.text.push(c);
    }

    /// Puts the marks in canonical order: by class, those of one class as they came.
    fn end_marks(&mut self) {
        self.marks.sort_by_key(|&(class, _)| class);
        self.text.extend(self.marks.drain(..).map(|(_, c)| c));
    }
}

/// What folding does to a code point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// It stays, and marks are not ordered across it.
    Plain,
    /// It stays, a combining mark of this class.
    Mark(u16),
    /// It is left out, but marks are not ordered across it.
    Ignored,
    /// It becomes these code points, which are plain or marks.
    Replaced(&'static str),
}

impl Class {
    fn of(c: char) -> Self {
        let point = u32::from(c);
        let after = tables::RANGES.partition_point(|&(first, _)| first <= point);
        let range = after.checked_sub(1).and_then(|index| tables::RANGES.get(index));
        match range {
            None | Some((_, 0)) => Self::Plain,
            Some(&(_, class @ 1..=254)) => Self::Mark(class),
            Some((_, 255)) => Self::Ignored,
            Some(&(first, class)) => replacement(u32::from(class) - 256 + (point - first))
                .map_or(Self::Plain, Self::Replaced),
        }
    }
}

/// The text that stands for the replaced code point of this index.
fn replacement(index: u32) -> Option<&'static str> {
    let index = usize::try_from(index).ok()?;
    let (start, end) = (tables::OFFSETS.get(index)?, tables::OFFSETS.get(index + 1)?);
    tables::TEXT.get(usize::from(*start)..usize::from(*end))
}

/// The two or three jamo of a precomposed Hangul syllable (Unicode Standard, section 3.12).
fn decompose_hangul(c: char) -> Option<[Option<char>; 3]> {
    const VOWELS: u32 = 21;
    const TRAILING: u32 = 28;
    let index = u32::from(c).checked_sub(0xac00).filter(|index| *index < 19 * VOWELS * TRAILING)?;
    let (syllable, trailing) = (index / TRAILING, index % TRAILING);
    Some([
        char::from_u32(0x1100 + syllable / VOWELS),
        char::from_u32(0x1161 + syllable % VOWELS),
        if trailing == 0 { None } else { char::from_u32(0x11a7 + trailing) },
    ])
}

#[cfg(test)]
mod tests;
