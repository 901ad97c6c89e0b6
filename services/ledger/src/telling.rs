//! The line of the log that says that a command was recorded: what it wishes by name, and nothing of what stands in it.

use rondo_domain::{Command, StreamId, Wish};
use rondo_eventlog::{Accepted, SubmitError};

/// What is told of a command, where anybody listens.
pub(crate) fn of(command: &Command) -> Option<(StreamId, String)> {
    tracing::enabled!(tracing::Level::INFO).then(|| (command.wish.stream(), wish_of(&command.wish)))
}

/// Tells that it was recorded, if it was; gives the answer on.
pub(crate) fn recorded(
    told: Option<(StreamId, String)>,
    answered: Result<Accepted, SubmitError>,
) -> Result<Accepted, SubmitError> {
    if let (Ok(accepted), Some((stream, wish))) = (&answered, told)
        && accepted.count > 0
        && !accepted.repeated
    {
        tracing::info!(%stream, wish, records = accepted.count, "a command was recorded");
    }
    answered
}

/// What a command wishes, by the name of its kind; nothing of what stands in it.
fn wish_of(wish: &Wish) -> String {
    let command: &dyn std::fmt::Debug = match wish {
        Wish::Network { command } => command,
        Wish::Round { command, .. } => command,
        Wish::Participation { command, .. } => command,
        Wish::Figures { command, .. } => command,
        Wish::Notice { command, .. } => command,
        Wish::Release { command, .. } => command,
        Wish::Run { command, .. } => command,
    };
    let mut name = Name(String::new());
    // The writing ends after the name, which is an error to the one who writes, and none here.
    let _ = std::fmt::Write::write_fmt(&mut name, format_args!("{command:?}"));
    name.0
}

/// Takes the first word of what is written, and then no more.
struct Name(String);

impl std::fmt::Write for Name {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            if !c.is_alphanumeric() {
                return Err(std::fmt::Error);
            }
            self.0.push(c);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rondo_domain::round::RoundCommand;

    use super::*;

    #[test]
    fn a_wish_is_named_and_nothing_of_what_stands_in_it_is_told() {
        let command = RoundCommand::Pause { reason: "what nobody else may read".to_owned() };
        assert_eq!(wish_of(&Wish::Round { round: "ilms-asean-2025".parse().unwrap(), command }), "Pause");
    }
}
