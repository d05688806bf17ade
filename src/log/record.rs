//! The format of a record, which holds the facts of one commit.
//!
//! `version u16 | sequence u64 | facts u32 | crc32c u32`, little-endian, then the facts as
//! JSON, one per line. The checksum covers everything except itself.

use super::error::LogError;
use super::position::Sequence;
use crate::domain::fact::Fact;
use std::path::Path;

/// Version of the format. It grows when an older reader would misread a record; [`decode`] then
/// also reads the older forms.
pub const VERSION: u16 = 1;
pub const HEADER: usize = 18;
const CHECKSUM: std::ops::Range<usize> = 14..18;

/// The reason why a record cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Defect {
    Damaged(String),
    /// The record has this version of the format.
    Newer(u16),
}

impl Defect {
    /// The defect as an error about this record of a log.
    pub fn into_error(self, path: &Path, sequence: Sequence) -> LogError {
        let path = path.to_owned();
        match self {
            Self::Damaged(reason) => LogError::Damaged { path, sequence, reason },
            Self::Newer(version) => LogError::Newer { path, sequence, version, known: VERSION },
        }
    }
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

/// The checksum of a record, which must have this number and must not be damaged.
pub fn verify(sequence: Sequence, bytes: &[u8]) -> Result<u32, Defect> {
    let damaged = |what: &str| Defect::Damaged(what.to_owned());
    if bytes.len() < HEADER {
        return Err(damaged("it is shorter than its header"));
    }
    let stored = stored_checksum(bytes);
    if stored != checksum(bytes) {
        return Err(damaged("its checksum does not match"));
    }
    let version = u16::from_le_bytes(array(&bytes[0..2]));
    if version > VERSION {
        return Err(Defect::Newer(version));
    }
    if u64::from_le_bytes(array(&bytes[2..10])) != sequence {
        return Err(damaged("it has another number"));
    }
    Ok(stored)
}

/// The checksum in the header of a record that [`encode`] has written.
pub fn stored_checksum(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(array(&bytes[CHECKSUM]))
}

/// The number in the header of a record; `None` if the header is cut.
pub fn stored_sequence(bytes: &[u8]) -> Option<Sequence> {
    (bytes.len() >= HEADER).then(|| u64::from_le_bytes(array(&bytes[2..10])))
}

/// The number of facts in the header of a record.
pub fn stored_count(header: &[u8; HEADER]) -> u32 {
    u32::from_le_bytes(array(&header[10..14]))
}

/// Positions at which a record may begin.
pub fn candidates(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let starts = bytes.windows(HEADER + 1).enumerate();
    let is_candidate =
        |window: &[u8]| window[..2] == VERSION.to_le_bytes() && window[HEADER] == b'{';
    starts.filter(move |(_, window)| is_candidate(window)).map(|(start, _)| start)
}

/// Reads a record, which must have this number.
pub fn decode(sequence: Sequence, bytes: &[u8]) -> Result<Vec<Fact>, Defect> {
    let damaged = |what: &str| Defect::Damaged(what.to_owned());
    verify(sequence, bytes)?;
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
