//! Promise 5: state is a function of the log. Everything but the journal and the received files is deleted; what comes of
//! them answers every question in the same words. And the states in memory that a ledger decides by are, after a burst and after
//! a restart, those that its journal folds into.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::given::{COUNTRIES, Log, TABLE};
use futures::StreamExt;
use rondo_domain::figure::{CellKey, CellWish, Evidence, FigureValue, FiguresCommand, Sex, SheetKey};
use rondo_domain::finding::{Finding, Severity, Verdict};
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::{NoticeBrief, NoticeCommand};
use rondo_domain::participation::{CheckedTable, ParticipationCommand as P, TableFindings};
use rondo_domain::run::{Occurrence, RunCommand};
use rondo_domain::{Reason, ReasonCode, Role, RoundId, StreamId, SubmissionId, Wish};
use rondo_eventlog::{Accepted, Standing, SubmitError};
use rondo_tests::program;

fn rondo(data: &str, args: &[&str]) -> Vec<u8> {
    let done = Command::new(program()).args(["--data", data]).args(args).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// All that the command line can be asked, as JSON.
fn answers(data: &str) -> Vec<(String, Vec<u8>)> {
    let round = "ilms-asean-2025";
    let questions: [&[&str]; 13] = [
        &["round", "show", round],
        &["participation", "list", round],
        &["submission", "list", round],
        &["query", "list", round],
        &["reminder", "list"],
        &["task", "list", "--all"],
        &["release", "list"],
        &["person", "list"],
        &["figure", "explain", "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR"],
        &["audit", "search"],
        &["audit", "state"],
        &["round", "figures", round],
        &["audit", "search", "--question", "last-by-another"],
    ];
    questions.iter().map(|args| (args.join(" "), rondo(data, &[args, &["--output", "json"][..]].concat()))).collect()
}

#[test]
fn what_is_rebuilt_from_the_journal_answers_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    let before = answers(&data);
    assert!(before.iter().map(|(_, answer)| answer.len()).sum::<usize>() > 500_000, "there is much to be compared");
    for gone in ["index", "tree"] {
        std::fs::remove_dir_all(Path::new(&data).join(gone)).unwrap();
    }
    for ((question, was), (_, is)) in before.iter().zip(answers(&data)) {
        assert!(*was == is, "`{question}` is answered otherwise");
    }
    assert!(String::from_utf8(rondo(&data, &["audit", "verify"])).unwrap().contains("2. bytes:      good"));
}

/// How every stream stands by its records in the journal.
fn folded(data: &Path) -> BTreeMap<StreamId, Standing> {
    let mut streams: BTreeMap<StreamId, Standing> = BTreeMap::new();
    for record in rondo_tests::records(data) {
        let fresh = || Standing::new(record.stream.kind());
        streams.entry(record.stream.clone()).or_insert_with(fresh).take(&record);
    }
    streams
}

/// Holds what the ledger decides by against the journal; says how many streams it had in memory.
async fn agrees(log: &Log, data: &Path, when: &str) -> usize {
    let live = log.opened.handle.standings().await.unwrap();
    let folded = folded(data);
    for (stream, digest) in &live {
        // One that was looked at and has no record yet stands as a fresh one.
        let fresh = Standing::new(stream.kind());
        let standing = folded.get(stream).unwrap_or(&fresh);
        let (version, last) = (standing.version, standing.last);
        assert_eq!(
            *digest,
            standing.digest(),
            "{when}: {stream} (version {version}, {last:?}) is not what the journal says"
        );
    }
    let loaded = live.iter().filter(|(stream, _)| folded.contains_key(stream)).count();
    assert_eq!(loaded, folded.len(), "{when}: every stream was at work");
    loaded
}

fn value(thousandths: i64) -> FigureValue {
    FigureValue::of(rust_decimal::Decimal::new(thousandths, 3))
}

