//! What a manifest line says of an inode, but for its path and its content.

use extant_vfs::{Error, FileType, IoFlags, Node, Stat};

use crate::text::{error_mark, push_escaped, push_hex, push_number, push_time};
use crate::{Field, Fields};

/// Bytes of fields 2 to 12 where there are no attributes.
const USUAL_BYTES: usize = 80;

/// Fields 2 to 12, those of `fields`, each with a space behind it. `failed` hears of errors that
/// are in the line.
///
/// # Errors
/// The target of a symbolic link cannot be read.
pub(crate) fn attributes(
    node: &Node,
    fields: Fields,
    failed: &mut dyn FnMut(Error),
) -> Result<Vec<u8>, Error> {
    let stat = node.stat();
    let mut out = Vec::with_capacity(USUAL_BYTES);
    for &field in Field::ALL.iter().filter(|field| fields.contains(**field)) {
        match field {
            Field::Path | Field::Content => continue,
            Field::Target if stat.file_type == FileType::Symlink => {
                push_escaped(&mut out, &node.read_link(IoFlags::NONE)?, b"");
            }
            Field::Xattrs => push_xattrs(&mut out, node, failed),
            Field::Mtime => push_time(&mut out, stat.mtime),
            Field::Ctime => push_time(&mut out, stat.ctime),
            _ => push_simple(&mut out, &stat, field),
        }
        out.push(b' ');
    }
    Ok(out)
}

/// Appends a field that is a number or a letter.
fn push_simple(out: &mut Vec<u8>, stat: &Stat, field: Field) {
    match (field, stat.device) {
        (Field::Type, _) => out.push(type_letter(stat.file_type)),
        (Field::Mode, _) => {
            out.extend([9, 6, 3, 0].map(|shift| b'0' + (stat.mode >> shift & 7).to_le_bytes()[0]));
        }
        (Field::Uid, _) => push_number(out, stat.uid.into()),
        (Field::Gid, _) => push_number(out, stat.gid.into()),
        (Field::Nlink, _) => push_number(out, stat.links.into()),
        (Field::Rdev, Some((major, minor))) => {
            push_number(out, major.into());
            out.push(b':');
            push_number(out, minor.into());
        }
        (Field::Size, _) if stat.file_type == FileType::Regular => push_number(out, stat.size),
        _ => out.push(b'-'),
    }
}

fn type_letter(file_type: FileType) -> u8 {
    match file_type {
        FileType::Regular => b'f',
        FileType::Directory => b'd',
        FileType::Symlink => b'l',
        FileType::Fifo => b'p',
        FileType::Socket => b's',
        FileType::CharDevice => b'c',
        FileType::BlockDevice => b'b',
    }
}

/// The attributes in order of their names; what cannot be read in the form of errors.
fn push_xattrs(out: &mut Vec<u8>, node: &Node, failed: &mut dyn FnMut(Error)) {
    let mut pairs = match xattr_pairs(node) {
        Ok(pairs) => pairs,
        Err(error) => {
            out.extend(error_mark(&error).into_bytes());
            return failed(error);
        }
    };
    if pairs.is_empty() {
        return out.push(b'-');
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    for (i, (name, value)) in pairs.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_escaped(out, &name, b",=");
        out.push(b'=');
        match value {
            Ok(value) => push_hex(out, &value),
            Err(error) => {
                out.extend(error_mark(&error).into_bytes());
                failed(error);
            }
        }
    }
}

/// A name and its value, if that can be read.
type Pair = (Vec<u8>, Result<Vec<u8>, Error>);

/// All attributes at once; one by one if that fails, so that one bad value hides no other.
fn xattr_pairs(node: &Node) -> Result<Vec<Pair>, Error> {
    if let Ok(all) = node.xattrs(IoFlags::NONE) {
        return Ok(all.into_iter().map(|xattr| (xattr.name, Ok(xattr.value))).collect());
    }
    let names = node.xattr_names(IoFlags::NONE)?;
    let read = |name: Vec<u8>| {
        let value = node.xattr(&name, IoFlags::NONE);
        (name, value)
    };
    Ok(names.into_iter().map(read).collect())
}
