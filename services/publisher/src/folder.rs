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

/// The name of the file that lists the others.
const MANIFEST: &str = "manifest.json";

/// Writes the folder, all or nothing, and returns the hash of its manifest. A whole folder of the same release and figures that
/// a run before this one left stays, and is told as it was then, so that the log never names another manifest than lies there;
/// anything else is replaced, as the release was not complete.
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
    if let Some(told) = left_whole(path, release, snapshot, &contents[..2]) {
        return Ok(told);
    }
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
    let manifest_file = [(MANIFEST, manifest.clone())];
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

/// The hash of the manifest of a folder that holds this release whole, with these figures, whatever the log's size was then;
/// nothing where it does not.
fn left_whole(path: &Path, release: &ReleaseId, snapshot: &Snapshot, figures: &[(&str, Vec<u8>)]) -> Option<FileHash> {
    let bytes = fs::read(path.join(MANIFEST)).ok()?;
    let left: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let is_of = left["release"] == release.as_str()
        && left["definition"] == snapshot.bundle.to_string()
        && left["log"]["position"] == snapshot.position;
    let mut files = left["files"].as_array()?.iter();
    let is_there = files.all(|file| {
        let whole = file["name"].as_str().and_then(|name| fs::read(path.join(name)).ok());
        whole.is_some_and(|bytes| file["sha256"] == FileHash::of(&bytes).to_string())
    });
    let is_listed = |name: &str, bytes: &[u8]| {
        let hash = FileHash::of(bytes).to_string();
        left["files"].as_array().into_iter().flatten().any(|file| file["name"] == name && file["sha256"] == hash)
    };
    let are_these = figures.iter().all(|(name, bytes)| is_listed(name, bytes));
    (is_of && is_there && are_these).then(|| FileHash::of(&bytes))
}

#[cfg(test)]
mod tests {
    use rondo_eventlog::Head;

    use super::*;

    fn snapshot(size: u64, value: &str) -> Snapshot {
        let row = rondo_domain::figure::RawRow { obs_value: value.to_owned(), ..Default::default() };
        Snapshot {
            round: "ilms-asean-2025".parse().unwrap(),
            bundle: FileHash::of(b"workflow"),
            rows: vec![row],
            position: 7,
            head: Head { size, root: [3; 32] },
            checkpoint: format!("checkpoint of {size} records"),
        }
    }

    #[test]
    fn a_folder_that_a_run_before_left_whole_stays_as_it_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ilms-asean-2025.1");
        let release: ReleaseId = "ilms-asean-2025.1".parse().unwrap();
        let manifest = || FileHash::of(&fs::read(path.join(MANIFEST)).unwrap());
        let first = write(&path, &release, &snapshot(20, "1.5")).unwrap();
        assert_eq!(first, manifest());
        // Begun again after a crash: the log has grown, and the release is the same.
        assert_eq!(write(&path, &release, &snapshot(31, "1.5")).unwrap(), first);
        assert_eq!(first, manifest(), "what was told lies there");
        // A file was lost or changed, or the figures are others: it is written anew.
        for spoil in [false, true] {
            let at = path.join("figures.csv");
            if spoil {
                fs::write(&at, "else").unwrap();
            } else {
                fs::remove_file(&at).unwrap();
            }
            let anew = write(&path, &release, &snapshot(40, "1.5")).unwrap();
            assert!(anew != first && anew == manifest() && at.exists());
        }
        let before = manifest();
        let others = write(&path, &release, &snapshot(40, "2.5")).unwrap();
        assert!(others != before && others == manifest());
    }
}
