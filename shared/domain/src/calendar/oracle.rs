//! The calendar against an oracle of brute force: a set of worked days, walked one by one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday, date};
use jiff::{Span, ToSpan};
use proptest::prelude::*;

use super::tests::philippines;
use super::*;

const FIRST: Date = date(2025, 1, 1);
const DAYS: i32 = 2 * 365;

fn day(number: i32) -> Date {
    FIRST.checked_add(number.days()).unwrap()
}

fn weekday() -> impl Strategy<Value = Weekday> {
    (1i8..=7).prop_map(|number| Weekday::from_monday_one_offset(number).unwrap())
}

prop_compose! {
    /// Any calendar of two years: up to three working weeks, holidays, and days worked all the same.
    fn calendars()(
        weeks in prop::collection::btree_map(0..DAYS, prop::collection::vec(weekday(), 1..4), 1..4),
        holidays in prop::collection::btree_set(0..DAYS, 0..60),
        working in prop::collection::btree_set(0..DAYS, 0..20),
    ) -> Calendar {
        let mut weeks: Vec<WorkingWeek> =
            weeks.into_iter().map(|(from, rest)| WorkingWeek { from: day(from), rest }).collect();
        weeks[0].from = Date::MIN;
        Calendar {
            weeks,
            holidays: holidays.into_iter().map(|number| (day(number), ("off".to_owned(), false))).collect(),
            working: working.into_iter().map(|number| (day(number), "made up".to_owned())).collect(),
            covered: [2025, 2026].into(),
            ..philippines()
        }
    }
}

/// The worked days, told from the parts of the calendar alone.
fn worked(calendar: &Calendar) -> BTreeSet<Date> {
    let mut of_day: BTreeMap<Date, bool> = BTreeMap::new();
    let mut rest: &[Weekday] = &[];
    for number in 0..DAYS {
        let today = day(number);
        for week in &calendar.weeks {
            if week.from == today || (number == 0 && week.from < today) {
                rest = &week.rest;
            }
        }
        of_day.insert(today, !rest.contains(&today.weekday()));
    }
    of_day.extend(calendar.holidays.keys().map(|day| (*day, false)));
    of_day.extend(calendar.working.keys().map(|day| (*day, true)));
    of_day.into_iter().filter(|(_, works)| *works).map(|(day, _)| day).collect()
}

/// The nth worked day after or before a day.
fn walked(worked: &BTreeSet<Date>, from: Date, days: i32) -> Option<Date> {
    let steps = usize::try_from(days.unsigned_abs()).unwrap();
    match days {
        0 => Some(from),
        1.. => worked.range(from.tomorrow().unwrap()..).nth(steps - 1).copied(),
        _ => worked.range(..from).rev().nth(steps - 1).copied(),
    }
}

fn rolled(worked: &BTreeSet<Date>, from: Date, roll: Roll) -> Option<Date> {
    let following = || worked.range(from..).next().copied();
    let preceding = || worked.range(..=from).next_back().copied();
    match roll {
        Roll::None => Some(from),
        Roll::Following => following(),
        Roll::Preceding => preceding(),
        Roll::ModifiedFollowing => following().filter(|day| day.month() == from.month()).or_else(preceding),
    }
}

