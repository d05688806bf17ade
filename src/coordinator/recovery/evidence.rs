//! Evidence of the parts beside the event log about lost records. Changes nothing.

use crate::blobs::{self, FileBlobs};
use crate::coordinator::weights;
use crate::domain::causes::with_causes;
use crate::domain::storage_id::StorageId;
use crate::log::{self, ReadOnlyLog, Sequence, StoredSnapshot, WitnessFinding};
use crate::results::uncompared;
use crate::scheduler::Scheduler;
use crate::store::archive::{self, Archive};
use crate::store::{self, Checked, StoreError};
use std::error::Error;
use std::path::Path;

/// Numbers of runs, workers and leases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub next_run: u32,
    pub next_worker: u32,
    /// The greatest epoch.
    pub epoch: u64,
}

impl Numbers {
    pub fn of(scheduler: &Scheduler) -> Self {
        let (next_run, next_worker) = scheduler.next_numbers();
        Self { next_run, next_worker, epoch: scheduler.epoch().0 }
    }

    pub fn max(self, other: Self) -> Self {
        Self {
            next_run: self.next_run.max(other.next_run),
            next_worker: self.next_worker.max(other.next_worker),
            epoch: self.epoch.max(other.epoch),
        }
    }
}

/// The facts that the parts prove.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The greatest number of a record.
    pub seen: Sequence,
    /// Greatest numbers in use; `None` if no part shows them.
    pub numbers: Option<Numbers>,
    /// The last record that `numbers` cover.
    covered: Sequence,
    /// The last record of which the witness knows.
    witnessed: Option<Sequence>,
    /// The identities of the parts.
    identities: Vec<StorageId>,
    /// The witness or the results database contradicts the log.
    has_diverged: bool,
    /// Parts that cannot be read, with the reason.
    pub unreadable: Vec<String>,
}

impl Evidence {
    /// Reads the parts. `identity`: content of the file `identity`.
    pub fn gather(data_dir: &Path, identity: Option<StorageId>) -> Self {
        let mut evidence = Self::default();
        evidence.identities.extend(identity);
        evidence.witness(data_dir);
        evidence.snapshot(data_dir);
        evidence.database(&data_dir.join(store::FILE_NAME));
        evidence.archive(&data_dir.join(archive::DIRECTORY));
        for root in [data_dir.join(blobs::DIRECTORY), weights::root(data_dir)] {
            match FileBlobs::stored_identity(&root) {
                Ok(identity) => evidence.identities.extend(identity),
                Err(error) => evidence.unreadable(&error),
            }
        }
        evidence
    }

    /// Whether the log, with this identity and last record, is not the one of the parts, or has lost
    /// records.
    pub fn contradicts(&self, identity: StorageId, last: Sequence) -> bool {
        self.has_diverged
            || self.seen > last
            || self.identities.iter().any(|other| *other != identity)
    }

    /// Whether `numbers` cover all records that existed, as far as the witness knows. `last`: last
    /// record of the log. A witness that is not ahead of it may have been replaced, too.
    pub fn is_complete(&self, last: Sequence) -> bool {
        self.witnessed.is_some_and(|witnessed| witnessed > last && witnessed <= self.covered)
    }

    fn unreadable(&mut self, error: &dyn Error) {
        self.unreadable.push(with_causes(error));
    }

    fn add(&mut self, at: Sequence, numbers: Option<Numbers>) {
        self.seen = self.seen.max(at);
        if let Some(numbers) = numbers {
            self.covered = self.covered.max(at);
            self.numbers = Some(self.numbers.unwrap_or_default().max(numbers));
        }
    }

    fn witness(&mut self, data_dir: &Path) {
        if let Some(testimony) = log::read_testimony(data_dir) {
            self.witnessed = Some(testimony.mark.sequence);
            self.add(testimony.mark.sequence, None);
        }
        // A log that cannot be opened is reported by the caller.
        let Ok(log) = ReadOnlyLog::open(data_dir) else { return };
        match log.check_witness() {
            Ok(finding) => self.has_diverged = matches!(finding, WitnessFinding::Differs { .. }),
            Err(error) => self.unreadable(&error),
        }
    }

    fn snapshot(&mut self, data_dir: &Path) {
        let StoredSnapshot { identity, snapshot: (at, pieces) } =
            match log::read_snapshot_file(data_dir) {
                Ok(Some(stored)) => stored,
                Ok(None) => return,
                Err(error) => return self.unreadable(&error),
            };
        self.identities.push(identity);
        match Scheduler::restore(pieces.into_iter()) {
            Ok(state) => self.add(at, Some(Numbers::of(&state))),
            Err(error) => {
                self.add(at, None);
                self.unreadable(&error);
            }
        }
    }

    fn archive(&mut self, archives: &Path) {
        match Archive::newest(archives) {
            Ok(None) => {}
            Ok(Some(Archive { manifest, .. })) => {
                self.identities.push(manifest.identity);
                self.add(manifest.watermark, None);
            }
            Err(error) => self.unreadable(&error),
        }
    }

    fn database(&mut self, path: &Path) {
        let read = || -> Result<_, StoreError> {
            let database = Checked::open(path)?;
            let numbers = database.numbers()?;
            Ok((database.identity, database.watermark, numbers))
        };
        match read() {
            Ok((identity, watermark, numbers)) => {
                self.identities.extend(identity);
                let numbers = Numbers {
                    next_run: numbers.run.saturating_add(1),
                    next_worker: numbers.worker.saturating_add(1),
                    epoch: numbers.epoch,
                };
                self.add(watermark, Some(numbers));
                match uncompared::limit(path.parent().unwrap_or(Path::new("")), watermark) {
                    Ok(limit) => self.has_diverged |= limit < watermark,
                    Err(error) => self.unreadable(&error),
                }
            }
            Err(StoreError::Missing(_)) => {}
            Err(error) => self.unreadable(&error),
        }
    }
}
