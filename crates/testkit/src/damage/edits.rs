//! What neither mke2fs nor debugfs can make: shared attributes, folded and encrypted directories.
//! e2fsck runs afterwards and makes counts and checksums right.

use crate::error::{Error, Result};
use crate::hostile::{ImageEditor, Spot};

const CASEFOLD: u32 = 0x4000_0000;
const ENCRYPT: u32 = 0x800;
/// The name index of encryption contexts.
const ENCRYPTION: u8 = 9;

fn set_flags(editor: &mut ImageEditor, path: &str, flags: u32) -> Result<()> {
    let spot = Spot::Inode(editor.lookup(path)?);
    let old = editor.get_u32(spot, 0x20)?;
    editor.set_u32(spot, 0x20, old | flags)
}

/// `/xattr-share` gets the attribute block of `/xattr-large`, where there is one.
pub(super) fn share_attributes(editor: &mut ImageEditor) -> Result<()> {
    let from = editor.lookup("/xattr-large")?;
    let block = editor.xattr_block(from)?;
    if block == 0 {
        return Ok(());
    }
    let to = editor.lookup("/xattr-share")?;
    let low = u32::try_from(block).map_err(|_| Error::Image(format!("block {block}")))?;
    editor.set_u32(Spot::Inode(to), 0x68, low)
}

/// The offset, in an inode, of the attribute entry called `name` without its prefix.
fn attribute(editor: &ImageEditor, inode: u32, name: &[u8]) -> Result<u64> {
    let spot = Spot::Inode(inode);
    let mut at = 128 + u64::from(editor.get_u16(spot, 0x80)?) + 4;
    while editor.get_u32(spot, at)? != 0 {
        let length = u64::from(editor.get_u8(spot, at)?);
        let width = usize::try_from(length).unwrap_or_default();
        if editor.get_bytes(spot, at + 16, width)? == name {
            return Ok(at);
        }
        at += (16 + length).next_multiple_of(4);
    }
    Err(Error::Image(format!("no attribute {} in inode {inode}", name.escape_ascii())))
}

/// `/ea-two` holds the value of `/ea-one` by the same inode.
pub(super) fn share_ea_inodes(editor: &mut ImageEditor) -> Result<()> {
    let (one, two) = (editor.lookup("/ea-one")?, editor.lookup("/ea-two")?);
    let from = attribute(editor, one, b"big")?;
    let to = attribute(editor, two, b"big")?;
    let value = editor.get_u32(Spot::Inode(one), from + 4)?;
    editor.set_u32(Spot::Inode(two), to + 4, value)
}

/// `/many` and `/dir` fold case.
pub(super) fn casefold(editor: &mut ImageEditor) -> Result<()> {
    set_flags(editor, "/many", CASEFOLD)?;
    set_flags(editor, "/dir", CASEFOLD)
}

/// `/crypt` and what is in it have a context, which `user.c` made room for.
pub(super) fn encrypt(editor: &mut ImageEditor) -> Result<()> {
    share_attributes(editor)?;
    let files = ["A".repeat(16), "B".repeat(32)].map(|name| format!("/crypt/{name}"));
    for (path, nonce) in ["/crypt"].into_iter().chain(files.iter().map(String::as_str)).zip(1..) {
        let inode = editor.lookup(path)?;
        let entry = attribute(editor, inode, b"c")?;
        let spot = Spot::Inode(inode);
        editor.set_u8(spot, entry + 1, ENCRYPTION)?;
        let first = 128 + u64::from(editor.get_u16(spot, 0x80)?) + 4;
        let value = first + u64::from(editor.get_u16(spot, entry + 2)?);
        // Version 2; AES-256-XTS, AES-256-CTS, names padded to 32 bytes; key and nonce.
        let head = [2, 1, 4, 3, 0, 0, 0, 0];
        editor.set_bytes(spot, value, &[&head[..], &[7; 16], &[nonce; 16]].concat())?;
        set_flags(editor, path, ENCRYPT)?;
    }
    Ok(())
}