/// Figures of a file: some first, then others, of which one corrects an earlier one and one leaves it.
fn figures(log: &mut Log, person: &str, country: &str, submission: &SubmissionId, sheet: usize) -> Vec<Wish> {
    let key = SheetKey {
        country: country.parse().unwrap(),
        indicator: "MNA_OEMP_SEX_CDS_NB".parse().unwrap(),
        year: 2023,
        source: format!("FX:{sheet}").parse().unwrap(),
    };
    let cell = |sex: Sex, was: Option<i64>, is: i64| CellWish {
        key: CellKey { sex, classif1: Some("CDS_DES_KOR".parse().unwrap()), classif2: None },
        was: was.map(value),
        is: value(is),
        cell: Some("row 2".to_owned()),
    };
    let record = |cells: Vec<CellWish>| FiguresCommand::Record {
        round: log.round.clone(),
        submission: submission.clone(),
        reason: Some(Reason { code: ReasonCode::ErrorInEntry, text: "it was mistyped".to_owned() }),
        evidence: Evidence { sha256: rondo_domain::FileHash::of(person.as_bytes()), sheet: None },
        cells,
    };
    let first = record(vec![cell(Sex::Female, None, 1_700), cell(Sex::Male, None, 10)]);
    let later = record(vec![cell(Sex::Female, Some(1_700), 1_072), cell(Sex::Male, Some(10), 10)]);
    [first, later].map(|command| Wish::Figures { sheet: key.clone(), command }).to_vec()
}

/// What a service wishes of a notice and of a step.
fn services(round: &RoundId, country: &str, n: usize) -> Vec<Wish> {
    let occurrence = Occurrence { step: "remind".parse().unwrap(), of: format!("deadline-{n}").into() };
    let due = rondo_tests::moment("2026-01-02T02:00:00Z", jiff::civil::date(2026, 1, 2).at(9, 0, 0, 0));
    let brief = NoticeBrief {
        kind: "reminder".to_owned(),
        country: Some(country.parse().unwrap()),
        person: format!("{}-focal", country.to_lowercase()).parse().unwrap(),
        role: Role::FocalPoint,
        step: "remind".parse().unwrap(),
        due_at: due.at,
        reason: "the deadline is near".to_owned(),
        task: None,
        guards: Vec::new(),
    };
    let notice = format!("{}-remind-{n}", country.to_lowercase()).parse().unwrap();
    let country = Some(country.parse().unwrap());
    let (round, plan) = (round.clone(), RunCommand::Plan { occurrence, due });
    vec![
        Wish::Run { round: round.clone(), country, command: plan },
        Wish::Notice { round, notice, command: NoticeCommand::Raise { brief } },
    ]
}

/// The end of a file's check, which settles it in several records.
fn checked(submission: &SubmissionId) -> P {
    let finding = |n: usize| Finding {
        rule: "R20".to_owned(),
        severity: Severity::Error,
        verdict: Verdict::Fail,
        keys: vec![format!("key {n}")],
        observed: "1.072".to_owned(),
        expected: "about 1.7".to_owned(),
        message: "x".repeat(400),
        place: None,
        repair: None,
    };
    let findings = vec![TableFindings { table: Some(TABLE), findings: (0..100).map(finding).collect() }];
    let tables = vec![CheckedTable { table: TABLE, years: vec![2023], sources: vec!["FX:1".parse().unwrap()] }];
    P::CompleteCheck { submission: submission.clone(), tables, figures: 2, findings, extent: None }
}

