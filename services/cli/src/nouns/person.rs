//! `rondo person`.

use std::path::Path;

use rondo_domain::calendar::Calendars;
use rondo_domain::network::{Grant, NetworkCommand, Term};
use rondo_domain::{Country, InstitutionId, PersonId, Role, Wish};
use rondo_runtime::config::Config;
use rondo_runtime::people::{People, Person};
use serde_json::json;

use crate::args::PersonVerb;
use crate::builtin;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, hint, said};
use crate::register;

pub(crate) async fn run(verb: &PersonVerb, desk: &Desk, config: &Config, form: Form) -> Result<(), Failure> {
    match verb {
        PersonVerb::List => list(desk, form).await,
        PersonVerb::Add { who, name, email, language } => add(who, (name, email, language), config, form),
        PersonVerb::End { who, ended, country, institution, reason } => {
            end((who, *ended), (country.as_ref(), institution.as_ref()), reason, desk, form).await
        }
        PersonVerb::Erase { who: person, reason } => erase(person, reason, desk, config, form).await,
        PersonVerb::Grant { who: person, granted: role, country, institution, from, until } => {
            let term = Term { from: *from, until: *until, deputy_of: None };
            let grant = Grant { institution: institution.clone(), term, ..Grant::of(*role, country.clone()) };
            let command = NetworkCommand::GrantRole { person: person.clone(), grant };
            desk.submit(&["grant"], Wish::Network { command }).await?;
            let term = match (from, until) {
                (None, None) => String::new(),
                (Some(from), None) => format!(" from {from} on"),
                (None, Some(until)) => format!(" until {until}"),
                (Some(from), Some(until)) => format!(" from {from} until {until}"),
            };
            said(form, &format!("{person} holds the role {role}{term}."))?;
            unknown_country(country.as_ref());
            not_registered(person, config);
            Ok(())
        }
        PersonVerb::Delegate { who, to, delegated, country, from, until, reason } => {
            let command = NetworkCommand::Delegate {
                person: who.clone(),
                to: to.clone(),
                role: *delegated,
                country: country.clone(),
                from: *from,
                until: *until,
                reason: reason.clone(),
            };
            desk.submit(&["delegate"], Wish::Network { command }).await?;
            said(form, &format!("{to} stands in for {who} as {delegated} until {until}."))?;
            not_registered(to, config);
            Ok(())
        }
        PersonVerb::Handover { who, out } => super::handover::run(who, out.as_deref(), desk, form).await,
    }
}

/// Writes a person into the register. The log is not asked: with six services it is elsewhere.
pub(crate) fn add(
    person: &PersonId,
    (name, email, language): (&str, &str, &str),
    config: &Config,
    form: Form,
) -> Result<(), Failure> {
    let path = register::to_add(config)?;
    let mut people = People::read(&path).map_err(|e| Failure::of(&e))?;
    let entry = Person { name: name.to_owned(), email: email.to_owned(), language: language.to_owned(), phone: None };
    let was = people.person.insert(person.clone(), entry);
    people.write(&path).map_err(|e| Failure::usage(rondo_runtime::lifecycle::with_sources(&e)))?;
    let was = if was.is_some() { " Its earlier entry was replaced." } else { "" };
    said(form, &format!("{person} is in the register {}.{was}", path.display()))
}

/// Says so where no workflow of this program has a calendar of that country: it may be misspelt.
fn unknown_country(country: Option<&Country>) {
    let Some(country) = country else { return };
    let calendars = builtin::packed("ilms-asean").ok().and_then(|bundle| Calendars::read(&bundle).ok());
    if calendars.is_some_and(|calendars| calendars.get(country).is_none()) {
        hint(&format!(
            "{country} is no country of ilms-asean; if it is misspelt, end the role with `rondo person end`."
        ));
    }
}

/// Says so where nobody knows the address of somebody who shall get mail. A register that is elsewhere may know it.
fn not_registered(person: &PersonId, config: &Config) {
    let Some(path) = register::here(config) else { return };
    if People::read(&path).is_ok_and(|people| !people.person.contains_key(person)) {
        hint(&format!(
            "{person} is not in the register of people: no mail reaches them before `rondo person add {person} …`."
        ));
    }
}