proptest! {
    #[test]
    fn every_day_is_worked_or_off_as_the_oracle_has_it(calendar in calendars()) {
        let worked = worked(&calendar);
        for number in 0..DAYS {
            prop_assert_eq!(calendar.is_working(day(number)).unwrap(), worked.contains(&day(number)), "{}", day(number));
        }
    }

    #[test]
    fn working_days_are_added_and_counted_as_the_oracle_has_it(
        calendar in calendars(), from in 150..DAYS - 150, days in -40i32..=40,
    ) {
        let worked = worked(&calendar);
        let (from, there) = (day(from), calendar.add_working_days(day(from), days));
        match walked(&worked, from, days) {
            Some(expected) => {
                prop_assert_eq!(there.unwrap(), expected);
                let (first, last) = (from.min(expected), from.max(expected));
                let counted = calendar.working_days_between(first, last).unwrap();
                prop_assert_eq!(usize::try_from(counted).unwrap(), worked.range(first..last).count());
            }
            // A calendar may have no worked day left in its years; then nobody guesses.
            None => prop_assert!(matches!(there, Err(CalendarError::YearNotCovered { .. })), "{:?}", there),
        }
    }

    #[test]
    fn dates_roll_as_the_oracle_has_it_and_say_each_day_they_left(
        calendar in calendars(), from in 60..DAYS - 60,
        roll in prop::sample::select(vec![Roll::None, Roll::Following, Roll::Preceding, Roll::ModifiedFollowing]),
    ) {
        let worked = worked(&calendar);
        let moment = calendar.moment(day(from), Moment::END_OF_DAY, roll, String::new());
        // A month of no work at all has no oracle: the walk leaves the two years.
        let Some(expected) = rolled(&worked, day(from), roll) else { return Ok(()) };
        let moment = moment.unwrap();
        prop_assert_eq!(moment.local.date(), expected);
        let left: Vec<Date> = moment.reckoned.moved.iter().map(|step| step.from).collect();
        prop_assert!(left.iter().all(|day| !worked.contains(day)), "{:?}", left);
        let way = (expected - day(from)).get_days().unsigned_abs();
        prop_assert_eq!(left.len(), usize::try_from(way).unwrap(), "{:?}", left);
    }

    #[test]
    fn calendar_days_weeks_and_months_are_those_of_the_civil_calendar(from in 150..DAYS - 150, count in -4i32..=4) {
        let (calendar, from) = (philippines(), day(from));
        let reckoned = |unit| Offset { count, unit }.from_date(from, &calendar).unwrap();
        prop_assert_eq!(reckoned(Unit::Days), from.checked_add(count.days()).unwrap());
        prop_assert_eq!(reckoned(Unit::Weeks), from.checked_add((7 * count).days()).unwrap());
        let months = i32::from(from.year()) * 12 + i32::from(from.month()) - 1 + count;
        let first = date(i16::try_from(months.div_euclid(12)).unwrap(), i8::try_from(months.rem_euclid(12) + 1).unwrap(), 1);
        let last = first.last_of_month().day();
        prop_assert_eq!(reckoned(Unit::Months), first.checked_add(Span::new().days(i64::from(from.day().min(last)) - 1)).unwrap());
    }

    #[test]
    fn working_hours_are_found_as_by_walking_every_minute(calendar in calendars(), minute in 0i64..(300 * 24 * 60)) {
        let hours = Hours { from: jiff::civil::time(8, 30, 0, 0), until: jiff::civil::time(17, 0, 0, 0) };
        let worked = worked(&calendar);
        let open = |at: jiff::Timestamp| {
            let local = calendar.zone.to_datetime(at);
            worked.contains(&local.date()) && local.time() >= hours.from && local.time() < hours.until
        };
        let now = calendar.zone.to_timestamp(day(60).at(0, 0, 0, 0)).unwrap() + jiff::SignedDuration::from_mins(minute);
        match calendar.closed(now, hours) {
            Ok(None) => prop_assert!(open(now)),
            Ok(Some(closed)) => {
                prop_assert!(!open(now) && open(closed.until) && closed.until > now);
                prop_assert!(!open(closed.until - jiff::SignedDuration::from_mins(1)));
                let walked = worked.range(calendar.zone.to_datetime(now).date()..calendar.zone.to_datetime(closed.until).date());
                let today = calendar.zone.to_datetime(now);
                let missed = walked.filter(|day| **day != today.date() || today.time() < hours.from).count();
                prop_assert_eq!(missed, 0, "a worked day was passed over");
            }
            Err(CalendarError::YearNotCovered { .. }) => {
                prop_assert!(worked.range(calendar.zone.to_datetime(now).date().tomorrow().unwrap()..).next().is_none());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
