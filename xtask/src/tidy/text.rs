//! Rules that need no parsing: width, characters, headers, paths of one machine.

use super::Problem;
use crate::source::Source;

const WIDTH: usize = 100;

/// Starts of paths that exist on one machine only.
const LOCAL_PATHS: [&str; 3] =
    [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/")];

pub(super) fn check(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_prose_or_code = ["rs", "md", "toml"].iter().any(|end| source.has_extension(end));
    let is_script = source.text.starts_with("#!");
    if !is_prose_or_code && !is_script {
        return problems;
    }
    for (line, number) in source.text.lines().zip(1..) {
        let mut found = |rule, message: String| {
            problems.push(Problem::new(source, number, rule, message));
        };
        if let Some(other) = line.chars().find(|c| !c.is_ascii()) {
            found("ascii", format!("{other:?} is not ASCII"));
        }
        if source.is_rust() && line.chars().count() > WIDTH {
            found("width", format!("{} columns, at most {WIDTH}", line.chars().count()));
        }
        if let Some(local) = LOCAL_PATHS.iter().find(|local| line.contains(**local)) {
            found("local path", format!("{local} is not everywhere"));
        }
    }
    if source.is_rust() {
        problems.extend(header(source));
    }
    problems
}

/// Module docs first, and `unsafe` ruled out in every crate but the block layer.
fn header(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !source.is_test_only() && !source.text.starts_with("//!") {
        let message = "the file does not start with //! docs";
        problems.push(Problem::new(source, 1, "module docs", message));
    }
    if source.is_crate_root() {
        let wanted = match source.crate_dir() {
            Some("block") => "#![deny(unsafe_code)]",
            _ => "#![forbid(unsafe_code)]",
        };
        if !source.text.lines().any(|line| line == wanted) {
            problems.push(Problem::new(source, 1, "unsafe", format!("{wanted} is missing")));
        }
    }
    problems
}
