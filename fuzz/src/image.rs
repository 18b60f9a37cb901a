//! One execution on an image: build it from its seed, open it, and read everything; where the
//! journal is the aim, recover it too.

use std::sync::{Arc, Mutex};

use arbitrary::{Arbitrary, Unstructured};
use extant::{BlockDevice, Error, Filesystem, OpenOptions};

use crate::device::{Fuel, FuelDevice};
use crate::fsck::check_and_walk;
use crate::meter::{forget_input, heap_budget, metered, note_input, time_budget};
use crate::program::{Aim, Program};
use crate::recovery::recover_both_ways;
use crate::seeds::{Seed, seeds};
use crate::walk::{Limits, Report, id_of, walk};

/// What came of an execution.
#[derive(Debug)]
pub struct Outcome {
    /// Why the image was refused, if it was.
    pub refused: Option<String>,
    /// What the walk could not read, as `path kind`.
    pub findings: Vec<String>,
    /// What recovery did, for people.
    pub recovery: String,
    /// What the last phase took.
    pub used: Fuel,
}

/// The memory of earlier images, so that an execution does not begin with fresh pages.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
/// Images that an execution has at once.
const MOST_SPARE: usize = 4;

/// Memory for an image.
pub(crate) fn spare() -> Vec<u8> {
    SPARE.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default()
}

/// Gives memory of an image back.
pub(crate) fn keep_spare(bytes: Vec<u8>) {
    if let Ok(mut spare) = SPARE.lock()
        && spare.len() < MOST_SPARE
    {
        spare.push(bytes);
    }
}

/// Runs `input` as a program with `aim`. `None` if it is none, or there are no seeds for it.
///
/// # Panics
/// If the product panics, or a meter runs out.
pub fn run(input: &[u8], aim: Aim) -> Option<Outcome> {
    let program = Program::arbitrary(&mut Unstructured::new(input)).ok()?;
    let seed = seeds(aim).pick(program.seed)?;
    note_input(input);
    let outcome = run_program(&program, seed, aim);
    forget_input();
    Some(outcome)
}

/// Runs `program` on `seed`.
///
/// # Panics
/// If the product panics, a meter runs out, or recovery in memory and on the device differ.
pub fn run_program(program: &Program, seed: &Seed, aim: Aim) -> Outcome {
    let mut bytes = spare();
    bytes.clear();
    bytes.extend_from_slice(&seed.bytes);
    let bytes = program.apply(seed, bytes, aim);
    let (heap, time) = (heap_budget(bytes.len()), time_budget(bytes.len()));
    let device = Arc::new(FuelDevice::new(bytes));
    let outcome = metered(heap, time, || match aim {
        Aim::Structures => look(&device),
        Aim::Check => check_and_walk(&device),
        Aim::Journal | Aim::FastCommit => recover_both_ways(&device, seed, !program.leave_orphans),
    });
    keep_spare(device.take());
    outcome
}

/// Opens without the journal and walks.
fn look(device: &Arc<FuelDevice>) -> Outcome {
    let walked = open(device, true).map(|fs| walk(&fs, limits(device)));
    outcome(device, walked.as_ref().map_err(refusal), String::new())
}

/// What a walk may cost on `device`.
pub(crate) fn limits(device: &FuelDevice) -> Limits {
    let size = device.size_bytes();
    Limits { entries: 20_000, runs: 5_000, file_bytes: 2 * size, bytes: 4 * size }
}

pub(crate) fn open(device: &Arc<FuelDevice>, noload: bool) -> Result<Filesystem, Error> {
    let options = OpenOptions {
        noload,
        ignore_in_use: true,
        metadata_cache_bytes: 8 << 20,
        inode_cache: 1 << 12,
        name_cache: 1 << 13,
        ..OpenOptions::default()
    };
    Filesystem::open(device.clone(), &options)
}

/// The kind of an error. Its texts must not fail either.
pub(crate) fn refusal(error: &Error) -> String {
    let _ = (error.to_string(), error.hint(), error.place().map(ToString::to_string));
    id_of(error)
}

pub(crate) fn outcome(
    device: &FuelDevice,
    walked: Result<&Report, String>,
    recovery: String,
) -> Outcome {
    let used = device.used();
    match walked {
        Ok(report) => Outcome { refused: None, findings: show(report), recovery, used },
        Err(id) => Outcome { refused: Some(id), findings: Vec::new(), recovery, used },
    }
}

fn show(report: &Report) -> Vec<String> {
    // Only people read them.
    if cfg!(fuzzing) {
        return Vec::new();
    }
    report.findings.iter().map(ToString::to_string).collect()
}
