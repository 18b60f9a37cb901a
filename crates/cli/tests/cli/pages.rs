//! Manual pages and completions are complete.

use tempfile::TempDir;

use crate::support::{extant, run};

const COMMANDS: [&str; 11] = [
    "info",
    "ls",
    "stat",
    "cat",
    "tree",
    "digest",
    "dump",
    "recover",
    "fsck",
    "completions",
    "man",
];

#[test]
fn every_command_has_a_page() {
    let folder = TempDir::new().unwrap();
    assert_eq!(extant(["man", "--dir", folder.path().to_str().unwrap()]).ok(), "");
    for command in COMMANDS {
        let page = run(&format!("man {command}")).ok();
        assert!(page.contains(&format!(".TH extant-{command} 1")), "{page}");
        let path = folder.path().join(format!("extant-{command}.1"));
        assert_eq!(std::fs::read_to_string(path).unwrap(), page);
    }
    let root = std::fs::read_to_string(folder.path().join("extant.1")).unwrap();
    let dump = std::fs::read_to_string(folder.path().join("extant-dump.1")).unwrap();
    let mut named = 1;
    for line in [root, dump].iter().flat_map(|page| page.lines()) {
        if line.starts_with("extant") && line.ends_with("(1)") {
            let page = line.trim_end_matches("(1)").replace("\\-", "-");
            assert!(folder.path().join(format!("{page}.1")).exists(), "{line}");
            named += 1;
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), named, "no page is unnamed");
    assert!(run("man dump-group").ok().contains(".TH extant-dump-group 1"));
    assert!(run("man ls").ok().contains("\\-\\-recursive"));
    let root = run("man").ok();
    assert!(root.contains(".TH extant 1") && !root.contains("mount("), "{root}");
    run("man mount").fails(2, "no command mount");
}

#[test]
fn completions_know_the_commands_that_exist() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&format!("completions {shell}")).ok();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("partition") && !script.contains("undelete"), "{shell}");
    }
}

#[test]
fn own_options_of_a_command_are_not_among_those_of_images() {
    for line in ["help ls", "man ls"] {
        let text = run(line).ok().replace('\\', "").to_lowercase();
        let last = |word: &str| text.rfind(word).unwrap();
        assert!(last("--recursive") < last("image options"), "{text}");
        assert!(last("image options") < last("--noload"), "{text}");
    }
}

#[test]
fn help_does_not_promise_what_is_not_there() {
    let help = run("--help").ok();
    for command in COMMANDS {
        assert!(help.lines().any(|l| l.trim_start().starts_with(command)), "{command}");
    }
    assert!(!help.contains("mkfs") && !help.contains("mount "), "{help}");
}
