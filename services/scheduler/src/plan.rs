//! Dates: milestones of a round and due moments of its steps, reckoned by each country's calendar.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Time;
use rondo_domain::calendar::{Calendar, CalendarError, Moment, Offset, Reckoning, Roll};
use rondo_domain::round::{Participant, Round, RoundPlan};
use rondo_domain::workflow::{Each, MilestoneRule, Step, Trigger};
use rondo_domain::{Country, MilestoneId, Year};

use crate::cron::{self, CronError, Schedule};
use crate::definitions::Ready;

/// Why a date cannot be reckoned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// By the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// By the schedule.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// A step has no date.
    #[error("the step `{step}` has no date: {source}")]
    Step {
        /// Which.
        step: String,
        /// Why.
        source: Box<PlanError>,
    },
    /// A step's schedule has no occurrence between its milestones.
    #[error("the step `{step}` can never fire: `{expression}` does not occur between {from} and {until}")]
    Never {
        /// Which.
        step: String,
        /// Its schedule.
        expression: String,
        /// When its time begins, in words.
        from: String,
        /// When it ends.
        until: String,
    },
    /// Milestones are not in the order of a round.
    #[error("the milestones are in no order that a round can have: {then} has to come after {first}")]
    Order {
        /// What comes first in a round, and when it would be.
        first: String,
        /// What follows it, and when it would be.
        then: String,
    },
    /// A milestone has no date that year.
    #[error("the milestone `{milestone}` has no date in {year}")]
    NoDate {
        /// Which.
        milestone: String,
        /// When.
        year: Year,
    },
}

/// That a round begins before its deadline, ends after it, and is released last.
fn in_order(milestones: &BTreeMap<MilestoneId, Moment>) -> Result<(), PlanError> {
    let of = |name: &str| milestones.iter().find(|(id, _)| id.as_str() == name);
    let dated: Vec<_> = ["launch", "deadline", "close", "release"].into_iter().filter_map(of).collect();
    match dated.windows(2).find(|pair| pair[0].1.at >= pair[1].1.at) {
        None => Ok(()),
        Some(pair) => {
            let told =
                |(id, moment): (&MilestoneId, &Moment)| format!("{id} on {}", moment.local.strftime("%-d %b %Y"));
            Err(PlanError::Order { first: told(pair[0]), then: told(pair[1]) })
        }
    }
}

/// A round as this plan would configure it.
fn configured(plan: &RoundPlan) -> Round {
    let participants = plan.participants.iter().map(|part| (part.country.clone(), part.clone()));
    Round { milestones: plan.milestones.clone(), participants: participants.collect(), ..Round::default() }
}

impl Ready {
    /// A country's calendar.
    ///
    /// # Errors
    /// When there is none.
    pub fn calendar(&self, country: &Country) -> Result<&Calendar, CalendarError> {
        self.calendars.of(country)
    }

    fn milestone(&self, rule: &MilestoneRule, year: Year, calendar: &Calendar) -> Result<Moment, PlanError> {
        let year = year + rule.year;
        let local = Schedule::from_str(&rule.cron)?
            .first_in(year)
            .ok_or_else(|| PlanError::NoDate { milestone: rule.id.to_string(), year })?;
        Ok(calendar.moment(local.date(), local.time(), rule.roll, format!("{} of the round", rule.id))?)
    }

    /// The date of a country's milestone, by its own calendar.
    ///
    /// # Errors
    /// When it cannot be reckoned.
    pub fn country_milestone(&self, id: &str, year: Year, country: &Country) -> Result<Moment, PlanError> {
        let missing = || PlanError::NoDate { milestone: id.to_owned(), year };
        let rule = self.definition.milestones.values().find(|rule| rule.id.as_str() == id).ok_or_else(missing)?;
        self.milestone(rule, year, self.calendar(country)?)
    }

