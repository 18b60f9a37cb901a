//! Rules of style and structure as a check: what neither rustc nor clippy looks at.
//!
//! Each rule is a function from sources (or manifests) to problems, with a test that plants one.

mod manifest;
mod syntax;
mod text;
mod tokens;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::source::{self, Source};
use crate::{Verdict, ids};

/// One violation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Problem {
    path: String,
    /// From 1; 0 is the whole file.
    line: usize,
    /// The short name of the rule.
    rule: &'static str,
    message: String,
}

impl Problem {
    fn new(source: &Source, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Self { path: source.path.clone(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.path, self.line, self.rule, self.message)
    }
}

/// Prints all problems below `root`. `strict` asks for the tests that are due, too.
pub(crate) fn run(root: &Path, strict: bool) -> Result<Verdict> {
    let sources = source::load(root)?;
    let mut problems: Vec<Problem> = sources.iter().flat_map(check).collect();
    problems.extend(manifest::check_workspace(root)?);
    if strict {
        problems.extend(ids::overdue(&sources).into_iter().map(|id| Problem {
            path: "xtask/src/ids.rs".to_owned(),
            line: 0,
            rule: "ids",
            message: format!("{id} is due and has no test named after it"),
        }));
    }
    problems.sort();
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {} files, {} problems", sources.len(), problems.len());
    Ok(if problems.is_empty() { Verdict::Good } else { Verdict::Bad })
}

/// All problems that one file has by itself.
fn check(source: &Source) -> Vec<Problem> {
    let mut problems = text::check(source);
    if source.is_rust() {
        match syn::parse_file(&source.text) {
            Ok(file) => {
                problems.extend(syntax::check(source, &file));
                problems.extend(tokens::check(source));
            }
            Err(error) => {
                let line = error.span().start().line;
                problems.push(Problem::new(source, line, "parse", error.to_string()));
            }
        }
    }
    if source.path.ends_with("Cargo.toml") {
        problems.extend(manifest::check_text(source));
    }
    problems
}

#[cfg(test)]
mod tests;
