//! `rondo round review`: the pack for the technical meeting. A page for the round and one for each country that print, and the
//! same as tables for a spreadsheet.

mod measure;

use std::path::Path;

use jiff::Timestamp;
use rondo_domain::RoundId;
use rondo_domain::calendar::Calendars;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, document, hint};
use crate::printed::{self, Printed, Section, number, words};
use measure::{FOLLOWED_WITHIN_DAYS, Measured, OfCountry};

/// Measures a round and those of the same workflow before it, and writes or prints what they came to.
pub(crate) async fn run(id: &RoundId, out: Option<&Path>, desk: &Desk, form: Form) -> Result<(), Failure> {
    let now = desk.now();
    let world = desk.world(&["round/", "participation/", "notice/"]).await?;
    let round = desk.round(id).await?;
    let questionnaire = desk.questionnaire(&round).await?;
    let calendars = match desk.definition(&round).await {
        Ok((_, ready)) => ready.calendars,
        Err(failure) => {
            hint(&format!("Countries are told by their codes: {}", failure.sentence));
            Calendars::default()
        }
    };
    let by = (&questionnaire, &calendars);
    let this = measure::round(&*desk.ledger, &world, (id, &round), by, now).await?;
    let workflow = |pin: &Option<rondo_domain::round::Pin>| pin.as_ref().map(|pin| pin.workflow.clone());
    let mut earlier = Vec::new();
    for (other, standing) in world.rounds() {
        if workflow(&standing.pin) == workflow(&round.pin) && standing.year < round.year {
            let questionnaire = desk.questionnaire(standing).await?;
            let by = (&questionnaire, &calendars);
            earlier.push(measure::round(&*desk.ledger, &world, (&other, standing), by, now).await?);
        }
    }
    if let Some(folder) = out {
        return write(folder, &this, &earlier, now);
    }
    if matches!(form, Form::Json | Form::Jsonl) {
        return document(form, json!({"review": this, "earlier": earlier}), "");
    }
    let entries = this.countries.iter().map(row).collect();
    Listing { name: "countries", columns: COLUMNS, entries, empty: "No country takes part." }.print(form)?;
    for sentence in sentences(&this) {
        hint(&sentence);
    }
    hint("With --out DIR: the pack as pages that print, and tables for a spreadsheet.");
    Ok(())
}

const COLUMNS: &[(&str, &str)] = &[
    ("/country", "Country"),
    ("/state", "State"),
    ("/punctuality", "Days after deadline"),
    ("/timeliness", "Days after reference year"),
    ("/complete", "Cells, percent"),
    ("/revised", "Revised"),
    ("/questions", "Questions"),
    ("/open", "Open"),
];

fn percent(part: usize, of: usize) -> String {
    if of == 0 { String::new() } else { format!("{:.0}", 100.0 * part as f64 / of as f64) }
}

fn or_none(value: Option<i64>) -> String {
    value.map(|days| days.to_string()).unwrap_or_default()
}

fn row(country: &OfCountry) -> Value {
    let (came, expected) = cells(country);
    json!({
        "country": country.country, "state": country.state, "punctuality": country.punctuality_days,
        "timeliness": country.timeliness_days, "complete": percent(came, expected), "revised": country.revised,
        "questions": country.questions, "open": country.open_days.len(),
    })
}

fn cells(country: &OfCountry) -> (usize, usize) {
    let came = country.tables.iter().map(measure::Filled::came).sum();
    (came, country.tables.iter().map(|table| 3 * table.expected_each).sum())
}

fn sentences(this: &Measured) -> Vec<String> {
    let all = this.countries.len();
    let (came, expected) = this.completeness();
    let mut told = vec![
        format!(
            "{} of {all} countries answered ({} percent); {} had every table in by their deadline.",
            this.answered(),
            percent(this.answered(), all),
            this.in_time()
        ),
        format!(
            "{came} of {expected} cells came ({} percent); {} tables were declared to have no data, and are not counted.",
            percent(came, expected),
            this.sum(|country| country.tables.iter().filter(|table| table.state == "declared").count())
        ),
        format!(
            "Figures revised: {}. Questions put: {}, of which {} led to a correction or were accepted, {} were allowed, and {} are open.",
            this.sum(|country| country.revised),
            this.sum(|country| country.questions),
            this.sum(|country| country.corrected),
            this.sum(|country| country.allowed),
            this.sum(|country| country.open_days.len())
        ),
    ];
    if let (Some(at), Some(late), Some(after)) =
        (this.published_at, this.release_punctuality_days, this.release_timeliness_days)
    {
        let when = if late <= 0 { "at its announced hour".to_owned() } else { format!("{late} days after its hour") };
        told.push(format!(
            "The release went out {when}, on {}, {after} days after the end of the reference year.",
            at.strftime("%-d %B %Y")
        ));
    }
    told
}

