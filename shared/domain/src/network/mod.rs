//! The network: institutions, and who holds which role for whom, from when until when. Names and addresses are not here; they
//! are erasable.

mod decide;
mod heard;

pub use decide::{NetworkCommand, decide};
pub use heard::{Heard, Speaker};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Stamp;
use crate::{Actor, Country, InstitutionId, PersonId, PlaceId, Rejection, Role};

/// From when until when somebody holds a role, and in whose place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Term {
    /// The first instant; at once, without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The first instant after it; until it is ended, without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whom it stands in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deputy_of: Option<PersonId>,
}

impl Term {
    fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

/// A role held by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// For a national role, the country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// The institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<InstitutionId>,
    /// From when until when.
    #[serde(default, skip_serializing_if = "Term::is_open")]
    pub term: Term,
}

impl Grant {
    /// A role from now on, for a country where it is a national one.
    pub fn of(role: Role, country: Option<Country>) -> Self {
        Self { role, country, institution: None, term: Term::default() }
    }

    /// Whether it holds at an instant.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.term.from.is_none_or(|from| from <= now) && self.term.until.is_none_or(|until| now < until)
    }
}

/// What happened in the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
pub enum NetworkEvent {
    /// An institution was registered or renamed.
    InstitutionRegistered {
        /// Its id.
        institution: InstitutionId,
        /// Its country.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        country: Option<Country>,
        /// Its name from now on.
        name: String,
        /// Where it is, if the working days there differ from the country's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<PlaceId>,
    },
    /// A person holds a role from now on.
    RoleGranted {
        /// The person.
        person: PersonId,
        /// The role.
        grant: Grant,
    },
    /// A person stands in for another from now on, or from a day on, until a day.
    RoleDelegated {
        /// Who stands in.
        person: PersonId,
        /// The role, its end, and in whose place.
        grant: Grant,
        /// Why.
        reason: String,
    },
    /// A person no longer holds a role.
    RoleEnded {
        /// The person.
        person: PersonId,
        /// The role.
        grant: Grant,
        /// Why.
        reason: String,
    },
    /// Another key signs the log from now on. The ledger records it of the key that really signs alone; to who has only the
    /// log it proves nothing.
    KeyRotated {
        /// The key that signed until now, in vkey form (C2SP signed-note).
        was: String,
        /// The key that signs from now on.
        is: String,
        /// Why.
        reason: String,
    },
    /// The log goes on under another key although its newest records, or the key itself, are lost. This record stands where the
    /// first of the lost ones stood, and is the first that the other key signs.
    LogContinued {
        /// The key that had signed, in vkey form (C2SP signed-note).
        was: String,
        /// The key that signs from here on.
        is: String,
        /// How many records are left; those from this position on are lost, if there were any.
        kept: u64,
        /// How many records had been signed, as far as that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<u64>,
        /// The root that they had (RFC 6962, SHA-256, in hexadecimal), as far as that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        root: Option<String>,
        /// How many records the ledger itself had noted as answered for, where they are more than are left and than were signed, as
        /// far as that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        acknowledged: Option<u64>,
        /// Who was shown how many records, or others, by their word alone; the most first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        heard: Vec<Heard>,
        /// Why.
        reason: String,
    },
    /// A person was erased: the id remains, and nothing says any more whose it was.
    PersonErased {
        /// The person.
        person: PersonId,
        /// Why.
        reason: String,
    },
}

/// An institution as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Institution {
    /// Its country, absent for ILO.
    pub country: Option<Country>,
    /// Its names, each with the instant from which it holds; the present one is the last.
    pub names: Vec<(Timestamp, String)>,
    /// Where it is, if the working days there differ from the country's.
    pub place: Option<PlaceId>,
}

impl Institution {
    /// Its present name.
    pub fn title(&self) -> &str {
        self.names.last().map_or("", |(_, name)| name)
    }
}

/// The network as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Institutions.
    pub institutions: BTreeMap<InstitutionId, Institution>,
    /// Roles by person, in the order they were granted.
    pub grants: BTreeMap<PersonId, Vec<Grant>>,
    /// The keys that signed the log, the present one last; none, as long as it was never changed.
    pub keys: Vec<String>,
}

