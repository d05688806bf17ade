//! The space that the data directory may use: the reserve of free disk space and the maximum size of
//! the directory.
//!
//! Promises: uploads and submissions are refused before the disk is full, so that the event log can
//! still store results; workers may use half of the reserve, and exceed the maximum size by 5 %, for the
//! files of running tests. Nothing is
//! refused for long after space is free again: the state is measured every [`MEASURE_INTERVAL`], and
//! the free space for each request. The size of the stored files is counted, not measured: their
//! directory is listed after the start and once a day.

use crate::api::error::Code;
use crate::coordinator::health::{Health, Part};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::settings::StorageLimits;
use crate::coordinator::weights;
use crate::results::render::figures::bytes;
use crate::sys::disk::DiskSpace;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Interval between two measurements.
pub(crate) const MEASURE_INTERVAL: Duration = Duration::from_secs(5);
/// The default reserve of free disk space, in bytes, unless this part of the disk is less.
const DEFAULT_RESERVE: u64 = 1 << 30;
const DEFAULT_RESERVE_PART: u64 = 20;
/// The files of results may exceed the maximum size of the data directory by this part of it.
const RESULTS_PART: u64 = 20;
/// Size of the file whose writing shows that a full disk has space again, in bytes.
const PROBE_BYTES: usize = 1 << 20;
/// Free space from which such a file is written, in bytes.
const MIN_PROBED_BYTES: u64 = 8 << 20;
/// Maximum depth of directories whose files are measured.
const MAX_DEPTH: u32 = 4;

/// The kind of data to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// New work: submissions, their files, templates.
    Work,
    /// The files of results.
    Results,
}

/// The space of one data directory.
#[derive(Debug)]
pub(crate) struct Space {
    data_dir: PathBuf,
    limits: StorageLimits,
    /// Size of the stored files, in bytes.
    files: AtomicU64,
    /// Size of the stored weights, in bytes.
    weights: Arc<AtomicU64>,
    /// Size of everything else, in bytes.
    others: AtomicU64,
    /// Announced or received bytes of uploads that are not stored yet.
    uploading: AtomicU64,
    /// A write has failed because the disk is full, and no write has succeeded since.
    has_failed: AtomicBool,
}

/// The reason why nothing more may be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSpace {
    #[error(
        "the disk of the data directory is nearly full: {} are free, and {} are reserved",
        bytes(*free as f64), bytes(*reserve as f64)
    )]
    Disk { free: u64, reserve: u64 },
    #[error(
        "the data directory has reached its maximum size: it uses {} of {}",
        bytes(*used as f64), bytes(*limit as f64)
    )]
    DataDir { used: u64, limit: u64 },
    #[error("stored weights use {} of {}", bytes(*used as f64), bytes(*limit as f64))]
    Weights { used: u64, limit: u64 },
    #[error("the disk of the data directory is full")]
    Full,
}

impl From<NoSpace> for ApiError {
    fn from(reason: NoSpace) -> Self {
        let hint = match reason {
            NoSpace::Disk { .. } => {
                "free disk space on the coordinator, or lower its setting storage.min_free"
            }
            NoSpace::DataDir { .. } => {
                "raise the setting storage.max_data_size of the coordinator, or wait until files that \
                 no result names are removed"
            }
            NoSpace::Weights { .. } => {
                "wait until the tests that need these weights have ended, raise the setting \
                 storage.max_weights_size of the coordinator, or use weights that workers see at a path"
            }
            NoSpace::Full => "free disk space on the coordinator",
        };
        Self::new(Code::StorageFull, reason.to_string()).hint(hint)
    }
}

/// An upload that is not stored yet.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    space: &'a Space,
    purpose: Purpose,
    bytes: u64,
}

impl Upload<'_> {
    /// Makes room for `bytes` in total.
    pub fn grow(&mut self, bytes: u64) -> Result<(), NoSpace> {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 {
            self.space.check(self.purpose, more)?;
            self.space.uploading.fetch_add(more, Relaxed);
            self.bytes = bytes;
        }
        Ok(())
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        self.space.uploading.fetch_sub(self.bytes, Relaxed);
    }
}

