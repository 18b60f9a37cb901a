//! Against a second, slow reading of docs/digest.md.

use extant_testkit::capability::{Capability, need};
use extant_tree::{DigestOptions, Field, Fields, Hash};
use extant_vfs::{File, Filesystem, IoFlags};

use crate::images::{Scratch, demo, fields, lines, lines_with};

fn one_shot(hash: Hash, bytes: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Blake3 => blake3::hash(bytes).as_bytes().to_vec(),
        Hash::Xxh3 => xxhash_rust::xxh3::xxh3_64(bytes).to_be_bytes().to_vec(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The content hash of a file, one segment in memory at a time.
fn content(hash: Hash, file: &File) -> String {
    let mut digests = Vec::new();
    let mut segment = vec![0; 1 << 20];
    let mut at = 0;
    while let Some(data) = file.seek_data(at, IoFlags::NONE).unwrap() {
        let start = data >> 20 << 20;
        let read = file.read_at(&mut segment, start, IoFlags::NONE).unwrap();
        let mut stream = Vec::new();
        for (offset, chunk) in (start..).step_by(4096).zip(segment[..read].chunks(4096)) {
            if chunk.iter().any(|byte| *byte != 0) {
                stream.extend(offset.to_le_bytes());
                stream.extend(chunk);
                stream.resize(stream.len() + 4096 - chunk.len(), 0);
            }
        }
        if !stream.is_empty() {
            digests.extend(one_shot(hash, &stream));
        }
        at = start + (1 << 20);
    }
    hex(&one_shot(hash, &digests))
}

/// Unescapes a path field.
fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut out = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).unwrap());
        out.extend(&part.as_bytes()[2..]);
    }
    out
}

/// Checks order, count, contents and the digest itself of what `lines` gave.
fn check(fs: &Filesystem, hash: Hash, threads: usize) -> Vec<String> {
    let (digest, lines) = lines(fs, hash, threads);
    assert!(digest.complete, "{:?}", digest.errors);
    assert_eq!(digest.entries, lines.len() as u64);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let expected = format!("extant1-{}:{}", hash.name(), hex(&one_shot(hash, text.as_bytes())));
    assert_eq!(digest.string, expected);
    let paths: Vec<_> = lines.iter().map(|l| unescape(l.split(' ').next().unwrap())).collect();
    assert!(paths.is_sorted());
    for (line, path) in lines.iter().zip(&paths) {
        let fields: Vec<_> = line.split(' ').collect();
        assert_eq!(fields.len(), 13, "{line}");
        if fields[1] == "f" && !fields[12].starts_with('!') {
            let file = fs.open_file(path, IoFlags::NONE).unwrap();
            assert_eq!(fields[12], content(hash, &file), "{line}");
        }
    }
    lines
}

#[test]
fn the_demo_image_has_the_defined_digest() {
    for hash in [Hash::Blake3, Hash::Xxh3] {
        for threads in [1, 4] {
            let lines = check(&demo(), hash, threads);
            assert!(lines.len() > 300);
        }
    }
}

#[test]
fn kinds_of_lines() {
    let (_, lines) = lines(&demo(), Hash::Xxh3, 0);
    assert_eq!(&fields(&lines, "/")[1..3], ["d", "0755"]);
    assert_eq!(fields(&lines, "/inline/empty")[12], "2d06800538d394c2");
    let kinds: String = "fdlpscb".to_owned();
    for kind in kinds.chars() {
        let of_kind = |line: &&String| line.split(' ').nth(1) == Some(&kind.to_string());
        let line = lines.iter().find(of_kind).unwrap_or_else(|| panic!("no {kind}"));
        let fields: Vec<_> = line.split(' ').collect();
        assert_eq!(fields[6] != "-", "cb".contains(kind), "{line}");
        assert_eq!(fields[7] != "-", kind == 'f', "{line}");
        assert_eq!(fields[8] != "-", kind == 'l', "{line}");
        assert_eq!(fields[12] != "-", kind == 'f', "{line}");
    }
    let acl = fields(&lines, "/attributes/default-acl")[11];
    assert!(acl.contains("system.posix_acl_") && acl.contains("=02000000"), "{acl}");
}

