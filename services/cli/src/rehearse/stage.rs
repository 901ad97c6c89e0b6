//! What a rehearsal begins with: a new round, or one of the log as it stands.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};
use rondo_domain::calendar::Offset;
use rondo_domain::event::Event;
use rondo_domain::round::{RoundCommand, RoundEvent};
use rondo_domain::workflow::Bundle;
use rondo_domain::world::World;
use rondo_domain::{Country, FileHash, Role, RoundId, Year};
use rondo_eventlog::{Record, files, ledger};
use rondo_scheduler::definitions::Ready;

use super::{Rehearsal, desk};
use crate::args::RehearseArgs;
use crate::builtin;
use crate::desk::Desk;
use crate::failure::Failure;

/// The most countries that a round may have.
const MAX_COUNTRIES: usize = rondo_domain::round::MAX_PARTICIPANTS;

/// A round to be played.
pub(super) struct Stage {
    pub(super) bundle: Bundle,
    /// Versions of it by which the round went before.
    pub(super) earlier: Vec<(FileHash, Vec<u8>)>,
    pub(super) ready: Ready,
    pub(super) year: Year,
    /// When the clock begins.
    pub(super) begin: Timestamp,
    /// When nothing more is played.
    pub(super) end: Timestamp,
    /// The round of the log that goes on, and what happened before.
    pub(super) live: Option<(RoundId, Vec<Record>)>,
}

impl Stage {
    /// A round that has not begun.
    pub(super) fn new(args: &RehearseArgs, after: SignedDuration) -> Result<Self, Failure> {
        let (Some(workflow), Some(year)) = (&args.workflow, args.year) else {
            return Err(Failure::usage("name a workflow and a year, or --round"));
        };
        let mut bundle = builtin::bundle(workflow)?;
        if let Some(countries) = args.countries {
            bundle = multiplied(&bundle, countries)?;
        }
        let ready = builtin::checked(&bundle)?.ready;
        let plan = ready.round_plan(year).map_err(|e| Failure::usage(e.to_string()))?;
        let instants = || plan.milestones.values().map(|moment| moment.at);
        let (Some(first), Some(last)) = (instants().min(), instants().max()) else {
            return Err(Failure::usage("the workflow has no milestones, so that nothing would happen"));
        };
        let begin = first - SignedDuration::from_hours(24);
        Ok(Self { bundle, earlier: Vec::new(), ready, year, begin, end: last + after, live: None })
    }

    /// A round of the log, as it stands or stood.
    pub(super) async fn of_log(
        id: &RoundId,
        as_of: Option<Timestamp>,
        desk: &Desk,
        after: SignedDuration,
    ) -> Result<Self, Failure> {
        let mut records = Vec::new();
        for prefix in ["network".to_owned(), format!("round/{id}")]
            .into_iter()
            .chain(["participation", "run", "notice", "release"].map(|kind| format!("{kind}/{id}")))
        {
            let of_round = |record: &Record| record.stream.round_id().is_none_or(|of| of == *id);
            let all = ledger::read_all(&*desk.ledger, &prefix).await?;
            records.extend(all.into_iter().filter(|r| of_round(r) && as_of.is_none_or(|as_of| r.recorded_at <= as_of)));
        }
        records.sort_by_key(|record| record.position);
        let mut world = World::of(&World::WITHOUT_FIGURES);
        records.iter().for_each(|record| world.apply(&record.stream, &record.event, &record.stamp()));
        let round = world.round(id).ok_or_else(|| rondo_domain::Rejection::UnknownRound { round: id.to_string() })?;
        let (bundle, ready) = desk.definition(round).await?;
        let mut earlier = Vec::new();
        for record in &records {
            if let Event::Round(RoundEvent::MigrationApproved { was, .. }) = &record.event {
                earlier.push((was.bundle.clone(), files::fetch(&*desk.ledger, &was.bundle).await?));
            }
        }
        let last = round.milestones.values().map(|moment| moment.at).max();
        let begin = as_of.or_else(|| records.last().map(|record| record.recorded_at));
        let (Some(begin), Some(last)) = (begin, last) else {
            return Err(Failure::usage(format!("the round {id} has no dates yet; rehearse its workflow instead")));
        };
        Ok(Self {
            bundle,
            earlier,
            ready,
            year: round.year,
            begin,
            end: last + after,
            live: Some((id.clone(), records)),
        })
    }