async fn list(desk: &Desk, form: Form) -> Result<(), Failure> {
    let world = desk.world(&["network"]).await?;
    let mut entries = Vec::new();
    for (person, grants) in &world.network().grants {
        for grant in grants {
            entries.push(json!({
                "person": person, "role": grant.role, "country": grant.country, "institution": grant.institution,
                "from": grant.term.from, "until": grant.term.until, "deputy_of": grant.term.deputy_of,
            }));
        }
    }
    let columns = &[
        ("/person", "Person"),
        ("/role", "Role"),
        ("/country", "Country"),
        ("/institution", "Institution"),
        ("/from", "From"),
        ("/until", "Until"),
        ("/deputy_of", "In place of"),
    ];
    Listing { name: "people", columns, entries, empty: "Nobody holds a role yet: rondo person grant PERSON ROLE" }
        .print(form)
}

/// Ends the one role that is meant.
async fn end(
    (person, ended): (&PersonId, Role),
    (country, institution): (Option<&Country>, Option<&InstitutionId>),
    reason: &str,
    desk: &Desk,
    form: Form,
) -> Result<(), Failure> {
    let world = desk.world(&["network"]).await?;
    let held = world.network().grants.get(person).map_or(&[][..], Vec::as_slice);
    let mut meant = held.iter().filter(|grant| {
        grant.role == ended
            && (country.is_none() || grant.country.as_ref() == country)
            && (institution.is_none() || grant.institution.as_ref() == institution)
    });
    let (Some(grant), None) = (meant.next().cloned(), meant.next()) else {
        let roles: Vec<String> = held.iter().map(|grant| grant.role.to_string()).collect();
        let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
        return Err(Failure::not_found(format!(
            "{person} does not hold exactly one such role, but {roles}; see `rondo person list`, and name country and institution"
        )));
    };
    let command = NetworkCommand::EndRole { person: person.clone(), grant, reason: reason.to_owned() };
    desk.submit(&["end"], Wish::Network { command }).await?;
    said(form, &format!("{person} no longer holds the role {ended}."))
}

/// Records the erasure, then removes what stands outside the log. Cut off in between, the same again finishes it. Where the register and
/// the mails are elsewhere nothing is recorded: the log would say that somebody is forgotten who is not.
async fn erase(person: &PersonId, reason: &str, desk: &Desk, config: &Config, form: Form) -> Result<(), Failure> {
    let path = register::beside_mails(config, &format!("person erase {person} --reason …"))?;
    let mut people = People::read(&path).map_err(|e| Failure::of(&e))?;
    let world = desk.world(&["network"]).await?;
    let known = people.person.get(person).cloned();
    if let Some(before) = desk.given.before().filter(|_| known.is_none()) {
        return before.tell(form);
    }
    if known.is_none() && !world.network().grants.contains_key(person) {
        return Err(Failure::not_found(format!(
            "nobody is known as `{person}`, neither in the register nor by a role"
        )));
    }
    let command = NetworkCommand::ErasePerson { person: person.clone(), reason: reason.to_owned() };
    desk.submit(&["erase"], Wish::Network { command }).await?;
    let Some(known) = known else {
        said(
            form,
            &format!(
                "{person} is erased: every role has ended. The register {} had no entry of theirs, so that no name or address is known here by which mails could be looked for; none was removed.",
                path.display()
            ),
        )?;
        hint("If an entry was taken out by hand, look through the folders of mails for the name.");
        return Ok(());
    };
    let unfinished = |why: Failure| {
        Failure::failed(format!(
            "{}. The log says that {person} is erased, and the register or mails still hold the name: mend that, and give the same command again",
            why.sentence
        ))
    };
    let inbox = config.in_data(&config.mail.inbox);
    let aside = rondo_reminder::ASIDE.map(|name| inbox.join(name));
    let mut mails = 0;
    for folder in [config.in_data(&config.mail.folder), inbox].iter().chain(&aside) {
        mails += remove_mails(folder, &known).map_err(unfinished)?;
    }
    people.person.remove(person);
    people.write(&path).map_err(|e| unfinished(Failure::of(&e)))?;
    said(
        form,
        &format!(
            "{person} is erased: every role has ended, the register forgets the name, {mails} mails to and from them are removed."
        ),
    )?;
    hint("Backups of the register and mails that have left are elsewhere; a received file may hold a name as well.");
    Ok(())
}

/// Removes the mails of the folder that hold a person's name or address.
fn remove_mails(folder: &Path, person: &Person) -> Result<usize, Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("cannot remove mails from {}: {e}", folder.display()));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(failed(e)),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if !entry.file_type().map_err(failed)?.is_file() {
            continue;
        }
        let path = entry.path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).map_err(failed)?).into_owned();
        if text.contains(&person.email) || text.contains(&person.name) {
            std::fs::remove_file(&path).map_err(failed)?;
            removed += 1;
        }
    }
    Ok(removed)
}
