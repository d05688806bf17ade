//! Fetches whole files from a hub or a web server.
//!
//! Limits: [`CONCURRENT`] files at a time, [`PIECES`] received pieces of each in memory,
//! [`MAX_DAMAGED`] damaged downloads of a file.
//!
//! Promises: a download that was cut continues at its end, also after a restart of the worker. Each file
//! is compared with its size, and with its digest where the origin publishes one. A file is never in
//! memory. What is written is below the directory of the target, whatever another program links there.

use crate::client::{DownloadError, Downloads};
use crate::domain::digest::hexadecimal;
use crate::sys::hashing::Hashed;
use crate::worker::weights::alive::{Alive, WhileAlive};
use crate::worker::weights::error::WeightsError;
use crate::worker::weights::patience::Patience;
use crate::worker::weights::plan::AddressedFile;
use crate::worker::weights::progress::Step;
use crate::worker::weights::target::Target;
use bytes::Bytes;
use futures::future::try_join_all;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Number of files that are fetched at a time.
const CONCURRENT: usize = 3;
/// Maximum number of received pieces of a file that wait to be written.
const PIECES: usize = 16;
/// Maximum number of damaged downloads of one file.
const MAX_DAMAGED: u32 = 2;
const READ_BYTES: usize = 128 * 1024;

/// The words for a refusal of a file.
pub type Explain<'a> = &'a (dyn Fn(&str, &DownloadError) -> String + Sync);

/// Fetches files from their addresses. The digest of each file is returned, in the order of `files`.
///
/// # Errors
/// A server refuses a file or stays away, a file is damaged again, or it cannot be written.
pub async fn fetch(
    files: &[AddressedFile],
    target: &Target<'_>,
    downloads: &Downloads,
    explain: Explain<'_>,
) -> Result<Vec<String>, WeightsError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let size = files.iter().map(|file| file.size_bytes).fold(0, u64::saturating_add);
    target.progress.begin(Step::Fetching, size);
    let queue = Mutex::new(files.iter().enumerate());
    let lane = || async {
        let mut digests = Vec::new();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, file)) = next else { return Ok(digests) };
            digests.push((index, fetch_file(file, target, downloads, explain).await?));
        }
    };
    let lanes = try_join_all((0..CONCURRENT).map(|_| lane())).await?;
    let digests: BTreeMap<usize, String> = lanes.into_iter().flatten().collect();
    Ok(digests.into_values().collect())
}

async fn fetch_file(
    file: &AddressedFile,
    target: &Target<'_>,
    downloads: &Downloads,
    explain: Explain<'_>,
) -> Result<String, WeightsError> {
    let broken = |error| WeightsError::cache(target.root, error);
    for tries in 1.. {
        let mut writer = Writer::start(&file.path, file.size_bytes, target);
        receive(file, &mut writer, target, downloads, explain).await?;
        let hashed = writer.finish().await.map_err(broken)?;
        let is_whole = hashed.size == file.size_bytes;
        if is_whole && file.sha256.as_ref().is_none_or(|expected| *expected == hashed.sha256) {
            return Ok(hashed.sha256);
        }
        std::fs::remove_file(target.directory.join(&file.path)).map_err(broken)?;
        target.progress.remove(hashed.size);
        if tries >= MAX_DAMAGED {
            return Err(WeightsError::Corrupt { file: file.path.clone(), tries });
        }
        tracing::warn!(file = file.path, "a file was damaged on its way; fetching it again");
    }
    unreachable!("the loop returns")
}

/// Receives the rest of a file, with as many requests as it takes.
async fn receive(
    file: &AddressedFile,
    writer: &mut Writer,
    target: &Target<'_>,
    downloads: &Downloads,
    explain: Explain<'_>,
) -> Result<(), WeightsError> {
    let broken = |error| WeightsError::cache(target.root, error);
    let mut at = writer.begun().await.map_err(broken)?;
    target.progress.add(at);
    let mut patience = Patience::new(target.limits);
    while at < file.size_bytes {
        let received = async {
            let mut content = downloads.open(&file.url, file.token.as_ref(), at).await?;
            if content.from != at {
                target.progress.remove(at);
                at = 0;
                // Only the beginning is another position that a server may choose.
                if content.from != 0 || !writer.write(Piece::Restart).await {
                    return Err(DownloadError::Interrupted("the server sent another part".into()));
                }
            }
            while let Some(piece) = content.piece().await? {
                let size = piece.len() as u64;
                if !writer.write(Piece::Content(piece)).await {
                    break;
                }
                at += size;
                target.progress.add(size);
            }
            Ok(())
        };
        let error = match received.await {
            // The writer has failed, or has more than the whole file, which `finish` reports.
            Ok(()) if at >= file.size_bytes || writer.has_ended() => return Ok(()),
            Ok(()) => DownloadError::Interrupted("the answer ended early".into()),
            Err(error) => error,
        };
        let (reason, asked) = (error.to_string(), error.retry_after());
        if matches!(error, DownloadError::Refused { .. }) {
            let reason = explain(&file.path, &error);
            return Err(WeightsError::Remote { file: file.path.clone(), reason });
        }
        tracing::warn!(
            file = file.path,
            at,
            reason,
            "continuing the download of a file of weights"
        );
        if !patience.wait(at, asked).await {
            let after = target.limits.stall;
            return Err(WeightsError::Stalled { file: file.path.clone(), after, reason });
        }
    }
    Ok(())
}