    /// Everything that a round's configuration freezes.
    ///
    /// # Errors
    /// When a date cannot be reckoned.
    pub fn round_plan(&self, year: Year) -> Result<RoundPlan, PlanError> {
        let mut milestones = BTreeMap::new();
        for rule in self.definition.milestones.values() {
            let country = rule.country.as_ref().unwrap_or(&self.definition.home);
            milestones.insert(rule.id.clone(), self.milestone(rule, year, self.calendar(country)?)?);
        }
        in_order(&milestones)?;
        let launch = milestones.iter().find(|(id, _)| id.as_str() == "launch").map(|(_, moment)| moment.local.date());
        let mut participants = Vec::new();
        for expected in &self.definition.expected {
            if expected.member_from.is_some_and(|from| launch.is_some_and(|launch| from > launch)) {
                continue;
            }
            participants.push(Participant {
                country: expected.country.clone(),
                deadline: self.country_milestone("deadline", year, &expected.country)?,
                tables: expected.tables.clone(),
            });
        }
        let last = year - 1;
        let reference_years = (0..i16::from(self.definition.reference_years)).rev().map(|ago| last - ago).collect();
        Ok(RoundPlan { milestones, participants, reference_years })
    }

    /// When a step that hangs on a milestone is due, for the round or a country.
    ///
    /// # Errors
    /// When the date cannot be reckoned.
    pub fn milestone_due(
        &self,
        round: &Round,
        step: &Step,
        country: Option<&Country>,
    ) -> Result<Option<Moment>, PlanError> {
        let Trigger::Milestone { milestone, offset, at } = &step.trigger else { return Ok(None) };
        let own_deadline = country.filter(|_| milestone.as_str() == "deadline");
        let anchor = match own_deadline {
            Some(country) => round.participants.get(country).map(|participant| &participant.deadline),
            None => round.milestones.get(milestone),
        };
        let Some(anchor) = anchor else { return Ok(None) };
        if offset.count == 0 && at.is_none() {
            let reckoning = Reckoning { rule: format!("at {milestone}"), ..(*anchor.reckoned).clone() };
            return Ok(Some(Moment::new(anchor.at, anchor.local, reckoning)));
        }
        let calendar = self.calendar(country.unwrap_or(&self.definition.home))?;
        let date = calendar.zone.to_datetime(anchor.at).date();
        let time = at.unwrap_or_else(|| anchor.local.time());
        Ok(Some(calendar.moment_from((milestone.as_str(), date), *offset, time, step.roll)?))
    }

    /// Whether every step that hangs on a milestone has a date in a round so configured, for every country, and every schedule
    /// an occurrence.
    ///
    /// # Errors
    /// The first step that has none, and why.
    pub fn every_step_is_dated(&self, plan: &RoundPlan) -> Result<(), PlanError> {
        let round = configured(plan);
        for step in &self.definition.steps {
            let countries: Vec<Option<&Country>> = match step.each {
                Each::Round => vec![None],
                Each::Country => round.participants.keys().map(Some).collect(),
            };
            for country in countries {
                let placed = |error| PlanError::Step { step: step.id.to_string(), source: Box::new(error) };
                self.milestone_due(&round, step, country).map_err(placed)?;
                self.occurs(&round, step, country)?;
            }
        }
        Ok(())
    }

    /// The steps that would come too late to be carried out, if a round so configured began now, each once.
    ///
    /// # Errors
    /// When a date cannot be reckoned.
    pub fn lapsed(&self, plan: &RoundPlan, now: Timestamp) -> Result<Vec<&Step>, PlanError> {
        let round = configured(plan);
        let mut lapsed = Vec::new();
        for step in &self.definition.steps {
            let Some(hours) = step.time_limit_hours else { continue };
            let country = round.participants.keys().next().filter(|_| step.each == Each::Country);
            let due = self.milestone_due(&round, step, country)?;
            if due.is_some_and(|due| due.at + jiff::SignedDuration::from_hours(i64::from(hours)) < now) {
                lapsed.push(step);
            }
        }
        Ok(lapsed)
    }

