//! Verity files made with debugfs: tree and descriptor of `fsverity digest` written behind the
//! content, size lowered, flag set. The digest is judged by `fsverity`; changed bytes must show.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use extant::device::{BlockDevice, MemoryDevice};
use extant::{CorruptKind, Error, File, Filesystem, IoFlags, Mapping, OpenOptions};
use extant_testkit::capability::{Capability, need};
use extant_testkit::image::{Scratch, debugfs, e2fsck, run};
use extant_testkit::profile::{Profile, named};

use crate::walker::{WAIT, open};

/// The tree starts at a multiple of this.
const TREE: usize = 65_536;

/// One way to protect a file.
struct Case {
    size: usize,
    algorithm: &'static str,
    block: usize,
    salt: &'static str,
}

const CASES: &[Case] = &[
    Case { size: 0, algorithm: "sha256", block: 4096, salt: "" },
    Case { size: 1, algorithm: "sha256", block: 4096, salt: "" },
    Case { size: 4096, algorithm: "sha256", block: 4096, salt: "00ff17" },
    Case { size: 65_536, algorithm: "sha256", block: 1024, salt: "" },
    Case { size: 100_001, algorithm: "sha512", block: 4096, salt: "0123456789abcdef" },
    Case { size: 1_000_003, algorithm: "sha256", block: 4096, salt: "" },
    Case { size: 1_000_003, algorithm: "sha512", block: 1024, salt: "ff" },
];

/// An image with one file `/vN` for each case.
pub(crate) struct Made {
    scratch: Scratch,
    pub(crate) image: PathBuf,
    digests: Vec<String>,
}

fn content(case: &Case) -> Vec<u8> {
    // Every byte differs from its neighbour, and no block is like another.
    (0..case.size).map(|at| (at * 31 + at / 1024 * 7 + 1).to_le_bytes()[0]).collect()
}

pub(crate) fn make(block: u32) -> Option<Made> {
    if !need(Capability::Tool("fsverity")) || !need(Capability::Tool("mke2fs")) {
        return None;
    }
    let scratch = Scratch::new().unwrap();
    let source = scratch.folder("source").unwrap();
    let block_size = usize::try_from(block).unwrap();
    let digests = CASES.iter().enumerate().map(|(number, case)| {
        let path = source.join(format!("v{number}"));
        protect(scratch.path(), &path, case, block_size)
    });
    let digests = digests.collect();
    let profile = named("ext4-verity").unwrap();
    // Small enough to be changed in memory.
    let sized = Profile { block, features: &["verity", "^has_journal"], ..*profile };
    let image = scratch.mkfs_from(&sized, 32, 100, Some(&source)).unwrap();
    let commands = CASES.iter().enumerate().flat_map(|(number, case)| {
        [
            format!("set_inode_field /v{number} size {}", case.size),
            format!("set_inode_field /v{number} flags 0x180000"),
        ]
    });
    debugfs(&image, &commands.collect::<Vec<_>>()).unwrap();
    e2fsck(&image).unwrap();
    Some(Made { scratch, image, digests })
}

/// Writes content, tree, descriptor and its length to `path`; returns what fsverity calls the file.
fn protect(folder: &Path, path: &Path, case: &Case, block: usize) -> String {
    let bytes = content(case);
    fs::write(path, &bytes).unwrap();
    let (tree, descriptor) = (folder.join("tree"), folder.join("descriptor"));
    let mut args = vec![
        "digest".to_owned(),
        path.display().to_string(),
        format!("--hash-alg={}", case.algorithm),
        format!("--block-size={}", case.block),
        format!("--out-merkle-tree={}", tree.display()),
        format!("--out-descriptor={}", descriptor.display()),
        "--compact".to_owned(),
    ];
    if !case.salt.is_empty() {
        args.push(format!("--salt={}", case.salt));
    }
    let digest = run("fsverity", &args).unwrap();
    let (tree, descriptor) = (fs::read(tree).unwrap(), fs::read(descriptor).unwrap());
    let mut whole = bytes;
    whole.resize(case.size.next_multiple_of(TREE), 0);
    whole.extend_from_slice(&tree);
    whole.resize(whole.len().next_multiple_of(block), 0);
    whole.extend_from_slice(&descriptor);
    whole.resize((whole.len() + 4).next_multiple_of(block) - 4, 0);
    whole.extend_from_slice(&u32::try_from(descriptor.len()).unwrap().to_le_bytes());
    fs::write(path, whole).unwrap();
    digest.trim().to_owned()
}

