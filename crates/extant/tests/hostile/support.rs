//! Images to break, and the reactions that are wanted.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use extant::{CorruptKind, Error, Filesystem, IoFlags, OpenOptions, Place};
use extant_block::MemoryDevice;
use extant_testkit::hostile::{ImageEditor, Part, SmallImage, Spot, small_image};

use crate::walk::{Limits, Report, id_of, walk};

/// No image may take longer.
pub(crate) const TIME_BOUND: Duration = Duration::from_secs(10);

/// Extents, checksums, `64bit`, `flex_bg`; blocks of 1 KiB, one group.
pub(crate) const EXT4: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "metadata_csum"];
/// As [`EXT4`], without any checksum.
pub(crate) const PLAIN: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^uninit_bg"];
/// Block maps, no checksum; inodes of 256 bytes.
pub(crate) const EXT2: &[&str] = &["-t", "ext2", "-b", "1024", "-I", "256"];
/// Inline files and directories.
pub(crate) const INLINE: &[&str] = &["-t", "ext4", "-b", "1024", "-O", "inline_data"];
/// Eight groups of 1,024 blocks.
pub(crate) const GROUPS: &[&str] = &["-t", "ext4", "-b", "1024", "-g", "1024", "-N", "512"];

/// Byte offset of the block map in an inode.
pub(crate) const I_BLOCK: u64 = 0x28;

/// A fresh image of 8 MiB, filled with the standard tree.
pub(crate) fn image(args: &[&str]) -> ImageEditor {
    ImageEditor::new(small_image(&SmallImage::new(args)).unwrap())
}

/// Runs `body` in a thread of its own and fails if it takes longer than [`TIME_BOUND`].
pub(crate) fn bounded<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    try_bounded(body).unwrap_or_else(|what| panic!("{what}"))
}

/// As [`bounded`]; says whether the body panicked or took too long.
pub(crate) fn try_bounded<R: Send + 'static>(
    body: impl FnOnce() -> R + Send + 'static,
) -> Result<R, String> {
    let (sender, receiver) = channel();
    let worker = std::thread::spawn(move || sender.send(body()).is_ok());
    match receiver.recv_timeout(TIME_BOUND) {
        Ok(result) => Ok(result),
        Err(RecvTimeoutError::Timeout) => Err(format!("takes longer than {TIME_BOUND:?}")),
        Err(RecvTimeoutError::Disconnected) => {
            let message = worker.join().err().map(|panic| {
                let text = panic.downcast_ref::<&str>().map(ToString::to_string);
                text.or_else(|| panic.downcast_ref::<String>().cloned())
            });
            Err(format!("panics: {}", message.flatten().unwrap_or_default()))
        }
    }
}

/// Opens the image as it is now.
pub(crate) fn open(editor: &ImageEditor) -> Result<Filesystem, Error> {
    open_with(editor, OpenOptions::default())
}

/// Opens the image as it is now.
pub(crate) fn open_with(editor: &ImageEditor, options: OpenOptions) -> Result<Filesystem, Error> {
    let bytes = editor.bytes().to_vec();
    bounded(move || Filesystem::open(Arc::new(MemoryDevice::from_vec(bytes)), &options))
}

/// R: the image is refused, as `kind` of the superblock.
pub(crate) fn refused(editor: &ImageEditor, kind: CorruptKind) {
    refused_at(editor, kind, Place::superblock());
}

/// R: the image is refused, as `kind` at `place`.
pub(crate) fn refused_at(editor: &ImageEditor, kind: CorruptKind, place: Place) {
    match open(editor) {
        Err(Error::Corrupt(corrupt)) => {
            assert_eq!((corrupt.kind.id(), corrupt.at), (kind.id(), place));
        }
        other => panic!("wanted {}, got {other:?}", kind.id()),
    }
}

/// Opens and walks; the report, and the file system for more questions.
pub(crate) fn walked(editor: &ImageEditor) -> (Report, Filesystem) {
    let fs = open(editor).unwrap();
    let again = fs.clone();
    (bounded(move || walk(&again, Limits::default())), fs)
}

/// E: the walk fails in exactly these (path, id) and an unrelated file still reads right. An empty
/// list is T: nothing fails.
pub(crate) fn only(editor: &ImageEditor, expected: &[(&str, &str)]) -> Filesystem {
    let (report, fs) = walked(editor);
    let found: Vec<_> =
        report.findings.iter().map(|f| (f.path.as_str(), f.what.as_str())).collect();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
    unrelated_reads_right(&fs);
    fs
}

/// `/file` has its 10,000 bytes; or, where a test breaks that one, `/xattr-large` its 5.
pub(crate) fn unrelated_reads_right(fs: &Filesystem) {
    let expected: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
    match read(fs, "/file") {
        Ok(bytes) if bytes == expected => {}
        _ => assert_eq!(read(fs, "/xattr-large").unwrap(), b"large"),
    }
}

/// The whole content of a file.
pub(crate) fn read(fs: &Filesystem, path: &str) -> Result<Vec<u8>, Error> {
    let file = fs.open_file(path.as_bytes(), IoFlags::NONE)?;
    let mut bytes = vec![0; usize::try_from(file.size().min(1 << 20)).unwrap()];
    let read = file.read_at(&mut bytes, 0, IoFlags::NONE)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The id of an expected failure.
pub(crate) fn failure<T>(result: Result<T, Error>) -> String {
    id_of(&result.err().unwrap())
}

/// E without a repaired checksum: what the walk meets at `path` is the checksum.
pub(crate) fn checksum_met(editor: &ImageEditor, expected: &[(&str, &str)]) {
    only(editor, expected);
}

/// The block of an inode's only extent-tree node of level `depth - 1` that is met first.
pub(crate) fn child_block(editor: &ImageEditor, spot: Spot, base: u64, index: u64) -> u64 {
    u64::from(editor.get_u32(spot, base + 12 + 12 * index + 4).unwrap())
}

/// A directory's entry `name`: its block, its offset there, and the part that carries its
/// checksum.
pub(crate) fn entry(editor: &ImageEditor, dir: &str, name: &str) -> (Spot, u64, Part) {
    let inode = editor.lookup(dir).unwrap();
    let (block, offset) = editor.find_entry(inode, name.as_bytes()).unwrap();
    (Spot::Block(block), offset, Part::DirLeaf { inode, block })
}

/// An entry of an inline directory, in the inode's 60 bytes: the inode it names, and its offset in
/// the directory's inode.
pub(crate) fn inline_child(editor: &ImageEditor, dir: &str, name: &str) -> (u32, u64) {
    let inode = Spot::Inode(editor.lookup(dir).unwrap());
    let mut at = I_BLOCK + 4;
    while at < I_BLOCK + 60 {
        let length = usize::from(editor.get_u8(inode, at + 6).unwrap());
        if editor.get_bytes(inode, at + 8, length).unwrap() == name.as_bytes() {
            return (editor.get_u32(inode, at).unwrap(), at);
        }
        at += u64::from(editor.get_u16(inode, at + 4).unwrap().max(12));
    }
    panic!("no {name} in {dir}");
}
