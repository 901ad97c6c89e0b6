//! A release's folder: figures as ILOSTAT CSV, the checkpoint, and a manifest with the hash of each file.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use rondo_domain::{FileHash, ReleaseId};
use rondo_eventlog::Fault;
use serde::Serialize;

use crate::snapshot::Snapshot;

#[derive(Serialize)]
struct Manifest<'a> {
    version: u32,
    release: &'a ReleaseId,
    round: &'a str,
    definition: &'a FileHash,
    figures: usize,
    log: LogPlace,
    files: Vec<FileEntry>,
    citation: &'static str,
}

#[derive(Serialize)]
struct LogPlace {
    position: u64,
    size: u64,
    root: String,
}

#[derive(Serialize)]
struct FileEntry {
    name: String,
    sha256: FileHash,
    bytes: usize,
}

/// Writes the folder, all or nothing, and returns the hash of its manifest. A folder left by a run that was cut off is
/// replaced; the release was not complete.
pub(crate) fn write(path: &Path, release: &ReleaseId, snapshot: &Snapshot) -> Result<FileHash, Fault> {
    let failed = |what: &str, at: &Path| {
        let what = format!("cannot {what} {}", at.display());
        move |e: std::io::Error| Fault::storage(what, e)
    };
    let csv = |e: csv::Error| Fault::storage("cannot write figures as text", e);
    let machine = rondo_questionnaire::machine_text(&snapshot.rows).map_err(csv)?;
    let people = rondo_questionnaire::people_text(&snapshot.rows).map_err(csv)?;
    let contents: [(&str, Vec<u8>); 3] = [
        ("figures.csv", machine),
        ("figures-for-spreadsheets.csv", people),
        ("checkpoint", snapshot.checkpoint.clone().into_bytes()),
    ];
    let manifest = Manifest {
        version: 1,
        release,
        round: snapshot.round.as_str(),
        definition: &snapshot.bundle,
        figures: snapshot.rows.len(),
        log: LogPlace { position: snapshot.position, size: snapshot.head.size, root: hex::encode(snapshot.head.root) },
        files: contents
            .iter()
            .map(|(name, bytes)| FileEntry {
                name: (*name).to_owned(),
                sha256: FileHash::of(bytes),
                bytes: bytes.len(),
            })
            .collect(),
        citation: "ILO, ILOSTAT, special collection International Labour Migration Statistics (ILMS) in ASEAN",
    };
    let mut manifest =
        serde_json::to_vec_pretty(&manifest).map_err(|e| Fault::storage("cannot write the manifest", e))?;
    manifest.push(b'\n');
    let parent = path.parent().unwrap_or(Path::new("."));
    let beside = path.with_extension("incoming");
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(failed("remove", &beside))?;
    }
    fs::create_dir_all(&beside).map_err(failed("create", &beside))?;
    let manifest_file = [("manifest.json", manifest.clone())];
    for (name, bytes) in contents.iter().chain(&manifest_file) {
        let at = beside.join(name);
        let mut file = File::create(&at).map_err(failed("create", &at))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed("write", &at))?;
    }
    if path.exists() {
        fs::remove_dir_all(path).map_err(failed("replace", path))?;
    }
    fs::rename(&beside, path).map_err(failed("name", path))?;
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed("sync", parent))?;
    Ok(FileHash::of(&manifest))
}