    /// Whether a step's schedule, where it has one, occurs between its milestones.
    fn occurs(&self, round: &Round, step: &Step, country: Option<&Country>) -> Result<(), PlanError> {
        let Trigger::Cron { expression, from, until } = &step.trigger else { return Ok(()) };
        let first = round.milestones.get(from).map_or(Timestamp::MIN, |from| from.at);
        if self.cron_due(round, step, country, first)?.is_some() {
            return Ok(());
        }
        let told = |id: &MilestoneId| {
            let local = round.milestones.get(id).map(|moment| moment.local.strftime("%-d %b %Y").to_string());
            format!("{id} ({})", local.unwrap_or_else(|| "without a date".to_owned()))
        };
        Err(PlanError::Never {
            step: step.id.to_string(),
            expression: expression.clone(),
            from: told(from),
            until: told(until),
        })
    }

    /// When a step that hangs on an event is due.
    ///
    /// # Errors
    /// When the date cannot be reckoned.
    pub fn event_due(
        &self,
        step: &Step,
        country: Option<&Country>,
        happened: Timestamp,
    ) -> Result<Option<Moment>, PlanError> {
        let Trigger::Event { event, offset, at } = &step.trigger else { return Ok(None) };
        let calendar = self.calendar(country.unwrap_or(&self.definition.home))?;
        let local = calendar.zone.to_datetime(happened);
        let Some(offset) = offset else {
            return Ok(Some(calendar.known(happened, local, format!("at once on {event}"))));
        };
        let time = at.unwrap_or_else(|| local.time());
        Ok(Some(calendar.moment_from((event.as_str(), local.date()), *offset, time, step.roll)?))
    }

    /// The next occurrence of a cron step after an instant, while its window lasts.
    ///
    /// # Errors
    /// When the date cannot be reckoned.
    pub fn cron_due(
        &self,
        round: &Round,
        step: &Step,
        country: Option<&Country>,
        after: Timestamp,
    ) -> Result<Option<Moment>, PlanError> {
        let Trigger::Cron { expression, from, until } = &step.trigger else { return Ok(None) };
        let (Some(from), Some(until)) = (round.milestones.get(from), round.milestones.get(until)) else {
            return Ok(None);
        };
        let calendar = self.calendar(country.unwrap_or(&self.definition.home))?;
        let after = calendar.zone.to_datetime(after.max(from.at));
        let Some(local) = Schedule::from_str(expression)?.after(after) else { return Ok(None) };
        let Some(at) = cron::instant(local, &calendar.zone).filter(|at| *at < until.at) else { return Ok(None) };
        Ok(Some(calendar.at_hour(at, local, format!("every {expression}"))))
    }

    /// A deadline that a person sets: end of that day in the country, or the time given, not rolled.
    ///
    /// # Errors
    /// When the country has no calendar, or none for that year: the steps that hang on it could not be dated.
    pub fn set_deadline(
        &self,
        country: &Country,
        day: jiff::civil::Date,
        time: Option<Time>,
    ) -> Result<Moment, PlanError> {
        let time = time.unwrap_or(Moment::END_OF_DAY);
        let calendar = self.calendar(country)?;
        calendar.is_working(day)?;
        Ok(calendar.moment(day, time, Roll::None, "set by the coordinator".to_owned())?)
    }

    /// A country's deadline moved by an offset.
    ///
    /// # Errors
    /// When the date cannot be reckoned.
    pub fn extended(&self, country: &Country, deadline: &Moment, offset: Offset) -> Result<Moment, PlanError> {
        let calendar = self.calendar(country)?;
        Ok(calendar.moment_from(
            ("the deadline", deadline.local.date()),
            offset,
            deadline.local.time(),
            Roll::Following,
        )?)
    }
}
