//! What was promised of every round, held against its records and against what lay in people's mailboxes. Working days are
//! judged from the file of holidays itself, not by the program's calendar.

mod contacts;
mod days;
mod mail;
mod missed;
mod spoken;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rondo_domain::calendar::{CalendarChange, DayChange, Moment};
use rondo_domain::event::Event;
use rondo_domain::figure::FiguresEvent;
use rondo_domain::notice::NoticeEvent;
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::round::{MailScope, RoundEvent};
use rondo_domain::run::{Occurrence, Outcome, RunEvent};
use rondo_domain::{Country, FileHash, NoticeId, SubmissionId};

use self::contacts::Contacts;
use self::days::{Days, Excursion};
use self::mail::Mail;
use self::spoken::Deadlines;
use super::Played;

type Span = (Timestamp, Timestamp);

/// How long after a reminder was due it has to have been dealt with, where nothing stood in its way.
const IN_TIME: SignedDuration = SignedDuration::from_hours(4 * 24);

struct Step {
    due: Moment,
    completed: Option<(Timestamp, Outcome)>,
    fired: Option<Timestamp>,
    /// To which instants it was planned, and when.
    planned: Vec<(Timestamp, Timestamp)>,
}

/// A round as its records tell it.
#[derive(Default)]
struct Story {
    /// When a country's files came, each until it was refused.
    sent: BTreeMap<Country, Vec<Span>>,
    /// How many figures a country's file was said to hold, and how many were recorded of it.
    figures: BTreeMap<SubmissionId, (Option<usize>, usize)>,
    mails: BTreeMap<NoticeId, Mail>,
    steps: BTreeMap<(Option<Country>, Occurrence), Step>,
    paused: Vec<Span>,
    mail_paused: Vec<(MailScope, Span)>,
    contacts: Contacts,
    deadlines: Deadlines,
    /// When each country's deadline was last moved, and to when.
    extended: BTreeMap<Country, Span>,
    countries: BTreeSet<Country>,
    /// When tables of a country were accepted, and when that was undone.
    accepted: BTreeMap<Country, Vec<(Timestamp, bool)>>,
    /// When each country confirmed.
    confirmed: BTreeMap<Country, Timestamp>,
    /// When each question of a country was open.
    questions: BTreeMap<Country, Vec<Span>>,
    launched: Option<Timestamp>,
    closed: Option<Timestamp>,
    published: bool,
    /// The version that the round began with.
    first: Option<FileHash>,
    excursions: Vec<Excursion>,
}

impl Story {
    fn of(played: &Played) -> Self {
        let mut story = Self::default();
        for record in &played.records {
            let (at, country) = (record.recorded_at, record.stream.country());
            story.contacts.take(record);
            match &record.event {
                Event::Round(event) => {
                    story.deadlines.take((record.position, at), event);
                    story.round(at, event);
                }
                Event::Participation(ParticipationEvent::SubmissionReceived { .. }) => {
                    let spans = country.map(|country| story.sent.entry(country).or_default());
                    spans.into_iter().for_each(|spans| spans.push((at, Timestamp::MAX)));
                }
                Event::Participation(ParticipationEvent::SubmissionRejected { .. }) => {
                    let spans = country.and_then(|country| story.sent.get_mut(&country));
                    spans.into_iter().flatten().for_each(|span| span.1 = span.1.min(at));
                }
                Event::Participation(ParticipationEvent::SubmissionChecked { submission, figures, .. }) => {
                    story.figures.entry(submission.clone()).or_default().0 = Some(*figures);
                    story.accepted.entry(country.unwrap()).or_default().push((at, false));
                }
                Event::Participation(event) => story.part(at, country, event),
                Event::Figures(FiguresEvent::FiguresRecorded { submission: Some(submission), cells, .. }) => {
                    story.figures.entry(submission.clone()).or_default().1 += cells.len();
                }
                Event::Notice(event) => {
                    story.notice((at, record.position), record.stream.part(1).unwrap_or_default(), event);
                }
                Event::Run(event) => story.run(at, country, event),
                _ => {}
            }
        }
        story
    }

