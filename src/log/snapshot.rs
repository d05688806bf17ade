//! The snapshot file: `magic | identity, 16 bytes | sequence u64 | crc32c u32`, then pieces as
//! `length u32 | crc32c u32 | bytes`, then a piece of length zero. A new snapshot is written to
//! another file, which then replaces the old one.
//!
//! Format 1 has no identity, and no checksum of the sequence. It is recognised, but not used: the
//! log is replayed, and the next snapshot replaces the file.

use super::event_log::Snapshot;
use super::position::Sequence;
use crate::domain::storage_id::StorageId;
use crate::sys::fs::rename_durably;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"dtfsnap2";
/// Magic number of the format without identity.
const MAGIC_1: &[u8; 8] = b"dtfsnap1";
const HEADER_BYTES: usize = 36;
/// Maximum size of a piece, in bytes.
const MAX_PIECE_BYTES: u32 = 1 << 30;

/// The content of a snapshot file.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    pub identity: StorageId,
    /// The last record that the snapshot covers, and the state after it.
    pub snapshot: Snapshot,
}

/// Why a snapshot file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// A version without identities wrote the file.
    #[error("an older version of dtf wrote it, which did not store the identity of the log")]
    WithoutIdentity,
}

/// Replaces the snapshot at `path`, durably.
///
/// # Errors
/// The file cannot be written. The old snapshot is kept then.
pub(super) fn write(
    path: &Path,
    identity: StorageId,
    at: Sequence,
    pieces: &mut dyn Iterator<Item = Vec<u8>>,
) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let written = write_new(&fresh, identity, at, pieces);
    if written.is_err() {
        // Half a snapshot would occupy the space that may be missing.
        let _ = std::fs::remove_file(&fresh);
    }
    written?;
    rename_durably(&fresh, path)
}

fn write_new(
    fresh: &Path,
    identity: StorageId,
    at: Sequence,
    pieces: &mut dyn Iterator<Item = Vec<u8>>,
) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(fresh)?);
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend(identity.to_bytes());
    header.extend(at.to_le_bytes());
    header.extend(crc32c::crc32c(&header).to_le_bytes());
    file.write_all(&header)?;
    for piece in pieces {
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        if length == 0 || length > MAX_PIECE_BYTES {
            return Err(io::Error::other("a piece is empty or too large"));
        }
        file.write_all(&length.to_le_bytes())?;
        file.write_all(&crc32c::crc32c(&piece).to_le_bytes())?;
        file.write_all(&piece)?;
    }
    file.write_all(&[0; 8])?;
    file.into_inner()?.sync_all()
}

/// Reads a whole snapshot.
///
/// # Errors
/// The file cannot be read, is not a snapshot of this version, or is damaged.
pub(super) fn read(path: &Path) -> Result<StoredSnapshot, SnapshotError> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let magic: [u8; 8] = read_array(&mut file)?;
    if magic == *MAGIC_1 {
        return Err(SnapshotError::WithoutIdentity);
    }
    if magic != *MAGIC {
        return Err(SnapshotError::Damaged("it does not begin with the magic number"));
    }
    let identity = read_array(&mut file)?;
    let at = read_array(&mut file)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(MAGIC), &identity);
    let crc = crc32c::crc32c_append(crc, &at);
    if u32::from_le_bytes(read_array(&mut file)?) != crc {
        return Err(SnapshotError::Damaged("the checksum of its header does not match"));
    }
    let snapshot = (u64::from_le_bytes(at), read_pieces(&mut file)?);
    Ok(StoredSnapshot { identity: StorageId::from_bytes(identity), snapshot })
}

fn read_pieces(file: &mut impl Read) -> Result<Vec<Vec<u8>>, SnapshotError> {
    let mut pieces = Vec::new();
    loop {
        let length = u32::from_le_bytes(read_array(file)?);
        let checksum = u32::from_le_bytes(read_array(file)?);
        if length == 0 {
            let after = file.read(&mut [0])?;
            if checksum != 0 || after != 0 {
                return Err(SnapshotError::Damaged("there is data after its end"));
            }
            return Ok(pieces);
        }
        if length > MAX_PIECE_BYTES {
            return Err(SnapshotError::Damaged("a piece is too large"));
        }
        let mut piece = Vec::new();
        file.by_ref().take(length.into()).read_to_end(&mut piece)?;
        if piece.len() != length as usize || crc32c::crc32c(&piece) != checksum {
            return Err(SnapshotError::Damaged("the checksum of a piece does not match"));
        }
        pieces.push(piece);
    }
}

fn read_array<const N: usize>(file: &mut impl Read) -> Result<[u8; N], SnapshotError> {
    let mut bytes = [0; N];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(SnapshotError::Damaged("its end is missing"))
        }
        result => Ok(result.map(|()| bytes)?),
    }
}
