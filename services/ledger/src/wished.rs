//! What is tried before a command is taken, because the round's own files say whether it can be carried out: a change of a
//! calendar has to be one of a calendar that is there.

use rondo_domain::calendar::{CalendarChange, Calendars};
use rondo_domain::round::RoundCommand;
use rondo_domain::stream::StreamKind;
use rondo_domain::workflow::Bundle;
use rondo_domain::world::World;
use rondo_domain::{Command, Rejection, RoundId, StreamId, Wish};
use rondo_eventlog::{Fault, Ledger, files, ledger};

/// Tries a command on the files that it is about, where it is about any; gives why it cannot be carried out.
///
/// # Errors
/// The ledger's fault.
pub(crate) async fn objection(reader: &dyn Ledger, command: &Command) -> Result<Option<Rejection>, Fault> {
    let Wish::Round { round, command: RoundCommand::ChangeCalendar { changes, .. } } = &command.wish else {
        return Ok(None);
    };
    // Boxed: every command comes by here, and hardly any looks at files.
    let Some(calendars) = Box::pin(calendars(reader, round)).await? else { return Ok(None) };
    let known = |change: &CalendarChange| calendars.changed(std::slice::from_ref(change)).map(|_| ());
    let refused = changes.iter().try_for_each(known);
    Ok(refused.err().map(|error| Rejection::Malformed { what: error.to_string() }))
}

/// The calendars that a round is pinned to; nothing where there is no such round, or where they cannot be read, which is told
/// elsewhere and is no reason to refuse anything.
async fn calendars(reader: &dyn Ledger, id: &RoundId) -> Result<Option<Calendars>, Fault> {
    let stream = StreamId::round(id);
    let mut world = World::of(&[StreamKind::Round]);
    for record in ledger::read_all(reader, stream.as_str()).await?.iter().filter(|record| record.stream == stream) {
        world.apply(&record.stream, &record.event, &record.stamp());
    }
    let Some(pin) = world.round(id).and_then(|round| round.pin.as_ref()) else { return Ok(None) };
    let bytes = match files::fetch(reader, &pin.bundle).await {
        Err(fault) if fault.is_passing() => return Err(fault),
        Err(_) => return Ok(None),
        Ok(bytes) => bytes,
    };
    Ok(Bundle::from_bytes(&bytes).ok().and_then(|bundle| Calendars::pinned(&bundle).ok()))
}
