//! Promise 20: trouble is refused, not swallowed. A full disk and a failed sync end the process with nothing falsely
//! acknowledged; a broker that is down and a clock that was set back are said; what was refused can be asked again.
//! (A mail server that is away, hangs or refuses is in `acceptance/house/mail_server.rs`.)

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::burst::{self, burst_until, command, with_ledger, with_ledger_at};
use jiff::{SignedDuration, Timestamp};
use rondo_bus::{BusLedger, Candidate};
use rondo_eventlog::{Fault, Ledger, SubmitError};
use rondo_runtime::clock::PacedClock;
use rondo_testkit::process::{Broker, Running, free_port};
use rondo_tests::{Dice, await_server, faults, length, program};

/// Error numbers of Linux: input/output error, no space left on device.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

#[test]
fn a_full_disk_and_a_failed_sync_end_the_ledger_with_nothing_falsely_acknowledged() {
    let (rounds, mut dice) = (length(20, 200), Dice::of_this_run());
    let folder = tempfile::tempdir().unwrap();
    let library = faults(folder.path()).display().to_string();
    let (data, journal) = (folder.path().join("data"), "data/journal/00000000000000000000.journal");
    let (mut last, mut refused) = (0, 0);
    burst_until(&data, 0, 1, &[]);
    for round in 0..rounds {
        let (call, place, most, number) = [
            ("fdatasync", journal, 20, EIO),
            ("write", journal, 20, ENOSPC),
            ("write", journal, 20, EIO),
            ("write", "/data/keys/", 3, ENOSPC),
            ("write", "/data/tree/", 3, ENOSPC),
            ("pwrite", "/data/index/", 2, ENOSPC),
        ][round % 6];
        let fails = format!("{call} {place} {} {number}", 1 + dice.roll(most));
        let trace = folder.path().join(format!("trace-{round}"));
        let from = last + 64;
        let told = [
            ("LD_PRELOAD", library.clone()),
            ("RONDO_FAIL", fails.clone()),
            ("RONDO_TRACE", trace.display().to_string()),
        ];
        let before = fs::metadata(folder.path().join(journal)).unwrap().len();
        let ended = burst_until(&data, from, usize::MAX, &told);
        assert!(!ended.status.success(), "{fails}: the process ends");
        refused += ended.refused;
        let trace = fs::read_to_string(trace).unwrap_or_default();
        // What was not synced may be gone: a failed sync leaves nobody a second chance.
        let synced = trace.lines().filter_map(|line| line.strip_prefix("synced ")).next_back();
        let synced = synced.map_or(before, |line| line.rsplit(' ').next().unwrap().parse().unwrap());
        let file = fs::OpenOptions::new().write(true).open(folder.path().join(journal)).unwrap();
        file.set_len(synced).unwrap();
        fs::write(data.join("at-work"), "another start of the machine").unwrap();
        let said: Vec<usize> = trace
            .lines()
            .filter_map(|line| line.rsplit_once("acknowledged "))
            .map(|(_, n)| n.parse().unwrap())
            .collect();
        with_ledger(&data, async |ledger| {
            for n in &said {
                let answer = ledger.submit(command(*n)).await.unwrap();
                assert!(answer.repeated, "{fails}: {n} was acknowledged and is not there");
            }
        });
        last = ended.last.max(from);
    }
    let mut answered = Vec::new();
    // A disk that is full under one folder is full for the next start as well, until somebody makes room.
    for place in ["/data/keys/", "/data/tree/", "/data/index/"] {
        let call = if place == "/data/index/" { "pwrite" } else { "write" };
        let trace = folder.path().join("trace-full");
        let fails = [
            ("LD_PRELOAD", library.clone()),
            ("RONDO_FAIL", format!("{call} {place} 1 {ENOSPC}")),
            ("RONDO_TRACE", trace.display().to_string()),
        ];
        let ended = burst_until(&data, last + 64, usize::MAX, &fails);
        assert!(!ended.status.success(), "{place}: the process ends");
        last = ended.last.max(last + 64);
        let trace = fs::read_to_string(trace).unwrap_or_default();
        let said = trace.lines().filter_map(|line| line.rsplit_once("acknowledged "));
        answered.extend(said.map(|(_, n)| n.parse::<usize>().unwrap()));
        // What it could not sign is signed by the next start that can, and nothing of it is gone.
        with_ledger(&data, async |ledger| {
            for n in &answered {
                assert!(ledger.submit(command(*n)).await.unwrap().repeated, "{place}: {n} is not there");
            }
        });
        assert!(rondo_ledger::inspect::inspect(&data, None, &[]).unwrap().hashes_to_root(), "{place}");
    }
    assert!(!answered.is_empty(), "the journal had room, and what went into it was answered for");
    let found = rondo_ledger::inspect::inspect(&data, None, &[]).unwrap();
    assert!(found.damage.is_none(), "{found:?}");
    with_ledger(&data, async |ledger| assert!(ledger.submit(command(last + 64)).await.is_ok()));
    assert!(rondo_ledger::inspect::inspect(&data, None, &[]).unwrap().hashes_to_root(), "room was made");
    assert!(refused > 0, "those whose group failed are told so");
    eprintln!("{rounds} failures of the disk, {refused} answered by an error, 0 falsely acknowledged");
}

