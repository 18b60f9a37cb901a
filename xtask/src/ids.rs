//! The numbered statements of the design, and which of them have a test named after them.
//!
//! A test belongs to a statement if its function, or the file it is in, is named `w05_...`,
//! `c08_...`, `d01_...` or, for the rows of hostile images, `row_23_...` (leading zeros are free).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::Result;
use syn::visit::{self, Visit};

use crate::Verdict;
use crate::source::{self, Source};

/// Statements that share a letter, numbered from 1.
struct Family {
    /// What tests are named after, without the number.
    prefix: &'static str,
    count: u8,
    about: &'static str,
    /// The numbers whose tests must exist by now.
    due: &'static [RangeInclusive<u8>],
}

const FAMILIES: [Family; 16] = [
    Family::later("w", 13, "buffered write"),
    Family::later("b", 13, "writeback and end of I/O"),
    Family::later("z", 6, "zeroing past the end of a file"),
    Family::later("l", 6, "locks of direct I/O"),
    Family::later("r", 4, "direct against buffered I/O"),
    Family::later("n", 6, "no-wait"),
    // The rules of the extent status tree (E) have no numbers, so no test can be named after one.
    Family::later("f", 10, "fast commit"),
    Family { prefix: "d", count: 2, about: "directories, allocator", due: &[1..=1] },
    Family::later("j", 2, "journal"),
    Family::later("m", 1, "move extent"),
    Family::later("a", 3, "attributes and special inodes"),
    Family::later("k", 1, "encryption"),
    Family::later("h", 1, "hostile mounts"),
    Family::later("p", 1, "one engine for every inode kind"),
    Family { prefix: "c", count: 25, about: "crash promises", due: &[13..=13, 15..=16] },
    Family {
        prefix: "row_",
        count: 62,
        about: "hostile images",
        due: &[1..=13, 17..=18, 20..=38, 40..=52, 54..=54, 56..=59, 61..=61],
    },
];

impl Family {
    const fn later(prefix: &'static str, count: u8, about: &'static str) -> Self {
        Self { prefix, count, about, due: &[] }
    }

    fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        (1..=self.count).map(|number| Id { prefix: self.prefix, number })
    }

    fn is_due(&self, id: Id) -> bool {
        self.due.iter().any(|range| range.contains(&id.number))
    }
}

/// One statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Id {
    prefix: &'static str,
    number: u8,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02}", self.prefix, self.number)
    }
}

impl Id {
    /// The statement that `name` is named after.
    fn of(name: &str) -> Option<Self> {
        FAMILIES.iter().find_map(|family| {
            let rest = name.strip_prefix(family.prefix)?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let ends = matches!(rest.chars().nth(digits.len()), None | Some('_'));
            let number =
                digits.parse().ok().filter(|number| (1..=family.count).contains(number))?;
            ends.then_some(Self { prefix: family.prefix, number })
        })
    }
}

/// Tests by the statement they are named after.
type Tests = BTreeMap<Id, BTreeSet<String>>;

/// Prints the statements and their tests; with `missing`, only those without.
pub(crate) fn run(root: &Path, missing: bool) -> Result<Verdict> {
    let tests = tests_by_id(&source::load(root)?);
    let (mut all, mut tested, mut due, mut overdue) = (0, 0, 0, 0);
    for family in &FAMILIES {
        println!("{} ({})", family.prefix.trim_end_matches('_'), family.about);
        for id in family.ids() {
            let names = tests.get(&id);
            all += 1;
            tested += u32::from(names.is_some());
            due += u32::from(family.is_due(id));
            overdue += u32::from(family.is_due(id) && names.is_none());
            if !missing || names.is_none() {
                println!("  {id}  {}", status(names, family.is_due(id)));
            }
        }
    }
    println!("{all} statements, {tested} tested; {due} due, {overdue} of them without a test");
    Ok(Verdict::Good)
}

