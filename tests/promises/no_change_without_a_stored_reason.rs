//! Promise 10: no change without a stored reason. Every route by which a figure or a decision can change is tried without one
//! and with a blank one: the command line, the port over HTTP, the files that are sent; all are refused and nothing is
//! recorded. (Every wish of the domain is tried in `acceptance/rights`.) Every reason that was given is in every export.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rondo_domain::event::Event;
use rondo_domain::figure::{CellKey, CellWish, Evidence, FigureValue, FiguresCommand, FiguresEvent, Sex, SheetKey};
use rondo_domain::{FileHash, Reason, ReasonCode, Wish};
use rondo_eventlog::codec;
use rondo_eventlog::merkle::tile;
use rondo_tests::{await_server, program, root};
use serde_json::{Value, json};

fn rondo(data: &Path, args: &[&str]) -> Output {
    Command::new(program()).arg("--data").arg(data).args(args).output().unwrap()
}

fn told(data: &Path, args: &[&str]) -> String {
    let done = rondo(data, args);
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn asked(data: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&told(data, &[args, &["--output", "json"][..]].concat())).unwrap()
}

/// A demonstration that was played to its end.
fn played(folder: &Path) -> std::path::PathBuf {
    let data = folder.join("data");
    told(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    data
}

fn journal(data: &Path) -> Vec<u8> {
    fs::read(data.join("journal/00000000000000000000.journal")).unwrap()
}

#[test]
fn every_verb_that_changes_a_figure_or_a_decision_asks_for_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let data = played(folder.path());
    let before = journal(&data);
    let round = "ilms-asean-2025";
    let query = asked(&data, &["query", "list", round]);
    let query = query["queries"][0]["query"].as_str().unwrap().to_owned();
    let notice = asked(&data, &["reminder", "list"]);
    let notice = notice["reminders"][0]["id"].as_str().unwrap().to_owned();
    let published = folder.path().join("published.csv");
    let row = "LAO,FX:1,MNA_OEMP_SEX_CDS_NB,SEX_F,CDS_DES_KOR,,2001,1.5,";
    let head = "ref_area,source,indicator,sex,classif1,classif2,time,obs_value,obs_status";
    fs::write(&published, format!("{head}\n{row}\n")).unwrap();
    let published = published.display().to_string();
    let verbs: [&[&str]; 15] = [
        &["round", "extend", round, "LAO", "--until", "2026-12-01"],
        &["round", "pause", round],
        &["round", "resume", round],
        &["participation", "close", round, "MMR"],
        &["query", "allow", round, "LAO", &query],
        &["query", "answer", round, "LAO", &query],
        &["task", "done", "ilms-asean-2025/LAO/call-head"],
        &["task", "approve", "ilms-asean-2025/LAO/approve-letter"],
        &["task", "decline", "ilms-asean-2025/LAO/approve-letter"],
        &["reminder", "send-now", round, &notice],
        &["person", "end", "lao-focal", "focal-point", "--country", "LAO"],
        &["person", "erase", "lao-focal"],
        &["figure", "load-published", &published],
        &["submission", "send", round, "LAO", &published, "--reason-code", "error-in-entry"],
        &["audit", "key", "rotate"],
    ];
    for verb in verbs {
        let without = rondo(&data, verb);
        let said = String::from_utf8_lossy(&without.stderr).into_owned();
        assert_eq!(without.status.code(), Some(2), "{verb:?} without a reason: {said}");
        let name = if said.contains("--text") { "--text" } else { "--reason" };
        assert!(said.contains(name), "{verb:?} names what is missing: {said}");
        for blank in ["", "  ", "\u{200b}", "...", "right\u{202e}left"] {
            let refused = rondo(&data, &[verb, &[name, blank]].concat());
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert_eq!(refused.status.code(), Some(2), "{verb:?} with a blank reason: {said}");
            assert!(said.contains(name) && said.contains("reason"), "{verb:?} with a blank reason: {said}");
        }
    }
    assert_eq!(journal(&data), before, "nothing was recorded");
}

