//! `rondo rehearse`: the whole round on a virtual clock, by the same scheduler and reminder as the real one, with people who
//! answer as they are told to; from its beginning, or from where a round of the log stands. Nothing is sent or stored.

mod answers;
mod players;
mod services;
#[cfg(test)]
mod simulation;
mod stage;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rondo_domain::calendar::Offset;
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::{Country, PersonId, Role, Wish};
use rondo_eventlog::{Ledger, Record};
use rondo_reminder::transport::{Outcome, Transport};
use rondo_reminder::{Letter, Reminder};
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::config::Config;
use rondo_runtime::memory::MemoryLedger;
use rondo_runtime::people::{People, Person};
use rondo_runtime::progress::Board;
use rondo_runtime::subscription::Subscription;
use rondo_scheduler::Scheduler;
use rondo_scheduler::definitions::Ready;

use crate::again::Given;
use crate::args::RehearseArgs;
#[cfg(test)]
use crate::builtin;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::Form;
use answers::Answers;
use players::Players;
use stage::Stage;
use told::Told;

/// What follows the last milestone is played too, for so long.
const AFTER: SignedDuration = SignedDuration::from_hours(60 * 24);

/// Instants at which something happens, at the most: a round that never comes to rest is a fault of its definition.
const MAX_TURNS: usize = 200_000;

/// Takes every mail and sends none.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: &Letter) -> Outcome {
        Outcome::Accepted
    }
}

/// Plays a round and tells what happened in it.
pub(crate) async fn run(args: &RehearseArgs, config: &Config, form: Form) -> Result<(), Failure> {
    if args.as_of.is_some() || !args.extend.is_empty() {
        return Err(Failure::usage("--as-of and --extend go on from a round of the log: name it with --round"));
    }
    let stage = Stage::new(args, AFTER)?;
    let told = play(&stage, args, config, &[]).await?;
    told::print(&stage, &told, form)?;
    keep(&stage, &told, args)
}

/// Plays a round of the log from where it stands; with a wish, once without it and once with it.
pub(crate) async fn run_live(args: &RehearseArgs, desk: &Desk, config: &Config, form: Form) -> Result<(), Failure> {
    let Some(round) = &args.round else { return run(args, config, form).await };
    let stage = Stage::of_log(round, args.as_of, desk, AFTER).await?;
    let as_is = play(&stage, args, config, &[]).await?;
    if args.extend.is_empty() {
        told::print(&stage, &as_is, form)?;
        return keep(&stage, &as_is, args);
    }
    let wished = play(&stage, args, config, &args.extend).await?;
    told::difference(&stage, &as_is, &wished, form)?;
    keep(&stage, &wished, args)
}

/// Writes what was asked for beside what is printed.
fn keep(stage: &Stage, told: &[Told], args: &RehearseArgs) -> Result<(), Failure> {
    if let Some(path) = &args.page {
        told::page(stage, told).write(path)?;
    }
    if let Some(path) = &args.ics {
        crate::printed::write(path, told::calendar(stage, told).as_bytes())?;
    }
    Ok(())
}

/// Plays what is on the stage to its end.
async fn play(
    stage: &Stage,
    args: &RehearseArgs,
    config: &Config,
    extensions: &[(Country, Offset)],
) -> Result<Vec<Told>, Failure> {
    let mut answers = Answers::read(args.answers.as_deref())?;
    let plan = stage.ready.round_plan(stage.year).map_err(|e| Failure::usage(e.to_string()))?;
    if args.seed.is_some() && answers.has_usual() {
        let told =
            "`usual` and --seed both say what the countries do that have no line of their own: leave one of them out";
        return Err(Failure::usage(told));
    }
    if let Some(seed) = args.seed {
        let countries = plan.participants.iter().map(|participant| &participant.country);
        answers.draw(countries, &mut fastrand::Rng::with_seed(seed));
    }
    if let [first, ..] = answers.strangers(|country| plan.participants.iter().any(|part| part.country == *country))[..]
    {
        return Err(Failure::usage(format!(
            "{first} has an answer and does not take part in the round of {}",
            stage.year
        )));
    }
    let mut rehearsal = Rehearsal::open(stage, config).await?;
    let round = match &stage.live {
        Some((round, _)) => round.clone(),
        None => rehearsal.desk(Role::RegionalCoordinator)?.plan(&stage.bundle, stage.year).await?,
    };
    if !extensions.is_empty() {
        stage::extend(&rehearsal, &round, extensions).await?;
    }
    let mut players = Players::new(round, answers, &rehearsal.ready);
    if let Some((_, records)) = &stage.live {
        let all = ["network", "round/", "participation/", "run/", "release/"];
        let world = crate::desk::world(&*rehearsal.ledger, &all).await?;
        players.go_on(&world, &rehearsal.ready, stage.begin, records.len())?;
        players.take_up(&rehearsal.ledger, &world).await?;
    }
    rehearsal.play(&mut players, stage.end).await?;
    let before = stage.live.as_ref().map_or(0, |(_, records)| records.len());
    Ok(told::told(stage, &rehearsal.records, before, &players.refused))
}