fn status(names: Option<&BTreeSet<String>>, is_due: bool) -> String {
    match names {
        Some(names) => names.iter().cloned().collect::<Vec<_>>().join(", "),
        None if is_due => "DUE, no test".to_owned(),
        None => "not yet due".to_owned(),
    }
}

/// Statements that are due and have no test.
pub(crate) fn overdue(sources: &[Source]) -> Vec<Id> {
    let tests = tests_by_id(sources);
    let due = |family: &'static Family| family.ids().filter(|id| family.is_due(*id));
    FAMILIES.iter().flat_map(due).filter(|id| !tests.contains_key(id)).collect()
}

fn tests_by_id(sources: &[Source]) -> Tests {
    let mut tests = Tests::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let Ok(file) = syn::parse_file(&source.text) else { continue };
        let mut finder = Finder::default();
        finder.visit_file(&file);
        let stem = source.path.trim_end_matches(".rs").rsplit('/').next().unwrap_or_default();
        for test in finder.tests {
            if let Some(id) = Id::of(&test).or_else(|| Id::of(stem)) {
                tests.entry(id).or_default().insert(format!("{}::{test}", source.path));
            }
        }
    }
    tests
}

/// Collects the names of test functions, and of those that a macro makes: the first word given to
/// a macro in the place of an item.
#[derive(Default)]
struct Finder {
    tests: Vec<String>,
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().segments.last().is_some_and(|last| last.ident == "test")
        };
        if item.attrs.iter().any(is_test) {
            self.tests.push(item.sig.ident.to_string());
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let first = item.mac.tokens.clone().into_iter().next();
        if let (None, Some(proc_macro2::TokenTree::Ident(name))) = (&item.ident, first) {
            self.tests.push(name.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn names_belong_to_statements() {
        let id = |prefix, number| Some(Id { prefix, number });
        assert_eq!(Id::of("w05_short_write_releases"), id("w", 5));
        assert_eq!(Id::of("d1_hash_vectors"), id("d", 1));
        assert_eq!(Id::of("row_23_index_cycle"), id("row_", 23));
        assert_eq!(Id::of("row_07"), id("row_", 7));
        for other in
            ["write_05", "w5x", "w14_none", "w00_none", "row_63_none", "row_x", "r_1", "s1"]
        {
            assert_eq!(Id::of(other), None, "{other}");
        }
    }

    #[test]
    fn only_tests_count() {
        let text = "#[test]\nfn row_01_a() {}\nfn row_02_b() {}\nbuilt!(row_03_c, 1);\n\
                    mod inner { #[tokio::test] async fn c08_d() {} }\n\
                    macro_rules! row_04_m { () => {} }\n";
        let found = tests_by_id(&[source("crates/x/tests/h.rs", text)]);
        let ids: Vec<_> = found.keys().map(Id::to_string).collect();
        assert_eq!(ids, ["c08", "row_01", "row_03"]);
    }

    #[test]
    fn a_file_names_its_tests() {
        let text = "#[test]\nfn header_too_deep() {}\n";
        let found = tests_by_id(&[source("crates/x/tests/hostile/row_22_extents.rs", text)]);
        assert_eq!(found.keys().map(Id::to_string).collect::<Vec<_>>(), ["row_22"]);
    }

    #[test]
    fn overdue_are_those_due_without_a_test() {
        let all = overdue(&[]);
        assert_eq!(all.len(), (13 + 2 + 19 + 13 + 1 + 4 + 1) + 1 + 3);
        let text = "#[test]\nfn row_01_a() {}\n#[test]\nfn row_14_b() {}\n#[test]\nfn d1_c() {}\n";
        let rest = overdue(&[source("crates/x/tests/h.rs", text)]);
        assert_eq!(rest.len(), all.len() - 2);
        assert!(!rest.contains(&Id { prefix: "row_", number: 1 }));
        assert!(!rest.contains(&Id { prefix: "d", number: 1 }));
    }
}
