//! People of countries who change in a simulated round: who comes in another's place and goes again, whose role ends, who holds two
//! roles, who is named in the register late, and whose address is put right or who is found in the place of a contact whose mail came
//! back, as the task for that asks.

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
    /// One whose mail came back is reached again, or another is found in their place.
    Find(PersonId),
    /// A coordinator says that somebody is reached again to whom a mail was sent again.
    Say(PersonId),
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

pub(super) fn address(who: &PersonId) -> String {
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
            if self.chance.u8(0..5) == 0 {
                // The focal point is the national coordinator as well, and nobody else is.
                self.grant_as(country, &person(Role::FocalPoint, Some(country))?, Role::NationalCoordinator).await?;
                self.end(country, &person(Role::NationalCoordinator, Some(country))?, Role::NationalCoordinator)
                    .await?;
            }
            if self.chance.u8(0..4) == 0 {
                // A second focal point from the beginning, who takes over from the other at times.
                let second = named(country, "second");
                self.comes(country, &second).await?;
                if self.chance.bool() {
                    let (at, was) = (day(&mut self.chance), person(Role::FocalPoint, Some(country))?);
                    self.change(at, country, Change::Replace { was, is: second });
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
        self.grant_as(country, who, Role::FocalPoint).await
    }

    async fn grant_as(&self, country: &Country, who: &PersonId, role: Role) -> Result<(), Failure> {
        let operator = desk(&self.ledger, "operator".parse()?);
        let command = NetworkCommand::GrantRole { person: who.clone(), grant: Grant::of(role, Some(country.clone())) };
        operator.submit(&["grant", who.as_str(), role.as_str()], Wish::Network { command }).await.map(|_| ())
    }

    async fn end(&self, country: &Country, who: &PersonId, role: Role) -> Result<(), Failure> {
        let operator = desk(&self.ledger, "operator".parse()?);
        let (person, grant) = (who.clone(), Grant::of(role, Some(country.clone())));
        let command = NetworkCommand::EndRole { person, grant, reason: "has left".to_owned() };
        allowed(operator.submit(&["end", who.as_str(), role.as_str()], Wish::Network { command }).await)
    }

    /// The roles that somebody of a country holds.
    async fn roles(&self, country: &Country, who: &PersonId) -> Result<Vec<Role>, Failure> {
        let world = desk(&self.ledger, "operator".parse()?).world(&["network"]).await?;
        let grants = world.network().grants.get(who).into_iter().flatten();
        Ok(grants.filter(|grant| grant.country.as_ref() == Some(country)).map(|grant| grant.role).collect())
    }

    /// Whoever comes new is a focal point, and is in the register at once or some time later.
    async fn comes(&mut self, country: &Country, who: &PersonId) -> Result<(), Failure> {
        self.comes_as(country, who, &[Role::FocalPoint]).await
    }

    /// The same, in other roles.
    async fn comes_as(&mut self, country: &Country, who: &PersonId, roles: &[Role]) -> Result<(), Failure> {
        self.services.trouble.is_reached(&address(who), self.clock.now());
        if self.known.has(who) {
            return Ok(());
        }
        for role in roles {
            self.grant_as(country, who, *role).await?;
        }
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
            Change::End(who) => self.end(country, &who, Role::FocalPoint).await?,
            Change::Replace { was, is } => {
                self.comes(country, &is).await?;
                allowed(self.replace(round, country, (&was, &is)).await)?;
            }
            Change::Find(was) => self.find(round, country, was).await?,
            Change::Say(who) => {
                let desk = desk(&self.ledger, person(Role::RegionalCoordinator, None)?);
                let reason = format!("by telephone: it works now, at {}", self.clock.now());
                let occasion = format!("{who} at {}", self.clock.now());
                let command = ParticipationCommand::Reach { person: who, reason };
                allowed(Desk { occasion, ..desk }.country_command(round, country, command).await)?;
            }
        }
        Ok(())
    }

    /// What the task asks that a contact's mail opens which came back; it has to be possible.
    async fn find(&mut self, round: &RoundId, country: &Country, was: PersonId) -> Result<(), Failure> {
        let desk = desk(&self.ledger, person(Role::RegionalCoordinator, None)?);
        let part = desk.participation(round, country).await?;
        if !part.bounced.contains_key(&was) {
            return Ok(());
        }
        let now = self.clock.now();
        let found = match self.chance.u8(0..8) {
            0 => {
                self.services.trouble.is_reached(&address(&was), now);
                let command =
                    ParticipationCommand::Reach { person: was.clone(), reason: "the address was put right".to_owned() };
                let occasion = format!("{was} at {}", self.clock.now());
                Desk { occasion, ..desk }.country_command(round, country, command).await
            }
            1 => {
                // The right address is tried with what came back; whoever does not answer is looked for once more.
                self.services.trouble.is_mended(&address(&was), now);
                self.send_again(round, &was).await?;
                self.change(now + SignedDuration::from_hours(24 * 14), country, Change::Find(was));
                return Ok(());
            }
            2 => {
                // The right address is wrong as well; before that is heard of, it is said that they are reached at it.
                self.services.trouble.is_righted(&address(&was), now);
                self.send_again(round, &was).await?;
                let said = now + SignedDuration::from_mins(self.chance.i64(5..60 * 24));
                self.change(said, country, Change::Say(was.clone()));
                self.change(now + SignedDuration::from_hours(24 * 14), country, Change::Find(was));
                return Ok(());
            }
            _ => {
                let second = named(country, "second");
                let stands = self.known.has(&second)
                    && self.roles(country, &was).await?.contains(&Role::FocalPoint)
                    && second != was
                    && !part.is_replaced(&was, Role::FocalPoint)
                    && !part.is_replaced(&second, Role::FocalPoint)
                    && !part.bounced.contains_key(&second)
                    && self.chance.bool();
                self.found += usize::from(!stands);
                let is = if stands { second } else { named(country, &format!("found-{}", self.found)) };
                // What another has of them already stays that one's.
                let mut roles = self.roles(country, &was).await?;
                if roles.iter().any(|role| !part.is_replaced(&was, *role)) {
                    roles.retain(|role| !part.is_replaced(&was, *role));
                }
                if roles.is_empty() || (roles.contains(&Role::FocalPoint) && self.chance.bool()) {
                    // Whoever is found in the place of a focal point leaves them what they are beside it.
                    roles = vec![Role::FocalPoint];
                }
                self.comes_as(country, &is, &roles).await?;
                let found = self.replace(round, country, (&was, &is)).await;
                if self.chance.u8(0..3) == 0 {
                    // The address works again.
                    let at = now + SignedDuration::from_hours(self.chance.i64(1..300));
                    self.change(at, country, Change::Replace { was: is, is: was.clone() });
                }
                if found.is_ok() && desk.participation(round, country).await?.bounced.contains_key(&was) {
                    // In another role they are a contact still, and not reached.
                    self.change(now + SignedDuration::from_hours(24), country, Change::Find(was.clone()));
                }
                found
            }
        };
        if let Err(refused) = found {
            self.services.trouble.broke(format!("nothing can be done about {was}: {}", refused.sentence));
        }
        Ok(())
    }

    /// Sends again what came back from somebody.
    async fn send_again(&self, round: &RoundId, who: &PersonId) -> Result<(), Failure> {
        let occasion = format!("{who} again at {}", self.clock.now());
        let desk = Desk { occasion, ..desk(&self.ledger, person(Role::RegionalCoordinator, None)?) };
        let world = desk.world(&["notice/"]).await?;
        let lost = world.notices(round).into_iter().find(|(_, notice)| {
            let is_lost = matches!(notice.state, NoticeState::Bounced { .. } | NoticeState::Refused { .. });
            is_lost && notice.brief.as_ref().is_some_and(|brief| brief.person == *who)
        });
        let Some((notice, _)) = lost else { return Ok(()) };
        let reason = "the address was put right".to_owned();
        let command = rondo_domain::notice::NoticeCommand::SendAgain { reason };
        desk.submit(&["again"], Wish::Notice { round: round.clone(), notice, command }).await.map(|_| ())
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
