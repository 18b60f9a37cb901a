//! Edited structures of an image, which is checked, and walked if it is clean.
#![no_main]

use extant_fuzz::image::run;
use extant_fuzz::program::{Aim, mutate};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| -> Corpus {
    match run(data, Aim::Check) {
        Some(_) => Corpus::Keep,
        None => Corpus::Reject,
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed, fuzzer_mutate)
});
