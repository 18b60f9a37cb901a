//! The meters can fail, and a program is what its bytes say.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use extant::BlockDevice;

use extant_testkit::hostile::{ImageEditor, SmallImage, small_image};
use extant_testkit::journal::{LogBuilder, LogChecksum, LogFormat, Transaction};

use crate::device::{Fuel, FuelDevice};
use crate::image::run_program;
use crate::meter::{STACK, heap_in_use, metered, thread_time, time_budget};
use crate::program::{Aim, HEADER, Operation, Program, RECORD, mutate};
use crate::seeds::{Kind, Seed};

#[test]
fn a_reader_without_end_runs_out_of_fuel() {
    let device = FuelDevice::new(vec![0; 64 << 10]);
    let requests = Fuel::for_size(64 << 10).requests;
    let mut byte = [0];
    for _ in 0..requests {
        device.read_at(&mut byte, 5).unwrap();
    }
    let result = std::panic::catch_unwind(move || device.read_at(&mut [0], 5));
    let message = *result.unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with("out of fuel"), "{message}");
}

#[test]
fn a_write_to_a_device_for_reading_is_a_find() {
    let device = Arc::new(FuelDevice::new(vec![0; 4096]));
    let again = device.clone();
    let write = move || again.write_zeroes(0, 1);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(write)).is_err());
    let device = FuelDevice::new(vec![1; 8]);
    device.begin_phase(true);
    assert!(device.write_zeroes(0, 1).is_ok() && device.writes() == 1);
    device.begin_phase(false);
    assert_eq!((device.writes(), device.take()), (0, vec![0, 1, 1, 1, 1, 1, 1, 1]));
}

#[expect(unconditional_recursion, reason = "that is what is tested")]
fn deep(n: u64) -> u64 {
    std::hint::black_box([n; 16]).len() as u64 + deep(n + 1)
}

/// Aborts cannot be caught, so each is a process of its own: this test, told to do it.
#[test]
fn breaches_of_heap_and_stack_end_the_process() {
    match std::env::var("EXTANT_FUZZ_BREACH").as_deref() {
        Ok("heap") => drop(metered(1 << 20, TIME, || vec![1_u8; 2 << 20])),
        Ok("stack") => drop(metered(1 << 20, TIME, || deep(0))),
        Ok(_) => drop(metered(4 << 20, TIME, || vec![1_u8; 2 << 20])),
        Err(_) => {
            let run = |what: &str| {
                let mut command = Command::new(std::env::current_exe().unwrap());
                let name = "tests::breaches_of_heap_and_stack_end_the_process";
                command.args(["--exact", name]).env("EXTANT_FUZZ_BREACH", what);
                command.output().unwrap().status.success()
            };
            assert!(run("neither") && !run("heap") && !run("stack"));
        }
    }
    assert!(STACK <= 1 << 20 && heap_in_use() > 0);
}

/// More than any test takes.
const TIME: Duration = Duration::from_secs(600);

#[test]
fn steps_that_ask_for_nothing_run_out() {
    let spin = |time: Duration| {
        metered(1 << 40, Duration::from_millis(200), || {
            let begun = thread_time();
            while thread_time().saturating_sub(begun) < time {
                std::hint::spin_loop();
            }
        });
    };
    spin(Duration::from_millis(1));
    // Time that passes is no step.
    metered(1 << 40, Duration::from_millis(50), || {
        std::thread::sleep(Duration::from_millis(100));
    });
    assert!(std::panic::catch_unwind(|| spin(Duration::from_millis(300))).is_err());
    assert!(time_budget(4 << 20) < TIME);
}

fn program(input: &[u8]) -> Program {
    Program::arbitrary(&mut Unstructured::new(input)).unwrap()
}

#[test]
fn records_are_edits() {
    let mut input = vec![3, 1];
    input.extend([0, 4, 1, 0, 2, 0, 1, 9, 0xff, 0, 0, 0]);
    input.extend([4, 4, 1, 0, 2, 0, 1]);
    let program = program(&input);
    assert_eq!((program.seed, program.fix, program.edits.len()), (3, true, 1));
    let edit = program.edits[0];
    assert_eq!((edit.operation(), edit.region, edit.value), (Operation::Set, 1, 0xff));
}

