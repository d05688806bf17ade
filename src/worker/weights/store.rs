//! The weights of a machine: those in its cache, with the tests that use them, and those that are being
//! fetched.
//!
//! Promises: weights that a lease of this worker names are not removed while the lease is held. One task
//! of all workers of the directory fetches the same weights; the others wait. Weights are verified
//! before they are given out, and again when a file has changed since; damaged files are fetched
//! again.

use crate::domain::weights::WeightsKey;
use crate::sys::file_lock::FileLock;
use crate::worker::weights::alive::Alive;
use crate::worker::weights::error::WeightsError;
use crate::worker::weights::layout::Layout;
use crate::worker::weights::limit::CacheSettings;
use crate::worker::weights::patience::Limits;
use crate::worker::weights::progress::{Progress, Step};
use crate::worker::weights::record::Record;
use crate::worker::weights::room::reserve;
use crate::worker::weights::target::{FetchGuard, Target};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Interval at which the lock of another process, and the space that others use, are tried again.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Keeps weights from being removed while a lease needs them.
#[derive(Debug, Clone)]
pub struct Pin {
    _lock: Arc<FileLock>,
}

#[derive(Debug)]
pub struct WeightStore {
    layout: Layout,
    limit: Option<u64>,
    limits: Limits,
    pins: Mutex<BTreeMap<WeightsKey, Weak<FileLock>>>,
    fetches: Mutex<BTreeMap<WeightsKey, Weak<Fetch>>>,
    /// Records of complete weights that were read before.
    records: Mutex<BTreeMap<WeightsKey, Arc<Record>>>,
}

/// A fetch of this process, running or about to run.
#[derive(Debug, Default)]
pub struct Fetch {
    turn: Arc<tokio::sync::Mutex<()>>,
    progress: Arc<Progress>,
}

impl Fetch {
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }
}

/// Permission to write partial weights, and the place for them.
#[derive(Debug)]
pub struct Turn<'a> {
    store: &'a WeightStore,
    key: &'a WeightsKey,
    guard: Arc<FetchGuard>,
    progress: Arc<Progress>,
}

