//! What is shipped installs: by the run book's own lines, with the units' users, alone and as six services in any order.

use std::process::Command;

/// Runs `tests/foreign/install.py` as root on a machine of its own, as far as it can tell (unshare(1)).
#[test]
fn an_installation_by_the_run_book_starts_and_says_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = rondo_tests::root();
    let alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let mut command = if nobody_but_root() {
        Command::new(alone[0])
    } else {
        // Machines that test for others let their user become root without asking.
        let asked = Command::new("sudo").args(["-n", "true"]).output();
        assert!(
            asked.is_ok_and(|asked| asked.status.success()),
            "the installation makes users and mounts of its own, which needs root: run this test as root, or let this user use sudo without a password"
        );
        let mut sudo = Command::new("sudo");
        // With the tools that `tests/run` unpacked.
        sudo.args(["-n", "env", &format!("PATH={}", path()), alone[0]]);
        sudo
    };
    let python = root.join("target/tools/foreign/bin/python");
    let times = rondo_tests::length(2, 10).to_string();
    command.args(&alone[1..]).arg(python).arg(root.join("tests/foreign/install.py")).arg(&root).arg(times);
    let done = command
        .arg(folder.path())
        .arg(rondo_tests::seed().to_string())
        .output()
        .expect("unshare is a part of every Linux");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("installed"), "{said}");
}

#[allow(clippy::disallowed_methods, reason = "where programs are is told by the environment")]
fn path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

fn nobody_but_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id(1)");
    id.stdout.starts_with(b"0")
}
