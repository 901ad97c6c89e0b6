//! Moments reckoned by a calendar, each with the explanation of how it came to be.

use internment::ArcIntern;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Calendar, CalendarError, Offset};

/// Where a date goes that falls on a day off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Roll {
    /// It stays.
    None,
    /// To the next working day.
    #[default]
    Following,
    /// To the working day before.
    Preceding,
    /// To the next working day, unless that is in another month; then to the one before.
    ModifiedFollowing,
}

/// One move of a date, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Adjustment {
    /// The day it left.
    pub from: Date,
    /// Why that day is off.
    pub because: String,
}

/// How a moment was reckoned: in which zone, by which calendar and rule, and around which days off.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reckoning {
    /// The zone's name.
    pub zone: String,
    /// Version of the holiday data it was reckoned with.
    pub calendar: String,
    /// Days it was moved off, in order.
    pub moved: Vec<Adjustment>,
    /// The rule in words, for example `-10 working days from deadline`.
    pub rule: String,
}

/// A moment in a country: the instant, the local date and time, and how it was reckoned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Moment {
    /// The instant in UTC.
    pub at: Timestamp,
    /// The local date and time.
    pub local: DateTime,
    /// How it was reckoned. Moments are many and ways to reckon them few: those that are alike are kept once.
    pub reckoned: ArcIntern<Reckoning>,
}

/// A moment as it stands in a record.
#[derive(Serialize, Deserialize)]
struct Stored {
    at: Timestamp,
    local: DateTime,
    zone: String,
    calendar: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    moved: Vec<Adjustment>,
    rule: String,
}

impl From<Stored> for Moment {
    fn from(Stored { at, local, zone, calendar, moved, rule }: Stored) -> Self {
        Self { at, local, reckoned: ArcIntern::new(Reckoning { zone, calendar, moved, rule }) }
    }
}

impl From<Moment> for Stored {
    fn from(Moment { at, local, reckoned }: Moment) -> Self {
        let Reckoning { zone, calendar, moved, rule } = (*reckoned).clone();
        Self { at, local, zone, calendar, moved, rule }
    }
}

impl Moment {
    /// The last minute of a day: 23:59 local time, which is what "end of day" means here.
    pub const END_OF_DAY: Time = Time::constant(23, 59, 0, 0);

    /// A moment that was reckoned so.
    pub fn new(at: Timestamp, local: DateTime, reckoning: Reckoning) -> Self {
        Self { at, local, reckoned: ArcIntern::new(reckoning) }
    }

    /// How many days are left at an instant until the day of this moment, by the clock of where it was reckoned: 0 on the day itself,
    /// less after it. Of a zone that is not in the time-zone database here, its offset at this moment holds.
    pub fn days_left(&self, now: Timestamp) -> i32 {
        let ahead =
            TimeZone::UTC.to_timestamp(self.local).map_or(SignedDuration::ZERO, |local| local.duration_since(self.at));
        let today = match TimeZone::get(&self.reckoned.zone) {
            Ok(zone) => zone.to_datetime(now),
            Err(_) => TimeZone::UTC.to_datetime(now.checked_add(ahead).unwrap_or(now)),
        };
        self.local.date().duration_since(today.date()).as_hours().div_euclid(24) as i32
    }

    /// How it was reckoned, in a sentence.
    pub fn explanation(&self) -> String {
        let Reckoning { moved, rule, .. } = &*self.reckoned;
        let moved: Vec<String> = moved
            .iter()
            .map(|step| format!("moved from {}: {}", step.from.strftime("%a %-d %b %Y"), step.because))
            .collect();
        if moved.is_empty() { rule.clone() } else { format!("{rule} ({})", moved.join("; ")) }
    }
}

impl Calendar {
    /// The moment at `time` on `day`, rolled off days that are not worked.
    ///
    /// # Errors
    /// When the calendar does not cover the days involved.
    pub fn moment(&self, day: Date, time: Time, roll: Roll, rule: String) -> Result<Moment, CalendarError> {
        let (day, moved) = self.roll(day, roll)?;
        let said = day.to_datetime(time);
        let at = self.zone.to_ambiguous_timestamp(said).compatible().map_err(|_| CalendarError::OutOfRange(day))?;
        let (local, rule) = self.shown(at, said, rule);
        Ok(self.reckoned(at, local, moved, rule))
    }

    /// A moment by this calendar whose instant is known, for the local time that its rule names.
    pub fn at_hour(&self, at: Timestamp, said: DateTime, rule: String) -> Moment {
        let (local, rule) = self.shown(at, said, rule);
        self.reckoned(at, local, Vec::new(), rule)
    }

    /// What clocks show at an instant, and the rule with why that is not the time that it names: an hour that is left out when
    /// clocks are put forward.
    fn shown(&self, at: Timestamp, said: DateTime, rule: String) -> (DateTime, String) {
        let local = self.zone.to_datetime(at);
        if local == said {
            return (local, rule);
        }
        let (hour, other) = (said.strftime("%H:%M"), local.strftime("%H:%M"));
        (
            local,
            format!("{rule}; no clock shows {hour} on that day, since clocks are put forward, so that it is {other}"),
        )
    }

    /// A moment by this calendar that is known already, with the rule that gave it.
    pub fn known(&self, at: Timestamp, local: DateTime, rule: String) -> Moment {
        self.reckoned(at, local, Vec::new(), rule)
    }

