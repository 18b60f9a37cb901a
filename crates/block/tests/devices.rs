//! Memory, windows, overlays, batches and unaligned reads, through the public API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use extant_block::{
    AlignedBuffer, Alignment, BlockDevice, Completion, DeviceError, MemoryDevice, Operation,
    OverlayDevice, Request, WindowDevice, WriteFlags, read_unaligned,
};
use extant_sync::{Arc, Mutex, Rank};
use extant_testkit_device::{AlignmentCheckDevice, CountingDevice};
use proptest::prelude::*;

const NONE: WriteFlags = WriteFlags::NONE;

fn numbered(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "called on temporaries")]
fn out_of_range(result: Result<(), DeviceError>) -> bool {
    matches!(result, Err(DeviceError::OutOfRange { .. }))
}

/// Every method refuses what is not inside the device, and takes what just is.
fn check_bounds(device: &dyn BlockDevice) {
    let size = device.size_bytes();
    for (offset, len) in [(size, 1), (size - 1, 2), (u64::MAX, 2), (u64::MAX - 1, 1)] {
        let mut buf = vec![0; usize::try_from(len).unwrap()];
        assert!(out_of_range(device.read_at(&mut buf, offset)), "{offset}");
        assert!(out_of_range(device.write_at(&buf, offset, NONE)), "{offset}");
        assert!(out_of_range(device.discard(offset, len)), "{offset}");
        assert!(out_of_range(device.write_zeroes(offset, len)), "{offset}");
    }
    device.read_at(&mut [0; 1], size - 1).unwrap();
    device.read_at(&mut [], size).unwrap();
    device.write_at(&[], size, NONE).unwrap();
    device.write_zeroes(size, 0).unwrap();
}

#[test]
fn bounds_are_checked_by_every_device() {
    let memory = Arc::new(MemoryDevice::new(10_000));
    check_bounds(&*memory);
    check_bounds(&WindowDevice::new(memory.clone(), 100, 5000).unwrap());
    check_bounds(&OverlayDevice::new(memory));
}

#[test]
fn a_window_translates_and_does_not_leak() {
    let memory = Arc::new(MemoryDevice::from_vec(numbered(10_000)));
    let window = WindowDevice::new(memory.clone(), 1000, 100).unwrap();
    window.write_at(&[0xff; 100], 0, NONE).unwrap();
    window.write_zeroes(50, 50).unwrap();
    let bytes = memory.to_vec();
    assert_eq!(bytes[..1000], numbered(10_000)[..1000]);
    assert_eq!(bytes[1000..1050], [0xff; 50]);
    assert_eq!(bytes[1050..1100], [0; 50]);
    assert_eq!(bytes[1100..], numbered(10_000)[1100..]);
    for (offset, len) in [(9_999, 2), (u64::MAX, 1), (1, u64::MAX)] {
        assert!(WindowDevice::new(memory.clone(), offset, len).is_err(), "{offset} {len}");
    }
}

#[test]
fn a_window_must_start_aligned() {
    let alignment = Alignment { offset: 4096, memory: 512 };
    let device = Arc::new(AlignmentCheckDevice::new(Arc::new(MemoryDevice::new(16384)), alignment));
    assert_eq!(WindowDevice::new(device.clone(), 4096, 8192).unwrap().alignment(), alignment);
    let result = WindowDevice::new(device, 512, 8192);
    assert!(matches!(result, Err(DeviceError::Misaligned { .. })));
}

#[test]
fn the_overlay_never_writes_its_base() {
    let memory = Arc::new(MemoryDevice::from_vec(numbered(10_000)));
    let counted = Arc::new(CountingDevice::new(memory.clone()));
    let overlay = OverlayDevice::new(counted.clone());
    overlay.write_at(&[1; 5000], 3000, WriteFlags::FUA).unwrap();
    overlay.write_zeroes(9_999, 1).unwrap();
    overlay.discard(0, 10_000).unwrap();
    overlay.flush().unwrap();
    assert_eq!(overlay.changed_pages(), 3);
    let counts = counted.counts();
    assert_eq!((counts.writes, counts.zeroings, counts.discards, counts.flushes), (0, 0, 0, 0));
    assert_eq!(memory.to_vec(), numbered(10_000));
}

