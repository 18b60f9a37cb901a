//! Directory hashes, plain and of folded names, against `debugfs dx_hash`.
//! Where e2fsprogs is not installed these tests say so and pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use extant_format::casefold;
use extant_format::dir_hash::{DirHash, HashVersion, dir_hash};

/// The bytes that debugfs' command line cannot take inside quotes.
const UNQUOTABLE: [u8; 4] = [0, b'\n', b'\r', b'"'];

/// What `debugfs dx_hash OPTIONS NAME` says of each pair, or `None` without debugfs.
fn oracle(questions: &[(String, Vec<u8>)]) -> Option<Vec<DirHash>> {
    let spawn = |program: &str| {
        let mut command = Command::new(program);
        command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null()).spawn().ok()
    };
    let Some(mut debugfs) = spawn("debugfs").or_else(|| spawn("/usr/sbin/debugfs")) else {
        extant_testkit::capability::skip("debugfs (package e2fsprogs) is not installed");
        return None;
    };
    let mut input = debugfs.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || input.write_all(&commands(questions)).unwrap());
        debugfs.wait_with_output().unwrap()
    });
    let lines = output.stdout.split(|&byte| byte == b'\n');
    let hashes: Vec<_> =
        lines.filter(|line| line.starts_with(b"Hash of ")).map(parse_answer).collect();
    assert_eq!(hashes.len(), questions.len(), "answers and questions");
    Some(hashes)
}

fn commands(questions: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut commands = Vec::new();
    for (options, name) in questions {
        commands.extend_from_slice(format!("dx_hash {options} -- \"").as_bytes());
        commands.extend_from_slice(name);
        commands.extend_from_slice(b"\"\n");
    }
    commands
}

/// From `Hash of NAME is 0xMAJOR (minor 0xMINOR)`.
fn parse_answer(line: &[u8]) -> DirHash {
    let end = String::from_utf8_lossy(&line[line.len().saturating_sub(40)..]);
    let mut numbers = end.rsplit("0x").map(|part| {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        u32::from_str_radix(digits.split(' ').next().unwrap(), 16).unwrap()
    });
    let (minor, major) = (numbers.next().unwrap(), numbers.next().unwrap());
    DirHash { major, minor }
}

/// A fixed stream of numbers below `end`.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |end| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % end
    }
}

#[test]
fn d1_every_version_length_and_seed() {
    const VERSIONS: [HashVersion; 6] = [
        HashVersion::Legacy,
        HashVersion::HalfMd4,
        HashVersion::Tea,
        HashVersion::LegacyUnsigned,
        HashVersion::HalfMd4Unsigned,
        HashVersion::TeaUnsigned,
    ];
    const UUIDS: [&str; 3] = [
        "00000000-0000-0000-0000-000000000000",
        "01234567-89ab-cdef-0246-8ace13579bdf",
        "ffffffff-ffff-ffff-ffff-fffffffffffe",
    ];
    const SEEDS: [[u32; 4]; 3] = [
        [0; 4],
        [0x6745_2301, 0xefcd_ab89, 0xce8a_4602, 0xdf9b_5713],
        [u32::MAX, u32::MAX, u32::MAX, 0xfeff_ffff],
    ];
    let mut next = numbers(1);
    let (mut questions, mut ours) = (Vec::new(), Vec::new());
    for len in 1..=255 {
        for (version, uuid) in (0..6).flat_map(|version| (0..3).map(move |uuid| (version, uuid))) {
            let byte = || u8::try_from(next(256)).unwrap();
            let bytes = std::iter::repeat_with(byte).filter(|byte| !UNQUOTABLE.contains(byte));
            let name: Vec<u8> = bytes.take(len).collect();
            ours.push(dir_hash(VERSIONS[version], &name, Some(SEEDS[uuid])).unwrap());
            questions.push((format!("-h {version} -s {}", UUIDS[uuid]), name));
        }
    }
    let Some(theirs) = oracle(&questions) else { return };
    for ((question, ours), theirs) in questions.iter().zip(&ours).zip(&theirs) {
        assert_eq!(ours, theirs, "{question:x?}");
    }
}

/// Compares the hash of each folded name with debugfs'.
fn check_folded(names: impl Iterator<Item = String>) {
    let options = "-h half_md4 -c -e utf8";
    let questions: Vec<_> = names.map(|name| (options.to_owned(), name.into_bytes())).collect();
    let Some(theirs) = oracle(&questions) else { return };
    let different: Vec<_> = questions
        .iter()
        .zip(theirs)
        .filter(|((_, name), theirs)| {
            casefold::hash_name(HashVersion::HalfMd4, name, None) != Some(*theirs)
        })
        .map(|((_, name), _)| str::from_utf8(name).unwrap().escape_unicode().to_string())
        .collect();
    assert!(
        different.is_empty(),
        "{}: {:?}",
        different.len(),
        &different[..different.len().min(9)]
    );
}

#[test]
fn every_code_point_is_folded_as_the_oracle_does() {
    let quotable = |c: &char| !c.is_ascii() || !UNQUOTABLE.contains(&(*c as u8));
    // The capital letter before it tells a folded name from one taken as raw bytes.
    check_folded(('\u{1}'..=char::MAX).filter(quotable).map(|c| format!("A{c}")));
}

#[test]
fn sequences_are_folded_as_the_oracle_does() {
    // Letters, marks of many classes, code points left out, syllables and jamo, unassigned ones.
    let alphabet: Vec<char> = ('A'..='c')
        .chain('\u{c0}'..='\u{180}')
        .chain('\u{300}'..='\u{36f}')
        .chain('\u{390}'..='\u{3d0}')
        .chain('\u{591}'..='\u{5c7}')
        .chain('\u{64b}'..='\u{65f}')
        .chain('\u{200b}'..='\u{200f}')
        .chain('\u{1100}'..='\u{1110}')
        .chain('\u{11a8}'..='\u{11b0}')
        .chain('\u{ac00}'..='\u{ac20}')
        .chain('\u{1f80}'..='\u{1fff}')
        .chain('\u{1d15e}'..='\u{1d172}')
        .chain(['\u{ad}', '\u{34f}', '\u{feff}', '\u{378}', '\u{1abf}', '\u{e0001}', '\u{110ba}'])
        .collect();
    let mut next = numbers(2);
    check_folded((0..50_000).map(|_| {
        let len = 1 + next(40);
        let name: String = (0..len).map(|_| alphabet[next(alphabet.len())]).collect();
        name.chars()
            .scan(0, |bytes, c| {
                *bytes += c.len_utf8();
                (*bytes <= 255).then_some(c)
            })
            .collect()
    }));
}
