//! The snapshot file: `magic | sequence u64`, then pieces as `length u32 | crc32c u32 | bytes`,
//! then a piece of length zero. A new snapshot is written to another file, which then replaces the
//! old one.

use super::event_log::Snapshot;
use super::position::Sequence;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"dtfsnap1";
/// Maximum size of a piece, in bytes.
const MAX_PIECE_BYTES: u32 = 1 << 30;

/// Replaces the snapshot at `path`, durably.
///
/// # Errors
/// The file cannot be written. The old snapshot is kept then.
pub fn write(
    path: &Path,
    at: Sequence,
    pieces: &mut dyn Iterator<Item = Vec<u8>>,
) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&fresh)?);
    file.write_all(MAGIC)?;
    file.write_all(&at.to_le_bytes())?;
    for piece in pieces {
        let length = u32::try_from(piece.len()).ok().filter(|length| *length <= MAX_PIECE_BYTES);
        let length = length.ok_or_else(|| io::Error::other("a piece is too large"))?;
        file.write_all(&length.to_le_bytes())?;
        file.write_all(&crc32c::crc32c(&piece).to_le_bytes())?;
        file.write_all(&piece)?;
    }
    file.write_all(&[0; 8])?;
    file.into_inner()?.sync_all()?;
    std::fs::rename(&fresh, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Reads a whole snapshot.
///
/// # Errors
/// The file cannot be read, is not a snapshot of this version, or is damaged.
pub fn read(path: &Path) -> io::Result<Snapshot> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut magic = [0; 8];
    file.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(io::Error::other("it is not a snapshot of this version"));
    }
    let at = u64::from_le_bytes(read_array(&mut file)?);
    let mut pieces = Vec::new();
    loop {
        let length = u32::from_le_bytes(read_array(&mut file)?);
        let checksum = u32::from_le_bytes(read_array(&mut file)?);
        if length == 0 {
            return Ok((at, pieces));
        }
        if length > MAX_PIECE_BYTES {
            return Err(io::Error::other("a piece is too large"));
        }
        let mut piece = Vec::new();
        file.by_ref().take(length.into()).read_to_end(&mut piece)?;
        if piece.len() != length as usize || crc32c::crc32c(&piece) != checksum {
            return Err(io::Error::other("a piece is damaged"));
        }
        pieces.push(piece);
    }
}

fn read_array<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
