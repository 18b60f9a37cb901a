//! What each test device promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io;
use std::time::{Duration, Instant};

use extant_block::{
    AlignedBuffer, Alignment, BlockDevice, DeviceError, DeviceOp, MemoryDevice, OverlayDevice,
    WriteFlags,
};
use extant_sync::Arc;
use extant_testkit_device::{
    AlignmentCheckDevice, CountingDevice, Counts, Durability, Event, Fault, FaultDevice, Fill,
    Latency, LatencyDevice, RecordedOp, RecordingDevice, durability_at,
};

const NONE: WriteFlags = WriteFlags::NONE;
const FUA: WriteFlags = WriteFlags::FUA;

fn memory(len: usize) -> Arc<MemoryDevice> {
    Arc::new(MemoryDevice::new(len))
}

fn is_eio(result: Result<(), DeviceError>) -> bool {
    matches!(result, Err(DeviceError::Io { source, .. }) if source.raw_os_error() == Some(5))
}

#[test]
fn counting_counts_requests_and_bytes() {
    let device = CountingDevice::new(memory(8192));
    device.read_at(&mut [0; 100], 0).unwrap();
    device.read_at(&mut [0; 1], 9000).unwrap_err();
    device.write_at(&[1; 10], 5, FUA).unwrap();
    device.write_at(&[1; 10], 5, NONE).unwrap();
    device.flush().unwrap();
    device.discard(0, 512).unwrap();
    device.write_zeroes(0, 512).unwrap();
    let expected = Counts {
        reads: 2,
        read_bytes: 101,
        writes: 2,
        write_bytes: 20,
        fua_writes: 1,
        flushes: 1,
        discards: 1,
        zeroings: 1,
    };
    assert_eq!(device.take(), expected);
    assert_eq!(device.counts(), Counts::default());
}

#[test]
fn faults_strike_the_nth_request_once_and_leave_no_trace() {
    let inner = memory(8192);
    let device = FaultDevice::new(inner.clone());
    device.inject(Fault::once_after(DeviceOp::Write, 1));
    device.write_at(&[1], 0, NONE).unwrap();
    assert!(is_eio(device.write_at(&[2], 0, NONE)));
    assert_eq!(inner.to_vec()[0], 1);
    device.write_at(&[3], 0, NONE).unwrap();
    assert_eq!(device.injected(), 1);
}

#[test]
fn sticky_faults_in_a_range_last_until_healed() {
    let device = FaultDevice::new(memory(8192));
    device.inject(Fault::always(DeviceOp::Read).in_range(512..1024));
    for _ in 0..2 {
        assert!(is_eio(device.read_at(&mut [0; 2], 511)));
        assert!(is_eio(device.read_at(&mut [0; 1], 1023)));
    }
    device.read_at(&mut [0; 512], 0).unwrap();
    device.read_at(&mut [0; 512], 1024).unwrap();
    device.write_at(&[0; 512], 512, NONE).unwrap();
    device.heal();
    device.read_at(&mut [0; 2], 511).unwrap();
    assert_eq!(device.injected(), 4);
}

#[test]
fn every_kind_of_request_can_fail() {
    let device = FaultDevice::new(memory(8192));
    for op in [DeviceOp::Flush, DeviceOp::Discard, DeviceOp::WriteZeroes] {
        device.inject(Fault::once_after(op, 0));
    }
    assert!(is_eio(device.flush()));
    assert!(is_eio(device.discard(0, 1)));
    assert!(is_eio(device.write_zeroes(0, 1)));
    device.flush().unwrap();
    device.discard(0, 1).unwrap();
    device.write_zeroes(0, 1).unwrap();
}

#[test]
fn a_shrunk_device_fails_past_its_new_end_only() {
    let device = FaultDevice::new(memory(8192));
    device.shrink_to(4096);
    assert_eq!(device.size_bytes(), 8192);
    device.read_at(&mut [0; 4096], 0).unwrap();
    assert!(is_eio(device.read_at(&mut [0; 4096], 1)));
    device.flush().unwrap();
}

#[test]
fn latency_delays_each_kind_by_its_own_time() {
    let ms = Duration::from_millis;
    let latency = Latency { read: ms(20), write: ms(0), flush: ms(40) };
    let device = LatencyDevice::new(memory(4096), latency);
    let time = |run: &dyn Fn()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    assert!(time(&|| device.read_at(&mut [0; 1], 0).unwrap()) >= ms(20));
    assert!(time(&|| device.write_at(&[0; 1], 0, FUA).unwrap()) >= ms(40));
    assert!(time(&|| device.flush().unwrap()) >= ms(40));
}

