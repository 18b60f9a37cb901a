//! Changing the attributes in an inode: the whole area is written anew, in the order it had, so
//! that what is left is one piece of room between entries and values.

use super::entry::{HEADER, IbodyXattrs};
use super::{MAGIC, XattrEntry};
use crate::le::put_at;
use crate::{Corrupt, Place};

/// Bytes of the magic number, and of the mark behind the last entry.
const WORD: usize = 4;

/// The room that an entry takes, without its value.
const fn entry_len(name: &[u8]) -> usize {
    HEADER + name.len().next_multiple_of(WORD)
}

/// The room that the value of `entry` takes in the area.
fn value_len(entry: &XattrEntry<'_>) -> usize {
    entry.value.map_or(0, |value| value.len().next_multiple_of(WORD))
}

fn others<'e, 'a>(
    attributes: &'e IbodyXattrs<'a>,
    (index, name): (u8, &[u8]),
) -> impl Iterator<Item = &'e XattrEntry<'a>> {
    attributes.entries.iter().filter(move |e| (e.name_index, e.name) != (index, name))
}

/// The longest value, a multiple of four bytes, that the attribute `key` (prefix number and rest
/// of the name) could have in `ea_area`, [`Inode::ea_area`](crate::Inode::ea_area), next to the
/// others there; `None` if there is not even room for its entry.
///
/// # Errors
/// Those of [`IbodyXattrs::parse`].
pub fn ibody_room(ea_area: &[u8], key: (u8, &[u8]), at: Place) -> Result<Option<usize>, Corrupt> {
    let attributes = IbodyXattrs::parse(ea_area, at)?;
    let taken = others(&attributes, key).map(|e| entry_len(e.name) + value_len(e));
    let taken = taken.sum::<usize>() + 2 * WORD + entry_len(key.1);
    Ok(ea_area.len().checked_sub(taken).map(|room| room / WORD * WORD))
}

/// Gives the attribute `key` (prefix number and rest of the name) in `ea_area` the value `value`,
/// or takes it away. `false`, and nothing changed, if it does not fit. The hash of the entry is 0,
/// as Linux has it in inodes.
///
/// # Errors
/// Those of [`IbodyXattrs::parse`]; nothing is changed then.
pub fn set_ibody_value(
    ea_area: &mut [u8],
    key: (u8, &[u8]),
    value: Option<&[u8]>,
    at: Place,
) -> Result<bool, Corrupt> {
    let old = ea_area.to_vec();
    let attributes = IbodyXattrs::parse(&old, at)?;
    let room = ibody_room(&old, key, at)?;
    let name_len = u8::try_from(key.1.len()).ok();
    let fits = |value: &[u8]| room.is_some_and(|r| value.len() <= r) && name_len.is_some();
    if value.is_some_and(|value| !fits(value)) {
        return Ok(false);
    }
    let new = value.map(|value| XattrEntry {
        name_index: key.0,
        name: key.1,
        value_inode: 0,
        value_offset: 0,
        value_size: u32::try_from(value.len()).unwrap_or_default(),
        hash: 0,
        value: Some(value),
    });
    let kept = attributes.entries.iter().filter_map(|e| match new {
        _ if (e.name_index, e.name) != key => Some(*e),
        new => new,
    });
    let added = new.filter(|_| attributes.find(key.0, key.1).is_none());
    let entries: Vec<_> = kept.chain(added).collect();
    write(ea_area, &entries);
    Ok(true)
}

