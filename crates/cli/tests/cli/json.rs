//! JSON: every line is an object with the schema of its command, and numbers are numbers.

use serde_json::Value;

use crate::support::run;

fn lines(line: &str, schema: &str) -> Vec<Value> {
    let text = run(line).ok();
    let parsed: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(!parsed.is_empty(), "{line}");
    for value in &parsed {
        assert_eq!(value["schema"], schema, "{line}: {value}");
    }
    parsed
}

#[test]
fn info_and_stat_are_one_object() {
    let info = &lines("info --json demo:", "extant.info/1")[0];
    assert_eq!(info["size_bytes"], 4 << 20);
    assert_eq!(info["label"], "extant-demo");
    assert_eq!(info["damage"], Value::Array(vec![]));
    assert!(info["features"].as_array().unwrap().contains(&"metadata_csum".into()));
    let stats = lines("stat --json demo: /special/disk /sparse/one-tebibyte", "extant.stat/1");
    assert_eq!(stats[0]["device"]["minor"], 70_000);
    assert_eq!(stats[1]["size_bytes"], 1_u64 << 40);
    assert_eq!(stats[1]["type"], "regular file");
    let time = &lines("stat --json demo: /times/before-1970", "extant.stat/1")[0]["mtime"];
    assert_eq!((&time["seconds"], &time["nanoseconds"]), (&(-0x8000_0000_i64).into(), &0.into()));
    let xattrs = &lines("stat --json demo: /attributes/in-inode", "extant.stat/1")[0]["xattrs"];
    assert!(xattrs.as_array().unwrap().iter().any(|x| x["value"]["hex"] == "677265656e"));
}

#[test]
fn listings_are_a_line_an_entry() {
    let names = lines("ls --json demo: /names", "extant.ls/1");
    assert_eq!(names.len(), 11);
    let hex = names.iter().filter_map(|n| n["name"]["hex"].as_str()).collect::<Vec<_>>();
    assert_eq!(hex, ["6c6174696e2de9e8"], "one name is not UTF-8");
    assert!(names.iter().any(|n| n["name"] == "red\u{1b}[31mtext\u{7}"), "escaped by JSON");
    let tree = lines("tree --json demo: /deep", "extant.tree/1");
    assert_eq!(tree.last().unwrap()["depth"], 17);
    let links = lines("ls --json demo: /links", "extant.ls/1");
    assert!(links.iter().any(|l| l["target"] == "nowhere"));
    let recursive = lines("ls -R --json demo: /", "extant.ls/1");
    assert_eq!(recursive.len(), lines("tree --json demo: /", "extant.tree/1").len());
}

#[test]
fn contents_and_digests_are_objects() {
    let cat = lines("cat --json demo: /links/hard-1", "extant.cat/1");
    assert_eq!(cat[0]["data"]["hex"].as_str().unwrap().len(), 48);
    let digest = &lines("digest --json demo:", "extant.digest/1")[0];
    assert_eq!(format!("{}\n", digest["digest"].as_str().unwrap()), run("digest demo:").ok());
    let manifest = lines("digest --json --manifest demo: /inline", "extant.digest/1");
    assert_eq!(manifest.len(), 7);
    assert!(manifest[0]["line"].as_str().unwrap().starts_with("/ d 0755 "));
}

#[test]
fn dumps_say_which_structure() {
    for (what, structure) in [
        ("superblock", "superblock"),
        ("group 0", "group"),
        ("inode 8", "inode"),
        ("block 1", "block"),
        ("extents /sparse/fragmented.bin", "extent_node"),
        ("extents /legacy/block-mapped.bin", "indirect_map"),
        ("extents /inline/empty", "inline"),
        ("htree /index", "htree_root"),
        ("bitmap 1", "bitmap"),
        ("journal", "journal"),
    ] {
        let values = lines(&format!("dump --json demo: {what}"), "extant.dump/1");
        assert_eq!(values[0]["structure"], structure);
    }
    let extents = lines("dump --json demo: extents /sparse/unwritten.bin", "extant.dump/1");
    assert_eq!(extents.iter().filter(|e| e["unwritten"] == true).count(), 25);
}
