//! What a person may do wrong at the command line: each is answered with its place, what was kept, what to do, and a status.

mod bad_files;
mod elsewhere;
mod log_lines;
mod occasions;
mod streams;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::demo::{played, program};
use rondo_testkit::process::{Running, free_port};
use rondo_tests::root;

fn rondo(args: &[&str]) -> Output {
    Command::new(program()).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Runs the program, and expects this status and every one of these words on standard error or output.
fn refused(args: &[&str], status: i32, words: &[&str]) {
    let output = rondo(args);
    let told = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(status), "{args:?}: {told}");
    assert!(!told.contains("panicked"), "{args:?}: {told}");
    for word in words {
        assert!(told.contains(word), "{args:?} does not say `{word}`: {told}");
    }
}

/// A data directory nobody else uses, with what the played one holds.
fn copy() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("data");
    let copied = Command::new("cp").arg("-r").args([played(), &to]).status().unwrap();
    assert!(copied.success());
    let to = to.display().to_string();
    (folder, to)
}

#[test]
fn questions_about_what_is_not_there() {
    let (_folder, data) = copy();
    let of = |args: &[&str], status: i32, words: &[&str]| {
        refused(&[&["--data", &data], args].concat(), status, words);
    };
    of(&["round", "show", "ilms-asean-1999"], 5, &["no round `ilms-asean-1999`", "rondo round list"]);
    of(&["participation", "show", "ilms-asean-2025", "CHE"], 5, &["CHE does not take part"]);
    of(&["release", "show", "ilms-asean-2025.9"], 5, &["no release", "rondo release list"]);
    of(&["release", "approve", "ilms-asean-2025.9", "--as", "ilo-manager"], 5, &["rondo release list"]);
    of(&["figure", "history", "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KRO"], 5, &["did you mean LAO/"]);
    of(&["figure", "history", "LAO/MNA_OEMP_SEX_CDS_NB/2566/SEX_F"], 2, &["TIME", "common era"]);
    of(&["figure", "history", "LAO/MNA_OEMP_SEX_CDS_NB/2023"], 2, &["has no SEX"]);
    of(&["round", "pause", "ilms-asean-2025", "--reason", "x", "--as", "nobody-here"], 4, &["nobody is known as"]);
    of(&["round", "pause", "ilms-asean-2025", "--reason", " ", "--as", "ilo-coordinator"], 2, &["reason"]);
    of(&["task", "done", "ilms-asean-2025/LAO/call-head", "--text", "x", "--as", "ilo-coordinator"], 5, &["no task"]);
    of(&["task", "done", "ilms-asean-2025/MMR/call-head", "--text", "x", "--as", "ilo-coordinator"], 6, &["settled"]);
    of(&["task", "done", "call-head", "--text", "x", "--as", "ilo-coordinator"], 2, &["ROUND/COUNTRY/STEP"]);
    of(&["figure", "show", "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR", "--as-of", "yesterday"], 2, &["as-of"]);
    of(&["audit", "proof", "999999"], 5, &["there is no record 999999", "records, from 0 on"]);
    of(&["audit", "export", "--out", &data], 6, &["is not empty", "nothing was changed"]);
    of(&["audit", "search", "--question", "who"], 2, &["changed-after-acceptance"]);
    of(&["submission", "receipt", "ilms-asean-2025", "LAO", "lao-0"], 5, &["no submission"]);
    of(&["release", "receipt", "ilms-asean-2025.7"], 5, &["nothing was approved"]);
    of(&["round", "show"], 2, &["Usage"]);
}

