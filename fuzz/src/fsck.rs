//! The checker on edited images, held against the file system: where it has nothing to tell, not
//! even a note, a walk reads everything without a finding.

use std::sync::Arc;

use extant::BlockDevice;
use extant_fsck::{CheckOptions, check};

use crate::device::FuelDevice;
use crate::image::{Outcome, limits, open, outcome, refusal};
use crate::walk::walk;

/// Findings of a walk in what the checker does not look at: the content of files.
const UNJUDGED: &[&str] = &["verity.hash"];

/// Checks the image on `device`, and if it is clean walks it.
///
/// # Panics
/// If an image without a problem is refused, or a walk finds something in it.
pub(crate) fn check_and_walk(device: &Arc<FuelDevice>) -> Outcome {
    let options = CheckOptions { threads: 1, ..CheckOptions::default() };
    let report = match check(Arc::clone(device) as Arc<dyn BlockDevice>, &options) {
        Ok(report) => report,
        Err(error) => {
            return outcome(device, Err(error.to_string()), String::new());
        }
    };
    let lines: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    let found = format!("{} errors: {}", report.errors(), lines.join("; "));
    device.begin_phase(false);
    let walked = open(device, false).map(|fs| walk(&fs, limits(device)));
    if report.counts.is_empty() {
        match &walked {
            Ok(walked) => {
                let judged = |what: &str| !UNJUDGED.contains(&what);
                let missed = walked.findings.iter().find(|finding| judged(&finding.what));
                assert!(missed.is_none(), "nothing wrong for the checker: {missed:?}");
            }
            Err(error) => panic!("nothing wrong for the checker: {error}"),
        }
    }
    outcome(device, walked.as_ref().map_err(refusal), found)
}