/// Writes the area; all of it fits.
fn write(area: &mut [u8], entries: &[XattrEntry<'_>]) {
    area.fill(0);
    if entries.is_empty() {
        return;
    }
    put_at(area, 0, &MAGIC.to_le_bytes());
    let mut at = WORD;
    let mut end = area.len() / WORD * WORD;
    for entry in entries {
        let value = entry.value.unwrap_or_default();
        end -= value_len(entry).min(end);
        // Offsets count from the first entry.
        let offset = if value.is_empty() { 0 } else { end.saturating_sub(WORD) };
        put_at(area, at, &[u8::try_from(entry.name.len()).unwrap_or_default(), entry.name_index]);
        put_at(area, at + 2, &u16::try_from(offset).unwrap_or_default().to_le_bytes());
        put_at(area, at + 4, &entry.value_inode.to_le_bytes());
        put_at(area, at + 8, &entry.value_size.to_le_bytes());
        put_at(area, at + 12, &entry.hash.to_le_bytes());
        put_at(area, at + HEADER, entry.name);
        put_at(area, end, value);
        at += entry_len(entry.name);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CorruptKind;
    use crate::xattr::index;

    const DATA: (u8, &[u8]) = (index::SYSTEM, b"data");

    fn set(area: &mut [u8], key: (u8, &[u8]), value: Option<&[u8]>) -> bool {
        set_ibody_value(area, key, value, Place::default()).unwrap()
    }

    fn get(area: &[u8], key: (u8, &[u8])) -> Option<Vec<u8>> {
        let attributes = IbodyXattrs::parse(area, Place::default()).unwrap();
        attributes.find(key.0, key.1).map(|entry| entry.value.unwrap().to_vec())
    }

    #[test]
    fn what_room_says_fits_and_a_byte_more_does_not() {
        let mut area = vec![0; 96];
        assert!(set(&mut area, (1, b"colour"), Some(b"green")));
        let room = ibody_room(&area, DATA, Place::default()).unwrap().unwrap();
        assert_eq!(room, 96 - 8 - (16 + 8 + 8) - (16 + 4));
        let before = area.clone();
        assert!(!set(&mut area, DATA, Some(&vec![7; room + 1])));
        assert_eq!(area, before);
        assert!(set(&mut area, DATA, Some(&vec![7; room])));
        assert_eq!(get(&area, DATA), Some(vec![7; room]));
        assert_eq!(get(&area, (1, b"colour")), Some(b"green".to_vec()));
        assert_eq!(ibody_room(&area, DATA, Place::default()), Ok(Some(room)));
        assert_eq!(ibody_room(&area, (1, b"more"), Place::default()), Ok(None));
        assert!(set(&mut area, DATA, None));
        assert_eq!(get(&area, DATA), None);
        assert!(set(&mut area, (1, b"colour"), None));
        assert_eq!(area, [0; 96]);
    }

    #[test]
    fn a_bad_area_is_not_changed() {
        let mut area = MAGIC.to_le_bytes().to_vec();
        area.extend([0xff; 20]);
        let before = area.clone();
        let result = set_ibody_value(&mut area, DATA, Some(b""), Place::default());
        assert_eq!(result.unwrap_err().kind, CorruptKind::XattrEntry);
        assert_eq!(area, before);
    }

    proptest! {
        #[test]
        fn a_sequence_of_changes_is_a_map(
            len in 0_usize..300,
            steps in proptest::collection::vec(
                (0_u8..6, proptest::option::of(proptest::collection::vec(any::<u8>(), 0..60))),
                0..40,
            ),
        ) {
            let mut area = vec![0; len];
            let mut model = std::collections::BTreeMap::new();
            for (name, value) in steps {
                let text = vec![b'a' + name; usize::from(name) + 1];
                let key = (index::USER, &text[..]);
                let room = ibody_room(&area, key, Place::default()).unwrap();
                let fits = value.as_ref().is_none_or(|v| room.is_some_and(|r| v.len() <= r));
                prop_assert_eq!(set(&mut area, key, value.as_deref()), fits);
                match value {
                    Some(value) if fits => drop(model.insert(text, value)),
                    None => drop(model.remove(&text)),
                    Some(_) => {}
                }
                for (text, value) in &model {
                    let found = get(&area, (index::USER, text));
                    prop_assert_eq!(found.as_ref(), Some(value));
                }
                let entries = IbodyXattrs::parse(&area, Place::default()).unwrap().entries;
                prop_assert_eq!(entries.len(), model.len());
            }
        }
    }
}
