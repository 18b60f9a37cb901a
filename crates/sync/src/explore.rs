//! Running a test under many schedules. Exists only with `--cfg extant_explore`.
//!
//! A failing schedule is printed to stderr (or saved), and runs again with [`replay`]. The facade
//! works only inside of such a run: tests of the ordinary kind are left out of such builds.
//!
//! `RUSTFLAGS="--cfg extant_explore" cargo test --target-dir target/explore -p NAME \
//! --test 'explore*'`

use std::path::Path;
use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, FailurePersistence, Runner};

/// Stack of each task in bytes. The default of 60 KiB is too small for deep call chains.
const STACK: usize = 1 << 20;

/// How many preemptions the second half of the schedules has.
const PREEMPTIONS: usize = 3;

/// Runs `test` under `schedules` random schedules from `seed`, and as many that preempt only a few
/// times (bugs that few switches in the right places cause are likelier to be met there). The
/// test must start at least one thread.
///
/// # Panics
/// If any schedule panics, deadlocks or does not end.
pub fn check<F>(seed: u64, schedules: usize, test: F)
where
    F: Fn() + Send + Sync + 'static,
{
    run(&FailurePersistence::Print, (seed, schedules), test);
}

/// [`check`] that writes a failing schedule to a new file in the folder `dir`. The first check of
/// a process settles where the schedules of all its checks go.
///
/// # Panics
/// If any schedule panics, deadlocks or does not end.
pub fn check_saving<F>(dir: &Path, seed: u64, schedules: usize, test: F)
where
    F: Fn() + Send + Sync + 'static,
{
    run(&FailurePersistence::File(Some(dir.to_owned())), (seed, schedules), test);
}

/// Runs `test` under the one schedule that a failure printed.
///
/// # Panics
/// If the schedule fails again.
pub fn replay<F>(schedule: &str, test: F)
where
    F: Fn() + Send + Sync + 'static,
{
    let scheduler = ReplayScheduler::new_from_encoded(schedule);
    Runner::new(scheduler, config(&FailurePersistence::Print)).run(test);
}

fn run<F>(on_failure: &FailurePersistence, (seed, schedules): (u64, usize), test: F)
where
    F: Fn() + Send + Sync + 'static,
{
    let test = Arc::new(test);
    let again = Arc::clone(&test);
    let random = RandomScheduler::new_from_seed(seed, schedules);
    Runner::new(random, config(on_failure)).run(move || test());
    let few_switches = PctScheduler::new_from_seed(seed, PREEMPTIONS, schedules);
    Runner::new(few_switches, config(on_failure)).run(move || again());
}

fn config(on_failure: &FailurePersistence) -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.failure_persistence = on_failure.clone();
    // About statics that are dropped with their execution, which is what is wanted here.
    config.silence_warnings = true;
    config
}
