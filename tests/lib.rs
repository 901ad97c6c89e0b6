//! What the tests share: where things are, and the workflow as one bundle.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use rondo_domain::calendar::{Moment, Reckoning};
use rondo_domain::workflow::Bundle;
use rondo_eventlog::codec;
use rondo_ledger::journal::{AtDamage, JournalError, Span, fold};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the workspace").to_owned()
}

/// A deadline in Bangkok, of no calendar that there is.
pub fn moment(at: &str, local: DateTime) -> Moment {
    let (zone, calendar, rule) = ("Asia/Bangkok".into(), "test".into(), "deadline of the round".into());
    Moment::new(at.parse().expect("an instant"), local, Reckoning { zone, calendar, moved: Vec::new(), rule })
}

/// Chance that can be repeated (xorshift64*).
pub struct Dice(u64);

/// The seed that `RONDO_SEED` names, or the usual one; it is printed, so that a run can be repeated.
#[allow(clippy::disallowed_methods, reason = "the seed is told by the environment")]
pub fn seed() -> u64 {
    let seed: u64 = std::env::var("RONDO_SEED").map_or(0x5EED, |seed| seed.parse().expect("a seed is a number"));
    eprintln!("seed {seed}");
    seed
}

impl Dice {
    /// Dice of this run's seed.
    pub fn of_this_run() -> Self {
        Self(seed() | 1)
    }

    /// One of so many sides, from 0.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    /// One of these.
    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

/// How long a long test is in this run: the full length with `tests/run --full`, which is printed.
#[allow(clippy::disallowed_methods, reason = "the length is told by the environment")]
pub fn length(usual: usize, full: usize) -> usize {
    let length = if std::env::var("RONDO_FULL").is_ok() { full } else { usual };
    eprintln!("{length} of {full}");
    length
}

/// The files of a workflow folder, without its demonstration.
pub fn bundle(workflow: &str) -> Bundle {
    let folder = root().join("workflows").join(workflow);
    let mut files = BTreeMap::new();
    read(&folder, &folder, &mut files);
    files.retain(|path, _| !path.starts_with("demo/"));
    Bundle::new(files).expect("the workflow is small")
}

fn read(top: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            read(top, &path, files);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let name = path.strip_prefix(top).expect("it stands below").to_string_lossy().replace('\\', "/");
            files.insert(name, text);
        }
    }
}

/// The library of faults (`tests/faults/faults.c`), built for this run: to be preloaded into a process under test.
pub fn faults(folder: &Path) -> PathBuf {
    let library = folder.join("faults.so");
    let built = std::process::Command::new("cc")
        .args(["-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o"])
        .args([&library, &root().join("tests/faults/faults.c")])
        .status()
        .expect("a C compiler, which linking needs too");
    assert!(built.success());
    library
}

/// Runs the program on a data directory.
pub fn run(data: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(program());
    command.arg("--data").arg(data).args(args).output().expect("the program can be started")
}

/// What the program says on standard output, where it has to end well.
pub fn rondo(data: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> String {
    let done = run(data, args);
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("the program writes UTF-8")
}

/// Fails unless the program ends with this status and says these words on standard error.
pub fn refused(data: impl AsRef<std::ffi::OsStr>, args: &[&str], status: i32, words: &str) {
    let done = run(data, args);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(status), "{args:?}: {said}");
    assert!(said.contains(words), "{words}: {said}");
}

/// Whether a tool that others wrote accepts (`tests/foreign/check.py`). A tool that is not there is no verdict.
pub fn foreign(args: &[&str]) -> bool {
    let python = root().join("target/tools/foreign/bin/python");
    let check = root().join("tests/foreign/check.py");
    let done = std::process::Command::new(python).arg(check).args(args).output().expect("tests/run installs the tools");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() || said.starts_with("refused:") && !said.contains("ModuleNotFound"), "{said}");
    done.status.success()
}

/// Waits until a server has announced itself in its data directory: until then the command line does not know of it.
pub fn await_server(data: &Path) {
    for _ in 0..400 {
        if data.join("server.json").exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("no server announces itself in {}", data.display());
}

/// The program under test, as `tests/run` builds it.
pub fn program() -> PathBuf {
    let program = root().join("target/release/rondo");
    assert!(program.exists(), "{} is missing; run tests/run, which builds it", program.display());
    program
}

/// Every change of every figure of a data directory: key, was, is, who, why, from where; without times and positions.
pub fn history(data: &Path) -> Vec<String> {
    use rondo_domain::event::Event;
    use rondo_domain::figure::{FigureKey, FiguresEvent};
    let mut lives = Vec::new();
    for record in records(data) {
        let Event::Figures(FiguresEvent::FiguresRecorded { submission, reason, evidence, cells, .. }) = &record.event
        else {
            continue;
        };
        let sheet = record.stream.sheet().expect("a sheet");
        for change in cells {
            let key = FigureKey::new(&sheet, &change.key);
            lives.push(format!(
                "{key} v{} {:?} -> {} by {} {:?} {submission:?} {reason:?} {evidence:?} {:?}",
                record.version, change.was, change.is, record.actor.id, record.actor.institution, change.cell
            ));
        }
    }
    lives.sort();
    lives
}

/// What the run book's tables of the data directory name, folders without their stroke; one that ends with `*` begins so.
pub fn places_of_run_book() -> Vec<String> {
    let book = std::fs::read_to_string(root().join("deploy/RUNBOOK.md")).expect("the run book");
    let chapter = book.split("\n## What is in the data directory\n").nth(1).expect("its chapter");
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    let cells = chapter.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split('`').step_by(2).map(|name| name.trim_end_matches('/').to_owned()));
    names.collect()
}

