//! The limit of the hardware: records of 600 bytes appended to a plain file, so many to one `fdatasync`; and the same
//! through the journal, which frames and checks them.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rondo_ledger::journal::JournalWriter;
use rondo_runtime::clock::Stopwatch;

use crate::report::Report;

/// About what one record of the round takes in the journal.
const RECORD: usize = 600;
const REPETITIONS: usize = 5;
const TIME: Duration = Duration::from_secs(1);

pub fn measure(folder: &Path, report: &mut Report) {
    for together in [1, 64, 1_024] {
        let rates = (0..REPETITIONS).map(|_| rate(folder, together)).collect();
        report.take(&format!("plain file, append and fdatasync, {together} to a sync"), "records/s", rates);
        let rates = (0..REPETITIONS).map(|_| journal(folder, together)).collect();
        report.take(&format!("  the journal, {together} to a group"), "records/s", rates);
    }
}

fn journal(folder: &Path, together: usize) -> f64 {
    let folder = folder.join("appended");
    std::fs::create_dir(&folder).unwrap();
    let mut journal = JournalWriter::create(&folder).unwrap();
    let group = vec![Bytes::from(vec![b'x'; RECORD]); together];
    let watch = Stopwatch::start();
    let mut records = 0;
    while watch.elapsed() < TIME {
        journal.append(&group).unwrap();
        records += together;
    }
    let rate = records as f64 / watch.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&folder).unwrap();
    rate
}

fn rate(folder: &Path, together: usize) -> f64 {
    let path = folder.join("plain");
    let mut file = File::create(&path).unwrap();
    let bytes = vec![b'x'; RECORD * together];
    let watch = Stopwatch::start();
    let mut records = 0;
    while watch.elapsed() < TIME {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        records += together;
    }
    let rate = records as f64 / watch.elapsed().as_secs_f64();
    std::fs::remove_file(&path).unwrap();
    rate
}
