//! `rondo calendar` and `rondo institution`.

use jiff::civil::Date;
use rondo_domain::calendar::{CalendarChange, Calendars, DateMove, DayChange, DayOff};
use rondo_domain::network::NetworkCommand;
use rondo_domain::round::{RoundCommand, RoundState};
use rondo_domain::{Country, PlaceId, RoundId, StreamId, Wish, Year};
use serde_json::{Value, json};

use crate::args::{CalendarVerb, InstitutionVerb};
use crate::builtin;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, hint, said};

pub(crate) async fn run(verb: &CalendarVerb, desk: &Desk, form: Form, served: bool) -> Result<(), Failure> {
    match verb {
        CalendarVerb::Show { workflow, country, place, year, round } => {
            let mut calendars = Calendars::read(&builtin::bundle(workflow)?)?;
            if let Some(round) = round {
                let standing = desk.round(round).await?;
                let (_, ready) = desk.definition(&standing).await?;
                calendars = ready.in_round(&standing).calendars.clone();
            }
            show(&calendars, (country, place.as_ref()), *year, form)
        }
        CalendarVerb::Change { round, country, place, what, title, estimated, rest, reason, preview } => {
            let title = title.clone().unwrap_or_default();
            let change = match (what.off, what.worked, what.as_calendar, what.week_from, &what.zone) {
                (Some(date), ..) => DayChange::DayOff { date, title, estimated: *estimated },
                (_, Some(date), ..) => DayChange::Worked { date, title },
                (_, _, Some(date), ..) => DayChange::AsCalendar { date },
                (_, _, _, Some(from), _) => DayChange::Week { from, rest: rest.clone() },
                (.., Some(zone)) => DayChange::Zone { zone: zone.clone() },
                _ => {
                    return Err(Failure::usage(
                        "say what changes: --off, --worked, --as-calendar, --week-from or --zone",
                    ));
                }
            };
            let change = CalendarChange { country: country.clone(), place: place.clone(), change };
            let reason = reason.as_deref().filter(|_| !preview);
            changed(round, change, reason, desk, form, served).await
        }
    }
}

/// The days of a year that are not as their weekday has them, by a workflow alone.
pub(crate) fn show_of(
    workflow: &str,
    whose: (&Country, Option<&PlaceId>),
    year: Year,
    form: Form,
) -> Result<(), Failure> {
    show(&Calendars::read(&builtin::bundle(workflow)?)?, whose, year, form)
}

fn show(
    calendars: &Calendars,
    (country, place): (&Country, Option<&PlaceId>),
    year: Year,
    form: Form,
) -> Result<(), Failure> {
    let calendar = match place {
        Some(place) => calendars.places.get(place).filter(|calendar| calendar.country == *country),
        None => calendars.get(country),
    };
    let calendar = calendar.ok_or_else(|| {
        let places: Vec<String> = calendars.places.keys().map(ToString::to_string).collect();
        Failure::not_found(format!(
            "there is no such calendar, but those of {} countries, and of the places {}",
            calendars.countries.len(),
            places.join(", ")
        ))
    })?;
    let mut entries = Vec::new();
    let first = Date::new(year, 1, 1).ok().filter(|_| calendar.covered.contains(&year));
    let Some(mut day) = first else {
        let known: Vec<String> = calendar.covered.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!(
            "the calendar of {} has no holidays for {year}; it covers {}",
            calendar.name,
            known.join(", ")
        )));
    };
    let mut worked = 0;
    while day.year() == year {
        let off = calendar.day_off(day).map_err(|e| Failure::usage(e.to_string()))?;
        worked += u32::from(off.is_none());
        let told = match (&off, calendar.working.get(&day)) {
            (_, Some(why)) => Some(("worked", why.clone())),
            (Some(DayOff::Holiday { .. }), None) => off.as_ref().map(|off| ("off", off.to_string())),
            _ => None,
        };
        if let Some((what, title)) = told {
            entries.push(json!({
                "date": day, "weekday": day.strftime("%a").to_string(), "what": what, "title": title,
            }));
        }
        day = day.tomorrow().map_err(|e| Failure::failed(e.to_string()))?;
    }
    let weeks: Vec<String> = calendar
        .weeks
        .iter()
        .map(|week| {
            let rest: Vec<String> = week.rest.iter().map(|day| format!("{day:?}")).collect();
            let since = if week.from == Date::MIN { String::new() } else { format!(" from {} on", week.from) };
            format!("{}{since}", rest.join(" and "))
        })
        .collect();
    let columns = &[("/date", "Date"), ("/weekday", "Day"), ("/what", "Is"), ("/title", "Because")];
    Listing { name: "days", columns, entries, empty: "No day is otherwise than its weekday." }.print(form)?;
    hint(&format!(
        "{}, clock of {}, rests on {}; {worked} days of {year} are worked. Version: {}.",
        calendar.name,
        calendar.zone_name,
        weeks.join("; "),
        calendar.version
    ));
    Ok(())
}

