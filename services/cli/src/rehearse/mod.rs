//! `rondo rehearse`: the whole round on a virtual clock, by the same scheduler and reminder as the real one, with people who
//! answer as they are told to. Nothing is sent and nothing is stored.

mod answers;
mod players;
#[cfg(test)]
mod simulation;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
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

use crate::args::RehearseArgs;
use crate::builtin;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::Form;
use answers::Answers;
use players::Players;

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
    let bundle = builtin::bundle(&args.workflow)?;
    let ready = builtin::checked(&bundle)?.ready;
    let mut answers = Answers::read(args.answers.as_deref())?;
    let plan = ready.round_plan(args.year).map_err(|e| Failure::usage(e.to_string()))?;
    if let Some(seed) = args.seed {
        let countries = plan.participants.iter().map(|participant| &participant.country);
        answers.draw(countries, &mut fastrand::Rng::with_seed(seed));
    }
    if let [first, ..] = answers.strangers(|country| plan.participants.iter().any(|part| part.country == *country))[..]
    {
        return Err(Failure::usage(format!(
            "{first} has an answer and does not take part in the round of {}",
            args.year
        )));
    }
    let instants = || plan.milestones.values().map(|moment| moment.at);
    let (Some(first), Some(last)) = (instants().min(), instants().max()) else {
        return Err(Failure::usage("the workflow has no milestones, so that nothing would happen"));
    };
    let mut rehearsal = Rehearsal::open(ready, config, first - SignedDuration::from_hours(24)).await?;
    let round = rehearsal.desk(Role::RegionalCoordinator)?.plan(&bundle, args.year).await?;
    let mut players = Players::new(round, answers, &rehearsal.ready);
    rehearsal.play(&mut players, last + AFTER).await?;
    told::print(&rehearsal.ready, args.year, &rehearsal.records, &players.refused, form)
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

/// Gives every role to a person of its own; the register of them.
async fn everybody(ready: &Ready, ledger: &Arc<dyn Ledger>) -> Result<People, Failure> {
    let mut everybody: Vec<(Role, Option<&Country>)> = ILO.map(|role| (role, None)).to_vec();
    for expected in &ready.definition.expected {
        everybody.extend(Role::NATIONAL.map(|role| (role, Some(&expected.country))));
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
    async fn open(ready: Ready, config: &Config, begin: Timestamp) -> Result<Self, Failure> {
        let clock = PacedClock::new(begin);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::clone(&shared)));
        let people = everybody(&ready, &ledger).await?;
        let parts = rondo_reminder::Parts {
            ledger: Arc::clone(&ledger),
            clock: shared,
            progress: Arc::new(Board::default()),
            transport: Box::new(Nowhere),
            signer: None,
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
    Desk { ledger: Arc::clone(ledger), person, role: None, occasion: "rehearsal".to_owned() }
}
