//! Places: where each stream's records stand.

use rondo_domain::StreamId;
use rondo_eventlog::Fault;

use crate::journal::Location;

/// Places in one chunk: a chunk of 64 is 1,024 bytes.
const CHUNK: u64 = 64;
/// Position (8 bytes), how many records it is behind its segment's first (4), offset in the segment (4).
const PLACE: usize = 16;

/// A record's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The stream.
    pub stream: StreamId,
    /// The version in it.
    pub version: u64,
    /// Where the record stands.
    pub at: Location,
}

fn key(stream: &str, chunk: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(stream.len() + 5);
    key.extend_from_slice(stream.as_bytes());
    key.push(0);
    key.extend(chunk.to_be_bytes());
    key
}

fn split_key(key: &[u8]) -> Option<(&str, u32)> {
    let (stream, chunk) = key.split_at_checked(key.len().checked_sub(5)?)?;
    let chunk = u32::from_be_bytes(chunk[1..].try_into().ok()?);
    Some((std::str::from_utf8(stream).ok()?, chunk))
}

fn damaged() -> Fault {
    Fault::Corrupt(
        "the index of streams is damaged; delete the folder `index`, it is rebuilt from the journal".to_owned(),
    )
}

fn places(stream: &StreamId, chunk: u32, value: &[u8]) -> Result<Vec<Place>, Fault> {
    if !value.len().is_multiple_of(PLACE) {
        return Err(damaged());
    }
    let place = |(index, bytes): (usize, &[u8; PLACE])| {
        let version = u64::from(chunk) * CHUNK + index as u64;
        Ok(Place { stream: stream.clone(), version, at: unpacked(bytes).ok_or_else(damaged)? })
    };
    value.as_chunks().0.iter().enumerate().map(place).collect()
}

/// The stored form of a place; nothing, where a segment is larger than any can be.
fn packed(at: Location) -> Option<[u8; PLACE]> {
    let mut bytes = [0; PLACE];
    bytes[..8].copy_from_slice(&at.position.to_be_bytes());
    let behind = u32::try_from(at.position.checked_sub(at.segment)?).ok()?;
    bytes[8..12].copy_from_slice(&behind.to_be_bytes());
    bytes[12..].copy_from_slice(&u32::try_from(at.offset).ok()?.to_be_bytes());
    Some(bytes)
}

fn unpacked(bytes: &[u8; PLACE]) -> Option<Location> {
    let (position, rest) = bytes.split_first_chunk()?;
    let (behind, offset) = rest.split_first_chunk()?;
    let position = u64::from_be_bytes(*position);
    let segment = position.checked_sub(u64::from(u32::from_be_bytes(*behind)))?;
    Some(Location { segment, offset: u64::from(u32::from_be_bytes(offset.try_into().ok()?)), position })
}

struct Open {
    chunk: u32,
    value: Vec<u8>,
    dirty: bool,
}

impl Open {
    fn last_position(&self) -> Option<u64> {
        let place = self.value.len().checked_sub(PLACE)?;
        self.value[place..place + 8].try_into().ok().map(u64::from_be_bytes)
    }
}

/// Brings noted places into sled, stream by stream; those it has already are passed over.
pub(super) fn store(tree: &sled::Tree, noted: &[(StreamId, Vec<Location>)]) -> Result<(), Fault> {
    for (stream, places) in noted {
        let mut state = last_chunk(tree, stream)?;
        for at in places {
            if state.last_position().is_some_and(|last| last >= at.position) {
                continue;
            }
            if state.value.len() as u64 == CHUNK * PLACE as u64 {
                write(tree, stream, &state)?;
                state = Open { chunk: state.chunk + 1, value: Vec::new(), dirty: false };
            }
            state.value.extend(packed(*at).ok_or_else(damaged)?);
            state.dirty = true;
        }
        write(tree, stream, &state)?;
    }
    Ok(())
}

/// The noted places of a stream that sled does not have yet, with the versions that follow those it has.
pub(super) fn newer(tree: &sled::Tree, stream: &StreamId, noted: &[Location]) -> Result<Vec<Place>, Fault> {
    let state = last_chunk(tree, stream)?;
    let (last, stored) = (state.last_position(), u64::from(state.chunk) * CHUNK + (state.value.len() / PLACE) as u64);
    let fresh = noted.iter().filter(|at| last.is_none_or(|last| at.position > last));
    let place = |(version, at): (u64, &Location)| Place { stream: stream.clone(), version, at: *at };
    Ok((stored..).zip(fresh).map(place).collect())
}

fn write(tree: &sled::Tree, stream: &StreamId, state: &Open) -> Result<(), Fault> {
    if state.dirty {
        tree.insert(key(stream.as_str(), state.chunk), state.value.as_slice()).map_err(super::fault)?;
    }
    Ok(())
}

fn last_chunk(tree: &sled::Tree, stream: &StreamId) -> Result<Open, Fault> {
    let mut range = tree.range(key(stream.as_str(), 0)..=key(stream.as_str(), u32::MAX));
    match range.next_back() {
        None => Ok(Open { chunk: 0, value: Vec::new(), dirty: false }),
        Some(found) => {
            let (key, value) = found.map_err(super::fault)?;
            let (_, chunk) = split_key(&key).ok_or_else(damaged)?;
            Ok(Open { chunk, value: value.to_vec(), dirty: false })
        }
    }
}

/// Reads every place, and says how many there are of records before this one.
pub(super) fn read_all(tree: &sled::Tree, before: u64) -> Result<u64, Fault> {
    let mut count = 0;
    for found in tree.iter() {
        let (key, value) = found.map_err(super::fault)?;
        let (name, chunk) = split_key(&key).ok_or_else(damaged)?;
        let all = places(&name.parse().map_err(|_| damaged())?, chunk, &value)?;
        count += all.iter().filter(|place| place.at.position < before).count() as u64;
    }
    Ok(count)
}

pub(super) fn of(tree: &sled::Tree, stream: &StreamId) -> Result<Vec<Place>, Fault> {
    let mut all = Vec::new();
    for found in tree.range(key(stream.as_str(), 0)..=key(stream.as_str(), u32::MAX)) {
        let (key, value) = found.map_err(super::fault)?;
        let (_, chunk) = split_key(&key).ok_or_else(damaged)?;
        all.extend(places(stream, chunk, &value)?);
    }
    Ok(all)
}

pub(super) fn below(
    tree: &sled::Tree,
    prefix: &str,
    after: Option<(&str, u64)>,
    limit: usize,
    end: Option<u64>,
) -> Result<Vec<Place>, Fault> {
    let start = match after {
        Some((stream, version)) => key(stream, (version / CHUNK) as u32),
        None => prefix.as_bytes().to_vec(),
    };
    let mut all = Vec::new();
    for found in tree.range(start..) {
        let (key, value) = found.map_err(super::fault)?;
        let (name, chunk) = split_key(&key).ok_or_else(damaged)?;
        if !name.starts_with(prefix) {
            break;
        }
        let stream: StreamId = name.parse().map_err(|_| damaged())?;
        let seen = |place: &Place| after.is_some_and(|(s, v)| s == place.stream.as_str() && place.version <= v);
        all.extend(
            places(&stream, chunk, &value)?
                .into_iter()
                .filter(|place| !seen(place) && end.is_none_or(|end| place.at.position < end)),
        );
        if all.len() >= limit {
            all.truncate(limit);
            break;
        }
    }
    Ok(all)
}
