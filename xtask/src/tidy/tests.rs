//! Each rule catches a planted violation and lets its neighbour pass.

use serde_json::json;

use super::{check, manifest};
use crate::source::Source;

fn at(path: &str, text: &str) -> Vec<(usize, &'static str)> {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    check(&source).into_iter().map(|problem| (problem.line, problem.rule)).collect()
}

fn in_core(text: &str) -> Vec<(usize, &'static str)> {
    at("crates/core/src/map.rs", &format!("//! Docs.\n{text}"))
}

fn function(lines: usize) -> String {
    format!("fn f() {{\n{}}}\n", "let _ = 1;\n".repeat(lines))
}

#[test]
fn clean_code_passes() {
    let text = "use extant_sync::{Arc, Mutex};\nfn f(a: u8) -> u8 {\n    a\n}\n";
    assert_eq!(in_core(text), []);
}

#[test]
fn width_and_characters() {
    let wide = format!("// {}\n", "x".repeat(98));
    assert_eq!(in_core(&wide), [(2, "width")]);
    assert_eq!(in_core(&wide[1..].replacen('/', "//", 1).replacen("xx", "", 1)), []);
    assert_eq!(at("README.md", &wide), [], "prose may be wide");
    assert_eq!(at("README.md", "a\nna\u{ef}ve\n"), [(2, "ascii")]);
    assert_eq!(in_core("// na\u{ef}ve\n"), [(2, "ascii")]);
    assert_eq!(at("docs/x.svg", "na\u{ef}ve"), []);
}

#[test]
fn paths_of_one_machine() {
    for text in [concat!("/wo", "rk/x"), concat!("/ho", "me/me"), concat!("/ro", "ot/.x")] {
        assert_eq!(at("README.md", text), [(1, "local path")]);
        assert_eq!(at("test", &format!("#!/bin/bash\ncd {text}\n")), [(2, "local path")]);
    }
    assert_eq!(at("README.md", "/dev/loop0 /tmp/x"), []);
}

#[test]
fn headers() {
    assert_eq!(at("crates/core/src/map.rs", "fn f() {}\n"), [(1, "module docs")]);
    assert_eq!(at("crates/core/tests/map.rs", "fn f() {}\n"), []);
    assert_eq!(at("crates/core/src/map/tests.rs", "fn f() {}\n"), []);
    assert_eq!(at("crates/core/src/lib.rs", "//! Docs.\n"), [(1, "unsafe")]);
    assert_eq!(at("crates/core/src/lib.rs", "//! Docs.\n#![forbid(unsafe_code)]\n"), []);
    assert_eq!(at("crates/block/src/lib.rs", "//! Docs.\n"), [(1, "unsafe")]);
    assert_eq!(at("crates/block/src/lib.rs", "//! Docs.\n#![deny(unsafe_code)]\n"), []);
}

#[test]
fn file_length_without_tests() {
    let long = "const A: u8 = 1;\n".repeat(600);
    assert_eq!(in_core(&long), [(0, "file length")]);
    assert_eq!(at("crates/core/src/map/tests.rs", &format!("//! Docs.\n{long}")), []);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert_eq!(in_core(&tests), []);
    let conditional = tests.replace("test)", "all(test, unix))");
    assert_eq!(in_core(&conditional), []);
    assert_eq!(in_core(&tests.replace("cfg(test)", "cfg(unix)")), [(0, "file length")]);
    assert_eq!(in_core(&format!("// @generated\n{long}")), []);
}

#[test]
fn function_length_and_parameters() {
    assert_eq!(in_core(&function(70)), []);
    assert_eq!(in_core(&function(71)), [(2, "function length")]);
    let commented = function(70).replacen("let", "// why\n\nlet", 1);
    assert_eq!(in_core(&commented), [], "comments and space do not count");
    let methods = format!("impl A {{\n{}}}\n", function(71));
    assert_eq!(in_core(&methods), [(3, "function length")]);
    let defaults = format!("trait A {{\n{}}}\n", function(71));
    assert_eq!(in_core(&defaults), [(3, "function length")]);
    assert_eq!(in_core("fn f(a: A, b: A, c: A, d: A, e: A) {}\n"), []);
    assert_eq!(in_core("fn f(a: A, b: A, c: A, d: A, e: A, g: A) {}\n"), [(2, "parameters")]);
    let method = "trait T {\n    fn f(&self, a: A, b: A, c: A, d: A, e: A);\n}\n";
    assert_eq!(in_core(method), [(3, "parameters")]);
}

#[test]
fn unsafe_blocks() {
    let bare = "fn f() {\n    unsafe { g() }\n}\n";
    assert_eq!(in_core(bare), [(3, "unsafe"), (3, "unsafe")], "the place and the note");
    let noted = "fn f() {\n    // SAFETY: g checks.\n    unsafe { g() }\n}\n";
    assert_eq!(in_core(noted), [(4, "unsafe")]);
    let place = "crates/block/src/buffer.rs";
    assert_eq!(at(place, &format!("//! Docs.\n{noted}")), []);
    assert_eq!(at(place, &format!("//! Docs.\n{bare}")), [(3, "unsafe")]);
    assert_eq!(at(place, "//! Docs.\nunsafe impl Send for A {}\n"), [(2, "unsafe")]);
    let far = noted.replace("checks.\n", "checks.\n\n");
    assert_eq!(at(place, &format!("//! Docs.\n{far}")), [(5, "unsafe")]);
}

