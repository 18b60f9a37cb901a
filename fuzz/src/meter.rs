//! The meters of an execution that the device does not have: heap, steps and stack.
//!
//! The heap is capped by the allocator: what is above the cap is an allocation that failed, which
//! aborts. Steps that ask neither the device nor the heap are measured by the processor time of the
//! execution's thread, whatever else the machine does. The stack is that of a thread made for the
//! execution, small enough that a recursion which follows an image runs out of it. Running out of
//! stack kills the process without a word, so the input is written down before ([`note_input`]).

use std::alloc::System;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Once, OnceLock};
use std::thread::Builder;
use std::time::Duration;

use cap::Cap;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes of stack of an execution. Builds for fuzzing are optimised; others have larger frames.
pub const STACK: usize = if cfg!(fuzzing) { 256 << 10 } else { 1 << 20 };

/// Bytes of heap that an execution on `size` bytes may have at once, above what was there before:
/// caches (8 MiB of metadata and a few thousand inodes), and a multiple of the input.
#[must_use]
pub const fn heap_budget(size: usize) -> usize {
    (48 << 20) + 4 * size
}

/// The processor time that an execution on `size` bytes may take. Others than builds for fuzzing
/// are far slower.
#[must_use]
pub const fn time_budget(size: usize) -> Duration {
    let milliseconds = 500 + 250 * (size >> 20);
    Duration::from_millis(milliseconds as u64 * if cfg!(fuzzing) { 1 } else { 20 })
}

/// The processor time that this thread has taken.
#[must_use]
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Bytes of heap in use.
#[must_use]
pub fn heap_in_use() -> usize {
    HEAP.allocated()
}

/// Runs `body` on a small stack with at most `heap` more bytes of heap and `time` of a processor. A
/// panic in it is one here.
///
/// # Panics
/// If the body does, or took too long.
pub fn metered<R: Send>(heap: usize, time: Duration, body: impl FnOnce() -> R + Send) -> R {
    // What reports a panic needs more: symbols of a backtrace.
    static LIFT: Once = Once::new();
    LIFT.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let _ = HEAP.set_limit(usize::MAX);
            report(info);
        }));
    });
    let limit = HEAP.allocated().saturating_add(heap);
    // The limit is above what is in use, so it can be set.
    let limited = HEAP.set_limit(limit).is_ok();
    let result = std::thread::scope(|scope| {
        let timed = || {
            let (begun, result) = (thread_time(), body());
            let taken = thread_time().saturating_sub(begun);
            assert!(taken <= time, "out of steps: {taken:?} of {time:?}");
            result
        };
        let thread = Builder::new().stack_size(STACK).spawn_scoped(scope, timed);
        thread.ok().and_then(|thread| thread.join().ok())
    });
    if limited {
        let _ = HEAP.set_limit(usize::MAX);
    }
    match result {
        Some(result) => result,
        None => panic!("the execution panicked"),
    }
}

/// Writes `input` to the file that `EXTANT_FUZZ_LAST` names, if any. The file is empty after
/// [`forget_input`]: a process that died with input in it died of that input.
pub fn note_input(input: &[u8]) {
    if let Some(file) = last() {
        let written = file.write_all_at(input, 0).and_then(|()| file.set_len(input.len() as u64));
        assert!(written.is_ok(), "cannot write down the input: {written:?}");
    }
}

/// Empties the file of [`note_input`].
pub fn forget_input() {
    if let Some(file) = last() {
        let _ = file.set_len(0);
    }
}

fn last() -> Option<&'static File> {
    static LAST: OnceLock<Option<File>> = OnceLock::new();
    let open = || {
        let path = PathBuf::from(std::env::var_os("EXTANT_FUZZ_LAST")?);
        File::options().write(true).create(true).truncate(false).open(path).ok()
    };
    LAST.get_or_init(open).as_ref()
}
