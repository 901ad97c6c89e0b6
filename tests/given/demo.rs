//! A demonstration that has been played, shared by the tests of one program that only ask about it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

pub use rondo_tests::program;

/// The data directory of a played demonstration.
pub fn played() -> &'static Path {
    static PLAYED: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, data) = PLAYED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut command = Command::new(program());
        command.args(["up", "--demo", "--until-done", "--pace", "0", "--data"]).arg(&data);
        assert!(command.stderr(Stdio::null()).stdout(Stdio::null()).status().unwrap().success());
        (folder, data)
    });
    data
}