    fn round(&mut self, at: Timestamp, event: &RoundEvent) {
        match event {
            RoundEvent::RoundConfigured { plan, .. } => {
                self.countries.extend(plan.participants.iter().map(|part| part.country.clone()));
            }
            RoundEvent::DeadlineExtended { country, is, .. } => {
                self.extended.insert(country.clone(), (at, is.at));
            }
            RoundEvent::RoundPaused { .. } => self.paused.push((at, Timestamp::MAX)),
            RoundEvent::RoundResumed { .. } => self.paused.iter_mut().for_each(|span| span.1 = span.1.min(at)),
            RoundEvent::MailPaused { scope, .. } => self.mail_paused.push((scope.clone(), (at, Timestamp::MAX))),
            RoundEvent::MailResumed { scope, .. } => {
                let same = self.mail_paused.iter_mut().filter(|(paused, _)| paused == scope);
                same.for_each(|(_, span)| span.1 = span.1.min(at));
            }
            RoundEvent::RoundPlanned { pin, .. } => self.first = Some(pin.bundle.clone()),
            RoundEvent::MigrationApproved { is, .. } if self.first.as_ref() == Some(&is.bundle) => {
                self.back(at, None, None);
            }
            RoundEvent::MigrationApproved { .. } => {
                self.excursions.push(Excursion { country: None, date: None, span: (at, Timestamp::MAX) });
            }
            RoundEvent::CalendarChanged { changes, .. } => {
                for CalendarChange { country, change, .. } in changes {
                    match change {
                        DayChange::DayOff { date, .. } => {
                            let (country, date) = (Some(country.clone()), Some(*date));
                            self.excursions.push(Excursion { country, date, span: (at, Timestamp::MAX) });
                        }
                        DayChange::AsCalendar { date } => self.back(at, Some(country), Some(*date)),
                        _ => {}
                    }
                }
            }
            RoundEvent::RoundLaunched {} => self.launched = Some(at),
            RoundEvent::RoundClosed {} => self.closed = Some(at),
            RoundEvent::RoundPublished { .. } => self.published = true,
            _ => {}
        }
    }

    fn part(&mut self, at: Timestamp, country: Option<Country>, event: &ParticipationEvent) {
        use ParticipationEvent as P;
        let Some(country) = country else { return };
        match event {
            P::TablesAccepted { .. } => self.accepted.entry(country).or_default().push((at, true)),
            P::CountryConfirmed {} => drop(self.confirmed.insert(country, at)),
            P::QueryOpened { .. } => {
                self.accepted.entry(country.clone()).or_default().push((at, false));
                self.questions.entry(country).or_default().push((at, Timestamp::MAX));
            }
            // All of a country's questions are answered together.
            P::QueryAnswered { .. } => {
                let open = self.questions.get_mut(&country).into_iter().flatten();
                open.for_each(|span| span.1 = span.1.min(at));
            }
            _ => {}
        }
    }

    fn notice(&mut self, (at, position): (Timestamp, u64), id: &str, event: &NoticeEvent) {
        let id: NoticeId = id.parse().unwrap();
        if let NoticeEvent::NoticeDue { brief } = event {
            self.mails.insert(
                id.clone(),
                Mail { brief: brief.clone(), messages: Vec::new(), events: Vec::new(), places: Vec::new() },
            );
        }
        let mail = self.mails.get_mut(&id).unwrap();
        mail.events.push((at, event.clone()));
        mail.places.push(position);
        if let NoticeEvent::NoticeAttempted { message_id, .. } = event {
            mail.messages.push((position, message_id.clone()));
        }
    }

