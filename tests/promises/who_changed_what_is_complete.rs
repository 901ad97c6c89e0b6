//! Promise 9: "who changed figure X" is complete. Random edits through the ledger, against a plain list in memory, as of any
//! instant. 1,000 edits in every run, 10,000 with `tests/run --full`; the seed is printed and may be given as `RONDO_SEED`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rondo_domain::calendar::Moment;
use rondo_domain::figure::{CellKey, CellWish, Evidence, FigureKey, FigureValue, FiguresCommand, Sex, SheetKey};
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::participation::{Channel, CheckedTable, ParticipationCommand as P, ReceivedFile};
use rondo_domain::round::{Participant, Pin, RoundCommand, RoundPlan};
use rondo_domain::table::TableNo;
use rondo_domain::{Command, CommandId, FileHash, Reason, ReasonCode, Role, RoundId, Wish};
use rondo_eventlog::life::{self, AsOf};
use rondo_eventlog::{Ledger, files};
use rondo_ledger::LedgerConfig;
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_tests::{Dice, length};

const COUNTRIES: [&str; 3] = ["LAO", "THA", "VNM"];
const INDICATORS: [&str; 2] = ["MNA_OEMP_SEX_CDS_NB", "MST_TEMP_SEX_CBR_NB"];
const SOURCES: [&str; 2] = ["EB:1", "FX:2"];
const TABLE: TableNo = TableNo(17);
/// Edits of one round; a country sends at most 500 files in each.
const IN_A_ROUND: u64 = 1_000;

/// One change as it was made.
#[derive(Debug, Clone, PartialEq)]
struct Made {
    at: Timestamp,
    by: String,
    was: Option<FigureValue>,
    is: FigureValue,
    reason: String,
}

struct Log {
    ledger: Arc<dyn Ledger>,
    clock: PacedClock,
    acts: u64,
    round: RoundId,
}

impl Log {
    async fn act(&mut self, person: &str, wish: Wish) {
        self.acts += 1;
        let id = CommandId::of(&["promise", &self.acts.to_string()]);
        let actor = person.parse().unwrap();
        let command = Command { id, actor, role: None, via: None, on_behalf_of: None, cause: None, wish };
        self.ledger.submit(command).await.unwrap();
    }

    async fn in_round(&mut self, person: &str, command: RoundCommand) {
        self.act(person, Wish::Round { round: self.round.clone(), command }).await;
    }

    async fn of(&mut self, person: &str, country: &str, command: P) {
        let country = country.parse().unwrap();
        self.act(person, Wish::Participation { round: self.round.clone(), country, command }).await;
    }

    /// A focal point in each country, and a coordinator.
    async fn people(&mut self) {
        let focal =
            COUNTRIES.map(|country| (format!("{}-focal", country.to_lowercase()), Role::FocalPoint, Some(country)));
        let coordinator = ("coordinator".to_owned(), Role::RegionalCoordinator, None);
        for (person, role, country) in focal.into_iter().chain([coordinator]) {
            let grant = Grant { role, country: country.map(|code| code.parse().unwrap()), institution: None };
            let command = NetworkCommand::GrantRole { person: person.parse().unwrap(), grant };
            self.act("operator", Wish::Network { command }).await;
        }
    }

    /// A launched round in which three countries take part.
    async fn begin_round(&mut self, n: u64) {
        self.round = format!("r{n}").parse().unwrap();
        let bundle = files::store(&*self.ledger, b"a workflow").await.unwrap();
        let pin = Pin { workflow: "w".parse().unwrap(), bundle };
        self.in_round("coordinator", RoundCommand::Plan { pin, year: 2025, title: "A round".into() }).await;
        let deadline = Moment {
            at: "2030-10-31T16:59:00Z".parse().unwrap(),
            local: jiff::civil::date(2030, 10, 31).at(23, 59, 0, 0),
            zone: "Asia/Bangkok".into(),
            calendar: "test".into(),
            moved: Vec::new(),
            rule: "deadline".into(),
        };
        let participants = COUNTRIES
            .map(|code| Participant { country: code.parse().unwrap(), deadline: deadline.clone(), tables: vec![TABLE] })
            .to_vec();
        let plan = RoundPlan { milestones: BTreeMap::new(), participants, reference_years: vec![2023, 2024] };
        self.in_round("coordinator", RoundCommand::Configure { plan }).await;
        self.in_round("coordinator", RoundCommand::Launch).await;
        for country in COUNTRIES {
            self.of("scheduler", country, P::Expect).await;
        }
    }

