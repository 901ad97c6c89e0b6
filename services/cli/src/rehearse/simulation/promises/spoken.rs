//! What mails say of days: the deadline that is in force when they leave, as one that is today, still to come, or over.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;
use rondo_domain::Country;
use rondo_domain::calendar::Moment;
use rondo_domain::notice::NoticeEvent;
use rondo_domain::round::RoundEvent;
use rondo_domain::run::Occurrence;

use super::days::Days;
use super::{Judged, Mail, Span, Step, Story};

/// A country's deadlines: from which place of the log on each is in force, and when one was moved.
#[derive(Default)]
pub(super) struct Deadlines(Vec<(u64, Country, Moment)>, Vec<(Country, Timestamp)>);

impl Deadlines {
    pub(super) fn take(&mut self, (place, at): (u64, Timestamp), event: &RoundEvent) {
        let parts = match event {
            RoundEvent::RoundConfigured { plan, .. } => &plan.participants[..],
            RoundEvent::CountriesConfigured { participants } => participants,
            RoundEvent::CountryAdmitted { participant, .. } => std::slice::from_ref(participant),
            RoundEvent::DeadlineExtended { country, is, .. } => {
                self.1.push((country.clone(), at));
                return self.0.push((place, country.clone(), is.clone()));
            }
            _ => return,
        };
        self.0.extend(parts.iter().map(|part| (place, part.country.clone(), part.deadline.clone())));
    }

    /// Whether a country's deadline was moved in that time.
    pub(super) fn moved(&self, country: &Country, span: Span) -> bool {
        self.1.iter().any(|(of, at)| of == country && span.0 <= *at && *at < span.1)
    }

    /// The deadline that is in force when the log has so many records.
    fn at(&self, country: &Country, size: u64) -> &Moment {
        let mut mine = self.0.iter().rev().filter(|(place, of, _)| of == country && *place < size);
        mine.next().map(|(.., moment)| moment).unwrap()
    }
}

/// Words, and what a day that follows them is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Today,
    ToCome,
    Over,
}

/// How mails speak of the deadline, before its day; of other days they speak otherwise.
const WORDS: [(&str, Said); 10] = [
    ("Today, ", Said::Today),
    ("deadline is ", Said::ToCome),
    (" is due on ", Said::ToCome),
    (" are due on ", Said::ToCome),
    ("tables by ", Said::ToCome),
    ("send them by ", Said::ToCome),
    (" was due on ", Said::Over),
    (" were due on ", Said::Over),
    ("deadline was ", Said::Over),
    ("verdue since ", Said::Over),
];

/// The days that a text names, each with the line before it.
fn named(text: &str) -> Vec<(&str, Date)> {
    let mut named = Vec::new();
    for line in text.lines() {
        for day in ["Monday ", "Tuesday ", "Wednesday ", "Thursday ", "Friday ", "Saturday ", "Sunday "] {
            for (from, _) in line.match_indices(day) {
                let parsed = BrokenDownTime::parse_prefix("%A %d %B %Y", &line[from..]);
                named.extend(
                    parsed.ok().and_then(|(parsed, _)| parsed.to_date().ok()).map(|date| (&line[..from], date)),
                );
            }
        }
    }
    named
}

/// What a text says of the deadline.
fn said(text: &str) -> Vec<(Said, Date)> {
    let meant = |before: &str| {
        let known = WORDS.iter().find(|(words, _)| before.ends_with(words));
        // "The deadline for tables 1 and 2 from Lao PDR is": which tables, of whom, stands between.
        let spread = before.rsplit(". ").next().filter(|last| last.contains("The deadline for "));
        let spread = spread.and_then(|last| match last.rsplit(' ').nth(1) {
            Some("is") => Some(Said::ToCome),
            Some("was") => Some(Said::Over),
            _ => None,
        });
        known.map(|(_, said)| *said).or(spread)
    };
    named(text).into_iter().filter_map(|(before, date)| Some((meant(before)?, date))).collect()
}

impl Story {
    /// Mails that say something of the deadline that is not so when they leave.
    pub(super) fn misspoken(
        &self,
        mail: &Mail,
        text: &str,
        (at, size): (Timestamp, u64),
        (days, judged): (&Days, &mut Judged),
    ) -> Vec<String> {
        let Some(country) = mail.brief.country.as_ref().filter(|_| mail.brief.role.is_of_country()) else {
            return Vec::new();
        };
        let (deadline, today) = (self.deadlines.at(country, size), days.zones[country.as_str()].to_datetime(at).date());
        let day = deadline.local.date();
        let mut broken = Vec::new();
        let told_today = text.contains("Today is the deadline").then_some((Said::Today, day));
        for (said, date) in said(text).into_iter().chain(told_today) {
            let (what, is_so) = match said {
                Said::Today => ("a mail says today on the day itself", today == day),
                Said::ToCome => ("a mail says when the deadline is", today <= day),
                Said::Over => ("a mail says that the deadline is over", deadline.at < at),
            };
            *judged.entry(what).or_default() += 1;
            if date != day || !is_so {
                broken.push(format!("says {said:?} of {date}, and the deadline is {}", deadline.local));
            }
        }
        if mail.brief.step.as_str() == "remind-on-day" && today < day {
            *judged.entry("a mail of the day leaves before it").or_default() += 1;
        }
        broken
    }

    /// Reminders of the day that were raised for another day than the deadline's, or the last one before it on which people work.
    pub(super) fn another_day(&self, judged: &mut Judged) -> Vec<String> {
        let days = Days::read();
        let mut broken = Vec::new();
        for (id, mail) in self.mails.iter().filter(|(_, mail)| mail.brief.step.as_str() == "remind-on-day") {
            let (Some(country), Some((raised, NoticeEvent::NoticeDue { .. }))) =
                (&mail.brief.country, mail.events.first())
            else {
                continue;
            };
            // Raised some time after it fired, for which it was moved no more.
            let fired = |(of, step): (&(Option<Country>, Occurrence), &Step)| {
                let is_its = of.0.as_ref() == Some(country) && of.1.step == mail.brief.step;
                step.fired.filter(|_| is_its && step.due.at == mail.brief.due_at)
            };
            if self.steps.iter().find_map(fired) != Some(*raised) {
                continue;
            }
            let due = days.zones[country.as_str()].to_datetime(mail.brief.due_at).date();
            let deadline = self.deadlines.at(country, mail.places[0]).local.date();
            let mut later = due.series(jiff::Span::new().days(1)).skip(1).take_while(|day| *day <= deadline);
            *judged.entry("a reminder of the day falls on it").or_default() += 1;
            if due > deadline || later.any(|day| !self.is_off(country, day, *raised, &days)) {
                broken.push(format!("{id} is the reminder of {deadline}, and falls on {due}"));
            }
        }
        broken
    }
}
