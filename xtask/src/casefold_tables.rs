//! Makes the tables of the format crate's `casefold` module from the Unicode Character Database.
//!
//! ext4 folds names by Unicode 12.1: canonical decomposition, default-ignorable code points left
//! out, full case folding. Newer data files serve as well: the properties used are stable for
//! assigned code points, so those that came after 12.1 are taken as unassigned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The Unicode version of ext4's encoding 1.
const VERSION: (u32, u32) = (12, 1);
/// Where the tables go, from the root of the workspace.
const OUTPUT: &str = "crates/format/src/casefold/tables.rs";
const WIDTH: usize = 100;

/// Class of a code point that stands for itself and orders nothing; 1 to 254 are combining classes.
const PLAIN: u16 = 0;
/// Class of a code point that is left out.
const IGNORED: u16 = 255;
/// Class of the first replaced code point; the class less this is an index of `OFFSETS`.
const REPLACED: u16 = 256;

/// Writes the tables from the data files in `unicode_dir` (such as `/usr/share/unicode`).
///
/// # Errors
/// A data file is missing or malformed, or the tables cannot be written.
pub(crate) fn run(unicode_dir: &Path) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("workspace root")?;
    let output = root.join(OUTPUT);
    fs::write(&output, generate(unicode_dir)?).with_context(|| format!("{}", output.display()))
}

/// The text of the tables.
fn generate(unicode_dir: &Path) -> Result<String> {
    let database = Database::read(unicode_dir)?;
    let mut tables = Tables::default();
    for point in 0..=0x0010_ffff {
        tables.add(point, &database)?;
    }
    tables.close()?;
    Ok(tables.print())
}

/// The properties used, of the code points of the wanted version.
struct Database {
    combining: BTreeMap<u32, u16>,
    decomposed: BTreeMap<u32, Vec<u32>>,
    folded: BTreeMap<u32, Vec<u32>>,
    ignorable: BTreeSet<u32>,
}

impl Database {
    fn read(dir: &Path) -> Result<Self> {
        let read = |file: &str| {
            let path = dir.join(file);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let newer = newer_ranges(&read("DerivedAge.txt")?)?;
        let is_newer = |point: &u32| newer.iter().any(|range| range.contains(point));
        let (mut combining, mut decomposed) = parse_characters(&read("UnicodeData.txt")?)?;
        let mut folded = parse_folding(&read("CaseFolding.txt")?)?;
        combining.retain(|point, _| !is_newer(point));
        decomposed.retain(|point, _| !is_newer(point));
        folded.retain(|point, _| !is_newer(point));
        let mut ignorable = parse_ignorable(&read("DerivedCoreProperties.txt")?)?;
        ignorable.retain(|point| !is_newer(point));
        Ok(Self { combining, decomposed, folded, ignorable })
    }

    /// What replaces `point`: folded, then decomposed for good.
    fn replacement(&self, point: u32) -> Vec<u32> {
        let mut out = Vec::new();
        match self.folded.get(&point) {
            Some(folded) => folded.iter().for_each(|&part| self.decompose(part, &mut out)),
            None => self.decompose(point, &mut out),
        }
        out
    }

    fn decompose(&self, point: u32, out: &mut Vec<u32>) {
        match self.decomposed.get(&point) {
            Some(parts) => parts.iter().for_each(|&part| self.decompose(part, out)),
            None => out.push(point),
        }
    }
}

/// The tables as they grow, by ascending code point.
#[derive(Default)]
struct Tables {
    /// First code point and class of each range.
    ranges: Vec<(u32, u16)>,
    /// Start of each replacement in `text`, and the end of the last one.
    offsets: Vec<u16>,
    text: Vec<u32>,
    text_bytes: usize,
    in_replaced_run: bool,
}

impl Tables {
    fn add(&mut self, point: u32, database: &Database) -> Result<()> {
        let replacement = database.replacement(point);
        if database.ignorable.contains(&point) {
            self.start_range(point, IGNORED);
        } else if replacement == [point] {
            self.start_range(point, database.combining.get(&point).copied().unwrap_or(PLAIN));
        } else {
            self.add_replaced(point, replacement)?;
        }
        Ok(())
    }

    fn start_range(&mut self, point: u32, class: u16) {
        if self.in_replaced_run || self.ranges.last().is_none_or(|&(_, last)| last != class) {
            self.ranges.push((point, class));
        }
        self.in_replaced_run = false;
    }