#[test]
fn what_a_mail_program_or_a_hand_changed_in_the_log_s_papers() {
    let (folder, data) = copy();
    let of = |args: &[&str], status: i32, words: &[&str]| {
        refused(&[&["--data", &data], args].concat(), status, words);
    };
    let (out, key) = (folder.path().display().to_string(), format!("{data}/log.vkey"));
    assert!(rondo(&["--data", &data, "release", "receipt", "ilms-asean-2025.1", "--out", &out]).status.success());
    let receipts = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let receipt = receipts.into_iter().find(|path| path.extension().is_some_and(|end| end == "tlog-proof")).unwrap();
    let text = std::fs::read_to_string(&receipt).unwrap();
    of(&["audit", "verify", &receipt.display().to_string(), "--key", &key], 0, &["good: the record stands"]);
    std::fs::write(&receipt, text.replace('\n', "\r\n")).unwrap();
    of(&["audit", "verify", &receipt.display().to_string(), "--key", &key], 2, &["line ends of Windows", "sed -i"]);
    for (wrong, status, words) in [
        (format!("{text}\u{2014} other.example/log YWJj\n"), 3, "a signature is too short"),
        (text.replacen("index ", "extra !!!\nindex ", 1), 2, "`extra` is not in base64"),
        (text.replacen("index ", "index +", 1), 2, "without sign or zeroes"),
        (text.replacen("\u{2014} ", "\u{2014} \t", 1), 3, "a control character"),
    ] {
        std::fs::write(&receipt, wrong).unwrap();
        of(&["audit", "verify", &receipt.display().to_string(), "--key", &key], status, &[words]);
    }
    let nobody = folder.path().join("policy").display().to_string();
    std::fs::write(&nobody, format!("log {}\nquorum none\n", std::fs::read_to_string(&key).unwrap().trim())).unwrap();
    of(&["audit", "witness", "--policy", &nobody], 2, &["nobody to ask"]);
    let stray = format!("{data}/journal/7.journal");
    std::fs::write(&stray, b"mine").unwrap();
    of(&["doctor"], 1, &["7.journal is no segment", "one trouble"]);
    std::fs::remove_file(&stray).unwrap();
    let journal = format!("{data}/journal/00000000000000000000.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    of(&["doctor"], 1, &["the journal is damaged at byte", "one trouble"]);
    let export = folder.path().join("export").display().to_string();
    of(&["audit", "export", "--out", &export], 3, &["the journal is damaged"]);
    assert!(!Path::new(&export).exists(), "half an export is in nobody's way");
}

#[test]
fn a_file_for_a_closed_round_and_one_for_another_country() {
    let (_folder, data) = copy();
    let file = root().join("workflows/ilms-asean/demo/files/lao.csv").display().to_string();
    let before = journal(&data);
    let send = |country: &str, person: &str, status: i32, words: &[&str]| {
        let args = ["--data", &data, "submission", "send", "ilms-asean-2025", country, &file, "--as", person];
        refused(&args, status, words);
    };
    send("LAO", "lao-focal", 6, &["is published and takes no submissions", "nothing was recorded", "reopen"]);
    send("THA", "lao-focal", 6, &["belongs to another country than THA"]);
    send("LAO", "ilo-auditor", 6, &["may not send a submission"]);
    refused(
        &["--data", &data, "submission", "send", "ilms-asean-2025", "LAO", "/no/such/file.csv", "--as", "lao-focal"],
        2,
        &["/no/such/file.csv"],
    );
    assert_eq!(journal(&data), before, "the log is as it was");
}

fn journal(data: &str) -> Vec<u8> {
    std::fs::read(Path::new(data).join("journal/00000000000000000000.journal")).unwrap()
}

/// Checks the workflow with one thing in one file written otherwise.
fn broken(file: &str, was: &str, is: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let workflow = folder.path().join("ilms-asean");
    let from = root().join("workflows/ilms-asean");
    assert!(Command::new("cp").arg("-r").args([&from, &workflow]).status().unwrap().success());
    let path = workflow.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(was), "{file} has no `{was}`");
    std::fs::write(&path, text.replacen(was, is, 1)).unwrap();
    let workflow = workflow.display().to_string();
    refused(&["workflow", "check", &workflow, "--year", "2026"], 2, words);
}

#[test]
fn copies_languages_and_milestones_that_do_not_fit() {
    broken("workflow.toml", "59 23 31 10 *", "59 23 31 12 *", &["close on", "has to come after deadline on"]);
    broken("workflow.toml", "copy = [\"country-office\"]", "copy = [\"focal-point\"]", &["needs no copy"]);
    broken("mail/sentences.en.toml", "copy =", "below =", &["mail/sentences.en.toml", "`copy` says above one"]);
    broken(
        "mail/extension.en.txt",
        "{{ was }}",
        "{{ to }}",
        &["mail/extension.en.txt:", "`to` is nothing a mail knows"],
    );
    broken("participants.toml", "language = \"lo\"", "language = \"xx\"", &["participants.toml", "`xx`"]);
}

