//! Images to break, and the problems that are wanted.

use std::collections::BTreeSet;
use std::sync::Arc;

use extant_block::MemoryDevice;
use extant_fsck::{CheckOptions, Report, check};
use extant_testkit::hostile::{ImageEditor, SmallImage, small_image};
use extant_testkit::image::Scratch;
use extant_testkit::oracle;

/// Extents, checksums, `64bit`, `flex_bg`; blocks of 1 KiB, one group.
pub(crate) const EXT4: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "metadata_csum"];
/// As [`EXT4`], without any checksum.
pub(crate) const PLAIN: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^uninit_bg"];
/// Block maps, no checksum; inodes of 256 bytes.
pub(crate) const EXT2: &[&str] = &["-t", "ext2", "-b", "1024", "-I", "256"];
/// Inline files and directories.
pub(crate) const INLINE: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "inline_data"];
/// Clusters of four blocks.
pub(crate) const BIGALLOC: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "4096"];

/// Byte offset of the block map in an inode.
pub(crate) const I_BLOCK: u64 = 0x28;
/// Byte offset of the link count in an inode.
pub(crate) const I_LINKS: u64 = 0x1a;

/// A fresh image of 8 MiB, filled with the standard tree.
pub(crate) fn image(args: &[&str]) -> ImageEditor {
    ImageEditor::new(small_image(&SmallImage::new(args)).unwrap())
}

/// Checks the image as it is now.
pub(crate) fn report(editor: &ImageEditor) -> Report {
    let device = Arc::new(MemoryDevice::from_vec(editor.bytes().to_vec()));
    check(device, &CheckOptions::default()).unwrap()
}

/// The check finds problems of exactly these kinds, and e2fsck agrees on the verdict.
pub(crate) fn only(editor: &ImageEditor, expected: &[&str]) {
    let report = found(editor, expected);
    let scratch = Scratch::new().unwrap();
    let path = scratch.join("broken.img");
    editor.write(&path).unwrap();
    let verdict = oracle::check(&path, None).unwrap();
    assert_eq!(report.is_clean(), verdict.code == 0, "e2fsck: {}", verdict.text);
}

/// The check finds problems of exactly these kinds. For what e2fsck does not look at.
pub(crate) fn found(editor: &ImageEditor, expected: &[&str]) -> Report {
    let report = report(editor);
    let ids: BTreeSet<_> = report.counts.keys().map(|kind| kind.id()).collect();
    let lines: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    assert_eq!(ids, expected.iter().copied().collect(), "{}", lines.join("\n"));
    report
}
