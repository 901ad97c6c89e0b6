//! Logs: one form from the first line to the last, each with its role; lines for people, or JSON lines for machines. Never a
//! figure, a name or an address.

use std::fmt;
use std::io::{self, IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};

use rondo_domain::Service;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::scribe::{self, Scribe};

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

/// The name of a process that plays rounds which are none: what services say in it is said to be of a rehearsal.
pub const REHEARSAL: &str = "rehearsal";

/// Who writes standard error for this process, where it does not write itself.
static SCRIBE: OnceLock<Arc<Scribe>> = OnceLock::new();

/// Standard error, as lines of the log and what is said beside them reach it.
#[derive(Clone, Copy)]
struct StandardError;

impl io::Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match SCRIBE.get() {
            Some(scribe) => {
                scribe.take(bytes);
                Ok(bytes.len())
            }
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts logging to standard error, in which panics are told as well. What no service says itself is said in the name of `process`. Who
/// reads standard error may go away: the process goes on, and its lines go nowhere. A second call changes nothing.
///
/// # Errors
/// When the filter is not one, with what is wrong in it.
pub fn start(format: LogFormat, filter: &str, process: &str) -> Result<(), String> {
    let malformed = |e: &dyn fmt::Display| format!("the log filter `{filter}` is not one: {e}");
    let always = format!("{ALWAYS}=info").parse().map_err(|e| malformed(&e))?;
    let filter = EnvFilter::try_new(filter).map_err(|e| malformed(&e))?.add_directive(always);
    let lines = Lines::new(format, process);
    // A line that cannot be written is told on standard error otherwise, which panics where that is what is gone.
    let subscriber = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter);
    let started = subscriber.with_writer(|| StandardError).event_format(lines).try_init();
    // A test process that starts several programs has its logging already, and its own way with panics.
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let what = panic.payload_as_str().unwrap_or("without a word");
            let place = panic.location().map(|at| format!("{}:{}", within(at.file()), at.line())).unwrap_or_default();
            tracing::error!(target: ALWAYS, place, "a thread panicked, which is a defect: {what}");
        }));
    }
    Ok(())
}

/// From here on a thread of its own writes standard error: that of a process that serves, and may not stand still because whoever
/// reads what it says does. [`Flushed`] has to be dropped last.
pub fn write_apart(format: LogFormat, process: &str) -> Flushed {
    let lines = Lines::new(format, process);
    let told = move |lost: u64| {
        let mut line = String::new();
        // A line without a time is a line.
        let _ = lines.lost(&mut Writer::new(&mut line), lost);
        line
    };
    // The handle of the standard library is locked while it writes, and others may want it.
    let to = io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from);
    match to.and_then(|to| Scribe::start(to, Box::new(told))) {
        // A second call changes nothing.
        Ok(scribe) => drop(SCRIBE.set(scribe)),
        Err(error) => tracing::warn!(
            "standard error has no thread of its own, so that its reader may hold this process up: {error}"
        ),
    }
    Flushed
}

/// Says a sentence on standard error, beside the log and in its order. A closed standard error leaves nobody to tell.
pub fn say(sentence: &str) {
    let _ = StandardError.write_all(format!("{sentence}\n").as_bytes());
}

/// How many lines of this process were lost, because standard error took none for too long or could not be written.
pub fn lost() -> u64 {
    scribe::lost()
}

/// Waits, when it is dropped, until what was said is written, and not for a reader who stands still.
#[derive(Debug)]
pub struct Flushed;

impl Drop for Flushed {
    fn drop(&mut self) {
        if let Some(scribe) = SCRIBE.get() {
            scribe.flush();
        }
    }
}

/// A place in the code without the folders of the machine that built it.
fn within(file: &str) -> &str {
    if let Some((_, below)) = file.split_once("/registry/src/") {
        return below.split_once('/').map_or(below, |(_, of_package)| of_package);
    }
    file.strip_prefix("/rustc/").and_then(|below| below.split_once('/')).map_or(file, |(_, library)| library)
}

