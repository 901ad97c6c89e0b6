//! What the program prints: a table for people, JSON for programs, CSV for spreadsheets. Data goes to standard output.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table, TableComponent};
use rondo_domain::reason::is_hidden;
use rondo_runtime::telemetry::{self, ALWAYS};
use serde_json::{Value, json};

use crate::failure::Failure;

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Form {
    /// For people.
    #[default]
    Table,
    /// One document with a version.
    Json,
    /// One line an entry.
    Jsonl,
    /// Comma-separated, with a header.
    Csv,
}

/// A list of entries, and which of their fields stand in a table's columns.
pub(crate) struct Listing {
    /// The name of the list in a JSON document.
    pub(crate) name: &'static str,
    /// Fields shown as columns: their path and heading.
    pub(crate) columns: &'static [(&'static str, &'static str)],
    /// The entries.
    pub(crate) entries: Vec<Value>,
    /// What to say where there is none.
    pub(crate) empty: &'static str,
}

/// Prints a line to standard output; a reader that has gone away is not an error.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{}", seen(text)) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::failed(format!("cannot print: {e}"))),
        _ => Ok(()),
    }
}

/// Prints what a verb did: a sentence for people, the same in a document for programs.
pub(crate) fn said(form: Form, sentence: &str) -> Result<(), Failure> {
    document(form, json!({ "said": sentence }), sentence)
}

/// Whether what is said on standard error is said as lines of the log.
static INTO_THE_LOG: AtomicBool = AtomicBool::new(false);

/// From here on what is said on standard error has the form of the log: that of a process that serves and that nobody watches
/// on a terminal.
pub(crate) fn into_the_log() {
    INTO_THE_LOG.store(true, Ordering::Relaxed);
}

/// Whether that is so.
pub(crate) fn is_into_the_log() -> bool {
    INTO_THE_LOG.load(Ordering::Relaxed)
}

/// Says in the log of each role of a process that it begins, or that it has ended well: otherwise nobody could tell that from a kill.
pub(crate) fn of_roles(roles: &[String], what: &str) {
    if is_into_the_log() {
        for role in roles {
            tracing::info!(target: ALWAYS, role = role.as_str(), version = env!("CARGO_PKG_VERSION"), "{what}");
        }
    }
}

/// Prints a hint to standard error.
pub(crate) fn hint(text: &str) {
    if is_into_the_log() {
        tracing::info!(target: ALWAYS, "{}", seen(text));
        return;
    }
    telemetry::say(&seen(text));
}

/// The text as a terminal may show it: what would be obeyed instead of shown, or would hide the rest, stands as a mark.
fn seen(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && c != '\n' && c != '\t';
    if text.contains(hidden) { Cow::Owned(text.replace(hidden, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Prints one document.
pub(crate) fn document(form: Form, mut value: Value, sentences: &str) -> Result<(), Failure> {
    if let Value::Object(fields) = &mut value {
        fields.insert("version".to_owned(), json!(1));
    }
    match form {
        Form::Table | Form::Csv => line(sentences.trim_end()),
        Form::Json => line(&serde_json::to_string_pretty(&value).unwrap_or_default()),
        Form::Jsonl => line(&value.to_string()),
    }
}

impl Listing {
    /// Prints the list.
    pub(crate) fn print(self, form: Form) -> Result<(), Failure> {
        match form {
            Form::Json => {
                let document = json!({"version": 1, self.name: self.entries});
                line(&serde_json::to_string_pretty(&document).unwrap_or_default())
            }
            Form::Jsonl => self.entries.iter().try_for_each(|entry| line(&entry.to_string())),
            Form::Csv => self.csv(),
            Form::Table => self.table(),
        }
    }

    fn cells(&self, entry: &Value) -> Vec<String> {
        self.columns.iter().map(|(path, _)| text(entry.pointer(path).unwrap_or(&Value::Null))).collect()
    }

    fn csv(&self) -> Result<(), Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |e: csv::Error| Failure::failed(e.to_string());
        writer.write_record(self.columns.iter().map(|(path, _)| path.trim_start_matches('/'))).map_err(failed)?;
        for entry in &self.entries {
            writer.write_record(self.cells(entry)).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|e| Failure::failed(e.to_string()))?;
        line(String::from_utf8_lossy(&bytes).trim_end())
    }

    fn table(&self) -> Result<(), Failure> {
        if self.entries.is_empty() {
            return line(self.empty);
        }
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(self.columns.iter().map(|(_, heading)| *heading));
        // A line between any two rows doubles the length and tells nothing.
        table.remove_style(TableComponent::HorizontalLines).remove_style(TableComponent::MiddleIntersections);
        table.remove_style(TableComponent::LeftBorderIntersections);
        table.remove_style(TableComponent::RightBorderIntersections);
        if io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        for entry in &self.entries {
            table.add_row(self.cells(entry));
        }
        line(&table.to_string())
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
