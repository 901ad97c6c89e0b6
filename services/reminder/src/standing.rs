//! Where a round stands, in the lines of the digest: what is in, who is late, whose turn it is, and what its reader has to do.

use jiff::Timestamp;
use rondo_domain::calendar::Moment;
use rondo_domain::notice::{About, Notice, NoticeState};
use rondo_domain::participation::{Participation, QueryState, TableState, Turn};
use rondo_domain::round::Round;
use rondo_domain::table::TableNo;
use rondo_domain::world::World;
use rondo_domain::{Country, Role, RoundId};

use crate::facts::{named, tables};
use crate::texts::Texts;

/// The lines of the digest for somebody in a role.
pub(crate) fn lines(
    world: &World,
    (id, round): (&RoundId, &Round),
    role: Role,
    texts: &Texts,
    now: Timestamp,
) -> Vec<String> {
    let (mut owed, mut given, mut accepted, mut declared) = (0, 0, 0, 0);
    let (mut late, mut lost, mut asked, mut ours) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (country, participant) in &round.participants {
        owed += participant.tables.len();
        let Some(part) = world.participation(id, country) else { continue };
        let count = |meant: fn(TableState) -> bool| part.tables.values().filter(|table| meant(table.state)).count();
        let without = count(|state| state == TableState::Declared);
        let missing: Vec<TableNo> = part.missing().collect();
        declared += without;
        given += participant.tables.len().saturating_sub(missing.len() + without);
        accepted += count(TableState::is_accepted);
        let name = named(texts, country);
        let open = part.queries.values().filter(|query| query.state == QueryState::Open).count();
        if part.owes_tables() && participant.deadline.at < now {
            let days = working_days(texts, country, &participant.deadline, now).unwrap_or(0);
            late.push((days, format!("{name} ({})", counted(days as usize, "working day", "working days"))));
        } else if (part.closed.is_some() || part.declined.is_some()) && !missing.is_empty() {
            lost.push(format!("{name} ({})", tables(&missing)));
        } else if open > 0 {
            asked.push(format!("{name} ({})", counted(open, "question", "questions")));
        } else if part.turn() == Turn::Ilo {
            ours.push(name);
        }
    }
    late.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let late: Vec<String> = late.into_iter().map(|(_, line)| line).collect();
    let unanswered = owed - given - declared;
    let mut lines = vec![format!(
        "Of {owed} tables {given} are in with data, {accepted} of them accepted; {declared} were declared to have none; {unanswered} are not answered."
    )];
    lines.push(if late.is_empty() { "Nobody is late.".to_owned() } else { format!("Late: {}.", late.join(", ")) });
    for (what, names) in
        [("Closed without an answer", lost), ("Waiting for the country", asked), ("Waiting for the ILO", ours)]
    {
        if !names.is_empty() {
            lines.push(format!("{what}: {}.", names.join(", ")));
        }
    }
    lines.extend(tasks(world, id, role, texts));
    lines.extend(astray(world, id, texts));
    lines
}

/// The open tasks of a role, the most urgent first.
fn tasks(world: &World, id: &RoundId, role: Role, texts: &Texts) -> Vec<String> {
    let clock = texts.calendars.get(&texts.definition.home);
    let mut open = Vec::new();
    for (_, country, run) in world.runs().into_iter().filter(|(of, ..)| of == id) {
        for (_, task) in run.open_tasks().filter(|(_, task)| task.owners().any(|owner| owner == role)) {
            let of = country.as_ref().map(|country| format!("{}: ", named(texts, country))).unwrap_or_default();
            let until = task.task.until.zip(clock).map(|(until, clock)| {
                let local = clock.zone.to_datetime(until).strftime("%a %-d %b %Y %H:%M");
                format!(" Until {local} ({}).", clock.zone_name)
            });
            open.push((task.task.until, format!("Your task: {of}{}{}", task.task.what, until.unwrap_or_default())));
        }
    }
    open.sort_by(|a, b| (a.0.is_none(), a.0, &a.1).cmp(&(b.0.is_none(), b.0, &b.1)));
    open.into_iter().map(|(_, line)| line).collect()
}

/// Mails that did not arrive, and about which something has still to be done.
fn astray(world: &World, id: &RoundId, texts: &Texts) -> Option<String> {
    let unsolved = |notice: &Notice| {
        let brief = notice.brief.as_ref()?;
        let part = brief.country.as_ref().and_then(|country| world.participation(id, country));
        // Whoever was replaced is no contact any more, and is not waited for; nor is whoever is reached since it came back.
        let of_contact = |part: &Participation| {
            part.is_of_contact(&brief.person, brief.role, notice.attempted_at)
                && !part.is_settled(&brief.person, notice)
        };
        let stands = !Role::NATIONAL.contains(&brief.role) || part.is_some_and(of_contact);
        let lost = match &notice.state {
            NoticeState::Bounced { .. } => stands,
            NoticeState::Refused { refusal } if refusal.about == About::Recipient => stands,
            NoticeState::Refused { .. } | NoticeState::Unknown | NoticeState::Undelivered { .. } => true,
            _ => false,
        };
        let of = brief.country.as_ref().map(|country| format!(" of {}", named(texts, country))).unwrap_or_default();
        lost.then(|| format!("{} to the {}{of}", brief.kind, brief.role.as_str().replace('-', " ")))
    };
    let mails: Vec<String> = world.notices(id).into_iter().filter_map(|(_, notice)| unsolved(notice)).collect();
    (!mails.is_empty()).then(|| format!("Mail that did not arrive: {}.", mails.join(", ")))
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Working days of the country since its deadline.
fn working_days(texts: &Texts, country: &Country, deadline: &Moment, now: Timestamp) -> Option<u32> {
    let calendar = texts.calendars.get(country)?;
    let today = calendar.zone.to_datetime(now).date();
    calendar.working_days_between(deadline.local.date(), today).ok()
}
