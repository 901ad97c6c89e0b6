//! The program as it is shipped: from its start to its first answered request, and the memory of a whole demonstration.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rondo_runtime::clock::Stopwatch;
use rondo_testkit::process::free_port;
use rondo_tests::program;

use crate::report::Report;

const STARTS: usize = 11;
const DEMONSTRATIONS: usize = 3;

pub fn measure(folder: &Path, report: &mut Report) {
    let starts = (0..STARTS).map(|n| first_answer(&folder.join(format!("start-{n}")))).collect();
    report.take("from start to the first answered request, empty directory", "ms", starts);
    let (mut seconds, mut memory) = (Vec::new(), Vec::new());
    for n in 0..DEMONSTRATIONS {
        let watch = Stopwatch::start();
        memory.push(demonstration(&folder.join(format!("demonstration-{n}"))));
        seconds.push(watch.elapsed().as_secs_f64());
    }
    report.take("the demonstration without its pauses", "s", seconds);
    report.take("  resident at the most", "MB", memory);
}

/// A child that says nothing.
pub fn started(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn first_answer(data: &Path) -> f64 {
    let address = format!("127.0.0.1:{}", free_port());
    let watch = Stopwatch::start();
    let mut child = started(Command::new(program()).args(["up", "--listen", &address, "--data"]).arg(data));
    while answer(&address, "/health").is_none() {
        assert!(watch.elapsed() < Duration::from_secs(10), "no answer in ten seconds");
        std::thread::sleep(Duration::from_micros(200));
    }
    let taken = watch.elapsed().as_secs_f64() * 1_000.0;
    child.kill().unwrap();
    child.wait().unwrap();
    taken
}

/// What the program answers to a request that succeeds, if it does.
pub fn answer(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).ok()?;
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

/// Plays one and returns the most memory seen resident, in MB.
fn demonstration(data: &Path) -> f64 {
    let mut child =
        started(Command::new(program()).args(["up", "--demo", "--until-done", "--pace", "0", "--data"]).arg(data));
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0;
    loop {
        // The highest mark so far; it is gone with the process, so that the last one seen counts.
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            most = kilobytes / 1_024.0;
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the demonstration ends with status 0");
            return most;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
