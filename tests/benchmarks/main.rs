//! `cargo bench`: what the log can do here, beside what the disk alone can do in the same run.
//!
//! Each figure is the median of its repetitions, with the least and the most. Nothing here judges; `numbers.json` under
//! `target/` keeps the same figures for machines. Parts can be named: `cargo bench -- disk start durable near far timers large deep-1 deep-10`.

mod deep;
mod disk;
mod durable;
mod large;
mod report;
mod serve;
mod start;
mod steps;
mod timers;
mod workload;

use report::Report;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Cargo itself hands over `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["child", "ledger", url, data] => return serve::ledger(url, data),
        ["child", "reopen", data] => return large::reopened(data),
        ["child", "write", sheets, data] => return deep::write(sheets, data),
        ["child", "burst", n, data] => return deep::burst(n, data),
        ["child", "timers", data] => return timers::pending(data),
        ["child", "restart", data] => return timers::restarted(data),
        ["child", "deep", sheets, data] => return deep::asked(sheets, data),
        _ => {}
    }
    let all = ["disk", "start", "durable", "near", "far", "timers", "large", "deep-1", "deep-10"];
    let parts = if words.is_empty() { &all[..] } else { &words[..] };
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(rondo_tests::root().join("target")).unwrap();
    let mut report = Report::default();
    for part in parts {
        match *part {
            "disk" => disk::measure(folder.path(), &mut report),
            "start" => start::measure(folder.path(), &mut report),
            "durable" => durable::measure(folder.path(), &mut report),
            "near" => steps::near(folder.path(), &mut report),
            "far" => steps::far(folder.path(), &mut report),
            "timers" => timers::measure(folder.path(), &mut report),
            "large" => large::measure(folder.path(), &mut report),
            "deep-1" => deep::measure(folder.path(), 1, &mut report),
            "deep-10" => deep::measure(folder.path(), 10, &mut report),
            other => panic!("there is no part `{other}`; there are {all:?}"),
        }
    }
    report.write(&rondo_tests::root().join("target/numbers.json"));
}
