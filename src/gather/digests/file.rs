//! Digests of one file: of the whole, and of each chunk.

use crate::domain::digest::hexadecimal;
use crate::domain::weights::CHUNK_BYTES;
use crate::sys::ahead::read_ahead;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Size of the pieces that are read, in bytes.
pub const PIECE_BYTES: usize = 1024 * 1024;
/// Maximum number of pieces of a file in memory.
pub const PIECES: usize = 4;

/// The digests of a file, as in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigests {
    pub sha256: String,
    pub size_bytes: u64,
    /// Empty if the file is one chunk.
    pub chunks: Vec<String>,
}

/// Hashes a file from its present position. `report` receives the number of bytes that were read.
///
/// # Errors
/// A read failed.
pub fn hash(mut file: &File, report: &(dyn Fn(u64) + Sync)) -> io::Result<FileDigests> {
    let first = next_piece(&mut file)?;
    if first.len() < PIECE_BYTES {
        report(first.len() as u64);
        let (sha256, size_bytes) = (hexadecimal(&Sha256::digest(&first)), first.len() as u64);
        return Ok(FileDigests { sha256, size_bytes, chunks: Vec::new() });
    }
    std::thread::scope(|scope| {
        let (sender, pieces) = sync_channel::<Arc<Vec<u8>>>(PIECES);
        let whole = scope.spawn(move || {
            let mut hasher = Sha256::new();
            for piece in pieces {
                hasher.update(&*piece);
            }
            hexadecimal(&hasher.finalize())
        });
        let read = chunks(file, first, &sender, report);
        drop(sender);
        let sha256 = whole.join().map_err(|_| io::Error::other("a thread that hashes panicked"))?;
        let (size_bytes, mut chunks) = read?;
        // The digest of a single chunk is that of the file.
        if chunks.len() == 1 {
            chunks.clear();
        }
        Ok(FileDigests { sha256, size_bytes, chunks })
    })
}

/// Reads a file, passes its pieces on, and returns its size and the digests of its chunks.
fn chunks(
    mut file: &File,
    first: Vec<u8>,
    sender: &SyncSender<Arc<Vec<u8>>>,
    report: &(dyn Fn(u64) + Sync),
) -> io::Result<(u64, Vec<String>)> {
    const { assert!(CHUNK_BYTES.is_multiple_of(PIECE_BYTES as u64), "chunks consist of whole pieces") };
    let (mut chunks, mut hasher, mut size) = (Vec::new(), Sha256::new(), 0_u64);
    let mut piece = first;
    read_ahead(file, 0, CHUNK_BYTES);
    while !piece.is_empty() {
        // One chunk is read ahead while another one is hashed.
        if size.is_multiple_of(CHUNK_BYTES) {
            read_ahead(file, size + CHUNK_BYTES, CHUNK_BYTES);
        }
        size += piece.len() as u64;
        report(piece.len() as u64);
        let shared = Arc::new(piece);
        // The receiver ends only when it panicked, which the caller reports.
        let _ = sender.send(Arc::clone(&shared));
        hasher.update(&*shared);
        if size.is_multiple_of(CHUNK_BYTES) {
            chunks.push(hexadecimal(&hasher.finalize_reset()));
        }
        piece = next_piece(&mut file)?;
    }
    if !size.is_multiple_of(CHUNK_BYTES) {
        chunks.push(hexadecimal(&hasher.finalize()));
    }
    Ok((size, chunks))
}

/// The next piece, which is shorter only at the end of the file.
fn next_piece(file: &mut &File) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    file.take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
    Ok(piece)
}
