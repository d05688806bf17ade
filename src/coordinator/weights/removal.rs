//! Removal of stored weights: on request, when space is short, and of chunks that no manifest names.
//!
//! Promises: a chunk that a record still names is not removed; weights whose record was removed may
//! leave chunks behind when the process ends in between, which [`WeightsStore::collect`] removes.

use super::record::Record;
use super::{HOLD, REMOVAL_HOLD, WeightsError, WeightsStore, chunks};
use crate::blobs::{BlobDigest, BlobError, BlobStore};
use crate::domain::time::{Millis, Timestamp};
use crate::domain::weights::Manifest;
use crate::sys::clock::file_time;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

/// Time for which chunks and manifests are kept that no record names: a push may continue.
pub const GRACE: Duration = Duration::from_hours(24);
/// After a removal that made too little room, another one within this time is not tried: it reads the
/// names of all chunks.
const RETRY_INTERVAL: Millis = Millis::from_secs(1);
/// No file was stored later than this time from now.
const NEVER: Duration = Duration::from_hours(24 * 365 * 100);

/// Number of stored weights that name each chunk.
type Uses = HashMap<[u8; 32], u32>;

impl WeightsStore {
    /// Removes the weights of a manifest with the chunks that no other manifest names. Returns the freed
    /// bytes; `None` if they are not stored.
    ///
    /// # Errors
    /// They were used within [`REMOVAL_HOLD`], or the storage cannot be used.
    pub fn remove(&self, digest: &BlobDigest, now: Timestamp) -> Result<Option<u64>, WeightsError> {
        let _changes = self.changes();
        let used_at = self.state().records.get(digest).map(|record| record.used_at);
        let Some(used_at) = used_at else { return Ok(None) };
        if now.since(used_at) < REMOVAL_HOLD {
            return Err(WeightsError::JustUsed(digest.clone()));
        }
        let mut uses = self.uses()?;
        self.remove_weights(digest, &mut uses).map(Some)
    }

    /// Removes chunks of interrupted pushes, then weights that are neither `needed` nor held, those whose
    /// last use is the longest ago first, until `fits` is true. Returns whether it is.
    ///
    /// # Errors
    /// The storage cannot be used.
    pub fn make_room(
        &self,
        fits: &dyn Fn() -> bool,
        needed: &dyn Fn(&BlobDigest) -> bool,
        now: Timestamp,
    ) -> Result<bool, WeightsError> {
        if fits() {
            return Ok(true);
        }
        let _changes = self.changes();
        let exhausted = self.state().exhausted_at;
        if exhausted.is_some_and(|at| now.since(at) < RETRY_INTERVAL) {
            return Ok(fits());
        }
        let mut uses = self.uses()?;
        self.collect_unnamed(&uses, file_time())?;
        let mut candidates: Vec<(BlobDigest, Record)> = self.list();
        candidates.retain(|(digest, record)| !needed(digest) && !is_held(record, now));
        // A manifest alone uses hardly any space.
        candidates.sort_by_key(|(_, record)| (record.in_place, record.used_at));
        for (digest, _) in candidates {
            if fits() {
                return Ok(true);
            }
            // It may have been used since the list was made.
            let is_free =
                self.state().records.get(&digest).is_some_and(|record| !is_held(record, now));
            if is_free {
                let freed = self.remove_weights(&digest, &mut uses)?;
                tracing::info!(%digest, freed, "removed weights that no open test needs, to make room");
            }
        }
        let made = fits();
        self.state().exhausted_at = Some(now).filter(|_| !made);
        Ok(made)
    }

    /// Removes the chunks and manifests that no record names, and that were not stored or asked for
    /// within [`GRACE`]. Returns the freed bytes.
    ///
    /// # Errors
    /// The storage cannot be used.
    pub fn collect(&self, now: SystemTime) -> Result<u64, WeightsError> {
        let _changes = self.changes();
        let freed = self.collect_unnamed(&self.uses()?, now)?;
        self.count()?;
        Ok(freed)
    }

    fn collect_unnamed(&self, uses: &Uses, now: SystemTime) -> Result<u64, BlobError> {
        let before = now.checked_sub(GRACE).unwrap_or(SystemTime::UNIX_EPOCH);
        let known: HashSet<BlobDigest> =
            self.list().into_iter().map(|(digest, _)| digest).collect();
        let mut freed = 0;
        for group in 0..=u8::MAX {
            self.chunks.remove_partial(group, before)?;
            self.manifests.remove_partial(group, before)?;
            let mut unnamed = Vec::new();
            self.chunks.list(group, &mut |stored| {
                if stored.renewed < before && !uses.contains_key(&stored.digest.to_bytes()) {
                    unnamed.push(stored.digest);
                }
            })?;
            for digest in unnamed {
                freed += self.chunks.remove(&digest, before)?.unwrap_or(0);
            }
            let mut unnamed = Vec::new();
            self.manifests.list(group, &mut |stored| {
                if stored.renewed < before && !known.contains(&stored.digest) {
                    unnamed.push(stored.digest);
                }
            })?;
            for digest in unnamed {
                freed += self.manifests.remove(&digest, before)?.unwrap_or(0);
            }
        }
        self.subtract(freed);
        Ok(freed)
    }

    /// Counts the uses of each chunk.
    fn uses(&self) -> Result<Uses, WeightsError> {
        let mut uses = Uses::new();
        for (digest, record) in self.list() {
            let manifest = if record.in_place { None } else { self.readable(&digest)? };
            for chunk in manifest.iter().flat_map(chunks) {
                *uses.entry(chunk.digest.to_bytes()).or_default() += 1;
            }
        }
        Ok(uses)
    }

    /// A manifest; `None` if it is damaged. Nobody can use its chunks then, so they count as unnamed.
    fn readable(&self, digest: &BlobDigest) -> Result<Option<Manifest>, WeightsError> {
        match self.read_manifest(digest) {
            Err(error) if error.is_damage() => {
                tracing::error!(%digest, %error, "weights cannot be used; push them again");
                Ok(None)
            }
            manifest => manifest.map(Some),
        }
    }

    fn remove_weights(&self, digest: &BlobDigest, uses: &mut Uses) -> Result<u64, WeightsError> {
        let in_place = self.state().records.get(digest).is_none_or(|record| record.in_place);
        let manifest = if in_place { None } else { self.readable(digest)? };
        self.state().records.remove(digest)?;
        let any_time = file_time() + NEVER;
        let mut freed = self.manifests.remove(digest, any_time)?.unwrap_or(0);
        for chunk in manifest.iter().flat_map(chunks) {
            let name = chunk.digest.to_bytes();
            let left = uses.get(&name).copied().unwrap_or(1).saturating_sub(1);
            if left > 0 {
                uses.insert(name, left);
                continue;
            }
            uses.remove(&name);
            freed += self.chunks.remove(&chunk.digest, any_time)?.unwrap_or(0);
            self.state().damaged.remove(&chunk.digest);
        }
        self.subtract(freed);
        Ok(freed)
    }
}

/// Whether weights were used so recently that a submission may follow.
fn is_held(record: &Record, now: Timestamp) -> bool {
    now.since(record.used_at) < HOLD
}
