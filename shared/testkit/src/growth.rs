//! Commands that let a log grow, each by one record.

use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::{Command, CommandId, Role, Wish};

/// The operator makes person `n` an auditor. The id is born of the test's name and of `n`.
pub fn granting(test: &str, n: usize) -> Command {
    let grant = Grant::of(Role::Auditor, None);
    let person = format!("person-{n}").parse().expect("an id");
    let wish = Wish::Network { command: NetworkCommand::GrantRole { person, grant } };
    Command::of(CommandId::of(&[test, &n.to_string()]), "operator".parse().expect("an id"), wish)
}
