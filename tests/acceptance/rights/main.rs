//! Who may do what, decided in the domain: two people where two are needed, each country to itself, no change without a
//! reason, and nothing at all for those who only look on. Every refusal is told by its stable code.

mod tasks;
mod whole;

use std::sync::atomic::{AtomicU32, Ordering};

use rondo_domain::calendar::Moment;
use rondo_domain::figure::{CellKey, CellWish, Evidence, FigureValue, FiguresCommand, Sex, SheetKey};
use rondo_domain::finding::{Finding, Severity, Verdict};
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::NoticeCommand;
use rondo_domain::participation::{
    Answer, Channel, CheckedTable, Declaration, ParticipationCommand as P, ReceivedFile, TableFindings,
};
use rondo_domain::release::ReleaseCommand;
use rondo_domain::round::{Participant, Pin, RoundCommand, RoundPlan};
use rondo_domain::table::TableNo;
use rondo_domain::{Command, CommandId, FileHash, Reason, ReasonCode, Role, Wish};
use rondo_eventlog::{Ledger, SubmitError, files};
use rondo_runtime::clock::PacedClock;
use rondo_runtime::memory::MemoryLedger;

const FILE: &[u8] = b"a file";
const TABLE: TableNo = TableNo(17);

/// A ledger in memory, with a launched round of two countries and one person in every role.
struct Given {
    ledger: MemoryLedger,
    acts: AtomicU32,
}

impl Given {
    async fn a_launched_round() -> Self {
        let now = "2026-01-15T10:00:00Z".parse().unwrap();
        let given =
            Self { ledger: MemoryLedger::new(std::sync::Arc::new(PacedClock::new(now))), acts: AtomicU32::new(0) };
        files::store(&given.ledger, FILE).await.unwrap();
        let people = [
            ("coordinator", Role::RegionalCoordinator, None),
            ("manager", Role::CollectionManager, None),
            ("checker", Role::Validator, None),
            ("out", Role::Publisher, None),
            ("auditor", Role::Auditor, None),
            ("admin", Role::Administrator, None),
            ("observer", Role::Observer, None),
            ("lao", Role::FocalPoint, Some("LAO")),
            ("lao-head", Role::HeadOfAgency, Some("LAO")),
            ("tha", Role::FocalPoint, Some("THA")),
            ("tha-head", Role::HeadOfAgency, Some("THA")),
        ];
        for (person, role, country) in people {
            given.accepts("operator", grant(person, role, country)).await;
        }
        let pin = Pin { workflow: "w".parse().unwrap(), bundle: FileHash::of(FILE) };
        given.accepts("coordinator", round(RoundCommand::Plan { pin, year: 2025, title: "A round".into() })).await;
        let participants = ["LAO", "THA"]
            .map(|code| Participant { country: code.parse().unwrap(), deadline: moment(), tables: vec![TABLE] })
            .to_vec();
        let plan = RoundPlan { milestones: Default::default(), participants, reference_years: vec![2024] };
        given.accepts("coordinator", round(RoundCommand::Configure { plan })).await;
        given.accepts("coordinator", round(RoundCommand::Launch)).await;
        given.accepts("scheduler", of("LAO", P::Expect)).await;
        given.accepts("scheduler", of("THA", P::Expect)).await;
        given
    }

    /// The refusal's code, or nothing where it was accepted.
    async fn tried(&self, person: &str, role: Option<Role>, wish: Wish) -> Option<&'static str> {
        let act = self.acts.fetch_add(1, Ordering::Relaxed).to_string();
        let id = CommandId::of(&["rights", &act]);
        let command = Command { role, ..Command::of(id, person.parse().unwrap(), wish) };
        match self.ledger.submit(command).await {
            Ok(_) => None,
            Err(SubmitError::Rejected(rejection)) => Some(rejection.code()),
            Err(SubmitError::Fault(fault)) => panic!("{fault}"),
        }
    }

    async fn accepts(&self, person: &str, wish: Wish) {
        assert_eq!(self.tried(person, None, wish.clone()).await, None, "{person} may {wish:?}");
    }

    async fn refuses(&self, person: &str, wish: Wish, code: &str) {
        let outcome = self.tried(person, None, wish.clone()).await;
        assert_eq!(outcome, Some(code), "{person} may not {wish:?}");
    }

    /// A file of `lao` with one figure, checked with one failed rule, which was put to the country.
    async fn a_checked_file_with_a_question(&self) {
        self.accepts("lao", of("LAO", receive("s1", FILE))).await;
        self.accepts("scheduler", of("LAO", P::RequestCheck { submission: "s1".parse().unwrap() })).await;
        self.accepts("lao", figures("LAO", record("s1", None, "1.702", None))).await;
        let findings = vec![TableFindings { table: Some(TABLE), findings: vec![finding()] }];
        let tables = vec![CheckedTable { table: TABLE, years: vec![2024], sources: vec!["FX:1".parse().unwrap()] }];
        let submission = "s1".parse().unwrap();
        let check = P::CompleteCheck { submission, tables, figures: 1, findings, extent: None };
        self.accepts("validator", of("LAO", check)).await;
        self.accepts("scheduler", of("LAO", P::AskFindings)).await;
    }

    async fn query(&self) -> rondo_domain::QueryId {
        use rondo_domain::event::Event;
        use rondo_domain::participation::ParticipationEvent;
        let records = self.ledger.read_streams("participation/", None, 1_000).await.unwrap();
        let opened = records.iter().find_map(|record| match &record.event {
            Event::Participation(ParticipationEvent::QueryOpened { query, .. }) => Some(query.clone()),
            _ => None,
        });
        opened.expect("a query was opened")
    }
}