impl Space {
    /// `weights`: size of the stored weights in bytes, which their storage updates.
    pub fn new(data_dir: PathBuf, limits: StorageLimits, weights: Arc<AtomicU64>) -> Self {
        Self {
            data_dir,
            limits,
            files: AtomicU64::new(0),
            weights,
            others: AtomicU64::new(0),
            uploading: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Directory of uploads that are not complete. It is emptied at each start.
    pub fn incoming(&self) -> PathBuf {
        self.data_dir.join("incoming")
    }

    /// Begins an upload of at least `bytes`, which [`Space::stored`] counts when it is stored.
    ///
    /// # Errors
    /// There is no room.
    pub fn upload(&self, purpose: Purpose, bytes: u64) -> Result<Upload<'_>, NoSpace> {
        let mut upload = Upload { space: self, purpose, bytes: 0 };
        self.check(purpose, 0)?;
        upload.grow(bytes)?;
        Ok(upload)
    }

    /// Whether `bytes` more may be stored.
    ///
    /// # Errors
    /// There is no room.
    pub fn check(&self, purpose: Purpose, bytes: u64) -> Result<(), NoSpace> {
        let uploading = self.uploading.load(Relaxed);
        // A disk that cannot be inspected refuses nothing: a failed write will report it.
        if let Ok(Some(disk)) = DiskSpace::of(&self.data_dir) {
            let reserve = match purpose {
                Purpose::Work => self.reserve(disk),
                Purpose::Results => self.reserve(disk) / 2,
            };
            let free = disk.free.saturating_sub(uploading);
            if free.saturating_sub(bytes) < reserve {
                return Err(NoSpace::Disk { free, reserve });
            }
        }
        let used = self.used().saturating_add(uploading);
        let Some(limit) = self.limits.max_data_bytes else { return Ok(()) };
        let limit = match purpose {
            Purpose::Work => limit,
            Purpose::Results => limit.saturating_add(limit / RESULTS_PART),
        };
        if used.saturating_add(bytes) > limit {
            return Err(NoSpace::DataDir { used, limit });
        }
        Ok(())
    }

    /// Whether `bytes` more of weights may be stored.
    ///
    /// # Errors
    /// There is no room.
    pub fn check_weights(&self, bytes: u64) -> Result<(), NoSpace> {
        let used = self.weights.load(Relaxed);
        match self.limits.max_weights_bytes {
            Some(limit) if used.saturating_add(bytes) > limit => {
                Err(NoSpace::Weights { used, limit })
            }
            _ => self.check(Purpose::Work, bytes),
        }
    }

    /// Maximum size of the stored weights in bytes.
    pub fn max_weights(&self) -> Option<u64> {
        self.limits.max_weights_bytes
    }

    fn reserve(&self, disk: DiskSpace) -> u64 {
        let default = || DEFAULT_RESERVE.min(disk.total / DEFAULT_RESERVE_PART);
        self.limits.min_free_bytes.unwrap_or_else(default)
    }

    /// Size of the data directory at the last measurement, in bytes.
    pub fn used(&self) -> u64 {
        let stored = self.files.load(Relaxed).saturating_add(self.weights.load(Relaxed));
        stored.saturating_add(self.others.load(Relaxed))
    }

    /// Free space of the disk in bytes, if it is known.
    pub fn free(&self) -> Option<u64> {
        DiskSpace::of(&self.data_dir).ok().flatten().map(|disk| disk.free)
    }

    /// Sets the size of the stored files, in bytes, after their directory was listed. A file that was
    /// stored meanwhile may be missing from it until the next listing.
    pub fn files_counted(&self, bytes: u64) {
        self.files.store(bytes, Relaxed);
    }

    /// Counts stored files.
    pub fn stored(&self, bytes: u64) {
        self.files.fetch_add(bytes, Relaxed);
    }

    /// Counts removed files.
    pub fn removed(&self, bytes: u64) {
        // A file that was stored while the directory was listed may be counted twice or not at all.
        let subtract = |files: u64| Some(files.saturating_sub(bytes));
        let _ = self.files.fetch_update(Relaxed, Relaxed, subtract);
    }

    /// Notes that the write of a file has failed because the disk is full. Only the first failure is
    /// logged.
    pub fn write_failed(&self, health: &Health, path: &Path, error: &io::Error) {
        if !self.has_failed.swap(true, Relaxed) {
            tracing::error!(path = %path.display(), %error, "the disk is full");
        }
        health.fail(Part::Storage, NoSpace::Full.to_string());
    }

    /// Measures the data directory, and reports whether there is room for new work.
    pub fn measure(&self, health: &Health) {
        match others(&self.data_dir) {
            Ok(bytes) => self.others.store(bytes, Relaxed),
            Err(error) => {
                tracing::warn!(path = %self.data_dir.display(), %error, "cannot measure the data directory");
            }
        }
        let mut state = self.check(Purpose::Work, 0);
        if self.has_failed.load(Relaxed) {
            // The last bytes of a disk are left to the event log.
            let may_probe = self.free().is_none_or(|free| free >= MIN_PROBED_BYTES);
            let can_write = state.is_ok() && may_probe && probe(&self.incoming()).is_ok();
            self.has_failed.store(!can_write, Relaxed);
            state = state.and(if can_write { Ok(()) } else { Err(NoSpace::Full) });
        }
        let was_full = health.has_failed(Part::Storage);
        match state {
            Ok(()) if was_full => {
                tracing::info!("there is space for uploads and submissions again");
                health.recover(Part::Storage);
            }
            Ok(()) => {}
            Err(reason) => {
                if !was_full {
                    tracing::warn!(%reason, "uploads and submissions are refused");
                }
                let reason = format!("{reason}; uploads and submissions are refused");
                health.fail(Part::Storage, reason);
            }
        }
    }
}

/// Size of everything in the data directory but the stored files and weights, in bytes.
fn others(data_dir: &Path) -> io::Result<u64> {
    let counted = [data_dir.join(crate::blobs::DIRECTORY), weights::root(data_dir)];
    let (mut sum, mut open) = (0, vec![(data_dir.to_owned(), 0)]);
    while let Some((directory, depth)) = open.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            // Files come and go while they are counted.
            let Ok(metadata) = entry.metadata() else { continue };
            let path = entry.path();
            if !metadata.is_dir() {
                sum += metadata.len();
            } else if !counted.contains(&path) && depth < MAX_DEPTH {
                open.push((path, depth + 1));
            }
        }
    }
    Ok(sum)
}

