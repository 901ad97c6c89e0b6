//! Facts: what a mail may speak of, as it is at the moment of sending. Never a figure, never a finding.

use jiff::Timestamp;
use jiff::civil::Time;
use rondo_domain::calendar::Moment;
use rondo_domain::notice::NoticeBrief;
use rondo_domain::table::TableNo;
use rondo_domain::world::World;
use rondo_domain::{Country, Role, RoundId};
use rondo_runtime::config::MailSection;
use rondo_runtime::people::Person;
use serde::Serialize;

use crate::standing;
use crate::texts::Texts;

/// What texts may speak of; the names are those in [`crate::texts::VARIABLES`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) round: String,
    country: String,
    deadline: String,
    /// Days until the deadline's, less than none after it; nothing where there is no deadline.
    days_left: Option<i32>,
    missing: String,
    missing_count: usize,
    owed: String,
    years: String,
    pub(crate) link: String,
    contact: String,
    notice: String,
    reason: String,
    task: Option<String>,
    task_until: Option<String>,
    /// What the deadline was before it was moved.
    was: Option<String>,
    /// When the release goes out.
    release: Option<String>,
    /// When nothing is taken any more.
    close: Option<String>,
    standing: Vec<String>,
    pub(crate) count: usize,
    /// To whom the mail goes of which this is a copy, as roles in words.
    pub(crate) to: Option<String>,
    /// The deadline itself and how often it was moved, for the entry in people's calendars.
    #[serde(skip)]
    pub(crate) due: Option<(Moment, u32)>,
    /// The round.
    #[serde(skip)]
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) place: Option<Country>,
    #[serde(skip)]
    pub(crate) now: Timestamp,
}

impl Facts {
    /// What is true of a notice now.
    pub(crate) fn of(
        world: &World,
        id: &RoundId,
        brief: &NoticeBrief,
        person: &Person,
        (texts, mail): (&Texts, &MailSection),
        now: Timestamp,
    ) -> Self {
        let round = world.round(id);
        let country = brief.country.as_ref();
        let participant = country.and_then(|country| round?.participants.get(country));
        let missing: Vec<TableNo> = country
            .and_then(|country| world.participation(id, country))
            .map(|part| part.missing().collect())
            .unwrap_or_default();
        let years = round.map(|round| round.reference_years.iter().map(ToString::to_string).collect::<Vec<_>>());
        let task = brief.task.as_ref();
        let until = task.and_then(|task| world.run(id, country)?.tasks.get(&task.occurrence)?.task.until);
        let home = country.unwrap_or(&texts.definition.home);
        let base = mail.base_url.trim_end_matches('/');
        let place = country.map(|country| format!("/{country}")).unwrap_or_default();
        let moves = country.and_then(|country| round?.moves.get(country)).copied().unwrap_or(0);
        let milestone = |id: &str| {
            let (_, moment) = round?.milestones.iter().find(|(other, _)| other.as_str() == id)?;
            Some(in_words(moment))
        };
        Self {
            name: person.name.clone(),
            round: round.map(|round| round.title.clone()).unwrap_or_default(),
            country: country.map(|country| named(texts, country)).unwrap_or_default(),
            deadline: participant.map(|participant| in_words(&participant.deadline)).unwrap_or_default(),
            days_left: participant.map(|participant| participant.deadline.days_left(now)),
            missing_count: missing.len(),
            missing: tables(&missing),
            owed: participant.map(|participant| tables(&participant.tables)).unwrap_or_default(),
            years: years.unwrap_or_default().join(", "),
            link: format!("{base}/rounds/{id}{place}"),
            contact: mail.contact.clone(),
            notice: mail.notice.clone(),
            reason: brief.reason.clone(),
            task: task.map(|task| task.what.clone()),
            task_until: until.and_then(|until| {
                let calendar = texts.calendars.get(home)?;
                let local = calendar.zone.to_datetime(until);
                Some(format!("{} ({})", local.strftime("%A %-d %B %Y, %H:%M"), calendar.zone_name))
            }),
            was: country.and_then(|country| Some(in_words(&round?.extensions.get(country)?.0))),
            release: milestone("release"),
            close: milestone("close"),
            standing: match (&brief.country, round) {
                (None, Some(round)) => standing::lines(world, (id, round), brief.role, texts, now),
                _ => Vec::new(),
            },
            count: 1,
            to: copied(world, texts, brief, now),
            due: participant.map(|participant| (participant.deadline.clone(), moves)),
            id: id.to_string(),
            place: brief.country.clone(),
            now,
        }
    }

