//! Pushes weights: asks which chunks are missing, sends them, and stores the manifest.
//!
//! Limits: [`UPLOADS`] chunks are sent at the same time; a coordinator that is no longer reachable is tried
//! again for [`PATIENCE`]; [`MAX_ROUNDS`] rounds. Promises: chunks that the coordinator has are not sent; a push
//! that was interrupted continues where it ended when it is repeated; when [`Client::push_weights`]
//! returns, the weights are stored durably.

use crate::api::error::Code;
use crate::api::v1::weights::{MAX_NAME_BYTES, PushQuery};
use crate::client::error::ClientError;
use crate::client::http::{Client, Payload};
use crate::domain::weights::{CHUNK_BYTES, Manifest};
use crate::models::weights::Root;
use crate::plan::folders::PushedWeights;
use futures::stream::{self, StreamExt};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Number of chunks that are sent at the same time.
const UPLOADS: usize = 4;
/// Maximum number of times that the coordinator is asked for missing chunks after an answer.
const MAX_ROUNDS: u32 = 3;
/// Time for which an unreachable coordinator, which may be restarting, is tried again.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause before such a try.
const PAUSE: Duration = Duration::from_millis(500);

/// The progress of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushing {
    /// Bytes that were sent.
    pub sent: u64,
    /// Bytes that will have been sent at the end. The rest of the files was already stored.
    pub goal: u64,
    /// Size of all files in bytes.
    pub size: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The content is not that of which the manifest was made.
    #[error("{path} has changed since its digest was computed")]
    Changed { path: PathBuf },
    /// Chunks were removed as fast as they were sent.
    #[error("the coordinator still lacks chunks after all of them were sent {MAX_ROUNDS} times")]
    NeverComplete,
}

/// A place in the files where the content of a chunk is.
#[derive(Debug, Clone)]
struct Place {
    file: PathBuf,
    offset: u64,
    size: u64,
}

/// A push that is under way.
struct Push<'a> {
    client: &'a Client,
    sha256: String,
    manifest: Payload,
    query: PushQuery,
    places: HashMap<&'a str, Place>,
    /// Size of all files in bytes.
    size: u64,
    /// Number of bytes that were sent.
    sent: AtomicU64,
    /// Whether the coordinator has answered.
    answered: AtomicBool,
    progress: &'a (dyn Fn(Pushing) + Sync),
}

impl Client {
    /// Stores weights at the coordinator. Repeating the call is harmless.
    ///
    /// # Errors
    /// The coordinator refuses them or cannot be reached, or a file cannot be read or has changed.
    pub async fn push_weights(
        &self,
        weights: &PushedWeights,
        progress: &(dyn Fn(Pushing) + Sync),
    ) -> Result<(), PushError> {
        let push = Push {
            client: self,
            sha256: weights.manifest.digest(),
            manifest: Payload::Json(weights.manifest.canonical().into_bytes()),
            query: PushQuery { name: shortened(&weights.name), in_place: weights.in_place },
            places: places(&weights.manifest, &weights.root),
            size: weights.manifest.size_bytes(),
            sent: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            progress,
        };
        push.run().await
    }
}

impl Push<'_> {
    async fn run(&self) -> Result<(), PushError> {
        let (mut round, mut tried) = (1, None);
        loop {
            let error = match self.round().await {
                Err(PushError::Client(error)) => error,
                done => return done,
            };
            if is_incomplete(&error) {
                if round == MAX_ROUNDS {
                    return Err(PushError::NeverComplete);
                }
                round += 1;
            } else if error.is_temporary() && self.may_answer(&error) {
                // The time begins anew after each chunk that was sent.
                let sent = self.sent.load(Relaxed);
                let (_, since) = *tried.take_if(|(before, _)| *before == sent).get_or_insert_with(|| {
                    tracing::warn!(%error, "the push is interrupted; trying again for {PATIENCE:?}");
                    (sent, now())
                });
                if since.elapsed() >= PATIENCE {
                    return Err(error.into());
                }
                tried = Some((sent, since));
                tokio::time::sleep(PAUSE).await;
            } else {
                return Err(error.into());
            }
        }
    }

    /// Whether a coordinator with this temporary error may answer later. An address at which none has ever
    /// answered is usually wrong.
    fn may_answer(&self, error: &ClientError) -> bool {
        self.answered.load(Relaxed) || error.refusal().is_some()
    }

    /// Sends what is missing, then the manifest.
    async fn round(&self) -> Result<(), PushError> {
        let Self { client, sha256, manifest, query, .. } = self;
        if !query.in_place {
            let missing = client.missing_chunks(sha256, manifest).await?;
            self.answered.store(true, Relaxed);
            let goal = self.sent.load(Relaxed) + missing.size_bytes;
            self.report(0, goal);
            let mut uploads = stream::iter(&missing.chunks)
                .map(|chunk| self.send_chunk(chunk))
                .buffer_unordered(UPLOADS);
            while let Some(size) = uploads.next().await {
                self.report(size?, goal);
            }
        }
        Ok(client.put_manifest(sha256, manifest, query).await?)
    }

    fn report(&self, more: u64, goal: u64) {
        let sent = self.sent.fetch_add(more, Relaxed) + more;
        (self.progress)(Pushing { sent, goal, size: self.size });
    }

    /// Sends one chunk, and returns its size.
    async fn send_chunk(&self, chunk: &str) -> Result<u64, PushError> {
        let Some(Place { file, offset, size }) = self.places.get(chunk) else {
            let what = format!("the chunks that are missing for {}", self.sha256);
            let reason = format!("{chunk} is not a chunk of these weights");
            return Err(ClientError::BadResponse { what, reason }.into());
        };
        match self.client.put_chunk(chunk, file, *offset, *size).await {
            Ok(()) => Ok(*size),
            Err(error) if is_mismatch(&error) || has_become_shorter(file, offset + size) => {
                Err(PushError::Changed { path: file.clone() })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The place of each chunk of a manifest. A chunk that occurs several times has one place.
fn places<'a>(manifest: &'a Manifest, root: &Root) -> HashMap<&'a str, Place> {
    let mut places = HashMap::new();
    for file in &manifest.files {
        for (number, chunk) in (0..).zip(file.chunk_digests()) {
            let offset = number * CHUNK_BYTES;
            let size = CHUNK_BYTES.min(file.size_bytes - offset);
            let place = || Place { file: root.place(&file.path), offset, size };
            places.entry(chunk.as_str()).or_insert_with(place);
        }
    }
    places
}

/// The coordinator lacks chunks of the manifest: they were removed meanwhile.
fn is_incomplete(error: &ClientError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.body.code == Code::MissingFile)
}

/// The content of the chunk has another digest.
fn is_mismatch(error: &ClientError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.body.code == Code::Unprocessable)
}

fn has_become_shorter(file: &Path, end: u64) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.len() < end)
}

fn shortened(name: &str) -> String {
    let mut end = name.len().min(MAX_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].chars().filter(|c| !c.is_control()).collect()
}

fn now() -> Instant {
    Instant::now()
}
