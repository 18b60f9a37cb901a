//! Carries out the edits of a program on the bytes of its seed.

use extant_testkit::hostile::{ImageEditor, Spot};

use super::{Aim, Edit, Operation, Program};
use crate::fast_commit;
use crate::layout::{Class, Field, Region};
use crate::seeds::Seed;

/// Numbers at which rules change.
const LIMITS: [u32; 22] = [
    0,
    1,
    2,
    3,
    7,
    8,
    11,
    12,
    16,
    255,
    256,
    1023,
    1024,
    1025,
    0x7fff,
    0x8000,
    0x8001,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
];

/// What an edit did, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The structure.
    pub class: Class,
    /// And which: its part where it has one, else its place.
    pub what: String,
    /// First byte in the structure.
    pub offset: u64,
    /// The bytes before.
    pub old: Vec<u8>,
    /// And after, checksums not fixed.
    pub new: Vec<u8>,
}

struct Editing<'a> {
    seed: &'a Seed,
    aim: Aim,
    editor: ImageEditor,
    fix: bool,
    changes: Option<Vec<Change>>,
}

impl Program {
    /// The image that the edits make of `bytes`, which are those of `seed`.
    #[must_use]
    pub fn apply(&self, seed: &Seed, bytes: Vec<u8>, aim: Aim) -> Vec<u8> {
        self.run(seed, bytes, aim, None).0
    }

    /// The same, and what each edit did.
    #[must_use]
    pub fn explain(&self, seed: &Seed, bytes: Vec<u8>, aim: Aim) -> (Vec<u8>, Vec<Change>) {
        let (bytes, changes) = self.run(seed, bytes, aim, Some(Vec::new()));
        (bytes, changes.unwrap_or_default())
    }

    fn run(
        &self,
        seed: &Seed,
        bytes: Vec<u8>,
        aim: Aim,
        changes: Option<Vec<Change>>,
    ) -> (Vec<u8>, Option<Vec<Change>>) {
        let editor = ImageEditor::new(bytes);
        let fix = self.fix && seed.fixable;
        let mut editing = Editing { seed, aim, editor, fix, changes };
        let mut edits: Vec<_> = self.edits.iter().map(|edit| (editing.class(edit), edit)).collect();
        // Structures that checksums depend on last.
        edits.sort_by_key(|(class, _)| *class);
        let records = aim == Aim::FastCommit
            && edits.iter().any(|(_, edit)| edit.operation() == Operation::Record);
        for (class, edit) in &edits {
            editing.edit(*class, edit);
        }
        let Editing { editor, changes, .. } = editing;
        let mut bytes = editor.into_bytes();
        if let Some(journal) = &seed.layout.journal {
            if records {
                fast_commit::write(&self.edits, seed, journal, &mut bytes);
            }
            if fix && !matches!(aim, Aim::Structures | Aim::Check) {
                journal.fix(&mut bytes);
                if !records {
                    fast_commit::fix(journal, &mut bytes);
                }
            }
        }
        (bytes, changes)
    }
}

impl<'a> Editing<'a> {
    /// The class meant, or the next that the seed has.
    fn class(&self, edit: &Edit) -> Class {
        let wanted = self.aim.class(edit.class);
        let has = |class: &Class| self.seed.layout.of_class(*class).next().is_some();
        let behind = Class::ALL.into_iter().cycle().skip_while(|class| *class != wanted);
        behind.take(Class::ALL.len()).find(has).unwrap_or(wanted)
    }