/// Reads through an overlay must satisfy a base that insists on alignment.
#[test]
fn the_overlay_takes_anything_over_an_aligned_base() {
    let alignment = Alignment { offset: 512, memory: 4096 };
    let memory = Arc::new(MemoryDevice::from_vec(numbered(8192)));
    let overlay = OverlayDevice::new(Arc::new(AlignmentCheckDevice::panicking(memory, alignment)));
    overlay.write_at(&[9; 3], 4095, NONE).unwrap();
    let mut bytes = vec![0; 5000];
    overlay.read_at(&mut bytes, 7).unwrap();
    let mut expected = numbered(8192);
    expected[4095..4098].fill(9);
    assert_eq!(bytes, expected[7..5007]);
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Zero(usize, usize),
    Read(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || (0..20_000_usize, 0..9000_usize);
    let step = prop_oneof![
        (place(), any::<u8>()).prop_map(|((at, len), byte)| Step::Write(at, vec![byte; len])),
        place().prop_map(|(at, len)| Step::Zero(at, len)),
        place().prop_map(|(at, len)| Step::Read(at, len)),
    ];
    prop::collection::vec(step, 1..20)
}

proptest! {
    /// An overlay reads as a copy of the base with the same writes.
    #[test]
    fn overlay_equals_a_copy(steps in steps()) {
        const SIZE: usize = 20_000;
        let mut model = numbered(SIZE);
        let overlay = OverlayDevice::new(Arc::new(MemoryDevice::from_vec(model.clone())));
        for step in steps {
            match step {
                Step::Write(at, mut bytes) => {
                    bytes.truncate(SIZE - at);
                    overlay.write_at(&bytes, at as u64, NONE).unwrap();
                    model[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                Step::Zero(at, len) => {
                    let len = len.min(SIZE - at);
                    overlay.write_zeroes(at as u64, len as u64).unwrap();
                    model[at..at + len].fill(0);
                }
                Step::Read(at, len) => {
                    let mut bytes = vec![0; len.min(SIZE - at)];
                    overlay.read_at(&mut bytes, at as u64).unwrap();
                    prop_assert_eq!(&bytes, &model[at..at + bytes.len()]);
                }
            }
        }
        let mut all = vec![0; SIZE];
        overlay.read_at(&mut all, 0).unwrap();
        prop_assert!(all == model);
    }

    /// Unaligned reads give the right bytes and only aligned requests.
    #[test]
    fn unaligned_reads_are_exact(at in 0..65_536_u64, len in 0..65_536_usize, shift in 0..13_u32) {
        let bytes = numbered(65_536);
        let memory = Arc::new(MemoryDevice::from_vec(bytes.clone()));
        let alignment = Alignment { offset: 1 << shift, memory: 4096 };
        let device = AlignmentCheckDevice::panicking(memory, alignment);
        let start = usize::try_from(at).unwrap();
        let mut buf = vec![0; len.min(65_536 - start)];
        read_unaligned(&device, &mut buf, at).unwrap();
        prop_assert_eq!(&buf, &bytes[start..start + buf.len()]);
    }
}

#[test]
fn unaligned_reads_longer_than_the_bounce_buffer_work() {
    let bytes = numbered(3 << 20);
    let memory = Arc::new(MemoryDevice::from_vec(bytes.clone()));
    let alignment = Alignment { offset: 4096, memory: 4096 };
    let device = AlignmentCheckDevice::panicking(memory, alignment);
    let mut buf = vec![0; (3 << 20) - 2];
    read_unaligned(&device, &mut buf, 1).unwrap();
    assert!(buf == bytes[1..bytes.len() - 1]);
    assert!(out_of_range(read_unaligned(&device, &mut buf, 3)));
    assert!(out_of_range(read_unaligned(&device, &mut buf, u64::MAX)));
}

type Results = Vec<(u64, Result<Option<AlignedBuffer>, DeviceError>)>;

struct Collect(Mutex<Results>);

impl Completion for Collect {
    fn complete(&self, tag: u64, result: Result<Option<AlignedBuffer>, DeviceError>) {
        self.0.lock().push((tag, result));
    }
}

fn run(device: &dyn BlockDevice, ops: Vec<Operation>) -> Results {
    let collect = Arc::new(Collect(Mutex::new(Rank::Leaf, Vec::new())));
    let batch = (0..).zip(ops).map(|(tag, op)| Request { tag, op }).collect();
    device.submit(batch, collect.clone());
    let mut results = std::mem::take(&mut *collect.0.lock());
    results.sort_by_key(|(tag, _)| *tag);
    results
}

/// Every request of a batch completes once, in its own place, and gives its buffer back.
#[test]
fn batches_complete_every_request() {
    let memory = Arc::new(MemoryDevice::from_vec(numbered(10_000)));
    let window = WindowDevice::new(memory.clone(), 1000, 8000).unwrap();
    let results = run(
        &window,
        vec![
            Operation::Write { offset: 0, buffer: AlignedBuffer::from_slice(b"abc"), flags: NONE },
            Operation::Read { offset: 0, buffer: AlignedBuffer::new(4) },
            Operation::Read { offset: 7999, buffer: AlignedBuffer::new(2) },
            Operation::Flush,
            Operation::WriteZeroes { offset: 1, len: 1 },
            Operation::Discard { offset: 8000, len: 1 },
        ],
    );
    let tags: Vec<u64> = results.iter().map(|(tag, _)| *tag).collect();
    assert_eq!(tags, [0, 1, 2, 3, 4, 5]);
    let ok = |i: usize| results[i].1.as_ref().unwrap().as_deref();
    assert_eq!(ok(0), Some(b"abc".as_slice()));
    assert_eq!(ok(1), Some([b'a', b'b', b'c', numbered(10_000)[1003]].as_slice()));
    assert!(matches!(results[2].1, Err(DeviceError::OutOfRange { .. })));
    assert_eq!((ok(3), ok(4)), (None, None));
    assert!(matches!(results[5].1, Err(DeviceError::OutOfRange { .. })));
    assert_eq!(memory.to_vec()[1000..1003], *b"a\0c");
}
