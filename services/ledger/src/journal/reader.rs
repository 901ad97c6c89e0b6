//! Reading the journal group by group, and finding its end after a crash.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::JournalError;
use super::fold::{AtDamage, Span, fold};
use super::frame::{GROUP_HEADER, GROUP_MAGIC, GroupHeader, Location, SEGMENT_HEADER, check_segment_header};
use super::writer::{segment_name, segment_path};

/// The largest group body believed; writers stay far below.
const MAX_BODY: u32 = 256 * 1024 * 1024;

/// A group as read.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where it stands.
    pub at: Location,
    /// Its records' bytes.
    pub records: Vec<Bytes>,
}

/// Where the next group would be written, and what was cut to get there.
#[derive(Debug, Clone)]
pub struct Tail {
    /// The place and position of the next group.
    pub next: Location,
    /// Where the last group begins, if it was read and stands in the same segment.
    pub last: Option<u64>,
    /// Bytes of an unacknowledged group that were cut off.
    pub cut: u64,
}

/// The segments of a journal folder: first position and path, in order.
///
/// # Errors
/// When the folder cannot be read.
pub fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(JournalError::io("cannot list", folder))? {
        let path = entry.map_err(JournalError::io("cannot list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(first) = segment_of(name) {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

/// The first record of a segment, by its name.
fn segment_of(name: &str) -> Option<u64> {
    let first = name.strip_suffix(".journal")?.parse().ok()?;
    (name == segment_name(first)).then_some(first)
}

/// What lies in a journal's folder, is no segment and is never read.
///
/// # Errors
/// When it cannot be listed.
pub fn strangers(folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let entries = fs::read_dir(folder).map_err(JournalError::io("cannot list", folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(JournalError::io("cannot list", folder)));
    let is_stranger = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).and_then(segment_of).is_none();
    let mut found: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    found.retain(is_stranger);
    found.sort();
    Ok(found)
}

enum Step {
    Group(Group, u64),
    End,
    Bad(String),
}

/// Reads groups in order, from a location on, across segments.
pub struct JournalReader {
    segments: Vec<(u64, PathBuf)>,
    index: usize,
    file: BufReader<File>,
    offset: u64,
    position: u64,
    stop_at: Option<u64>,
}

impl JournalReader {
    /// A reader of a folder, from a location on, or from the beginning. Groups at or after `stop_at` are not read.
    ///
    /// # Errors
    /// When a file cannot be opened, or its header is damaged.
    pub fn open(folder: &Path, from: Option<Location>, stop_at: Option<u64>) -> Result<Option<Self>, JournalError> {
        let segments = segments(folder)?;
        let wanted = from.map_or(0, |at| at.segment);
        let Some(index) = segments.iter().position(|(first, _)| *first == wanted) else {
            let Some((first, path)) = segments.first() else { return Ok(None) };
            return Err(JournalError::Damaged {
                path: path.clone(),
                offset: 0,
                position: wanted,
                what: format!("the segment of record {wanted} is missing; the first one found begins with {first}"),
            });
        };
        let mut reader = Self {
            file: open_segment(&segments[index])?,
            offset: SEGMENT_HEADER as u64,
            position: segments[index].0,
            segments,
            index,
            stop_at,
        };
        if let Some(at) = from {
            let length =
                reader.file.get_ref().metadata().map_err(JournalError::io("cannot read", reader.path()))?.len();
            if length < at.offset {
                reader.offset = length;
                reader.position = at.position;
                return Err(reader.damaged(format!(
                    "the file ends here, but records up to {} were in it when they were indexed",
                    at.position
                )));
            }
            reader.file.seek(SeekFrom::Start(at.offset)).map_err(JournalError::io("cannot seek in", reader.path()))?;
            reader.offset = at.offset;
            reader.position = at.position;
        }
        Ok(Some(reader))
    }

    /// After an error: how many bytes stand at the very end that were never acknowledged, if that is all that is wrong. The
    /// first `acknowledged` records were.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn torn(&self, acknowledged: u64) -> Result<Option<u64>, JournalError> {
        let last = self.index + 1 == self.segments.len();
        if !last || self.position < acknowledged || good_group_after(self)? {
            return Ok(None);
        }
        let length = fs::metadata(self.path()).map_err(JournalError::io("cannot read", self.path()))?.len();
        Ok(Some(length.saturating_sub(self.offset)))
    }

    fn path(&self) -> PathBuf {
        self.segments[self.index].1.clone()
    }

    /// The place of the next group.
    pub fn location(&self) -> Location {
        Location { segment: self.segments[self.index].0, offset: self.offset, position: self.position }
    }

    /// The next group, or nothing at the end.
    ///
    /// # Errors
    /// When the file fails, or is damaged there.
    pub fn next_group(&mut self) -> Result<Option<Group>, JournalError> {
        loop {
            if self.stop_at.is_some_and(|stop| self.position >= stop) {
                return Ok(None);
            }
            match self.step()? {
                Step::Group(group, length) => {
                    self.position += group.records.len() as u64;
                    self.offset += length;
                    return Ok(Some(group));
                }
                Step::Bad(what) => return Err(self.damaged(what)),
                Step::End if self.index + 1 == self.segments.len() => return Ok(None),
                Step::End => self.next_segment()?,
            }
        }
    }

    fn next_segment(&mut self) -> Result<(), JournalError> {
        let next = self.segments[self.index + 1].0;
        if next != self.position {
            return Err(self.damaged(format!("the next segment begins with record {next}")));
        }
        self.index += 1;
        self.file = open_segment(&self.segments[self.index])?;
        self.offset = SEGMENT_HEADER as u64;
        Ok(())
    }

    fn damaged(&self, what: String) -> JournalError {
        JournalError::Damaged { path: self.path(), offset: self.offset, position: self.position, what }
    }

    fn step(&mut self) -> Result<Step, JournalError> {
        let mut header = [0; GROUP_HEADER];
        let got = read_up_to(&mut self.file, &mut header).map_err(JournalError::io("cannot read", self.path()))?;
        if got == 0 {
            return Ok(Step::End);
        }
        if got < GROUP_HEADER {
            return Ok(Step::Bad("the header of a group is cut short".to_owned()));
        }
        let parsed = match GroupHeader::read(&header) {
            Ok(parsed) if parsed.first == self.position && parsed.body <= MAX_BODY => parsed,
            Ok(parsed) => {
                return Ok(Step::Bad(format!("a group that begins with record {} stands here", parsed.first)));
            }
            Err(what) => return Ok(Step::Bad(what)),
        };
        let mut body = Vec::new();
        let mut limited = (&mut self.file).take(u64::from(parsed.body));
        limited.read_to_end(&mut body).map_err(JournalError::io("cannot read", self.path()))?;
        if body.len() < parsed.body as usize {
            return Ok(Step::Bad("the body of a group is cut short".to_owned()));
        }
        let length = (GROUP_HEADER + body.len()) as u64;
        match parsed.records(&header, &Bytes::from(body)) {
            Ok(records) => Ok(Step::Group(Group { at: self.location(), records }, length)),
            Err(what) => Ok(Step::Bad(what)),
        }
    }
}

/// Requires that a journal that ends at this place holds all records that were acknowledged.
///
/// # Errors
/// The damage, with the place where the next record should begin.
pub fn holds(folder: &Path, end: Location, acknowledged: u64) -> Result<(), JournalError> {
    if end.position >= acknowledged {
        return Ok(());
    }
    Err(JournalError::Damaged {
        path: segment_path(folder, end.segment),
        offset: end.offset,
        position: end.position,
        what: format!("the file ends here, and {acknowledged} records were acknowledged"),
    })
}

/// Reads the whole journal, and changes nothing: requires that the first `acknowledged` records are in it, and nothing bad but
/// a group at the very end that is none of them.
///
/// # Errors
/// The damage, or why a file cannot be read.
pub fn judge(folder: &Path, acknowledged: u64) -> Result<(), JournalError> {
    let all = Span::whole(AtDamage::FailsBefore(acknowledged));
    let folded = fold::<JournalError>(folder, all, |_| Ok(ControlFlow::Continue(())))?;
    match folded.end {
        Some(end) if folded.torn == 0 => holds(folder, end, acknowledged),
        _ => Ok(()),
    }
}

/// Reads on from a location, calls back with each group, and finds where the next one is to be written. A group at the very
/// end that is bad and none of the first `acknowledged` records is cut from the file.
///
/// # Errors
/// When the file fails, something acknowledged is damaged, or the call-back fails.
pub fn recover<E: From<JournalError>>(
    folder: &Path,
    from: Option<Location>,
    acknowledged: u64,
    mut each: impl FnMut(Group) -> Result<(), E>,
) -> Result<Option<Tail>, E> {
    let Some(mut reader) = JournalReader::open(folder, from, None)? else { return Ok(None) };
    let mut last = None;
    loop {
        match reader.step()? {
            Step::Group(group, length) => {
                reader.position += group.records.len() as u64;
                last = Some(reader.offset);
                reader.offset += length;
                each(group)?;
            }
            Step::End if reader.index + 1 == reader.segments.len() => {
                return Ok(Some(Tail { next: reader.location(), last, cut: 0 }));
            }
            Step::End => {
                reader.next_segment()?;
                last = None;
            }
            Step::Bad(what) => {
                if reader.torn(acknowledged)?.is_none() {
                    return Err(reader.damaged(what).into());
                }
                return Ok(Some(cut_tail(&reader, last)?));
            }
        }
    }
}

/// Whether a whole group stands anywhere behind the reader's place: then what is bad here had been acknowledged.
fn good_group_after(reader: &JournalReader) -> Result<bool, JournalError> {
    let path = reader.path();
    let mut file = File::open(&path).map_err(JournalError::io("cannot open", &path))?;
    file.seek(SeekFrom::Start(reader.offset + 1)).map_err(JournalError::io("cannot seek in", &path))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).map_err(JournalError::io("cannot read", &path))?;
    let rest = Bytes::from(rest);
    let mut at = 0;
    while let Some(found) = rest[at..].windows(GROUP_MAGIC.len()).position(|window| window == GROUP_MAGIC) {
        let start = at + found;
        at = start + 1;
        let Some(header) = rest.get(start..start + GROUP_HEADER).and_then(|h| <&[u8; GROUP_HEADER]>::try_from(h).ok())
        else {
            break;
        };
        let Ok(parsed) = GroupHeader::read(header) else { continue };
        let body = start + GROUP_HEADER..(start + GROUP_HEADER).saturating_add(parsed.body as usize);
        if body.end <= rest.len() && parsed.first > reader.position && parsed.records(header, &rest.slice(body)).is_ok()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn cut_tail(reader: &JournalReader, last: Option<u64>) -> Result<Tail, JournalError> {
    let path = reader.path();
    let file = OpenOptions::new().write(true).open(&path).map_err(JournalError::io("cannot open", &path))?;
    let length = file.metadata().map_err(JournalError::io("cannot read", &path))?.len();
    file.set_len(reader.offset).map_err(JournalError::io("cannot cut", &path))?;
    file.sync_all().map_err(JournalError::io("cannot sync", &path))?;
    Ok(Tail { next: reader.location(), last, cut: length.saturating_sub(reader.offset) })
}

fn open_segment((first, path): &(u64, PathBuf)) -> Result<BufReader<File>, JournalError> {
    let file = File::open(path).map_err(JournalError::io("cannot open", path))?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; SEGMENT_HEADER];
    let got = read_up_to(&mut file, &mut header).map_err(JournalError::io("cannot read", path))?;
    check_segment_header(&header[..got], *first).map_err(|what| JournalError::Damaged {
        path: path.clone(),
        offset: 0,
        position: *first,
        what,
    })?;
    Ok(file)
}

fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read(&mut buffer[got..])? {
            0 => break,
            n => got += n,
        }
    }
    Ok(got)
}
