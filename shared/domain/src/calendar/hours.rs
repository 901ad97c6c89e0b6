//! Working hours: when a country's people are at work, and when they are next.

use jiff::Timestamp;
use jiff::civil::Time;

use super::{Calendar, CalendarError};

/// The hours of a working day, on the local clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first minute of work.
    pub from: Time,
    /// The first minute after work.
    pub until: Time,
}

/// When work begins again, and why it does not go on now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The beginning of the next working hours.
    pub until: Timestamp,
    /// Why, in a sentence.
    pub because: String,
}

impl Calendar {
    /// Why nobody is at work at an instant, and until when; nothing when people are.
    ///
    /// # Errors
    /// When the calendar does not cover the days involved.
    pub fn closed(&self, now: Timestamp, hours: Hours) -> Result<Option<Closed>, CalendarError> {
        let local = self.zone.to_datetime(now);
        let (mut day, mut because) = (local.date(), None);
        match self.day_off(day)? {
            Some(off) => because = Some(format!("{} is {off}", day.strftime("%a %-d %b"))),
            None if local.time() >= hours.until => because = Some(format!("work ends at {}", clock(hours.until))),
            None if local.time() < hours.from => {
                let until = self.at(day, hours.from)?;
                return Ok(Some(Closed { until, because: format!("work begins at {}", clock(hours.from)) }));
            }
            None => {}
        }
        let Some(because) = because else { return Ok(None) };
        loop {
            day = day.tomorrow().map_err(|_| CalendarError::OutOfRange(day))?;
            if self.is_working(day)? {
                return Ok(Some(Closed { until: self.at(day, hours.from)?, because }));
            }
        }
    }

    fn at(&self, day: jiff::civil::Date, time: Time) -> Result<Timestamp, CalendarError> {
        let ambiguous = self.zone.to_ambiguous_timestamp(day.to_datetime(time));
        ambiguous.compatible().map_err(|_| CalendarError::OutOfRange(day))
    }
}

fn clock(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::calendar::tests::philippines;

    #[test]
    fn a_holiday_a_night_and_an_early_hour_are_told_apart() {
        let hours = Hours { from: Time::constant(8, 30, 0, 0), until: Time::constant(17, 0, 0, 0) };
        let closed = |day, hour| {
            let calendar = philippines();
            let now = calendar.at(day, Time::constant(hour, 0, 0, 0)).unwrap();
            calendar.closed(now, hours).unwrap().map(|c| (c.until.to_string(), c.because))
        };
        let monday = || "2025-11-03T00:30:00Z".to_owned();
        assert_eq!(closed(date(2025, 10, 31), 10), Some((monday(), "Fri 31 Oct is All Saints' Day Eve".to_owned())));
        assert_eq!(closed(date(2025, 11, 1), 10), Some((monday(), "Sat 1 Nov is Saturday, a rest day".to_owned())));
        assert_eq!(closed(date(2025, 11, 3), 7), Some((monday(), "work begins at 08:30".to_owned())));
        assert_eq!(closed(date(2025, 10, 30), 18), Some((monday(), "work ends at 17:00".to_owned())));
        assert_eq!(closed(date(2025, 11, 3), 9), None);
    }
}