/// A command as a stranger to the command line would send it, over the port of a running server.
fn posted(address: &str, token: &str, body: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /port/submit HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

#[test]
fn what_is_posted_past_the_command_line_is_asked_for_its_reason_too() {
    let folder = tempfile::tempdir().unwrap();
    let data = played(folder.path());
    let port = rondo_testkit::process::free_port();
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new(program());
    command.args(["up", "--listen", &address, "--data"]).arg(&data);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let _server = rondo_testkit::process::Running::start("rondo up", &mut command);
    await_server(&data);
    let server: Value = serde_json::from_slice(&fs::read(data.join("server.json")).unwrap()).unwrap();
    let token = server["token"].as_str().unwrap();
    let before = journal(&data);
    let round = |command: Value| json!({"of": "round", "round": "ilms-asean-2025", "command": command});
    let country = |command: Value| json!({"of": "participation", "round": "ilms-asean-2025", "country": "MMR", "command": command});
    let grant = json!({"role": "focal-point", "country": "LAO"});
    let sent = fs::read(root().join("workflows/ilms-asean/demo/files/lao.csv")).unwrap();
    let load = |code: ReasonCode, text: &str| {
        let sheet = SheetKey {
            country: "LAO".parse().unwrap(),
            indicator: "MNA_OEMP_SEX_CDS_NB".parse().unwrap(),
            year: 2001,
            source: "FX:1".parse().unwrap(),
        };
        let key = CellKey { sex: Sex::Female, classif1: Some("CDS_DES_KOR".parse().unwrap()), classif2: None };
        let cells = vec![CellWish { key, was: None, is: FigureValue::of(1.into()), cell: None }];
        let evidence = Evidence { sha256: FileHash::of(&sent), sheet: None };
        let reason = Reason { code, text: text.to_owned() };
        json!(Wish::Figures { sheet, command: FiguresCommand::LoadPublished { reason, evidence, cells } })
    };
    let mut without = load(ReasonCode::PublishedEarlier, "ILOSTAT");
    without["command"]["load-published"].as_object_mut().unwrap().remove("reason");
    let wishes = [
        ("ilo-coordinator", round(json!({"pause": {"reason": ""}}))),
        ("ilo-coordinator", round(json!({"pause": {}}))),
        ("ilo-coordinator", round(json!({"cancel": {"reason": "  "}}))),
        ("ilo-coordinator", country(json!({"close": {"reason": " "}}))),
        (
            "operator",
            json!({"of": "network", "command": {"end-role": {"person": "lao-focal", "grant": grant, "reason": ""}}}),
        ),
        ("ilo-manager", load(ReasonCode::PublishedEarlier, " ")),
        ("ilo-manager", load(ReasonCode::ErrorInEntry, "another code than the one of published figures")),
        ("ilo-manager", without),
    ];
    for (actor, wish) in wishes {
        let id = rondo_domain::CommandId::of(&["posted", &wish.to_string()]);
        let body = json!({"id": id, "actor": actor, "wish": wish}).to_string();
        let (status, answer) = posted(&address, token, &body);
        assert!((400..500).contains(&status) && answer.contains("reason"), "{wish}: {answer}");
    }
    assert_eq!(journal(&data), before, "nothing was recorded");
}

/// Every reason in the log: code and text of each change of figures, by position.
fn reasons(export: &Path) -> BTreeMap<u64, (String, String)> {
    let mut reasons = BTreeMap::new();
    let mut folders = vec![export.join("tile/entries")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for bytes in tile::entries(&fs::read(path).unwrap()).unwrap() {
                let record = codec::decode(&bytes::Bytes::copy_from_slice(bytes)).unwrap();
                if let Event::Figures(FiguresEvent::FiguresRecorded { reason, .. }) = record.event {
                    reasons.insert(record.position, (reason.code.as_str().to_owned(), reason.text));
                }
            }
        }
    }
    reasons
}

#[test]
fn every_reason_that_was_given_is_in_every_export() {
    let folder = tempfile::tempdir().unwrap();
    let data = played(folder.path());
    let export = folder.path().join("export");
    told(&data, &["audit", "export", "--out", &export.display().to_string()]);
    let reasons = reasons(&export);
    assert!(reasons.len() > 50, "{} changes", reasons.len());
    assert!(reasons.values().all(|(code, text)| !code.is_empty() && !text.trim().is_empty()));
    let search = ["audit", "search", "--event", "FiguresRecorded"];
    let found = asked(&data, &search);
    let list = found.as_object().unwrap().values().find_map(Value::as_array).unwrap();
    assert_eq!(list.len(), reasons.len());
    let csv = told(&data, &[&search[..], &["--output", "csv"]].concat());
    for entry in list {
        let (code, text) = &reasons[&entry["position"].as_u64().unwrap()];
        let entry = entry.to_string();
        assert!(entry.contains(code.as_str()) && entry.contains(text.as_str()), "{entry}");
        assert!(csv.contains(text.as_str()), "{text}");
    }
    let key = "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR";
    for form in ["json", "csv", "jsonl", "table"] {
        let history = told(&data, &["figure", "history", key, "--output", form]);
        assert!(history.contains("error-in-entry"), "{form}: {history}");
    }
}