#[test]
fn texts_that_would_fail_when_they_are_filled_in_or_never_be_sent() {
    let text = "mail/invitation.en.txt";
    broken(text, "{{ owed }}", "{{ owed + 1 }}", &["mail/invitation.en.txt:4:", "does not know `+`"]);
    broken(text, "{{ owed }}", "{{ owed|upper }}", &["mail/invitation.en.txt:4:", "does not know `|`"]);
    broken(text, "{{ owed }}", "{% set a = 1 %}", &["mail/invitation.en.txt:4:", "does not know `set`"]);
    broken(text, "{{ owed }}", "{{ owed * 9 }}", &["mail/invitation.en.txt:4:", "does not know `*`"]);
    let subject = "Subject: {{ round }} · {% if country %}{{ country }} · {% endif %}Invitation: {% if days_left < 0 %}your tables were due on{% else %}please send your tables by{% endif %} {{ deadline }}";
    broken(text, subject, "Subject: {% if task %}x{% endif %}", &["mail/invitation.en.txt:1:", "may come out empty"]);
    broken(text, "\n", "\r\n", &["mail/invitation.en.txt:1:", "as on Windows"]);
    broken(
        "mail/sentences.lo.toml",
        "{{ name }}",
        "{{ nmae }}",
        &["mail/sentences.lo.toml:3:", "did you mean `name`?"],
    );
    broken("mail/shell.mjml", "{{ body }}", "", &["mail/shell.mjml", "stands nowhere"]);
    broken("mail/shell.mjml", "{{ body }}", "{{ body * 9 }}", &["mail/shell.mjml:", "does not know `*`"]);
    let folder = tempfile::tempdir().unwrap();
    let workflow = folder.path().join("mine").display().to_string();
    let done = rondo(&["workflow", "copy", "ilms-asean", &workflow]);
    assert!(done.status.success(), "{done:?}");
    assert!(rondo(&["workflow", "check", &workflow, "--year", "2026"]).status.success(), "a copy is whole");
    refused(&["workflow", "copy", "ilms-asean", &workflow], 6, &["is not empty; nothing was written"]);
    let misspelt = |name: &str, words: &[&str]| {
        let path = Path::new(&workflow).join("mail").join(name);
        std::fs::write(&path, "Subject: x\n\nx\n").unwrap();
        refused(&["workflow", "check", &workflow], 2, words);
        std::fs::write(&path, b"Subject: x\n\nx \xff\n").unwrap();
        refused(&["workflow", "check", &workflow], 2, &[name, ":3:3: this is not UTF-8"]);
        std::fs::remove_file(&path).unwrap();
    };
    misspelt("invitaton.lo.txt", &["no step sends a mail `invitaton`", "did you mean `invitation`?"]);
    misspelt("invitation.xx.txt", &["nobody is written to in `xx`"]);
}

#[test]
fn what_stands_twice_or_says_nothing_in_a_workflow() {
    broken(
        "workflow.toml",
        "to = [\"focal-point\"",
        "to = [\"focal-point\", \"focal-point\"",
        &["stands twice in `to`"],
    );
    broken("workflow.toml", "time-limit-hours = 168", "time-limit-hours = 0", &["gives the step up"]);
    broken("workflow.toml", "ASEAN {year}", "ASEAN {yaer}", &["workflow.toml:6:24", "only {year} is filled in here"]);
    broken("workflow.toml", "offset = \"+7 days\"", "offset = \"+7000 days\"", &["counts more than 1000"]);
    broken("participants.toml", "tables = [17]", "tables = [17, 17]", &["table 17 of LAO stands twice"]);
    let countries = "calendar/countries.toml";
    broken(countries, "code = \"LAO\"", "code = \"THA\"", &["calendar/countries.toml:", "THA stands twice"]);
    broken(countries, "\"Friday\", \"Sunday\"", "\"Friday\", \"Friday\"", &["a day of rest stands twice"]);
    let few = "calendar/holidays.csv";
    let first = "ref_area,date,name,date_is_estimated\n";
    let lonely = format!("{first}LAO,2100-03-03,A day,N\n");
    broken(
        few,
        first,
        &lonely,
        &["calendar/holidays.csv:2:", "LAO has 1 of its days off in 2100", "give the year whole"],
    );
    broken("workflow.toml", "at = \"09:00\"", "at = \"9\"", &["workflow.toml:", "a time of day such as \"09:00\""]);
    broken(
        "workflow.toml",
        "cron = \"0 9 15-21 9 MON\"",
        "cron = \"61 9 15 9 *\"",
        &["the minute `61`: `61` is none of 0 to 59"],
    );
    broken(
        countries,
        "{ rest = [\"Friday\"",
        "{ from = \"2030-01-01\", rest = [\"Friday\"",
        &["no week to begin with"],
    );
}

