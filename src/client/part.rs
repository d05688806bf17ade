//! A part of a file as the body of a request.
//!
//! Limit: two pieces of [`PIECE_BYTES`] are in memory. Promise: a file that has become shorter is an
//! error, not a shorter body.

use crate::sys::ahead::read_ahead;
use bytes::Bytes;
use futures::stream;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::Path;

/// Maximum size of a piece, in bytes.
const PIECE_BYTES: u64 = 512 * 1024;

/// Opens `size` bytes of a file from `offset`.
///
/// # Errors
/// The file cannot be opened.
pub async fn open(path: &Path, offset: u64, size: u64) -> io::Result<reqwest::Body> {
    let path = path.to_owned();
    let part = blocking(move || {
        let mut file = File::open(path)?;
        read_ahead(&file, offset, size);
        file.seek(SeekFrom::Start(offset))?;
        Ok(file.take(size))
    });
    Ok(reqwest::Body::wrap_stream(stream::try_unfold(part.await?, next)))
}

/// Reads the next piece of what is left.
async fn next(mut part: Take<File>) -> io::Result<Option<(Bytes, Take<File>)>> {
    if part.limit() == 0 {
        return Ok(None);
    }
    blocking(move || {
        let length = usize::try_from(part.limit().min(PIECE_BYTES)).unwrap_or(usize::MAX);
        let mut piece = Vec::with_capacity(length);
        (&mut part).take(length as u64).read_to_end(&mut piece)?;
        if piece.len() < length {
            let reason = "the file has become shorter while it was sent";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        Ok(Some((Bytes::from(piece), part)))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
