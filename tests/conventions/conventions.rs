//! The conventions of the house, as tests: arrows, library ownership, names, sizes, clocks, first lines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use rondo_domain::{Actor, Service};
use rondo_tests::root;
use serde_json::Value;

/// For each crate of ours, the crates of ours it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("rondo-domain", &[]),
    ("rondo-eventlog", &["rondo-domain"]),
    ("rondo-questionnaire", &["rondo-domain"]),
    ("rondo-rules", &["rondo-domain"]),
    ("rondo-runtime", &["rondo-domain", "rondo-eventlog"]),
    ("rondo-bus", &["rondo-domain", "rondo-eventlog", "rondo-runtime"]),
    ("rondo-testkit", &["rondo-domain", "rondo-eventlog", "rondo-runtime"]),
];
/// What a service may depend on.
const SERVICE: &[&str] = &["rondo-domain", "rondo-eventlog", "rondo-runtime", "rondo-questionnaire", "rondo-rules"];
const SERVICES: &[&str] =
    &["rondo-ledger", "rondo-scheduler", "rondo-reminder", "rondo-validator", "rondo-publisher", "rondo-gateway"];
/// Libraries that one crate alone may know.
const OWNERS: &[(&str, &str)] = &[
    ("sled", "rondo-ledger"),
    ("async-nats", "rondo-bus"),
    ("lettre", "rondo-reminder"),
    ("axum", "rondo-gateway"),
    ("clap", "rondo-cli"),
    ("clap_complete", "rondo-cli"),
    ("clap_mangen", "rondo-cli"),
    ("metrics-process", "rondo-gateway"),
    ("rtime-clock", "rondo-runtime"),
    ("sd-notify", "rondo-runtime"),
    ("cron", "rondo-scheduler"),
    ("calamine", "rondo-questionnaire"),
    ("rust_xlsxwriter", "rondo-questionnaire"),
];

fn metadata() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all["packages"].as_array().unwrap().clone()
}