#[test]
fn mail_that_there_is_not_is_not_paused_and_another_workflow_is_no_version() {
    let data = played().display().to_string();
    let pause = |what: &[&str], words: &[&str]| {
        let args =
            ["--data", &data, "--as", "ilo-coordinator", "reminder", "pause", "ilms-asean-2025", "--reason", "r"];
        refused(&[&args[..], what].concat(), 5, words);
    };
    pause(&["--kind", "nonsense"], &["no mail of the kind `nonsense`", "reminder-after"]);
    pause(&["--country", "ZZZ"], &["ZZZ does not take part"]);
    pause(&["--to", "nobody"], &["nobody who holds a role is called nobody"]);
    let args = ["--data", &data, "round", "migrate", "ilms-asean-2025", "technical-meeting", "--preview"];
    refused(&args, 2, &["technical-meeting is another workflow than ilms-asean"]);
}

#[test]
fn workflow_files_with_mistakes() {
    broken(
        "workflow.toml",
        "do = \"begin-closing\"",
        "do = \"begin-closin\"",
        &["workflow.toml:", "did you mean `begin-closing`?"],
    );
    broken("workflow.toml", "milestone = \"deadline\"", "milestone = \"deadlin\"", &["workflow.toml:", "deadline"]);
    broken("workflow.toml", "59 23 31 10 *", "59 23 31 2 *", &["workflow.toml:25:8", "no such date"]);
    broken("workflow.toml", "clock = \"THA\"", "clock = \"THX\"", &["workflow.toml:", "did you mean `THA`?"]);
    broken(
        "workflow.toml",
        "id = \"deadline\"",
        "id = \"deadlin\"",
        &["`deadline` is missing", "did you mean `deadlin`?"],
    );
    broken("workflow.toml", "owner = [\"collection-manager\"]", "owner = [\"auditor\"]", &["changes nothing"]);
    broken("workflow.toml", "task-of = \"call-head\"", "task-of = \"cal-head\"", &["did you mean `call-head`?"]);
    broken("workflow.toml", "task-of = \"call-head\"", "task-of = \"overdue-1\"", &["asks nothing of a person"]);
    broken("workflow.toml", "needs = [\"approve-letter\"]", "needs = [\"call-head\"]", &["has to stand above"]);
    broken("workflow.toml", "do = \"wait-for-person\"", "do = \"validate\"", &["`mail` does not go with this `do`"]);
    broken(
        "workflow.toml",
        "when = { event = \"release-prepared\" }",
        "when = { event = \"query-opened\" }",
        &["is a country's"],
    );
    broken("workflow.toml", "owner = [\"publisher\"]", "owner = [\"validator\"]", &["taken by a publisher"]);
    let escalated = "mail = \"task-overdue\"\nto = [\"collection-manager\"";
    let observer = "mail = \"task-overdue\"\nto = [\"observer\"";
    broken("workflow.toml", escalated, observer, &["can own no task"]);
    broken("workflow.toml", "why = \"the round begins", "why = \"\\u202e the round begins", &["none of them hidden"]);
    broken("workflow.toml", "time-limit-hours = 168", "retries = 1", &["needs `time-limit-hours`"]);
    broken("workflow.toml", "settled-by = \"release-approved\"", "people = 12", &["between 1 and 9 people"]);
    broken("participants.toml", "\"LAO\"", "\"LAX\"", &["participants.toml:", "LAX has no calendar"]);
    broken("calendar/countries.toml", "\"Sunday\"", "\"Sonday\"", &["did you mean `Sunday`?"]);
    broken("workflow.toml", "mail = \"invitation\"", "mail = \"invitaton\"", &["did you mean `invitation`?"]);
    broken("mail/invitation.en.txt", "{{ owed }}", "{{ owedd }}", &["mail/invitation.en.txt:", "did you mean `owed`?"]);
    broken("mail/invitation.en.txt", "Subject: ", "Betreff: ", &["mail/invitation.en.txt:1:1", "Subject"]);
    broken("rules.toml", "[rule.R20]", "[rule.R99]", &["rules.toml:", "R99"]);
    broken("participants.toml", "17", "77", &["participants.toml:", "table 77"]);
    broken(
        "calendar/countries.toml",
        "Asia/Vientiane",
        "Asia/Vientane",
        &["calendar/countries.toml:", "Asia/Vientane"],
    );
    broken(
        "workflow.toml",
        "from = \"launch\", until = \"release\"",
        "from = \"release\", until = \"launch\"",
        &["the step `digest` can never fire", "between release (", "and launch ("],
    );
    broken(
        "workflow.toml",
        "when = { event = \"query-opened\" }",
        "when = { event = \"choice-made\" }",
        &["workflow.toml:", "`choice-made` never happens"],
    );
    refused(&["workflow", "check", "ilms-asean", "--year", "2031"], 2, &["2031"]);
    refused(&["workflow", "check", "no-such-workflow"], 5, &["neither a folder nor a workflow"]);
}

