//! What a directory without a log is: a role of six leaves a mark in its own, which stays when the role ends, so that nobody makes
//! another log there.

use std::fs;
use std::path::Path;

use rondo_domain::Service;
use rondo_runtime::durable;

use crate::failure::Failure;
use crate::reach::ANNOUNCEMENT;

/// The file that names the roles whose directory this is, one a line.
const MARK: &str = "role";

/// What other roles leave in a directory of their own, and the log's directory need not have.
const LEFT: [&str; 4] = ["people.toml", "return-path.key", "savepoints", "releases"];

/// What begins the names of the directories of six services.
const OF_SIX: &str = "rondo-";

/// Leaves the mark of roles that begin in a directory. The ledger's is known by its log.
pub(crate) fn mark(data: &Path, roles: &[String]) {
    let mut named = marked(data);
    let before = named.len();
    named.extend(roles.iter().filter(|role| *role != "ledger").cloned());
    named.sort();
    named.dedup();
    if named.len() == before {
        return;
    }
    let made = fs::create_dir_all(data).map_err(|e| e.to_string()).and_then(|()| {
        let text = format!("{}\n", named.join("\n"));
        durable::replace(&data.join(MARK), text.as_bytes()).map_err(|e| rondo_runtime::lifecycle::with_sources(&e))
    });
    if let Err(why) = made {
        tracing::warn!("{} could not be marked as the directory of this role: {why}", data.display());
    }
}

/// The roles that left their mark.
fn marked(data: &Path) -> Vec<String> {
    let text = fs::read_to_string(data.join(MARK)).unwrap_or_default();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The role of a directory that the run book names so.
fn by_name(data: &Path) -> Option<&str> {
    let role = data.file_name()?.to_str()?.strip_prefix(OF_SIX)?;
    Service::NAMES.contains(&role).then_some(role)
}

/// Whether a directory without a log is a gateway's, through which the log is reached.
pub(crate) fn is_of_a_gateway(data: &Path) -> bool {
    data.join(ANNOUNCEMENT).exists()
        || marked(data).iter().any(|role| role == "gateway")
        || by_name(data) == Some("gateway")
}

/// Refuses to make a log, or to put one, where a role of six is.
///
/// # Errors
/// When there is no log and a role left its mark, or a gateway its announcement.
pub(crate) fn may_hold_a_log(data: &Path) -> Result<(), Failure> {
    let mut roles = marked(data);
    if roles.is_empty() && data.join(ANNOUNCEMENT).exists() {
        roles.push("gateway".to_owned());
    }
    if data.join("log.json").exists() || roles.is_empty() {
        return Ok(());
    }
    Err(Failure::conflict(format!(
        "{} is the directory of the {} of six services, and no log was made in it: the log is in the ledger's directory, and another one would be beside it. Nothing was changed. For a log of its own choose an empty directory",
        data.display(),
        roles.join(" and the ")
    )))
}

/// That there is no log, and where it is then: who works for a log that is elsewhere is not told to make a new one.
pub(crate) fn no_log(data: &Path, sentence: String) -> String {
    let roles = marked(data);
    let by_name = by_name(data);
    let has = match by_name {
        Some("ledger") if roles.is_empty() => {
            return format!(
                "there is no log in {}: the ledger makes one at its first start. If there was one, restore it (rondo restore), and make no other",
                data.display()
            );
        }
        _ if !roles.is_empty() => format!("the {} has", roles.join(" and the ")),
        Some(role) => format!("the {role} has"),
        None if [ANNOUNCEMENT].iter().chain(&LEFT).any(|place| data.join(place).exists()) => {
            "another role has".to_owned()
        }
        None => return sentence,
    };
    format!(
        "there is no log in {}, which {has}: with six services the log is in the ledger's directory; name that with --data, or a server with --server and --token-file",
        data.display()
    )
}

/// That the log is reached by a gateway whose directory this is, and which runs no more.
pub(crate) fn gateway_is_stopped(data: &Path) -> Failure {
    Failure::unreachable(format!(
        "the gateway is stopped: {} is its directory, no server is announced in it, and the log is with the ledger. Nothing was recorded. Start the gateway (systemctl start rondo@gateway), or name another server with --server and --token-file",
        data.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_roles_stays_and_names_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        assert!(may_hold_a_log(&data).is_ok() && no_log(&data, "none".to_owned()) == "none");
        mark(&data, &["ledger".to_owned()]);
        assert!(!data.exists(), "the ledger's directory is known by its log");
        for _ in 0..2 {
            mark(&data, &["scheduler".to_owned(), "gateway".to_owned()]);
            mark(&data, &["gateway".to_owned()]);
        }
        assert_eq!(marked(&data), ["gateway", "scheduler"]);
        assert!(may_hold_a_log(&data).is_err() && is_of_a_gateway(&data));
        assert!(no_log(&data, "none".to_owned()).contains("which the gateway and the scheduler has"));
        fs::write(data.join("log.json"), "").unwrap();
        assert!(may_hold_a_log(&data).is_ok(), "one directory may be of all");
    }

    #[test]
    fn a_directory_of_six_is_known_by_its_name_too() {
        for (name, words) in [
            ("rondo-gateway", "which the gateway has"),
            ("rondo-publisher", "which the publisher has"),
            ("rondo-ledger", "the ledger makes one"),
            ("rondo-data", "none"),
            ("rondo", "none"),
        ] {
            assert!(no_log(Path::new("/nowhere").join(name).as_path(), "none".to_owned()).contains(words), "{name}");
        }
    }
}