    /// Shows a country that owes nothing, or nothing yet, as if these tables were missing: a mail that asks for none is never sent.
    pub(crate) fn as_if_owing(&mut self, owed: &[TableNo]) {
        if self.missing_count == 0 {
            (self.missing, self.missing_count) = (tables(owed), owed.len());
        }
    }

    /// All that may be true at once, to try a text with.
    pub(crate) fn full() -> Self {
        let some = || Some("something".to_owned());
        let filled = || "something".to_owned();
        Self {
            country: filled(),
            deadline: filled(),
            days_left: Some(2),
            missing: filled(),
            missing_count: 2,
            owed: filled(),
            years: filled(),
            notice: filled(),
            task: some(),
            task_until: some(),
            was: some(),
            release: some(),
            close: some(),
            // More lines than the digest of 190 countries has.
            standing: vec![filled(); 100],
            count: 2,
            ..Self::bare()
        }
    }

    /// One of each thing of which there are usually several, to try a text with.
    pub(crate) fn one() -> Self {
        Self { days_left: Some(0), missing_count: 1, standing: vec!["something".to_owned()], count: 1, ..Self::full() }
    }

    /// All that may be true at once after the deadline, to try a text with.
    pub(crate) fn late() -> Self {
        Self { days_left: Some(-2), ..Self::full() }
    }

    /// As little as may be true, to try a text with. What is copied names to whom it goes, in either case.
    pub(crate) fn bare() -> Self {
        let filled = || "something".to_owned();
        Self {
            name: filled(),
            round: filled(),
            country: String::new(),
            deadline: String::new(),
            days_left: None,
            missing: String::new(),
            missing_count: 0,
            owed: String::new(),
            years: String::new(),
            link: filled(),
            contact: filled(),
            notice: String::new(),
            reason: filled(),
            task: None,
            task_until: None,
            was: None,
            release: None,
            close: None,
            standing: Vec::new(),
            count: 1,
            to: Some(filled()),
            due: None,
            id: String::new(),
            place: None,
            now: Timestamp::UNIX_EPOCH,
        }
    }
}

/// The roles that get the mail itself, where this is a copy of it.
fn copied(world: &World, texts: &Texts, brief: &NoticeBrief, now: Timestamp) -> Option<String> {
    let to = texts.definition.copied(&brief.step, brief.role)?;
    let held = to.iter().filter(|role| !world.network().holders(**role, brief.country.as_ref(), now).is_empty());
    roles_in_words(held)
}

/// Roles in words: `the focal point and the head of agency`.
pub(crate) fn roles_in_words<'r>(roles: impl IntoIterator<Item = &'r Role>) -> Option<String> {
    let roles: Vec<String> = roles.into_iter().map(|role| format!("the {}", role.as_str().replace('-', " "))).collect();
    let (last, others) = roles.split_last()?;
    Some(if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) })
}

pub(crate) fn named(texts: &Texts, country: &Country) -> String {
    texts.calendars.get(country).map_or_else(|| country.to_string(), |calendar| calendar.name.clone())
}

/// A moment in words: `Friday 31 October 2025, end of day (Asia/Vientiane)`.
fn in_words(moment: &Moment) -> String {
    let day = moment.local.date().strftime("%A %-d %B %Y");
    let time = moment.local.time();
    let time = if time == Moment::END_OF_DAY || time == Time::midnight() {
        "end of day".to_owned()
    } else {
        time.strftime("%H:%M").to_string()
    };
    format!("{day}, {time} ({})", moment.reckoned.zone)
}

pub(crate) fn tables(tables: &[TableNo]) -> String {
    match tables {
        [] => "no tables".to_owned(),
        [one] => format!("table {one}"),
        [most @ .., last] => {
            format!("tables {} and {last}", most.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}