    /// One file with a few figures of one sheet, received, recorded and checked.
    async fn edit(&mut self, n: u64, dice: &mut Dice, oracle: &mut BTreeMap<FigureKey, Vec<Made>>) {
        self.clock.advance(self.clock.now() + SignedDuration::from_secs(1 + dice.roll(5_000) as i64));
        let country = dice.one(&COUNTRIES);
        let person = format!("{}-focal", country.to_lowercase());
        let sheet = SheetKey {
            country: country.parse().unwrap(),
            indicator: dice.one(&INDICATORS).parse().unwrap(),
            year: 2023 + dice.roll(2) as i16,
            source: dice.one(&SOURCES).parse().unwrap(),
        };
        let text = format!("reason {n}");
        let mut cells: BTreeMap<CellKey, CellWish> = BTreeMap::new();
        for _ in 0..=dice.roll(4) {
            let class = ["CDS_DES_KOR", "CDS_DES_JPN", "CDS_DES_THA"][dice.roll(3)];
            let sex = [Sex::Total, Sex::Male, Sex::Female][dice.roll(3)];
            let key = CellKey { sex, classif1: Some(class.parse().unwrap()), classif2: None };
            let was =
                oracle.get(&FigureKey::new(&sheet, &key)).and_then(|made| made.last()).map(|made| made.is.clone());
            let is = FigureValue::of(format!("{}.{}", dice.roll(50), dice.roll(3)).parse().unwrap());
            cells.insert(key.clone(), CellWish { key, was, is, cell: Some(format!("row {n}")) });
        }
        let bytes = format!("file {n}").into_bytes();
        let sha256 = files::store(&*self.ledger, &bytes).await.unwrap();
        let submission: rondo_domain::SubmissionId = format!("s{n}").parse().unwrap();
        let file = ReceivedFile { sha256: sha256.clone(), name: "f.csv".into(), size: bytes.len() as u64 };
        let (channel, institution) = (Channel::Upload, None);
        let receive = P::Receive { submission: submission.clone(), file, channel, institution, reason: None };
        self.of(&person, country, receive).await;
        self.of("scheduler", country, P::RequestCheck { submission: submission.clone() }).await;
        let reason = Some(Reason { code: ReasonCode::ErrorInEntry, text: text.clone() });
        let evidence = Evidence { sha256: FileHash::of(&bytes), sheet: None };
        let (round, wishes) = (self.round.clone(), cells.values().cloned().collect());
        let command = FiguresCommand::Record { round, submission: submission.clone(), reason, evidence, cells: wishes };
        self.act(&person, Wish::Figures { sheet: sheet.clone(), command }).await;
        for wish in cells.into_values().filter(|wish| wish.was.as_ref() != Some(&wish.is)) {
            let made =
                Made { at: self.clock.now(), by: person.clone(), was: wish.was, is: wish.is, reason: text.clone() };
            oracle.entry(FigureKey::new(&sheet, &wish.key)).or_default().push(made);
        }
        let tables = vec![CheckedTable { table: TABLE, years: vec![sheet.year], sources: vec![sheet.source] }];
        let complete = P::CompleteCheck { submission, tables, figures: 1, findings: Vec::new() };
        self.of("validator", country, complete).await;
    }

    async fn told(&self, key: &FigureKey, as_of: AsOf) -> Vec<Made> {
        let life = life::read(&*self.ledger, key, Some(TABLE), as_of).await.unwrap();
        let made = |value: life::Value| Made {
            at: value.recorded.at,
            by: value.recorded.by.to_string(),
            was: value.change.was,
            is: value.change.is,
            reason: value.reason.text,
        };
        life.into_iter().map(made).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figures_history_and_every_as_of_view_is_that_of_a_plain_list() {
    let (edits, mut dice) = (length(1_000, 10_000) as u64, Dice::of_this_run());
    let folder = tempfile::tempdir().unwrap();
    let clock = PacedClock::new("2026-01-01T00:00:00Z".parse().unwrap());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let opened = rondo_ledger::open(&LedgerConfig {
        data: folder.path().join("data"),
        origin: "test.example/log".to_owned(),
        clock: shared,
        chance: Arc::new(SystemChance),
    })
    .unwrap();
    let mut log = Log { ledger: Arc::new(opened.handle.clone()), clock, acts: 0, round: "r".parse().unwrap() };
    log.people().await;
    let mut oracle = BTreeMap::new();
    let begin = log.clock.now();
    for n in 0..edits {
        if n % IN_A_ROUND == 0 {
            log.begin_round(n / IN_A_ROUND).await;
        }
        log.edit(n, &mut dice, &mut oracle).await;
    }
    let span = log.clock.now().duration_since(begin).as_secs() as usize;
    let mut changes = 0;
    for (key, made) in &oracle {
        assert_eq!(log.told(key, AsOf::Now).await, *made, "{key}");
        changes += made.len();
        for _ in 0..5 {
            let at = begin + SignedDuration::from_secs(dice.roll(span) as i64);
            let known: Vec<Made> = made.iter().filter(|made| made.at <= at).cloned().collect();
            assert_eq!(log.told(key, AsOf::Known(at)).await, known, "{key} as of {at}");
        }
    }
    eprintln!("{} figures with {changes} changes", oracle.len());
    assert!(oracle.len() > 150 && changes > edits as usize, "{} figures, {changes} changes", oracle.len());
}