    fn run(&mut self, at: Timestamp, country: Option<Country>, event: &RunEvent) {
        match event {
            RunEvent::StepPlanned { occurrence, due } | RunEvent::StepMoved { occurrence, is: due, .. } => {
                let begun = || Step { due: due.clone(), completed: None, fired: None, planned: Vec::new() };
                let step = self.steps.entry((country, occurrence.clone())).or_insert_with(begun);
                step.due = due.clone();
                step.planned.push((at, due.at));
            }
            RunEvent::StepFired { occurrence, .. } => {
                self.steps.get_mut(&(country, occurrence.clone())).unwrap().fired = Some(at);
            }
            RunEvent::StepCompleted { occurrence, outcome } => {
                let step = self.steps.get_mut(&(country, occurrence.clone())).unwrap();
                step.completed = Some((at, outcome.clone()));
            }
            _ => {}
        }
    }
}

/// How often each promise was judged, where nothing excused what was not done.
pub(super) type Judged = BTreeMap<&'static str, usize>;

/// Every promise that a played round does not keep, and how often each was judged.
pub(super) fn broken(played: &Played) -> (Vec<String>, Judged) {
    let (story, mut judged) = (Story::of(played), Judged::new());
    let mut broken = played.trouble.refused();
    broken.extend(story.endings());
    broken.extend(story.arrivals(played, &mut judged));
    broken.extend(story.another_day(&mut judged));
    broken.extend(story.missed(played, &mut judged));
    broken.extend(story.unheard(played, &mut judged));
    broken.extend(story.unreached(played, &mut judged));
    broken.extend(story.unrecorded());
    broken.extend(story.astray());
    broken.extend(story.kept_from(played, &mut judged));
    if !story.published {
        broken.push("the round was not published".to_owned());
    }
    if !played.agreed {
        broken.push("who went on from a savepoint knows something else than who read the whole log".to_owned());
    }
    if played.head.size != played.records.len() as u64 {
        broken.push("a scheduler that began anew after the end did something again".to_owned());
    }
    (broken.into_iter().map(|what| format!("seed {}: {what}", played.seed)).collect(), judged)
}

impl Story {
    /// Notices and steps that have no end.
    fn endings(&self) -> Vec<String> {
        use NoticeEvent as E;
        let ended = |event: &NoticeEvent| {
            matches!(
                event,
                E::NoticeSent { .. }
                    | E::NoticeSuppressed { .. }
                    | E::NoticeRefused { .. }
                    | E::NoticeUnknown { .. }
                    | E::NoticeBounced { .. }
                    | E::NoticeUndelivered { .. }
                    | E::NoticeDelivered {}
                    | E::NoticeAnswered {}
            )
        };
        // What else comes in about a mail says nothing of what became of it.
        let remark = |event: &NoticeEvent| matches!(event, E::NoticeAutoAnswered { .. } | E::NoticeComplained { .. });
        let last =
            |mail: &Mail| mail.events.iter().rev().map(|(_, event)| event).find(|event| !remark(event)).map(ended);
        let mails = self.mails.iter().filter(|(_, mail)| last(mail) != Some(true));
        let mails = mails.map(|(id, mail)| format!("the notice {id} has no end: {:?}", mail.events.last()));
        let steps = self.steps.iter().filter(|(_, step)| step.completed.is_none());
        let steps = steps.map(|(of, step)| format!("the timer {of:?} of {} has no end", step.due.at));
        mails.chain(steps).collect()
    }

    /// Files of which nobody said what became of them, and figures that are not in the log as often as in their file.
    fn unrecorded(&self) -> Vec<String> {
        let waits = |spans: &Vec<Span>| spans.iter().filter(|(_, refused)| *refused == Timestamp::MAX).count();
        let taken = self.figures.values().filter(|(said, _)| said.is_some()).count();
        let sent: usize = self.sent.values().map(waits).sum();
        let unread = (sent != taken).then(|| format!("{sent} files stand, and {taken} were taken"));
        let of = |(id, (said, recorded)): (&SubmissionId, &(Option<usize>, usize))| {
            let wrong = *said != Some(*recorded) || *recorded == 0;
            wrong.then(|| format!("{recorded} figures of {id} were recorded, and it was said to hold {said:?}"))
        };
        unread.into_iter().chain(self.figures.iter().filter_map(of)).collect()
    }

