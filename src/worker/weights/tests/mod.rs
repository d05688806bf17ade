//! Weights of a stand-in for the coordinator: damaged, cut, stopped, restarted, full, shared.

use crate::domain::digest::sha256_hex;
use crate::domain::retry::backoff::Backoff;
use crate::domain::weights::{CHUNK_BYTES, Manifest, ManifestFile, Weights};
use crate::worker::link::{LinkError, WeightsLink};
use crate::worker::variables::Variables;
use crate::worker::weights::error::WeightsError;
use crate::worker::weights::limit::{CacheLimit, CacheSettings};
use crate::worker::weights::patience::Limits;
use crate::worker::weights::sources::{ReadyWeights, WeightSources};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

mod cache;
mod hub;
mod travel;

/// Coordinator in memory.
pub struct StandIn {
    state: Mutex<State>,
    /// Number of chunks that may be answered.
    permits: Semaphore,
}

#[derive(Default)]
struct State {
    manifests: BTreeMap<String, Manifest>,
    chunks: BTreeMap<String, Vec<u8>>,
    /// Treatment of the next answers.
    next: Vec<Fault>,
    /// Treatment of all answers without another one.
    always: Option<Fault>,
    /// Requests of chunks, in order.
    requests: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A bit is flipped on the way.
    Flipped,
    /// The content ends after half of the chunk.
    Cut,
    /// The content is longer than the chunk.
    Long,
    Away,
}

impl StandIn {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), permits: Semaphore::new(Semaphore::MAX_PERMITS) })
    }

    /// Stores a directory of weights.
    pub fn store(&self, files: &[(&str, &[u8])]) -> Weights {
        let mut state = self.state.lock().expect("a lock");
        let size = usize::try_from(CHUNK_BYTES).expect("small");
        let listed = files.iter().map(|(path, content)| {
            let chunks: Vec<_> = content.chunks(size).map(<[u8]>::to_vec).collect();
            let digests: Vec<String> = chunks.iter().map(|chunk| sha256_hex(chunk)).collect();
            state.chunks.extend(digests.iter().cloned().zip(chunks));
            ManifestFile {
                path: (*path).to_owned(),
                sha256: sha256_hex(content),
                size_bytes: content.len() as u64,
                chunks: if digests.len() > 1 { digests } else { Vec::new() },
            }
        });
        let manifest = Manifest::new(listed.collect()).expect("a manifest");
        let (digest, size_bytes) = (manifest.digest(), manifest.size_bytes());
        state.manifests.insert(digest.clone(), manifest);
        Weights::Folder { manifest: digest, size_bytes, path: "/submitted".into(), in_place: false }
    }

    pub fn fail(&self, next: &[Fault]) {
        self.state.lock().expect("a lock").next = next.to_vec();
    }

    pub fn always_fail(&self, fault: Option<Fault>) {
        self.state.lock().expect("a lock").always = fault;
    }

    pub fn requests(&self) -> usize {
        self.state.lock().expect("a lock").requests.len()
    }
}

impl WeightsLink for StandIn {
    async fn weights_manifest(&self, sha256: String) -> Result<Manifest, LinkError> {
        let found = self.state.lock().expect("a lock").manifests.get(&sha256).cloned();
        found.ok_or_else(|| LinkError::Refused("no such manifest".into()))
    }

    async fn weights_chunk(
        &self,
        sha256: String,
        pieces: mpsc::Sender<Bytes>,
    ) -> Result<(), LinkError> {
        let permit = self.permits.acquire().await.expect("open");
        permit.forget();
        let (chunk, fault) = {
            let mut state = self.state.lock().expect("a lock");
            state.requests.push(sha256.clone());
            let fault = state.next.pop().or(state.always);
            (state.chunks.get(&sha256).cloned(), fault)
        };
        let mut chunk = chunk.ok_or_else(|| LinkError::Refused("no such chunk".into()))?;
        match fault {
            Some(Fault::Flipped) => *chunk.last_mut().expect("not empty") ^= 1,
            Some(Fault::Cut) => chunk.truncate(chunk.len() / 2),
            Some(Fault::Long) => chunk.push(0),
            Some(Fault::Away) => return Err(LinkError::Away("restarting".into())),
            None => {}
        }
        for piece in chunk.chunks(1 << 20) {
            if pieces.send(Bytes::copy_from_slice(piece)).await.is_err() {
                break;
            }
        }
        match fault {
            Some(Fault::Cut) => Err(LinkError::Away("the connection was closed".into())),
            _ => Ok(()),
        }
    }
}

/// Content that does not repeat, so that equal chunks have equal positions.
pub fn content(size: u64) -> Vec<u8> {
    (0..size.div_ceil(8))
        .flat_map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes())
        .take(usize::try_from(size).expect("small"))
        .collect()
}

/// Sources of a worker with this cache, which tries for longer than a test may take.
pub fn sources(link: &Arc<StandIn>, root: &Path, limit: CacheLimit) -> Arc<WeightSources<StandIn>> {
    with_patience(link, root, limit, Duration::from_secs(60))
}

/// Sources of a worker that gives up after `patience`.
pub fn with_patience(
    link: &Arc<StandIn>,
    root: &Path,
    limit: CacheLimit,
    patience: Duration,
) -> Arc<WeightSources<StandIn>> {
    let settings =
        CacheSettings { directory: root.to_owned(), limit, digests: root.join("digests") };
    let millis = Duration::from_millis;
    let backoff = Backoff { first: millis(1), max: millis(5) };
    let limits = Limits { stall: patience, room: patience, backoff };
    Arc::new(WeightSources::new(link.clone(), settings, Err("offline".into())).with_limits(limits))
}

/// Provides weights as an attempt does.
pub async fn ensure(
    sources: &WeightSources<StandIn>,
    weights: &Weights,
) -> Result<ReadyWeights, WeightsError> {
    let variables = Variables::new();
    sources.ensure(weights, &variables, &sources.fetch(weights)).await
}

pub fn path(ready: &ReadyWeights) -> &PathBuf {
    ready.path.as_ref().expect("a directory")
}
