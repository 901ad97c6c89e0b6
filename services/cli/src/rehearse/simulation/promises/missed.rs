//! Mails that should have been written, by the workflow, the dates and what countries owe alone.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rondo_domain::round::MailScope;
use rondo_domain::run::Occurrence;
use rondo_domain::workflow::{Action, Trigger};
use rondo_domain::{Country, StepId};

use super::days::Excursion;
use super::mail::Mail;
use super::{IN_TIME, Judged, Played, Span, Step, Story};

/// The steps whose mail is judged, and as what; a name that ends in a dash stands for all that begin so.
const JUDGED: [(&str, &str); 6] = [
    ("invite", "invited"),
    ("remind-", "reminded before the deadline"),
    ("overdue-", "reminded after the deadline"),
    ("query", "asked"),
    ("query-reminder", "reminded of a question"),
    ("ask-confirmation", "asked to confirm"),
];

fn judged_as(step: &StepId) -> Option<&'static str> {
    let means = |name: &str| step.as_str() == name || (name.ends_with('-') && step.as_str().starts_with(name));
    JUDGED.iter().find(|(name, _)| means(name)).map(|(_, what)| *what)
}

impl Story {
    /// Mails that should have been written and were not.
    pub(super) fn missed(&self, played: &Played, judged: &mut Judged) -> Vec<String> {
        let mut broken = Vec::new();
        for step in &played.ready.definition.steps {
            let Some(what) = judged_as(&step.id) else { continue };
            for country in &self.countries {
                let of = |(whose, occurrence): &(Option<Country>, Occurrence)| {
                    whose.as_ref() == Some(country) && occurrence.step == step.id
                };
                let planned: Vec<&Step> = self.steps.iter().filter(|(key, _)| of(key)).map(|(_, step)| step).collect();
                if planned.is_empty() && matches!(step.trigger, Trigger::Milestone { .. }) {
                    broken.push(format!("{} was never planned for {country}", step.id));
                }
                let mut seen = BTreeSet::new();
                for planned in planned.iter().filter(|planned| seen.insert(planned.due.at)) {
                    let Some(unwritten) = self.unwritten(played, &step.id, country, planned) else { continue };
                    *judged.entry(what).or_default() += 1;
                    broken.extend(unwritten.err());
                }
                if let Some((said, until)) = self.extended.get(country).filter(|(said, until)| said < until)
                    && step.id.as_str().starts_with("overdue-")
                    && !planned.iter().any(|planned| planned.due.at > *until)
                {
                    broken.push(format!(
                        "{} does not follow the deadline of {country} moved on {said} to {until}",
                        step.id
                    ));
                }
            }
        }
        broken
    }

    /// Whether a mail was written that was due; nothing where something stood in its way.
    fn unwritten(
        &self,
        played: &Played,
        step: &StepId,
        country: &Country,
        planned: &Step,
    ) -> Option<Result<(), String>> {
        let due = planned.due.at;
        let until = due + IN_TIME;
        if self.hindered(played, step, country, (due, until)) {
            return None;
        }
        // Another version of the workflow may want it on a day that has passed: what its mail may take began then.
        if planned.planned.last().is_some_and(|(told, _)| *told > due) {
            return None;
        }
        let about = |mail: &&Mail| mail.brief.step == *step && mail.brief.country.as_ref() == Some(country);
        let of: Vec<&Mail> = self.mails.values().filter(about).collect();
        // What is asked for may be given before the mail has left.
        let given = self.confirmed.get(country).is_some_and(|confirmed| *confirmed < until);
        if of.iter().any(|mail| mail.brief.due_at == due && (mail.tried(until) || given)) {
            return Some(Ok(()));
        }
        let said: Vec<_> = of.iter().map(|mail| mail.events.last()).collect();
        Some(Err(format!("{step} due {due} was not written to {country}: {:?} {said:?}", planned.completed)))
    }

    /// Whether nothing is asked of a country by a step's mail in that time.
    fn asks_nothing(&self, step: &StepId, country: &Country, span: Span) -> bool {
        let meets = |other: &Span| other.0 < span.1 && span.0 < other.1;
        let over = self.closed.is_none_or(|closed| closed < span.1);
        match step.as_str() {
            "query" | "query-reminder" => {
                let open = |other: &Span| other.0 <= span.0 && span.1 < other.1;
                !self.questions.get(country).is_some_and(|spans| spans.iter().any(open))
            }
            "ask-confirmation" => {
                let accepted = self.accepted.get(country).into_iter().flatten();
                let is_accepted = accepted.clone().rfind(|(at, _)| *at < span.0).is_some_and(|(_, is)| *is);
                let undone = accepted.clone().any(|(at, is)| span.0 <= *at && *at < span.1 && !is);
                !is_accepted || undone || self.confirmed.get(country).is_some_and(|confirmed| *confirmed <= span.0)
            }
            _ => over || self.sent.get(country).is_some_and(|sent| sent.iter().any(meets)),
        }
    }

    /// Whether whoever writes, or the round, stood still in that time.
    pub(super) fn stood_still(&self, played: &Played, span: Span) -> bool {
        let meets = |other: &Span| other.0 < span.1 && span.0 < other.1;
        self.paused.iter().any(meets) || played.trouble.down().iter().any(meets)
    }

    /// Whether something stood in the way of a step's mail to a country in that time.
    fn hindered(&self, played: &Played, step: &StepId, country: &Country, span: Span) -> bool {
        let meets = |other: &Span| other.0 < span.1 && span.0 < other.1;
        let unlisted = played.unlisted.iter().any(|(of, span)| of == country && meets(span));
        let step_to = played.ready.definition.step(step).and_then(|step| match &step.action {
            Action::Mail { to, .. } => Some(&to[..]),
            _ => None,
        });
        let unreachable = unlisted || self.contacts.hinder(country, step_to.unwrap_or_default(), span);
        let about = |scope: &MailScope| match scope {
            MailScope::Country(of) => of == country,
            _ => true,
        };
        let held = self.mail_paused.iter().any(|(scope, span)| about(scope) && meets(span));
        // A day off more may bring a mail past its time.
        let near =
            |day: Date| (-1..=5).contains(&day.since(TimeZone::UTC.to_datetime(span.0).date()).unwrap().get_days());
        let off = |one: &Excursion| one.country.as_ref() == Some(country) && one.date.is_some_and(near);
        // What waits when its deadline is moved comes again, or is not true any more.
        let off = self.excursions.iter().any(off) || self.deadlines.moved(country, span);
        self.asks_nothing(step, country, span) || unreachable || held || off || self.stood_still(played, span)
    }
}
