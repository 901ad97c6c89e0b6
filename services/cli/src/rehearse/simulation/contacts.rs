//! People of countries who change in a simulated round: who comes in another's place and goes again, whose role ends, who is named in
//! the register late, and who is found in the place of a contact whose mail came back, as the task for that asks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rondo_domain::participation::{ParticipationCommand, ParticipationEvent};
use rondo_domain::{Event, PersonId};
use rondo_runtime::people::{PeopleError, Register};

use super::*;

/// What changes about a contact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// One comes in another's place.
    Replace { was: PersonId, is: PersonId },
    /// Another is found in the place of one whose mail came back.
    Find(PersonId),
    /// Somebody is named in the register.
    Name(PersonId),
    /// A focal point leaves.
    End(PersonId),
}

/// A register in which people are named as a round goes on.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<Arc<People>>>);

impl Known {
    pub(super) fn of(people: People) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(people))))
    }

    fn now(&self) -> MutexGuard<'_, Arc<People>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, who: &PersonId) -> bool {
        self.now().person.contains_key(who)
    }

    fn name(&self, who: &PersonId) {
        let person = Person { name: who.to_string(), email: address(who), language: "en".to_owned(), phone: None };
        Arc::make_mut(&mut self.now()).person.insert(who.clone(), person);
    }
}

impl Register for Known {
    fn people(&self) -> Result<Arc<People>, PeopleError> {
        Ok(Arc::clone(&self.now()))
    }
}

/// When a contact's mail came back, of which country, and whose, if a record tells of that.
pub(super) fn bounced(record: &Record) -> Option<(Timestamp, Country, PersonId)> {
    let Event::Participation(ParticipationEvent::ContactBounced { person, .. }) = &record.event else { return None };
    Some((record.recorded_at, record.stream.country()?, person.clone()))
}

fn address(who: &PersonId) -> String {
    format!("{who}@example.org")
}

fn named(country: &Country, what: &str) -> PersonId {
    format!("{}-{what}", country.as_str().to_ascii_lowercase()).parse().unwrap()
}

impl Simulation {
    /// Draws who changes, leaves, and is named late.
    pub(super) async fn people_change(&mut self, from: Timestamp, days: i64, all: &[Country]) -> Result<(), Failure> {
        for country in all {
            let day = |chance: &mut fastrand::Rng| from + SignedDuration::from_hours(24 * chance.i64(0..days));
            if self.chance.u8(0..8) == 0 {
                // Another focal point from the beginning, of whom the register hears late.
                let late = named(country, "late");
                self.grant(country, &late).await?;
                let at = day(&mut self.chance);
                self.is_named(country, &late, at);
                if self.chance.bool() {
                    let at = day(&mut self.chance);
                    self.change(at, country, Change::End(late));
                }
            }
            if self.chance.u8(0..6) == 0 {
                let (was, is) = (person(Role::FocalPoint, Some(country))?, named(country, "other"));
                let mut at = day(&mut self.chance);
                for _ in 0..self.chance.u8(1..=2) {
                    self.change(at, country, Change::Replace { was: was.clone(), is: is.clone() });
                    // Sometimes they are back at once.
                    let later = if self.chance.u8(0..4) == 0 { 0 } else { self.chance.i64(1..200) };
                    at += SignedDuration::from_hours(later);
                    if self.chance.bool() {
                        self.change(at, country, Change::Replace { was: is.clone(), is: was.clone() });
                        at += SignedDuration::from_hours(self.chance.i64(1..200));
                    }
                }
            }
        }
        Ok(())
    }

    fn change(&mut self, at: Timestamp, country: &Country, change: Change) {
        self.coming.insert((at, Meddling::Contact(country.clone(), change)));
    }

    fn is_named(&mut self, country: &Country, who: &PersonId, at: Timestamp) {
        self.change(at, country, Change::Name(who.clone()));
        self.unlisted.push((country.clone(), (self.clock.now(), at)));
    }

    async fn grant(&self, country: &Country, who: &PersonId) -> Result<(), Failure> {
        let operator = desk(&self.ledger, "operator".parse()?);
        let grant = Grant::of(Role::FocalPoint, Some(country.clone()));
        let command = NetworkCommand::GrantRole { person: who.clone(), grant };
        operator.submit(&["grant", who.as_str()], Wish::Network { command }).await.map(|_| ())
    }

    /// Whoever comes new has the role, and is in the register at once or some time later.
    async fn comes(&mut self, country: &Country, who: &PersonId) -> Result<(), Failure> {
        self.services.trouble.is_reached(&address(who));
        if self.known.has(who) {
            return Ok(());
        }
        self.grant(country, who).await?;
        let later = self.chance.u8(0..3) == 0;
        let at = self.clock.now() + SignedDuration::from_hours(if later { self.chance.i64(1..100) } else { 0 });
        if later {
            self.is_named(country, who, at);
        } else {
            self.known.name(who);
        }
        Ok(())
    }

    /// What a contact's mail that came back makes a coordinator do, some time later.
    pub(super) fn look_for(&mut self, (at, country, who): (Timestamp, Country, PersonId)) {
        let at = at + SignedDuration::from_hours(self.chance.i64(1..60));
        self.change(at, &country, Change::Find(who));
    }

    pub(super) async fn contact(&mut self, round: &RoundId, country: &Country, change: Change) -> Result<(), Failure> {
        match change {
            Change::Name(who) => self.known.name(&who),
            Change::End(who) => {
                let operator = desk(&self.ledger, "operator".parse()?);
                let grant = Grant::of(Role::FocalPoint, Some(country.clone()));
                let command = NetworkCommand::EndRole { person: who.clone(), grant, reason: "has left".to_owned() };
                allowed(operator.submit(&["end", who.as_str()], Wish::Network { command }).await)?;
            }
            Change::Replace { was, is } => {
                self.comes(country, &is).await?;
                allowed(self.replace(round, country, (&was, &is)).await)?;
            }
            Change::Find(was) => {
                let desk = desk(&self.ledger, person(Role::RegionalCoordinator, None)?);
                if !desk.participation(round, country).await?.bounced.contains_key(&was) {
                    return Ok(());
                }
                self.found += 1;
                let is = named(country, &format!("found-{}", self.found));
                self.comes(country, &is).await?;
                // What the task says is done, and has to be possible.
                if let Err(refused) = self.replace(round, country, (&was, &is)).await {
                    self.services.trouble.broke(format!("{was} cannot be replaced: {}", refused.sentence));
                }
                if self.chance.u8(0..3) == 0 {
                    // The address works again.
                    let at = self.clock.now() + SignedDuration::from_hours(self.chance.i64(1..300));
                    self.change(at, country, Change::Replace { was: is, is: was });
                }
            }
        }
        Ok(())
    }

    async fn replace(
        &self,
        round: &RoundId,
        country: &Country,
        (was, is): (&PersonId, &PersonId),
    ) -> Result<Accepted, Failure> {
        let occasion = format!("{was} by {is} at {}", self.clock.now());
        let desk = Desk { occasion, ..desk(&self.ledger, person(Role::RegionalCoordinator, None)?) };
        let (was, is, reason) = (was.clone(), is.clone(), "has left".to_owned());
        desk.country_command(round, country, ParticipationCommand::ReplaceContact { was, is, reason }).await
    }
}
