//! Promise 9: "who changed figure X" is complete. Random edits through the ledger, against a plain list in memory, as of any
//! instant. 2,000 edits (10,000 commands) in every run, 10,000 edits with `tests/run --full`; the seed is printed and may be given as `RONDO_SEED`.

use std::collections::BTreeMap;

use crate::given::{COUNTRIES, Log, TABLE};
use jiff::{SignedDuration, Timestamp};
use rondo_domain::figure::{CellKey, CellWish, Evidence, FigureKey, FigureValue, FiguresCommand, Sex, SheetKey};
use rondo_domain::participation::{CheckedTable, ParticipationCommand as P};
use rondo_domain::{FileHash, Reason, ReasonCode, Wish};
use rondo_eventlog::life::{self, AsOf};
use rondo_runtime::clock::Clock;
use rondo_tests::{Dice, length};

const INDICATORS: [&str; 2] = ["MNA_OEMP_SEX_CDS_NB", "MST_TEMP_SEX_CBR_NB"];
const SOURCES: [&str; 2] = ["EB:1", "FX:2"];
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

/// One file with a few figures of one sheet, received, recorded and checked.
async fn edit(log: &mut Log, n: u64, dice: &mut Dice, oracle: &mut BTreeMap<FigureKey, Vec<Made>>) {
    log.clock.advance(log.clock.now() + SignedDuration::from_secs(1 + dice.roll(5_000) as i64));
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
        let was = oracle.get(&FigureKey::new(&sheet, &key)).and_then(|made| made.last()).map(|made| made.is.clone());
        let is = FigureValue::of(format!("{}.{}", dice.roll(50), dice.roll(3)).parse().unwrap());
        cells.insert(key.clone(), CellWish { key, was, is, cell: Some(format!("row {n}")) });
    }
    let bytes = format!("file {n}").into_bytes();
    let submission = log.file(&person, country, &format!("s{n}"), &bytes).await;
    let reason = Some(Reason { code: ReasonCode::ErrorInEntry, text: text.clone() });
    let evidence = Evidence { sha256: FileHash::of(&bytes), sheet: None };
    let (round, wishes) = (log.round.clone(), cells.values().cloned().collect());
    let command = FiguresCommand::Record { round, submission: submission.clone(), reason, evidence, cells: wishes };
    log.act(&person, Wish::Figures { sheet: sheet.clone(), command }).await;
    for wish in cells.into_values().filter(|wish| wish.was.as_ref() != Some(&wish.is)) {
        let made = Made { at: log.clock.now(), by: person.clone(), was: wish.was, is: wish.is, reason: text.clone() };
        oracle.entry(FigureKey::new(&sheet, &wish.key)).or_default().push(made);
    }
    let tables = vec![CheckedTable { table: TABLE, years: vec![sheet.year], sources: vec![sheet.source] }];
    let complete = P::CompleteCheck { submission, tables, figures: 1, findings: Vec::new(), extent: None };
    log.of("validator", country, complete).await;
}

/// Every value of a figure, as the log tells it.
async fn told(log: &Log, key: &FigureKey, as_of: AsOf) -> Vec<Made> {
    let life = life::read(&*log.ledger, key, Some(TABLE), as_of).await.unwrap();
    let made = |value: life::Value| Made {
        at: value.recorded.at,
        by: value.recorded.by.to_string(),
        was: value.change.was,
        is: value.change.is,
        reason: value.reason.text,
    };
    life.into_iter().map(made).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figures_history_and_every_as_of_view_is_that_of_a_plain_list() {
    let (edits, mut dice) = (length(2_000, 10_000) as u64, Dice::of_this_run());
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new(&folder.path().join("data")).await;
    let mut oracle = BTreeMap::new();
    let begin = log.clock.now();
    for n in 0..edits {
        if n % IN_A_ROUND == 0 {
            log.begin_round(n / IN_A_ROUND).await;
        }
        edit(&mut log, n, &mut dice, &mut oracle).await;
    }
    let span = log.clock.now().duration_since(begin).as_secs() as usize;
    let mut changes = 0;
    for (key, made) in &oracle {
        assert_eq!(told(&log, key, AsOf::Now).await, *made, "{key}");
        changes += made.len();
        for _ in 0..5 {
            let at = begin + SignedDuration::from_secs(dice.roll(span) as i64);
            let known: Vec<Made> = made.iter().filter(|made| made.at <= at).cloned().collect();
            assert_eq!(told(&log, key, AsOf::Known(at)).await, known, "{key} as of {at}");
        }
    }
    eprintln!("{} figures with {changes} changes", oracle.len());
    assert!(oracle.len() > 150 && changes > edits as usize, "{} figures, {changes} changes", oracle.len());
}
