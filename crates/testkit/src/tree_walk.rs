//! All paths below a folder, in the byte order of full paths.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result};

/// A place in the tree: as the tree names it (`/a/b`) and where the host finds it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    /// Absolute in the tree; the root is `/`.
    pub(crate) path: Vec<u8>,
    /// On the host.
    pub(crate) host: PathBuf,
}

/// The root and everything below it, sorted by path. The walk keeps a list, not the stack, so
/// depth costs memory only.
pub(crate) fn places(root: &Path) -> Result<Vec<Place>> {
    let mut found = vec![Place { path: b"/".to_vec(), host: root.to_path_buf() }];
    let mut open = vec![(Vec::new(), root.to_path_buf())];
    while let Some((prefix, host)) = open.pop() {
        for entry in std::fs::read_dir(&host).on("list", &host)? {
            let entry = entry.on("list", &host)?;
            let place = below(&prefix, &host, &entry.file_name());
            if entry.file_type().on("stat", &place.host)?.is_dir() {
                open.push((place.path.clone(), place.host.clone()));
            }
            found.push(place);
        }
    }
    found.sort();
    Ok(found)
}

fn below(prefix: &[u8], host: &Path, name: &OsStr) -> Place {
    let path = [prefix, b"/", name.as_bytes()].concat();
    Place { path, host: host.join(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_full_paths() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a", "ab"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        for file in ["a/b", "a!"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        let paths: Vec<_> = places(root.path()).unwrap().into_iter().map(|p| p.path).collect();
        assert_eq!(paths, [&b"/"[..], b"/a", b"/a!", b"/a/b", b"/ab"]);
    }
}