fn rondo(data: &str, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program());
    command.args(["--data", data]).args(args).envs(environment.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails where a line has not the form of the log, or names a folder of the machine that built the program.
fn is_of_one_form(told: &str) {
    for line in told.lines() {
        let (at, rest) = line.split_once(' ').unwrap_or_default();
        let level = rest.trim_start().split(' ').next().unwrap_or_default();
        assert!(at.parse::<Timestamp>().is_ok() && ["INFO", "WARN", "ERROR"].contains(&level), "{line}");
        assert!(!line.contains("/registry/") && !line.contains("/rustc/"), "{line}");
    }
}

#[test]
fn what_the_store_says_of_a_full_disk_is_said_in_the_form_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (library, log) = (faults(folder.path()), folder.path().join("said"));
    let data = folder.path().join("data");
    let started = |fails: &[(&str, &str)], says: Stdio| {
        let mut command = Command::new(program());
        command.arg("--data").arg(&data).args(["up", "--listen", "127.0.0.1:0"]).envs(fails.iter().copied());
        let server = Running::start("rondo up", command.stdout(Stdio::null()).stderr(says));
        await_server(&data);
        server
    };
    let ended = |mut server: Running| {
        assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
        server.wait(30);
    };
    // A store that is there is opened with one write.
    ended(started(&[], Stdio::null()));
    let full = format!("pwrite /index/ 2 {ENOSPC}");
    let fails = [("LD_PRELOAD", library.to_str().unwrap()), ("RONDO_FAIL", &full)];
    let server = started(&fails, fs::File::create(&log).unwrap().into());
    let grant = rondo(&data.display().to_string(), &["person", "grant", "anna", "auditor"], &[]);
    assert!(grant.status.success(), "the journal has room: {}", said(&grant));
    // Asked to end, it brings the store to the device at the latest.
    ended(server);
    let told = fs::read_to_string(&log).unwrap();
    assert!(told.contains(" ledger: ") && told.contains(" by=sled"), "{told}");
    is_of_one_form(&told);
}

#[test]
fn a_server_whose_disk_fails_ends_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let library = faults(folder.path());
    drop(burst::open(Path::new(&data)).unwrap());
    assert!(rondo(&data, &["person", "grant", "anna", "auditor"], &[]).status.success());
    for (who, fails, words) in [
        ("bo", "fdatasync .journal 2 5", ["cannot sync", "Input/output error"]),
        ("carl", "write .journal 1 28", ["cannot write to", "No space left on device"]),
    ] {
        let port = free_port();
        let log = folder.path().join("said");
        let mut command = Command::new(program());
        command.args(["up", "--data", &data, "--listen", &format!("127.0.0.1:{port}")]);
        command.env("LD_PRELOAD", &library).env("RONDO_FAIL", fails);
        command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
        let mut server = Running::start("rondo up", &mut command);
        await_server(Path::new(&data));
        let grant = ["person", "grant", who, "auditor"];
        let refused = rondo(&data, &grant, &[]);
        assert!(!refused.status.success(), "{fails}: it was not recorded");
        let answer = said(&refused);
        let doubtful = ["could not be written", "stopped", "Nobody knows whether it was recorded"];
        assert!(doubtful.iter().any(|doubt| answer.contains(doubt)), "{refused:?}");
        assert!(!server.wait(20).success(), "{fails}: the server ends");
        let told = fs::read_to_string(&log).unwrap();
        assert!(words.iter().all(|words| told.contains(words)), "{fails}: {told}");
        is_of_one_form(&told);
        // After a failed sync the bytes may stand in the machine's memory alone: they are synced again before they count.
        let environment = [("LD_PRELOAD", library.to_str().unwrap()), ("RONDO_FAIL", "fdatasync .journal 1 5")];
        let refused = rondo(&data, &grant, &environment);
        assert!(!refused.status.success() && said(&refused).contains("sync"), "{fails}: {refused:?}");
        assert!(rondo(&data, &grant, &[]).status.success(), "{fails}: asked again it is taken");
        let people = String::from_utf8(rondo(&data, &["person", "list", "--output", "csv"], &[]).stdout).unwrap();
        assert!(people.contains("anna") && people.contains(who), "{people}");
    }
    assert!(rondo(&data, &["audit", "verify"], &[]).status.success());
}

