//! A toy file system of fixed runs: shows that the engine depends on no real one.

use extant_block::{Alignment, BlockDevice, IoFlags, MemoryDevice, WriteFlags};
use extant_sync::Arc;
use extant_testkit_device::AlignmentCheckDevice;

use crate::{Iomap, IomapError, IomapOps, Mapping, read, seek_data, seek_hole};

/// Runs in order, without gaps; what is behind the last is a hole.
struct Toy(Vec<(u64, Mapping)>, Arc<dyn BlockDevice>);

impl IomapOps for Toy {
    type Error = IomapError;

    fn device(&self) -> &dyn BlockDevice {
        &*self.1
    }

    fn map(&self, offset: u64, _len: u64, _flags: IoFlags) -> Result<Iomap, IomapError> {
        let mut start = 0;
        for (len, mapping) in &self.0 {
            if offset < start + len {
                return Ok(Iomap {
                    offset: start,
                    len: *len,
                    mapping: mapping.clone(),
                    sequence: 1,
                });
            }
            start += len;
        }
        Ok(Iomap { offset: start, len: u64::MAX - start, mapping: Mapping::Hole, sequence: 1 })
    }
}

fn toy(device: &Arc<dyn BlockDevice>) -> Toy {
    let runs = vec![
        (1024, Mapping::Mapped { device_offset: 4096 }),
        (1000, Mapping::Hole),
        (1048, Mapping::Unwritten { device_offset: 0 }),
        (1024, Mapping::Inline { data: Arc::from(&b"inline"[..]) }),
        (2048, Mapping::Mapped { device_offset: 512 }),
    ];
    Toy(runs, Arc::clone(device))
}

const SIZE: u64 = 6000;

fn device() -> Arc<dyn BlockDevice> {
    let device = MemoryDevice::new(8192);
    let bytes: Vec<u8> = (0..8192_u32).map(|n| (n % 251) as u8 + 1).collect();
    device.write_at(&bytes, 0, WriteFlags::default()).unwrap();
    Arc::new(device)
}

/// What the file holds, worked out byte by byte.
fn expected() -> Vec<u8> {
    let device = |n: u64| (n % 251) as u8 + 1;
    (0..SIZE)
        .map(|n| match n {
            0..1024 => device(4096 + n),
            1024..3072 => 0,
            3072..4096 => b"inline".get(usize::try_from(n - 3072).unwrap()).copied().unwrap_or(0),
            _ => device(512 + n - 4096),
        })
        .collect()
}

#[test]
fn every_range_reads_as_the_bytes_say() {
    let all = expected();
    let plain = device();
    let strict: Arc<dyn BlockDevice> =
        Arc::new(AlignmentCheckDevice::new(device(), Alignment { offset: 512, memory: 512 }));
    for pos in (0..SIZE + 200).step_by(97) {
        for len in [0, 1, 511, 1024, 3000, 7000] {
            let from = usize::try_from(pos).unwrap().min(all.len());
            let to = (from + len).min(all.len());
            for device in [&plain, &strict] {
                let mut buf = vec![0xaa; len];
                let n = read(&toy(device), SIZE, &mut buf, pos, IoFlags::NONE).unwrap();
                assert_eq!(&buf[..n], &all[from..to], "pos {pos} len {len}");
            }
        }
    }
}

#[test]
fn seeking_finds_the_edges() {
    let data = |pos| seek_data(&toy(&device()), SIZE, pos, IoFlags::NONE).unwrap();
    let hole = |pos| seek_hole(&toy(&device()), SIZE, pos, IoFlags::NONE).unwrap();
    assert_eq!(
        (data(0), data(1024), data(1500), data(5999), data(6000)),
        (Some(0), Some(3072), Some(3072), Some(5999), None)
    );
    assert_eq!(
        (hole(0), hole(1030), hole(3072), hole(6000)),
        (Some(1024), Some(1030), Some(6000), None)
    );
    let holes = Toy(vec![], device());
    assert_eq!(seek_data(&holes, SIZE, 0, IoFlags::NONE).unwrap(), None);
}

#[test]
fn n02_nowait_answers_holes_and_refuses_the_device() {
    let device = device();
    let mut buf = [0xaa; 100];
    let no_wait = |buf: &mut [u8], pos| read(&toy(&device), SIZE, buf, pos, IoFlags::NOWAIT);
    assert!(matches!(no_wait(&mut buf, 0), Err(IomapError::WouldBlock)));
    assert_eq!(no_wait(&mut buf, 1024).unwrap(), 100);
    assert_eq!(buf, [0; 100]);
    assert_eq!(no_wait(&mut buf, 4050).unwrap(), 46, "stops where the device begins");
}

#[test]
fn a_mapping_that_misses_the_byte_is_an_error() {
    struct Wrong(Arc<dyn BlockDevice>);
    impl IomapOps for Wrong {
        type Error = IomapError;
        fn device(&self) -> &dyn BlockDevice {
            &*self.0
        }
        fn map(&self, offset: u64, _: u64, _: IoFlags) -> Result<Iomap, IomapError> {
            Ok(Iomap { offset: offset + 1, len: 1, mapping: Mapping::Hole, sequence: 0 })
        }
    }
    let error = read(&Wrong(device()), SIZE, &mut [0; 4], 0, IoFlags::NONE);
    assert!(matches!(error, Err(IomapError::BadMapping { .. })));
}