enum Piece {
    Content(Bytes),
    /// The content that was written before is not the beginning of the content that follows.
    Restart,
}

/// A thread that writes a file and hashes it.
struct Writer {
    begun: Option<oneshot::Receiver<u64>>,
    pieces: Option<mpsc::Sender<Piece>>,
    thread: JoinHandle<io::Result<Hashed>>,
    _owner: Alive,
}

impl Writer {
    /// Opens a file, whose present content is hashed first.
    fn start(name: &str, max_bytes: u64, target: &Target<'_>) -> Self {
        let (begin, begun) = oneshot::channel();
        let (sender, pieces) = mpsc::channel(PIECES);
        let (guard, owner) = (target.guard.clone(), Alive::default());
        let alive = owner.watch();
        let (place, name) = (target.place(), name.to_owned());
        let thread = tokio::task::spawn_blocking(move || {
            let _guard = guard;
            let file = place.file(&name)?;
            append(file, max_bytes, begin, pieces, &alive)
        });
        Self { begun: Some(begun), pieces: Some(sender), thread, _owner: owner }
    }

    /// Waits until the present content is hashed, and returns its size.
    async fn begun(&mut self) -> io::Result<u64> {
        match self.begun.take() {
            // The thread has failed if there is no answer; `finish` returns its error.
            Some(begun) => match begun.await {
                Ok(size) => Ok(size),
                Err(_) => Err(self.ended().await),
            },
            None => Ok(0),
        }
    }

    async fn ended(&mut self) -> io::Error {
        match (&mut self.thread).await {
            Ok(Err(error)) => error,
            Ok(Ok(_)) => io::Error::other("the file was closed early"),
            Err(error) => io::Error::other(error),
        }
    }

    /// False if the thread has ended.
    async fn write(&mut self, piece: Piece) -> bool {
        match &self.pieces {
            Some(pieces) => pieces.send(piece).await.is_ok(),
            None => false,
        }
    }

    fn has_ended(&self) -> bool {
        self.pieces.as_ref().is_none_or(mpsc::Sender::is_closed)
    }

    async fn finish(mut self) -> io::Result<Hashed> {
        self.pieces = None;
        self.thread.await.map_err(io::Error::other).flatten()
    }
}

/// Hashes the present content of a file, reports its size, and appends pieces up to `max_bytes`.
fn append(
    mut file: File,
    max_bytes: u64,
    begin: oneshot::Sender<u64>,
    mut pieces: mpsc::Receiver<Piece>,
    alive: &Alive,
) -> io::Result<Hashed> {
    if file.metadata()?.len() > max_bytes {
        file.set_len(0)?;
    }
    let (mut hasher, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; READ_BYTES];
    let mut present = WhileAlive::new(&mut file, alive);
    loop {
        let count = present.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        size += count as u64;
    }
    if begin.send(size).is_err() {
        return Ok(finished(hasher, size));
    }
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Content(piece) => {
                file.write_all(&piece)?;
                hasher.update(&piece);
                size += piece.len() as u64;
                if size > max_bytes {
                    break;
                }
            }
            Piece::Restart => {
                (hasher, size) = (Sha256::new(), 0);
                restart(&mut file)?;
            }
        }
    }
    Ok(finished(hasher, size))
}

fn restart(file: &mut File) -> io::Result<()> {
    use std::io::Seek;
    file.rewind()?;
    file.set_len(0)
}

fn finished(hasher: Sha256, size: u64) -> Hashed {
    Hashed { sha256: hexadecimal(&hasher.finalize()), size }
}
