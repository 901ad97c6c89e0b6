//! The commands that are measured: real ones of the domain, by people and services that hold their roles.

use rondo_domain::event::Event;
use rondo_domain::figure::{CellKey, CellWish, Evidence, FigureValue, FiguresCommand, Sex, SheetKey};
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::participation::{Channel, Declaration, ParticipationCommand, ReceivedFile};
use rondo_domain::round::{Participant, Pin, Round, RoundCommand, RoundPlan};
use rondo_domain::table::{Layout, Questionnaire, TableNo};
use rondo_domain::{
    Command, CommandId, Country, FileHash, Reason, ReasonCode, Role, RoundId, StreamId, SubmissionId, Wish,
};
use rondo_eventlog::{Ledger, files, ledger};

pub const COUNTRIES: usize = 200;
/// The steps of one participation.
pub const STEPS: usize = 6;
const FILE: &[u8] = b"the received file";

pub fn country(n: usize) -> Country {
    let letter = |n: usize| char::from(b'A' + (n % 26) as u8);
    [letter(n / 676), letter(n / 26), letter(n)].iter().collect::<String>().parse().unwrap()
}

fn focal_point(n: usize) -> String {
    format!("focal-point-{n}")
}

fn command(actor: &str, cause: &[&str], wish: Wish) -> Command {
    let stream = wish.stream();
    let mut parts = vec!["bench", actor, stream.as_str()];
    parts.extend(cause);
    Command::of(CommandId::of(&parts), actor.parse().unwrap(), wish)
}

/// The table of the round.
pub fn table() -> TableNo {
    TableNo(17)
}

/// Grants every role that the commands need, and stores the file they speak of.
pub async fn people(operator: &dyn Ledger) {
    files::store(operator, FILE).await.unwrap();
    let mut grants = vec![("coordinator".to_owned(), Role::RegionalCoordinator, None)];
    grants.extend((0..COUNTRIES).map(|n| (focal_point(n), Role::FocalPoint, Some(country(n)))));
    for (person, role, country) in grants {
        let grant = Grant::of(role, country);
        let wish = Wish::Network { command: NetworkCommand::GrantRole { person: person.parse().unwrap(), grant } };
        operator.submit(command("operator", &[&person], wish)).await.unwrap();
    }
}

/// The id of a round.
pub fn round_id(n: usize) -> RoundId {
    format!("bench-{n}").parse().unwrap()
}

/// A round as the log has it.
pub async fn standing(ledger: &dyn Ledger, n: usize) -> Round {
    let mut round = Round::default();
    for record in ledger::read_all(ledger, StreamId::round(&round_id(n)).as_str()).await.unwrap() {
        if let Event::Round(event) = &record.event {
            round.evolve(event, record.recorded_at);
        }
    }
    round
}

/// A questionnaire whose one table holds the indicators of so many sheets.
pub fn questionnaire(sheets: usize) -> Questionnaire {
    let mut questionnaire = Questionnaire::default();
    for n in (0..sheets).step_by(COUNTRIES * 100) {
        let layout = Layout {
            indicator: sheet(n).indicator,
            table: table(),
            title: "Measured".to_owned(),
            classif1: Some("CDS_DES".to_owned()),
            classif2: None,
            additive: true,
            unit: "persons, thousands".to_owned(),
        };
        questionnaire.layouts.insert(layout.indicator.clone(), layout);
    }
    questionnaire
}

/// A launched round that expects every country.
pub async fn round(operator: &dyn Ledger, n: usize) -> RoundId {
    let round = round_id(n);
    let local = jiff::civil::date(2025, 10, 31).at(23, 59, 0, 0);
    let deadline = rondo_tests::moment("2025-10-31T16:59:00Z", local);
    let participants = (0..COUNTRIES)
        .map(|n| Participant { country: country(n), deadline: deadline.clone(), tables: vec![table()] })
        .collect();
    let plan = RoundPlan { milestones: Default::default(), participants, reference_years: vec![2024] };
    let pin = Pin { workflow: "bench".parse().unwrap(), bundle: FileHash::of(FILE) };
    let commands = [
        RoundCommand::Plan { pin, year: 2025, title: "A round to be measured".to_owned() },
        RoundCommand::Configure { plan },
        RoundCommand::Launch,
    ];
    for (step, wished) in commands.into_iter().enumerate() {
        let wish = Wish::Round { round: round.clone(), command: wished };
        operator.submit(command("coordinator", &[&step.to_string()], wish)).await.unwrap();
    }
    round
}

