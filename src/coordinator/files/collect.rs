//! Removes stored files that no record, no row and no state names, and what interrupted uploads left.
//!
//! Runs on its own thread: the first time 10 min after the start, then every [`INTERVAL`].
//!
//! Limits: at most half of one core; at most [`MAX_CANDIDATES`] files are considered at a time, about
//! 50 bytes of memory each. Promises: a file is removed only if it was neither stored nor found by a
//! client within [`GRACE`] before the search began, and everything that can name a file was read
//! completely. Otherwise nothing is removed.

use super::names::{Name, Names};
use super::space::Space;
use crate::blobs::{BlobDigest, BlobError, BlobStore, RENEWAL_INTERVAL};
use crate::coordinator::health::{Health, Part};
use crate::coordinator::mailbox::{Mailbox, MailboxError};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::projector::Progress;
use crate::coordinator::weights::WeightsStore;
use crate::domain::causes::with_causes;
use crate::log::{LogError, LogReader, Sequence};
use crate::results::Reader;
use crate::results::render::figures::{bytes, counted};
use crate::scheduler::Scheduler;
use crate::store::StoreError;
use crate::sys::clock::file_time;
use crate::sys::ids;
use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;

const INTERVAL: Duration = Duration::from_hours(24);
/// Time for which a file is kept that nothing names yet.
pub(crate) const GRACE: Duration = Duration::from_hours(24);
/// Maximum number of files that are considered in one search. The next one begins elsewhere.
const MAX_CANDIDATES: usize = 1_000_000;
/// Number of facts that are read before a pause.
const PAGE_FACTS: usize = 2_000;
/// Number of files that are removed before a pause.
const PAGE_FILES: usize = 100;

const _: () =
    assert!(RENEWAL_INTERVAL.as_secs() * 4 < GRACE.as_secs(), "a renewal outlasts a search");

#[derive(Debug, thiserror::Error)]
enum CollectError {
    #[error(transparent)]
    Blobs(#[from] BlobError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Results(#[from] StoreError),
    #[error("cannot read the state: {0}")]
    State(MailboxError),
    #[error("cannot encode a record: {0}")]
    Encode(#[from] std::io::Error),
    #[error("the results database is not complete")]
    Incomplete,
    #[error("the coordinator is stopping")]
    Stopping,
}

/// The result of a search.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Collected {
    /// Number and size in bytes of the removed files.
    files: u64,
    bytes: u64,
    /// Number of removed parts of interrupted uploads.
    partial: u64,
}

/// The parts of the coordinator that a search uses.
pub(crate) struct Collector {
    pub blobs: Arc<dyn BlobStore>,
    pub weights: Arc<WeightsStore>,
    pub log: Arc<dyn LogReader>,
    pub results: Reader,
    pub mailbox: Mailbox,
    pub runtime: Handle,
    pub progress: Arc<Progress>,
    pub health: Arc<Health>,
    pub space: Arc<Space>,
    pub metrics: Arc<Metrics>,
    /// Time to the first search.
    pub first_after: Duration,
}

/// Ends a wait when the coordinator stops: the other end is dropped then.
struct Stop(Receiver<()>);

impl Stop {
    /// Waits, unless the coordinator stops.
    fn wait(&self, time: Duration) -> Result<(), CollectError> {
        match self.0.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(CollectError::Stopping),
        }
    }

    /// Waits for as long as the work since `start` took.
    fn rest(&self, start: &mut Instant) -> Result<(), CollectError> {
        self.wait(start.elapsed())?;
        *start = Instant::now();
        Ok(())
    }
}

impl Collector {
    /// Runs until the other end of `stop` is dropped.
    pub fn run(&self, stop: Receiver<()>) {
        let stop = Stop(stop);
        match self.count(&stop) {
            Ok(()) => {}
            Err(CollectError::Stopping) => return,
            Err(error) => {
                let reason = with_causes(&error);
                tracing::warn!(%reason, "cannot measure the stored files; the next search tries again");
            }
        }
        let mut wait = self.first_after;
        while stop.wait(wait).is_ok() {
            wait = INTERVAL;
            self.collect_weights();
            let found = self.collect(&stop, file_time());
            if matches!(found, Err(CollectError::Stopping)) {
                return;
            }
            self.metrics.file_searches.fetch_add(1, Relaxed);
            match found {
                Ok(Collected { files: 0, partial: 0, .. }) => {}
                Ok(Collected { files, bytes: size, partial }) => tracing::info!(
                    size = bytes(size as f64),
                    partial,
                    "removed {} that nothing names",
                    counted(files, "stored file")
                ),
                Err(error) => {
                    self.metrics.file_searches_failed.fetch_add(1, Relaxed);
                    let reason = with_causes(&error);
                    tracing::warn!(%reason, "stored files that nothing names are not removed now");
                }
            }
        }
    }

    /// Removes what interrupted pushes of weights left.
    fn collect_weights(&self) {
        match self.weights.collect(file_time()) {
            Ok(0) => {}
            Ok(freed) => {
                let size = bytes(freed as f64);
                tracing::info!(size, "removed chunks of weights that were never completed");
            }
            Err(error) => {
                let reason = with_causes(&error);
                tracing::warn!(%reason, "chunks of weights that nothing names are not removed now");
            }
        }
    }

