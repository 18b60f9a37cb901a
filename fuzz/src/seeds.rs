//! The images that programs edit: made by the example `prepare`, and small ones of the corpora.
//!
//! The folder (`EXTANT_FUZZ_SEEDS`, or `target/fuzz-seeds`) holds images and a file `index` with a
//! line for each seed: how it may be edited (`plain`, `dirty`, `fast_commit`, or `raw`: nothing is
//! known of its structures), and the image's name, or `corpus:NAME`. Corpora are read in place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use extant_testkit::corpus;
use extant_testkit::hostile::ImageEditor;

use crate::layout::Layout;
use crate::program::Aim;

/// What a seed has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A clean file system.
    Plain,
    /// A journal to recover.
    Dirty,
    /// One with fast commits.
    FastCommit,
    /// Damaged already: no structures are known.
    Raw,
}

impl Kind {
    const ALL: [(&'static str, Self); 4] = [
        ("plain", Self::Plain),
        ("dirty", Self::Dirty),
        ("fast_commit", Self::FastCommit),
        ("raw", Self::Raw),
    ];

    /// Whether targets with `aim` use it.
    #[must_use]
    pub fn suits(self, aim: Aim) -> bool {
        match aim {
            Aim::Structures | Aim::Check => true,
            Aim::Journal => matches!(self, Self::Dirty | Self::FastCommit),
            Aim::FastCommit => self == Self::FastCommit,
        }
    }

    /// Its word in the index.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// An image and where its structures are.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Its name in the index.
    pub name: String,
    /// What it has.
    pub kind: Kind,
    /// The image.
    pub bytes: Vec<u8>,
    /// Its structures.
    pub layout: Layout,
    /// Whether checksums can be made right: not where the image was broken before.
    pub fixable: bool,
}

impl Seed {
    /// A seed of `bytes`.
    #[must_use]
    pub fn new(name: &str, kind: Kind, bytes: Vec<u8>) -> Self {
        let editor = ImageEditor::new(bytes);
        let fixable = kind != Kind::Raw;
        let layout = match kind {
            Kind::Raw => Layout::raw(editor.bytes().len() as u64),
            _ => Layout::of(&editor),
        };
        Self { name: name.to_owned(), kind, bytes: editor.into_bytes(), layout, fixable }
    }
}

/// The seeds of a target, in the order of the index.
#[derive(Clone, Default, Debug)]
pub struct Seeds {
    list: Vec<Seed>,
}

impl Seeds {
    /// The seed that `byte` means.
    #[must_use]
    pub fn pick(&self, byte: u8) -> Option<&Seed> {
        self.list.get(usize::from(byte).checked_rem(self.list.len())?)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Seed] {
        &self.list
    }
}

/// The folder of seeds.
#[must_use]
pub fn folder() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz-seeds");
    std::env::var_os("EXTANT_FUZZ_SEEDS").map_or_else(default, PathBuf::from)
}

/// The seeds for `aim`, loaded once.
///
/// # Panics
/// If there is no index, or a seed that it names is gone: fuzzing without would find nothing.
pub fn seeds(aim: Aim) -> &'static Seeds {
    static SEEDS: OnceLock<Seeds> = OnceLock::new();
    SEEDS.get_or_init(|| match load(aim) {
        Ok(seeds) if !seeds.list.is_empty() => seeds,
        Ok(_) => {
            eprintln!("no seed for {aim:?}: see what the example prepare has said");
            Seeds::default()
        }
        Err(error) => panic!("cannot load seeds: {error:#}"),
    })
}

fn load(aim: Aim) -> anyhow::Result<Seeds> {
    let folder = folder();
    let index = fs::read_to_string(folder.join("index"))
        .map_err(|error| anyhow::anyhow!("{}/index: {error}", folder.display()))?;
    let mut list = Vec::new();
    let cases = corpus::cases()?.unwrap_or_default();
    for line in index.lines() {
        let Some((word, name)) = line.split_once(' ') else { continue };
        let kind = Kind::ALL.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind);
        let Some(kind) = kind.filter(|kind| kind.suits(aim)) else { continue };
        let bytes = match name.strip_prefix("corpus:") {
            None => fs::read(folder.join(name))?,
            Some(wanted) => match cases.iter().find(|case| case.name == wanted) {
                Some(case) => case.unpack()?,
                // Indices of seeds must not move.
                None => anyhow::bail!("{name} is gone; run the example prepare again"),
            },
        };
        list.push(Seed::new(name, kind, bytes));
    }
    Ok(Seeds { list })
}
