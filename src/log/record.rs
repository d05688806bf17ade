//! The format of a record, which holds the facts of one commit.
//!
//! `version u16 | sequence u64 | facts u32 | crc32c u32`, little-endian, then the facts as
//! JSON, one per line. The checksum covers everything except itself.

use super::position::Sequence;
use crate::domain::fact::Fact;

/// Version of the format. It grows when an older reader would misread a record; [`decode`] then
/// also reads the older forms.
pub const VERSION: u16 = 1;
const HEADER: usize = 18;
const CHECKSUM: std::ops::Range<usize> = 14..18;

/// The reason why a record cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Defect {
    Damaged(String),
    /// The record has this version of the format.
    Newer(u16),
}

/// Writes a record into `buffer`, whose earlier content is dropped.
pub fn encode(
    sequence: Sequence,
    facts: &[Fact],
    buffer: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    buffer.clear();
    buffer.resize(HEADER, 0);
    for fact in facts {
        serde_json::to_writer(&mut *buffer, fact)?;
        buffer.push(b'\n');
    }
    let count = u32::try_from(facts.len()).unwrap_or(u32::MAX);
    buffer[0..2].copy_from_slice(&VERSION.to_le_bytes());
    buffer[2..10].copy_from_slice(&sequence.to_le_bytes());
    buffer[10..14].copy_from_slice(&count.to_le_bytes());
    let checksum = checksum(buffer);
    buffer[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Reads a record, which must have this number.
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
        return Err(damaged("it has another number"));
    }
    let count = u32::from_le_bytes(array(&bytes[10..14])) as usize;
    let mut facts = Vec::with_capacity(count.min(bytes.len()));
    for fact in serde_json::Deserializer::from_slice(&bytes[HEADER..]).into_iter() {
        facts.push(fact.map_err(|error| Defect::Damaged(error.to_string()))?);
    }
    if facts.len() == count { Ok(facts) } else { Err(damaged("facts are missing")) }
}

fn checksum(bytes: &[u8]) -> u32 {
    let head = crc32c::crc32c(&bytes[..CHECKSUM.start]);
    crc32c::crc32c_append(head, &bytes[CHECKSUM.end..])
}

/// Copies a slice into an array of the same length.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