/// The form of a line.
struct Lines {
    format: LogFormat,
    process: String,
    colours: bool,
}

/// The service that a module belongs to; the ledger's store is the ledger's.
fn role_of(target: &str) -> Option<&'static str> {
    let room = target.split("::").next().unwrap_or_default();
    if room == "sled" {
        return Some(Service::Ledger.name());
    }
    Service::NAMES.into_iter().find(|role| room.strip_prefix("rondo_") == Some(role))
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
        let target = said.of_library().unwrap_or_else(|| event.metadata().target().to_owned());
        let told = said.fields.remove("role").and_then(|role| role.as_str().map(str::to_owned));
        let role = told.as_deref().or_else(|| role_of(&target));
        self.line(&mut writer, (&time, *event.metadata().level(), &self.name(role)), &said)
    }
}

impl Lines {
    fn new(format: LogFormat, process: &str) -> Self {
        let colours = format == LogFormat::Text && io::stderr().is_terminal();
        Self { format, process: process.to_owned(), colours }
    }

    /// That so many lines were lost where this one stands.
    fn lost(&self, writer: &mut Writer<'_>, lost: u64) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let message =
            "lines of the log were lost here: whoever reads standard error stood still, or it could not be written";
        let mut said = Said { message: message.to_owned(), ..Said::default() };
        said.fields.insert("lost".to_owned(), lost.into());
        self.line(writer, (&time, Level::WARN, &self.name(None)), &said)
    }

    /// In whose name a line is said. A rehearsal beside a log has the real ledger, and plays the others.
    fn name(&self, role: Option<&str>) -> String {
        match role {
            Some(role) if self.process == REHEARSAL && role != "ledger" => format!("{REHEARSAL} of the {role}"),
            role => role.unwrap_or(&self.process).to_owned(),
        }
    }

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

    /// Gives the module of a library that says it through `log`, and names the library in the place of the file of its code, which
    /// is one of the machine that built the program.
    fn of_library(&mut self) -> Option<String> {
        for place in ["log.module_path", "log.file", "log.line"] {
            self.fields.remove(place);
        }
        let target = self.fields.remove("log.target")?.as_str()?.to_owned();
        let library = target.split("::").next().unwrap_or_default().to_owned();
        self.fields.insert("by".to_owned(), library.into());
        Some(target)
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
    fn a_line_of_a_library_names_it_and_no_folder_of_the_builder() {
        let mut said = Said { message: "no space".to_owned(), ..Said::default() };
        for (name, value) in [
            ("log.target", "sled::pagecache"),
            ("log.file", "/root/.cargo/x.rs"),
            ("log.module_path", "sled::pagecache"),
        ] {
            said.fields.insert(name.to_owned(), value.into());
        }
        said.fields.insert("log.line".to_owned(), 12.into());
        let target = said.of_library().unwrap();
        assert_eq!((role_of(&target), said.fields.len(), &said.fields["by"]), (Some("ledger"), 1, &"sled".into()));
        assert_eq!(
            within("/root/.cargo/registry/src/index.crates.io-19/sled-0.34.7/src/lib.rs"),
            "sled-0.34.7/src/lib.rs"
        );
        assert_eq!(within("/rustc/59807616e1fa/library/core/src/result.rs"), "library/core/src/result.rs");
        assert_eq!(within("services/ledger/src/open.rs"), "services/ledger/src/open.rs");
    }

    #[test]
    fn what_services_say_in_a_rehearsal_is_said_to_be_of_one() {
        let lines = |process: &str| Lines { format: LogFormat::Text, process: process.to_owned(), colours: false };
        assert_eq!(lines(REHEARSAL).name(Some("reminder")), "rehearsal of the reminder");
        assert_eq!(lines(REHEARSAL).name(Some("ledger")), "ledger");
        assert_eq!((lines("up").name(Some("reminder")), lines("up").name(None)), ("reminder".into(), "up".into()));
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
