//! Rules about tokens, which see into macros too: unfinished code, and synchronisation that does
//! not go through `extant-sync` in the crates that the schedule explorer runs.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use super::Problem;
use crate::source::Source;

/// Crates in which only `extant-sync` synchronises.
pub(super) const EXPLORED: [&str; 4] = ["jbd2", "core", "iomap", "vfs"];

/// What the explorer cannot see, as starts of paths.
const UNSEEN: [&[&str]; 14] = [
    &["std", "sync"],
    &["core", "sync"],
    &["alloc", "sync"],
    &["std", "thread"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["parking_lot"],
    &["crossbeam"],
    &["arc_swap"],
    &["dashmap"],
    &["rayon"],
    &["tokio"],
    &["once_cell"],
    &["shuttle"],
];

/// Macros of code that is not there yet.
const UNFINISHED: [&str; 2] = ["todo", "unimplemented"];

pub(super) fn check(source: &Source) -> Vec<Problem> {
    let Ok(stream) = source.text.parse::<TokenStream>() else { return Vec::new() };
    let explored = source.crate_dir().is_some_and(|name| EXPLORED.contains(&name));
    let scan_paths = explored && source.is_in_src();
    let mut problems = Vec::new();
    scan(stream, &mut Vec::new(), &mut |path, span, is_macro| {
        let line = span.start().line;
        let last = path.last().map(String::as_str).unwrap_or_default();
        if is_macro && UNFINISHED.contains(&last) {
            problems.push(Problem::new(source, line, "unfinished", format!("{last}!")));
        }
        if scan_paths && (is_unseen(path) || (is_macro && last == "thread_local")) {
            let message = format!("{} is not seen by the explorer", path.join("::"));
            problems.push(Problem::new(source, line, "synchronisation", message));
        }
    });
    problems
}

fn is_unseen(path: &[String]) -> bool {
    UNSEEN.iter().any(|unseen| {
        path.len() >= unseen.len() && unseen.iter().zip(path).all(|(want, have)| have == want)
    })
}

/// Calls `found` with every path in `stream`, the place of its last word, and whether a macro is
/// called. `prefix` is what stands before a group of a `use`; it comes back as it went in.
fn scan(
    stream: TokenStream,
    prefix: &mut Vec<String>,
    found: &mut impl FnMut(&[String], Span, bool),
) {
    let mut tokens = stream.into_iter().peekable();
    let base = prefix.len();
    let mut colons = 0;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) => {
                if colons < 2 {
                    prefix.truncate(base);
                }
                prefix.push(word.to_string());
                let next = tokens.peek();
                if !is_punct(next, ':') {
                    found(prefix, word.span(), is_punct(next, '!'));
                }
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            TokenTree::Group(group) if colons >= 2 && group.delimiter() == Delimiter::Brace => {
                scan(group.stream(), prefix, found);
                colons = 0;
            }
            TokenTree::Group(group) => {
                scan(group.stream(), &mut Vec::new(), found);
                colons = 0;
            }
            _ => colons = 0,
        }
    }
    prefix.truncate(base);
}

fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == mark)
}