#[test]
fn misaligned_requests_are_refused_and_counted() {
    let alignment = Alignment { offset: 512, memory: 4096 };
    let device = AlignmentCheckDevice::new(memory(8192), alignment);
    assert_eq!(device.alignment(), alignment);
    assert_eq!(device.write_granularity(), 512);
    let mut buffer = AlignedBuffer::new(1024);
    device.read_at(&mut buffer, 512).unwrap();
    device.write_at(&buffer, 512, NONE).unwrap();
    let misaligned = |result| matches!(result, Err(DeviceError::Misaligned { .. }));
    assert!(misaligned(device.read_at(&mut buffer, 100)), "offset");
    assert!(misaligned(device.read_at(&mut buffer[..100], 0)), "length");
    assert!(misaligned(device.read_at(&mut buffer[512..], 0)), "address");
    assert!(misaligned(device.write_at(&buffer[..1], 0, NONE)));
    assert!(misaligned(device.discard(0, 1)));
    assert!(misaligned(device.write_zeroes(1, 512)));
    assert_eq!(device.violations(), 6);
}

#[test]
#[should_panic(expected = "misaligned request")]
fn the_panicking_form_panics() {
    let alignment = Alignment { offset: 512, memory: 1 };
    let device = AlignmentCheckDevice::panicking(memory(8192), alignment);
    let _ = device.read_at(&mut [0; 1], 0);
}

#[test]
fn recording_keeps_content_and_log() {
    let device = RecordingDevice::new(3 << 20, Fill::Poison);
    let mut sector = [0; 512];
    device.read_at(&mut sector, 512 * 5000).unwrap();
    assert_eq!(sector, Fill::poison(5000));
    assert_ne!(Fill::poison(5000), Fill::poison(5001));
    let before = device.snapshot();
    device.write_at(&[7; 6000], 4000, FUA).unwrap();
    device.write_zeroes(4096, 10).unwrap();
    device.discard(0, 512).unwrap();
    device.flush().unwrap();
    device.write_at(&[1; 2], (3 << 20) - 1, NONE).unwrap_err();

    let content = device.snapshot().to_vec();
    assert_eq!(content[..512], [0; 512]);
    assert_eq!(content[512..1024], Fill::poison(1));
    assert_eq!(content[4000..4096], [7; 96]);
    assert_eq!(content[4096..4106], [0; 10]);
    assert_eq!(content[4106..10000], [7; 5894]);
    assert_eq!(before.to_vec()[..512], Fill::poison(0), "a snapshot does not change");

    let (log, last) = device.take_log();
    assert!(device.log().is_empty());
    assert_eq!(log.len(), 8);
    assert_eq!(log[7], Event::Complete(6));
    assert!(matches!(&log[0], Event::Submit(RecordedOp::Write { offset: 4000, fua: true, .. })));
    let replayed = log.iter().fold(before, |content, event| match event {
        Event::Submit(op) => op.applied_to(content),
        Event::Complete(_) => content,
    });
    assert!(replayed.to_vec() == last.to_vec(), "the log rebuilds the content");
}

#[test]
fn a_snapshot_is_a_read_only_device() {
    let snapshot = Arc::new(RecordingDevice::from_bytes(&[5; 1000]).snapshot());
    assert!(snapshot.is_read_only());
    assert!(matches!(snapshot.write_at(&[1], 0, NONE), Err(DeviceError::ReadOnly)));
    let overlay = OverlayDevice::new(snapshot.clone());
    overlay.write_at(&[1], 999, NONE).unwrap();
    assert_eq!(snapshot.to_vec(), [5; 1000]);
}

fn write(offset: u64, fua: bool) -> Event {
    Event::Submit(RecordedOp::Write { offset, data: [0; 512].as_slice().into(), fua })
}

#[test]
fn durability_needs_completion_before_the_flush_was_submitted() {
    let log = [
        write(0, false),                  // 0: completes before the flush
        write(512, false),                // 1: completes after the flush was submitted
        Event::Complete(0),               // 2
        Event::Submit(RecordedOp::Flush), // 3
        Event::Complete(1),               // 4
        write(1024, true),                // 5: FUA
        Event::Complete(3),               // 6
        Event::Complete(5),               // 7
    ];
    let at = |events| durability_at(&log, events);
    let state = |durable: &[usize], pending: &[usize]| Durability {
        durable: durable.to_vec(),
        pending: pending.to_vec(),
    };
    assert_eq!(at(0), state(&[], &[]));
    assert_eq!(at(3), state(&[], &[0, 1]), "completion alone is not enough");
    assert_eq!(at(6), state(&[], &[0, 1, 5]), "nor is a flush in flight");
    assert_eq!(at(7), state(&[0], &[1, 5]));
    assert_eq!(at(8), state(&[0, 5], &[1]), "FUA is durable alone");
}

#[test]
fn errors_carry_the_request() {
    let device = FaultDevice::new(memory(8192));
    device.inject(Fault::always(DeviceOp::Read));
    let error = device.read_at(&mut [0; 10], 20).unwrap_err();
    assert!(error.to_string().starts_with("read of 10 bytes at offset 20 failed"), "{error}");
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.downcast_ref::<io::Error>().is_some());
}
