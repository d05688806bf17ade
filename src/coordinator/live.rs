//! Output of running attempts, as their workers send it: one file per attempt in `live/`.
//!
//! Limits: the first [`MAX_LIVE_BYTES`] of each attempt are kept; the rest is counted and
//! dropped (the worker keeps the end and uploads it with the report). All files together have at most
//! [`MAX_TOTAL_BYTES`]; beyond that, [`LiveLogs::clean`] removes the oldest files of attempts that have
//! ended, and until then further output is dropped in the same way.
//!
//! Promises: each byte is stored once, however often it is sent; a lease with an older epoch cannot
//! write any more. The file is removed when the report of the attempt contains the output; otherwise it
//! is the only record, and is kept for [`KEEP`] after the last output, while the size permits. A power
//! failure may lose output.

use crate::api::v1::logs::HEAD_BYTES;
use crate::domain::fact::Fact;
use crate::domain::id::{AttemptId, Epoch};
use crate::sys::clock::file_time;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Maximum size of the output kept of a running attempt, in bytes.
pub const MAX_LIVE_BYTES: u64 = 2 * HEAD_BYTES as u64;
/// Maximum number of attempts that send output at the same time.
const MAX_LIVE: usize = 20_000;
/// Time for which the output of an attempt without a final log is kept.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);
/// Maximum size of all files, in bytes.
const MAX_TOTAL_BYTES: u64 = 8 << 30;
/// Interval between two cleanings.
pub const CLEAN_INTERVAL: Duration = Duration::from_mins(10);
/// Maximum size of one read, in bytes.
pub const PIECE_BYTES: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// A later lease of the same attempt has written already.
    #[error("the lease of {0} has been replaced by a later one")]
    Stale(AttemptId),
    #[error("the next piece of output starts at byte {expected}, not at byte {got}")]
    Gap { expected: u64, got: u64 },
    #[error("{MAX_LIVE} attempts already send output, which is the maximum")]
    TooMany,
    #[error("cannot store output in {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

#[derive(Debug)]
pub(crate) struct LiveLogs {
    directory: PathBuf,
    open: Mutex<HashMap<AttemptId, Entry>>,
    /// Size of `open`, so that its lock is not needed while no attempt sends output.
    count: AtomicUsize,
    /// Size of all files at the last cleaning plus what was stored since, in bytes.
    total: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    epoch: Epoch,
    /// Number of bytes received, whether stored or dropped.
    received: u64,
    /// Whether output was dropped, so that nothing that follows may be stored.
    is_cut: bool,
    /// Number of bytes received, for followers; closed at the end of the attempt.
    news: watch::Sender<u64>,
}

/// The part of an attempt's detail that shows whether the report contains the output.
#[derive(Deserialize, Default)]
#[serde(default)]
struct FinalOutput<'a> {
    #[serde(borrow)]
    output: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    log: Option<&'a serde_json::value::RawValue>,
}