#[test]
fn edits_change_what_they_say_and_nothing_else() {
    let bytes: Vec<u8> = vec![0; 64 << 10];
    let seed = Seed::new("zeroes", Kind::Raw, bytes.clone());
    // Set, region 3 of the blocks, bytes 8 to 12.
    let mut input = vec![0, 0, 0, 8, 3, 0, 2, 0, 0b101, 0];
    input.extend(0x0403_0201_u32.to_le_bytes());
    let (edited, changes) = program(&input).explain(&seed, bytes, Aim::Structures);
    let nonzero: Vec<_> = (0..edited.len()).filter(|&n| edited[n] != 0).collect();
    assert_eq!(nonzero, (5 * 1024 + 8..5 * 1024 + 12).collect::<Vec<_>>());
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].offset, &changes[0].new[..]), (8, &[1, 2, 3, 4][..]));
}

#[test]
fn mutations_keep_records_whole_and_stay_inside() {
    let mut data = vec![0; 400];
    let mut size = 0;
    let mut sizes = std::collections::BTreeSet::new();
    for seed in 0..2000 {
        size = mutate(&mut data, size, 300, seed, |_, size, _| size);
        assert!(size <= 300 && (size == 0 || (size - HEADER).is_multiple_of(RECORD)), "{size}");
        sizes.insert(size);
    }
    assert!(sizes.len() > 10, "{sizes:?}");
}

/// A seed whose log has a transaction that changes the block `home`.
fn dirty(home: u64) -> Seed {
    let args = ["-t", "ext4", "-b", "1024", "-O", "metadata_csum"];
    let mut image = ImageEditor::new(small_image(&SmallImage::new(&args)).unwrap());
    let mut log = LogBuilder::new(&mut image, LogFormat::new(LogChecksum::V3, true)).unwrap();
    let copies = vec![(home, vec![7; 1024])];
    log.transaction(&mut image, &Transaction { copies, ..Transaction::default() }).unwrap();
    log.finish(&mut image).unwrap();
    Seed::new("dirty", Kind::Dirty, image.into_bytes())
}

/// The second replayer agrees with the model of what was written: escapes, revokes, and what an
/// earlier transaction has of a block.
#[test]
fn the_second_replayer_is_right() {
    for (checksum, wide) in [(LogChecksum::V3, true), (LogChecksum::None, false)] {
        let args = ["-t", "ext4", "-b", "1024", "-O", "metadata_csum"];
        let mut image = ImageEditor::new(small_image(&SmallImage::new(&args)).unwrap());
        let mut log = LogBuilder::new(&mut image, LogFormat::new(checksum, wide)).unwrap();
        log.start(log.range().1 - 3, u32::MAX);
        let magic = [&[0xc0, 0x3b, 0x39, 0x98][..], &[5; 1020]].concat();
        let copies = vec![(3000, vec![7; 1024]), (3001, magic), (3002, vec![8; 1024])];
        log.transaction(&mut image, &Transaction { copies, ..Transaction::default() }).unwrap();
        let (copies, revokes) = (vec![(3000, vec![9; 1024])], vec![3002, 3001]);
        log.transaction(&mut image, &Transaction { copies, revokes, ..Transaction::default() })
            .unwrap();
        log.finish(&mut image).unwrap();
        let seed = Seed::new("dirty", Kind::Dirty, image.into_bytes());
        let journal = seed.layout.journal.as_ref().unwrap();
        for complete in 0..3 {
            let mut seen = seed.bytes.clone();
            let count = u32::try_from(complete).unwrap();
            journal.replay(&seed.bytes, count).unwrap().apply(1024, &mut seen);
            for (home, wanted) in log.model().blocks(complete) {
                let at = usize::try_from(home).unwrap() * 1024;
                assert_eq!(&seen[at..at + 1024], wanted, "{home} of {complete}");
            }
        }
        assert!(journal.replay(&seed.bytes, 3).is_none());
    }
}

#[test]
fn recovery_is_compared_with_the_view() {
    for flags in [0, 2] {
        let outcome = run_program(&program(&[0, flags]), &dirty(3000), Aim::Journal);
        assert_eq!((outcome.refused, outcome.findings), (None, vec![]));
        assert!(outcome.recovery.contains("replayed_blocks: 1"), "{}", outcome.recovery);
    }
    // A superblock of sevens is none.
    let outcome = run_program(&program(&[0, 0]), &dirty(1), Aim::Journal);
    assert_eq!(outcome.refused.as_deref(), Some("superblock.magic"));
}
