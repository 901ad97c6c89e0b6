//! Simulation: whole rounds on a virtual clock by the program's real services, whose every step may be the last, with countries
//! that send real files and change their people, coordinators who extend and pause, and mail that comes back; everything drawn from
//! a seed that is printed, and held against what was promised.

mod contacts;
mod faults;
mod files;
mod promises;
mod returned;
mod rounds;
mod services;

use super::*;
use contacts::{Change, Known};
use faults::{MoodyServer, Trouble};
use jiff::civil::Date;
use rondo_domain::calendar::{CalendarChange, DayChange, Unit};
use rondo_domain::notice::NoticeState;
use rondo_domain::round::{MailScope, Participant, Pin, RoundCommand};
use rondo_domain::workflow::Bundle;
use rondo_domain::{NoticeId, RoundId};
use rondo_eventlog::{Accepted, Head, files as stored};
use rondo_reminder::ReturnPath;
use rondo_testkit::between::between;
use services::{Services, Which};

/// What a coordinator does to the round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Meddling {
    Extend(Country, i32),
    /// To the end of a day so many days after the deadline, whichever day that is.
    ExtendTo(Country, i32),
    Pause,
    Resume,
    PauseMail(Option<Country>),
    ResumeMail(Option<Country>),
    /// A day is proclaimed off in a country, or that is taken back.
    Proclaim(Country, Date),
    TakeBack(Country, Date),
    /// The round goes on by another version of its workflow, or by its first one again.
    Migrate,
    MigrateBack,
    /// A country's contacts change.
    Contact(Country, Change),
}

/// One simulated round.
struct Simulation {
    ready: Ready,
    ledger: Arc<dyn Ledger>,
    clock: PacedClock,
    services: Services,
    subscription: Subscription,
    records: Vec<Record>,
    coming: std::collections::BTreeSet<(Timestamp, Meddling)>,
    chance: fastrand::Rng,
    known: Known,
    /// How many people were found in the place of others.
    found: usize,
    /// When a contact of a country was not in the register.
    unlisted: Vec<(Country, (Timestamp, Timestamp))>,
    /// Where mail comes in, and the secret by which it is known.
    data: tempfile::TempDir,
}

/// What there is to hold against the promises.
struct Played {
    seed: u64,
    round: RoundId,
    ready: Ready,
    records: Vec<Record>,
    trouble: Trouble,
    head: Head,
    unlisted: Vec<(Country, (Timestamp, Timestamp))>,
    /// What people would do and were refused.
    refused: Vec<String>,
    /// Whether a scheduler that went on from a savepoint agreed with one that read the whole log.
    agreed: bool,
}

