//! The witness of the log: its identity, the number of its last record and the checksum of that
//! record, in a file beside the log.
//!
//! redb opens a file whose header or last pages are damaged without the last commit. The witness,
//! which redb does not know, proves that the commit existed. It is written after each commit, before
//! the reply, with one small write and without a sync: after a failure of the process it is up to
//! date, and after a power failure it may be behind, which is normal.
//!
//! Format: two slots of 512 bytes, of which each contains `"dtfwitn1" | identity, 16 bytes |
//! sequence u64 | checksum u32 | crc32c u32`, little-endian. They are written in turn, so that a
//! write that is cut leaves the other one.

use super::position::Sequence;
use crate::domain::storage_id::StorageId;
use crate::sys::fs::write_durably;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const MAGIC: &[u8; 8] = b"dtfwitn1";
const SLOTS: usize = 2;
/// Distance of the slots: a sector, which a disk writes as a whole.
const SLOT_BYTES: usize = 512;
const ENTRY_BYTES: usize = 40;

/// A record, as the witness knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub sequence: Sequence,
    /// Checksum of the record; 0 for sequence 0.
    pub checksum: u32,
}

/// The content of a witness file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Testimony {
    pub identity: StorageId,
    pub mark: Mark,
}

/// The result of reading a witness file.
#[derive(Debug, PartialEq, Eq)]
pub struct WitnessFile {
    /// The newest readable slot.
    pub testimony: Option<Testimony>,
    /// Whether a slot is not readable. The witness may then be behind.
    pub is_damaged: bool,
}

/// An open witness file.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    identity: StorageId,
    next_slot: usize,
}

fn encode(testimony: Testimony) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    entry[..8].copy_from_slice(MAGIC);
    entry[8..24].copy_from_slice(&testimony.identity.to_bytes());
    entry[24..32].copy_from_slice(&testimony.mark.sequence.to_le_bytes());
    entry[32..36].copy_from_slice(&testimony.mark.checksum.to_le_bytes());
    let crc = crc32c::crc32c(&entry[..36]);
    entry[36..].copy_from_slice(&crc.to_le_bytes());
    entry
}

fn decode(slot: &[u8]) -> Option<Testimony> {
    let (content, rest) = slot.split_first_chunk::<36>()?;
    let crc = u32::from_le_bytes(*rest.first_chunk()?);
    if content[..8] != *MAGIC || crc != crc32c::crc32c(content) {
        return None;
    }
    Some(Testimony {
        identity: StorageId::from_bytes(*content[8..].first_chunk()?),
        mark: Mark {
            sequence: u64::from_le_bytes(*content[24..].first_chunk()?),
            checksum: u32::from_le_bytes(*content[32..].first_chunk()?),
        },
    })
}

/// Reads the file; `None` if it is missing.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(path: &Path) -> io::Result<Option<WitnessFile>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take((SLOTS * SLOT_BYTES) as u64).read_to_end(&mut bytes)?;
    bytes.resize(SLOTS * SLOT_BYTES, 0);
    let slots: Vec<Option<Testimony>> = bytes.chunks(SLOT_BYTES).map(decode).collect();
    let is_damaged = slots.iter().any(Option::is_none);
    let testimony = slots.into_iter().flatten().max_by_key(|slot| slot.mark.sequence);
    Ok(Some(WitnessFile { testimony, is_damaged }))
}

impl Witness {
    /// Replaces the witness at `path`, durably.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn start(path: &Path, testimony: Testimony) -> io::Result<Self> {
        let mut bytes = [0; SLOTS * SLOT_BYTES];
        for slot in bytes.chunks_mut(SLOT_BYTES) {
            slot[..ENTRY_BYTES].copy_from_slice(&encode(testimony));
        }
        write_durably(path, &bytes, true)?;
        let file = File::options().write(true).open(path)?;
        Ok(Self { file, identity: testimony.identity, next_slot: 0 })
    }

    /// Replaces the older slot, without a sync.
    ///
    /// # Errors
    /// The file cannot be written. The other slot is unchanged then.
    pub fn record(&mut self, mark: Mark) -> io::Result<()> {
        let entry = encode(Testimony { identity: self.identity, mark });
        write_at(&self.file, (self.next_slot * SLOT_BYTES) as u64, &entry)?;
        self.next_slot = (self.next_slot + 1) % SLOTS;
        Ok(())
    }

    /// Makes the content survive a power failure.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(unix)]
fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn testimony(sequence: Sequence) -> Testimony {
        let mark = Mark { sequence, checksum: sequence as u32 ^ 0x5a };
        Testimony { identity: StorageId::from_bytes([3; 16]), mark }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_leaves_the_other_slot() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("witness");
        assert_eq!(read(&path).expect("inspected"), None);
        let mut witness = Witness::start(&path, testimony(1)).expect("written");
        witness.record(testimony(2).mark).expect("written");
        witness.record(testimony(3).mark).expect("written");
        witness.sync().expect("synced");
        let whole = std::fs::read(&path).expect("there");
        let read_back = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            read(&path).expect("readable").expect("there")
        };
        let newest = WitnessFile { testimony: Some(testimony(3)), is_damaged: false };
        assert_eq!(read_back(&whole), newest);
        for bit in 0..ENTRY_BYTES * 8 {
            for (slot, other) in [(0, 3), (1, 2)] {
                let mut bytes = whole.clone();
                bytes[slot * SLOT_BYTES + bit / 8] ^= 1 << (bit % 8);
                let expected = WitnessFile { testimony: Some(testimony(other)), is_damaged: true };
                assert_eq!(read_back(&bytes), expected, "bit {bit} of slot {slot}");
            }
        }
        let cut = read_back(&whole[..SLOT_BYTES + ENTRY_BYTES - 1]);
        assert_eq!(cut, WitnessFile { testimony: Some(testimony(2)), is_damaged: true });
        assert_eq!(read_back(b""), WitnessFile { testimony: None, is_damaged: true });
    }
}
