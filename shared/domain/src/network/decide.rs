//! What may be wished of the network, and by whom.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::heard::is_root;
use super::{Grant, Heard, Institution, Network, NetworkEvent, Term};
use crate::command::Context;
use crate::reason::text_is_well_formed;
use crate::{Actor, Country, InstitutionId, PersonId, PlaceId, Rejection, Role};

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
        /// Where it is, if the working days there differ from the country's.
        #[serde(default)]
        place: Option<PlaceId>,
    },
    /// Give a person a role.
    GrantRole {
        /// The person.
        person: PersonId,
        /// The role.
        grant: Grant,
    },
    /// Let somebody stand in for a person until a day.
    Delegate {
        /// Who is away.
        person: PersonId,
        /// Who stands in.
        to: PersonId,
        /// In which role of theirs.
        role: Role,
        /// Of which country, for a national role.
        country: Option<Country>,
        /// From when; from now on, without it.
        from: Option<Timestamp>,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
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
    /// Go on under another key, although records or the key that signed are lost.
    ContinueLog {
        /// The key that had signed, in vkey form.
        was: String,
        /// The key that signs from here on.
        is: String,
        /// How many records are left.
        kept: u64,
        /// How many had been signed, as far as that is known.
        signed: Option<u64>,
        /// The root that they had, in hexadecimal, as far as that is known.
        root: Option<String>,
        /// How many had been answered for, where they are more, as far as that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        acknowledged: Option<u64>,
        /// Who was shown how many, or others, by their word alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        heard: Vec<Heard>,
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
    let keeps = |grant: &Grant| administers || (coordinates && grant.role.is_of_country());
    match command {
        NetworkCommand::RegisterInstitution { .. } if !administers && !coordinates => {
            Err(context.not_allowed("register institutions"))
        }
        NetworkCommand::RegisterInstitution { institution, country, name, place } => {
            let registered = Institution {
                country: country.clone(),
                names: vec![(context.now, name.clone())],
                place: place.clone(),
            };
            registered_as(state, institution, &registered)
        }
        NetworkCommand::GrantRole { person, grant } => {
            if !keeps(grant) {
                return Err(context.not_allowed("grant this role"));
            }
            if *person == context.actor.id {
                return Err(context.same_person("the one who grants", "the one who is granted"));
            }
            well_formed(person, grant)?;
            at_institution(state, grant)?;
            if grant.term.until.is_some_and(|until| until <= context.now) {
                return Err(Rejection::Malformed {
                    what: "the role ends before it begins: its end has passed".to_owned(),
                });
            }
            if state.grants.get(person).is_some_and(|held| held.contains(grant)) {
                return Ok(Vec::new());
            }
            Ok(vec![NetworkEvent::RoleGranted { person: person.clone(), grant: grant.clone() }])
        }
        NetworkCommand::Delegate { .. } => delegated(state, command, &keeps, context),
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
        NetworkCommand::RotateKey { .. } => rotated(state, command, administers, context),
        NetworkCommand::ContinueLog { .. } => continued(state, command, administers, context),
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

fn registered_as(state: &Network, id: &InstitutionId, is: &Institution) -> Result<Vec<NetworkEvent>, Rejection> {
    if !text_is_well_formed(is.title()) {
        return Err(Rejection::Malformed { what: format!("the name of {id} is empty or malformed") });
    }
    let same =
        |known: &Institution| known.country == is.country && known.title() == is.title() && known.place == is.place;
    if state.institutions.get(id).is_some_and(same) {
        return Ok(Vec::new());
    }
    Ok(vec![NetworkEvent::InstitutionRegistered {
        institution: id.clone(),
        country: is.country.clone(),
        name: is.title().to_owned(),
        place: is.place.clone(),
    }])
}

/// A role is held at an institution that is registered, and is of the country or of none.
fn at_institution(state: &Network, grant: &Grant) -> Result<(), Rejection> {
    let Some(id) = &grant.institution else { return Ok(()) };
    let Some(known) = state.institutions.get(id) else {
        return Err(Rejection::Malformed { what: format!("the institution {id} is not registered") });
    };
    match (&known.country, &grant.country) {
        (Some(of), Some(country)) if of != country => {
            Err(Rejection::Malformed { what: format!("the institution {id} is of {of}, not of {country}") })
        }
        _ => Ok(()),
    }
}

/// The longest time for which somebody stands in for another.
const LONGEST_DELEGATION: SignedDuration = SignedDuration::from_hours(24 * 366);

/// Somebody stands in for another: in a role that is held, not by delegation itself, and not for ever.
fn delegated(
    state: &Network,
    command: &NetworkCommand,
    keeps: &dyn Fn(&Grant) -> bool,
    context: &Context<'_>,
) -> Result<Vec<NetworkEvent>, Rejection> {
    let NetworkCommand::Delegate { person, to, role, country, from, until, reason } = command else {
        return Ok(Vec::new());
    };
    let begin = from.unwrap_or(context.now);
    let held = state.grants.get(person).and_then(|grants| {
        let own = |grant: &&Grant| grant.role == *role && grant.country == *country && grant.term.deputy_of.is_none();
        grants.iter().filter(own).find(|grant| grant.holds_at(context.now))
    });
    let held = held.ok_or_else(|| Rejection::UnknownActor { actor: format!("{person} as {role}") })?;
    if context.actor.id != *person && !keeps(held) {
        return Err(context.not_allowed("delegate the role of another"));
    }
    if to == person {
        return Err(context.same_person("the one who is away", "the one who stands in"));
    }
    if !text_is_well_formed(reason) {
        return Err(Rejection::ReasonRequired { figures: Vec::new() });
    }
    if *until <= begin || *until <= context.now || until.duration_since(begin) > LONGEST_DELEGATION {
        return Err(Rejection::Malformed {
            what: format!("a delegation ends after it begins, and within a year: {begin} to {until}"),
        });
    }
    let term = Term { from: *from, until: Some(*until), deputy_of: Some(person.clone()) };
    let grant = Grant { term, ..held.clone() };
    well_formed(to, &grant)?;
    if state.grants.get(to).is_some_and(|grants| grants.contains(&grant)) {
        return Ok(Vec::new());
    }
    Ok(vec![NetworkEvent::RoleDelegated { person: to.clone(), grant, reason: reason.clone() }])
}

/// Another key signs: an administrator says so.
fn rotated(
    state: &Network,
    command: &NetworkCommand,
    administers: bool,
    context: &Context<'_>,
) -> Result<Vec<NetworkEvent>, Rejection> {
    let NetworkCommand::RotateKey { was, is, reason } = command else { return Ok(Vec::new()) };
    if !administers {
        return Err(context.not_allowed("change the key that signs"));
    }
    if !text_is_well_formed(reason) {
        return Err(Rejection::ReasonRequired { figures: Vec::new() });
    }
    handed_over(state, was, is)?;
    Ok(vec![NetworkEvent::KeyRotated { was: was.clone(), is: is.clone(), reason: reason.clone() }])
}

/// The log goes on although something of it is lost: an administrator says so.
fn continued(
    state: &Network,
    command: &NetworkCommand,
    administers: bool,
    context: &Context<'_>,
) -> Result<Vec<NetworkEvent>, Rejection> {
    let NetworkCommand::ContinueLog { was, is, kept, signed, root, acknowledged, heard, reason } = command else {
        return Ok(Vec::new());
    };
    if !administers {
        return Err(context.not_allowed("go on with a log of which something is lost"));
    }
    if !text_is_well_formed(reason) {
        return Err(Rejection::ReasonRequired { figures: Vec::new() });
    }
    another_key(state, was, is)?;
    if !root.iter().all(|root| is_root(root)) {
        return Err(Rejection::Malformed { what: "a root is 64 hexadecimal digits".to_owned() });
    }
    if heard.len() > Heard::MOST {
        return Err(Rejection::OutOfBounds { what: "words of others".to_owned(), limit: Heard::MOST });
    }
    if !heard.iter().all(Heard::is_well_formed) {
        return Err(Rejection::Malformed {
            what: "a word is by somebody with a short name, and its root is 64 hexadecimal digits".to_owned(),
        });
    }
    let (was, is, root, heard, reason) = (was.clone(), is.clone(), root.clone(), heard.clone(), reason.clone());
    let (kept, signed, acknowledged) = (*kept, *signed, *acknowledged);
    Ok(vec![NetworkEvent::LogContinued { was, is, kept, signed, root, acknowledged, heard, reason }])
}

/// The longest key in vkey form that is believed.
const MAX_KEY: usize = 500;

/// A key that has not signed the log yet takes the place of one.
fn another_key(state: &Network, was: &str, is: &str) -> Result<(), Rejection> {
    let bad = |key: &str| key.is_empty() || key.len() > MAX_KEY || key.contains(|c: char| !c.is_ascii_graphic());
    if bad(was) || bad(is) || was == is {
        return Err(Rejection::Malformed { what: "two different keys in vkey form are needed".to_owned() });
    }
    if state.keys.iter().any(|key| key == is) {
        return Err(Rejection::Malformed {
            what: format!("{is} has signed this log before; a key comes back to no use"),
        });
    }
    Ok(())
}

fn handed_over(state: &Network, was: &str, is: &str) -> Result<(), Rejection> {
    another_key(state, was, is)?;
    match state.keys.last() {
        Some(key) if key != was => Err(Rejection::Malformed { what: format!("the log is signed by {key}, not {was}") }),
        _ => Ok(()),
    }
}

fn well_formed(person: &PersonId, grant: &Grant) -> Result<(), Rejection> {
    if Actor::is_service(person) || grant.role == Role::Service {
        return Err(Rejection::Malformed { what: format!("`{person}` and the role `service` are kept for services") });
    }
    if grant.role.is_of_country() != grant.country.is_some() {
        return Err(Rejection::Malformed {
            what: format!(
                "the role {} {} a country",
                grant.role,
                if grant.role.is_of_country() { "needs" } else { "has no" }
            ),
        });
    }
    if let (Some(from), Some(until)) = (grant.term.from, grant.term.until)
        && until <= from
    {
        return Err(Rejection::Malformed { what: format!("the role ends before it begins: {from} to {until}") });
    }
    Ok(())
}