fn write(folder: &Path, this: &Measured, earlier: &[Measured], now: Timestamp) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::failed(format!("cannot make {}: {e}", folder.display())))?;
    page(this, earlier, now).write(&folder.join("review.html"))?;
    let countries = this.countries.iter().map(|country| {
        vec![
            country.country.clone(),
            country.state.clone(),
            country.answered.to_string(),
            country.deadline.map(|at| at.to_string()).unwrap_or_default(),
            country.extensions.to_string(),
            country.complete_at.map(|at| at.to_string()).unwrap_or_default(),
            or_none(country.punctuality_days),
            or_none(country.timeliness_days),
            cells(country).0.to_string(),
            cells(country).1.to_string(),
            country.revised.to_string(),
            country.revised_median_percent.map(|p| p.to_string()).unwrap_or_default(),
            country.questions.to_string(),
            country.corrected.to_string(),
            country.allowed.to_string(),
            country.open_days.len().to_string(),
            country.open_days.iter().max().map(ToString::to_string).unwrap_or_default(),
        ]
    });
    const COUNTRIES: &str = "country,state,answered,deadline,extensions,complete_at,punctuality_days,timeliness_days,cells_received,cells_expected,figures_revised,revision_median_percent,questions,settled,allowed,open,oldest_open_days";
    csv(&folder.join("countries.csv"), COUNTRIES, countries)?;
    let tables = this.countries.iter().flat_map(|country| country.tables.iter().map(move |table| (country, table)));
    let tables = tables.map(|(country, table)| {
        let numbers = [usize::from(table.table), table.years, table.total, table.men, table.women, table.expected_each];
        let mut row = vec![country.country.clone(), table.state.clone()];
        row.extend(numbers.map(|number| number.to_string()));
        row
    });
    csv(&folder.join("tables.csv"), "country,state,table,years,total,men,women,expected_each_sex", tables)?;
    let mails = this.mails.iter().map(|mail| {
        let numbers = [mail.sent, mail.suppressed, mail.failed].map(|number| number.to_string());
        let followed = mail.followed.map(|number| number.to_string()).unwrap_or_default();
        [vec![mail.kind.clone()], numbers.to_vec(), vec![followed]].concat()
    });
    csv(&folder.join("mails.csv"), "kind,sent,suppressed,failed,followed_by_answer", mails)?;
    hint(&format!("Tables for a spreadsheet: countries.csv, tables.csv and mails.csv in {}.", folder.display()));
    Ok(())
}

fn csv(path: &Path, head: &str, rows: impl Iterator<Item = Vec<String>>) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |e: csv::Error| Failure::failed(e.to_string());
    writer.write_record(head.split(',')).map_err(failed)?;
    for row in rows {
        writer.write_record(&row).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|e| Failure::failed(e.to_string()))?;
    printed::write(path, &bytes)
}

fn page(this: &Measured, earlier: &[Measured], now: Timestamp) -> Printed {
    let mut sections = vec![against(this, earlier), overview(this), by_table(this), mails(this)];
    sections.extend(this.countries.iter().map(of_country));
    Printed {
        title: format!("Review of the round: {}", this.title),
        lead: sentences(this),
        sections,
        foot: format!(
            "Written by Rondo from its log on {}. Punctuality: days from the deadline to the last table that was owed. Timeliness: days from the end of the last reference year. Cells: of the indicators that were sent, total, men and women, for every reference year; by country at most seven rows.",
            now.strftime("%-d %B %Y")
        ),
    }
}

fn against(this: &Measured, earlier: &[Measured]) -> Section {
    let rows = earlier.iter().chain([this]).map(|round| {
        let (came, expected) = round.completeness();
        vec![
            round.title.clone(),
            round.countries.len().to_string(),
            percent(round.answered(), round.countries.len()),
            percent(round.in_time(), round.countries.len()),
            percent(came, expected),
            round.sum(|country| country.revised).to_string(),
            round.sum(|country| country.questions).to_string(),
            or_none(round.release_timeliness_days),
        ]
    });
    let sentences = if earlier.is_empty() {
        vec!["No earlier round of this workflow is in this log.".to_owned()]
    } else {
        Vec::new()
    };
    Section {
        heading: "Against earlier rounds".to_owned(),
        sentences,
        columns: vec![
            words("Round"),
            number("Countries"),
            number("Answered, %"),
            number("In time, %"),
            number("Cells, %"),
            number("Revised"),
            number("Questions"),
            number("Released after, days"),
        ],
        rows: rows.collect(),
        ..Section::default()
    }
}

