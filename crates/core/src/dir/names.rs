//! Names as they are shown and compared: plain, encrypted without the key, case-folded.

use extant_block::IoFlags;
use extant_format::casefold;
use extant_format::dir::DirEntry;
use extant_format::dir_hash::{DirHash, HashVersion, dir_hash};
use extant_format::fscrypt::{NokeyName, nokey_name};
use extant_format::{Compat, LogicalBlock};

use crate::Result;
use crate::dir::Directory;

/// A name that is looked for, in the form in which entries are compared with it.
pub(super) enum Wanted<'n> {
    /// The bytes must be equal.
    Exact(&'n [u8]),
    /// The folded names must be equal; `None` for a name that cannot be folded.
    Folded(&'n [u8], Option<Vec<u8>>),
    /// The ciphertext must be the one that this form stands for.
    Encrypted(NokeyName),
}

impl<'n> Wanted<'n> {
    /// How `name` is compared in `dir`; `None` if no entry can have that name.
    pub(super) fn new(dir: &Directory<'_>, name: &'n [u8]) -> Option<Self> {
        if dir.rule.encrypted {
            return NokeyName::decode(name).map(Self::Encrypted);
        }
        Some(Self::stored(dir, name))
    }

    /// How `name`, as it is stored, is compared in `dir`.
    pub(super) fn stored(dir: &Directory<'_>, name: &'n [u8]) -> Self {
        if dir.rule.casefold && !dir.rule.encrypted {
            return Self::Folded(name, casefold::fold(name).ok());
        }
        Self::Exact(name)
    }

    /// Whether `entry` has this name.
    pub(super) fn matches(&self, entry: &DirEntry<'_>) -> bool {
        match self {
            Self::Exact(name) => entry.name == *name,
            Self::Folded(name, folded) => {
                let same_folded = |f: &Vec<u8>| casefold::fold(entry.name).is_ok_and(|e| e == *f);
                entry.name == *name || folded.as_ref().is_some_and(same_folded)
            }
            Self::Encrypted(nokey) => nokey.matches(entry.name),
        }
    }

    /// Where the name stands in a hash tree that uses `version`; `None` if only the key could
    /// tell.
    pub(super) fn hash(&self, dir: &Directory<'_>, version: HashVersion) -> Option<u32> {
        let seed = dir.volume.superblock.hash_seed();
        match self {
            Self::Exact(name) => Some(dir_hash(version, name, seed)?.major),
            Self::Folded(name, _) => Some(casefold::hash_name(version, name, seed)?.major),
            Self::Encrypted(nokey) => Some(nokey.hash),
        }
    }
}

impl Directory<'_> {
    /// The hash function of the directory's tree, or what a tree would have.
    pub(super) fn hash_version(&self, flags: IoFlags) -> Result<Option<HashVersion>> {
        let raw = self.volume.superblock.raw();
        let default = HashVersion::from_disk(raw.def_hash_version, raw.flags.get());
        if !self.is_indexed() {
            return Ok(default);
        }
        let block = self.block(LogicalBlock::ZERO, flags)?;
        let version = block.bytes().get(0x1c).copied().unwrap_or_default();
        Ok(HashVersion::from_disk(version, raw.flags.get()).or(default))
    }

    /// Whether names of this casefolded file system may stand where another version of the folding
    /// tables hashed them. Encoding flag 2 promises that none do.
    pub(super) fn folding_may_differ(&self) -> bool {
        self.volume.superblock.raw().encoding_flags.get() & 2 == 0
    }

    /// Whether Linux lists this directory in hash order: it then computes each name's hash.
    fn is_listed_by_hash(&self) -> bool {
        self.volume.superblock.features().compat(Compat::DIR_INDEX)
            && (self.is_indexed() || self.is_inline() || self.blocks() == 1)
    }

    /// The name of `entry` as users see it: in an encrypted directory the form that Linux shows
    /// without the key, which holds the name's hash where Linux computes one.
    pub(super) fn shown_name(&self, entry: &DirEntry<'_>, version: Option<HashVersion>) -> Vec<u8> {
        if !self.rule.encrypted || entry.is_dot() {
            return entry.name.to_vec();
        }
        let computed = || {
            let version = version.filter(|_| self.is_listed_by_hash())?;
            dir_hash(version, entry.name, self.volume.superblock.hash_seed())
        };
        let stored = entry.hash_suffix.map(|(major, minor)| DirHash { major, minor });
        let hash = stored.or_else(computed).unwrap_or(DirHash { major: 0, minor: 0 });
        nokey_name(hash.major, hash.minor, entry.name)
    }
}
