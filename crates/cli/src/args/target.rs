//! A PATH argument: a path of bytes from the root, or `<N>` for inode N.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What a PATH argument names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// A path from the root.
    Path(Vec<u8>),
    /// An inode, and a path from it if it is not empty.
    Inode(u32, Vec<u8>),
}

impl Target {
    /// Reads an argument. Only `<DIGITS>`, alone or before a slash, is an inode: `/<5>` is a name.
    pub(crate) fn new(text: &OsStr) -> Self {
        let bytes = text.as_bytes();
        Self::inode(bytes).unwrap_or_else(|| Self::Path(bytes.to_vec()))
    }

    fn inode(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|&b| b == b'>')?;
        let digits = bytes.get(..end)?.strip_prefix(b"<")?;
        let rest = bytes.get(end + 1..)?;
        let starts_path = rest.first().is_none_or(|&b| b == b'/');
        if !starts_path || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let path = rest.iter().position(|&b| b != b'/').and_then(|at| rest.get(at..));
        Some(Self::Inode(number, path.unwrap_or_default().to_vec()))
    }

    /// The argument again, as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Path(path) => path.clone(),
            Self::Inode(number, rest) if rest.is_empty() => format!("<{number}>").into_bytes(),
            Self::Inode(number, rest) => [format!("<{number}>/").as_bytes(), rest].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inodes_and_paths_are_told_apart() {
        let new = |text: &str| Target::new(OsStr::new(text));
        let path = |text: &str| Target::Path(text.as_bytes().to_vec());
        assert_eq!(new("<12>"), Target::Inode(12, vec![]));
        assert_eq!(new("<2>/a/b"), Target::Inode(2, b"a/b".to_vec()));
        assert_eq!(new("<2>//"), Target::Inode(2, vec![]));
        for text in ["/<12>", "<x>", "<>", "<12", "12", "<12>x", "<99999999999>", "/a"] {
            assert_eq!(new(text), path(text));
        }
        assert_eq!(new("<2>/a/b").bytes(), b"<2>/a/b");
    }
}
