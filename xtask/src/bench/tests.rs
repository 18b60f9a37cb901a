//! Statistics, goals, and files that come back as they went in.

use super::report::Report;
use super::{Goal, Row, Spread, machine, package_name, parse, regressions};

fn row(samples: &[f64], peer: &[f64], goal: Goal) -> Row {
    Row {
        name: "stat".to_owned(),
        unit: "calls/s".to_owned(),
        samples: samples.to_vec(),
        peer: (!peer.is_empty()).then(|| "kernel".to_owned()),
        peer_samples: peer.to_vec(),
        goal: Some(goal),
    }
}

#[test]
fn medians() {
    let of = |samples: &[f64]| Spread::of(samples).map(|s| (s.min, s.median, s.max));
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[f64::NAN]), None);
    assert_eq!(of(&[3.0, 1.0, 2.0]), Some((1.0, 2.0, 3.0)));
    assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Some((1.0, 2.5, 4.0)));
}

#[test]
fn goals_are_about_ratios_or_values() {
    assert_eq!(row(&[3.0], &[2.0], Goal::AtLeast(1.5)).meets_goal(), Some(true));
    assert_eq!(row(&[2.9], &[2.0], Goal::AtLeast(1.5)).meets_goal(), Some(false));
    assert_eq!(row(&[50.0], &[], Goal::AtMost(50.0)).meets_goal(), Some(true));
    assert_eq!(row(&[50.1], &[], Goal::AtMost(50.0)).meets_goal(), Some(false));
}

#[test]
fn rows_are_read_from_stdout() {
    let rows = parse(
        "warming up\n{\"name\": \"a\", \"unit\": \"s\", \"samples\": [1, 2], \
         \"goal\": {\"at_most\": 3}}\n",
    );
    assert_eq!(rows.unwrap()[0].goal, Some(Goal::AtMost(3.0)));
    for bad in ["", "{\"name\": 1}", "{\"name\": \"a\", \"unit\": \"s\", \"samples\": []}"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn reports_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let rows = vec![
        row(&[3.0, 4.0], &[2.0], Goal::AtLeast(1.5)),
        Row { name: "a|b <c>".to_owned(), goal: None, ..row(&[1e6], &[], Goal::AtMost(1.0)) },
    ];
    let report = Report {
        bench: "demo".to_owned(),
        machine: machine::here(dir.path()),
        command: "cargo xtask bench demo".to_owned(),
        rows,
    };
    report.write(dir.path()).unwrap();
    assert_eq!(Report::read(dir.path(), "demo").unwrap(), report);
    let json = std::fs::read_to_string(dir.path().join("demo.json")).unwrap();
    assert!(json.contains("\"schema\": \"extant.bench/1\""));
    assert!(json.contains("\"median\": 3.5"), "{json}");
    let page = std::fs::read_to_string(dir.path().join("demo.md")).unwrap();
    assert!(page.contains("| 3.00 / 3.50 / 4.00 | kernel |"), "{page}");
    assert!(page.contains("| 1.75 | >= 1.50 | yes |"), "{page}");
    assert!(page.contains("a\\|b"), "{page}");
    let picture = std::fs::read_to_string(dir.path().join("demo.svg")).unwrap();
    assert_eq!(picture.matches("<rect x=").count(), 3, "two bars and one: {picture}");
    assert!(picture.contains("a|b &lt;c&gt;") && picture.ends_with("</svg>\n"), "{picture}");
    assert!(machine::here(dir.path()).cores > 0);
}

#[test]
fn regressions_are_told_from_noise() {
    let before = [row(&[100.0], &[50.0], Goal::AtLeast(1.5))];
    assert_eq!(regressions(&before, &before), [] as [&str; 0]);
    assert_eq!(regressions(&before, &[row(&[91.0], &[50.0], Goal::AtLeast(1.5))]).len(), 0);
    assert_eq!(regressions(&before, &[row(&[89.0], &[50.0], Goal::AtLeast(1.5))]).len(), 1);
    let missed = regressions(&before, &[row(&[70.0], &[50.0], Goal::AtLeast(1.5))]);
    assert!(missed.iter().any(|line| line.contains("misses its goal")), "{missed:?}");
    let slower = [row(&[10.0], &[], Goal::AtMost(20.0))];
    assert_eq!(regressions(&slower, &[row(&[12.0], &[], Goal::AtMost(20.0))]).len(), 1);
    assert!(regressions(&before, &[])[0].contains("not measured"));
}

#[test]
fn package_names() {
    assert_eq!(package_name("[package]\nname = \"extant-vfs\"\n").as_deref(), Some("extant-vfs"));
    assert_eq!(package_name("[workspace]\n"), None);
}
