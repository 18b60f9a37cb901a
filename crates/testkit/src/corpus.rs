//! The corpora of corrupted and unusual images that are used in place, never copied.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::capability::{Capability, need};
use crate::error::{Context, Result};

/// One compressed image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// `FAMILY/NAME`, stable for reports.
    pub name: String,
    /// The gzip file.
    pub path: PathBuf,
}

impl Case {
    /// The image, unpacked into memory.
    ///
    /// # Errors
    /// If the file cannot be read or unpacked.
    pub fn unpack(&self) -> Result<Vec<u8>> {
        let file = File::open(&self.path).on("open", &self.path)?;
        let mut image = Vec::new();
        MultiGzDecoder::new(file).read_to_end(&mut image).on("unpack", &self.path)?;
        Ok(image)
    }
}

/// The folder of corpora: `EXTANT_CORPUS`, or `../shared/data` beside the workspace; `None` if
/// it is not there.
#[must_use]
pub fn directory() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("EXTANT_CORPUS").map_or_else(default, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// All images of the corpora in order of their names; `None`, recorded as a skip, where the
/// corpora are not there.
///
/// # Errors
/// If a folder cannot be listed.
pub fn cases() -> Result<Option<Vec<Case>>> {
    let Some(folder) = directory() else {
        // Records the reason; the directory is known to be missing.
        let _present = need(Capability::Corpus);
        return Ok(None);
    };
    let mut cases = Vec::new();
    gather(&folder, "", &mut cases)?;
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Some(cases))
}

fn gather(folder: &Path, prefix: &str, cases: &mut Vec<Case>) -> Result<()> {
    for entry in fs::read_dir(folder).on("list", folder)? {
        let entry = entry.on("list", folder)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = format!("{prefix}{}", name.to_string_lossy());
        if path.is_dir() {
            gather(&path, &format!("{name}/"), cases)?;
        } else if let Some(stem) = name.strip_suffix(".gz") {
            let stem = stem.trim_end_matches("/image").trim_end_matches(".img");
            cases.push(Case { name: stem.to_owned(), path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_unpacks_to_something() {
        let Some(cases) = cases().unwrap() else { return };
        assert!(cases.len() > 100, "{} cases", cases.len());
        assert!(cases.iter().any(|case| case.name == "e2fsprogs/f_8192_block"));
        let first = cases.iter().find(|case| case.name.starts_with("syzkaller/")).unwrap();
        let image = first.unpack().unwrap();
        assert_eq!(image.get(0x438..0x43a), Some(&[0x53, 0xef][..]));
    }
}