impl LiveLogs {
    /// Creates the directory and cleans it.
    ///
    /// # Errors
    /// The directory cannot be created or read.
    pub fn open(directory: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&directory)?;
        let (count, total) = (AtomicUsize::new(0), AtomicU64::new(0));
        let logs = Self { directory, open: Mutex::default(), count, total };
        logs.clean(file_time(), MAX_TOTAL_BYTES)?;
        Ok(logs)
    }

    /// Removes files without output since [`KEEP`] before now. If the others have more than
    /// [`MAX_TOTAL_BYTES`], also the oldest of attempts that do not send output.
    ///
    /// # Errors
    /// The directory cannot be read, or a file cannot be removed.
    pub fn clean_now(&self) -> std::io::Result<()> {
        self.clean(file_time(), MAX_TOTAL_BYTES)
    }

    fn clean(&self, now: SystemTime, max_total: u64) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            // The attempt may end meanwhile, which removes the file.
            let Ok(metadata) = entry.metadata() else { continue };
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (modified, size, path) in files {
            let is_old = now.duration_since(modified).is_ok_and(|age| age > KEEP);
            if !is_old && total <= max_total {
                break;
            }
            let mut open = self.lock();
            let attempt = open.keys().find(|attempt| self.path(**attempt) == path).copied();
            match attempt {
                // Its worker was lost long ago, or it writes nothing any more.
                Some(attempt) if is_old => {
                    open.remove(&attempt);
                    self.count.fetch_sub(1, Ordering::Relaxed);
                }
                Some(_) => continue,
                None => {}
            }
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => total -= size,
            }
        }
        self.total.store(total, Ordering::Relaxed);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptId, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, attempt: AttemptId) -> PathBuf {
        self.directory.join(format!("{attempt}.log"))
    }

    /// Stores one piece and returns the offset of the next one. Blocks on the disk. The caller
    /// checks that the lease with this epoch is live.
    pub fn append(
        &self,
        attempt: AttemptId,
        epoch: Epoch,
        offset: u64,
        bytes: &[u8],
    ) -> Result<u64, LiveError> {
        let path = self.path(attempt);
        let mut open = self.lock();
        if !open.contains_key(&attempt) && open.len() >= MAX_LIVE {
            return Err(LiveError::TooMany);
        }
        let entry = match open.entry(attempt) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(slot) => {
                // After a restart, the size of the file is the number of bytes received.
                let received = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
                self.count.fetch_add(1, Ordering::Relaxed);
                let is_cut = received >= MAX_LIVE_BYTES;
                slot.insert(Entry { epoch, received, is_cut, news: watch::Sender::new(received) })
            }
        };
        if epoch < entry.epoch {
            return Err(LiveError::Stale(attempt));
        }
        let io = |source| LiveError::Io { path: path.clone(), source };
        if epoch > entry.epoch {
            let before = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            std::fs::File::create(&path).map_err(io)?;
            self.removed(before);
            (entry.epoch, entry.received, entry.is_cut) = (epoch, 0, false);
        }
        if offset > entry.received && !entry.is_cut {
            return Err(LiveError::Gap { expected: entry.received, got: offset });
        }
        let end = offset.saturating_add(bytes.len() as u64);
        if end <= entry.received {
            return Ok(entry.received);
        }
        entry.is_cut |= self.total.load(Ordering::Relaxed) >= MAX_TOTAL_BYTES;
        if !entry.is_cut {
            let skip = usize::try_from(entry.received - offset).unwrap_or(usize::MAX);
            let room = MAX_LIVE_BYTES.saturating_sub(entry.received);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let fresh = bytes.get(skip..).unwrap_or_default();
            let fresh = fresh.get(..room.min(fresh.len())).unwrap_or_default();
            store(&path, entry.received, fresh).map_err(io)?;
            entry.is_cut = end >= MAX_LIVE_BYTES;
            self.total.fetch_add(fresh.len() as u64, Ordering::Relaxed);
        }
        entry.received = end;
        entry.news.send_replace(end);
        Ok(end)
    }

    fn removed(&self, bytes: u64) {
        // Output that was stored during a cleaning may be missing from the sum.
        let subtract = |total: u64| Some(total.saturating_sub(bytes));
        let _ = self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
    }

    /// Reads up to [`PIECE_BYTES`] from `offset` on; empty at the end, or when there is no file.
    pub fn read(&self, attempt: AttemptId, offset: u64) -> Result<Vec<u8>, LiveError> {
        let path = self.path(attempt);
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = match std::fs::File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                other => other?,
            };
            file.seek(SeekFrom::Start(offset))?;
            let mut piece = Vec::new();
            file.take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            Ok(piece)
        };
        read().map_err(|source| LiveError::Io { path: path.clone(), source })
    }

    /// A receiver that changes with each piece and closes when the attempt ends. `None` when no
    /// output was received (yet).
    pub fn watch(&self, attempt: AttemptId) -> Option<watch::Receiver<u64>> {
        self.lock().get(&attempt).map(|entry| entry.news.subscribe())
    }

    /// Ends the output of the attempts that ended with these facts.
    pub fn ended(&self, facts: &[Fact]) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        for fact in facts {
            let (lease, detail) = match fact {
                Fact::AttemptFinished { lease, detail, .. } => (lease, detail.as_deref()),
                Fact::LeaseReturned { lease, .. } => (lease, None),
                _ => continue,
            };
            if self.lock().remove(&lease.attempt).is_none() {
                continue;
            }
            self.count.fetch_sub(1, Ordering::Relaxed);
            let reported: FinalOutput<'_> = detail
                .and_then(|detail| serde_json::from_str(detail.get()).ok())
                .unwrap_or_default();
            if reported.output.is_some() || reported.log.is_some() {
                let path = self.path(lease.attempt);
                let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
                match std::fs::remove_file(&path) {
                    Ok(()) => self.removed(size),
                    Err(error) => {
                        tracing::debug!(path = %path.display(), %error, "cannot remove live output");
                    }
                }
            }
        }
    }
}

