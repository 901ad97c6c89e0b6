//! Where the log, the register or the server is elsewhere: what is so is said, nothing is made, and nothing is told as done.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rondo_testkit::process::{Running, free_port};
use rondo_tests::{await_server, program, records, refused, run};
use serde_json::Value;

/// A folder with what a gateway leaves in it: the announcement of a server at this address.
fn gateway(folder: &Path, address: &str) -> PathBuf {
    let data = folder.join("gateway");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("server.json"), format!("{{\"url\":\"http://{address}\",\"token\":\"secret\"}}")).unwrap();
    data
}

/// Somebody at an address who gives everybody this answer; with none, takes connections and says nothing.
fn answering(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if let Some(answer) = answer {
                let _ = stream.read(&mut [0; 4_096]);
                let _ = stream.write_all(answer.as_bytes());
            } else {
                kept.push(stream);
            }
        }
    });
    address
}

const AWAY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"kind\":\"unreachable\",\"what\":\"no ledger is there\"}\r\n";
const BROKEN: &str = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\nno\r\n";
const STRANGER: &str = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno\r\n";

#[test]
fn a_server_that_does_not_reach_its_log_is_not_taken_for_a_log_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("127.0.0.1:{}", free_port());
    for (address, status, words) in [
        (nobody, 75, "no server answers"),
        (answering(None), 75, "no server answers"),
        (answering(Some(AWAY)), 75, "no ledger is there"),
        (answering(Some(BROKEN)), 75, "502"),
        (answering(Some(STRANGER)), 75, "404"),
    ] {
        let data = gateway(folder.path(), &address);
        for verb in [&["round", "list"][..], &["person", "grant", "x", "validator"]] {
            let done = run(&data, verb);
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(done.status.code(), Some(status), "{address} {verb:?}: {told}");
            assert!(told.contains(words) && !told.contains("rondo up"), "{address} {verb:?}: {told}");
        }
        // Verbs that look at the directory itself say where the log is, and do not advise another one.
        for verb in [
            &["doctor"][..],
            &["backup", "--out", "/nowhere"],
            &["audit", "verify"],
            &["audit", "continue", "--reason", "x"],
        ] {
            let done = run(&data, verb);
            let told = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            assert!(!done.status.success(), "{verb:?}: {told}");
            assert!(told.contains("the ledger's directory") && !told.contains("makes a new one"), "{verb:?}: {told}");
        }
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1, "nothing was made in it");
    }
}

#[test]
fn whoever_else_answers_where_a_killed_server_did_does_not_keep_anybody_from_the_log() {
    let (_folder, data) = super::copy();
    let announced = |address: &str| format!("{{\"url\":\"http://{address}\",\"token\":\"secret\"}}");
    let place = Path::new(&data).join("server.json");
    for answer in [STRANGER, "SSH-2.0-OpenSSH_9.2\r\n"] {
        std::fs::write(&place, announced(&answering(Some(answer)))).unwrap();
        assert!(run(&data, &["round", "list"]).status.success(), "{answer}");
    }
    // Our own server that does not reach its log is not gone past.
    std::fs::write(&place, announced(&answering(Some(AWAY)))).unwrap();
    refused(&data, &["round", "list"], 75, "no ledger is there");
}

/// A server on a log, with somebody who holds a role, and its address.
pub fn served(data: &Path) -> (Running, String) {
    let mut command = Command::new(program());
    command.arg("--data").arg(data).args(["up", "--listen", "127.0.0.1:0"]);
    let server = Running::start("rondo up", command.stdout(Stdio::null()).stderr(Stdio::null()));
    await_server(data);
    assert!(run(data, &["person", "grant", "lao-one", "focal-point", "--country", "LAO"]).status.success());
    let announced: Value = serde_json::from_slice(&std::fs::read(data.join("server.json")).unwrap()).unwrap();
    (server, announced["url"].as_str().unwrap().to_owned())
}

