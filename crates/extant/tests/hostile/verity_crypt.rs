//! Row 57: flags of verity and encryption without what they need.

use extant::{Follow, IoFlags};
use extant_testkit::hostile::{ImageEditor, Spot};

use crate::support::{EXT4, failure, image, only, read};

const VERITY: u32 = 0x10_0000;
const ENCRYPT: u32 = 0x800;
const WITH_VERITY: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "verity"];
const WITH_ENCRYPT: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "encrypt"];

/// `flags` added to those of `path`.
fn flagged(args: &[&str], path: &str, flags: u32) -> ImageEditor {
    let mut editor = image(args);
    let inode = Spot::Inode(editor.lookup(path).unwrap());
    let old = editor.get_u32(inode, 0x20).unwrap();
    editor.set_u32(inode, 0x20, old | flags).unwrap();
    editor
}

#[test]
fn row_57_flags_without_the_feature() {
    for path in ["/tiny", "/dir", "/link"] {
        for flag in [VERITY, ENCRYPT, 0x20_0000, 0x1000_0000, 0x4000_0000] {
            only(&flagged(EXT4, path, flag), &[(path, "inode.flags")]);
        }
    }
    // Flags that nobody knows change nothing.
    only(&flagged(EXT4, "/tiny", 0x8f00_0300), &[]);
}

#[test]
fn row_57_verity_without_a_descriptor() {
    let editor = flagged(WITH_VERITY, "/tiny", VERITY);
    let fs = only(&editor, &[("/tiny", "verity.descriptor")]);
    assert_eq!(failure(read(&fs, "/tiny")), "verity.descriptor");
    // A file that ends in its last block: nothing is mapped behind it.
    let whole = flagged(WITH_VERITY, "/xattr-large", VERITY);
    only(&whole, &[("/xattr-large", "verity.descriptor")]);
}

/// Blocks behind the end of the file that hold no descriptor, or one that is absurd.
#[test]
fn row_57_verity_with_a_bad_descriptor() {
    let base = flagged(WITH_VERITY, "/fragmented", VERITY);
    let inode = base.lookup("/fragmented").unwrap();
    let last = base.map_block(inode, 798).unwrap().unwrap();
    for size in [0_u32, 1, 255, 256, 257, 1 << 14, (1 << 14) + 1, u32::MAX] {
        let mut editor = base.clone();
        // The file ends 64 KiB before the last block, which says how long the descriptor is.
        editor.set_u32(Spot::Inode(inode), 4, 1000).unwrap();
        editor.set_u32(Spot::Block(last), 1020, size).unwrap();
        println!("{size}");
        only(&editor, &[("/fragmented", "verity.descriptor")]);
    }
}

#[test]
fn row_57_verity_on_what_is_no_file() {
    for path in ["/dir", "/link", "/fifo"] {
        let (report, _) = crate::support::walked(&flagged(WITH_VERITY, path, VERITY));
        let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        assert!(found.iter().all(|f| f.starts_with(path)), "{found:?}");
    }
}

#[test]
fn row_57_encryption_without_a_context() {
    let editor = flagged(WITH_ENCRYPT, "/tiny", ENCRYPT);
    let fs = only(&editor, &[("/tiny", "ENOKEY"), ("/tiny", "crypt.context")]);
    assert_eq!(failure(read(&fs, "/tiny")), "ENOKEY");
    let node = fs.resolve(b"/tiny", Follow::No, IoFlags::NONE).unwrap();
    assert_eq!(failure(node.encryption(IoFlags::NONE)), "crypt.context");
    only(&flagged(WITH_ENCRYPT, "/fifo", ENCRYPT), &[("/fifo", "crypt.context")]);
}

#[test]
fn row_57_encryption_with_a_bad_context() {
    // The attribute `user.small` becomes the context: prefix 9, name "c", 8 bytes of garbage.
    let mut editor = flagged(WITH_ENCRYPT, "/xattr-small", ENCRYPT);
    let inode = Spot::Inode(editor.lookup("/xattr-small").unwrap());
    let entry = 0xa4;
    assert_eq!(editor.get_bytes(inode, entry, 2).unwrap(), [5, 1]);
    editor.set_bytes(inode, entry, &[1, 9]).unwrap();
    editor.set_bytes(inode, entry + 16, b"c\0\0\0\0\0\0\0").unwrap();
    only(&editor, &[("/xattr-small", "ENOKEY"), ("/xattr-small", "crypt.context")]);
}

#[test]
fn row_57_both() {
    let both = ["-t", "ext4", "-b", "1024", "-O", "encrypt,verity"];
    let editor = flagged(&both, "/tiny", VERITY | ENCRYPT);
    let (report, fs) = crate::support::walked(&editor);
    assert!(report.findings.iter().all(|f| f.path == "/tiny"), "{:?}", report.findings);
    assert_eq!(failure(read(&fs, "/tiny")), "ENOKEY");
    crate::support::unrelated_reads_right(&fs);
}
