//! What the tests share: where things are, and the workflow as one bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rondo_domain::workflow::Bundle;

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the workspace").to_owned()
}

/// The files of a workflow folder, without its demonstration.
pub fn bundle(workflow: &str) -> Bundle {
    let folder = root().join("workflows").join(workflow);
    let mut files = BTreeMap::new();
    read(&folder, &folder, &mut files);
    files.retain(|path, _| !path.starts_with("demo/"));
    Bundle::new(files).expect("the workflow is small")
}

fn read(top: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            read(top, &path, files);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let name = path.strip_prefix(top).expect("it stands below").to_string_lossy().replace('\\', "/");
            files.insert(name, text);
        }
    }
}

/// The program under test, as `tests/run` builds it.
pub fn program() -> PathBuf {
    let program = root().join("target/debug/rondo");
    assert!(program.exists(), "{} is missing; run tests/run, which builds it", program.display());
    program
}

/// Every change of every figure of a data directory: key, was, is, who, why, from where; without times and positions.
pub fn history(data: &Path) -> Vec<String> {
    use rondo_domain::event::Event;
    use rondo_domain::figure::{FigureKey, FiguresEvent};
    let folder = data.join("journal");
    let mut reader =
        rondo_ledger::journal::JournalReader::open(&folder, None, None).expect("a journal").expect("not empty");
    let mut lives = Vec::new();
    while let Some(group) = reader.next_group().expect("a whole journal") {
        for bytes in &group.records {
            let record = rondo_eventlog::codec::decode(bytes).expect("a record");
            let Event::Figures(FiguresEvent::FiguresRecorded { submission, reason, evidence, cells, .. }) =
                &record.event
            else {
                continue;
            };
            let sheet = record.stream.sheet().expect("a sheet");
            for change in cells {
                let key = FigureKey::new(&sheet, &change.key);
                lives.push(format!(
                    "{key} v{} {:?} -> {} by {} {:?} {submission:?} {reason:?} {evidence:?} {:?}",
                    record.version, change.was, change.is, record.actor.id, record.actor.institution, change.cell
                ));
            }
        }
    }
    lives.sort();
    lives
}
