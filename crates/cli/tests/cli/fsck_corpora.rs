//! `extant fsck` on the corpora: it ends as it should, in ten seconds and 256 MiB of address space.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use extant_testkit::capability::{find_tool, skip};
use extant_testkit::corpus;
use extant_testkit::image::Scratch;

const TIME: Duration = Duration::from_secs(10);
const MEMORY: &str = "--as=268435456";

#[test]
fn corpora_take_bounded_time_and_memory() {
    let Some(prlimit) = find_tool("prlimit") else {
        return skip("prlimit is not installed");
    };
    let Some(cases) = corpus::cases().unwrap() else { return };
    let scratch = Scratch::new().unwrap();
    let path = scratch.join("case.img");
    assert!(cases.len() > 150, "{}", cases.len());
    let mut ended = [0; 9];
    for case in cases {
        fs::write(&path, case.unpack().unwrap()).unwrap();
        let start = Instant::now();
        let mut child = Command::new(&prlimit)
            .args([MEMORY, "--cpu=20", env!("CARGO_BIN_EXE_extant"), "fsck", "-fn"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 4 | 8)), "{}: {code:?}", case.name);
        ended[usize::try_from(code.unwrap()).unwrap()] += 1;
        assert!(start.elapsed() < TIME, "{}: {:?}", case.name, start.elapsed());
    }
    // Most of one corpus have errors, all of the other have none; few cannot be checked at all.
    assert!(ended[0] > 60 && ended[4] > 50 && ended[8] < 12, "{ended:?}");
}

/// The limit is one: half a MiB is too little to start.
#[test]
fn the_limit_holds() {
    let Some(prlimit) = find_tool("prlimit") else {
        return skip("prlimit is not installed");
    };
    let mut command = Command::new(prlimit);
    command.args(["--as=524288", env!("CARGO_BIN_EXE_extant"), "fsck", "-fn", "demo:"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(!status.success());
}
