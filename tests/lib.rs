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