/// The dates that a change moves, and those that stay although it would.
async fn moved(id: &RoundId, change: CalendarChange, desk: &Desk) -> Result<(CalendarChange, Vec<DateMove>), Failure> {
    let round = desk.round(id).await?;
    if matches!(round.state, RoundState::Planned | RoundState::Published | RoundState::Cancelled) {
        let state = round.state.as_str();
        return Err(Failure::conflict(format!("the round is {state}, so that its calendar is not changed")));
    }
    let (_, ready) = desk.definition(&round).await?;
    let world = desk.world(&[StreamId::round(id).as_str(), &format!("run/{id}")]).await?;
    let changes = [change.clone()];
    let moves = ready.moved_by(&round, &changes, |country| world.run(id, country));
    Ok((change, moves.map_err(|e| Failure::usage(e.to_string()))?))
}

/// Records a change with the dates that it moves.
pub(crate) async fn record(
    id: &RoundId,
    change: CalendarChange,
    reason: &str,
    desk: &Desk,
) -> Result<(CalendarChange, Vec<DateMove>), Failure> {
    let (change, moves) = moved(id, change, desk).await?;
    let (changes, reason) = (vec![change.clone()], reason.to_owned());
    desk.round_command(id, RoundCommand::ChangeCalendar { changes, moves: moves.clone(), reason }).await?;
    Ok((change, moves))
}

/// Shows what a change moves, and records it where a reason is given.
async fn changed(
    id: &RoundId,
    change: CalendarChange,
    reason: Option<&str>,
    desk: &Desk,
    form: Form,
    served: bool,
) -> Result<(), Failure> {
    let (change, moves) = match reason {
        Some(reason) => record(id, change, reason, desk).await?,
        None => moved(id, change, desk).await?,
    };
    let columns = &[
        ("/country", "Country"),
        ("/of", "Date"),
        ("/was", "Was"),
        ("/is", "Is"),
        ("/what", "So that it"),
        ("/why", "Because"),
    ];
    let entries = moves.iter().map(entry).collect();
    Listing { name: "moves", columns, entries, empty: "No date moves by it." }.print(form)?;
    let whose = change.place.as_ref().map_or_else(|| change.country.to_string(), ToString::to_string);
    let said = format!("{whose}: {}.", change.change);
    hint(&match reason {
        Some(_) => format!("Recorded. {said}"),
        None => {
            format!("Nothing is recorded yet. {said} Give the same with --reason instead of --preview to record it.")
        }
    });
    if moves.iter().any(|moved| moved.stays && moved.of == "deadline") {
        hint(&format!("A deadline that was announced stays. To move it: rondo round extend {id} COUNTRY … --reason …"));
    }
    if reason.is_some() {
        super::remark(served);
    }
    Ok(())
}

fn entry(moved: &DateMove) -> Value {
    json!({
        "country": moved.country,
        "of": moved.of,
        "was": moved.was.local.strftime("%a %Y-%m-%d %H:%M").to_string(),
        "is": moved.is.local.strftime("%a %Y-%m-%d %H:%M").to_string(),
        "what": if moved.stays { "stays as announced" } else { "moves" },
        "why": moved.is.explanation(),
    })
}

pub(crate) async fn institution(verb: &InstitutionVerb, desk: &Desk, form: Form) -> Result<(), Failure> {
    match verb {
        InstitutionVerb::List => {
            let world = desk.world(&["network"]).await?;
            let institutions = world.network().institutions.iter();
            let entries = institutions
                .map(|(id, institution)| {
                    let names: Vec<Value> =
                        institution.names.iter().map(|(from, name)| json!({"from": from, "name": name})).collect();
                    let former: Vec<&str> =
                        institution.names.iter().rev().skip(1).map(|(_, name)| name.as_str()).collect();
                    json!({
                        "institution": id, "country": institution.country, "title": institution.title(),
                        "place": institution.place, "names": names, "former": former.join("; "),
                    })
                })
                .collect();
            let columns = &[
                ("/institution", "Institution"),
                ("/country", "Country"),
                ("/title", "Name"),
                ("/place", "Place"),
                ("/former", "Formerly"),
            ];
            Listing { name: "institutions", columns, entries, empty: "No institution is registered yet." }.print(form)
        }
        InstitutionVerb::Register { institution, country, title, place } => {
            let command = NetworkCommand::RegisterInstitution {
                institution: institution.clone(),
                country: country.clone(),
                name: title.clone(),
                place: place.clone(),
            };
            let accepted = desk.submit(&["register"], Wish::Network { command }).await?;
            said(
                form,
                &match accepted.count {
                    0 => format!("{institution} is registered so already."),
                    _ => format!("{institution} is registered as {title}."),
                },
            )
        }
    }
}