#[test]
fn a_file_that_cannot_be_stored_is_not_spoken_of() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let library = faults(folder.path()).display().to_string();
    drop(burst::open(Path::new(&data)).unwrap());
    assert!(rondo(&data, &["person", "grant", "coordinator", "regional-coordinator"], &[]).status.success());
    let before = fs::read(Path::new(&data).join("journal/00000000000000000000.journal")).unwrap();
    let plan = ["round", "plan", "ilms-asean", "--year", "2026", "--late", "--as", "coordinator"];
    for fails in ["fsync /files/ 1 5", "write /files/ 1 28", "fsync /files/ 2 5"] {
        let environment = [("LD_PRELOAD", library.as_str()), ("RONDO_FAIL", fails)];
        let refused = rondo(&data, &plan, &environment);
        assert_eq!(refused.status.code(), Some(1), "{fails}: {}", said(&refused));
        assert!(said(&refused).contains("cannot "), "{}", said(&refused));
        let after = fs::read(Path::new(&data).join("journal/00000000000000000000.journal")).unwrap();
        assert_eq!(before, after, "{fails}: nothing was recorded");
    }
    let planned = rondo(&data, &plan, &[]);
    assert!(planned.status.success(), "{}", said(&planned));
    let out = folder.path().join("export");
    let export = ["audit", "export", "--out", &out.display().to_string()];
    for fails in 1..=4 {
        let full = format!("write /export/ {fails} 28");
        let environment = [("LD_PRELOAD", library.as_str()), ("RONDO_FAIL", &full)];
        let refused = rondo(&data, &export, &environment);
        assert_eq!(refused.status.code(), Some(1), "{full}: {}", said(&refused));
        assert!(said(&refused).contains("cannot write") && said(&refused).contains("export"), "{}", said(&refused));
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "{full}: half an export is in nobody's way");
    }
    assert!(rondo(&data, &export, &[]).status.success());
}

/// Sends a part of a file to a server as the command line does, and says whether it was taken.
async fn sent(data: &Path, bytes: &[u8], offset: usize, end: usize) -> bool {
    let announced: serde_json::Value = serde_json::from_slice(&fs::read(data.join("server.json")).unwrap()).unwrap();
    let (url, token) = (announced["url"].as_str().unwrap(), announced["token"].as_str().unwrap());
    let hash = rondo_domain::FileHash::of(bytes);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client.put(format!("{url}/port/files/{hash}")).bearer_auth(token);
    let asked = asked.query(&[("offset", offset), ("total", bytes.len())]).body(bytes[offset..end].to_vec());
    asked.send().await.unwrap().status().is_success()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_received_file_whose_sync_failed_is_sent_again_from_its_beginning_before_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let library = faults(folder.path());
    drop(burst::open(&data).unwrap());
    // The file itself, its folder, the folder of all files.
    for nth in 1..=3 {
        let file: Vec<u8> = (0..900_000u32).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 24) as u8 ^ nth as u8).collect();
        let (half, end) = (500_000, file.len());
        let trace = folder.path().join(format!("trace-{nth}"));
        let mut command = Command::new(program());
        command.args(["up", "--listen", &format!("127.0.0.1:{}", free_port()), "--data"]).arg(&data);
        command.env("LD_PRELOAD", &library).env("RONDO_FAIL", format!("fsync /files {nth} 5 1"));
        command.env("RONDO_TRACE", &trace).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Running::start("rondo up", &mut command);
        await_server(&data);
        assert!(sent(&data, &file, 0, half).await);
        assert!(!sent(&data, &file, half, end).await, "{nth}: its sync failed");
        assert!(!sent(&data, &file, half, end).await, "{nth}: the last part alone does not bring back the first one");
        assert!(
            sent(&data, &file, 0, half).await && sent(&data, &file, half, end).await,
            "{nth}: sent again it counts"
        );
        server.kill();
        fs::remove_file(data.join("server.json")).unwrap();
        let trace = fs::read_to_string(&trace).unwrap();
        let after = trace.split("failed ").last().unwrap();
        let wrote = |line: &str| line.strip_prefix("wrote ").map(|size| size.parse::<usize>().unwrap());
        assert!(after.lines().filter_map(wrote).sum::<usize>() >= end, "{nth}: all of it was written anew: {after}");
        assert!(after.lines().filter(|line| line.starts_with("kept ")).count() >= 3, "{nth}: and synced: {after}");
        let hash = rondo_domain::FileHash::of(&file).to_string();
        assert_eq!(fs::read(data.join("files").join(&hash[..2]).join(&hash)).unwrap(), file);
    }
}