fn moment() -> Moment {
    rondo_tests::moment("2025-10-31T16:59:00Z", jiff::civil::date(2025, 10, 31).at(23, 59, 0, 0))
}

fn grant(person: &str, role: Role, country: Option<&str>) -> Wish {
    let grant = Grant::of(role, country.map(|code| code.parse().unwrap()));
    Wish::Network { command: NetworkCommand::GrantRole { person: person.parse().unwrap(), grant } }
}

fn round(command: RoundCommand) -> Wish {
    Wish::Round { round: "r".parse().unwrap(), command }
}

fn of(country: &str, command: P) -> Wish {
    Wish::Participation { round: "r".parse().unwrap(), country: country.parse().unwrap(), command }
}

fn release(command: ReleaseCommand) -> Wish {
    Wish::Release { release: "r.1".parse().unwrap(), command }
}

fn figures(country: &str, command: FiguresCommand) -> Wish {
    let sheet = SheetKey {
        country: country.parse().unwrap(),
        indicator: "MNA_OEMP_SEX_CDS_NB".parse().unwrap(),
        year: 2024,
        source: "FX:1".parse().unwrap(),
    };
    Wish::Figures { sheet, command }
}

fn receive(id: &str, bytes: &[u8]) -> P {
    let file = ReceivedFile { sha256: FileHash::of(bytes), name: "f.csv".into(), size: bytes.len() as u64 };
    let (submission, channel) = (id.parse().unwrap(), Channel::Upload);
    P::Receive { submission, file, channel, institution: None, reason: None, source: None }
}

fn value(text: &str) -> FigureValue {
    FigureValue::of(text.parse().unwrap())
}

fn record(id: &str, was: Option<&str>, is: &str, reason: Option<Reason>) -> FiguresCommand {
    let key = CellKey { sex: Sex::Female, classif1: Some("CDS_DES_KOR".parse().unwrap()), classif2: None };
    FiguresCommand::Record {
        round: "r".parse().unwrap(),
        submission: id.parse().unwrap(),
        reason,
        evidence: Evidence { sha256: FileHash::of(FILE), sheet: None },
        cells: vec![CellWish { key, was: was.map(value), is: value(is), cell: None }],
    }
}

fn finding() -> Finding {
    Finding {
        rule: "R20".into(),
        severity: Severity::Error,
        verdict: Verdict::Fail,
        keys: vec!["LAO/MNA_OEMP_SEX_CDS_NB/2024/SEX_F/CDS_DES_KOR@FX:1".into()],
        observed: "1 against 2".into(),
        expected: "equal".into(),
        message: "men and women do not add up".into(),
        place: None,
        repair: None,
    }
}

