//! Who acts: a person in a role for an institution, or a service of the program.

use serde::{Deserialize, Serialize};

use crate::{Country, InstitutionId, PersonId};

/// What an actor may do; a person may hold several, each granted and ended by an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Geneva: template, rules, approval of releases.
    CollectionManager,
    /// Bangkok: calendar, reminders, liaison.
    RegionalCoordinator,
    /// Checks and accepts a country's tables.
    Validator,
    /// Clears a release for publication.
    Publisher,
    /// Keeps the system running; has no right over data.
    Administrator,
    /// Reads everything, writes nothing.
    Auditor,
    /// Answers for one country's participation and confirms its figures.
    NationalCoordinator,
    /// Fills in and sends questionnaire tables for an institution.
    FocalPoint,
    /// Stands in for a focal point.
    Alternate,
    /// Signs off for an institution; receives the last reminder.
    HeadOfAgency,
    /// An institution's address behind which no one person stands; it gets mail and does nothing.
    GenericMailbox,
    /// The ILO's office for a country; it gets copies and does nothing.
    CountryOffice,
    /// Receives aggregates only.
    Observer,
    /// A service of the program itself.
    Service,
}

impl Role {
    /// The roles of a country's own people, who act for it.
    pub const NATIONAL: [Self; 4] = [Self::NationalCoordinator, Self::FocalPoint, Self::Alternate, Self::HeadOfAgency];

    /// All who are written to about one country.
    pub const OF_COUNTRY: [Self; 6] = [
        Self::NationalCoordinator,
        Self::FocalPoint,
        Self::Alternate,
        Self::HeadOfAgency,
        Self::GenericMailbox,
        Self::CountryOffice,
    ];

    /// Whether the role is held for one country and sees only that country.
    pub fn is_of_country(self) -> bool {
        Self::OF_COUNTRY.contains(&self)
    }

    /// Whether somebody in this role may own a task and answer it: those who only look on, and services, may not.
    pub fn owns_tasks(self) -> bool {
        use Role::{Administrator, Auditor, CountryOffice, GenericMailbox, Observer, Service};
        !matches!(self, Auditor | Observer | Administrator | GenericMailbox | CountryOffice | Service)
    }

    /// The role as written in files, logs and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CollectionManager => "collection-manager",
            Self::RegionalCoordinator => "regional-coordinator",
            Self::Validator => "validator",
            Self::Publisher => "publisher",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
            Self::NationalCoordinator => "national-coordinator",
            Self::FocalPoint => "focal-point",
            Self::Alternate => "alternate",
            Self::HeadOfAgency => "head-of-agency",
            Self::GenericMailbox => "generic-mailbox",
            Self::CountryOffice => "country-office",
            Self::Observer => "observer",
            Self::Service => "service",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The actor of a record, as it was when the command was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The person's or service's id.
    pub id: PersonId,
    /// The role in which the command was decided.
    pub role: Role,
    /// The institution of a person, where the role has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<InstitutionId>,
    /// The country of a national role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
}

impl Actor {
    /// The id that stands for whoever holds the data directory.
    pub const OPERATOR: &'static str = "operator";

    /// Whether this id is reserved: for one of the program's own services, or for whoever holds the data directory.
    pub fn is_service(id: &PersonId) -> bool {
        id.as_str() == Self::OPERATOR || Service::NAMES.contains(&id.as_str())
    }
}

/// The program's own services. The name of each is what `rondo run` calls its role, its user on the bus, and its id in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Takes commands and keeps the log.
    Ledger,
    /// Fires what is due.
    Scheduler,
    /// Sends mail and hears of it.
    Reminder,
    /// Checks what is sent in.
    Validator,
    /// Writes releases.
    Publisher,
    /// Shows pages and speaks HTTP.
    Gateway,
}

impl Service {
    /// Every one, the ledger first: the others wait for it.
    pub const ALL: [Self; 6] =
        [Self::Ledger, Self::Scheduler, Self::Reminder, Self::Validator, Self::Publisher, Self::Gateway];

    /// Those that act on what is in the log.
    pub const ACTING: [Self; 4] = [Self::Scheduler, Self::Reminder, Self::Validator, Self::Publisher];

    /// The names of [`Self::ALL`].
    pub const NAMES: [&'static str; 6] = names(Self::ALL);

    /// The names of [`Self::ACTING`].
    pub const ACTING_NAMES: [&'static str; 4] = names(Self::ACTING);

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Scheduler => "scheduler",
            Self::Reminder => "reminder",
            Self::Validator => "validator",
            Self::Publisher => "publisher",
            Self::Gateway => "gateway",
        }
    }
}

const fn names<const N: usize>(services: [Service; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = services[at].name();
        at += 1;
    }
    names
}
