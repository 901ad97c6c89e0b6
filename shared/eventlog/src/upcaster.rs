//! Upcasters: an event stored in an older shape is lifted one step at a time; the stored bytes stay as they are.

use std::borrow::Cow;

use serde_json::Value;

/// The schema number with which events are written.
pub const CURRENT: u32 = 2;

/// One step, from the schema it belongs to to the next one: the events whose shape it changes, and how.
struct Step {
    of: &'static [&'static str],
    lift: fn(&str, Value) -> Value,
}

/// The steps, the first lifting schema 1 to 2.
const STEPS: &[Step] = &[
    // 2: `SubmissionReceived` may say the source of rows that name none, `SubmissionChecked` and `SubmissionRejected` how much
    // of a file was read. An older record says neither, and is read as it stands.
    Step { of: &[], lift: |_, event| event },
];

/// Lifts an event's JSON from an older schema to the current one.
///
/// # Errors
/// When the text is not JSON.
pub fn lift<'j>(name: &str, schema: u32, json: &'j str) -> Result<Cow<'j, str>, serde_json::Error> {
    let mut steps =
        STEPS.iter().skip(schema.saturating_sub(1) as usize).filter(|step| step.of.contains(&name)).peekable();
    if steps.peek().is_none() {
        return Ok(Cow::Borrowed(json));
    }
    let event = steps.fold(serde_json::from_str(json)?, |event, step| (step.lift)(name, event));
    serde_json::to_string(&event).map(Cow::Owned)
}