#[tokio::test]
async fn author_approver_and_publisher_are_different_people_whatever_roles_one_holds() {
    let given = Given::a_launched_round().await;
    given.a_checked_file_with_a_question().await;
    let query = given.query().await;
    let in_role = async |person: &str, role: Role, wish: Wish| given.tried(person, Some(role), wish).await;
    for (person, role) in [("lao", Role::Validator), ("lao", Role::CollectionManager), ("lao", Role::Publisher)] {
        given.accepts("operator", grant(person, role, None)).await;
    }
    for (person, role) in
        [("checker", Role::CollectionManager), ("checker", Role::Publisher), ("manager", Role::Publisher)]
    {
        given.accepts("operator", grant(person, role, None)).await;
    }
    let allow = || of("LAO", P::Allow { query: query.clone(), reason: "as agreed".into() });
    assert_eq!(in_role("lao", Role::Validator, allow()).await, Some("actor.same-person"), "the author allows");
    let answer = P::AnswerQuery { query: query.clone(), answer: Answer::Explained, text: "registers differ".into() };
    assert_eq!(in_role("lao", Role::FocalPoint, of("LAO", answer)).await, None);
    let accept_answer = || of("LAO", P::AcceptAnswer { query: query.clone() });
    assert_eq!(
        in_role("lao", Role::Validator, accept_answer()).await,
        Some("actor.same-person"),
        "who answered accepts"
    );
    assert_eq!(in_role("checker", Role::Validator, allow()).await, None);
    let accept = || of("LAO", P::Accept { tables: vec![TABLE] });
    assert_eq!(in_role("lao", Role::Validator, accept()).await, Some("actor.same-person"), "the author accepts");
    assert_eq!(in_role("checker", Role::Validator, accept()).await, None);
    assert_eq!(in_role("lao-head", Role::HeadOfAgency, of("LAO", P::Confirm)).await, None);
    let prepare = ReleaseCommand::Prepare {
        round: "r".parse().unwrap(),
        countries: vec!["LAO".parse().unwrap()],
        not_before: "2026-01-15T09:00:00Z".parse().unwrap(),
    };
    assert_eq!(in_role("manager", Role::CollectionManager, release(prepare)).await, None);
    let approve = || release(ReleaseCommand::Approve);
    assert_eq!(
        in_role("lao", Role::CollectionManager, approve()).await,
        Some("actor.same-person"),
        "the author approves"
    );
    assert_eq!(
        in_role("checker", Role::CollectionManager, approve()).await,
        Some("actor.same-person"),
        "who accepted approves"
    );
    assert_eq!(in_role("manager", Role::CollectionManager, approve()).await, None);
    let clear = || release(ReleaseCommand::Clear);
    assert_eq!(in_role("lao", Role::Publisher, clear()).await, Some("actor.same-person"), "the author clears");
    assert_eq!(in_role("checker", Role::Publisher, clear()).await, Some("actor.same-person"), "who accepted clears");
    assert_eq!(in_role("manager", Role::Publisher, clear()).await, Some("actor.same-person"), "who approved clears");
    assert_eq!(in_role("out", Role::Publisher, clear()).await, None);
}

#[tokio::test]
async fn who_approved_does_not_slip_in_as_the_one_who_accepts() {
    let given = Given::a_launched_round().await;
    given.a_checked_file_with_a_question().await;
    let query = given.query().await;
    given.accepts("checker", of("LAO", P::Allow { query, reason: "as agreed".into() })).await;
    given.accepts("checker", of("LAO", P::Accept { tables: vec![TABLE] })).await;
    given.accepts("lao-head", of("LAO", P::Confirm)).await;
    let countries = || vec!["LAO".parse().unwrap()];
    let not_before = "2026-01-15T09:00:00Z".parse().unwrap();
    let r = || "r".parse().unwrap();
    given.accepts("manager", release(ReleaseCommand::Prepare { round: r(), countries: countries(), not_before })).await;
    given.accepts("manager", release(ReleaseCommand::Approve)).await;
    given.accepts("out", release(ReleaseCommand::Clear)).await;
    // A question reopens the table; the manager, who approved, lets it stand and accepts it.
    let again = "q-again".parse().unwrap();
    let mut question = finding();
    question.rule = "question".into();
    given.accepts("checker", of("LAO", P::OpenQuery { query: again, table: TABLE, finding: question })).await;
    let again = "q-again".parse().unwrap();
    given.accepts("manager", of("LAO", P::Allow { query: again, reason: "as agreed".into() })).await;
    given.accepts("manager", of("LAO", P::Accept { tables: vec![TABLE] })).await;
    given.accepts("lao-head", of("LAO", P::Confirm)).await;
    let begin = |round| release(ReleaseCommand::Begin { round, countries: countries() });
    given.refuses("scheduler", begin(r()), "state.not-possible").await;
    given.refuses("out", begin("another".parse().unwrap()), "state.not-possible").await;
}

#[tokio::test]
async fn a_country_keeps_to_itself() {
    let given = Given::a_launched_round().await;
    given.a_checked_file_with_a_question().await;
    let query = given.query().await;
    let answer = P::AnswerQuery { query, answer: Answer::Confirmed, text: "it is right".into() };
    let declare =
        P::Declare { tables: vec![TABLE], declaration: Declaration::NotAvailable, text: "we have none".into() };
    for wish in [P::Acknowledge, receive("s2", FILE), declare, answer, P::Decline { reason: "no time".into() }] {
        given.refuses("tha", of("LAO", wish), "actor.other-country").await;
    }
    given.refuses("tha", figures("LAO", record("s1", None, "9", None)), "actor.other-country").await;
    // Nor may a colleague record figures of a file that another has sent.
    given.refuses("lao-head", figures("LAO", record("s1", None, "9", None)), "actor.not-allowed").await;
}