    fn add_replaced(&mut self, point: u32, replacement: Vec<u32>) -> Result<()> {
        let index = u16::try_from(self.offsets.len())?;
        if !self.in_replaced_run {
            self.ranges.push((point, REPLACED + index));
        }
        self.in_replaced_run = true;
        self.offsets.push(u16::try_from(self.text_bytes)?);
        for part in replacement {
            let Some(part_char) = char::from_u32(part) else { bail!("surrogate {part:x}") };
            self.text_bytes += part_char.len_utf8();
            self.text.push(part);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.offsets.push(u16::try_from(self.text_bytes)?);
        Ok(())
    }

    fn print(&self) -> String {
        let ranges = self.ranges.iter().map(|(first, class)| format!("({first:#x},{class}),"));
        let offsets = self.offsets.iter().map(|offset| format!("{offset},"));
        let text = self.text.iter().map(|point| format!("\\u{{{point:x}}}"));
        let mut out = String::from(HEADER);
        let _ = write!(
            out,
            "\n/// Ranges of code points: the first one, and the class of all.\n\
             pub(super) static RANGES: [(u32, u16); {}] = [\n{}];\n\
             \n/// Start of each replacement in `TEXT`, and the end of the last one.\n\
             pub(super) static OFFSETS: [u16; {}] = [\n{}];\n\
             \n/// The replacements.\n\
             pub(super) static TEXT: &str = \"\\\n{}\";\n",
            self.ranges.len(),
            wrap(ranges, "\n"),
            self.offsets.len(),
            wrap(offsets, "\n"),
            wrap(text, "\\\n"),
        );
        out
    }
}

const HEADER: &str = "\
//! How Unicode 12.1 folds code points: the data of the parent module.
//!
//! @generated by `cargo xtask casefold-tables /usr/share/unicode` from the Unicode Character
//! Database, Copyright Unicode, Inc., under the Unicode License (unicode.org/copyright.html).
";

/// Joins `items` in lines that end with `end`.
fn wrap(items: impl Iterator<Item = String>, end: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for item in items {
        if column + item.len() + end.len() > WIDTH {
            out.push_str(end);
            column = 0;
        }
        column += item.len();
        out.push_str(&item);
    }
    out.push_str(end);
    out
}

/// The data lines of a file without comments: a range of code points, and the other fields.
fn lines(text: &str) -> impl Iterator<Item = Result<(RangeInclusive<u32>, Vec<&str>)>> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut fields = line.split(';').map(str::trim);
            let range = fields.next().unwrap_or_default();
            let (first, last) = range.split_once("..").unwrap_or((range, range));
            Ok((parse_hex(first)?..=parse_hex(last)?, fields.collect()))
        })
}

fn parse_hex(text: &str) -> Result<u32> {
    u32::from_str_radix(text, 16).with_context(|| format!("not a code point: {text:?}"))
}

fn parse_sequence(text: &str) -> Result<Vec<u32>> {
    text.split_whitespace().map(parse_hex).collect()
}

/// The code points that were unassigned in the wanted version and are not now.
fn newer_ranges(derived_age: &str) -> Result<Vec<RangeInclusive<u32>>> {
    let mut newer = Vec::new();
    for line in lines(derived_age) {
        let (range, fields) = line?;
        let age = fields.first().and_then(|age| age.split_once('.')).context("age")?;
        if (age.0.parse::<u32>()?, age.1.parse::<u32>()?) > VERSION {
            newer.push(range);
        }
    }
    Ok(newer)
}

type Characters = (BTreeMap<u32, u16>, BTreeMap<u32, Vec<u32>>);

/// Combining classes other than 0, and canonical decompositions of one step.
fn parse_characters(unicode_data: &str) -> Result<Characters> {
    let (mut combining, mut decomposed) = (BTreeMap::new(), BTreeMap::new());
    for line in lines(unicode_data) {
        let (range, fields) = line?;
        let [_, _, class, _, mapping, ..] = *fields else { bail!("UnicodeData: {fields:?}") };
        if class != "0" {
            combining.insert(*range.start(), class.parse()?);
        }
        if !mapping.is_empty() && !mapping.starts_with('<') {
            decomposed.insert(*range.start(), parse_sequence(mapping)?);
        }
    }
    Ok((combining, decomposed))
}

/// The common and the full foldings.
fn parse_folding(case_folding: &str) -> Result<BTreeMap<u32, Vec<u32>>> {
    let mut folded = BTreeMap::new();
    for line in lines(case_folding) {
        let (range, fields) = line?;
        let [status, mapping, ..] = *fields else { bail!("CaseFolding: {fields:?}") };
        if matches!(status, "C" | "F") {
            folded.insert(*range.start(), parse_sequence(mapping)?);
        }
    }
    Ok(folded)
}

fn parse_ignorable(derived_core_properties: &str) -> Result<BTreeSet<u32>> {
    let mut ignorable = BTreeSet::new();
    for line in lines(derived_core_properties) {
        let (range, fields) = line?;
        if fields.first() == Some(&"Default_Ignorable_Code_Point") {
            ignorable.extend(range);
        }
    }
    Ok(ignorable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_in_the_tree_are_those_of_this_generator() {
        let data = Path::new("/usr/share/unicode");
        if !data.join("UnicodeData.txt").exists() {
            eprintln!("SKIP: no Unicode data in {} (package unicode-data)", data.display());
            return;
        }
        let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(OUTPUT);
        assert!(fs::read_to_string(tables).unwrap() == generate(data).unwrap(), "run it again");
    }

    #[test]
    fn folding_comes_before_decomposition_to_the_end() {
        let database = Database {
            combining: BTreeMap::new(),
            decomposed: BTreeMap::from([(2, vec![3, 9]), (3, vec![4, 5])]),
            folded: BTreeMap::from([(1, vec![2, 7])]),
            ignorable: BTreeSet::new(),
        };
        assert_eq!(database.replacement(1), [4, 5, 9, 7]);
        assert_eq!(database.replacement(8), [8]);
    }

    #[test]
    fn what_is_newer_counts_as_unassigned() {
        let age = "0041..0042 ; 1.1 # A\n0043 ; 12.1 # C\n0044 ; 13.0 # D\n";
        assert_eq!(newer_ranges(age).unwrap(), [0x44..=0x44]);
    }
}
