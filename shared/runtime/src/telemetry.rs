//! Logs: one form from the first line to the last, each with its role; lines for people, or JSON lines for machines. Never a
//! figure, a name or an address.

use std::fmt;
use std::io::IsTerminal;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// The target of what is said whatever the filter lets through: that a process begins and ends, and that what failed is well. A
/// filter takes targets by how they begin, so that this one begins like no crate of ours.
pub const ALWAYS: &str = "always";

/// Starts logging to standard error. What no service says itself is said in the name of `process`. A second call changes
/// nothing.
///
/// # Errors
/// When the filter is not one, with what is wrong in it.
pub fn start(format: LogFormat, filter: &str, process: &str) -> Result<(), String> {
    let malformed = |e: &dyn fmt::Display| format!("the log filter `{filter}` is not one: {e}");
    let always = format!("{ALWAYS}=info").parse().map_err(|e| malformed(&e))?;
    let filter = EnvFilter::try_new(filter).map_err(|e| malformed(&e))?.add_directive(always);
    let colours = format == LogFormat::Text && std::io::stderr().is_terminal();
    let lines = Lines { format, process: process.to_owned(), colours };
    // A test process that starts several programs has its logging already.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).event_format(lines).try_init();
    Ok(())
}

/// The form of a line.
struct Lines {
    format: LogFormat,
    process: String,
    colours: bool,
}

/// The service that a module belongs to.
fn role_of(target: &str) -> Option<&'static str> {
    let room = target.split("::").next().unwrap_or_default();
    ["ledger", "scheduler", "reminder", "validator", "publisher", "gateway"]
        .into_iter()
        .find(|role| room.strip_prefix("rondo_") == Some(role))
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut said = Said::default();
        event.record(&mut said);
        let told = said.fields.remove("role").and_then(|role| role.as_str().map(str::to_owned));
        let role = told.as_deref().or_else(|| role_of(event.metadata().target())).unwrap_or(&self.process);
        self.line(&mut writer, (&time, *event.metadata().level(), role), &said)
    }
}

impl Lines {
    fn line(&self, writer: &mut Writer<'_>, (time, level, role): (&str, Level, &str), said: &Said) -> fmt::Result {
        if self.format == LogFormat::Json {
            let mut line = Map::new();
            for (name, value) in [("timestamp", time), ("level", level.as_str()), ("role", role)] {
                line.insert(name.to_owned(), value.into());
            }
            line.insert("message".to_owned(), said.message.clone().into());
            line.extend(said.fields.clone());
            return writeln!(writer, "{}", Value::Object(line));
        }
        let (bold, plain) = if self.colours { (colour(level), "\x1b[0m") } else { ("", "") };
        write!(writer, "{time} {bold}{level:>5}{plain} {role}: {}", said.message)?;
        for (name, value) in &said.fields {
            match value {
                Value::String(text) => write!(writer, " {name}={text}")?,
                other => write!(writer, " {name}={other}")?,
            }
        }
        writeln!(writer)
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        _ => "\x1b[32m",
    }
}

/// What an event says: its message, and its fields by name.
#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl Said {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.fields.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A line stays a line, whatever an error of another library says.
        self.put(field, format!("{value:?}").replace('\n', " ").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.replace('\n', " ").into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_of_the_service_whose_code_says_it() {
        assert_eq!(role_of("rondo_scheduler::interpreter"), Some("scheduler"));
        assert_eq!(role_of("rondo_ledger"), Some("ledger"));
        assert_eq!((role_of("rondo_runtime::patient"), role_of("hyper::proto")), (None, None));
    }

    #[test]
    fn both_forms_say_the_same() {
        let mut said = Said { message: "a step fired".to_owned(), ..Said::default() };
        said.fields.insert("step".to_owned(), "launch".into());
        let line = |format| {
            let lines = Lines { format, process: "up".to_owned(), colours: false };
            let mut text = String::new();
            lines.line(&mut Writer::new(&mut text), ("T", Level::INFO, "scheduler"), &said).unwrap();
            text
        };
        assert_eq!(line(LogFormat::Text), "T  INFO scheduler: a step fired step=launch\n");
        let json: Value = serde_json::from_str(&line(LogFormat::Json)).unwrap();
        assert_eq!(
            (&json["role"], &json["message"], &json["step"]),
            (&"scheduler".into(), &"a step fired".into(), &"launch".into())
        );
    }
}
