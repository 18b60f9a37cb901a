//! Arbitrary bytes under arbitrary geometry, given to every parser of the format.
#![no_main]

use extant_fuzz::meter::{forget_input, heap_budget, metered, note_input, time_budget};
use extant_fuzz::parse::run;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    note_input(data);
    metered(heap_budget(data.len()), time_budget(data.len()), || run(data));
    forget_input();
});
