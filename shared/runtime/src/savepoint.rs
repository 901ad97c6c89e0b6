//! Savepoints: what a service made of the log so far, kept in a file so that a start need not read the whole log again.
//!
//! A savepoint proves nothing and nothing depends on it: one that is damaged, of another program or of another log is passed
//! over, and the log is read from its beginning. It is lines of text: a head, lines of the service's own, and an end that has
//! the number and the CRC-32C of those before it. Nobody but the program that wrote it reads it.

use std::fs::{DirBuilder, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rondo_eventlog::merkle::Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::durable::{Replacement, clear_unfinished};

/// The longest line, in bytes: a run with some million steps that wait.
const MAX_LINE: usize = 512 * 1024 * 1024;

/// Records after which a savepoint is worth its while; they are read in some 40 ms.
const WORTH: u64 = 10_000;

/// How far a log was read: how many records were read, and the last one's leaf hash, so that another log is told from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// How many records.
    pub position: u64,
    /// The last one's leaf hash (RFC 6962), in hexadecimal.
    #[serde(with = "hex::serde")]
    pub last: Hash,
}

/// Why a savepoint is passed over.
#[derive(Debug, thiserror::Error)]
pub enum SavepointError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line} is damaged")]
    Malformed {
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line is missing, or longer than any is.
    #[error("it is cut off or damaged at line {0}")]
    CutOff(u64),
    /// Its lines are not those that were written.
    #[error("its checksum does not fit")]
    Checksum,
    /// Another program wrote it.
    #[error("another version of the program wrote it")]
    OtherProgram,
    /// It is not of this log, or of what the log was before it was restored.
    #[error("it is of another log")]
    OtherLog,
}

#[derive(Serialize, Deserialize)]
struct Head {
    program: String,
    reached: Reached,
}

/// Writes the lines of a savepoint.
pub struct Writer<'w> {
    to: &'w mut dyn Write,
    line: Vec<u8>,
    lines: u64,
    crc: u32,
}

impl Writer<'_> {
    /// Writes a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.line.push(b'\n');
        if self.line.len() > MAX_LINE {
            return Err(io::Error::other(format!("a line of {} bytes is longer than is read", self.line.len())));
        }
        self.crc = crc32c::crc32c_append(self.crc, &self.line);
        self.lines += 1;
        self.to.write_all(&self.line)
    }
}

/// Reads the lines of a savepoint.
pub struct Reader<R> {
    from: R,
    reached: Reached,
    line: Vec<u8>,
    lines: u64,
    crc: u32,
}

impl<R: BufRead> Reader<R> {
    fn begin(from: R, program: &str) -> Result<Self, SavepointError> {
        let reached = Reached { position: 0, last: Hash::default() };
        let mut reader = Self { from, reached, line: Vec::new(), lines: 0, crc: 0 };
        let head: Head = reader.line()?.ok_or(SavepointError::CutOff(1))?;
        if head.program != program {
            return Err(SavepointError::OtherProgram);
        }
        reader.reached = head.reached;
        Ok(reader)
    }

    /// Up to where in the log it reaches.
    pub fn reached(&self) -> &Reached {
        &self.reached
    }

    /// The next line; nothing at the end, once all lines are known to be those that were written.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn line<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>, SavepointError> {
        self.line.clear();
        let number = self.lines + 1;
        (&mut self.from).take(MAX_LINE as u64).read_until(b'\n', &mut self.line)?;
        let Some((b'\n', line)) = self.line.split_last() else { return Err(SavepointError::CutOff(number)) };
        if line.starts_with(b"end ") {
            let is_last = line == end(self.lines, self.crc).as_bytes() && self.from.fill_buf()?.is_empty();
            return if is_last { Ok(None) } else { Err(SavepointError::Checksum) };
        }
        let value =
            serde_json::from_slice(line).map_err(|source| SavepointError::Malformed { line: number, source })?;
        self.lines = number;
        self.crc = crc32c::crc32c_append(self.crc, &self.line);
        Ok(Some(value))
    }
}

fn end(lines: u64, crc: u32) -> String {
    format!("end {lines} {crc:08x}")
}

/// A service's file.
#[derive(Debug, Clone)]
pub struct Savepoints {
    path: PathBuf,
    /// Records after which another one is worth its while.
    pub worth: u64,
}