struct Rehearsal {
    ready: Ready,
    ledger: Arc<dyn Ledger>,
    clock: PacedClock,
    scheduler: Scheduler,
    reminder: Reminder,
    subscription: Subscription,
    records: Vec<Record>,
}

/// Who holds a role in a rehearsal: one person for each, of each country.
fn person(role: Role, country: Option<&Country>) -> Result<PersonId, Failure> {
    let of = country.map_or_else(|| "ilo".to_owned(), |country| country.as_str().to_ascii_lowercase());
    Ok(format!("{of}-{role}").parse()?)
}

/// Everybody who holds a role in a log, with made-up addresses: nothing is sent.
async fn known(ledger: &Arc<dyn Ledger>) -> Result<People, Failure> {
    let world = crate::desk::world(&**ledger, &["network"]).await?;
    let person = |id: &PersonId| {
        let (name, email) = (id.to_string(), format!("{id}@example.org"));
        (id.clone(), Person { name, email, language: "en".to_owned(), phone: None })
    };
    Ok(People { person: world.network().grants.keys().map(person).collect() })
}

/// Gives every role to a person of its own; the register of them.
async fn everybody(ready: &Ready, ledger: &Arc<dyn Ledger>) -> Result<People, Failure> {
    let mut everybody: Vec<(Role, Option<&Country>)> = ILO.map(|role| (role, None)).to_vec();
    for expected in &ready.definition.expected {
        everybody.extend(Role::OF_COUNTRY.map(|role| (role, Some(&expected.country))));
    }
    let mut people = BTreeMap::new();
    let operator = desk(ledger, "operator".parse()?);
    for (role, country) in everybody {
        let id = person(role, country)?;
        let grant = Grant::of(role, country.cloned());
        let command = NetworkCommand::GrantRole { person: id.clone(), grant };
        operator.submit(&["grant", id.as_str()], Wish::Network { command }).await?;
        let name = country.map_or_else(|| role.to_string(), |country| format!("{role} of {country}"));
        let email = format!("{id}@example.org");
        people.insert(id, Person { name, email, language: "en".to_owned(), phone: None });
    }
    Ok(People { person: people })
}

const ILO: [Role; 4] = [Role::RegionalCoordinator, Role::CollectionManager, Role::Validator, Role::Publisher];

impl Rehearsal {
    async fn open(stage: &Stage, config: &Config) -> Result<Self, Failure> {
        let ready = stage.ready.clone();
        let clock = PacedClock::new(stage.begin);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let records = stage.live.iter().flat_map(|(_, records)| records.iter().cloned());
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::going_on(Arc::clone(&shared), records, stage.files()));
        let people = match &stage.live {
            Some(_) => known(&ledger).await?,
            None => everybody(&ready, &ledger).await?,
        };
        let parts = rondo_reminder::Parts {
            ledger: Arc::clone(&ledger),
            clock: shared,
            progress: Arc::new(Board::default()),
            transport: Box::new(Nowhere),
            signer: None,
            returns: None,
            inbox: None,
            mail: config.mail.clone(),
            people: Arc::new(Arc::new(people)),
        };
        Ok(Self {
            ready,
            scheduler: Scheduler::new(Arc::clone(&ledger)),
            reminder: Reminder::new(parts),
            subscription: Subscription::new(Arc::clone(&ledger)),
            ledger,
            clock,
            records: Vec::new(),
        })
    }

    /// What its clock shows.
    fn begin(&self) -> Timestamp {
        self.clock.now()
    }

    fn desk(&self, role: Role) -> Result<Desk, Failure> {
        Ok(desk(&self.ledger, person(role, None)?))
    }

    /// Moves the clock from one due thing to the next, until nothing is due any more or the end has come.
    async fn play(&mut self, players: &mut Players, end: Timestamp) -> Result<(), Failure> {
        for _ in 0..MAX_TURNS {
            let Some(next) = self.rest(players).await?.filter(|next| *next <= end) else { return Ok(()) };
            self.clock.advance(next);
        }
        Err(Failure::failed(format!("the round did not come to its end in {MAX_TURNS} instants")))
    }

    /// Lets everybody act until nobody has anything to do, always in the same order; gives when somebody will.
    async fn rest(&mut self, players: &mut Players) -> Result<Option<Timestamp>, Failure> {
        loop {
            let now = self.clock.now();
            let scheduler = loop {
                if let Some(idle) = self.scheduler.turn(now).await? {
                    break idle;
                }
            };
            let reminder = loop {
                if let Some(idle) = self.reminder.turn().await? {
                    break idle;
                }
            };
            let records = &mut self.records;
            self.subscription.catch_up(|record| records.push(record.clone())).await?;
            let acted = players.turn(&self.ledger, &self.ready, records, now).await?;
            let size = self.ledger.head().await?.size;
            if !acted && scheduler.position == size && reminder.position == size {
                return Ok([scheduler.next, reminder.next, players.next()]
                    .into_iter()
                    .flatten()
                    .filter(|at| *at > now)
                    .min());
            }
        }
    }
}

