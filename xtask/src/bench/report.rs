//! The three files of a benchmark: data, table, picture.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::{Goal, Row, Spread, svg};

/// All that one run found out.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Report {
    pub(super) bench: String,
    pub(super) machine: Machine,
    pub(super) command: String,
    pub(super) rows: Vec<Row>,
}

/// The JSON file. Medians and verdicts are in it for readers; they are not read back.
#[derive(Serialize, Deserialize)]
struct Record {
    schema: String,
    bench: String,
    command: String,
    machine: Machine,
    rows: Vec<RecordRow>,
}

#[derive(Serialize, Deserialize)]
struct RecordRow {
    #[serde(flatten)]
    row: Row,
    spread: Option<Spread>,
    peer_spread: Option<Spread>,
    score: Option<f64>,
    meets_goal: Option<bool>,
}

const SCHEMA: &str = "extant.bench/1";

impl Report {
    /// Writes BENCH.json, BENCH.md and BENCH.svg into `dir`.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir)?;
        let files = [("json", self.json()?), ("md", self.markdown()), ("svg", svg::chart(self))];
        for (extension, text) in files {
            let path = dir.join(format!("{}.{extension}", self.bench));
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// What [`write`](Self::write) has written.
    pub(super) fn read(dir: &Path, bench: &str) -> Result<Self> {
        let path = dir.join(format!("{bench}.json"));
        let text = fs::read_to_string(&path)
            .with_context(|| format!("nothing recorded in {}", path.display()))?;
        let record: Record = serde_json::from_str(&text)?;
        Ok(Self {
            bench: record.bench,
            machine: record.machine,
            command: record.command,
            rows: record.rows.into_iter().map(|row| row.row).collect(),
        })
    }

    fn json(&self) -> Result<String> {
        let rows = self.rows.iter().map(|row| RecordRow {
            row: row.clone(),
            spread: row.spread(),
            peer_spread: row.peer_spread(),
            score: row.score(),
            meets_goal: row.meets_goal(),
        });
        let record = Record {
            schema: SCHEMA.to_owned(),
            bench: self.bench.clone(),
            command: self.command.clone(),
            machine: self.machine.clone(),
            rows: rows.collect(),
        };
        Ok(serde_json::to_string_pretty(&record)? + "\n")
    }

    /// A page with the machine and a table: min / median / max of both sides, ratio, goal.
    pub(super) fn markdown(&self) -> String {
        let machine = &self.machine;
        let mut page = format!(
            "# {}\n\n`{}` at commit {}, {} cores ({}), {} MiB, Linux {}.\n\n![]({}.svg)\n\n",
            self.bench,
            self.command,
            machine.commit,
            machine.cores,
            machine.cpu,
            machine.memory_mib,
            machine.kernel,
            self.bench,
        );
        page.push_str("| what | unit | min / median / max | peer | its min / median / max ");
        page.push_str(
            "| ratio | goal | met |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for row in &self.rows {
            page.push_str(&table_row(row));
        }
        page
    }
}

fn table_row(row: &Row) -> String {
    let peer = row.peer_spread();
    let ratio = peer.and_then(|_| row.score()).map_or("-".to_owned(), number);
    let met = match row.meets_goal() {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "-",
    };
    let mut line = String::new();
    let (own, name) = (spread(row.spread()), row.name.replace('|', "\\|"));
    let _infallible = write!(line, "| {name} | {} | {own} ", row.unit);
    let peer_name = row.peer.as_deref().unwrap_or("-");
    let (theirs, goal) = (spread(peer), goal(row.goal));
    let _infallible = writeln!(line, "| {peer_name} | {theirs} | {ratio} | {goal} | {met} |");
    line
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or("-".to_owned(), |Spread { min, median, max }| {
        format!("{} / {} / {}", number(min), number(median), number(max))
    })
}

fn goal(goal: Option<Goal>) -> String {
    match goal {
        Some(Goal::AtLeast(least)) => format!(">= {}", number(least)),
        Some(Goal::AtMost(most)) => format!("<= {}", number(most)),
        None => "-".to_owned(),
    }
}

/// About four significant digits.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