/// Writes a piece at its offset. A piece of which a part was written before a full disk is stored once.
fn store(path: &Path, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).truncate(false).write(true).open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::Next;
    use crate::domain::id::{LeaseId, RunId, TestId, WorkerId};
    use crate::domain::outcome::Outcome;
    use crate::domain::time::{Millis, Timestamp};
    use serde_json::value::RawValue;

    fn attempt() -> AttemptId {
        TestId { run: RunId(1), index: 2 }.attempt(1)
    }

    fn logs() -> (tempfile::TempDir, LiveLogs) {
        let directory = tempfile::tempdir().expect("a directory");
        let logs = LiveLogs::open(directory.path().join("live")).expect("logs");
        (directory, logs)
    }

    #[test]
    fn repeats_and_overlaps_are_stored_once() {
        let (_directory, logs) = logs();
        let append = |offset, text: &str| logs.append(attempt(), Epoch(5), offset, text.as_bytes());
        assert_eq!(append(0, "hello ").expect("stored"), 6);
        assert_eq!(append(0, "hello ").expect("a repeat"), 6);
        assert_eq!(append(3, "lo world").expect("an overlap"), 11);
        assert!(matches!(append(20, "x"), Err(LiveError::Gap { expected: 11, got: 20 })));
        assert_eq!(logs.read(attempt(), 0).expect("read"), b"hello world");
        assert_eq!(logs.read(attempt(), 6).expect("read"), b"world");
    }

    #[test]
    fn an_older_lease_cannot_write_and_a_newer_one_starts_afresh() {
        let (_directory, logs) = logs();
        logs.append(attempt(), Epoch(5), 0, b"old").expect("stored");
        logs.append(attempt(), Epoch(6), 0, b"new!").expect("stored");
        assert!(matches!(logs.append(attempt(), Epoch(5), 3, b"x"), Err(LiveError::Stale(_))));
        assert_eq!(logs.read(attempt(), 0).expect("read"), b"new!");
    }

    #[test]
    fn output_beyond_the_cap_is_counted_and_dropped() {
        let (_directory, logs) = logs();
        let mut offset = 0;
        let piece = vec![b'x'; 300 * 1024];
        for _ in 0..8 {
            offset = logs.append(attempt(), Epoch(1), offset, &piece).expect("stored");
        }
        assert_eq!(offset, 8 * piece.len() as u64);
        let size = std::fs::metadata(logs.path(attempt())).expect("a file").len();
        assert_eq!(size, MAX_LIVE_BYTES);
    }

    #[test]
    fn nothing_is_stored_after_a_gap() {
        let (_directory, logs) = logs();
        let append = |offset, text: &str| logs.append(attempt(), Epoch(5), offset, text.as_bytes());
        append(0, "first ").expect("stored");
        logs.total.store(MAX_TOTAL_BYTES, Ordering::Relaxed);
        assert_eq!(append(6, "dropped ").expect("counted"), 14);
        logs.clean_now().expect("cleaned");
        assert_eq!(append(14, "later").expect("counted"), 19);
        assert_eq!(logs.read(attempt(), 0).expect("read"), b"first ");
        assert_eq!(logs.append(attempt(), Epoch(6), 0, b"new").expect("stored"), 3);
        assert_eq!(logs.read(attempt(), 0).expect("read"), b"new");
        assert_eq!(logs.total.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_piece_that_was_written_in_part_is_stored_once() {
        let (_directory, logs) = logs();
        let append = |offset, text: &str| logs.append(attempt(), Epoch(5), offset, text.as_bytes());
        append(0, "hello ").expect("stored");
        let file = std::fs::File::options().append(true).open(logs.path(attempt()));
        file.and_then(|mut file| file.write_all(b"wor")).expect("written");
        append(6, "world").expect("stored");
        assert_eq!(logs.read(attempt(), 0).expect("read"), b"hello world");
    }

    #[test]
    fn after_a_restart_output_continues_at_the_end_of_the_file() {
        let (directory, logs) = logs();
        logs.append(attempt(), Epoch(5), 0, b"before").expect("stored");
        let logs = LiveLogs::open(directory.path().join("live")).expect("logs");
        assert_eq!(logs.append(attempt(), Epoch(5), 6, b" after").expect("stored"), 12);
        assert_eq!(logs.read(attempt(), 0).expect("read"), b"before after");
    }

    #[test]
    fn old_output_and_the_oldest_beyond_the_size_are_removed_while_running() {
        let (_directory, logs) = logs();
        let attempts = [1, 2, 3, 4].map(|index| TestId { run: RunId(1), index }.attempt(1));
        let now = file_time();
        for (attempt, days) in attempts.into_iter().zip([8, 3, 2, 1]) {
            logs.append(attempt, Epoch(1), 0, b"0123456789").expect("stored");
            let file = std::fs::File::options().append(true).open(logs.path(attempt));
            let modified = now - Duration::from_hours(24 * days);
            file.and_then(|file| file.set_modified(modified)).expect("set");
        }
        let kept = || attempts.map(|attempt| !logs.read(attempt, 0).expect("read").is_empty());
        let news = logs.watch(attempts[0]).expect("live");
        logs.clean(now, 100).expect("cleaned");
        assert_eq!(kept(), [false, true, true, true]);
        assert!(news.has_changed().is_err(), "an attempt without output for so long is over");
        // The second one still sends output, so the third one is the oldest that may go.
        for attempt in &attempts[2..] {
            logs.lock().remove(attempt);
        }
        logs.clean(now, 25).expect("cleaned");
        assert_eq!(kept(), [false, true, false, true]);
        assert_eq!(logs.append(attempts[1], Epoch(1), 10, b"x").expect("stored"), 11);
    }

    #[test]
    fn the_end_wakes_followers_and_keeps_the_only_record() {
        let (_directory, logs) = logs();
        for (detail, kept) in [(Some("{\"output\":\"x\"}"), false), (None, true)] {
            logs.append(attempt(), Epoch(5), 0, b"x").expect("stored");
            let news = logs.watch(attempt()).expect("live");
            logs.ended(&[Fact::AttemptFinished {
                lease: LeaseId { attempt: attempt(), epoch: Epoch(5) },
                worker: WorkerId(1),
                outcome: Outcome::Passed,
                class: None,
                duration_ms: Millis(1),
                detail: detail.map(|text| RawValue::from_string(text.into()).expect("JSON")),
                next: Next::Done { flaky: false },
                at: Timestamp(1),
            }]);
            assert!(news.has_changed().is_err(), "closed");
            assert_eq!(!logs.read(attempt(), 0).expect("read").is_empty(), kept);
            assert_eq!(
                logs.total.load(Ordering::Relaxed),
                u64::from(kept),
                "the removed file is not counted"
            );
        }
    }
}
