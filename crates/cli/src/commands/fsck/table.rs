//! `extant fsck --list-problems`: what a check can find.

use std::io;

use extant_fsck::ProblemKind;
use serde_json::json;

use super::json::{SCHEMA, phase, severity};
use crate::output::{Align, Out, Table};

/// Prints a line for each kind of problem, in the order of the phases.
pub(super) fn print(as_json: bool, out: &mut Out) -> io::Result<()> {
    let mut table = Table::new(&[Align::Left, Align::Left, Align::Left, Align::Left]);
    for &kind in ProblemKind::ALL {
        let (severity, phase) = (severity(kind), phase(kind.phase()));
        if as_json {
            out.json_line(&json!({
                "schema": SCHEMA,
                "id": kind.id(),
                "severity": severity,
                "phase": phase,
                "text": kind.text(),
            }))?;
        } else {
            table.row([
                kind.id().to_owned(),
                severity.to_owned(),
                phase.to_owned(),
                kind.text().to_owned(),
            ]);
        }
    }
    table.write(out, 0)
}