/// Writes a file, to find out whether that is possible.
fn probe(directory: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(directory)?;
    file.write_all(&vec![0x5a; PROBE_BYTES])?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(limits: StorageLimits) -> (tempfile::TempDir, Space) {
        let directory = tempfile::tempdir().expect("a directory");
        let space = Space::new(directory.path().to_owned(), limits, Arc::default());
        (directory, space)
    }

    #[test]
    fn uploads_on_their_way_count_and_results_may_exceed_the_maximum_a_little() {
        let limits = StorageLimits { max_data_bytes: Some(1000), ..StorageLimits::NONE };
        let (_directory, space) = space(limits);
        space.files_counted(500);
        space.stored(200);
        space.removed(100);
        let mut upload = space.upload(Purpose::Work, 300).expect("room");
        upload.grow(400).expect("room");
        assert_eq!(upload.grow(401), Err(NoSpace::DataDir { used: 1000, limit: 1000 }));
        assert!(space.check(Purpose::Work, 1).is_err());
        assert_eq!(space.check(Purpose::Results, 50), Ok(()));
        assert!(space.check(Purpose::Results, 51).is_err());
        drop(upload);
        assert_eq!(space.check(Purpose::Work, 400), Ok(()));
    }

    #[test]
    #[cfg(unix)]
    fn results_may_use_half_of_the_reserve() {
        let (_directory, space) = space(StorageLimits::NONE);
        let free = space.free().expect("known");
        // Other programs use the disk as well, so the reserve is far from both limits.
        let reserve = free / 2 * 3;
        let limits = StorageLimits { min_free_bytes: Some(reserve), ..StorageLimits::NONE };
        let (_directory, space) = self::space(limits);
        assert!(matches!(space.check(Purpose::Work, 0), Err(NoSpace::Disk { .. })));
        assert_eq!(space.check(Purpose::Results, 0), Ok(()));
        let health = Health::new();
        space.measure(&health);
        let reason = health.reason().expect("not ready");
        assert!(reason.contains("uploads and submissions are refused"), "{reason}");
    }

    #[test]
    fn a_failed_write_is_reported_until_a_write_succeeds() {
        let (directory, space) = space(StorageLimits::NONE);
        let health = Health::new();
        std::fs::write(directory.path().join("events.redb"), [0; 5000]).expect("written");
        std::fs::create_dir(space.incoming()).expect("made");
        space.write_failed(&health, directory.path(), &io::ErrorKind::StorageFull.into());
        assert!(health.reason().expect("not ready").contains("full"));
        space.measure(&health);
        assert_eq!((health.reason(), space.used()), (None, 5000));
        let probes = std::fs::read_dir(space.incoming()).expect("listed").count();
        assert_eq!(probes, 0, "the probe is removed");
        std::fs::remove_dir(space.incoming()).expect("removed");
        space.write_failed(&health, directory.path(), &io::ErrorKind::StorageFull.into());
        space.measure(&health);
        assert!(health.reason().is_some(), "no file can be written");
    }
}
