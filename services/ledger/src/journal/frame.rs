//! The bytes of segments and groups; see the description in `journal/mod.rs`.

use bytes::Bytes;

/// Length of a segment's header.
pub const SEGMENT_HEADER: usize = 32;
/// Length of a group's header.
pub const GROUP_HEADER: usize = 32;
/// Length of a record's length.
pub(super) const LENGTH: usize = 4;

pub(super) const SEGMENT_MAGIC: &[u8; 8] = b"RONDO\0J1";
pub(super) const GROUP_MAGIC: &[u8; 8] = b"RONDO\0G1";

/// Where a group stands, or one record of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Location {
    /// The segment, by its first position.
    pub segment: u64,
    /// The first byte in it: of a group's header, or of a record's length.
    pub offset: u64,
    /// The group's first record, or the record.
    pub position: u64,
}

/// The place of the first group of all.
pub const FIRST: Location = Location { segment: 0, offset: SEGMENT_HEADER as u64, position: 0 };

impl Location {
    /// Where each record of the group stands that begins here and holds records of these lengths.
    pub fn records(self, lengths: impl Iterator<Item = usize>) -> impl Iterator<Item = Self> {
        let first = Self { offset: self.offset + GROUP_HEADER as u64, ..self };
        lengths.scan(first, |next, length| {
            let at = *next;
            next.offset += (LENGTH + length) as u64;
            next.position += 1;
            Some(at)
        })
    }
}

pub(super) fn segment_header(first: u64) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[..8].copy_from_slice(SEGMENT_MAGIC);
    header[8..16].copy_from_slice(&first.to_le_bytes());
    let crc = crc32c::crc32c(&header[..28]);
    header[28..].copy_from_slice(&crc.to_le_bytes());
    header
}

pub(super) fn check_segment_header(header: &[u8], first: u64) -> Result<(), String> {
    if header.get(..SEGMENT_HEADER) == Some(&segment_header(first)[..]) {
        Ok(())
    } else {
        Err("this is not the header of that segment".to_owned())
    }
}

/// Appends a group to a buffer.
pub fn encode_group(buffer: &mut Vec<u8>, first: u64, records: &[Bytes]) {
    let start = buffer.len();
    buffer.resize(start + GROUP_HEADER, 0);
    for record in records {
        buffer.extend((record.len() as u32).to_le_bytes());
        buffer.extend_from_slice(record);
    }
    let body = (buffer.len() - start - GROUP_HEADER) as u32;
    let header = &mut buffer[start..start + GROUP_HEADER];
    header[..8].copy_from_slice(GROUP_MAGIC);
    header[8..16].copy_from_slice(&first.to_le_bytes());
    header[16..20].copy_from_slice(&(records.len() as u32).to_le_bytes());
    header[20..24].copy_from_slice(&body.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&buffer[start..start + 28]), &buffer[start + GROUP_HEADER..]);
    buffer[start + 28..start + GROUP_HEADER].copy_from_slice(&crc.to_le_bytes());
}

pub(super) struct GroupHeader {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) body: u32,
    crc: u32,
}

impl GroupHeader {
    pub(super) fn read(header: &[u8; GROUP_HEADER]) -> Result<Self, String> {
        if &header[..8] != GROUP_MAGIC {
            return Err("no group begins here".to_owned());
        }
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let first = u64::from(word(8)) | u64::from(word(12)) << 32;
        Ok(Self { first, count: word(16), body: word(20), crc: word(28) })
    }

    /// The records of the body, if its checksum and its lengths fit.
    pub(super) fn records(&self, header: &[u8; GROUP_HEADER], body: &Bytes) -> Result<Vec<Bytes>, String> {
        if crc32c::crc32c_append(crc32c::crc32c(&header[..28]), body) != self.crc {
            return Err("the group's checksum does not fit".to_owned());
        }
        let mut records = Vec::new();
        let mut at = 0;
        while at < body.len() {
            let lengths = || "a record's length does not fit its group".to_owned();
            let length =
                body.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or_else(lengths)?;
            let end = at + 4 + length as usize;
            if end > body.len() {
                return Err(lengths());
            }
            records.push(body.slice(at + 4..end));
            at = end;
        }
        if records.len() == self.count as usize {
            Ok(records)
        } else {
            Err("the group's count does not fit".to_owned())
        }
    }
}