#[test]
fn the_register_is_written_and_forgotten_where_the_reminder_reads_it_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (mut server, url) = served(&log);
    let token = log.join("server.json").display().to_string();
    let gateway = gateway(folder.path(), url.trim_start_matches("http://"));
    let add = ["person", "add", "lao-one", "--name", "Boua Khai", "--email", "boua@example.org"];
    let erase = ["person", "erase", "lao-one", "--reason", "asked for it"];
    let over = ["--server", &url, "--token-file", &token];
    refused(&gateway, &add, 5, "beside the reminder");
    refused(&gateway, &[&over[..], &erase].concat(), 5, "nothing was changed or recorded");
    refused(&gateway, &[&over[..], &["reminder", "unclear"]].concat(), 5, "beside the reminder");
    assert!(!gateway.join("people.toml").exists(), "a register that nobody reads is not made");
    let listed = |names: &str| String::from_utf8(run(&log, &["person", "list"]).stdout).unwrap().contains(names);
    assert!(listed("lao-one"), "what was refused is not recorded");
    // The reminder's directory: a register, and no log.
    let reminder = folder.path().join("reminder");
    std::fs::create_dir_all(reminder.join("inbox/done")).unwrap();
    std::fs::write(reminder.join("people.toml"), "").unwrap();
    std::fs::write(reminder.join("inbox/done/1"), "From: boua@example.org\n\nhello").unwrap();
    assert!(run(&reminder, &add).status.success(), "no log is needed");
    let register = || std::fs::read_to_string(reminder.join("people.toml")).unwrap();
    assert!(register().contains("boua@example.org"));
    let elsewhere = ["--server", "http://127.0.0.1:1", "--token-file", &token];
    refused(&reminder, &[&elsewhere[..], &["round", "list"]].concat(), 2, "holds the token for http://127.0.0.1:");
    let done = run(&reminder, &[&over[..], &erase].concat());
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && told.contains("1 mails"), "{told}{done:?}");
    assert!(!register().contains("boua") && !reminder.join("inbox/done/1").exists() && !listed("lao-one"));
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    assert!(server.wait(30).success());
    assert!(records(&log).iter().any(|record| record.name == "PersonErased"));
}

#[test]
fn whoever_was_in_no_register_is_not_said_to_be_forgotten_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, _) = served(folder.path());
    let done = run(folder.path(), &["person", "erase", "lao-one", "--reason", "asked for it"]);
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && told.contains("had no entry of theirs"), "{told}");
    assert!(!told.contains("forgets the name"), "{told}");
}

#[test]
fn a_log_beside_a_ledger_of_a_broker_is_no_place_for_a_register() {
    let (_folder, data) = super::copy();
    let place = Path::new(&data);
    std::fs::remove_file(place.join("people.toml")).unwrap();
    let add = ["person", "add", "lao-one", "--name", "Boua Khai", "--email", "boua@example.org"];
    let before = records(place).len();
    // Whatever else lies there: one that was restored, moved or tidied up has no mark of the broker.
    for marked in [true, false] {
        if marked {
            std::fs::write(place.join("led-on"), "a broker").unwrap();
        } else {
            std::fs::remove_file(place.join("led-on")).unwrap();
        }
        refused(&data, &add, 5, "beside the reminder");
        refused(&data, &["person", "erase", "lao-focal", "--reason", "x"], 5, "/var/lib/rondo-reminder");
        // The way that is named works: it is root who may read both.
        refused(&data, &["reminder", "unclear"], 5, "as root: rondo --data /var/lib/rondo-reminder --server");
    }
    assert!(records(place).len() == before && !place.join("people.toml").exists(), "nothing is recorded or made");
    // Where one process is every role, its start makes the register.
    let (_server, _) = served(place);
    assert!(run(&data, &add).status.success() && place.join("people.toml").exists());
}