impl Simulation {
    async fn open(ready: Ready, begin: Timestamp, mut chance: fastrand::Rng) -> Result<Self, Failure> {
        let clock = PacedClock::new(begin);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::clone(&shared)));
        let known = Known::of(everybody(&ready, &ledger).await?);
        let data = tempfile::tempdir().unwrap();
        let trouble = Trouble::new(chance.fork());
        let crashing = between(&ledger, trouble.clone());
        let (people, inbox, config) = (known.clone(), data.path().join(INBOX), read_here(data.path()));
        let (from_trouble, whole) = (trouble.clone(), Arc::clone(&ledger));
        let parts = Box::new(move || rondo_reminder::Parts {
            ledger: Arc::clone(&crashing),
            clock: Arc::clone(&shared),
            progress: Arc::new(Board::default()),
            transport: Box::new(MoodyServer {
                trouble: from_trouble.clone(),
                clock: Arc::clone(&shared),
                ledger: Arc::clone(&whole),
            }),
            signer: None,
            returns: ReturnPath::existing(&config).unwrap(),
            inbox: Some(inbox.clone()),
            mail: config.mail.clone(),
            people: Arc::new(people.clone()),
        });
        Ok(Self {
            ready,
            subscription: Subscription::new(Arc::clone(&ledger)),
            ledger,
            clock,
            services: Services::new(parts, trouble),
            records: Vec::new(),
            coming: std::collections::BTreeSet::new(),
            chance,
            known,
            found: 0,
            unlisted: Vec::new(),
            data,
        })
    }

    /// Draws what coordinators do to the round.
    fn meddle(&mut self, from: Timestamp, until: Timestamp, countries: &[Country]) {
        let days = until.duration_since(from).as_hours() / 24;
        let day = |chance: &mut fastrand::Rng| from + SignedDuration::from_hours(24 * chance.i64(0..days));
        let chance = &mut self.chance;
        for country in countries {
            if chance.u8(0..6) == 0 {
                self.coming.insert((day(chance), Meddling::Extend(country.clone(), chance.i32(3..15))));
            }
        }
        let later = |at: Timestamp, chance: &mut fastrand::Rng| at + SignedDuration::from_hours(chance.i64(1..150));
        if chance.u8(0..4) == 0 {
            let at = day(chance);
            self.coming.insert((at, Meddling::Pause));
            self.coming.insert((later(at, chance), Meddling::Resume));
        }
        if chance.u8(0..3) == 0 {
            let (at, whose) = (day(chance), chance.choice(countries).filter(|_| days % 2 == 0).cloned());
            self.coming.insert((at, Meddling::PauseMail(whose.clone())));
            self.coming.insert((later(at, chance), Meddling::ResumeMail(whose)));
        }
        let mut proclaimed = Vec::new();
        for country in countries {
            if chance.u8(0..4) == 0 {
                proclaimed.push((country, day(chance)));
            }
        }
        if chance.u8(0..3) == 0 {
            let at = day(chance);
            self.coming.insert((at, Meddling::Migrate));
            self.coming.insert((later(at, chance), Meddling::MigrateBack));
        }
        proclaimed.into_iter().for_each(|(country, at)| self.proclaim(country, at));
    }

    /// Draws what happens about the day of a deadline: that it is proclaimed off, or that the deadline is moved while a reminder that
    /// hangs on it is gathered with others.
    fn around_deadlines(&mut self, parts: &[Participant]) {
        for Participant { country, deadline, .. } in parts {
            let (chance, hours) = (&mut self.chance, SignedDuration::from_hours);
            match chance.u8(0..6) {
                0 => {
                    let (at, date) = (deadline.at - hours(chance.i64(24..240)), deadline.local.date());
                    self.coming.insert((at, Meddling::Proclaim(country.clone(), date)));
                    if chance.u8(0..3) == 0 {
                        let at = at + hours(chance.i64(1..240));
                        self.coming.insert((at, Meddling::TakeBack(country.clone(), date)));
                    }
                }
                1 => {
                    let Some(calendar) = self.ready.calendars.get(country) else { continue };
                    let later = chance.choice([-14, 0, 0, 7, 13, 21]).unwrap_or_default();
                    let day = deadline.local.date().saturating_add(jiff::Span::new().days(later));
                    let Ok(at) = calendar.zone.to_timestamp(day.at(9, 1, 0, 0)) else { continue };
                    self.coming.insert((at, Meddling::ExtendTo(country.clone(), chance.i32(1..30))));
                }
                _ => {}
            }
        }
    }

    /// A day some time ahead is proclaimed off, which is taken back; sometimes both happen again. A day of rest may be one of them.
    fn proclaim(&mut self, country: &Country, mut at: Timestamp) {
        let Some(calendar) = self.ready.calendars.get(country) else { return };
        let ahead = at + SignedDuration::from_hours(24 * self.chance.i64(1..30));
        let date = calendar.zone.to_datetime(ahead).date();
        for _ in 0..self.chance.u8(1..=2) {
            self.coming.insert((at, Meddling::Proclaim(country.clone(), date)));
            at += SignedDuration::from_hours(self.chance.i64(1..150));
            self.coming.insert((at, Meddling::TakeBack(country.clone(), date)));
            at += SignedDuration::from_hours(self.chance.i64(1..50));
        }
    }

    /// The workflow with a reminder at another time; or as it is.
    async fn version(&self, other: bool) -> Result<Pin, Failure> {
        let whole = builtin::packed("ilms-asean")?;
        let texts = whole.files().map(|(path, text)| {
            let text =
                if other && path == "workflow.toml" { text.replacen("+7 days", "+4 days", 1) } else { text.to_owned() };
            (path.to_owned(), text)
        });
        let bundle = Bundle::new(texts.collect()).unwrap();
        assert_eq!(bundle == whole, !other, "another version is another text");
        let hash = stored::store(&*self.ledger, &bundle.to_bytes()).await?;
        Ok(Pin { workflow: self.ready.definition.id.clone(), bundle: hash })
    }

    async fn migrate(&self, round: &RoundId, other: bool) -> Result<(), Failure> {
        let (is, reason) = (self.version(other).await?, format!("drawn at {}", self.clock.now()));
        let coordinator =
            Desk { occasion: reason.clone(), ..desk(&self.ledger, person(Role::RegionalCoordinator, None)?) };
        let propose = RoundCommand::ProposeMigration { is, effects: Vec::new(), reason };
        allowed(coordinator.round_command(round, propose).await)?;
        let manager = desk(&self.ledger, person(Role::CollectionManager, None)?);
        let wish = Wish::Round { round: round.clone(), command: RoundCommand::ApproveMigration };
        allowed(manager.submit(&["approve", &self.clock.now().to_string()], wish).await)
    }

    async fn act(&mut self, round: &RoundId, meddling: Meddling) -> Result<(), Failure> {
        let desk = Desk {
            occasion: format!("{meddling:?} at {}", self.clock.now()),
            ..desk(&self.ledger, person(Role::RegionalCoordinator, None)?)
        };
        let scope = |country: Option<Country>| country.map_or(MailScope::All, MailScope::Country);
        let reason = format!("drawn at {}", self.clock.now());
        let changed = |country: Country, change: DayChange, reason: String| {
            let changes = vec![CalendarChange { country, place: None, change }];
            RoundCommand::ChangeCalendar { changes, moves: Vec::new(), reason }
        };
        let title = "drawn".to_owned();
        let command = match meddling {
            Meddling::Migrate => return self.migrate(round, true).await,
            Meddling::MigrateBack => return self.migrate(round, false).await,
            Meddling::Proclaim(country, date) => {
                changed(country, DayChange::DayOff { date, title, estimated: false }, reason)
            }
            Meddling::TakeBack(country, date) => changed(country, DayChange::AsCalendar { date }, reason),
            Meddling::Contact(country, change) => return self.contact(round, &country, change).await,
            Meddling::Pause => RoundCommand::Pause { reason },
            Meddling::Resume => RoundCommand::Resume { reason },
            Meddling::PauseMail(of) => RoundCommand::PauseMail { scope: scope(of), reason },
            Meddling::ResumeMail(of) => RoundCommand::ResumeMail { scope: scope(of), reason },
            Meddling::Extend(ref country, days) | Meddling::ExtendTo(ref country, days) => {
                let now = desk.round(round).await?;
                let Some(part) = now.participants.get(country) else { return Ok(()) };
                let deadline = &part.deadline;
                let until = if matches!(meddling, Meddling::ExtendTo(..)) {
                    let day = deadline.local.date().saturating_add(jiff::Span::new().days(days));
                    self.ready.set_deadline(country, day, None)
                } else {
                    self.ready.extended(country, deadline, Offset { count: days, unit: Unit::WorkingDays })
                };
                let (country, until) = (country.clone(), until.map_err(|e| Failure::of(&e))?);
                RoundCommand::Extend { country, until, reason }
            }
        };
        allowed(desk.round_command(round, command).await)
    }

    /// Sends again what nobody knows to have arrived, as somebody who looked would for every other one.
    async fn resend_unknown(&mut self, round: &RoundId) -> Result<(), Failure> {
        let desk = desk(&self.ledger, person(Role::RegionalCoordinator, None)?);
        let world = desk.world(&["notice/"]).await?;
        let unknown = world.notices(round).into_iter().filter(|(_, notice)| notice.state == NoticeState::Unknown);
        let chosen: Vec<NoticeId> = unknown.map(|(id, _)| id).filter(|_| self.chance.bool()).collect();
        for notice in chosen {
            let command =
                rondo_domain::notice::NoticeCommand::SendAgain { reason: "it was asked for again".to_owned() };
            let wish = Wish::Notice { round: round.clone(), notice: notice.clone(), command };
            desk.submit(&["again", notice.as_str()], wish).await?;
        }
        Ok(())
    }

    /// Lets every service act, always in the same order; nothing where one of them died.
    async fn services(&mut self, now: Timestamp) -> Option<Vec<(u64, Option<Timestamp>)>> {
        let mut rested = Vec::new();
        for which in Which::ALL {
            rested.push(self.services.turn(which, now).await?);
        }
        Some(rested)
    }

    async fn play(&mut self, round: &RoundId, players: &mut Players, end: Timestamp) -> Result<(), Failure> {
        let mut resent = false;
        for _ in 0..MAX_TURNS {
            let now = self.clock.now();
            while self.coming.first().is_some_and(|(at, _)| *at <= now)
                && let Some((_, meddling)) = self.coming.pop_first()
            {
                self.act(round, meddling).await?;
            }
            for (name, mail) in self.services.trouble.came_in(now) {
                std::fs::write(self.data.path().join(INBOX).join(name), mail).unwrap();
            }
            let Some(services) = self.services(now).await else { continue };
            let before = self.records.len();
            let records = &mut self.records;
            self.subscription.catch_up(|record| records.push(record.clone())).await?;
            let bounced: Vec<_> = self.records[before..].iter().filter_map(contacts::bounced).collect();
            bounced.into_iter().for_each(|contact| self.look_for(contact));
            let records = &mut self.records;
            let acted = players.turn(&self.ledger, &self.ready, records, now).await?;
            let size = self.ledger.head().await?.size;
            if acted || services.iter().any(|(position, _)| *position < size) {
                continue;
            }
            let others =
                [self.coming.first().map(|(at, _)| *at), self.services.trouble.next_coming_in(), players.next()];
            let next = services.into_iter().filter_map(|(_, next)| next).chain(others.into_iter().flatten());
            match next.filter(|at| *at > now).min() {
                Some(next) if next <= end => self.clock.advance(next),
                _ if !resent => {
                    resent = true;
                    self.resend_unknown(round).await?;
                }
                _ => return Ok(()),
            }
        }
        Err(Failure::failed("the round did not come to rest"))
    }
}

