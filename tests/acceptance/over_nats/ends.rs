//! How a ledger ends that is asked to while it waits for a broker that is away: in order, like any other.

use std::io::Write;
use std::net::TcpListener;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rondo_domain::FileHash;
use rondo_testkit::process::{Broker, Running};
use rondo_tests::{is_told_by_run_book, program, records, rondo};

use crate::six::Round;

/// A policy with a witness at this address, whose key nobody has to have.
fn policy(vkey: &str, address: std::net::SocketAddr) -> String {
    let key = STANDARD.decode(vkey.trim().splitn(3, '+').nth(2).unwrap()).unwrap();
    // A key of cosignatures (C2SP tlog-cosignature): algorithm 4, and the first four bytes of a hash as its number.
    let mut public = vec![4];
    public.extend(&key[1..]);
    let number = FileHash::of(&[b"away\n", &public[..]].concat()).to_string()[..8].to_owned();
    let witness = format!("away+{number}+{}", STANDARD.encode(&public));
    format!("log {}\nwitness away {witness} http://{address}\nquorum away\n", vkey.trim())
}

#[test]
fn one_that_waits_for_the_broker_at_its_start_ends_in_order_when_it_is_asked_to() {
    // A log with a round that a start has to hold, so that it has something to record.
    let mut round = Round::of(&["ledger"]);
    round.answers();
    round.stop();
    let data = round.data("ledger");
    rondo(&data, &["person", "grant", "me", "regional-coordinator"]);
    rondo(&data, &["round", "plan", "ilms-asean", "--year", "2027", "--late", "--as", "me"]);
    let before = records(&data).len();
    // A witness that answers nothing keeps the start between having the log and recording in it.
    let witness = TcpListener::bind("127.0.0.1:0").unwrap();
    let vkey = std::fs::read_to_string(data.join("log.vkey")).unwrap();
    let (config, log) = (round.config("ledger"), data.with_extension("log"));
    std::fs::write(round.config("policy"), policy(&vkey, witness.local_addr().unwrap())).unwrap();
    let mut page = std::fs::OpenOptions::new().append(true).open(&config).unwrap();
    writeln!(page, "[witness]\npolicy = {:?}", round.config("policy")).unwrap();
    let mut command = Command::new(program());
    command.args(["run", "ledger", "--paused", "--config"]).arg(&config).stderr(std::fs::File::create(&log).unwrap());
    let mut ledger = Running::start("the ledger", &mut command);
    let says = |words: &str| {
        for _ in 0..600 {
            let told = std::fs::read_to_string(&log).unwrap();
            if told.contains(words) {
                return told;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("it does not say `{words}`: {}", std::fs::read_to_string(&log).unwrap());
    };
    let asking = witness.accept().unwrap();
    round.broker.process.kill();
    says("the broker is gone");
    drop((asking, witness));
    says("too few witnesses answered");
    assert!(Command::new("kill").args(["-TERM", &ledger.id().to_string()]).status().unwrap().success());
    let ended = ledger.wait(60);
    assert!(ended.success(), "{ended}: {}", std::fs::read_to_string(&log).unwrap());
    assert!(!data.join("at-work").exists(), "the store was brought to the device");
    is_told_by_run_book(&data);
    assert_eq!(records(&data).len(), before, "what waited is not recorded");
    assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
}

#[test]
fn one_that_begins_last_on_a_directory_of_all_six_makes_its_log_there() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, data) = (Broker::start(None), folder.path().join("data"));
    std::fs::create_dir_all(data.join("savepoints")).unwrap();
    std::fs::write(data.join("role"), "gateway\nscheduler\n").unwrap();
    let mut command = Command::new(program());
    command.arg("--data").arg(&data).args(["run", "ledger", "--nats", &broker.url]);
    let _ledger = Running::start("the ledger", command.stderr(std::process::Stdio::null()));
    let made = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        data.join("log.json").exists()
    });
    assert!(made, "no log was made within half a minute");
}
