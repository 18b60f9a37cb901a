//! Checks images: `cargo run -p extant-fsck --example check IMAGE...`.

use std::process::ExitCode;
use std::sync::Arc;

use extant_block::MemoryDevice;
use extant_fsck::{CheckOptions, check};

fn main() -> ExitCode {
    let mut clean = true;
    for path in std::env::args().skip(1) {
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::FAILURE;
            }
        };
        match check(Arc::new(MemoryDevice::from_vec(bytes)), &CheckOptions::default()) {
            Ok(report) => {
                for problem in &report.problems {
                    println!("{path}: {}: {problem}", problem.id());
                }
                println!("{path}: {} errors, {:?}", report.errors(), report.summary);
                clean &= report.is_clean();
            }
            Err(error) => {
                println!("{path}: {error}");
                clean = false;
            }
        }
    }
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