#[test]
fn a_clock_that_was_set_back_is_said_and_time_in_the_log_does_not_run_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    with_ledger_at(&data, Arc::new(PacedClock::new(noon)), async |ledger| ledger.submit(command(0)).await.unwrap());
    let clock = PacedClock::new(noon - SignedDuration::from_hours(1));
    with_ledger_at(&data, Arc::new(clock.clone()), async |ledger| {
        match ledger.submit(command(1)).await {
            Err(SubmitError::Fault(fault @ Fault::NotNow(_))) => {
                assert!(fault.is_passing(), "it is asked again");
                assert!(fault.to_string().contains("stands at 2026-03-02T11:00:00Z"), "{fault}");
            }
            other => panic!("an hour back: {other:?}"),
        }
        assert_eq!(ledger.head().await.unwrap().size, 1, "nothing was recorded");
        assert!(ledger.submit(command(0)).await.unwrap().repeated, "an answer that was given is given again");
        clock.advance(noon - SignedDuration::from_secs(3));
        ledger.submit(command(1)).await.expect("a few seconds trouble nobody");
        clock.advance(noon + SignedDuration::from_secs(1));
        ledger.submit(command(2)).await.unwrap();
        let times: Vec<Timestamp> = ledger.read(0, 10).await.unwrap().iter().map(|record| record.recorded_at).collect();
        assert_eq!(times, [noon, noon, noon + SignedDuration::from_secs(1)]);
    });
}

#[test]
fn a_clock_that_ran_ahead_by_years_records_nothing_until_somebody_says_that_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    with_ledger_at(&data, Arc::new(PacedClock::new(noon)), async |ledger| ledger.submit(command(0)).await.unwrap());
    let later: Timestamp = "2031-03-02T12:00:00Z".parse().unwrap();
    with_ledger_at(&data, Arc::new(PacedClock::new(later)), async |ledger| {
        let refused = ledger.submit(command(1)).await.unwrap_err();
        assert!(refused.is_passing(), "it is asked again");
        assert!(refused.to_string().contains("stands at 2031-03-02T12:00:00Z, more than a year after"), "{refused}");
        assert_eq!(ledger.head().await.unwrap().size, 1, "nothing was recorded");
        let today = "2026-03-03".parse().unwrap();
        let other = rondo_ledger::time::confirm(&data, today, later).unwrap_err();
        assert!(other.to_string().contains("you say that it is 2026-03-03"), "{other}");
        assert!(ledger.submit(command(1)).await.is_err());
        rondo_ledger::time::confirm(&data, "2031-03-02".parse().unwrap(), later).unwrap();
        assert_eq!(ledger.submit(command(1)).await.unwrap().count, 1);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_is_said_and_a_command_asked_again_acts_once() {
    let folder = tempfile::tempdir().unwrap();
    let opened = burst::open(&folder.path().join("data")).unwrap();
    let ledger = Arc::new(opened.handle.clone());
    let mut broker = Broker::start(None);
    let port: u16 = broker.url.rsplit(':').next().unwrap().parse().unwrap();
    let serving = rondo_bus::connect(&broker.address(), "ledger", None).await.unwrap();
    let sure = Some(serving.server_info().server_id);
    let by = Candidate { instance: "one".to_owned(), origin: opened.origin().to_owned(), led_on: sure };
    let has = rondo_bus::claim(serving.clone(), ledger.clone(), by).await.unwrap();
    let served = tokio::spawn(rondo_bus::serve(serving, ledger.clone(), has));
    let far = BusLedger::new(rondo_bus::connect(&broker.address(), "operator", None).await.unwrap(), "operator")
        .await
        .unwrap();
    acknowledged(&far, 0).await;
    broker.process.kill();
    match far.submit(command(1)).await {
        Err(SubmitError::Fault(fault)) => assert!(fault.is_passing(), "{fault}"),
        other => panic!("without a broker: {other:?}"),
    }
    assert_eq!(ledger.head().await.unwrap().size, 1, "what could not be carried was not recorded");
    let _again = Broker::start_at(port, None);
    acknowledged(&far, 1).await;
    assert!(far.submit(command(1)).await.unwrap().repeated);
    assert_eq!(ledger.head().await.unwrap().size, 2);
    served.abort();
}

/// Asks until the ledger answers, as the services' patience does.
async fn acknowledged(ledger: &dyn Ledger, n: usize) {
    for _ in 0..200 {
        match ledger.submit(command(n)).await {
            Ok(_) => return,
            Err(SubmitError::Fault(fault)) if fault.is_passing() => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the ledger does not answer");
}