/// The folder below the data into which mail comes in.
const INBOX: &str = "inbox";

/// A configuration by which mail comes back here, with a secret that is the same every time.
fn read_here(data: &std::path::Path) -> Config {
    let mut config = Config::default();
    config.ledger.data = data.to_owned();
    config.mail.bounces = Some("bounces@example.org".to_owned());
    std::fs::create_dir(data.join(INBOX)).unwrap();
    std::fs::write(data.join(&config.mail.secret_file), "0".repeat(64)).unwrap();
    config
}

/// A wish that came too late is refused, as it is to people.
fn allowed(answer: Result<Accepted, Failure>) -> Result<(), Failure> {
    match answer {
        Ok(_) => Ok(()),
        Err(refused) if refused.code.is_some() => Ok(()),
        Err(failure) => Err(failure),
    }
}

async fn play(seed: u64) -> Result<Played, Failure> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let bundle = builtin::packed("ilms-asean")?;
    let ready = builtin::checked(&bundle)?.ready;
    let year = chance.i16(2024..=2026);
    let plan = ready.round_plan(year).map_err(|e| Failure::usage(e.to_string()))?;
    let countries: Vec<Country> = plan.participants.iter().map(|part| part.country.clone()).collect();
    let mut answers = Answers::read(None)?;
    answers.draw(countries.iter(), &mut chance);
    let instants = || plan.milestones.values().map(|moment| moment.at);
    let (Some(first), Some(last)) = (instants().min(), instants().max()) else {
        return Err(Failure::usage("the workflow has no milestones"));
    };
    let mut simulation = Simulation::open(ready, first - SignedDuration::from_hours(24), chance).await?;
    let desk = desk(&simulation.ledger, person(Role::RegionalCoordinator, None)?);
    let round = desk.plan(&bundle, year).await?;
    simulation.meddle(first, last, &countries);
    simulation.around_deadlines(&plan.participants);
    simulation.people_change(first, last.duration_since(first).as_hours() / 24, &countries).await?;
    // Some countries let a question wait for longer than it takes to be reminded of it.
    let slow = countries.iter().filter(|_| simulation.chance.bool()).map(|country| (country.clone(), 12)).collect();
    let mut players =
        Players::new(round.clone(), answers, &simulation.ready).beside_services(files::of).explaining(slow);
    simulation.play(&round, &mut players, last + AFTER).await?;
    let agreed = simulation.services.agree(&simulation.ledger, simulation.clock.now()).await;
    let head = simulation.ledger.head().await?;
    let Simulation { ready, records, services, unlisted, .. } = simulation;
    let refused = players.refused.into_iter().map(|(_, _, why)| why).collect();
    Ok(Played { seed, round, ready, records, trouble: services.trouble, head, unlisted, refused, agreed })
}
