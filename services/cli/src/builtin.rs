//! The workflows packed into the program, and workflows read from a folder.

use std::collections::BTreeMap;
use std::path::Path;

use rondo_domain::table::Questionnaire;
use rondo_domain::workflow::{Bundle, Problem};
use rondo_rules::Rules;
use rondo_scheduler::definitions::Ready;

use crate::failure::Failure;

include!(concat!(env!("OUT_DIR"), "/workflows.rs"));

/// The most bytes of a file of a workflow.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// The most files a workflow folder may have.
const MAX_FILES: usize = 1_000;

/// A file of a packed workflow.
pub(crate) fn file(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

/// The bundle of a workflow: a folder if there is one of that path, one packed into the program otherwise.
pub(crate) fn bundle(workflow: &str) -> Result<Bundle, Failure> {
    let path = Path::new(workflow);
    if path.is_dir() {
        if !path.join("workflow.toml").is_file() {
            return Err(Failure::not_found(format!("the folder {workflow} has no workflow.toml")));
        }
        let mut files = BTreeMap::new();
        read(path, path, &mut files)?;
        return Bundle::new(files).map_err(|e| Failure::usage(e.to_string()));
    }
    packed(workflow.trim_end_matches('/').rsplit('/').next().unwrap_or(workflow))
}

/// The bundle of a workflow that is packed into the program, whatever lies in folders.
pub(crate) fn packed(workflow: &str) -> Result<Bundle, Failure> {
    let prefix = format!("{workflow}/");
    let files: BTreeMap<String, String> = FILES
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix(prefix.as_str())?, text)))
        .filter(|(path, _)| !path.starts_with("demo/"))
        .map(|(path, text)| (path.to_owned(), (*text).to_owned()))
        .collect();
    if files.is_empty() {
        return Err(Failure::not_found(format!(
            "`{workflow}` is neither a folder nor a workflow of this program (ilms-asean, technical-meeting)"
        )));
    }
    Bundle::new(files).map_err(|e| Failure::usage(e.to_string()))
}

/// A workflow whose every part was tried.
pub(crate) struct Checked {
    pub(crate) ready: Ready,
    pub(crate) questionnaire: Questionnaire,
    pub(crate) rules: Rules,
}

/// Reads every part of a workflow, and tries what only shows when parts are held together.
pub(crate) fn checked(bundle: &Bundle) -> Result<Checked, Failure> {
    let ready = rondo_scheduler::definitions::read(bundle)?;
    let questionnaire = rondo_questionnaire::read_questionnaire(bundle)?;
    let rules = rondo_rules::read_rules(bundle)?;
    rondo_reminder::check::texts(bundle, &ready.definition)?;
    const FILE: &str = "participants.toml";
    let text = bundle.text(FILE)?;
    for expected in &ready.definition.expected {
        if let Some(unknown) = expected.tables.iter().find(|table| !questionnaire.tables.contains_key(table)) {
            let offset = text.find(&format!("\"{}\"", expected.country)).unwrap_or(0);
            let message = format!("{} owes table {unknown}, which the questionnaire does not have", expected.country);
            return Err(Problem::at(FILE, text, offset, message).into());
        }
    }
    Ok(Checked { ready, questionnaire, rules })
}

fn read(top: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> Result<(), Failure> {
    let failed = |at: &Path| {
        let at = at.display().to_string();
        move |e: std::io::Error| Failure::usage(format!("cannot read {at}: {e}"))
    };
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if name == "demo" || name.rsplit('/').next().is_some_and(|last| last.starts_with('.')) {
            continue;
        }
        let kind = std::fs::symlink_metadata(&path).map_err(failed(&path))?;
        if kind.is_dir() {
            read(top, &path, files)?;
        } else if !kind.is_file() {
            let told =
                "is a link or a special file; a workflow is made of plain files, so that its hash says all of it";
            return Err(Failure::usage(format!("{} {told}", path.display())));
        } else {
            if files.len() == MAX_FILES {
                return Err(Failure::usage(format!("{} has more than {MAX_FILES} files", top.display())));
            }
            let length = std::fs::metadata(&path).map_err(failed(&path))?.len();
            if length > MAX_FILE {
                return Err(Failure::usage(format!(
                    "{} has {length} bytes; {MAX_FILE} at the most are read",
                    path.display()
                )));
            }
            let bytes = std::fs::read(&path).map_err(failed(&path))?;
            let text = String::from_utf8(bytes).map_err(|error| {
                let good = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
                Problem::at(&name, &good, good.len(), "this is not UTF-8; save the file as UTF-8 text")
            })?;
            files.insert(name, text);
        }
    }
    Ok(())
}
