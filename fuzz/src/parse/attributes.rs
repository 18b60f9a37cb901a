//! Extended attributes and their values.

use std::ops::Range;

use extant_format::acl::Acl;
use extant_format::fscrypt::EncryptionContext;
use extant_format::symlink::check_target;
use extant_format::xattr::{
    BlockXattrs, IbodyXattrs, XattrEntry, block_checksum, entry_hash, split_name,
};

use super::{System, any_block, at, block};

const MAGIC: [u8; 4] = 0xea02_0000_u32.to_le_bytes();

/// Where `part` is in `whole`.
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    start..start.wrapping_add(part.len())
}

/// Entries do not overlap one another, and no value overlaps them or their end mark.
fn check(entries: &[XattrEntry<'_>], area: &[u8], first: usize) {
    assert!(entries.len() <= area.len() / 16);
    let mut end = first;
    for entry in entries {
        let name = place(area, entry.name);
        if !entry.name.is_empty() {
            assert_eq!(name.start, end + 16, "{entry:?}");
        }
        end += 16 + entry.name.len().next_multiple_of(4);
        assert!(!entry.name.contains(&0) && end + 4 <= area.len(), "{entry:?}");
    }
    for entry in entries {
        let Some(value) = entry.value else {
            assert_ne!(entry.value_inode, 0);
            continue;
        };
        assert_eq!(value.len(), entry.value_size as usize);
        if !value.is_empty() {
            let value = place(area, value);
            assert!(value.start >= end + 4 && value.end <= area.len(), "{entry:?} and {end}");
        }
        if let Some(name) = entry.full_name() {
            assert!(split_name(&name).is_some(), "{}", name.escape_ascii());
        }
        let _ = entry_hash(entry.name, value);
    }
}

pub(super) fn in_inode(_: &System, body: &[u8]) {
    let area = [&MAGIC[..], body.get(..body.len().min(1024)).unwrap_or_default()].concat();
    if let Ok(xattrs) = IbodyXattrs::parse(&area, at()) {
        check(&xattrs.entries, &area, 4);
        let _ = xattrs.inline_data();
        for entry in &xattrs.entries {
            assert!(xattrs.find(entry.name_index, entry.name).is_some());
        }
    }
    let _ = IbodyXattrs::parse(body, at());
}

pub(super) fn in_block(system: &System, body: &[u8]) {
    let head = [&MAGIC[..], &[1, 0, 0, 0], &[1, 0, 0, 0]].concat();
    let whole = if system.options & 1 == 0 { [&head, body].concat() } else { body.to_vec() };
    let mut bytes = block(system, &whole);
    let (nr, seed) = (any_block(system), system.superblock.seed());
    let seed = system.superblock.features().metadata_csum().then_some(seed);
    if let Some(sum) = seed.and_then(|seed| block_checksum(&bytes, nr, seed))
        && let Some(field) = bytes.get_mut(16..20).filter(|_| system.options & 2 == 0)
    {
        field.copy_from_slice(&sum.to_le_bytes());
    }
    if let Ok(xattrs) = BlockXattrs::parse(&bytes, nr, seed, at()) {
        assert!((1..=1024).contains(&xattrs.refcount));
        check(&xattrs.entries, &bytes, 32);
        for entry in &xattrs.entries {
            assert!(xattrs.find(entry.name_index, entry.name).is_some());
        }
    }
}

/// What values of known names mean: lists, contexts, targets.
pub(super) fn values(system: &System, body: &[u8]) {
    let versioned = [&[1, 0, 0, 0], body].concat();
    for value in [body, &versioned] {
        if let Ok(acl) = Acl::parse(value, at()) {
            assert!(acl.entries().len() <= value.len() / 4);
            assert_eq!(acl.to_xattr_bytes().len(), 4 + 8 * acl.entries().len());
        }
    }
    if let Ok(context) = EncryptionContext::parse(body, at()) {
        assert!(matches!(context.name_padding(), 4 | 8 | 16 | 32));
        assert!(matches!(context.version(), 1 | 2));
    }
    let size = system.superblock.geometry().block_size();
    if check_target(body, size, at()).is_ok() {
        assert!(!body.is_empty() && body.len() < size.to_usize() && !body.contains(&0));
    }
}