    fn reckoned(&self, at: Timestamp, local: DateTime, moved: Vec<Adjustment>, rule: String) -> Moment {
        let (zone, calendar) = (self.zone_name.clone(), self.version.clone());
        Moment::new(at, local, Reckoning { zone, calendar, moved, rule })
    }

    /// The moment an offset away from a milestone's local date.
    ///
    /// # Errors
    /// When the calendar does not cover the days involved.
    pub fn moment_from(
        &self,
        milestone: (&str, Date),
        offset: Offset,
        time: Time,
        roll: Roll,
    ) -> Result<Moment, CalendarError> {
        let (name, date) = milestone;
        let rule = if offset.count == 0 { format!("on the day of {name}") } else { format!("{offset} from {name}") };
        self.moment(offset.from_date(date, self)?, time, roll, rule)
    }

    fn roll(&self, day: Date, roll: Roll) -> Result<(Date, Vec<Adjustment>), CalendarError> {
        match roll {
            Roll::None => Ok((day, Vec::new())),
            Roll::Following => self.walk(day, 1),
            Roll::Preceding => self.walk(day, -1),
            Roll::ModifiedFollowing => {
                let following = self.walk(day, 1)?;
                if following.0.month() == day.month() { Ok(following) } else { self.walk(day, -1) }
            }
        }
    }

    fn walk(&self, mut day: Date, step: i8) -> Result<(Date, Vec<Adjustment>), CalendarError> {
        let mut moved = Vec::new();
        while let Some(off) = self.day_off(day)? {
            moved.push(Adjustment { from: day, because: off.to_string() });
            let next = if step > 0 { day.tomorrow() } else { day.yesterday() };
            day = next.map_err(|_| CalendarError::OutOfRange(day))?;
        }
        Ok((day, moved))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::calendar::tests::philippines;

    #[test]
    fn a_moment_is_stored_in_one_piece_and_its_reckoning_kept_once() {
        let text = concat!(
            r#"{"at":"2025-11-03T15:59:00Z","local":"2025-11-03T23:59:00","zone":"Asia/Manila","calendar":"2025-1","#,
            r#""moved":[{"from":"2025-10-31","because":"a day off"}],"rule":"deadline"}"#
        );
        let moment: Moment = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&moment).unwrap(), text);
        let again: Moment = serde_json::from_str(text).unwrap();
        assert!(std::ptr::eq(&*moment.reckoned, &*again.reckoned));
        assert!(format!("{moment:?}").contains("a day off"), "the hash of the state shows what is meant: {moment:?}");
    }

    #[test]
    fn days_are_left_by_the_clock_of_where_a_moment_was_reckoned() {
        let moment =
            philippines().moment(date(2025, 11, 3), Moment::END_OF_DAY, Roll::None, "deadline".to_owned()).unwrap();
        let left = |at: &str| moment.days_left(at.parse().unwrap());
        // In Manila a day begins at 16:00 UTC.
        assert_eq!(
            (left("2025-10-31T01:00:00Z"), left("2025-11-02T15:59:00Z"), left("2025-11-02T16:00:00Z")),
            (3, 1, 0)
        );
        assert_eq!(
            (left("2025-11-03T15:59:59Z"), left("2025-11-03T16:00:00Z"), left("2025-11-10T16:00:00Z")),
            (0, -1, -8)
        );
        let mut elsewhere = (*moment.reckoned).clone();
        elsewhere.zone = "Nowhere/Here".to_owned();
        let elsewhere = Moment::new(moment.at, moment.local, elsewhere);
        assert_eq!(elsewhere.days_left("2025-11-02T15:59:00Z".parse().unwrap()), 1, "its offset is known all the same");
        assert_eq!(elsewhere.days_left("2025-11-02T16:00:00Z".parse().unwrap()), 0);
    }

    #[test]
    fn an_hour_that_no_clock_shows_is_told_as_it_happens() {
        let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap();
        let mut swiss = philippines();
        (swiss.zone, swiss.covered) = (zone, [2027].into());
        let at = |hour, minute| {
            let moment =
                swiss.moment(date(2027, 3, 28), Time::constant(hour, minute, 0, 0), Roll::None, "release".to_owned());
            let moment = moment.unwrap();
            (moment.at.to_string(), moment.local.to_string(), moment.explanation())
        };
        let (instant, local, why) = at(2, 30);
        assert_eq!((instant.as_str(), local.as_str()), ("2027-03-28T01:30:00Z", "2027-03-28T03:30:00"));
        assert!(why.contains("no clock shows 02:30") && why.contains("it is 03:30"), "{why}");
        assert_eq!(at(3, 0).1, "2027-03-28T03:00:00");
        assert_eq!(at(1, 59).2, "release", "there is nothing to say of others");
    }

    #[test]
    fn the_philippine_deadline_of_2025_moves_to_monday() {
        let moment = philippines()
            .moment(date(2025, 10, 31), Moment::END_OF_DAY, Roll::Following, "deadline".to_owned())
            .unwrap();
        assert_eq!(moment.local.to_string(), "2025-11-03T23:59:00");
        assert_eq!(moment.at.to_string(), "2025-11-03T15:59:00Z");
        assert!(moment.explanation().contains("All Saints' Day Eve"), "{}", moment.explanation());
        let modified = philippines()
            .moment(date(2025, 10, 31), Moment::END_OF_DAY, Roll::ModifiedFollowing, String::new())
            .unwrap();
        assert_eq!(modified.local.date(), date(2025, 10, 30));
    }
}