fn dependencies(package: &Value) -> BTreeSet<String> {
    let normal = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"] != "dev");
    normal.map(|d| d["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_the_run_book_says_to_lie_in_a_data_directory_is_made_by_the_program() {
    let sources = Command::new("git").args(["ls-files", "services/*.rs", "shared/*.rs"]).current_dir(root()).output();
    let listed = String::from_utf8(sources.unwrap().stdout).unwrap();
    let code: String = listed.lines().map(|path| std::fs::read_to_string(root().join(path)).unwrap()).collect();
    for place in rondo_tests::places_of_run_book() {
        let name = place.trim_start_matches("keys/").trim_end_matches('*');
        assert!(code.contains(&format!("\"{name}")), "nothing makes {place}");
    }
}

#[test]
fn arrows_point_one_way_and_libraries_have_one_owner() {
    let packages = metadata();
    assert_eq!(packages.len(), 15, "a crate more or less needs its reason here");
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let all = dependencies(package);
        let ours: BTreeSet<&str> = all.iter().map(String::as_str).filter(|d| d.starts_with("rondo-")).collect();
        let permitted = ARROWS.iter().find(|(crate_name, _)| *crate_name == name).map(|(_, to)| *to);
        let permitted = permitted.or_else(|| SERVICES.contains(&name).then_some(SERVICE));
        if let Some(permitted) = permitted {
            for dependency in &ours {
                assert!(permitted.contains(dependency), "{name} may not depend on {dependency}");
            }
        } else {
            assert!(["rondo-cli", "rondo-tests"].contains(&name), "{name} has no place among the arrows");
        }
        for (library, owner) in OWNERS {
            assert!(name == *owner || !all.contains(*library), "{library} belongs to {owner}, not to {name}");
        }
        assert!(!ours.contains("rondo-testkit"), "{name}: the testkit is for tests alone");
    }
    let domain = packages.iter().find(|p| p["name"] == "rondo-domain").unwrap();
    for library in ["tokio", "async-trait", "tracing", "getrandom", "rand", "futures"] {
        assert!(!dependencies(domain).contains(library), "the domain is pure: no {library}");
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                files(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

fn rust() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["shared", "services", "tests"] {
        files(&root().join(folder), &mut found);
    }
    found.retain(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_top_level_is_the_clients() {
    let permitted = [
        "Cargo.toml",
        "Cargo.lock",
        "services",
        "shared",
        "deploy",
        "tests",
        "workflows",
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "LICENSE",
        ".dockerignore",
        "clippy.toml",
        "deny.toml",
        "rustfmt.toml",
        ".ci",
        ".github",
        ".git",
        ".gitignore",
        "target",
        "rondo-data",
    ];
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(permitted.contains(&name.as_str()), "{name} does not belong at the top level");
    }
}

#[test]
fn names_say_what_is_in_them() {
    const EMPTY: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types", "new", "old", "v2"];
    let mut found = Vec::new();
    for folder in ["shared", "services", "tests", "deploy", "workflows"] {
        files(&root().join(folder), &mut found);
    }
    for path in found {
        let parts = path.strip_prefix(root()).unwrap().components();
        for part in parts.map(|part| part.as_os_str().to_string_lossy().into_owned()) {
            let stem = part.split('.').next().unwrap();
            assert!(!EMPTY.contains(&stem), "{} says nothing", path.display());
        }
    }
}

#[test]
fn rooms_are_small_and_say_what_they_are_for() {
    for (name, text) in rust() {
        assert!(text.lines().count() <= 400, "{name} has {} lines; 400 are the most", text.lines().count());
        assert!(text.starts_with("//! "), "the first line of {name} says what the file is for");
    }
}

#[test]
fn time_and_chance_are_taken_in_their_places_alone() {
    // Put together here, so that this file does not name them itself.
    let taken = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "getrandom::fill", "rand::random"];
    let places = ["shared/runtime/src/clock.rs", "shared/runtime/src/chance.rs", "tests/conventions/conventions.rs"];
    for (name, text) in rust() {
        for call in taken {
            assert!(places.contains(&name.as_str()) || !text.contains(&format!("{call}(")), "{name} takes {call}");
        }
    }
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let marks = ["todo", "unimplemented", "dbg"].map(|mark| format!("{mark}!("));
    let notes = ["TO", "FIX", "HA"].into_iter().zip(["DO", "ME", "CK"]).map(|(a, b)| format!("{a}{b}"));
    let marks: Vec<String> = marks.into_iter().chain(notes).chain([format!("#[{}", "ignore")]).collect();
    for (name, text) in rust() {
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{name} holds {mark}");
        }
    }
}

#[test]
fn what_is_deployed_names_the_services_as_the_program_does() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let services = || Service::NAMES.map(str::to_owned).to_vec();
    // What stands between these two in each line that has both.
    let between = |text: &str, begin: &str, end: &str| -> Vec<String> {
        let found = |line: &str| Some(line.split_once(begin)?.1.split_once(end)?.0.trim().to_owned());
        sorted(text.lines().filter_map(found).collect())
    };
    let broker = read("deploy/nats.conf");
    let users = sorted(services().into_iter().chain([Actor::OPERATOR.to_owned()]).collect());
    assert_eq!(between(&broker, "{ user: ", ","), users, "users on the bus");
    assert_eq!(between(&broker, "permissions: $", " }"), users, "each with its own rights");
    let compose = read("deploy/compose.yaml");
    assert_eq!(between(&compose, "command: [\"run\", \"", "\""), sorted(services()), "services of compose");
    let of_compose = compose.lines().filter_map(|line| Some(line.split_once("user: rondo-")?.1.trim().to_owned()));
    assert_eq!(sorted(of_compose.collect()), sorted(services()), "their users");
    let target = read("deploy/systemd/rondo-roles.target");
    let wanted =
        target.split("rondo@").skip(1).filter_map(|unit| unit.split_once(".service")).map(|(name, _)| name.to_owned());
    assert_eq!(sorted(wanted.collect()), sorted(services()), "units");
    assert_eq!(between(&read("deploy/systemd/rondo.sysusers"), "u rondo-", " "), sorted(services()), "users of units");
    let image = read("deploy/Containerfile");
    let trial = read("tests/foreign/install.py");
    for name in Service::NAMES {
        assert!(image.contains(&format!("rondo-{name}")), "the image has a user for the {name}");
        assert!(trial.contains(&format!("\"{name}\"")), "the trial of the installation has the {name}");
    }
    let of_crates = SERVICES.iter().filter_map(|name| Some(name.strip_prefix("rondo-")?.to_owned()));
    assert_eq!(sorted(of_crates.collect()), sorted(services()), "crates");
}
