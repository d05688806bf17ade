//! The spool: results that the coordinator has not acknowledged, on disk, one JSON line each.
//!
//! Results that the coordinator refused are kept beside it with the reason, for people: they are not sent
//! again.
//!
//! Limits: beyond [`MAX_FILE_BYTES`] the file is rewritten with the results that are still needed; of the
//! refused results, the newest ones up to twice `MAX_REFUSED_BYTES` are kept.
//!
//! Promises: flushed results survive any end of this process. They may be lost in a power failure,
//! after which the coordinator counts the lease as lost. An incomplete last line is ignored.

use crate::domain::id::LeaseId;
use crate::worker::attempt::result::AttemptResult;
use std::fs::File;
use std::io;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::path::PathBuf;

pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Maximum size of a file with refused results, in bytes. Beyond it, the file replaces the one before.
const MAX_REFUSED_BYTES: u64 = 16 * 1024 * 1024;
/// Names of the files with refused results: the newer and the older ones.
const REFUSED: [&str; 2] = ["refused.jsonl", "refused.old.jsonl"];

/// A result that the coordinator refused.
#[derive(serde::Serialize)]
struct Refused<'a> {
    reason: &'a str,
    result: &'a AttemptResult,
}

#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
    size: u64,
    pending: Vec<u8>,
}

impl Spool {
    /// Opens the spool, and returns the results that an earlier process left.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(directory: &Path) -> io::Result<(Self, Vec<(LeaseId, AttemptResult)>)> {
        let path = directory.join("results.jsonl");
        let file = File::options().read(true).append(true).create(true).open(&path)?;
        let mut left = Vec::new();
        for line in BufReader::new(&file).split(b'\n') {
            match serde_json::from_slice::<AttemptResult>(&line?) {
                Ok(finished) => left.push((finished.report.lease, finished)),
                Err(error) => tracing::warn!(%error, "ignoring an incomplete line in the spool"),
            }
        }
        let mut spool = Self { path, file, size: 0, pending: Vec::new() };
        // This also removes an incomplete line, which the next result would continue.
        spool.rewrite(left.iter().map(|(_, finished)| finished))?;
        Ok((spool, left))
    }

    /// Adds a result. The next [`Spool::flush`] writes it.
    pub fn add(&mut self, finished: &AttemptResult) {
        if let Err(error) = write_line(&mut self.pending, finished) {
            tracing::error!(%error, "cannot spool a result");
        }
    }

    /// Writes the added results with one call.
    ///
    /// # Errors
    /// The disk is full or not available. The next flush tries again.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let before = self.size;
        if let Err(error) = self.file.write_all(&self.pending) {
            self.file.set_len(before)?;
            return Err(error);
        }
        self.size += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Removes all results but `needed`, when the file is large enough or none is needed.
    ///
    /// # Errors
    /// As for [`Spool::flush`].
    pub fn compact<'a>(
        &mut self,
        needed: impl Iterator<Item = &'a AttemptResult>,
    ) -> io::Result<()> {
        let mut needed = needed.peekable();
        if needed.peek().is_none() {
            self.pending.clear();
            if self.size > 0 {
                self.file.set_len(0)?;
                self.size = 0;
            }
            return Ok(());
        }
        if self.size > MAX_FILE_BYTES { self.rewrite(needed) } else { Ok(()) }
    }

    /// Keeps a result that the coordinator refused, with the reason. Returns the path of the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_refused(&self, result: &AttemptResult, reason: &str) -> io::Result<String> {
        let mut line = serde_json::to_vec(&Refused { reason, result })?;
        line.push(b'\n');
        let [newer, older] = REFUSED.map(|name| self.path.with_file_name(name));
        let mut file = File::options().append(true).create(true).open(&newer)?;
        if file.metadata()?.len() + line.len() as u64 > MAX_REFUSED_BYTES {
            std::fs::rename(&newer, &older)?;
            file = File::options().append(true).create(true).open(&newer)?;
        }
        file.write_all(&line)?;
        Ok(newer.display().to_string())
    }

    fn rewrite<'a>(&mut self, needed: impl Iterator<Item = &'a AttemptResult>) -> io::Result<()> {
        let mut content = Vec::new();
        for finished in needed {
            write_line(&mut content, finished)?;
        }
        crate::sys::fs::write_whole(&self.path, &content)?;
        self.file = File::options().read(true).append(true).create(true).open(&self.path)?;
        self.size = content.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

fn write_line(buffer: &mut Vec<u8>, finished: &AttemptResult) -> io::Result<()> {
    serde_json::to_writer(&mut *buffer, finished)?;
    buffer.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Epoch, RunId, TestId};
    use crate::domain::outcome::Outcome;

    fn finished(epoch: u64) -> AttemptResult {
        let attempt = TestId { run: RunId(1), index: 0 }.attempt(1);
        AttemptResult::new(LeaseId { attempt, epoch: Epoch(epoch) }, Outcome::Passed)
    }

    fn epochs(directory: &Path) -> Vec<u64> {
        let (_, left) = Spool::open(directory).expect("a spool");
        left.iter().map(|(lease, _)| lease.epoch.0).collect()
    }

    #[test]
    fn what_was_flushed_is_found_again_and_what_was_acknowledged_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut spool, left) = Spool::open(dir.path()).expect("a spool");
        assert!(left.is_empty());
        spool.add(&finished(1));
        spool.add(&finished(2));
        spool.flush().expect("written");
        spool.add(&finished(3));
        assert_eq!(epochs(dir.path()), [1, 2]);
        let (mut spool, _) = Spool::open(dir.path()).expect("a spool");
        spool.compact([finished(2)].iter()).expect("nothing to do");
        assert_eq!(epochs(dir.path()), [1, 2], "not worth a rewrite");
        let (mut spool, _) = Spool::open(dir.path()).expect("a spool");
        spool.compact([].iter()).expect("emptied");
        assert!(epochs(dir.path()).is_empty());
    }

    #[test]
    fn refused_results_are_kept_with_the_reason_within_their_limit() {
        let dir = tempfile::tempdir().expect("a directory");
        let (spool, _) = Spool::open(dir.path()).expect("a spool");
        let path = spool.keep_refused(&finished(7), "the detail is too large").expect("kept");
        let line = std::fs::read_to_string(&path).expect("a file");
        let kept: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
        assert_eq!(kept["reason"], "the detail is too large");
        assert_eq!(kept["result"]["report"]["lease"], serde_json::json!(finished(7).report.lease));
        let long = "x".repeat(MAX_REFUSED_BYTES as usize / 2);
        for _ in 0..6 {
            spool.keep_refused(&finished(8), &long).expect("kept");
        }
        let size = |name: &str| std::fs::metadata(dir.path().join(name)).expect(name).len();
        assert!(REFUSED.iter().all(|name| (1..=MAX_REFUSED_BYTES).contains(&size(name))));
        assert!(epochs(dir.path()).is_empty(), "they are not sent again");
    }

    #[test]
    fn a_torn_line_is_ignored_and_cut_off() {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut spool, _) = Spool::open(dir.path()).expect("a spool");
        spool.add(&finished(1));
        spool.flush().expect("written");
        let path = dir.path().join("results.jsonl");
        let mut torn = File::options().append(true).open(&path).expect("open");
        torn.write_all(b"{\"report\":{\"lea").expect("written");
        let (mut spool, left) = Spool::open(dir.path()).expect("a spool");
        assert_eq!(left.len(), 1);
        spool.add(&finished(2));
        spool.flush().expect("written");
        assert_eq!(epochs(dir.path()), [1, 2]);
    }
}
