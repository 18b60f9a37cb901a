//! Names that a directory has twice: found by hashes of eight bytes a name, and then by a second
//! look at those names only.

use std::borrow::Cow;
use std::hash::BuildHasher;

use extant_format::casefold;
use extant_format::dir::EntryRule;
use hashbrown::HashMap;

/// The most names that are compared with each other: 32 MiB of hashes. A larger directory is
/// compared in pieces of that many names.
const WINDOW: usize = 4 << 20;
/// The most names that are looked at again.
const MOST_SUSPECTS: usize = 1000;
/// The most names of one hash that are kept.
const MOST_OF_A_HASH: usize = 16;

type Hasher = foldhash::fast::FixedState;

/// What a name is compared as: folded where the directory ignores case.
fn compared<'n>(name: &'n [u8], rule: &EntryRule) -> Cow<'n, [u8]> {
    let folded = if rule.casefold && !rule.encrypted { casefold::fold(name).ok() } else { None };
    folded.map_or(Cow::Borrowed(name), Cow::Owned)
}

fn hash(name: &[u8]) -> u64 {
    Hasher::default().hash_one(name)
}

/// The names of a directory as they come.
#[derive(Default)]
pub(super) struct Names {
    hashes: Vec<u64>,
    /// Hashes that came twice.
    twice: Vec<u64>,
}

impl Names {
    pub(super) fn add(&mut self, name: &[u8], rule: &EntryRule) {
        if self.hashes.len() >= WINDOW {
            self.compare();
        }
        self.hashes.push(hash(&compared(name, rule)));
    }

    /// Looks for equal hashes among those gathered, and drops them.
    fn compare(&mut self) {
        self.hashes.sort_unstable();
        let equal = self.hashes.array_windows().filter(|[a, b]| a == b).map(|[a, _]| *a);
        let room = MOST_SUSPECTS - self.twice.len().min(MOST_SUSPECTS);
        self.twice.extend(equal.take(room));
        self.hashes.clear();
    }

    /// Whether a name may have come twice.
    pub(super) fn any_twice(&mut self) -> bool {
        self.compare();
        !self.twice.is_empty()
    }

    /// What to look for when the names come again.
    pub(super) fn suspects(self) -> Suspects {
        Suspects { names: self.twice.into_iter().map(|hash| (hash, Vec::new())).collect() }
    }
}

/// How a name repeats one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeat {
    /// It is the same name.
    Same,
    /// It is the same where case is ignored.
    Folded,
}

/// Names that may have come twice: the first ones of each hash.
pub(super) struct Suspects {
    names: HashMap<u64, Vec<Box<[u8]>>, Hasher>,
}

impl Suspects {
    /// Looks at a name again: whether it was there before.
    pub(super) fn repeats(&mut self, name: &[u8], rule: &EntryRule) -> Option<Repeat> {
        let folded = compared(name, rule);
        let before = self.names.get_mut(&hash(&folded))?;
        if before.iter().any(|other| **other == *name) {
            return Some(Repeat::Same);
        }
        let again = before.iter().any(|other| compared(other, rule) == folded);
        if before.len() < MOST_OF_A_HASH {
            before.push(name.into());
        }
        again.then_some(Repeat::Folded)
    }
}

#[cfg(test)]
mod tests {
    use extant_format::BlockSize;

    use super::*;

    fn rule(casefold: bool) -> EntryRule {
        EntryRule {
            block_size: BlockSize::from_log(0).unwrap(),
            inodes_count: u32::MAX,
            has_filetype: true,
            encrypted: false,
            casefold,
        }
    }

    fn repeated(names: &[&[u8]], rule: &EntryRule) -> Vec<Option<Repeat>> {
        let mut gathered = Names::default();
        names.iter().for_each(|name| gathered.add(name, rule));
        if !gathered.any_twice() {
            return Vec::new();
        }
        let mut suspects = gathered.suspects();
        names.iter().map(|name| suspects.repeats(name, rule)).collect()
    }

    #[test]
    fn a_name_that_comes_again_is_found() {
        let (same, folded) = (Some(Repeat::Same), Some(Repeat::Folded));
        let names: [&[u8]; 7] = [b"a", b"b", b"A", b"b", b"c", b"b", b"A"];
        let plain = [None, None, None, same, None, same, same];
        assert_eq!(repeated(&names, &rule(false)), plain);
        assert_eq!(repeated(&names, &rule(true)), [None, None, folded, same, None, same, same]);
        assert!(repeated(&[b"a", b"b", b"A"], &rule(false)).is_empty());
    }

    #[test]
    fn names_that_are_not_utf8_are_compared_as_bytes() {
        let names: [&[u8]; 3] = [b"a\xff", b"A\xff", b"a\xff"];
        assert_eq!(repeated(&names, &rule(true)), [None, None, Some(Repeat::Same)]);
    }
}