#[test]
fn digests_and_contents_are_right() {
    for block in [1024, 4096] {
        let Some(made) = make(block) else { return };
        let fs = open(&made.image, &OpenOptions::default()).unwrap();
        for (number, case) in CASES.iter().enumerate() {
            let file = fs.open_file(format!("/v{number}").as_bytes(), WAIT).unwrap();
            let verity = file.node().verity(WAIT).unwrap().unwrap();
            let digest = verity.descriptor().file_digest();
            let hex: String = digest.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, made.digests[number], "{number}");
            let expected = content(case);
            assert_eq!(read(&file, 0, case.size + 100).unwrap(), expected, "{number}");
            let middle = case.size / 2;
            assert_eq!(read(&file, middle as u64, 5_000).unwrap(), part(&expected, middle, 5_000));
            assert_eq!(read(&file, case.size as u64, 10).unwrap(), b"");
        }
        drop(made.scratch);
    }
}

fn part(bytes: &[u8], at: usize, len: usize) -> &[u8] {
    &bytes[at..bytes.len().min(at + len)]
}

fn read(file: &File, at: u64, len: usize) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; len];
    let got = file.read_at(&mut buffer, at, IoFlags::NONE)?;
    buffer.truncate(got);
    Ok(buffer)
}

/// The image with one byte at `offset` of file `number` changed.
fn changed(image: &Path, number: usize, offset: u64) -> File {
    let fs = open(image, &OpenOptions::default()).unwrap();
    let node = fs.open_file(format!("/v{number}").as_bytes(), WAIT).unwrap();
    let map = node.map(offset, WAIT).unwrap();
    let Mapping::Mapped { device_offset } = map.mapping else { panic!("{map:?}") };
    let at = usize::try_from(device_offset + offset - map.offset).unwrap();
    let mut bytes = fs::read(image).unwrap();
    bytes[at] ^= 0x10;
    let device: Arc<dyn BlockDevice> = Arc::new(MemoryDevice::from_vec(bytes));
    let fs = Filesystem::open(device, &OpenOptions::default()).unwrap();
    fs.open_file(format!("/v{number}").as_bytes(), WAIT).unwrap()
}

/// Which blocks of `case` do not read, each by a read of one byte; the others must be right.
fn refused(file: &File, case: &Case) -> Vec<usize> {
    let expected = content(case);
    let mut refused = Vec::new();
    for at in (0..case.size).step_by(case.block) {
        match read(file, at as u64, case.block) {
            Ok(bytes) => assert_eq!(bytes, part(&expected, at, case.block)),
            Err(Error::Corrupt(corrupt)) if corrupt.kind == CorruptKind::VerityHash => {
                refused.push(at / case.block);
            }
            Err(error) => panic!("{at}: {error}"),
        }
    }
    refused
}

#[test]
fn a_changed_byte_of_data_is_refused_with_its_block_only() {
    let Some(made) = make(4096) else { return };
    for (number, offset, block) in [(1, 0, 0), (3, 5_000, 4), (5, 999_999, 244), (6, 1_024, 1)] {
        let file = changed(&made.image, number, offset);
        assert_eq!(refused(&file, &CASES[number]), [block], "{number}");
    }
    // Bytes behind the end of the file are not in it, but in its last block.
    let last = CASES[4].size as u64 + 10;
    let file = changed(&made.image, 4, last);
    assert!(refused(&file, &CASES[4]).len() <= 1);
}

#[test]
fn a_changed_byte_of_the_tree_is_refused_with_all_it_proves() {
    let Some(made) = make(4096) else { return };
    // Two levels of SHA-256 in 4 KiB: block 0 is the root, 1 and 2 are the 245 hashes of data.
    let tree = CASES[5].size.next_multiple_of(TREE) as u64;
    let all: Vec<usize> = (0..CASES[5].size.div_ceil(4096)).collect();
    let case = &CASES[5];
    assert_eq!(refused(&changed(&made.image, 5, tree + 7), case), all);
    assert_eq!(refused(&changed(&made.image, 5, tree + 4096 + 32 * 5), case), all[..128]);
    assert_eq!(refused(&changed(&made.image, 5, tree + 2 * 4096), case), all[128..]);
}

/// The root hash is in the descriptor: a change there is refused at every block.
#[test]
fn a_changed_root_hash_proves_nothing() {
    let Some(made) = make(4096) else { return };
    let case = &CASES[5];
    let tree = case.size.next_multiple_of(TREE) as u64;
    let file = changed(&made.image, 5, tree + 3 * 4096 + 16);
    assert_eq!(refused(&file, case).len(), case.size.div_ceil(4096));
}