    fn region(&self, class: Class, index: usize) -> Option<&'a Region> {
        let regions = self.seed.layout.of_class(class);
        let count = regions.clone().count();
        regions.into_iter().nth(index.checked_rem(count)?)
    }

    fn edit(&mut self, class: Class, edit: &Edit) {
        let Some(region) = self.region(class, edit.region.into()) else { return };
        let field = field(region, edit.offset, edit.mode);
        let width = usize::from(field.width);
        let at = region.start + u64::from(field.offset);
        let Ok(old) = self.editor.get_bytes(Spot::Image, at, width).map(<[u8]>::to_vec) else {
            return;
        };
        let number = read(class, &old);
        let new = match edit.operation() {
            Operation::Set => u64::from(edit.value),
            Operation::Add => {
                let [low, ..] = edit.value.to_le_bytes();
                number.wrapping_add_signed(i64::from(low.cast_signed()))
            }
            Operation::Flip => number ^ 1 << (edit.value % (8 * u32::from(field.width))),
            Operation::Limit => u64::from(limit(edit.value)),
            Operation::Copy => self.other_field(class, edit),
            Operation::Link => self.target(edit),
            Operation::Swap => return self.swap(region, edit),
            Operation::Fill => return self.fill(region, field, edit),
            Operation::Record => return,
        };
        self.put(region, field.offset.into(), &write(class, new, width));
    }

    /// A field of another structure.
    fn other_field(&self, class: Class, edit: &Edit) -> u64 {
        let regions = &self.seed.layout.regions;
        let index = usize::from(edit.other).checked_rem(regions.len());
        // Half of the time from a structure of the same class.
        let same = self.region(class, edit.other.into()).filter(|_| edit.mode & 8 != 0);
        let from = same.or_else(|| regions.get(index?));
        let Some(from) = from else { return 0 };
        let [low, high, mode, _] = edit.value.to_le_bytes();
        let field = field(from, u16::from_le_bytes([low, high]), mode);
        let at = from.start + u64::from(field.offset);
        let bytes = self.editor.get_bytes(Spot::Image, at, field.width.into());
        bytes.map_or(0, |bytes| read(from.class, bytes))
    }

    /// The number of a block of another structure, or of an inode.
    fn target(&self, edit: &Edit) -> u64 {
        let layout = &self.seed.layout;
        let index = edit.value as usize;
        if edit.mode & 8 != 0 {
            let ino = index.checked_rem(layout.inodes.len()).and_then(|n| layout.inodes.get(n));
            return u64::from(ino.copied().unwrap_or(2));
        }
        let region = index.checked_rem(layout.regions.len()).and_then(|n| layout.regions.get(n));
        let start = region.map_or(0, |region| region.start);
        start.checked_div(layout.block_size).unwrap_or(0)
    }

    fn swap(&mut self, region: &Region, edit: &Edit) {
        let class = if edit.mode & 8 != 0 { region.class } else { self.aim.class(edit.other) };
        let Some(other) = self.region(class, edit.value as usize) else { return };
        let length = usize::try_from(region.length.min(other.length)).unwrap_or(0);
        let bytes = |start| self.editor.get_bytes(Spot::Image, start, length).map(<[u8]>::to_vec);
        if let (Ok(one), Ok(two)) = (bytes(region.start), bytes(other.start)) {
            self.put(region, 0, &two);
            self.put(other, 0, &one);
        }
    }

    fn fill(&mut self, region: &Region, field: Field, edit: &Edit) {
        let [byte, count, _, _] = edit.value.to_le_bytes();
        let left = region.length.saturating_sub(field.offset.into());
        let length = usize::try_from(left.min(u64::from(count))).unwrap_or(0);
        let byte = if edit.mode & 8 != 0 { 0 } else { byte };
        self.put(region, field.offset.into(), &vec![byte; length]);
    }

    fn put(&mut self, region: &Region, offset: u64, bytes: &[u8]) {
        let at = region.start + offset;
        let old = self.editor.get_bytes(Spot::Image, at, bytes.len()).map(<[u8]>::to_vec);
        if let (Some(changes), Ok(old)) = (&mut self.changes, old) {
            let what = match region.part {
                Some(part) => format!("{part:?}"),
                None => format!("{:?} at byte {}", region.class, region.start),
            };
            changes.push(Change { class: region.class, what, offset, old, new: bytes.to_vec() });
        }
        // Regions are inside the image; a structure that is broken enough has no place for its sum.
        let _ = self.editor.set_bytes(Spot::Image, at, bytes);
        if let Some(part) = region.part.filter(|_| self.fix && self.can_locate(region.class)) {
            let _ = self.editor.fix(part);
        }
    }

    /// Whether the structures that lead to those of `class` are still those of the seed. The editor
    /// trusts them; only a swap can have changed them before their turn.
    fn can_locate(&self, class: Class) -> bool {
        let (leads, all) = (|lead: &Class| *lead > class, [Class::Group, Class::Superblock]);
        all.into_iter().filter(leads).flat_map(|lead| self.seed.layout.of_class(lead)).all(|lead| {
            let start = usize::try_from(lead.start).unwrap_or(usize::MAX);
            let length = usize::try_from(lead.length).unwrap_or(usize::MAX);
            let range = start..start.saturating_add(length);
            self.editor.bytes().get(range.clone()) == self.seed.bytes.get(range)
        })
    }
}

/// The field of `region` that `offset` and `mode` mean.
fn field(region: &Region, offset: u16, mode: u8) -> Field {
    let listed = usize::from(offset).checked_rem(region.fields.len());
    let listed = listed.and_then(|index| region.fields.get(index)).filter(|_| mode & 1 == 0);
    if let Some(field) = listed {
        return *field;
    }
    let width = 1_u8 << (mode >> 1 & 3);
    let length = u16::try_from(region.length.min(0x8000)).unwrap_or(0);
    let slots = (length / u16::from(width)).max(1);
    Field { offset: offset % slots * u16::from(width), width, is_pointer: false }
}

/// The limit that `value` means, or one beside it.
fn limit(value: u32) -> u32 {
    let [index, beside, ..] = value.to_le_bytes();
    let limit = LIMITS.get(usize::from(index) % LIMITS.len()).copied().unwrap_or(0);
    match beside % 4 {
        0 => limit.wrapping_sub(1),
        1 => limit.wrapping_add(1),
        _ => limit,
    }
}

/// The log is big-endian, all else is little-endian.
fn is_big_endian(class: Class) -> bool {
    class.is_journal() && !matches!(class, Class::FastCommit | Class::JournalCopy)
}

fn read(class: Class, bytes: &[u8]) -> u64 {
    let fold = |n: u64, byte: &u8| n << 8 | u64::from(*byte);
    match is_big_endian(class) {
        true => bytes.iter().fold(0, fold),
        false => bytes.iter().rev().fold(0, fold),
    }
}

fn write(class: Class, value: u64, width: usize) -> Vec<u8> {
    match is_big_endian(class) {
        true => value.to_be_bytes().get(8 - width..).unwrap_or_default().to_vec(),
        false => value.to_le_bytes().get(..width).unwrap_or_default().to_vec(),
    }
}