fn overview(this: &Measured) -> Section {
    let rows = this.countries.iter().map(|country| {
        let (came, expected) = cells(country);
        vec![
            format!("{} ({})", country.name, country.country),
            country.state.replace('-', " "),
            or_none(country.punctuality_days),
            or_none(country.timeliness_days),
            percent(came, expected),
            country.revised.to_string(),
            country.questions.to_string(),
            country.open_days.len().to_string(),
        ]
    });
    Section {
        heading: "Countries".to_owned(),
        columns: vec![
            words("Country"),
            words("State"),
            number("Punctuality, days"),
            number("Timeliness, days"),
            number("Cells, %"),
            number("Revised"),
            number("Questions"),
            number("Open"),
        ],
        rows: rows.collect(),
        ..Section::default()
    }
}

fn by_table(this: &Measured) -> Section {
    let mut numbers: Vec<u8> =
        this.countries.iter().flat_map(|country| country.tables.iter().map(|table| table.table)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let rows = numbers.into_iter().map(|no| {
        let of = || this.countries.iter().flat_map(|c| &c.tables).filter(move |table| table.table == no);
        let each: usize = of().map(|table| table.expected_each).sum();
        let title = of().map(|table| table.title.as_str()).next().unwrap_or_default();
        vec![
            format!("{no} {title}"),
            of().count().to_string(),
            of().filter(|table| table.came() > 0).count().to_string(),
            percent(of().map(|table| table.total).sum(), each),
            percent(of().map(|table| table.men).sum(), each),
            percent(of().map(|table| table.women).sum(), each),
        ]
    });
    Section {
        heading: "Completeness by table and sex".to_owned(),
        columns: vec![
            words("Table"),
            number("Owed by"),
            number("Sent by"),
            number("Total, %"),
            number("Men, %"),
            number("Women, %"),
        ],
        rows: rows.collect(),
        ..Section::default()
    }
}

fn mails(this: &Measured) -> Section {
    let rows = this.mails.iter().map(|mail| {
        let numbers = [mail.sent, mail.suppressed, mail.failed].map(|number| number.to_string());
        let followed = mail.followed.map_or_else(|| "–".to_owned(), |number| number.to_string());
        [vec![mail.kind.replace('-', " ")], numbers.to_vec(), vec![followed]].concat()
    });
    Section {
        heading: "Mail, and what it achieved".to_owned(),
        sentences: vec![format!(
            "A mail counts as followed when the country's file or declaration came within {FOLLOWED_WITHIN_DAYS} days; whether it came because of the mail, nobody knows."
        )],
        columns: vec![
            words("Kind"),
            number("Sent"),
            number("Not sent"),
            number("Failed"),
            number("Followed by an answer"),
        ],
        rows: rows.collect(),
        ..Section::default()
    }
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn of_country(country: &OfCountry) -> Section {
    let when = |at: Option<Timestamp>| at.map(|at| at.strftime("%-d %B %Y").to_string());
    let mut sentences = vec![format!("State: {}.", country.state.replace('-', " "))];
    sentences.push(match (when(country.complete_at), country.punctuality_days) {
        (Some(day), Some(0)) => format!("Every table was in on {day}, within a day of the deadline."),
        (Some(day), Some(days)) => {
            let side = if days < 0 { "before" } else { "after" };
            format!("Every table was in on {day}, {} {side} the deadline.", counted(days.unsigned_abs(), "day", "days"))
        }
        _ if country.answered => "Some tables came; not all that are owed.".to_owned(),
        _ => "No answer came.".to_owned(),
    });
    if let Some(why) = &country.closed {
        sentences.push(format!("Its part was closed: {why}."));
    }
    if let Some((was, why)) = &country.extended {
        let times = counted(country.extensions.into(), "time", "times");
        sentences
            .push(format!("The deadline was moved {times}, the last time from {}: {why}.", was.strftime("%-d %B %Y")));
    }
    sentences.push(format!(
        "Questions: {}, of which {} were settled by an answer or correction, {} allowed, {} open{}. Figures revised: {}{}.",
        country.questions,
        country.corrected,
        country.allowed,
        country.open_days.len(),
        country.open_days.iter().max().map(|days| format!(", the oldest for {days} days")).unwrap_or_default(),
        country.revised,
        country.revised_median_percent.map(|p| format!(", by {p} percent (the median)")).unwrap_or_default()
    ));
    let rows = country.tables.iter().map(|table| {
        let each = table.expected_each;
        vec![
            format!("{} {}", table.table, table.title),
            table.state.replace('-', " "),
            table.years.to_string(),
            percent(table.total, each),
            percent(table.men, each),
            percent(table.women, each),
        ]
    });
    Section {
        heading: format!("{} ({})", country.name, country.country),
        begins_page: true,
        sentences,
        columns: vec![
            words("Table"),
            words("State"),
            number("Years"),
            number("Total, %"),
            number("Men, %"),
            number("Women, %"),
        ],
        rows: rows.collect(),
    }
}