    /// Measures the stored files.
    fn count(&self, stop: &Stop) -> Result<(), CollectError> {
        let (mut sum, mut start) = (0, Instant::now());
        for group in 0..=u8::MAX {
            self.blobs.list(group, &mut |stored| sum += stored.size)?;
            stop.rest(&mut start)?;
        }
        self.space.files_counted(sum);
        Ok(())
    }

    fn collect(&self, stop: &Stop, now: SystemTime) -> Result<Collected, CollectError> {
        let before = now.checked_sub(GRACE).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut collected = Collected::default();
        // Files of results whose loss was accepted stay for the grace: the log may still be found.
        if self.blobs.adopted()?.is_some_and(|adopted| adopted >= before) {
            self.count(stop)?;
            return Ok(collected);
        }
        let mut candidates = self.candidates(stop, before, &mut collected)?;
        if candidates.is_empty() {
            return Ok(collected);
        }
        self.spare_named(stop, &mut candidates)?;
        let mut start = Instant::now();
        for (number, name) in candidates.iter().enumerate() {
            if number % PAGE_FILES == PAGE_FILES - 1 {
                stop.rest(&mut start)?;
            }
            if let Some(size) = self.blobs.remove(&BlobDigest::from_hash(name), before)? {
                collected.files += 1;
                collected.bytes += size;
                self.space.removed(size);
                self.metrics.collected_files.fetch_add(1, Relaxed);
                self.metrics.collected_bytes.fetch_add(size, Relaxed);
            }
        }
        Ok(collected)
    }

    /// The files that were neither stored nor renewed since `before`. Removes old parts of uploads.
    fn candidates(
        &self,
        stop: &Stop,
        before: SystemTime,
        collected: &mut Collected,
    ) -> Result<HashSet<Name>, CollectError> {
        let (mut candidates, mut sum) = (HashSet::new(), 0);
        let mut start = Instant::now();
        // Elsewhere each time, so that files beyond the maximum number have their turn.
        let first = (ids::fraction() * 256.0) as u8;
        for offset in 0..=u8::MAX {
            let group = first.wrapping_add(offset);
            collected.partial += self.blobs.remove_partial(group, before)?;
            self.blobs.list(group, &mut |stored| {
                sum += stored.size;
                if stored.renewed < before && candidates.len() < MAX_CANDIDATES {
                    candidates.insert(stored.digest.to_bytes());
                }
            })?;
            stop.rest(&mut start)?;
        }
        self.space.files_counted(sum);
        Ok(candidates)
    }

    /// Takes out of `candidates` everything that is named somewhere.
    fn spare_named(&self, stop: &Stop, candidates: &mut HashSet<Name>) -> Result<(), CollectError> {
        let base = self.records(stop, candidates)?;
        if base == 0 {
            return Ok(());
        }
        // What the removed records named is in the state or in the results database.
        if self.health.has_failed(Part::Projection) || self.progress.projected() < base {
            return Err(CollectError::Incomplete);
        }
        let mut names = Names::new(|name: &Name| {
            candidates.remove(name);
        });
        let read = self.mailbox.ask(|scheduler: &Scheduler, _| scheduler.snapshot());
        let state = self.runtime.block_on(read).map_err(CollectError::State)?;
        for piece in state.pieces() {
            names.write_all(&piece)?;
        }
        self.results.named_digests(&mut |text| {
            // The writer never fails.
            let _ = names.write_all(text.as_bytes()).and_then(|()| names.write_all(b" "));
        })?;
        if self.health.has_failed(Part::Projection) {
            return Err(CollectError::Incomplete);
        }
        Ok(())
    }

    /// Takes out everything that the records of the log name. Returns the number of the last record
    /// that a compaction has removed.
    fn records(
        &self,
        stop: &Stop,
        candidates: &mut HashSet<Name>,
    ) -> Result<Sequence, CollectError> {
        let mut names = Names::new(|name: &Name| {
            candidates.remove(name);
        });
        let (mut base, mut after) = (0, 0);
        let mut start = Instant::now();
        loop {
            let (mut facts_read, mut encoded) = (0, Ok(()));
            let last = after;
            // A page at a time: an open read would keep the log from using the space of old pages.
            let page = self.log.replay(after, &mut |sequence, facts| {
                after = sequence;
                facts_read += facts.len();
                for fact in &facts {
                    let written = serde_json::to_writer(&mut names, fact);
                    encoded = std::mem::replace(&mut encoded, Ok(())).and(written);
                }
                facts_read < PAGE_FACTS
            });
            match page {
                Err(LogError::Compacted { base: removed, .. }) if base == 0 && after == 0 => {
                    (base, after) = (removed, removed);
                    continue;
                }
                page => page?,
            }
            encoded.map_err(std::io::Error::from)?;
            if after == last {
                return Ok(base);
            }
            stop.rest(&mut start)?;
        }
    }
}