    /// The languages in which there are sentences, by their code, as the workflow names them.
    pub(super) fn languages(&self) -> BTreeMap<String, String> {
        #[derive(serde::Deserialize)]
        struct Named {
            language: String,
        }
        let file = |(name, text): (&str, &str)| {
            let code = name.strip_prefix("sentences.")?.strip_suffix(".toml")?;
            Some((code.to_owned(), toml::from_str::<Named>(text).ok()?.language))
        };
        self.bundle.below("mail").filter_map(file).collect()
    }

    /// The files that the records speak of and a rehearsal reads.
    pub(super) fn files(&self) -> Vec<(FileHash, Vec<u8>)> {
        let bytes = self.bundle.to_bytes();
        self.earlier.iter().cloned().chain([(FileHash::of(&bytes), bytes)]).collect()
    }
}

/// Extends deadlines in a rehearsal, as `rondo round extend` would in the log.
pub(super) async fn extend(
    rehearsal: &Rehearsal,
    id: &RoundId,
    extensions: &[(Country, Offset)],
) -> Result<(), Failure> {
    let world = crate::desk::world(&*rehearsal.ledger, &["network", "round/"]).await?;
    let holders = world.network().holders(Role::RegionalCoordinator, None, rehearsal.begin());
    let who = holders.first().ok_or_else(|| Failure::not_found("nobody holds the role regional-coordinator"))?;
    for (n, (country, offset)) in extensions.iter().enumerate() {
        let desk = Desk { occasion: format!("extension {n}"), ..desk(&rehearsal.ledger, (*who).clone()) };
        let round = desk.round(id).await?;
        let unknown =
            || rondo_domain::Rejection::UnknownParticipation { round: id.to_string(), country: country.to_string() };
        let part = round.participants.get(country).ok_or_else(unknown)?;
        let ready = rehearsal.ready.in_round(&round);
        let until = ready.extended(country, &part.deadline, *offset).map_err(|e| Failure::usage(e.to_string()))?;
        let reason = "what if".to_owned();
        desk.round_command(id, RoundCommand::Extend { country: country.clone(), until, reason }).await?;
    }
    Ok(())
}

/// The workflow with so many countries: its own first, then made-up ones with the days and tables of these in turn.
fn multiplied(bundle: &Bundle, countries: usize) -> Result<Bundle, Failure> {
    let ready = builtin::checked(bundle)?.ready;
    let own = &ready.definition.expected;
    if countries < own.len() || countries > MAX_COUNTRIES {
        let least = own.len();
        return Err(Failure::usage(format!("--countries takes a number from {least} to {MAX_COUNTRIES}")));
    }
    let texts = |name: &str| bundle.text(name).map(str::to_owned);
    let mut participants = texts("participants.toml")?;
    let mut zones = texts("calendar/countries.toml")?;
    let mut days = texts("calendar/holidays.csv")?;
    let letters: Vec<char> = ('A'..='Z').collect();
    for number in 0..countries - own.len() {
        let like = &own[number % own.len()];
        let code = format!("X{}{}", letters[number / 26], letters[number % 26]);
        let calendar = ready.calendars.of(&like.country).map_err(|e| Failure::of(&e))?;
        let tables: Vec<String> = like.tables.iter().map(ToString::to_string).collect();
        let week = calendar.weeks.last().map(|week| week.rest.clone()).unwrap_or_default();
        let rest: Vec<String> = week.iter().map(|day| format!("\"{day:?}\"")).collect();
        let written = write!(
            participants,
            "\n[[participant]]\ncountry = \"{code}\"\ntables = [{}]\n",
            tables.join(", ")
        )
        .and_then(|()| {
            write!(
                zones,
                "\n[[country]]\ncode = \"{code}\"\nname = \"{code}\"\nzone = \"{}\"\nweek = [{{ rest = [{}] }}]\n",
                calendar.zone_name,
                rest.join(", ")
            )
        })
        .and_then(|()| calendar.holidays.keys().try_for_each(|day| writeln!(days, "{code},{day},a day off,N")));
        written.map_err(|e| Failure::failed(e.to_string()))?;
    }
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (path, text) in bundle.files() {
        files.insert(path.to_owned(), text.to_owned());
    }
    files.insert("participants.toml".to_owned(), participants);
    files.insert("calendar/countries.toml".to_owned(), zones);
    files.insert("calendar/holidays.csv".to_owned(), days);
    Bundle::new(files).map_err(|e| Failure::usage(e.to_string()))
}
