//! The machine's clocks and its entropy.

use std::fs::File;
use std::io::{self, Read};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use crate::clock::Timestamp;

pub(crate) fn wall_clock() -> Timestamp {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => Timestamp::EPOCH.after(after),
        Err(error) => Timestamp::EPOCH.before(error.duration()),
    }
}

pub(crate) fn monotonic() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

pub(crate) fn entropy(bytes: &mut [u8]) -> io::Result<()> {
    static DEVICE: OnceLock<io::Result<File>> = OnceLock::new();
    match DEVICE.get_or_init(|| File::open("/dev/urandom")) {
        Ok(device) => (&*device).read_exact(bytes),
        Err(error) => Err(error.kind().into()),
    }
}