fn submission(country: &Country) -> SubmissionId {
    format!("{}-bench", country.as_str().to_ascii_lowercase()).parse().unwrap()
}

/// One of the six steps of a participation: who sends it, and the command.
pub fn step(round: &RoundId, n: usize, step: usize) -> (Sender, Command) {
    use ParticipationCommand as C;
    let (country, person) = (country(n), focal_point(n));
    let id = submission(&country);
    let (sender, actor, wished) = match step {
        0 => (Sender::Scheduler, "scheduler", C::Expect),
        1 => (Sender::Scheduler, "scheduler", C::Invite { person: person.parse().unwrap(), role: None }),
        2 => (Sender::People, person.as_str(), C::Acknowledge),
        3 => {
            let size = FILE.len() as u64;
            let file = ReceivedFile { sha256: FileHash::of(FILE), name: "tables.csv".to_owned(), size };
            let receive = C::Receive {
                submission: id,
                file,
                channel: Channel::Upload,
                institution: None,
                reason: None,
                source: None,
            };
            (Sender::People, person.as_str(), receive)
        }
        4 => (Sender::Scheduler, "scheduler", C::RequestCheck { submission: id }),
        _ => {
            let text = "we have no such data for this year".to_owned();
            let declaration = Declaration::NotAvailable;
            (Sender::People, person.as_str(), C::Declare { tables: vec![table()], declaration, text })
        }
    };
    let wish = Wish::Participation { round: round.clone(), country, command: wished };
    (sender, command(actor, &[&step.to_string()], wish))
}

/// Who passes a command on: the broker lets a service speak for itself alone.
#[derive(Clone, Copy)]
pub enum Sender {
    Scheduler,
    People,
}

/// Sheets of figures that are changed again and again.
pub const SHEETS: usize = 20_000;

pub fn sheet(n: usize) -> SheetKey {
    let (n, country_no) = (n / COUNTRIES, n % COUNTRIES);
    let indicator = match n / 100 {
        0 => "MNA_OEMP_SEX_CDS_NB".to_owned(),
        other => format!("MNA_B{other:03}_SEX_CDS_NB"),
    };
    SheetKey {
        country: country(country_no),
        indicator: indicator.parse().unwrap(),
        year: 1_950 + (n % 100) as i16,
        source: "FX:1".parse().unwrap(),
    }
}

pub fn cell() -> CellKey {
    CellKey { sex: Sex::Female, classif1: Some("CDS_DES_KOR".parse().unwrap()), classif2: None }
}

/// How many figures each report of a sheet changes, from the first one on.
pub const REPORTED: [usize; 4] = [25, 10, 5, 1];

/// A figure of such a sheet.
pub fn reported_cell(n: usize) -> CellKey {
    let sex = [Sex::Total, Sex::Female, Sex::Male][n % 3];
    CellKey { sex, classif1: Some(format!("CDS_DES_{}", country(n / 3)).parse().unwrap()), classif2: None }
}

/// The version-th report of a sheet.
pub fn report(round: &RoundId, sheet_no: usize, version: usize) -> Command {
    let wishes = (0..REPORTED[version]).map(|n| wish(reported_cell(n), version, n)).collect();
    recorded(round, sheet_no, version, wishes)
}

/// The version-th change of a sheet's one figure, by the country's focal point, with its reason.
pub fn change(round: &RoundId, sheet_no: usize, version: usize) -> Command {
    recorded(round, sheet_no, version, vec![wish(cell(), version, version)])
}

fn wish(key: CellKey, version: usize, row: usize) -> CellWish {
    let value = |version: usize| FigureValue::of(rust_decimal::Decimal::new(1_000 + version as i64, 3));
    let was = version.checked_sub(1).map(value);
    CellWish { key, was, is: value(version), cell: Some(format!("row {}", row + 2)) }
}

fn recorded(round: &RoundId, sheet_no: usize, version: usize, cells: Vec<CellWish>) -> Command {
    let sheet = sheet(sheet_no);
    let code = if version == 0 { ReasonCode::FirstReport } else { ReasonCode::ErrorInEntry };
    let wished = FiguresCommand::Record {
        round: round.clone(),
        submission: submission(&sheet.country),
        reason: Some(Reason { code, text: "as the register has it".to_owned() }),
        evidence: Evidence { sha256: FileHash::of(FILE), sheet: None },
        cells,
    };
    let person = focal_point(sheet_no % COUNTRIES);
    command(&person, &[&version.to_string()], Wish::Figures { sheet, command: wished })
}