/// Sends commands many at a time; those behind another one of their stream keep their order.
async fn burst(log: &Log, chains: &[Vec<rondo_domain::Command>]) -> Vec<Accepted> {
    let sent = futures::stream::iter(chains).map(|chain| async move {
        let mut answers = Vec::new();
        for command in chain {
            match log.ledger.submit(command.clone()).await {
                Ok(accepted) => answers.push(accepted),
                Err(SubmitError::Rejected(refused)) => panic!("{command:?}: {refused}"),
                Err(SubmitError::Fault(fault)) => panic!("{fault}"),
            }
        }
        answers
    });
    sent.buffer_unordered(64).collect::<Vec<_>>().await.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_ledger_decides_by_is_what_its_journal_folds_into() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut log = Log::new(&data).await;
    let mut chains = Vec::new();
    for n in 0..rondo_tests::length(4, 40) {
        log.begin_round(n as u64).await;
        for country in COUNTRIES {
            let person = format!("{}-focal", country.to_lowercase());
            let submission = log.file(&person, country, &format!("s{n}"), person.as_bytes()).await;
            let (round, code) = (log.round.clone(), country.parse().unwrap());
            let mut chain = Vec::new();
            for sheet in 0..10 {
                let wishes = figures(&mut log, &person, country, &submission, n * 10 + sheet);
                chain.extend(wishes.into_iter().map(|wish| log.command(&person, wish)));
            }
            let end = Wish::Participation { round: round.clone(), country: code, command: checked(&submission) };
            chain.push(log.command("validator", end));
            chains.push(chain);
            for k in 0..10 {
                let wishes = services(&round, country, k);
                chains.push(wishes.into_iter().map(|wish| log.command("scheduler", wish)).collect());
                let (person, grant) = (format!("p{n}-{country}-{k}").to_lowercase(), Grant::of(Role::Auditor, None));
                let command = NetworkCommand::GrantRole { person: person.parse().unwrap(), grant };
                chains.push(vec![log.command("operator", Wish::Network { command })]);
            }
        }
    }
    let first = burst(&log, &chains).await;
    assert!(first.iter().all(|accepted| accepted.count > 0 && !accepted.repeated));
    let at_work = agrees(&log, &data, "after the burst").await;
    assert!(at_work > 150, "{at_work} streams");
    let head = log.ledger.head().await.unwrap();
    log.end().await;
    // Only what a decision looks at is read back, and every command's answer is known by it.
    let log = Log::open(&data);
    assert!(burst(&log, &chains).await.iter().all(|accepted| accepted.repeated));
    assert_eq!(log.ledger.head().await.unwrap(), head);
    for n in 0..rondo_tests::length(4, 40) {
        // The round's own stream is looked at by whoever would plan it again.
        let round = format!("r{n}").parse().unwrap();
        let again = rondo_domain::round::RoundCommand::Launch;
        let id = rondo_domain::CommandId::of(&["again", &n.to_string()]);
        let actor = "coordinator".parse().unwrap();
        let wish = Wish::Round { round, command: again };
        let again = rondo_domain::Command { id, actor, role: None, via: None, on_behalf_of: None, cause: None, wish };
        assert!(matches!(log.ledger.submit(again).await, Err(SubmitError::Rejected(_))), "it was launched");
    }
    assert_eq!(agrees(&log, &data, "after the restart").await, at_work);
    log.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_that_differs_in_anything_has_another_digest() {
    let folder = tempfile::tempdir().unwrap();
    // People alone: one stream.
    Log::new(&folder.path().join("data")).await.end().await;
    let records = rondo_tests::records(&folder.path().join("data"));
    let stands = |records: &[rondo_eventlog::Record]| {
        let mut standing = Standing::new(records[0].stream.kind());
        records.iter().for_each(|record| standing.take(record));
        standing
    };
    let whole = stands(&records);
    assert_ne!(whole.digest(), stands(&records[1..]).digest(), "a record is missing");
    let mut other = whole.clone();
    other.version += 1;
    assert_ne!(other.digest(), whole.digest());
    let answered = |actor: &str, wish| {
        let mut other = whole.clone();
        other.answer(rondo_domain::CommandId::of(&["one more"]), 0, 1, (&actor.parse().unwrap(), wish));
        other.digest()
    };
    let wish = records.iter().find_map(|record| record.wish);
    assert!(wish.is_some(), "new records say what was wished");
    let digests = [whole.digest(), answered("one", wish), answered("another", wish), answered("one", None)];
    let different: std::collections::HashSet<_> = digests.iter().collect();
    assert_eq!(different.len(), digests.len());
}