#[tokio::test]
async fn a_declaration_names_a_table_and_comes_while_the_round_takes_answers() {
    let given = Given::a_launched_round().await;
    let text = || "we have none".to_owned();
    let declare = |tables| P::Declare { tables, declaration: Declaration::NotAvailable, text: text() };
    given.refuses("lao", of("LAO", declare(vec![])), "command.malformed").await;
    given.accepts("coordinator", round(RoundCommand::BeginClosing)).await;
    given.accepts("coordinator", round(RoundCommand::Close)).await;
    given.refuses("lao", of("LAO", declare(vec![TABLE])), "round.closed").await;
}

#[tokio::test]
async fn no_change_and_no_decision_without_a_reason() {
    let given = Given::a_launched_round().await;
    given.a_checked_file_with_a_question().await;
    let query = given.query().await;
    let other = b"another file";
    files::store(&given.ledger, other).await.unwrap();
    given.accepts("lao", of("LAO", receive("s2", other))).await;
    let change = |reason| {
        let FiguresCommand::Record { round, cells, .. } = record("s2", Some("1.702"), "1.072", None) else { panic!() };
        let evidence = Evidence { sha256: FileHash::of(other), sheet: None };
        figures("LAO", FiguresCommand::Record { round, submission: "s2".parse().unwrap(), reason, evidence, cells })
    };
    let reason = |code, text: &str| Some(Reason { code, text: text.to_owned() });
    for missing in [None, reason(ReasonCode::ErrorInEntry, " "), reason(ReasonCode::FirstReport, "first report")] {
        given.refuses("lao", change(missing), "reason.required").await;
    }
    let empty = String::new;
    given.refuses("coordinator", round(RoundCommand::Pause { reason: empty() }), "reason.required").await;
    given.refuses("coordinator", round(RoundCommand::Cancel { reason: empty() }), "reason.required").await;
    let country = "LAO".parse().unwrap();
    let mut until = moment();
    until.at = "2025-11-30T16:59:00Z".parse().unwrap();
    given
        .refuses("coordinator", round(RoundCommand::Extend { country, until, reason: empty() }), "reason.required")
        .await;
    given.refuses("coordinator", of("THA", P::Close { reason: empty() }), "reason.required").await;
    given.refuses("tha", of("THA", P::Decline { reason: empty() }), "reason.required").await;
    given.refuses("checker", of("LAO", P::Allow { query: query.clone(), reason: empty() }), "reason.required").await;
    let answer = P::AnswerQuery { query, answer: Answer::Explained, text: empty() };
    given.refuses("lao", of("LAO", answer), "reason.required").await;
    let declare = P::Declare { tables: vec![TABLE], declaration: Declaration::NotAvailable, text: empty() };
    given.refuses("tha", of("THA", declare), "reason.required").await;
    given.accepts("lao", change(reason(ReasonCode::ErrorInEntry, "digits were swapped"))).await;
}

#[tokio::test]
async fn those_who_look_on_change_nothing() {
    let given = Given::a_launched_round().await;
    given.a_checked_file_with_a_question().await;
    let query = given.query().await;
    let size = given.ledger.head().await.unwrap().size;
    let reason = || "because".to_owned();
    let wishes = || {
        vec![
            round(RoundCommand::Pause { reason: reason() }),
            round(RoundCommand::Close),
            round(RoundCommand::Cancel { reason: reason() }),
            of("LAO", P::Acknowledge),
            of("LAO", receive("s9", FILE)),
            of("LAO", P::Allow { query: query.clone(), reason: reason() }),
            of("LAO", P::AcceptAnswer { query: query.clone() }),
            of("LAO", P::Accept { tables: Vec::new() }),
            of("LAO", P::Confirm),
            of("LAO", P::Close { reason: reason() }),
            figures("LAO", record("s1", None, "9", None)),
            release(ReleaseCommand::Approve),
            release(ReleaseCommand::Clear),
            Wish::Notice {
                round: "r".parse().unwrap(),
                notice: "n".parse().unwrap(),
                command: NoticeCommand::SendAgain { reason: reason() },
            },
        ]
    };
    let pauses = |wish: &Wish| matches!(wish, Wish::Round { command: RoundCommand::Pause { .. }, .. });
    for person in ["auditor", "observer", "admin", "operator"] {
        // Who starts a log again may hold it, and no more.
        for wish in wishes().into_iter().filter(|wish| person != "operator" || !pauses(wish)) {
            given.refuses(person, wish, "actor.not-allowed").await;
        }
    }
    given.refuses("operator", round(RoundCommand::Resume { reason: reason() }), "actor.not-allowed").await;
    for person in ["auditor", "observer", "tha"] {
        given.refuses(person, grant("somebody", Role::FocalPoint, Some("LAO")), "actor.not-allowed").await;
    }
    assert_eq!(given.ledger.head().await.unwrap().size, size, "the log is as it was");
}
