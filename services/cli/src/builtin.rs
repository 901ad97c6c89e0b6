//! The workflows packed into the program, and workflows read from a folder.

use std::collections::BTreeMap;
use std::path::Path;

use rondo_domain::workflow::Bundle;

use crate::failure::Failure;

include!(concat!(env!("OUT_DIR"), "/workflows.rs"));

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
        let mut files = BTreeMap::new();
        read(path, path, &mut files)?;
        return Bundle::new(files).map_err(|e| Failure::usage(e.to_string()));
    }
    let name = workflow.trim_end_matches('/').rsplit('/').next().unwrap_or(workflow);
    let prefix = format!("{name}/");
    let files: BTreeMap<String, String> = FILES
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix(prefix.as_str())?, text)))
        .filter(|(path, _)| !path.starts_with("demo/"))
        .map(|(path, text)| (path.to_owned(), (*text).to_owned()))
        .collect();
    if files.is_empty() {
        return Err(Failure::not_found(format!(
            "`{workflow}` is neither a folder nor a workflow of this program (ilms-asean)"
        )));
    }
    Bundle::new(files).map_err(|e| Failure::usage(e.to_string()))
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
        if path.is_dir() {
            read(top, &path, files)?;
        } else {
            if files.len() == MAX_FILES {
                return Err(Failure::usage(format!("{} has more than {MAX_FILES} files", top.display())));
            }
            let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
            files.insert(name, text);
        }
    }
    Ok(())
}
