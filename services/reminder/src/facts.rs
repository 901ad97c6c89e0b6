//! Facts: what a mail may speak of, as it is at the moment of sending. Never a figure, never a finding.

use jiff::Timestamp;
use jiff::civil::Time;
use rondo_domain::calendar::Moment;
use rondo_domain::notice::{NoticeBrief, NoticeState};
use rondo_domain::participation::{TableState, Turn};
use rondo_domain::round::Round;
use rondo_domain::table::TableNo;
use rondo_domain::workflow::Action;
use rondo_domain::world::World;
use rondo_domain::{Country, RoundId};
use rondo_runtime::config::MailSection;
use rondo_runtime::people::Person;
use serde::Serialize;

use crate::texts::Texts;

/// What texts may speak of; the names are those in [`crate::texts::VARIABLES`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) round: String,
    country: String,
    deadline: String,
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
    standing: Vec<String>,
    pub(crate) count: usize,
    /// To whom the mail goes of which this is a copy, as roles in words.
    pub(crate) to: Option<String>,
    /// The deadline itself and how often it was moved, for the entry in people's calendars.
    #[serde(skip)]
    pub(crate) due: Option<(Moment, u32)>,
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
        Self {
            name: person.name.clone(),
            round: round.map(|round| round.title.clone()).unwrap_or_default(),
            country: country.map(|country| named(texts, country)).unwrap_or_default(),
            deadline: participant.map(|participant| in_words(&participant.deadline)).unwrap_or_default(),
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
            standing: match (&brief.country, round) {
                (None, Some(round)) => standing(world, id, round, texts, now),
                _ => Vec::new(),
            },
            count: 1,
            to: copied(texts, brief),
            due: participant.map(|participant| (participant.deadline.clone(), moves)),
            place: brief.country.clone(),
            now,
        }
    }
}

/// The roles that get the mail itself, where this is a copy of it.
fn copied(texts: &Texts, brief: &NoticeBrief) -> Option<String> {
    let Action::Mail { to, copy, .. } = &texts.definition.step(&brief.step)?.action else { return None };
    let roles: Vec<String> = to.iter().map(|role| format!("the {}", role.as_str().replace('-', " "))).collect();
    let (last, others) = roles.split_last().filter(|_| copy.contains(&brief.role))?;
    Some(if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) })
}

fn named(texts: &Texts, country: &Country) -> String {
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

fn tables(tables: &[TableNo]) -> String {
    match tables {
        [] => "no tables".to_owned(),
        [one] => format!("table {one}"),
        [most @ .., last] => {
            format!("tables {} and {last}", most.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Where a round stands, a line each: what is in, who is late, whom what waits for, which mail did not arrive.
fn standing(world: &World, id: &RoundId, round: &Round, texts: &Texts, now: Timestamp) -> Vec<String> {
    let (mut owed, mut received, mut accepted, mut without) = (0, 0, 0, 0);
    let (mut late, mut ours) = (Vec::new(), Vec::new());
    for (country, participant) in &round.participants {
        owed += participant.tables.len();
        let Some(part) = world.participation(id, country) else { continue };
        received += participant.tables.len() - part.missing().count();
        accepted += part.tables.values().filter(|table| table.state.is_accepted()).count();
        without += part.tables.values().filter(|table| matches!(table.state, TableState::Declared)).count();
        if part.owes_tables() && participant.deadline.at < now {
            let days = working_days(texts, country, &participant.deadline, now);
            late.push((days.unwrap_or(0), named(texts, country)));
        } else if part.turn() == Turn::Ilo {
            ours.push(named(texts, country));
        }
    }
    late.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let late: Vec<String> = late.into_iter().map(|(days, name)| format!("{name} ({days} working days)")).collect();
    let astray = world.notices(id).into_iter().filter(|(_, notice)| {
        use NoticeState as S;
        matches!(notice.state, S::Bounced { hard: true, .. } | S::Refused { .. } | S::Unknown)
    });
    let astray = astray.count();
    let mut lines = vec![format!(
        "Of {owed} tables {received} are in, {accepted} of them accepted; for {without} there are no data."
    )];
    lines.push(if late.is_empty() { "Nobody is late.".to_owned() } else { format!("Late: {}.", late.join(", ")) });
    if !ours.is_empty() {
        lines.push(format!("Waiting for the ILO: {}.", ours.join(", ")));
    }
    if astray > 0 {
        let verb = if astray == 1 { "mail did" } else { "mails did" };
        lines.push(format!("{astray} {verb} not arrive."));
    }
    lines
}

/// Working days of the country since its deadline.
fn working_days(texts: &Texts, country: &Country, deadline: &Moment, now: Timestamp) -> Option<u32> {
    let calendar = texts.calendars.get(country)?;
    let today = calendar.zone.to_datetime(now).date();
    calendar.working_days_between(deadline.local.date(), today).ok()
}