#[test]
fn module_names() {
    assert_eq!(in_core("mod utils;\n"), [(2, "module name")]);
    assert_eq!(at("crates/core/src/helpers.rs", "//! Docs.\n"), [(0, "module name")]);
    assert_eq!(at("crates/core/tests/common/mod.rs", "//! Docs.\n"), [(0, "module name")]);
    assert_eq!(in_core("mod journal;\n"), []);
}

#[test]
fn unfinished_code_and_ignored_tests() {
    assert_eq!(in_core("fn f() {\n    todo!()\n}\n"), [(3, "unfinished")]);
    assert_eq!(in_core("fn f() {\n    vec![unimplemented!(\"x\")]\n}\n"), [(3, "unfinished")]);
    assert_eq!(in_core("const S: &str = \"todo!()\";\n"), []);
    assert_eq!(in_core("#[test]\n#[ignore]\nfn f() {}\n"), [(3, "ignored test")]);
    assert_eq!(in_core("#[test]\n#[ignore = \"takes an hour\"]\nfn f() {}\n"), []);
}

#[test]
fn synchronisation_goes_through_the_facade() {
    let planted = [
        "use std::sync::Arc;\n",
        "use std::sync;\n",
        "use std::{fmt, sync::atomic::AtomicU8};\n",
        "use std::{fmt, sync::{mpsc, Arc as A}};\n",
        "fn f(a: std::sync::Mutex<u8>) {}\n",
        "fn f() { g![core::sync::OnceLock::new()] }\n",
        "fn f() { std::thread::spawn(g); }\n",
        "use std::time::{Duration, Instant};\n",
        "use parking_lot::Mutex;\n",
        "use crossbeam::channel;\n",
        "fn f() { rayon::join(a, b); }\n",
        "use dashmap::DashMap;\n",
        "thread_local! { static A: u8 = 1; }\n",
        "std::thread_local! { static A: u8 = 1; }\n",
    ];
    for text in planted {
        let found = in_core(text);
        assert!(!found.is_empty(), "not found: {text}");
        assert!(found.iter().all(|found| *found == (2, "synchronisation")), "{text}: {found:?}");
        let elsewhere = at("crates/block/src/file.rs", &format!("//! Docs.\n{text}"));
        assert_eq!(elsewhere, [], "{text}");
    }
    let fine = "use std::time::Duration;\nuse extant_sync::{thread, Arc};\nmod sync {}\n";
    assert_eq!(in_core(fine), []);
}

#[test]
fn text_that_does_not_parse_is_reported() {
    assert_eq!(in_core("fn f( {\n"), [(2, "parse")]);
}

#[test]
fn manifests_take_the_lints_of_the_workspace() {
    let path = "crates/core/Cargo.toml";
    assert_eq!(at(path, "[package]\nname = \"x\"\n"), [(0, "lints")]);
    assert_eq!(at(path, "[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n"), []);
    assert_eq!(at("Cargo.toml", "[workspace]\n"), []);
}

/// Messages about a package `name` with one dependency.
fn depends(name: &str, on: &str, kind: Option<&str>) -> Vec<String> {
    let path = on.starts_with("extant").then_some("somewhere");
    let metadata = json!({"packages": [{
        "name": name,
        "license": "MIT OR Apache-2.0",
        "manifest_path": "Cargo.toml",
        "dependencies": [{"name": on, "kind": kind, "path": path}],
    }]});
    manifest::check_metadata(&metadata).into_iter().map(|problem| problem.message).collect()
}

#[test]
fn arrows_between_crates() {
    for (from, to) in [("extant-core", "extant-jbd2"), ("extant-vfs", "extant-iomap")] {
        assert_eq!(depends(from, to, None), [] as [&str; 0]);
        assert!(depends(to, from, None)[0].contains("is not an arrow"), "{to} -> {from}");
        assert!(depends(to, from, Some("dev"))[0].contains("is not an arrow"));
    }
    for (from, to) in [
        ("extant-iomap", "extant-format"),
        ("extant-jbd2", "extant-core"),
        ("extant-fsck", "extant-core"),
        ("extant-tree", "extant-core"),
        ("extant-vfs", "extant-testkit-device"),
        ("extant-unknown", "extant-sync"),
    ] {
        assert_eq!(depends(from, to, None).len(), 1, "{from} -> {to}");
    }
}

#[test]
fn test_crates_are_for_tests() {
    assert_eq!(depends("extant-core", "extant-testkit-device", Some("dev")), [] as [&str; 0]);
    assert_eq!(depends("extant-core", "extant-testkit-device", None).len(), 1);
    assert_eq!(depends("extant-vfs", "extant-testkit", Some("dev")), [] as [&str; 0]);
    assert_eq!(depends("extant-vfs", "extant-testkit", None).len(), 1);
    assert_eq!(depends("extant-core", "extant-testkit", Some("dev")).len(), 1);
}

#[test]
fn explored_crates_have_no_locks_of_others() {
    assert!(depends("extant-jbd2", "parking_lot", None)[0].contains("use extant-sync"));
    assert_eq!(depends("extant-sync", "parking_lot", None), [] as [&str; 0]);
    assert_eq!(depends("extant-jbd2", "thiserror", None), [] as [&str; 0]);
}

#[test]
fn licences() {
    let metadata = json!({"packages": [{"name": "xtask", "license": null, "dependencies": []}]});
    let rules: Vec<_> = manifest::check_metadata(&metadata).iter().map(|p| p.rule).collect();
    assert_eq!(rules, ["licence"]);
}