fn desk(ledger: &Arc<dyn Ledger>, person: PersonId) -> Desk {
    Desk {
        ledger: Arc::clone(ledger),
        person,
        role: None,
        occasion: "rehearsal".to_owned(),
        clock: None,
        given: Given::default(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[tokio::test]
    async fn a_file_that_is_being_read_when_the_log_is_taken_is_read_in_the_rehearsal() {
        let cli = crate::args::Cli::parse_from(["rondo", "rehearse", "--round", "ilms-asean-2026"]);
        let crate::args::Command::Rehearse(args) = cli.command else { panic!("another command") };
        let (bundle, config) = (builtin::packed("ilms-asean").unwrap(), Config::default());
        let ready = builtin::checked(&bundle).unwrap().ready;
        let plan = ready.round_plan(2026).unwrap();
        let of = |id: &str| plan.milestones.iter().find(|(other, _)| other.as_str() == id).unwrap().1.at;
        let (begin, end) = (of("launch") - SignedDuration::from_hours(24), of("release") + AFTER);
        let mut stage = Stage { bundle, earlier: Vec::new(), ready, year: 2026, begin, end, live: None };
        // Nobody reads what countries send, until three days before the deadline.
        let mut before = Rehearsal::open(&stage, &config).await.unwrap();
        // In one country one person holds both roles, that of a focal point first.
        let lao: Country = "LAO".parse().unwrap();
        let grant = Grant::of(Role::NationalCoordinator, Some(lao.clone()));
        let [both, other] = [Role::FocalPoint, Role::NationalCoordinator].map(|role| person(role, Some(&lao)).unwrap());
        let operator = desk(&before.ledger, "operator".parse().unwrap());
        for command in [
            NetworkCommand::GrantRole { person: both, grant: grant.clone() },
            NetworkCommand::EndRole { person: other, grant, reason: "has left".to_owned() },
        ] {
            operator.submit(&[&format!("{command:?}")], Wish::Network { command }).await.unwrap();
        }
        let round = before.desk(Role::RegionalCoordinator).unwrap().plan(&stage.bundle, 2026).await.unwrap();
        let answers = Answers::read(None).unwrap();
        let mut players =
            Players::new(round.clone(), answers, &before.ready).beside_services(|_, _, _, _| b"x".to_vec());
        let until = of("deadline") - SignedDuration::from_hours(72);
        before.play(&mut players, until).await.unwrap();
        let named = |name: &str| before.records.iter().filter(|record| record.name == name).count();
        assert_eq!((named("CheckRequested") > 5, named("SubmissionChecked")), (true, 0));
        (stage.begin, stage.live) = (until, Some((round, before.records)));
        let told = play(&stage, &args, &config, &[]).await.unwrap();
        let refused: Vec<&Told> = told.iter().filter(|one| one.kind == "refused").collect();
        assert!(refused.is_empty(), "{refused:?}");
        assert!(told.iter().any(|one| one.what == "the release is out"), "{told:?}");
        let confirms = |one: &&Told| one.country.as_ref() == Some(&lao) && one.what == "it confirms its tables";
        assert_eq!(told.iter().filter(confirms).count(), 1, "{told:?}");
    }
}