/// The program that runs, as the SHA-256 of its file: what it folds from the log may be another thing in another version.
fn program() -> io::Result<&'static str> {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    if let Some(known) = PROGRAM.get() {
        return Ok(known);
    }
    // On Linux this is the file that runs, even when an upgrade has put another one in its place.
    let mut file = File::open("/proc/self/exe").or_else(|_| File::open(std::env::current_exe()?))?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash)?;
    Ok(PROGRAM.get_or_init(|| hex::encode(hash.finalize())))
}

impl Savepoints {
    /// The file of a service in a folder.
    pub fn of(folder: &Path, service: &str) -> Self {
        Self { path: folder.join(service), worth: WORTH }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a savepoint in the place of the one before, in a folder that is made where it is missing. It is not synced: one that
    /// a power cut damages is passed over.
    ///
    /// # Errors
    /// When it cannot be written; the one before stays.
    pub fn write(&self, reached: Reached, lines: impl FnOnce(&mut Writer<'_>) -> io::Result<()>) -> io::Result<()> {
        // People's ids and the words of their questions are in it, as they are in the log.
        let folder = |folder: &Path| DirBuilder::new().recursive(true).mode(0o700).create(folder);
        self.path.parent().map_or(Ok(()), folder)?;
        let replacement = Replacement::begin(&self.path, 0o600).map_err(io::Error::other)?;
        let mut file = BufWriter::with_capacity(1 << 20, replacement.file());
        let mut writer = Writer { to: &mut file, line: Vec::new(), lines: 0, crc: 0 };
        writer.line(&Head { program: program()?.to_owned(), reached })?;
        lines(&mut writer)?;
        let end = end(writer.lines, writer.crc);
        writeln!(file, "{end}")?;
        file.flush()?;
        drop(file);
        replacement.put().map_err(io::Error::other)
    }

    /// Opens the savepoint, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or another program wrote it.
    pub fn open(&self) -> Result<Option<Reader<impl BufRead + use<>>>, SavepointError> {
        if let Some(folder) = self.path.parent() {
            clear_unfinished(folder);
        }
        // Anything but a file may never answer.
        match std::fs::metadata(&self.path) {
            Ok(found) if !found.is_file() => return Err(io::Error::other("it is no file").into()),
            _ => {}
        }
        match File::open(&self.path) {
            Ok(file) => Reader::begin(BufReader::with_capacity(1 << 20, file), program()?).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path) -> (Savepoints, Vec<u8>) {
        let savepoints = Savepoints::of(folder, "reader");
        assert!(savepoints.open().unwrap().is_none());
        let reached = Reached { position: 7, last: [3; 32] };
        let lines = |writer: &mut Writer<'_>| (0..3).try_for_each(|n| writer.line(&("line", n)));
        savepoints.write(reached, lines).unwrap();
        let text = std::fs::read(savepoints.path()).unwrap();
        (savepoints, text)
    }

    fn all(savepoints: &Savepoints) -> Result<Vec<(String, u8)>, SavepointError> {
        let mut reader = savepoints.open()?.unwrap();
        std::iter::from_fn(|| reader.line().transpose()).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (savepoints, _) = written(folder.path());
        assert_eq!(savepoints.open().unwrap().unwrap().reached(), &Reached { position: 7, last: [3; 32] });
        assert_eq!(all(&savepoints).unwrap(), [0, 1, 2].map(|n| ("line".to_owned(), n)));
        let file = BufReader::new(File::open(savepoints.path()).unwrap());
        assert!(matches!(Reader::begin(file, "another"), Err(SavepointError::OtherProgram)));
    }

    #[test]
    fn no_byte_can_be_altered_or_cut_off_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let (savepoints, text) = written(folder.path());
        for at in 0..text.len() {
            let mut altered = text.clone();
            altered[at] ^= 1;
            std::fs::write(savepoints.path(), &altered).unwrap();
            assert!(all(&savepoints).is_err(), "{}", String::from_utf8_lossy(&altered));
            std::fs::write(savepoints.path(), &text[..at]).unwrap();
            assert!(all(&savepoints).is_err(), "cut off after {at}");
        }
        std::fs::write(savepoints.path(), [&text[..], b"\n"].concat()).unwrap();
        assert!(matches!(all(&savepoints), Err(SavepointError::Checksum)), "it goes on after its end");
        std::fs::remove_file(savepoints.path()).unwrap();
        std::fs::create_dir(savepoints.path()).unwrap();
        assert!(matches!(all(&savepoints), Err(SavepointError::Io(_))), "a folder");
    }
}
