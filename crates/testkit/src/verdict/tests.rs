//! Judges refuse wrong checkers, and e2fsck itself passes them.

use super::*;
use crate::capability::{Capability, need};
use crate::corpus;

fn always_clean(_: Subject<'_>) -> Opinion {
    Opinion::Clean
}

fn always_errors(_: Subject<'_>) -> Opinion {
    Opinion::Errors(vec!["planted".to_owned()])
}

fn panics(_: Subject<'_>) -> Opinion {
    panic!("planted");
}

/// e2fsck by another door.
fn right(subject: Subject<'_>) -> Opinion {
    match oracle::check(subject.image, subject.journal) {
        Ok(verdict) if verdict.code == 0 => Opinion::Clean,
        Ok(verdict) => Opinion::Errors(vec![verdict.text]),
        Err(error) => Opinion::Errors(vec![error.to_string()]),
    }
}

fn able() -> bool {
    ["mke2fs", "debugfs", "e2fsck"].into_iter().all(|tool| need(Capability::Tool(tool)))
}

#[test]
fn damage_tells_right_from_wrong() {
    if !able() {
        return;
    }
    let seeds = 0..140;
    let good = corruptions::judge(seeds.clone(), right).unwrap();
    println!("{good}");
    assert_eq!(good.verdict(), Ok(()));
    assert!(good.found().count() > 70);
    let blind = corruptions::judge(seeds.clone(), always_clean).unwrap();
    assert!(blind.verdict().unwrap_err().contains("missed"));
    let nervous = corruptions::judge(seeds, always_errors).unwrap();
    assert!(nervous.verdict().unwrap_err().contains("without damage"));
    let broken = corruptions::judge(0..2, panics).unwrap();
    assert!(broken.verdict().unwrap_err().contains("failed"));
}

/// Blind to one kind of damage only: the judge sees that, too.
#[test]
fn a_small_blindness_shows() {
    if !able() {
        return;
    }
    let mut report = corruptions::judge(0..140, right).unwrap();
    for case in &mut report.cases {
        if case.class == crate::damage::Class::LinkCount {
            case.opinion = Opinion::Clean;
        }
    }
    assert!(report.misses().count() > 0);
    assert!(report.verdict().is_err());
}

#[test]
fn corpora_tell_right_from_wrong() {
    let Some(cases) = corpus::cases().unwrap() else { return };
    if !able() {
        return;
    }
    let family = || cases.iter().filter(|case| case.name.starts_with("e2fsprogs/")).take(40);
    let good = corpora::judge(family(), right).unwrap();
    assert_eq!(good.verdict(&[]), Ok(()));
    let stale = corpora::Difference { name: "e2fsprogs/f_8192_block", errors: true, reason: "" };
    assert!(good.verdict(&[stale]).unwrap_err().contains("any more"));
    for wrong in [always_clean, always_errors, panics] {
        let bad = corpora::judge(family(), wrong).unwrap();
        assert!(bad.verdict(&[]).is_err(), "{bad}");
    }
}

#[test]
fn sound_images_tell_right_from_wrong() {
    if !able() {
        return;
    }
    let make = |index: usize, _: &crate::image::Scratch, path: &Path| {
        std::fs::write(path, crate::damage::base(index)?.image()).on("write", path)?;
        Ok(soundness::Made::Image)
    };
    let name = |index: usize| format!("{index}");
    let good = soundness::judge(4, name, make, always_clean).unwrap();
    assert_eq!(good.verdict(4), Ok(()));
    assert!(good.verdict(5).is_err());
    let bad = soundness::judge(4, name, make, always_errors).unwrap();
    assert_eq!(bad.alarms.len(), 4);
    assert!(bad.verdict(4).unwrap_err().contains("false alarms"));
    assert!(soundness::judge(4, name, make, panics).unwrap().verdict(4).is_err());
}

#[test]
fn time_is_bounded_and_dirt_is_seen() {
    fn sleeps(_: Subject<'_>) -> Opinion {
        std::thread::sleep(Duration::from_secs(3));
        Opinion::Clean
    }
    let bound = Duration::from_millis(50);
    let (opinion, _) = ask_within(sleeps, Subject::new(Path::new("none")), bound);
    assert_eq!(opinion, Opinion::Failed("took more than 50ms".to_owned()));
    let scratch = crate::image::Scratch::new().unwrap();
    let path = scratch.join("dirty.img");
    let mut bytes = vec![0; 4096];
    std::fs::write(&path, &bytes).unwrap();
    assert!(!is_dirty(&path).unwrap());
    (bytes[1024 + 0x38], bytes[1024 + 0x39], bytes[1024 + 0x60]) = (0x53, 0xef, 4);
    std::fs::write(&path, &bytes).unwrap();
    assert!(is_dirty(&path).unwrap());
}
