//! Fetches files in chunks from the coordinator.
//!
//! Limits: `CONCURRENT` chunks at a time, `PIECES` pieces of each in memory, `MAX_DAMAGED`
//! damaged downloads of a chunk.
//!
//! Promises: each chunk is compared with its digest while it is written. Chunks that an earlier fetch
//! has written are compared and kept. A file is never in memory, and what is written
//! is below the directory of the target, whatever another program links there.

use crate::domain::digest::hexadecimal;
use crate::domain::weights::ManifestFile;
use crate::sys::direct::DirectFile;
use crate::sys::hashing::hash;
use crate::worker::link::{LinkError, WeightsLink};
use crate::worker::weights::alive::{Alive, WhileAlive};
use crate::worker::weights::error::WeightsError;
use crate::worker::weights::patience::Patience;
use crate::worker::weights::plan::{Chunk, chunks};
use crate::worker::weights::progress::{Progress, Step};
use crate::worker::weights::target::{Place, Target};
use bytes::Bytes;
use futures::future::try_join_all;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// Number of chunks that are fetched at a time.
const CONCURRENT: usize = 4;
/// Maximum number of received pieces of a chunk that wait to be written.
const PIECES: usize = 8;
/// Maximum number of damaged downloads of one chunk.
const MAX_DAMAGED: u32 = 3;

/// A chunk that is missing, in this file of the directory.
struct Missing {
    name: String,
    chunk: Chunk,
}

/// How a download of a chunk ended.
enum Written {
    Whole,
    /// The content has the right size and another digest, or is too long.
    Damaged,
    /// The content ended early.
    Cut,
}

/// Fetches the chunks that are missing in the files of a target.
///
/// # Errors
/// The coordinator lacks a chunk or stays away, a chunk is damaged again and again, or a file cannot be
/// written.
pub async fn fetch<L: WeightsLink>(
    files: &[ManifestFile],
    target: &Target<'_>,
    link: &L,
) -> Result<(), WeightsError> {
    if files.is_empty() {
        return Ok(());
    }
    let missing = find_missing(files, target).await?;
    let size = files.iter().map(|file| file.size_bytes).sum();
    let left: u64 = missing.iter().map(|missing| missing.chunk.size_bytes).sum();
    target.progress.begin(Step::Fetching, size);
    target.progress.add(size.saturating_sub(left));
    let queue = Mutex::new(missing.into_iter());
    let lane = || async {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(missing) = next else { return Ok(()) };
            fetch_chunk(missing, target, link).await?;
        }
    };
    try_join_all((0..CONCURRENT).map(|_| lane())).await.map(drop)
}

/// Compares what an earlier fetch has written, and prepares the files.
async fn find_missing(
    files: &[ManifestFile],
    target: &Target<'_>,
) -> Result<Vec<Missing>, WeightsError> {
    let (files, place) = (files.to_vec(), target.place());
    let (guard, owner) = (target.guard.clone(), Alive::default());
    let (alive, progress) = (owner.watch(), target.progress.clone());
    let search = tokio::task::spawn_blocking(move || {
        let _guard = guard;
        let mut missing = Vec::new();
        for file in files {
            for chunk in missing_chunks(&place, &file, &alive, &progress)? {
                missing.push(Missing { name: file.path.clone(), chunk });
            }
        }
        Ok::<_, io::Error>(missing)
    });
    let found = search.await.map_err(io::Error::other).flatten();
    drop(owner);
    found.map_err(|error| WeightsError::cache(target.root, error))
}

fn missing_chunks(
    place: &Place,
    planned: &ManifestFile,
    alive: &Alive,
    progress: &Progress,
) -> io::Result<Vec<Chunk>> {
    let mut file = place.file(&planned.path)?;
    let present = file.metadata()?.len();
    if present > planned.size_bytes {
        file.set_len(planned.size_bytes)?;
    }
    if present > 0 {
        progress.begin(Step::Checking, present);
    }
    let mut missing = Vec::new();
    for chunk in chunks(planned) {
        let is_present = chunk.offset + chunk.size_bytes <= present;
        if !is_present || !has(&mut file, &chunk, alive)? {
            missing.push(chunk);
        } else {
            progress.add(chunk.size_bytes);
        }
    }
    Ok(missing)
}

/// Whether a file has the content of a chunk.
fn has(file: &mut File, chunk: &Chunk, alive: &Alive) -> io::Result<bool> {
    file.seek(SeekFrom::Start(chunk.offset))?;
    let mut content = WhileAlive::new(file.take(chunk.size_bytes), alive);
    Ok(hash(&mut content)?.sha256 == chunk.sha256)
}

async fn fetch_chunk<L: WeightsLink>(
    missing: Missing,
    target: &Target<'_>,
    link: &L,
) -> Result<(), WeightsError> {
    let Missing { name, chunk } = missing;
    let mut patience = Patience::new(target.limits);
    let mut damaged = 0;
    loop {
        let (sender, pieces) = mpsc::channel(PIECES);
        let (guard, planned) = (target.guard.clone(), chunk.clone());
        let (place, file) = (target.place(), name.clone());
        let writing = tokio::task::spawn_blocking(move || {
            let _guard = guard;
            place.file(&file).and_then(|file| write(file, &planned, pieces))
        });
        let receiving = link.weights_chunk(chunk.sha256.clone(), sender);
        let (received, written) = tokio::join!(receiving, writing);
        let written = written.map_err(io::Error::other).flatten();
        let reason =
            match (written.map_err(|error| WeightsError::cache(target.root, error))?, received) {
                (Written::Whole, _) => {
                    target.progress.add(chunk.size_bytes);
                    return Ok(());
                }
                (Written::Damaged, _) => {
                    damaged += 1;
                    if damaged >= MAX_DAMAGED {
                        return Err(WeightsError::Corrupt { file: name, tries: damaged });
                    }
                    "a chunk was damaged on its way".to_owned()
                }
                (Written::Cut, Ok(())) => "the answer ended early".to_owned(),
                (Written::Cut, Err(LinkError::Away(reason))) => reason,
                (Written::Cut, Err(error)) => {
                    return Err(WeightsError::Link { key: target.key.to_owned(), error });
                }
            };
        tracing::warn!(
            file = name,
            offset = chunk.offset,
            reason,
            "fetching a chunk of weights again"
        );
        if !patience.wait(target.progress.done(), None).await {
            return Err(WeightsError::Stalled { file: name, after: target.limits.stall, reason });
        }
    }
}

/// Writes the pieces of a chunk as they come, on a thread for this purpose.
fn write(mut file: File, chunk: &Chunk, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<Written> {
    file.seek(SeekFrom::Start(chunk.offset))?;
    let mut file = DirectFile::new(file);
    let (mut hasher, mut size) = (Sha256::new(), 0);
    while let Some(piece) = pieces.blocking_recv() {
        if size + piece.len() as u64 > chunk.size_bytes {
            return Ok(Written::Damaged);
        }
        file.append(&piece)?;
        hasher.update(&piece);
        size += piece.len() as u64;
    }
    file.finish()?;
    let digest = hexadecimal(&hasher.finalize());
    Ok(match size == chunk.size_bytes {
        true if digest == chunk.sha256 => Written::Whole,
        true => Written::Damaged,
        false => Written::Cut,
    })
}