#[test]
fn directories_and_addresses_that_others_have() {
    let (folder, data) = copy();
    let mut server = Running::start(
        "rondo up",
        Command::new(program())
            .args(["up", "--data", &data, "--listen", "127.0.0.1:0"])
            .stderr(Stdio::null())
            .stdout(Stdio::null()),
    );
    let announced = Path::new(&data).join("server.json");
    for _ in 0..400 {
        if announced.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    let text = std::fs::read_to_string(&announced).expect("the server announces itself");
    let announcement: serde_json::Value = serde_json::from_str(&text).unwrap();
    let address = announcement["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let second = ["up", "--data", &data, "--listen", "127.0.0.1:0"];
    refused(&second, 75, &["is held by another process", "Nothing was changed", "--data"]);
    let elsewhere = folder.path().join("elsewhere").display().to_string();
    refused(&["up", "--data", &elsewhere, "--listen", &address], 75, &["in use", "--listen"]);
    refused(&["up", "--data", &elsewhere, "--listen", "0.0.0.0:80"], 2, &["0.0.0.0:80"]);
    refused(&["up", "--data", &elsewhere, "--listen", "eighty"], 2, &["eighty"]);
    assert!(!Path::new(&elsewhere).exists(), "no log was made where nothing could be served");
    // A question is answered by the server that holds the directory.
    assert!(rondo(&["--data", &data, "round", "list"]).status.success());
    Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(server.wait(15).success(), "it ends well when asked to");
    let foreign = folder.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.odt"), b"mine").unwrap();
    let foreign = foreign.display().to_string();
    refused(
        &["up", "--data", &foreign, "--listen", "127.0.0.1:0"],
        6,
        &["holds no log of Rondo", "nothing was changed"],
    );
    refused(&["--data", &elsewhere, "round", "list"], 5, &["no log", "rondo up"]);
}

#[test]
fn a_demonstration_is_not_played_into_what_is_real() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let people = data.join("people.toml");
    std::fs::write(&people, "[person.anna]\nname = \"Anna\"\nemail = \"anna@example.org\"\n").unwrap();
    let real = data.display().to_string();
    let args = ["up", "--demo", "--until-done", "--pace", "0", "--data", &real];
    refused(&args, 6, &["no demonstration made", "nothing was changed", "--data"]);
    assert!(std::fs::read_to_string(&people).unwrap().contains("Anna"));
    // A log that no demonstration made: a played one whose mark is taken away.
    let (_copied, played) = copy();
    std::fs::remove_file(Path::new(&played).join("demonstration")).unwrap();
    let before = journal(&played);
    let args = ["up", "--demo", "--until-done", "--pace", "0", "--data", &played];
    refused(&args, 6, &["no demonstration made"]);
    assert_eq!(journal(&played), before);
}

#[test]
fn a_broker_that_is_not_there_and_a_page_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("nats://127.0.0.1:{}", free_port());
    let data = folder.path().join("data").display().to_string();
    let args = ["run", "scheduler", "--nats", &url, "--data", &data];
    refused(&args, 75, &["cannot be reached", "Nothing was lost", "--nats"]);
    let page = |text: &str, words: &[&str]| {
        let path = folder.path().join("rondo.toml");
        std::fs::write(&path, text).unwrap();
        refused(&["--config", &path.display().to_string(), "config", "check"], 2, words);
    };
    page("[ledger]\ndato = \"x\"\n", &["rondo.toml:2:1", "did you mean `data`?"]);
    page("[mail]\nfrom = \"nobody\"\n", &["mail.from", "nobody"]);
    page("[mail]\ntransport = \"smtp\"\nuser = \"x\"\n", &["mail.password-file is needed"]);
    page("[mail]\ntransport = \"smtp\"\nca-file = \"/no/such.pem\"\n", &["/no/such.pem"]);
    page("[gateway]\nlisten = \"0.0.0.0:8080\"\n", &["0.0.0.0:8080"]);
    page("[bus]\nuser = \"x\"\n", &["bus.password-file"]);
}
