//! Rules about items: sizes of files and functions, names of modules, `unsafe`, ignored tests.

use std::ops::RangeInclusive;

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::Problem;
use crate::source::Source;

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;
const PARAMETERS: usize = 5;

/// They say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "manager"];

/// The modules of the block crate that may contain `unsafe`.
const UNSAFE_FILES: [&str; 2] = ["crates/block/src/buffer.rs", "crates/block/src/sys.rs"];

/// How far above a block its SAFETY note may stand.
const SAFETY_REACH: usize = 8;

pub(super) fn check(source: &Source, file: &syn::File) -> Vec<Problem> {
    let mut rules = Rules { source, lines: source.text.lines().collect(), problems: Vec::new() };
    rules.file_name();
    rules.file_length(file);
    rules.visit_file(file);
    rules.problems
}

struct Rules<'a> {
    source: &'a Source,
    lines: Vec<&'a str>,
    problems: Vec<Problem>,
}

impl Rules<'_> {
    fn found(&mut self, line: usize, rule: &'static str, message: impl Into<String>) {
        self.problems.push(Problem::new(self.source, line, rule, message));
    }

    fn file_name(&mut self) {
        let path = self.source.path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        self.module_name(&name, 0);
    }

    fn module_name(&mut self, name: &str, line: usize) {
        if EMPTY_NAMES.contains(&name) {
            self.found(line, "module name", format!("{name} says nothing about what is inside"));
        }
    }

    /// Lines of a file, those of its test modules left out.
    fn file_length(&mut self, file: &syn::File) {
        if self.source.is_test_only() || self.source.is_generated() {
            return;
        }
        let tests: usize = file.items.iter().filter(is_test_module).map(lines_of).sum();
        let lines = self.lines.len().saturating_sub(tests);
        if lines > FILE_LINES {
            let message = format!("{lines} lines without tests, at most {FILE_LINES}");
            self.found(0, "file length", message);
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let name = &signature.ident;
        let line = name.span().start().line;
        let lines = self.code_lines(inner_lines(block.brace_token.span.join()));
        if lines > FUNCTION_LINES {
            let message = format!("{name} has {lines} lines, at most {FUNCTION_LINES}");
            self.found(line, "function length", message);
        }
        self.parameters(signature);
        if signature.unsafety.is_some() {
            self.unsafety(signature.span());
        }
    }

    fn parameters(&mut self, signature: &syn::Signature) {
        let count = signature.inputs.len();
        if count > PARAMETERS {
            let message = format!("{} has {count}, at most {PARAMETERS}", signature.ident);
            self.found(signature.ident.span().start().line, "parameters", message);
        }
    }

    /// Lines in `range` that hold more than space or a comment.
    fn code_lines(&self, range: RangeInclusive<usize>) -> usize {
        let is_code = |line: &&str| {
            let text = line.trim_start();
            !text.is_empty() && !text.starts_with("//")
        };
        let skipped = range.start().saturating_sub(1);
        let taken = (range.end() + 1).saturating_sub(*range.start());
        self.lines.iter().skip(skipped).take(taken).filter(|line| is_code(line)).count()
    }

    fn unsafety(&mut self, span: Span) {
        let line = span.start().line;
        if !UNSAFE_FILES.contains(&self.source.path.as_str()) {
            self.found(line, "unsafe", format!("allowed only in {}", UNSAFE_FILES.join(", ")));
        }
        let above = self.lines.iter().take(line).rev().take(SAFETY_REACH);
        let noted = above
            .take_while(|text| !text.trim().is_empty())
            .any(|text| text.contains("SAFETY:") || text.contains("# Safety"));
        if !noted {
            self.found(line, "unsafe", "no SAFETY note");
        }
    }
}

impl<'ast> Visit<'ast> for Rules<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        match &item.default {
            Some(block) => self.function(&item.sig, block),
            None => self.parameters(&item.sig),
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module_name(&item.ident.to_string(), item.ident.span().start().line);
        visit::visit_item_mod(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(unsafety) = &item.unsafety {
            self.unsafety(unsafety.span());
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_expr_unsafe(&mut self, item: &'ast syn::ExprUnsafe) {
        self.unsafety(item.unsafe_token.span());
        visit::visit_expr_unsafe(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if matches!(&attribute.meta, syn::Meta::Path(path) if path.is_ident("ignore")) {
            self.found(attribute.span().start().line, "ignored test", "#[ignore] gives no reason");
        }
        visit::visit_attribute(self, attribute);
    }
}

/// `mod tests { ... }` under `cfg(test)`.
fn is_test_module(item: &&syn::Item) -> bool {
    let syn::Item::Mod(module) = item else { return false };
    module.content.is_some() && module.attrs.iter().any(is_cfg_test)
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let is_test = |token| matches!(token, proc_macro2::TokenTree::Ident(word) if word == "test");
    let mut condition = list.tokens.clone().into_iter().flat_map(|token| match token {
        proc_macro2::TokenTree::Group(group) => group.stream(),
        other => other.into(),
    });
    list.path.is_ident("cfg") && condition.any(is_test)
}

fn lines_of(item: &syn::Item) -> usize {
    let span = item.span();
    (span.end().line + 1).saturating_sub(span.start().line)
}

/// The lines between the braces.
fn inner_lines(braces: Span) -> RangeInclusive<usize> {
    braces.start().line + 1..=braces.end().line.saturating_sub(1)
}
