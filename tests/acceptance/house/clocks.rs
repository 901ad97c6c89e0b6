//! Clocks that are wrong: nothing that cannot be undone happens by a clock that nobody vouches for, nothing from the future shuts
//! the log, and a log that was off for a week goes on by itself where the clock is synchronised.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use rondo_runtime::clock::{Clock, SystemClock};
use rondo_runtime::config::MailSection;
use rondo_testkit::process::Running;
use rondo_tests::{await_server, faults, program};
use serde_json::Value;

use crate::fixture::House;

/// A data directory, and a machine whose clock the test sets.
struct Machine {
    data: PathBuf,
    folder: tempfile::TempDir,
    library: PathBuf,
    synchronised: bool,
}

impl Machine {
    /// With a round that is under way and whose last record is of this instant.
    async fn with_round(at: &str) -> Self {
        let house = House::with_mail(MailSection::default()).await;
        house.move_to(at).await;
        let (data, folder) = house.leave().await;
        let library = faults(folder.path());
        let machine = Self { data, folder, library, synchronised: false };
        machine.set(at);
        machine
    }

    fn offset(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Sets the clock.
    fn set(&self, at: &str) {
        let at: Timestamp = at.parse().unwrap();
        let ahead = at.duration_since(SystemClock.now()).as_secs();
        let beside = self.offset().with_extension("new");
        std::fs::write(&beside, ahead.to_string()).unwrap();
        std::fs::rename(beside, self.offset()).unwrap();
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        // What a service tries and cannot do is told at this level alone.
        let page = self.folder.path().join("page.toml");
        std::fs::write(&page, "[log]\nfilter = \"warn,rondo_runtime=debug\"\n").unwrap();
        command.arg("--config").arg(&page).arg("--data").arg(&self.data).args(args);
        command.env("LD_PRELOAD", &self.library).env("RONDO_CLOCK", self.offset());
        if self.synchronised {
            command.env("RONDO_SYNCHRONISED", "1");
        }
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.program(args).output().unwrap()
    }

    fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the server, and gives what it says to standard error.
    fn up(&self) -> (Running, PathBuf) {
        let _ = std::fs::remove_file(self.data.join("server.json"));
        let log = self.folder.path().join("said");
        let mut command = self.program(&["up", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
        let running = Running::start("rondo up", &mut command);
        await_server(&self.data);
        (running, log)
    }

    /// The alarms of the running server, as one text.
    fn alarms(&self) -> String {
        let announced: Value = serde_json::from_slice(&std::fs::read(self.data.join("server.json")).unwrap()).unwrap();
        let address = announced["url"].as_str().unwrap().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let health: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        health["alarms"].to_string()
    }

    /// The records of events of this name, as `audit search` finds them; none where there has never been one.
    fn events(&self, name: &str) -> Vec<Value> {
        let found = self.run(&["audit", "search", "--event", name, "--output", "json"]);
        let told: Value = serde_json::from_slice(&found.stdout).unwrap_or_default();
        told["records"].as_array().cloned().unwrap_or_default()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn end(mut running: Running) {
    let id = running.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    running.wait(30);
}

/// Waits until something holds; a minute at the most.
fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..300 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("it does not come to this: {what}");
}

/// Every record of a log that is at rest, as it is stored.
fn records(data: &Path) -> Vec<Value> {
    rondo_tests::records(data).iter().map(|record| serde_json::from_slice(&record.bytes).unwrap()).collect()
}

const PAUSE: [&str; 7] = ["round", "pause", "ilms-asean-2025", "--reason", "wait", "--as", "coordinator"];
const RESUME: [&str; 7] = ["round", "resume", "ilms-asean-2025", "--reason", "on", "--as", "coordinator"];
const CLOSE: [&str; 5] = ["round", "close", "ilms-asean-2025", "--as", "coordinator"];

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_months_ahead_closes_nothing_until_the_day_is_said_and_records_from_the_future_have_a_way_out() {
    let machine = Machine::with_round("2025-10-16T00:00:00Z").await;
    let names = |all: &[Value], name: &str| all.iter().filter(|record| record["event"]["name"] == name).count();
    let before = records(&machine.data);
    let (mailed, fired) = (names(&before, "NoticeAttempted"), names(&before, "StepFired"));
    assert!(mailed > 0 && fired > 0, "the round is under way");
    machine.set("2026-08-07T00:00:00Z");
    let told = String::from_utf8(machine.run(&["doctor"]).stdout).unwrap();
    assert!(
        told.contains("\nlook: ") && !told.contains("\nok: The clock"),
        "whether it is right, a person knows: {told}"
    );
    let (up, log) = machine.up();
    until("it is an alarm", || machine.alarms().contains("days after the last record"));
    assert!(std::fs::read_to_string(&log).unwrap().contains("rondo audit clock --today"), "up says the way");
    let refused = machine.run(&CLOSE);
    assert_eq!(refused.status.code(), Some(75), "{}", said(&refused));
    assert!(said(&refused).contains("rondo audit clock --today"), "{}", said(&refused));
    // What can be undone goes on, with the time of the last record, and says so.
    machine.done(&PAUSE);
    machine.done(&RESUME);
    let waits = || std::fs::read_to_string(&log).unwrap().contains("what cannot be undone waits");
    until("a step was tried and refused", waits);
    end(up);
    let all = records(&machine.data);
    assert!(
        all.iter().all(|record| record["recorded_at"].as_str().unwrap() < "2025-10-17"),
        "nothing is of the future"
    );
    let stood: Vec<&Value> = all.iter().filter(|record| !record["clock"].is_null()).collect();
    assert!(stood.len() >= 2 && stood.iter().all(|record| record["clock"].as_str().unwrap() > "2026-08"), "{stood:?}");
    assert_eq!((names(&all, "RoundClosed"), names(&all, "StepFired")), (0, fired), "nothing fires");
    assert_eq!(names(&all, "NoticeAttempted"), mailed, "no mail has left since");
    // Somebody says that it is that day: what is overdue happens.
    machine.done(&["audit", "clock", "--today", "2026-08-07"]);
    let (up, _) = machine.up();
    until("the round is closed", || !machine.events("RoundClosed").is_empty());
    until("what was overdue fires", || machine.events("StepFired").len() > fired);
    end(up);
    // It was the wrong clock all the same, and is set right: the log is ahead of it by months.
    machine.set("2025-10-20T03:00:00Z");
    let doctor = machine.run(&["doctor"]);
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(told.contains("before the last record of 2026-08-07") && told.contains("rondo audit clock"), "{told}");
    let (up, log) = machine.up();
    until("it is an alarm", || machine.alarms().contains("before the last record of 2026-08-07"));
    assert!(std::fs::read_to_string(&log).unwrap().contains("Time in the log then stands still"), "up says the way");
    let refused = machine.run(&PAUSE);
    assert_eq!(refused.status.code(), Some(75), "{}", said(&refused));
    machine.done(&["audit", "clock", "--today", "2025-10-20"]);
    machine.done(&PAUSE);
    until("it is no alarm any more", || !machine.alarms().contains("before the last record"));
    end(up);
    let last = records(&machine.data).pop().unwrap();
    assert!(last["recorded_at"].as_str().unwrap().starts_with("2026-08-07"), "{last}");
    assert!(last["clock"].as_str().unwrap().starts_with("2025-10-20T03"), "{last}");
    // The next start asks nobody again: the last record tells what the clock showed.
    machine.set("2025-10-21T03:00:00Z");
    machine.done(&RESUME);
    machine.done(&["audit", "verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_of_the_clock_says_nothing_of_one_that_stands_before_a_later_record() {
    let machine = Machine::with_round("2025-10-16T00:00:00Z").await;
    machine.set("2025-10-16T05:00:00Z");
    machine.done(&["audit", "clock", "--today", "2025-10-16"]);
    machine.done(&PAUSE);
    // The machine went down, and comes back with a clock that is hours behind.
    machine.set("2025-10-15T20:00:00Z");
    let doctor = machine.run(&["doctor"]);
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(told.contains("before the last record of 2025-10-16"), "{told}");
    let (up, _) = machine.up();
    until("it is an alarm", || machine.alarms().contains("before the last record of 2025-10-16"));
    let refused = machine.run(&RESUME);
    assert_eq!(refused.status.code(), Some(75), "{}", said(&refused));
    // Said once more, it is believed; that time stands still is an alarm all the same.
    machine.done(&["audit", "clock", "--today", "2025-10-15"]);
    machine.done(&RESUME);
    until("time stands still", || machine.alarms().contains("Time in the log stands still at 2025-10-16"));
    end(up);
    let doctor = machine.run(&["doctor"]);
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success() && told.contains("\nlook: Time in the log stands still at 2025-10-16"), "{told}");
    let last = records(&machine.data).pop().unwrap();
    assert!(last["clock"].as_str().unwrap().starts_with("2025-10-15T20"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_off_for_two_weeks_goes_on_by_itself_where_the_clock_is_synchronised() {
    let mut machine = Machine::with_round("2025-10-16T00:00:00Z").await;
    machine.synchronised = true;
    machine.set("2025-11-03T03:00:00Z");
    let (up, log) = machine.up();
    until("what was due meanwhile is caught up", || {
        machine.events("StepFired").iter().any(|record| record["recorded_at"].as_str().unwrap() > "2025-11-03")
    });
    assert!(!std::fs::read_to_string(&log).unwrap().contains("audit clock"));
    // Set by hours while it runs, by somebody and not by whoever keeps it synchronised.
    end(up);
    machine.synchronised = false;
    machine.set("2025-11-03T05:00:00Z");
    let (up, _) = machine.up();
    machine.done(&PAUSE);
    machine.set("2025-11-03T12:00:00Z");
    until("it is an alarm", || machine.alarms().contains("was set forward by 4"));
    let refused = machine.run(&CLOSE);
    assert_eq!(refused.status.code(), Some(75), "{}", said(&refused));
    machine.set("2025-11-03T05:01:00Z");
    until("it is no alarm any more", || !machine.alarms().contains("was set forward"));
    // Set once more, and this time it is right: one word lets every role go on.
    machine.set("2025-11-04T05:00:00Z");
    until("it is an alarm of each role", || {
        ["The clock of the ledger", "The scheduler waits", "The reminder waits"]
            .iter()
            .all(|who| machine.alarms().contains(who))
    });
    machine.done(&["audit", "clock", "--today", "2025-11-04"]);
    until("no role waits any more", || !machine.alarms().contains("was set forward"));
    machine.done(&CLOSE);
    end(up);
}
