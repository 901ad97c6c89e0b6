//! The network: institutions, and who holds which role for whom. Names and addresses are not here; they are erasable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::Context;
use crate::reason::text_is_well_formed;
use crate::{Actor, Country, InstitutionId, PersonId, Rejection, Role};

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
}

/// What can be wished of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkCommand {
    /// Register an institution under its name, which is not personal data.
    RegisterInstitution {
        /// Its id.
        institution: InstitutionId,
        /// Its country, absent for ILO.
        country: Option<Country>,
        /// Its name.
        name: String,
    },
    /// Give a person a role.
    GrantRole {
        /// The person.
        person: PersonId,
        /// The role.
        grant: Grant,
    },
    /// Take a role from a person.
    EndRole {
        /// The person.
        person: PersonId,
        /// The role.
        grant: Grant,
        /// Why.
        reason: String,
    },
    /// Let another key sign the log from now on.
    RotateKey {
        /// The key that signs now, in vkey form (C2SP signed-note).
        was: String,
        /// The key that shall.
        is: String,
        /// Why.
        reason: String,
    },
    /// Forget who a person is: every role ends, and the register outside the log loses name and address. The id stays.
    ErasePerson {
        /// The person.
        person: PersonId,
        /// Why.
        reason: String,
    },
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
    },
    /// A person holds a role from now on.
    RoleGranted {
        /// The person.
        person: PersonId,
        /// The role.
        grant: Grant,
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
    /// A person was erased: the id remains, and nothing says any more whose it was.
    PersonErased {
        /// The person.
        person: PersonId,
        /// Why.
        reason: String,
    },
}

/// The network as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Institutions: country and name.
    pub institutions: BTreeMap<InstitutionId, (Option<Country>, String)>,
    /// Roles by person, in the order they were granted.
    pub grants: BTreeMap<PersonId, Vec<Grant>>,
    /// The keys that signed the log, the present one last; none, as long as it was never changed.
    pub keys: Vec<String>,
}

