//! A list of fields that is printed for people, or as one JSON object: both from the same list,
//! so that neither knows more than the other.

use std::io::{self, Write};

use extant::Timestamp;
use serde_json::{Map, Value};

use crate::output::{Out, escape, full_time, json};

/// Fields in the order in which people read them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    /// What people see; empty if they do not.
    label: String,
    key: String,
    text: String,
    value: Value,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A field with separate forms for people and machines. `text` is printed as it is.
    pub(crate) fn field(
        &mut self,
        label: &str,
        key: &str,
        text: impl Into<String>,
        value: impl Into<Value>,
    ) {
        self.fields.push(Field {
            label: label.to_owned(),
            key: key.to_owned(),
            text: text.into(),
            value: value.into(),
        });
    }

    /// A field that is the same for both, called by its JSON key.
    pub(crate) fn plain(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let text = match &value {
            Value::String(text) => escape(text.as_bytes()),
            Value::Array(items) => words(items),
            other => other.to_string(),
        };
        self.field(key, key, text, value);
    }

    /// A word of flags, in hexadecimal for people, with the names of the bits that have one.
    pub(crate) fn flags(&mut self, key: &str, bits: u64, names: &[&str]) {
        let text = format!("{bits:#x} {}", names.join(" "));
        self.field(key, key, text.trim_end(), bits);
    }

    /// Bytes from the image that are text.
    pub(crate) fn name(&mut self, label: &str, key: &str, bytes: &[u8]) {
        self.field(label, key, escape(bytes), json::name(bytes));
    }

    /// A time; `None` is shown as "never".
    pub(crate) fn time(&mut self, label: &str, key: &str, time: Option<Timestamp>) {
        let text = time.map_or_else(|| "never".to_owned(), full_time);
        self.field(label, key, text, time.map(json::time));
    }

    /// A field for machines only.
    pub(crate) fn hidden(&mut self, key: &str, value: impl Into<Value>) {
        self.field("", key, "", value);
    }

    /// A line for people only.
    pub(crate) fn shown_only(&mut self, label: &str, text: impl Into<String>) {
        self.field(label, "", text, Value::Null);
    }

    /// The fields as an object.
    pub(crate) fn into_object(self) -> Map<String, Value> {
        let fields = self.fields.into_iter().filter(|field| !field.key.is_empty());
        fields.map(|field| (field.key, field.value)).collect()
    }

    /// Prints the fields, one a line, or the object with its schema.
    pub(crate) fn print(self, out: &mut Out, json: Option<&str>) -> io::Result<()> {
        let Some(schema) = json else { return self.print_lines(out) };
        let mut object = self.into_object();
        object.insert("schema".to_owned(), schema.into());
        out.json_line(&object.into())
    }

    fn print_lines(&self, out: &mut Out) -> io::Result<()> {
        let shown = || self.fields.iter().filter(|field| !field.label.is_empty());
        let width = shown().map(|field| field.label.chars().count() + 1).max().unwrap_or(0);
        for field in shown() {
            let label = format!("{}:", field.label);
            let line = format!("{label:<width$} {}", field.text);
            writeln!(out, "{}", line.trim_end_matches(' '))?;
        }
        Ok(())
    }
}

fn words(items: &[Value]) -> String {
    let word = |item: &Value| match item {
        Value::String(text) => escape(text.as_bytes()),
        other => other.to_string(),
    };
    items.iter().map(word).collect::<Vec<_>>().join(" ")
}