/// Large files are cut into pieces for several threads: sparse ones, with data at every kind of
/// boundary, an odd length, and several names.
#[test]
fn large_files_have_the_defined_hash_on_any_number_of_threads() {
    if !need(Capability::Tool("mke2fs")) {
        return;
    }
    use std::os::unix::fs::FileExt;
    let scratch = Scratch::new();
    let sparse = std::fs::File::create(scratch.tree().join("sparse")).unwrap();
    for at in [0, 4095, 1 << 20, (4 << 20) - 1, 4 << 20, (9 << 20) + 5000, 30 << 20] {
        sparse.write_all_at(b"x", at).unwrap();
    }
    sparse.set_len((30 << 20) + 12_345).unwrap();
    let dense: Vec<u8> =
        (0..9_500_001_u32).map(|i| (i.wrapping_mul(i) >> 7).to_le_bytes()[0]).collect();
    std::fs::write(scratch.tree().join("dense"), dense).unwrap();
    std::fs::hard_link(scratch.tree().join("dense"), scratch.tree().join("twin")).unwrap();
    let fs = scratch.make();
    for threads in [1, 2, 7] {
        let lines = check(&fs, Hash::Xxh3, threads);
        assert_eq!(fields(&lines, "/dense")[5], "2");
        assert_eq!(fields(&lines, "/dense")[12], fields(&lines, "/twin")[12]);
    }
    let (digest, _) = lines(&fs, Hash::Blake3, 2);
    // Holes are not read, and files with two names once.
    assert!(digest.bytes < 10 << 20, "{}", digest.bytes);
}

#[test]
fn a_selection_leaves_fields_out() {
    let fs = demo();
    let options = DigestOptions {
        fields: [Field::Path, Field::Mode, Field::Mtime].into_iter().collect(),
        ..DigestOptions::default()
    };
    let (digest, with_time) = lines_with(&fs, b"/", &options);
    assert_eq!(digest.bytes, 0);
    assert!(with_time[0].starts_with("/ 0755 1"));
    let (_, without) = lines_with(&fs, b"/", &DigestOptions { times: false, ..options });
    assert_eq!(without[0], "/ 0755");
    let content = DigestOptions { fields: Fields::NONE.with(Field::Content), ..options };
    assert_eq!(lines_with(&fs, b"/", &content).1[0], "-");
}

#[test]
fn a_subtree_has_its_own_root() {
    let fs = demo();
    let (all, lines) = lines(&fs, Hash::Xxh3, 0);
    let options = DigestOptions { hash: Hash::Xxh3, ..DigestOptions::default() };
    let (part, sub) = lines_with(&fs, b"/deep", &options);
    assert_ne!(all.string, part.string);
    let expected: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("/deep/")).collect();
    let found: Vec<_> = sub[1..].iter().map(|line| &line[1..]).collect();
    assert_eq!(found, expected);
    assert!(sub[0].starts_with("/ d "));
    let (_, file) = lines_with(&fs, b"/README.txt", &options);
    assert_eq!(file.len(), 1);
    assert!(file[0].starts_with("/ f 0644 "));
}

#[test]
fn progress_ends_with_the_totals() {
    let most = std::sync::Mutex::new((0, 0));
    let progress = |at: extant_tree::Progress| {
        let mut most = most.lock().unwrap();
        *most = (most.0.max(at.entries), most.1.max(at.bytes));
    };
    let options = DigestOptions { progress: Some(&progress), ..DigestOptions::default() };
    let (digest, _) = lines_with(&demo(), b"/", &options);
    assert_eq!(*most.lock().unwrap(), (digest.entries, digest.bytes));
}