/// Fails where the run book does not tell of something that lies in a data directory.
pub fn is_told_by_run_book(data: &Path) {
    let places = places_of_run_book();
    for (folder, before) in [(data.to_owned(), ""), (data.join("keys"), "keys/")] {
        for entry in std::fs::read_dir(&folder).expect("a data directory with its keys") {
            let name = format!("{before}{}", entry.expect("it can be listed").file_name().to_string_lossy());
            // What was being replaced, or had no name yet, when a process was killed.
            let unfinished = name.ends_with(".new") || name.ends_with(".unfinished") || name.ends_with(".making");
            let is_it = |place: &String| match place.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => *place == name,
            };
            assert!(
                unfinished || places.iter().any(is_it),
                "the run book does not tell of {name} in {}",
                data.display()
            );
        }
    }
}

/// Every record of a data directory's journal, in order.
pub fn records(data: &Path) -> Vec<rondo_eventlog::Record> {
    let mut records = Vec::new();
    let read = fold::<JournalError>(&data.join("journal"), Span::whole(AtDamage::Fails), |record| {
        records.push(codec::decode(record.bytes).expect("a record"));
        Ok(ControlFlow::Continue(()))
    });
    read.expect("a whole journal");
    records
}

/// Every event of every stream: who, on whose behalf, what; without positions, recorded times, salts and signatures.
///
/// What a crash of ours leaves is not compared: how often a notice was attempted before its outcome, and the manifest of a
/// release, which names the log's size and root. Within a stream events are sorted, since services write side by side.
pub fn events(data: &Path) -> BTreeMap<String, Vec<String>> {
    let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records(data) {
        if record.name == "NoticeAttempted" {
            continue;
        }
        // An attempt that a kill cut off is unknown, and is made again.
        if let rondo_domain::Event::Notice(rondo_domain::notice::NoticeEvent::NoticeUnknown { resend: true, .. }) =
            &record.event
        {
            continue;
        }
        let mut event = serde_json::to_value(&record.event).expect("an event is JSON");
        for crash_or_size in ["attempt", "manifest"] {
            if let Some(payload) = event["data"].as_object_mut() {
                payload.remove(crash_or_size);
            }
        }
        let told = format!("{} {:?} {event}", record.actor.id, record.on_behalf_of);
        streams.entry(record.stream.to_string()).or_default().push(told);
    }
    streams.values_mut().for_each(|events| events.sort());
    streams
}

/// Fails with the first differences, stream by stream.
pub fn assert_same_events(expected: &BTreeMap<String, Vec<String>>, found: &BTreeMap<String, Vec<String>>, when: &str) {
    let mut differences = Vec::new();
    let all: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let none = Vec::new();
    for stream in all {
        let (before, after) = (expected.get(stream).unwrap_or(&none), found.get(stream).unwrap_or(&none));
        if before != after {
            let missing: Vec<_> = before.iter().filter(|event| !after.contains(event)).collect();
            let new: Vec<_> = after.iter().filter(|event| !before.contains(event)).collect();
            differences.push(format!(
                "{stream}: {} events became {}\n  missing {missing:#?}\n  new {new:#?}",
                before.len(),
                after.len()
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{when} the events of {} streams differ:\n{}",
        differences.len(),
        differences.into_iter().take(5).collect::<Vec<_>>().join("\n")
    );
}

/// Each step that fired and was completed, with the positions of the two records.
pub fn steps(data: &Path) -> BTreeMap<String, (u64, u64)> {
    use rondo_domain::event::Event;
    use rondo_domain::run::RunEvent;
    let mut steps = BTreeMap::new();
    for record in records(data) {
        match &record.event {
            Event::Run(RunEvent::StepFired { occurrence, .. }) => {
                steps.insert(format!("{} {occurrence:?}", record.stream), (record.position, u64::MAX));
            }
            Event::Run(RunEvent::StepCompleted { occurrence, .. }) => {
                if let Some((_, completed)) = steps.get_mut(&format!("{} {occurrence:?}", record.stream)) {
                    *completed = record.position;
                }
            }
            _ => {}
        }
    }
    steps.retain(|_, (_, completed)| *completed < u64::MAX);
    steps
}

/// How often each Message-ID was attempted.
pub fn attempts(data: &Path) -> BTreeMap<String, u32> {
    use rondo_domain::event::Event;
    use rondo_domain::notice::NoticeEvent;
    let mut attempts = BTreeMap::new();
    for record in records(data) {
        if let Event::Notice(NoticeEvent::NoticeAttempted { message_id, .. }) = &record.event {
            *attempts.entry(message_id.clone()).or_default() += 1;
        }
    }
    attempts
}
