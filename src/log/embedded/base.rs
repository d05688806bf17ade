//! The state that replaces the records that a compaction removed.
//!
//! The table contains a header under 0, `version u16 | removed u64 | at u64 | pieces u64 |
//! crc32c u32`, and the pieces under 1, 2, …, each `crc32c u32 | bytes`; little-endian. The checksum
//! of a piece also covers its number and `at`, so that a piece of an earlier state is detected.

use super::step::Step;
use crate::log::error::LogError;
use crate::log::event_log::Snapshot;
use crate::log::position::Sequence;
use redb::{ReadableTable, Table, TableDefinition};
use std::path::Path;

pub(super) const BASE: TableDefinition<u64, &[u8]> = TableDefinition::new("base");
/// Version of the format.
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 30;
const CHECKSUM_BYTES: usize = 4;

/// The header of a stored state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The last record that was removed.
    pub removed: Sequence,
    /// The last record that the state covers.
    pub at: Sequence,
    pieces: u64,
}

/// Why the state cannot be read.
pub(super) enum BaseError {
    Storage(redb::Error),
    Damaged(&'static str),
}

impl<E: Into<redb::Error>> From<E> for BaseError {
    fn from(error: E) -> Self {
        Self::Storage(error.into())
    }
}

impl BaseError {
    pub fn at(self, step: Step, path: &Path) -> LogError {
        match self {
            Self::Storage(source) => step.error(path, source),
            Self::Damaged(reason) => {
                LogError::DamagedBase { path: path.to_owned(), reason: reason.to_owned() }
            }
        }
    }
}

impl Header {
    fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(VERSION.to_le_bytes());
        for number in [self.removed, self.at, self.pieces] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, BaseError> {
        let (content, checksum) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(BaseError::Damaged("no header"))?;
        if bytes.len() != HEADER_BYTES || u32::from_le_bytes(*checksum) != crc32c::crc32c(content) {
            return Err(BaseError::Damaged("the checksum of its header does not match"));
        }
        if content[..2] != VERSION.to_le_bytes() {
            return Err(BaseError::Damaged("a later version of dtf wrote it"));
        }
        let mut numbers = content[2..]
            .chunks_exact(8)
            .map(|number| number.try_into().map_or(0, u64::from_le_bytes));
        let mut next = || numbers.next().unwrap_or(0);
        Ok(Self { removed: next(), at: next(), pieces: next() })
    }
}

fn checksum(at: Sequence, number: u64, piece: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&at.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, &number.to_le_bytes());
    crc32c::crc32c_append(sum, piece)
}

/// Replaces the state in the table.
pub(super) fn write(
    table: &mut Table<u64, &'static [u8]>,
    removed: Sequence,
    at: Sequence,
    pieces: &mut dyn Iterator<Item = Vec<u8>>,
) -> Result<(), redb::Error> {
    let mut count = 0;
    let mut buffer = Vec::new();
    for piece in pieces {
        count += 1;
        buffer.clear();
        buffer.extend(checksum(at, count, &piece).to_le_bytes());
        buffer.extend_from_slice(&piece);
        table.insert(count, buffer.as_slice())?;
    }
    table.retain_in(count + 1.., |_, _| false)?;
    table.insert(0, Header { removed, at, pieces: count }.encode().as_slice())?;
    Ok(())
}

/// The header; `None` if no record was removed yet.
pub(super) fn header(
    table: &impl ReadableTable<u64, &'static [u8]>,
) -> Result<Option<Header>, BaseError> {
    let Some(bytes) = table.get(0)? else { return Ok(None) };
    Header::decode(bytes.value()).map(Some)
}

/// Reads the whole state; `None` if no record was removed yet.
pub(super) fn read(
    table: &impl ReadableTable<u64, &'static [u8]>,
) -> Result<Option<Snapshot>, BaseError> {
    let Some(header) = header(table)? else { return Ok(None) };
    let mut pieces = Vec::new();
    for number in 1..=header.pieces {
        let stored = table.get(number)?.ok_or(BaseError::Damaged("a piece is missing"))?;
        let (sum, piece) = stored
            .value()
            .split_first_chunk::<CHECKSUM_BYTES>()
            .ok_or(BaseError::Damaged("a piece is cut"))?;
        if u32::from_le_bytes(*sum) != checksum(header.at, number, piece) {
            return Err(BaseError::Damaged("the checksum of a piece does not match"));
        }
        pieces.push(piece.to_vec());
    }
    Ok(Some((header.at, pieces)))
}