#[test]
fn no_other_log_is_made_where_a_role_of_six_is() {
    let folder = tempfile::tempdir().unwrap();
    let [stopped, killed, reminder] = ["stopped", "killed", "reminder"].map(|name| folder.path().join(name));
    for (data, mark) in [(&stopped, "role"), (&killed, "server.json"), (&reminder, "role")] {
        std::fs::create_dir_all(data).unwrap();
        let role = if data == &reminder { "reminder\n" } else { "gateway\n" };
        std::fs::write(data.join(mark), role).unwrap();
    }
    for verb in [&["round", "list"][..], &["person", "grant", "ghost", "validator"]] {
        refused(&stopped, verb, 75, "the gateway is stopped");
        refused(&killed, verb, 75, "the gateway is stopped");
        refused(&reminder, verb, 5, "which the reminder has");
    }
    let backup = folder.path().join("backup").display().to_string();
    let (_whole, whole) = super::copy();
    assert!(run(&whole, &["backup", "--out", &backup]).status.success());
    for data in [&stopped, &killed, &reminder] {
        refused(data, &["up", "--listen", "127.0.0.1:0"], 6, "of six services, and no log was made in it");
        refused(data, &["up", "--demo", "--until-done", "--pace", "0"], 6, "of six services");
        refused(data, &["restore", "--from", &backup], 6, "of six services");
        for verb in [&["round", "list"][..], &["doctor"], &["audit", "verify"], &["backup", "--out", "/nowhere"]] {
            let done = run(data, verb);
            let told = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            assert!(!done.status.success() && !told.contains("makes a new one"), "{verb:?}: {told}");
        }
        assert_eq!(std::fs::read_dir(data).unwrap().count(), 1, "nothing was made in it");
    }
    // The names of the run book tell it too; anywhere else a new one is what is wanted.
    refused(folder.path().join("rondo-gateway"), &["round", "list"], 75, "the gateway is stopped");
    refused(folder.path().join("rondo-scheduler"), &["round", "list"], 5, "which the scheduler has");
    refused(folder.path().join("rondo"), &["round", "list"], 5, "`rondo up` makes a new one");
}

#[test]
fn a_test_mail_without_a_mail_server_is_said_to_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let done = run(folder.path(), &["mail", "test", "--to", "you@example.org"]);
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success() && told.contains("No mail server is set") && told.contains("written as a file"),
        "{told}"
    );
    assert_eq!(std::fs::read_dir(folder.path().join("mail")).unwrap().count(), 1, "{told}");
}

#[test]
fn one_older_copy_is_one_trouble_whoever_speaks_of_it() {
    let (_folder, data) = super::copy();
    let word =
        |role: &str, size: u64| serde_json::json!({"by": {"role": role}, "size": size, "says": "was shown more"});
    let words: Vec<Value> =
        [("scheduler", 9_001), ("reminder", 9_002), ("validator", 9_000)].map(|(r, n)| word(r, n)).to_vec();
    std::fs::write(Path::new(&data).join("disputed"), serde_json::json!({ "words": words }).to_string()).unwrap();
    let told = String::from_utf8(run(&data, &["doctor"]).stdout).unwrap();
    let troubles: Vec<&str> = told.lines().filter(|line| line.starts_with("TROUBLE")).collect();
    assert_eq!(troubles.len(), 1, "{told}");
    let one = troubles[0];
    assert!(
        one.contains("scheduler, reminder, validator") && one.contains("9002") && one.contains("continue"),
        "{one}"
    );
}

#[test]
fn the_doctor_says_what_somebody_has_to_look_at() {
    let (_folder, data) = super::copy();
    let told = || {
        let done = run(&data, &["doctor", "--output", "json"]);
        (done.status.code(), serde_json::from_slice::<Value>(&done.stdout).unwrap())
    };
    let (status, whole) = told();
    assert_eq!((status, &whole["look"]), (Some(0), &serde_json::json!([])), "{whole}");
    std::fs::remove_file(Path::new(&data).join("people.toml")).unwrap();
    let (status, without) = told();
    let look = without["look"][0].as_str().unwrap();
    assert_eq!((status, &without["trouble"]), (Some(0), &serde_json::json!([])), "it may be elsewhere: {without}");
    assert!(look.contains("no register of people is here") && look.contains("lao-focal"), "{without}");
    assert!(!without["ok"].to_string().contains("register"), "{without}");
    let table = String::from_utf8(run(&data, &["doctor"]).stdout).unwrap();
    assert!(table.contains("\nlook: no register of people is here"), "{table}");
}

#[test]
fn the_run_book_says_of_every_verb_as_whom_it_is_given_with_six_services() {
    let book = std::fs::read_to_string(rondo_tests::root().join("deploy/RUNBOOK.md")).unwrap();
    let chapter = book.split("\n## Commands with six services\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let help = String::from_utf8(Command::new(program()).arg("--help").output().unwrap().stdout).unwrap();
    let verbs = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
    let verbs: Vec<&str> = verbs.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert!(verbs.contains(&"round") && verbs.contains(&"doctor"), "{verbs:?}");
    // What makes the roles themselves is none of it.
    let told = |verb: &&str| ["", "up", "run", "help"].contains(verb) || chapter.contains(&format!("`{verb}"));
    let untold: Vec<&&str> = verbs.iter().filter(|verb| !told(verb)).collect();
    assert!(untold.is_empty(), "{untold:?}");
}
