//! What is to be done about a file of the data directory that is malformed: whoever reads that it is has to know what next.

use std::error::Error;
use std::path::Path;

use rondo_eventlog::merkle::NoteError;

/// That a file is malformed, in what, and the next step. What is wrong with a key or its place says itself what to do.
pub(crate) fn malformed(path: &Path, source: &(dyn Error + Send + Sync + 'static)) -> String {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let next = match name {
        "log.json" => "Restore that file from a backup; nothing was changed",
        "disputed" => {
            "It holds what was said against this log, and nothing is signed while that may stand. Put the file back as it was; or, if the newest journal is here and you know what was said, take it away. If nobody knows, go on under a new key, which records that: rondo audit continue --reason WHY"
        }
        "log.vkey" if source.is::<NoteError>() => {
            "Put the public key back from a backup; or, with the newest `keys` in place, take the file away, and the next start writes it anew"
        }
        "checkpoint" => "Put the checkpoint back that belongs to this copy",
        "continuing.json" => {
            "It says that a loss is being recorded. Put the newest `keys` back; if there are none, take the file away and give `rondo audit continue --reason WHY` once more"
        }
        _ => return format!("{} is malformed", path.display()),
    };
    format!("{} is malformed ({source}). {next}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_malformed_is_named_with_the_next_step_and_said_once() {
        let no_json = || Box::<dyn Error + Send + Sync>::from("no JSON");
        let error = |name: &str| crate::OpenError::BadNote { path: Path::new("/data").join(name), source: no_json() };
        let told = rondo_runtime::lifecycle::with_sources(&error("disputed"));
        assert!(told.starts_with("/data/disputed is malformed (no JSON). It holds") && told.contains("audit continue"));
        assert_eq!(told.matches("no JSON").count(), 1);
        // What is said of a key has its own way on.
        assert_eq!(rondo_runtime::lifecycle::with_sources(&error("log.vkey")), "/data/log.vkey is malformed: no JSON");
    }
}
