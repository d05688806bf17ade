//! One record: what one commit stores.
//!
//! `version u16 | sequence u64 | events u32 | crc32c u32`, little-endian, then the events as
//! JSON, one after the other. The checksum covers all but itself.

use super::Sequence;
use crate::domain::fact::Fact;

/// Version of the format. Raised when an older reader would misread a record;
/// [`decode`] then turns the old form into the new one.
pub const VERSION: u16 = 1;
const HEADER: usize = 18;
const CHECKSUM: std::ops::Range<usize> = 14..18;

/// What is wrong with a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Defect {
    Damaged(String),
    Newer(u16),
}

/// Writes a record into `buffer`; false when no event was durable.
pub fn encode(
    sequence: Sequence,
    events: &mut dyn Iterator<Item = &Fact>,
    buffer: &mut Vec<u8>,
) -> Result<bool, serde_json::Error> {
    buffer.clear();
    buffer.resize(HEADER, 0);
    let mut count = 0u32;
    for event in events {
        serde_json::to_writer(&mut *buffer, event)?;
        buffer.push(b'\n');
        count += 1;
    }
    buffer[0..2].copy_from_slice(&VERSION.to_le_bytes());
    buffer[2..10].copy_from_slice(&sequence.to_le_bytes());
    buffer[10..14].copy_from_slice(&count.to_le_bytes());
    let checksum = checksum(buffer);
    buffer[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    Ok(count > 0)
}

/// Reads a record that should have this number.
pub fn decode(sequence: Sequence, bytes: &[u8]) -> Result<Vec<Fact>, Defect> {
    let damaged = |what: &str| Defect::Damaged(what.to_owned());
    if bytes.len() < HEADER {
        return Err(damaged("it is shorter than its header"));
    }
    if u32::from_le_bytes(array(&bytes[CHECKSUM])) != checksum(bytes) {
        return Err(damaged("its checksum does not match"));
    }
    let version = u16::from_le_bytes(array(&bytes[0..2]));
    if version > VERSION {
        return Err(Defect::Newer(version));
    }
    if u64::from_le_bytes(array(&bytes[2..10])) != sequence {
        return Err(damaged("it carries another number"));
    }
    let count = u32::from_le_bytes(array(&bytes[10..14])) as usize;
    let mut events = Vec::with_capacity(count.min(bytes.len()));
    for event in serde_json::Deserializer::from_slice(&bytes[HEADER..]).into_iter() {
        events.push(event.map_err(|error| Defect::Damaged(error.to_string()))?);
    }
    if events.len() == count { Ok(events) } else { Err(damaged("events are missing")) }
}

fn checksum(bytes: &[u8]) -> u32 {
    let head = crc32c::crc32c(&bytes[..CHECKSUM.start]);
    crc32c::crc32c_append(head, &bytes[CHECKSUM.end..])
}

/// Callers pass slices of the length that the array has.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