impl WeightStore {
    /// Opens the cache.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn open(settings: &CacheSettings) -> Result<Self, WeightsError> {
        let root = &settings.directory;
        let broken = |error| WeightsError::cache(root, error);
        let layout = Layout::open(root).map_err(broken)?;
        let limit = settings.limit.bytes(layout.root()).map_err(broken)?;
        let (pins, fetches, records) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { layout, limit, limits: Limits::default(), pins, fetches, records })
    }

    /// The same with other limits of time.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn broken(&self, error: io::Error) -> WeightsError {
        WeightsError::cache(self.layout.root(), error)
    }

    /// Keeps weights in the cache, present or not, until the pin is dropped.
    ///
    /// # Errors
    /// The lock cannot be created.
    pub fn pin(&self, key: &WeightsKey) -> Result<Pin, WeightsError> {
        let mut pins = lock(&self.pins);
        if let Some(lock) = pins.get(key).and_then(Weak::upgrade) {
            return Ok(Pin { _lock: lock });
        }
        let lock = FileLock::shared(&self.layout.use_lock(key.as_str()));
        let lock = Arc::new(lock.map_err(|error| self.broken(error))?);
        pins.retain(|_, lock| lock.strong_count() > 0);
        pins.insert(key.clone(), Arc::downgrade(&lock));
        Ok(Pin { _lock: lock })
    }

    /// The fetch of these weights in this process, for its progress.
    #[must_use]
    pub fn fetch(&self, key: &WeightsKey) -> Arc<Fetch> {
        let mut fetches = lock(&self.fetches);
        if let Some(fetch) = fetches.get(key).and_then(Weak::upgrade) {
            return fetch;
        }
        let fetch = Arc::new(Fetch::default());
        fetches.retain(|_, fetch| fetch.strong_count() > 0);
        fetches.insert(key.clone(), Arc::downgrade(&fetch));
        fetch
    }

    /// Directory of the files if the cache has these weights, verified, and whether that required
    /// reading them. None if it does not have them, or if they are damaged. The caller holds a pin.
    ///
    /// # Errors
    /// A file cannot be read.
    pub async fn complete(
        self: &Arc<Self>,
        key: &WeightsKey,
        fetch: &Fetch,
    ) -> Result<Option<(PathBuf, bool)>, WeightsError> {
        let (store, own, progress) = (self.clone(), key.clone(), fetch.progress.clone());
        let owner = Alive::default();
        let alive = owner.watch();
        let check = move || match store.unchanged(&own) {
            Some(files) => Ok(Some((files, false))),
            None => Ok(store.verified(&own, &alive, &progress)?.map(|files| (files, true))),
        };
        let checked = tokio::task::spawn_blocking(check).await.map_err(io::Error::other).flatten();
        drop(owner);
        checked.map_err(|error| self.broken(error))
    }

    /// Directory of the files of complete weights that have not changed since they were verified.
    #[must_use]
    pub fn unchanged(&self, key: &WeightsKey) -> Option<PathBuf> {
        let files = self.layout.files(key.as_str());
        let known = lock(&self.records).get(key).cloned();
        if !known.is_some_and(|record| record.is_unchanged(&files)) {
            lock(&self.records).remove(key);
            let record = Record::read(&self.layout.record(key.as_str()))?;
            if !record.is_unchanged(&files) {
                return None;
            }
            lock(&self.records).insert(key.clone(), Arc::new(record));
        }
        self.layout.touch(key.as_str());
        Some(files)
    }

    /// Reads complete weights that may have changed. None if there are none, or if they are damaged.
    fn verified(
        &self,
        key: &WeightsKey,
        alive: &Alive,
        progress: &Progress,
    ) -> io::Result<Option<PathBuf>> {
        let files = self.layout.files(key.as_str());
        let path = self.layout.record(key.as_str());
        let Some(record) = Record::read(&path) else { return Ok(None) };
        progress.begin(Step::Checking, record.size_bytes);
        let damaged = record.check(&files, alive, &|bytes| progress.add(bytes))?;
        if let Some(first) = damaged.first() {
            let (file, reason, count) = (&first.path, &first.reason, damaged.len());
            tracing::warn!(%key, file, reason, count, "cached weights are damaged; fetching them again");
            return Ok(None);
        }
        let record = record.renewed(&files)?;
        crate::sys::fs::write_whole(&path, &serde_json::to_vec(&record)?)?;
        Ok(self.unchanged(key))
    }

    /// Waits until no other task or process fetches these weights. The caller holds a pin.
    ///
    /// # Errors
    /// The lock cannot be created.
    pub async fn turn<'a>(
        &'a self,
        key: &'a WeightsKey,
        fetch: &Fetch,
    ) -> Result<Turn<'a>, WeightsError> {
        let turn = fetch.turn.clone().lock_owned().await;
        loop {
            let lock = FileLock::try_alone(&self.layout.fetch_lock(key.as_str()));
            if let Some(lock) = lock.map_err(|error| self.broken(error))? {
                let (guard, progress) =
                    (Arc::new(FetchGuard { lock, turn }), fetch.progress.clone());
                return Ok(Turn { store: self, key, guard, progress });
            }
            fetch.progress.begin(Step::Waiting, 0);
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

impl<'a> Turn<'a> {
    /// Reserves the space, waiting while tests use it, and returns the place to write to.
    ///
    /// # Errors
    /// There is not enough space, also after `Limits::room`.
    pub async fn target(&self, size_bytes: u64) -> Result<Target<'a>, WeightsError> {
        let (layout, key) = (&self.store.layout, self.key.as_str());
        let begun = tokio::time::Instant::now();
        loop {
            let (place, limit, text) = (layout.clone(), self.store.limit, key.to_owned());
            let work = move || reserve(&place, limit, &text, size_bytes);
            let reserved = tokio::task::spawn_blocking(work).await;
            match reserved.map_err(|error| self.store.broken(io::Error::other(error)))? {
                Ok(()) => break,
                Err(error @ WeightsError::NoRoom { room, used, .. })
                    if room.saturating_add(used) < size_bytes
                        || begun.elapsed() >= self.store.limits.room =>
                {
                    return Err(error);
                }
                Err(WeightsError::NoRoom { .. }) => {
                    self.progress.begin(Step::Waiting, 0);
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Target {
            key,
            root: layout.root(),
            directory: layout.partial_files(key),
            progress: self.progress.clone(),
            guard: self.guard.clone(),
            limits: self.store.limits,
        })
    }

    /// Makes damaged complete weights partial again, so that only their damaged files are fetched.
    ///
    /// # Errors
    /// The directory cannot be renamed.
    pub fn reopen(&self) -> Result<(), WeightsError> {
        let (layout, key) = (&self.store.layout, self.key.as_str());
        let Some(record) = Record::read(&layout.record(key)) else { return Ok(()) };
        let reopened = layout
            .reopen(key, record.size_bytes)
            .and_then(|()| set_writable(&layout.partial_files(key), true));
        reopened.map_err(|error| self.store.broken(error))
    }

    /// Makes the fetched files read-only and complete: path, digest and size of each.
    ///
    /// # Errors
    /// A file cannot be inspected or its directory renamed.
    pub fn finish(self, files: Vec<(String, String, u64)>) -> Result<PathBuf, WeightsError> {
        let (layout, key) = (&self.store.layout, self.key.as_str());
        let directory = layout.partial_files(key);
        let finish = || {
            remove_others(&directory, &files)?;
            set_writable(&directory, false)?;
            layout.complete_partial(&Record::of(key, &directory, files)?)
        };
        finish().map_err(|error| self.store.broken(error))?;
        Ok(layout.files(key))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes files that do not belong to the weights, such as those of an earlier choice of files.
fn remove_others(root: &Path, files: &[(String, String, u64)]) -> io::Result<()> {
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if !files.iter().any(|(name, ..)| root.join(name) == path) {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// Lets the owner change the files and directories below a directory, or nobody.
fn set_writable(root: &Path, is_writable: bool) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let (for_directory, for_file) = if is_writable { (0o755, 0o644) } else { (0o555, 0o444) };
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        };
        let mut open = vec![root.to_owned()];
        while let Some(directory) = open.pop() {
            set(&directory, 0o755)?;
            for entry in std::fs::read_dir(&directory)? {
                let entry = entry?;
                match entry.file_type()? {
                    kind if kind.is_dir() => open.push(entry.path()),
                    kind if kind.is_file() => set(&entry.path(), for_file)?,
                    _ => {}
                }
            }
            set(&directory, for_directory)?;
        }
    }
    #[cfg(not(unix))]
    let _ = (root, is_writable);
    Ok(())
}