    /// What lay in a mailbox and should not have.
    fn arrivals(&self, played: &Played, judged: &mut Judged) -> Vec<String> {
        let days = Days::read();
        let mut broken = Vec::new();
        let mut times: BTreeMap<&NoticeId, usize> = BTreeMap::new();
        for offered in played.trouble.mails().iter().filter(|offered| offered.arrived) {
            let lead = offered.name.strip_prefix(&format!("{}.", played.round)).unwrap();
            let lead = &self.mails[&lead.parse::<NoticeId>().unwrap()];
            let untrue = self.misspoken(lead, &offered.text, (offered.at, offered.size), (&days, judged));
            broken.extend(untrue.into_iter().map(|why| format!("{} at {}: {why}", offered.name, offered.at)));
            let message = lead.under_way(offered.size);
            let together = self.mails.iter().filter(|(_, mail)| mail.under_way(offered.size) == message);
            for (id, mail) in together {
                *times.entry(id).or_default() += 1;
                broken.extend(
                    self.wrong(mail, (offered.at, offered.size), &days)
                        .map(|why| format!("{id} at {}: {why}", offered.at)),
                );
            }
        }
        broken.extend(self.invited_again(&times.keys().copied().collect()));
        for (id, times) in times {
            let again = |event: &NoticeEvent| {
                matches!(event, NoticeEvent::NoticeReleased { .. } | NoticeEvent::NoticeUnknown { resend: true, .. })
            };
            let again = self.mails[id].events.iter().filter(|(_, event)| again(event));
            if times > 1 + again.count() {
                broken.push(format!("{id} arrived {times} times, and nobody asked for it"));
            }
        }
        broken
    }

    /// Why a mail should not have arrived at that instant.
    fn wrong(&self, mail: &Mail, (at, size): (Timestamp, u64), days: &Days) -> Option<String> {
        if mail.events.iter().any(|(when, event)| *when <= at && matches!(event, NoticeEvent::NoticeReleased { .. })) {
            return None; // A person wanted it whatever the hour.
        }
        let brief = &mail.brief;
        if let Some(left) = self.contacts.left(brief, size) {
            return Some(left);
        }
        let country = brief.country.as_ref();
        let mut sent = country.and_then(|country| self.sent.get(country)).into_iter().flatten();
        if let Some((sent, _)) = sent.find(|(sent, refused)| *sent < at && at < *refused)
            && brief.guards.iter().any(|guard| guard == "owes-tables")
        {
            return Some(format!("{country:?} had answered at {sent}"));
        }
        if let Some(task) = &brief.task
            && let Some(step) = self.steps.get(&(brief.country.clone(), task.occurrence.clone()))
            && step.completed.as_ref().is_some_and(|(done, _)| *done < at)
        {
            return Some("its task was settled".to_owned());
        }
        let held = |(scope, span): &(MailScope, Span)| {
            let meant = match scope {
                MailScope::All => true,
                MailScope::Country(of) => country == Some(of),
                _ => false,
            };
            meant && span.0 < at && at < span.1
        };
        if self.mail_paused.iter().any(held) {
            return Some("its mail was paused".to_owned());
        }
        let whose = country.filter(|_| brief.role.is_of_country()).map_or("THA", Country::as_str);
        let proclaimed = |one: &&Excursion| {
            let theirs = one.country.as_ref().is_some_and(|country| country.as_str() == whose);
            theirs && one.span.0 < at && at < one.span.1 && one.date == Some(days.zones[whose].to_datetime(at).date())
        };
        let proclaimed = self.excursions.iter().find(proclaimed);
        proclaimed.map(|one| format!("{:?} was proclaimed off in {whose}", one.date)).or_else(|| days.off(whose, at))
    }
}
