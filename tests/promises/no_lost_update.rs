//! Promise 4: no lost update. 1,000 races of two people on one figure: one wins each, and the loser is shown both values.

use crate::given::Log;
use rondo_domain::figure::{CellKey, CellWish, Evidence, FigureKey, FigureValue, FiguresCommand, Sex, SheetKey};
use rondo_domain::{Command, FileHash, Reason, ReasonCode, Rejection, SubmissionId, Wish};
use rondo_eventlog::life;
use rondo_eventlog::{Accepted, SubmitError};

const RACES: usize = 1_000;

fn value(thousandths: usize) -> FigureValue {
    FigureValue::of(rust_decimal::Decimal::new(thousandths as i64, 3))
}

fn cell() -> CellKey {
    CellKey { sex: Sex::Female, classif1: Some("CDS_DES_KOR".parse().unwrap()), classif2: None }
}

fn sheet() -> SheetKey {
    SheetKey {
        country: "LAO".parse().unwrap(),
        indicator: "MNA_OEMP_SEX_CDS_NB".parse().unwrap(),
        year: 2023,
        source: "FX:1".parse().unwrap(),
    }
}

fn change(log: &mut Log, person: &str, submission: &SubmissionId, was: Option<&FigureValue>, is: usize) -> Command {
    let command = FiguresCommand::Record {
        round: log.round.clone(),
        submission: submission.clone(),
        reason: Some(Reason { code: ReasonCode::ErrorInEntry, text: format!("{person} has it so") }),
        evidence: Evidence { sha256: FileHash::of(person.as_bytes()), sheet: None },
        cells: vec![CellWish { key: cell(), was: was.cloned(), is: value(is), cell: None }],
    };
    log.command(person, Wish::Figures { sheet: sheet(), command })
}

/// What the loser was shown: the value seen, the one recorded meanwhile, and the one proposed.
fn shown(outcome: Result<Accepted, SubmitError>) -> (Option<FigureValue>, Option<FigureValue>, FigureValue) {
    match outcome {
        Err(SubmitError::Rejected(Rejection::ChangedMeanwhile { mut conflicts })) if conflicts.len() == 1 => {
            let conflict = conflicts.remove(0);
            assert_eq!(conflict.figure, FigureKey::new(&sheet(), &cell()).to_string());
            (conflict.seen, conflict.current, conflict.proposed)
        }
        other => panic!("the loser is shown both values: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_change_a_figure_one_wins_and_the_other_is_shown_both_values() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new(&folder.path().join("data")).await;
    log.begin_round(0).await;
    let people = ["lao-focal", "lao-other"];
    let mut submissions = Vec::new();
    for (n, person) in people.iter().enumerate() {
        submissions.push(log.file(person, "LAO", &format!("s{n}"), person.as_bytes()).await);
    }
    let (mut current, mut wins) = (None, [0, 0]);
    for race in 0..RACES {
        let proposed = [race * 2 + 1, race * 2 + 2];
        let mut runners = Vec::new();
        for n in [race % 2, 1 - race % 2] {
            let command = change(&mut log, people[n], &submissions[n], current.as_ref(), proposed[n]);
            let ledger = log.ledger.clone();
            runners.push((n, tokio::spawn(async move { ledger.submit(command).await })));
        }
        let mut outcomes = Vec::new();
        for (n, runner) in runners {
            outcomes.push((n, runner.await.unwrap()));
        }
        let won: Vec<usize> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(n, _)| *n).collect();
        let [winner] = won[..] else { panic!("race {race}: {} won", won.len()) };
        let (loser, outcome) = outcomes.into_iter().find(|(n, _)| *n != winner).unwrap();
        let is = value(proposed[winner]);
        assert_eq!(shown(outcome), (current, Some(is.clone()), value(proposed[loser])), "race {race}");
        (current, wins[winner]) = (Some(is), wins[winner] + 1);
    }
    let key = FigureKey::new(&sheet(), &cell());
    let history = life::history(&*log.ledger, &key, jiff::Timestamp::MAX).await.unwrap();
    assert_eq!(history.len(), RACES, "one change a race");
    assert!(
        history.windows(2).all(|pair| pair[1].change.was.as_ref() == Some(&pair[0].change.is)),
        "an unbroken chain"
    );
    eprintln!("{RACES} races, won {wins:?}");
}