impl Network {
    /// The state after an event.
    pub fn evolve(&mut self, event: &NetworkEvent) {
        match event {
            NetworkEvent::InstitutionRegistered { institution, country, name } => {
                self.institutions.insert(institution.clone(), (country.clone(), name.clone()));
            }
            NetworkEvent::RoleGranted { person, grant } => {
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
            NetworkEvent::KeyRotated { was, is, .. } => {
                if self.keys.is_empty() {
                    self.keys.push(was.clone());
                }
                self.keys.push(is.clone());
            }
        }
    }

    /// Who the actor of a command is: a service, or a person in the role asked for (the first one held, if none is).
    ///
    /// # Errors
    /// When nobody is known by that id in that role.
    pub fn actor(&self, id: &PersonId, role: Option<Role>, country: Option<&Country>) -> Result<Actor, Rejection> {
        if Actor::is_service(id) {
            let role = if id.as_str() == "operator" { Role::Administrator } else { Role::Service };
            return Ok(Actor { id: id.clone(), role, institution: None, country: None });
        }
        let fits = |grant: &&Grant| role.is_none_or(|role| grant.role == role);
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

    /// The people who hold a role, for a country where one is given, in the order of their ids.
    pub fn holders(&self, role: Role, country: Option<&Country>) -> Vec<&PersonId> {
        let holds = |grants: &Vec<Grant>| {
            grants.iter().any(|grant| grant.role == role && (!role.is_national() || grant.country.as_ref() == country))
        };
        self.grants.iter().filter(|(_, grants)| holds(grants)).map(|(person, _)| person).collect()
    }
}

/// Decides a command on the network. The operator and administrators may do all; the regional coordinator keeps the
/// national roles.
///
/// # Errors
/// The rejection.
pub fn decide(
    state: &Network,
    command: &NetworkCommand,
    context: &Context<'_>,
) -> Result<Vec<NetworkEvent>, Rejection> {
    let administers = context.actor.role == Role::Administrator;
    let coordinates = context.actor.role == Role::RegionalCoordinator;
    let keeps = |grant: &Grant| administers || (coordinates && grant.role.is_national());
    match command {
        NetworkCommand::RegisterInstitution { institution, country, name } => {
            if !administers && !coordinates {
                return Err(context.not_allowed("register institutions"));
            }
            if !text_is_well_formed(name) {
                return Err(Rejection::Malformed { what: format!("the name of {institution} is empty or malformed") });
            }
            if state.institutions.get(institution) == Some(&(country.clone(), name.clone())) {
                return Ok(Vec::new());
            }
            Ok(vec![NetworkEvent::InstitutionRegistered {
                institution: institution.clone(),
                country: country.clone(),
                name: name.clone(),
            }])
        }
        NetworkCommand::GrantRole { person, grant } => {
            if !keeps(grant) {
                return Err(context.not_allowed("grant this role"));
            }
            if *person == context.actor.id {
                return Err(context.same_person("the one who grants", "the one who is granted"));
            }
            well_formed(person, grant)?;
            if state.grants.get(person).is_some_and(|held| held.contains(grant)) {
                return Ok(Vec::new());
            }
            Ok(vec![NetworkEvent::RoleGranted { person: person.clone(), grant: grant.clone() }])
        }
        NetworkCommand::EndRole { person, grant, reason } => {
            if !keeps(grant) {
                return Err(context.not_allowed("end this role"));
            }
            if !text_is_well_formed(reason) {
                return Err(Rejection::ReasonRequired { figures: Vec::new() });
            }
            if !state.grants.get(person).is_some_and(|held| held.contains(grant)) {
                return Err(Rejection::UnknownActor { actor: person.to_string() });
            }
            Ok(vec![NetworkEvent::RoleEnded { person: person.clone(), grant: grant.clone(), reason: reason.clone() }])
        }
        NetworkCommand::RotateKey { was, is, reason } => {
            if !administers {
                return Err(context.not_allowed("change the key that signs"));
            }
            if !text_is_well_formed(reason) {
                return Err(Rejection::ReasonRequired { figures: Vec::new() });
            }
            handed_over(state, was, is)?;
            Ok(vec![NetworkEvent::KeyRotated { was: was.clone(), is: is.clone(), reason: reason.clone() }])
        }
        NetworkCommand::ErasePerson { person, reason } => {
            if !administers {
                return Err(context.not_allowed("erase a person"));
            }
            if Actor::is_service(person) {
                return Err(Rejection::Malformed { what: format!("`{person}` is a service, and nobody") });
            }
            if !text_is_well_formed(reason) {
                return Err(Rejection::ReasonRequired { figures: Vec::new() });
            }
            Ok(vec![NetworkEvent::PersonErased { person: person.clone(), reason: reason.clone() }])
        }
    }
}

/// The longest key in vkey form that is believed.
const MAX_KEY: usize = 500;

fn handed_over(state: &Network, was: &str, is: &str) -> Result<(), Rejection> {
    let bad = |key: &str| key.is_empty() || key.len() > MAX_KEY || key.contains(|c: char| !c.is_ascii_graphic());
    if bad(was) || bad(is) || was == is {
        return Err(Rejection::Malformed { what: "two different keys in vkey form are needed".to_owned() });
    }
    if state.keys.iter().any(|key| key == is) {
        return Err(Rejection::Malformed {
            what: format!("{is} has signed this log before; a key comes back to no use"),
        });
    }
    match state.keys.last() {
        Some(key) if key != was => Err(Rejection::Malformed { what: format!("the log is signed by {key}, not {was}") }),
        _ => Ok(()),
    }
}

fn well_formed(person: &PersonId, grant: &Grant) -> Result<(), Rejection> {
    if Actor::is_service(person) || grant.role == Role::Service {
        return Err(Rejection::Malformed { what: format!("`{person}` and the role `service` are kept for services") });
    }
    if grant.role.is_national() != grant.country.is_some() {
        return Err(Rejection::Malformed {
            what: format!(
                "the role {} {} a country",
                grant.role,
                if grant.role.is_national() { "needs" } else { "has no" }
            ),
        });
    }
    Ok(())
}
