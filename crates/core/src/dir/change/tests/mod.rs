//! Directories are changed at random and compared with a map; e2fsck judges the image.

mod bench;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use bench::Bench;
use extant_format::InodeNr;
use proptest::prelude::*;

use super::*;

/// What happens to one name.
#[derive(Clone, Copy)]
struct Step {
    /// Which name.
    id: u16,
    /// Which file it leads to; `None` removes it.
    file: Option<u8>,
}

/// Short: there are many.
impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.file {
            Some(file) => write!(f, "{}>{file}", self.id),
            None => write!(f, "-{}", self.id),
        }
    }
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let file = prop_oneof![4 => (0..8_u8).prop_map(Some), 1 => Just(None)];
    let step = (0..600_u16, file).prop_map(|(id, file)| Step { id, file });
    proptest::collection::vec(step, 0..count)
}

/// Name `id`, of 1 to 255 bytes, most of them short.
fn name(id: u16) -> Vec<u8> {
    let len = match id % 8 {
        0 => usize::from(id) % 250,
        n => 3 * usize::from(n),
    };
    let mut name = format!("n{id}\u{e9}").into_bytes();
    name.resize(name.len().max(len), b'x');
    name
}

/// Name `id` with letters that have two cases, in one of two spellings.
fn folded_name(id: u16, upper: bool) -> Vec<u8> {
    let name = String::from_utf8(name(id)).unwrap() + "\u{e4}o";
    if upper { name.to_uppercase().into_bytes() } else { name.into_bytes() }
}

/// What a model is run on.
struct Config<'o> {
    /// Options of mke2fs.
    options: &'o [&'o str],
    casefold: bool,
    /// Hash version and flags of the superblock.
    hash: (u8, u32),
}

fn run_model(config: &Config<'_>, steps: &[Step]) {
    let Some(bench) = Bench::new(config.options) else { return };
    let casefold = config.casefold;
    bench.set_hash(config.hash.0, config.hash.1);
    let volume = bench.volume();
    let mut changes = Changes::new(&volume);
    if casefold {
        let flags = InodeFlags::CASEFOLD;
        changes
            .change_inode(bench.dir, |slot| {
                let raw = RawInode::from_slot_mut(slot).unwrap();
                raw.flags.set(raw.flags.get() | flags.bits());
            })
            .unwrap();
    }
    let mut model: BTreeMap<u16, (Vec<u8>, InodeNr)> = BTreeMap::new();
    for (n, step) in steps.iter().enumerate() {
        let text = if casefold { folded_name(step.id, n % 2 == 0) } else { name(step.id) };
        match step.file {
            Some(file) => {
                let ino = bench.files[usize::from(file)];
                let added = add_entry(&mut changes, bench.dir, &text, ino, FileType::Regular);
                let old = model.get(&step.id).map(|&(_, old)| old);
                let wanted = match old {
                    None => Added::New,
                    Some(old) if old == ino => Added::Same,
                    Some(old) => Added::Replaced(old),
                };
                assert_eq!(added.unwrap(), wanted);
                let stored = model.remove(&step.id).map_or(text, |(stored, _)| stored);
                model.insert(step.id, (stored, ino));
            }
            None => {
                let other = (n % 3 == 0).then_some(bench.files[0]);
                let old = model.get(&step.id).map(|&(_, ino)| ino);
                let wanted = old.filter(|&old| other.is_none_or(|other| other == old));
                let removed = remove_entry(&mut changes, bench.dir, &text, other).unwrap();
                assert_eq!(removed, wanted);
                if wanted.is_some() {
                    model.remove(&step.id);
                }
            }
        }
        if n % 256 == 0 || n + 1 == steps.len() {
            let entries = model.values().cloned().collect();
            bench.compare(&changes, &entries);
            for id in (0..600).filter(|id| !model.contains_key(id)) {
                let name = if casefold { folded_name(id, true) } else { name(id) };
                assert_eq!(bench.lookup(&changes, &name), None);
            }
        }
    }
    bench.judge(changes, &model.values().cloned().collect());
}

macro_rules! models {
    ($($test:ident, $casefold:literal, $hash:expr, $options:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig {
                cases: 8, max_shrink_iters: 20, ..ProptestConfig::default()
            })]
            $(
                #[test]
                fn $test(steps in steps(1500)) {
                    let options = &$options;
                    run_model(&Config { options, casefold: $casefold, hash: $hash }, &steps);
                }
            )*
        }
    };
}

models! {
    half_md4, false, (1, 1), ["-t", "ext4", "-b", "1024"];
    half_md4_unsigned, false, (1, 2), ["-t", "ext4", "-b", "1024"];
    tea_without_checksums, false, (2, 1), ["-b", "1024", "-O", "^metadata_csum"];
    tea_unsigned, false, (2, 2), ["-t", "ext4", "-b", "1024"];
    legacy_in_indirect_blocks, false, (0, 1), ["-t", "ext3", "-b", "1024"];
    legacy_unsigned, false, (3, 2), ["-t", "ext4", "-b", "1024"];
    no_index, false, (1, 1), ["-t", "ext4", "-b", "1024", "-O", "^dir_index"];
    no_filetype, false, (1, 1), ["-t", "ext2", "-b", "1024", "-O", "^filetype,dir_index"];
    inline, false, (1, 1), ["-t", "ext4", "-b", "1024", "-O", "inline_data"];
    inline_large_inodes, false, (1, 1),
        ["-t", "ext4", "-b", "1024", "-I", "1024", "-O", "inline_data"];
    folded, true, (1, 1), ["-t", "ext4", "-b", "1024", "-O", "casefold", "-E", "encoding=utf8"];
    folded_linear, true, (1, 1), ["-t", "ext4", "-b", "1024", "-O", "casefold,^dir_index"];
    clusters, false, (1, 1), ["-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "4096"];
    large_blocks, false, (1, 1), ["-t", "ext4", "-b", "65536"];
    large_blocks_no_checksums, false, (1, 1), ["-t", "ext4", "-b", "65536", "-O", "^metadata_csum"];
}

fn run(command: &str, args: &[&str], file: &Path) -> Option<Output> {
    match Command::new(command).args(args).arg(file).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: {command}: {error}");
            None
        }
    }
}

/// The names of `entries` must be all different.
fn distinct(entries: &[(Vec<u8>, InodeNr)]) -> BTreeSet<&[u8]> {
    entries.iter().map(|(name, _)| &name[..]).collect()
}