impl Network {
    /// The state after an event.
    pub fn evolve(&mut self, event: &NetworkEvent, stamp: &Stamp<'_>) {
        match event {
            NetworkEvent::InstitutionRegistered { institution, country, name, place } => {
                let known = self.institutions.entry(institution.clone()).or_default();
                known.country.clone_from(country);
                known.place.clone_from(place);
                if known.title() != name {
                    known.names.push((stamp.at, name.clone()));
                }
            }
            NetworkEvent::RoleGranted { person, grant } | NetworkEvent::RoleDelegated { person, grant, .. } => {
                self.grants.entry(person.clone()).or_default().push(grant.clone());
            }
            NetworkEvent::RoleEnded { person, grant, .. } => {
                if let Some(grants) = self.grants.get_mut(person) {
                    grants.retain(|held| held != grant);
                }
            }
            NetworkEvent::PersonErased { person, .. } => {
                self.grants.remove(person);
            }
            NetworkEvent::KeyRotated { was, is, .. } | NetworkEvent::LogContinued { was, is, .. } => {
                if self.keys.is_empty() {
                    self.keys.push(was.clone());
                }
                self.keys.push(is.clone());
            }
        }
    }

    /// Who the actor of a command is now: a service, or a person in the role asked for (the first one held, if none is).
    ///
    /// # Errors
    /// When nobody is known by that id in that role.
    pub fn actor(
        &self,
        id: &PersonId,
        role: Option<Role>,
        country: Option<&Country>,
        now: Timestamp,
    ) -> Result<Actor, Rejection> {
        if Actor::is_service(id) {
            let role = if id.as_str() == Actor::OPERATOR { Role::Administrator } else { Role::Service };
            return Ok(Actor { id: id.clone(), role, institution: None, country: None });
        }
        let fits = |grant: &&Grant| grant.holds_at(now) && role.is_none_or(|role| grant.role == role);
        let grants = self.grants.get(id).map_or(&[][..], Vec::as_slice);
        let here = |grant: &&Grant| grant.country.is_none() || country.is_none() || grant.country.as_ref() == country;
        let grant = grants.iter().filter(fits).find(here).or_else(|| grants.iter().find(fits));
        grant
            .map(|grant| Actor {
                id: id.clone(),
                role: grant.role,
                institution: grant.institution.clone(),
                country: grant.country.clone(),
            })
            .ok_or_else(|| Rejection::UnknownActor { actor: id.to_string() })
    }

    /// The roles that somebody holds now and in which they can act on what is of this country, or of none, each once in the order in which
    /// they were given.
    pub fn roles(&self, id: &PersonId, country: Option<&Country>, now: Timestamp) -> Vec<Role> {
        let here = |grant: &Grant| grant.country.is_none() || country.is_none() || grant.country.as_ref() == country;
        let mut roles = Vec::new();
        for grant in self.grants.get(id).into_iter().flatten().filter(|grant| grant.holds_at(now) && here(grant)) {
            if !roles.contains(&grant.role) {
                roles.push(grant.role);
            }
        }
        roles
    }

    /// The people who hold a role now, for a country where one is given, in the order of their ids.
    pub fn holders(&self, role: Role, country: Option<&Country>, now: Timestamp) -> Vec<&PersonId> {
        let fits = |grant: &Grant| grant.role == role && (!role.is_of_country() || grant.country.as_ref() == country);
        let holds = |grants: &Vec<Grant>| grants.iter().any(|grant| fits(grant) && grant.holds_at(now));
        self.grants.iter().filter(|(_, grants)| holds(grants)).map(|(person, _)| person).collect()
    }

    /// The country in which somebody works who holds a role that is of no country, as their institution says.
    pub fn seat(&self, person: &PersonId, role: Role) -> Option<&Country> {
        let grant = self.grants.get(person)?.iter().find(|grant| grant.role == role)?;
        self.institutions.get(grant.institution.as_ref()?)?.country.as_ref()
    }

    /// Where somebody works in a role, if the working days there differ from the country's.
    pub fn place(&self, person: &PersonId, role: Role, country: Option<&Country>) -> Option<&PlaceId> {
        let fits = |grant: &&Grant| grant.role == role && (!role.is_of_country() || grant.country.as_ref() == country);
        let institution = self.grants.get(person)?.iter().find(fits)?.institution.as_ref()?;
        self.institutions.get(institution)?.place.as_ref()
    }
}
