//! Records in the bytes of a file whose structure may be damaged.
//!
//! Each record has a header and a checksum and is in one piece in the file, so it can be found without
//! the pages that refer to it. The file also contains copies that redb no longer uses, among them
//! records that were never acknowledged; the caller chooses.

use super::position::Sequence;
use super::record;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Number of bytes that are searched at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Maximum size of a record that is recognised, in bytes.
const MAX_RECORD_BYTES: u64 = 1 << 30;
/// Maximum number of different records with the same number that are kept.
const MAX_VERSIONS: usize = 4;

/// A record in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Location {
    offset: u64,
    bytes: u64,
    pub checksum: u32,
}

/// The different records by their number.
pub(super) type Found = BTreeMap<Sequence, Vec<Location>>;

/// Searches the whole file. The time grows with its size, the memory with the number of records.
///
/// # Errors
/// The file cannot be read.
pub(super) fn search(file: &File) -> io::Result<Found> {
    let mut found = Found::new();
    let mut input = file;
    input.seek(SeekFrom::Start(0))?;
    // The start of a record may be in one chunk and the rest of its header in the next.
    let overlap = record::HEADER;
    let mut chunk = Vec::new();
    let mut start = 0;
    loop {
        let read = (&mut input).take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        let candidates: Vec<usize> = record::candidates(&chunk).collect();
        for candidate in candidates {
            check(file, start + candidate as u64, &mut found)?;
        }
        if read == 0 {
            return Ok(found);
        }
        let keep = chunk.len().saturating_sub(overlap);
        chunk.drain(..keep);
        start += keep as u64;
        input.seek(SeekFrom::Start(start + chunk.len() as u64))?;
    }
}

/// Adds the record that begins at this offset, if there is one.
fn check(file: &File, offset: u64, found: &mut Found) -> io::Result<()> {
    let Some(bytes) = length_at(file, offset)? else { return Ok(()) };
    let location = Location { offset, bytes, checksum: 0 };
    let content = read(file, location)?;
    let Some(sequence) = record::stored_sequence(&content) else { return Ok(()) };
    let Ok(checksum) = record::verify(sequence, &content) else { return Ok(()) };
    let versions = found.entry(sequence).or_default();
    let is_known = versions.iter().any(|known| known.checksum == checksum);
    if !is_known && versions.len() < MAX_VERSIONS {
        versions.push(Location { checksum, ..location });
    }
    Ok(())
}

/// Number of bytes of the record at this offset, by the number of facts in its header.
fn length_at(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut input = file;
    input.seek(SeekFrom::Start(offset))?;
    let mut input = BufReader::new(input.take(MAX_RECORD_BYTES));
    let mut header = [0; record::HEADER];
    if input.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let count = record::stored_count(&header);
    let facts = serde_json::Deserializer::from_reader(input);
    let mut facts = facts.into_iter::<IgnoredAny>();
    for _ in 0..count {
        match facts.next() {
            Some(Ok(_)) => {}
            Some(Err(error)) if error.is_io() => return Err(error.into()),
            Some(Err(_)) | None => return Ok(None),
        }
    }
    // Each fact ends with a line break.
    Ok(Some((record::HEADER + facts.byte_offset() + 1) as u64))
}

/// Reads the bytes of a record.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(file: &File, location: Location) -> io::Result<Vec<u8>> {
    let mut input = file;
    input.seek(SeekFrom::Start(location.offset))?;
    let mut content = Vec::new();
    input.take(location.bytes).read_to_end(&mut content)?;
    Ok(content)
}
