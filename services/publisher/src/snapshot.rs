//! A snapshot: the figures of a release as they stood in the log when it was put together, which is what was approved.

use std::collections::BTreeMap;
use std::time::Duration;

use rondo_domain::figure::{CellKey, RawRow, SheetKey};
use rondo_domain::table::Questionnaire;
use rondo_domain::workflow::Bundle;
use rondo_domain::world::World;
use rondo_domain::{FileHash, ReleaseId, RoundId};
use rondo_eventlog::merkle::Checkpoint;
use rondo_eventlog::vintage::{self, Attributed};
use rondo_eventlog::{Fault, Head, Ledger, files};
use rondo_runtime::lifecycle::with_sources;

/// How often a checkpoint that covers the release is looked for, half a second apart.
const CHECKPOINT_TRIES: u32 = 40;

/// What a release is made of.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The round.
    pub(crate) round: RoundId,
    /// The definition the round is pinned to.
    pub(crate) bundle: FileHash,
    /// Figures in the order of their keys.
    pub(crate) rows: Vec<RawRow>,
    /// The log position before which everything counts.
    pub(crate) position: u64,
    /// The head that the checkpoint signs.
    pub(crate) head: Head,
    /// A signed checkpoint that covers the approval and the beginning of the release as well.
    pub(crate) checkpoint: String,
}

/// Takes the snapshot of a begun release.
pub(crate) async fn take(ledger: &dyn Ledger, world: &World, id: &ReleaseId) -> Result<Option<Snapshot>, Fault> {
    let Some(release) = world.release(id) else { return Ok(None) };
    let (Some(round_id), Some(position), Some(begun)) = (&release.round, release.prepared_at, release.begun_at) else {
        return Ok(None);
    };
    let Some(round) = world.round(round_id) else { return Ok(None) };
    let Some(pin) = &round.pin else { return Ok(None) };
    let questionnaire = match questionnaire(ledger, &pin.bundle).await {
        Err(fault) if !fault.is_passing() => {
            // Its own release waits; those of other rounds do not wait with it.
            let why = with_sources(&fault);
            tracing::error!(release = %id, "the release waits, because the workflow of its round cannot be read: {why}");
            return Ok(None);
        }
        questionnaire => questionnaire?,
    };
    let mut rows = Vec::new();
    for tables in &release.contents {
        for table in &tables.tables {
            for layout in questionnaire.indicators(*table) {
                let prefix = format!("figures/{}/{}/", tables.country, layout.indicator);
                for (sheet, figures) in vintage::sheets(ledger, &prefix, |record| record.position < position).await? {
                    if round.reference_years.contains(&sheet.year) {
                        rows.extend(sheet_rows(&sheet, &figures));
                    }
                }
            }
        }
    }
    let (head, checkpoint) = checkpoint(ledger, begun).await?;
    Ok(Some(Snapshot { round: round_id.clone(), bundle: pin.bundle.clone(), rows, position, head, checkpoint }))
}

async fn questionnaire(ledger: &dyn Ledger, hash: &FileHash) -> Result<Questionnaire, Fault> {
    let bytes = files::fetch(ledger, hash).await?;
    let bundle = Bundle::from_bytes(&bytes).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
    rondo_questionnaire::read_questionnaire(&bundle).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))
}

/// The rows of a sheet, as they are published.
fn sheet_rows(sheet: &SheetKey, figures: &BTreeMap<CellKey, Attributed>) -> Vec<RawRow> {
    let code = |code: &Option<rondo_domain::Code>| code.as_ref().map(ToString::to_string).unwrap_or_default();
    figures
        .iter()
        .map(|(cell, (figure, _))| {
            let figure = figure.shown();
            RawRow {
                line: 0,
                ref_area: sheet.country.to_string(),
                source: sheet.source.to_string(),
                indicator: sheet.indicator.to_string(),
                sex: cell.sex.as_str().to_owned(),
                classif1: code(&cell.classif1),
                classif2: code(&cell.classif2),
                time: sheet.year.to_string(),
                obs_value: figure.value.map(|value| value.to_string()).unwrap_or_default(),
                obs_status: figure.status.map(|status| status.letter().to_owned()).unwrap_or_default(),
                ..RawRow::default()
            }
        })
        .collect()
}

/// A signed checkpoint that covers the position; the notary signs within a second.
async fn checkpoint(ledger: &dyn Ledger, position: u64) -> Result<(Head, String), Fault> {
    for _ in 0..CHECKPOINT_TRIES {
        let note = match ledger.checkpoint().await {
            Ok(note) => note,
            Err(Fault::NotFound(_)) => String::new(),
            Err(fault) => return Err(fault),
        };
        if let Some(signed) = Checkpoint::claimed(&note).filter(|signed| signed.head.size > position) {
            return Ok((signed.head, note));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(Fault::Protocol(format!("no signed checkpoint covers record {position}; is the notary running?")))
}
