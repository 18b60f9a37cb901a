//! Damage: sound images in which one field of one live structure was changed, by a seed.
//!
//! [`base`] makes the images; a walk of the editor's own lists the fields of everything that is in
//! use. [`case`] takes a field at random - first the kind of structure, then the field, then the
//! structure, so that rare ones are met as often as common ones - and a new value, and makes the
//! checksum right again or leaves it. It says what it did in one line. The kernel never mounts
//! such an image.

mod change;
mod edits;
mod fields;
mod plant;
mod recipes;
mod site;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

pub use site::Class;

use change::{Pool, change};
use recipes::{RECIPES, Recipe};
use site::{Kind, Site};

use crate::error::{Error, Result};
use crate::hostile::{ImageEditor, Spot};
use crate::random::Random;

/// Sites by class, field and structure.
type Index = BTreeMap<Class, BTreeMap<&'static str, BTreeMap<Arc<str>, Vec<Site>>>>;

/// A sound image, and everything in it that can be damaged.
#[derive(Debug)]
pub struct Base {
    name: &'static str,
    editor: ImageEditor,
    index: Index,
    pool: Pool,
}

/// What happened to the checksum over a damaged field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sum {
    /// The file system has none there.
    None,
    /// Made right again.
    Fixed,
    /// Left as it was.
    Left,
}

/// A damaged image.
#[derive(Clone, Debug)]
pub struct Damage {
    /// The kind of structure.
    pub class: Class,
    /// The checksum over it.
    pub sum: Sum,
    /// The image and its seed, the structure, the field, old and new value: one line.
    pub description: String,
    /// The whole image.
    pub image: Vec<u8>,
}

/// The number of base images.
#[must_use]
pub const fn base_count() -> usize {
    RECIPES.len()
}

/// Base image `index`, made at its first use. Needs mke2fs, debugfs and e2fsck.
///
/// # Errors
/// If it cannot be made.
pub fn base(index: usize) -> Result<&'static Base> {
    type Slot = OnceLock<std::result::Result<Base, String>>;
    static BASES: LazyLock<Vec<Slot>> =
        LazyLock::new(|| RECIPES.iter().map(|_| Slot::new()).collect());
    let pair = BASES.get(index).zip(RECIPES.get(index));
    let (slot, recipe) = pair.ok_or_else(|| Error::Image(format!("no base image {index}")))?;
    let made = slot.get_or_init(|| {
        Base::make(recipe).map_err(|error| format!("base image {}: {error}", recipe.name))
    });
    made.as_ref().map_err(|text| Error::Image(text.clone()))
}

/// The base image that `seed` damages.
///
/// # Errors
/// If it cannot be made.
pub fn base_of(seed: u64) -> Result<&'static Base> {
    base(usize::try_from(seed % RECIPES.len() as u64).unwrap_or_default())
}

/// The damage of `seed`: seeds go round the base images, and the same seed always damages the same
/// field in the same way.
///
/// # Errors
/// If the base image cannot be made.
pub fn case(seed: u64) -> Result<Damage> {
    base_of(seed)?.damage(seed)
}

impl Base {
    fn make(recipe: &Recipe) -> Result<Self> {
        let editor = plant::make(recipe)?;
        let (sites, pool) = walk::walk(&editor)?;
        let mut index = Index::new();
        for site in sites {
            let fields = index.entry(site.class).or_default();
            let owners = fields.entry(site.field).or_default();
            owners.entry(Arc::clone(&site.owner)).or_default().push(site);
        }
        Ok(Self { name: recipe.name, editor, index, pool })
    }

    /// Unique.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The sound image.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        self.editor.bytes()
    }

    /// The kinds of structures in it.
    pub fn classes(&self) -> impl Iterator<Item = Class> {
        self.index.keys().copied()
    }

    /// The damage of `seed`.
    ///
    /// # Errors
    /// If a structure is not where the walk found it.
    pub fn damage(&self, seed: u64) -> Result<Damage> {
        let mut random = Random::new(seed);
        for _ in 0..100 {
            if let Some(damage) = self.attempt(seed, &mut random)? {
                return Ok(damage);
            }
        }
        Err(Error::Image(format!("seed {seed} finds nothing to damage in {}", self.name)))
    }

    fn attempt(&self, seed: u64, random: &mut Random) -> Result<Option<Damage>> {
        let site = self.choose(random);
        let Some(site) = site else { return Ok(None) };
        let at = match site.kind {
            Kind::Bits(bits) => site.at + random.below(u64::from(bits / 8).max(1)),
            _ => site.at,
        };
        let old = self.editor.get_bytes(Spot::Image, at, site.kind.width())?.to_vec();
        let Some(new) = change(site.kind, &old, &self.pool, random) else { return Ok(None) };
        let mut editor = self.editor.clone();
        editor.set_bytes(Spot::Image, at, &new)?;
        let sum = self.settle(&mut editor, site, random)?;
        if editor.bytes() == self.image() {
            return Ok(None);
        }
        let place = if at == site.at { String::new() } else { format!(" byte {}", at - site.at) };
        let note = match sum {
            Sum::None => "",
            Sum::Fixed => ", checksum fixed",
            Sum::Left => ", checksum left",
        };
        let (old, new) = (shown(&old), shown(&new));
        let description = format!("{} seed {seed}: {site}{place} {old} -> {new}{note}", self.name);
        Ok(Some(Damage { class: site.class, sum, description, image: editor.into_bytes() }))
    }

    fn choose(&self, random: &mut Random) -> Option<&Site> {
        let total = self.index.keys().map(|class| class.weight()).sum::<u64>();
        let mut drawn = random.below(total.max(1));
        let mut passed = |class: Class| {
            let passed = drawn >= class.weight();
            drawn = drawn.saturating_sub(class.weight());
            passed
        };
        let (_, fields) = self.index.iter().find(|(class, _)| !passed(**class))?;
        let owners = fields.values().nth(random.index(fields.len()))?;
        let sites = owners.values().nth(random.index(owners.len()))?;
        sites.get(random.index(sites.len()))
    }

    /// Two times of three the checksum is made right. A structure that is broken enough has no
    /// place for its sum: then it is left.
    fn settle(&self, editor: &mut ImageEditor, site: &Site, random: &mut Random) -> Result<Sum> {
        let Some(part) = site.part else { return Ok(Sum::None) };
        if self.editor.checksums(part)?.is_none() {
            return Ok(Sum::None);
        }
        let fixed = !random.one_in(3) && editor.fix(part).is_ok();
        Ok(if fixed { Sum::Fixed } else { Sum::Left })
    }
}

/// A number in hexadecimal, as it is stored.
fn shown(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}
