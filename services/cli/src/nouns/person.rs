//! `rondo person`.

use rondo_domain::Wish;
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_runtime::config::Config;
use rondo_runtime::people::{People, Person};
use serde_json::json;

use crate::args::PersonVerb;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, line};

pub(crate) async fn run(verb: &PersonVerb, desk: &Desk, config: &Config, form: Form) -> Result<(), Failure> {
    match verb {
        PersonVerb::List => {
            let world = desk.world(&["network"]).await?;
            let mut entries = Vec::new();
            for (person, grants) in &world.network().grants {
                for grant in grants {
                    entries.push(json!({
                        "person": person, "role": grant.role, "country": grant.country, "institution": grant.institution,
                    }));
                }
            }
            let columns =
                &[("/person", "Person"), ("/role", "Role"), ("/country", "Country"), ("/institution", "Institution")];
            Listing {
                name: "people",
                columns,
                entries,
                empty: "Nobody holds a role yet: rondo person grant PERSON ROLE",
            }
            .print(form)
        }
        PersonVerb::Add { who: person, name, email, language } => {
            let path = config.in_data(&config.mail.people);
            let mut people = People::read(&path).map_err(|e| Failure::of(&e))?;
            let entry = Person { name: name.clone(), email: email.clone(), language: language.clone(), phone: None };
            people.person.insert(person.clone(), entry);
            people.write(&path).map_err(|e| Failure::usage(rondo_runtime::lifecycle::with_sources(&e)))?;
            line(&format!("{person} is in the register {}.", path.display()))
        }
        PersonVerb::Grant { who: person, granted: role, country, institution } => {
            let grant = Grant { role: *role, country: country.clone(), institution: institution.clone() };
            let command = NetworkCommand::GrantRole { person: person.clone(), grant };
            desk.submit(&["grant"], Wish::Network { command }).await?;
            line(&format!("{person} holds the role {role}."))
        }
    }
}
