//! Every image of the corpora, opened and walked: errors are fine, panics and hangs are not. The
//! same with a limit on memory is `examples/abuse.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use extant::{Error, Filesystem, OpenOptions};
use extant_block::MemoryDevice;
use extant_testkit::corpus;

use crate::support::try_bounded;
use crate::walk::{Limits, Report, id_of, walk};

/// Opens, as it is where its journal cannot be had or a host is said to use it, and walks.
fn meet(bytes: Vec<u8>) -> Result<Report, Error> {
    let device = Arc::new(MemoryDevice::from_vec(bytes));
    let mut options = OpenOptions::default();
    let fs = match Filesystem::open(device.clone(), &options) {
        Err(Error::JournalMissing { .. } | Error::InUse { .. }) => {
            (options.noload, options.ignore_in_use) = (true, true);
            Filesystem::open(device, &options)?
        }
        result => result?,
    };
    Ok(walk(&fs, Limits::default()))
}

#[test]
fn corpora_neither_panic_nor_hang() {
    let Some(cases) = corpus::cases().unwrap() else { return };
    let (mut opened, mut clean, mut slowest) = (0, 0, (Duration::ZERO, String::new()));
    let mut refused: BTreeMap<String, u32> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in &cases {
        let Ok(bytes) = case.unpack() else { continue };
        let start = Instant::now();
        match try_bounded(move || meet(bytes)) {
            Err(what) => failures.push(format!("{}: {what}", case.name)),
            Ok(Err(error)) => *refused.entry(id_of(&error)).or_default() += 1,
            Ok(Ok(report)) => {
                opened += 1;
                clean += u32::from(report.findings.is_empty());
            }
        }
        slowest = slowest.max((start.elapsed(), case.name.clone()));
    }
    println!("{} images: {opened} opened, {clean} of them without a finding", cases.len());
    refused.iter().for_each(|(id, count)| println!("{count:6} refused: {id}"));
    println!("slowest: {slowest:?}");
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(opened > 100, "{opened}");
}
