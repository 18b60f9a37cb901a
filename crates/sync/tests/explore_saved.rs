//! A failing schedule can be saved and run again. A program of its own, because the first check of
//! a process settles where schedules go.
#![cfg(extant_explore)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use extant_sync::atomic::{AtomicBool, Ordering};
use extant_sync::explore::{check_saving, replay};
use extant_sync::{Arc, thread};

const SCHEDULES: usize = 300;

#[test]
fn a_saved_schedule_fails_again() {
    let test = || {
        let flag = Arc::new(AtomicBool::new(false));
        let same = Arc::clone(&flag);
        let setter = thread::spawn(move || same.store(true, Ordering::SeqCst));
        assert!(!flag.load(Ordering::SeqCst), "seen set");
        setter.join().unwrap();
    };
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("schedules");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let failed = catch_unwind(AssertUnwindSafe(|| check_saving(&dir, 1, SCHEDULES, test)));
    assert!(failed.is_err(), "no schedule found the planted bug");
    let files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("one schedule expected: {files:?}") };
    let schedule = std::fs::read_to_string(file).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| replay(&schedule, test))).is_err());
}
