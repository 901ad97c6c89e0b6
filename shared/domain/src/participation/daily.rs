//! How much one country sends in a day: bounds that nobody meets who means to send something.

use super::ReceivedFile;
use super::state::Participation;
use crate::command::Context;
use crate::{Country, Rejection};

/// Files taken from one country in a day of UTC, and their bytes in all. Sending again is common, a hundred times in two days has
/// been seen; beyond this it is a program that runs wild, and fills the disk.
pub const MAX_FILES_A_DAY: usize = 200;
/// Bytes of them.
pub const MAX_BYTES_A_DAY: u64 = 512 * 1024 * 1024;

/// Refuses more files of a country on one day than anybody sends who means to.
pub(super) fn within_the_day(
    state: &Participation,
    country: &Country,
    file: &ReceivedFile,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    let day = |at: jiff::Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let today = day(context.now);
    let sizes = state.submissions.values().filter(|other| day(other.received_at) == today).map(|other| other.file.size);
    let (files, bytes) = sizes.fold((1, file.size), |(files, bytes), size| (files + 1, bytes.saturating_add(size)));
    let refused = |what: String, limit: usize| Err(Rejection::OutOfBounds { what, limit });
    if files > MAX_FILES_A_DAY {
        return refused(format!("files that {country} sent today (UTC); send the next one tomorrow"), MAX_FILES_A_DAY);
    }
    if bytes > MAX_BYTES_A_DAY {
        let what = format!("bytes of files that {country} sent today (UTC); send the next one tomorrow");
        return refused(what, MAX_BYTES_A_DAY as usize);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_FILE, ReceivedSubmission, SubmissionState};
    use super::*;
    use crate::{Actor, FileHash, Role};

    #[test]
    fn a_country_sends_so_many_files_and_bytes_a_day_and_the_next_one_tomorrow() {
        let country: Country = "LAO".parse().unwrap();
        let file = |size: u64| ReceivedFile { sha256: FileHash::of(b"x"), name: "x.csv".to_owned(), size };
        let morning: jiff::Timestamp = "2026-03-02T00:30:00Z".parse().unwrap();
        let sent = |size: u64| ReceivedSubmission {
            state: SubmissionState::Rejected,
            file: file(size),
            author: "lao-focal".parse().unwrap(),
            institution: None,
            reason: None,
            source: None,
            extent: None,
            received_at: morning,
            position: 0,
            findings: Vec::new(),
            figures: 0,
        };
        let of = |count: usize, size: u64| {
            let mut state = Participation::default();
            state.submissions.extend((0..count).map(|n| (format!("lao-{n}").parse().unwrap(), sent(size))));
            state
        };
        let actor = Actor {
            id: "lao-focal".parse().unwrap(),
            role: Role::FocalPoint,
            institution: None,
            country: Some(country.clone()),
        };
        let taken = |state: &Participation, size: u64, now: &str| {
            let context = Context { actor: &actor, now: now.parse().unwrap(), surroundings: &[] };
            within_the_day(state, &country, &file(size), &context).map_err(|refused| refused.code())
        };
        let (evening, tomorrow) = ("2026-03-02T23:30:00Z", "2026-03-03T00:00:00Z");
        assert_eq!(taken(&of(MAX_FILES_A_DAY - 1, 1), 1, evening), Ok(()));
        assert_eq!(taken(&of(MAX_FILES_A_DAY, 1), 1, evening), Err("limit.exceeded"));
        assert_eq!(taken(&of(MAX_FILES_A_DAY, 1), 1, tomorrow), Ok(()));
        let large = MAX_BYTES_A_DAY / MAX_FILE;
        assert_eq!(taken(&of(large as usize - 1, MAX_FILE), MAX_FILE, evening), Ok(()));
        assert_eq!(taken(&of(large as usize, MAX_FILE), 1, evening), Err("limit.exceeded"));
    }
}
