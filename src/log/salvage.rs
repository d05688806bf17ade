//! Reads what is readable in a damaged log. Nothing on the disk changes.
//!
//! A record is taken from the tree of redb if it is whole there, and otherwise from its bytes in the
//! file (`carve`), if there is exactly one version of it. Records after the last one of the tree are
//! taken only up to the record that the witness knows: others were never acknowledged. A check reads
//! [`Scope::Tree`], because a coordinator does not search the bytes.

use super::carve::{self, Found};
use super::embedded::{self, LOG_FILE};
use super::error::LogError;
use super::event_log::Snapshot;
use super::position::Sequence;
use super::read_only::ReadOnlyLog;
use super::record::{self, Defect};
use super::witness::Mark;
use crate::domain::fact::Fact;
use crate::domain::storage_id::StorageId;
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// A log that may be damaged.
pub struct Salvage {
    path: PathBuf,
    file: File,
    /// The log as redb reads it, or the reason why redb cannot open it.
    tree: Result<ReadOnlyLog, LogError>,
    /// Records in the bytes of the file, if they were searched.
    carved: Option<Found>,
    /// The last record that the witness knows.
    proven: Option<Mark>,
    identity: Option<StorageId>,
}

/// The places in a log file from which records are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The pages in use: the records that a coordinator can read.
    Tree,
    /// All bytes of the file, with the copies in free pages.
    File,
}

/// A part of a log.
#[derive(Debug)]
pub enum Part {
    Record(Sequence, Vec<Fact>),
    Unreadable(Unreadable),
}

/// Records that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub records: RangeInclusive<Sequence>,
    pub reason: String,
}

/// The result of an export.
#[derive(Debug)]
pub struct Exported {
    /// The last record that is replaced by a state in the new log.
    pub base: Sequence,
    /// The last record of the new log.
    pub last: Sequence,
    /// Records that cannot be read. The new log ends before the first of them.
    pub unreadable: Vec<Unreadable>,
    /// Number of records after the first unreadable one, which the new log does not contain.
    pub left_out: u64,
    /// The reason why a state that replaces removed records cannot be read.
    pub unreadable_state: Option<String>,
}

/// A state, with the last record that it replaces in an export.
type Base = (Sequence, Snapshot);

impl Salvage {
    /// Opens the log of a directory that the caller has locked.
    ///
    /// # Errors
    /// The file is missing or cannot be read.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join(LOG_FILE);
        let file = File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => LogError::Missing { path: path.clone() },
            _ => LogError::Beside { doing: "read", path: path.clone(), source },
        })?;
        let tree = ReadOnlyLog::open(directory);
        let testimony = embedded::read_testimony(directory);
        let identity = tree.as_ref().ok().and_then(ReadOnlyLog::identity);
        let identity = identity.or(testimony.map(|testimony| testimony.identity));
        // The witness of another log proves nothing about this one.
        let own = testimony.filter(|testimony| Some(testimony.identity) == identity);
        let proven = own.map(|testimony| testimony.mark);
        Ok(Self { path, file, tree, carved: None, proven, identity })
    }

    /// The reason why the log cannot be opened; `None` if it can.
    pub fn damage(&self) -> Option<&LogError> {
        self.tree.as_ref().err()
    }

    /// Number of the last record that a compaction removed, as far as it is known.
    pub fn base(&self) -> Sequence {
        self.tree.as_ref().map_or(0, ReadOnlyLog::base)
    }

    /// Visits every record after `after`, and the ranges that cannot be read, in their order, until
    /// `visit` returns false.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn visit(
        &mut self,
        scope: Scope,
        after: Sequence,
        visit: &mut dyn FnMut(Part) -> bool,
    ) -> Result<(), LogError> {
        let mut unreadable: Option<Unreadable> = None;
        let last = self.last(scope)?;
        for sequence in after.max(self.base()) + 1..=last {
            let decoded = self
                .bytes(scope, sequence)?
                .and_then(|bytes| record::decode(sequence, &bytes).map_err(reason_of));
            let reason = match decoded {
                Ok(facts) => {
                    let gap = unreadable.take().map(Part::Unreadable);
                    if !gap.into_iter().chain([Part::Record(sequence, facts)]).all(&mut *visit) {
                        return Ok(());
                    }
                    continue;
                }
                Err(reason) => reason,
            };
            match &mut unreadable {
                Some(range) if range.reason == reason => {
                    range.records = *range.records.start()..=sequence;
                }
                range => {
                    let records = sequence..=sequence;
                    if let Some(gap) = range.replace(Unreadable { records, reason })
                        && !visit(Part::Unreadable(gap))
                    {
                        return Ok(());
                    }
                }
            }
        }
        if let Some(gap) = unreadable {
            visit(Part::Unreadable(gap));
        }
        Ok(())
    }

    /// Writes the readable records up to the first gap into a new log, with the identity of this one.
    /// The state that replaces removed records is copied; if it is damaged, or redb cannot open the
    /// file, the snapshot of this log replaces it.
    ///
    /// # Errors
    /// `target` exists, the identity is unknown, a file cannot be read or written, or neither the state nor
    /// the snapshot of a compacted log can be used.
    pub fn export(&mut self, target: &Path) -> Result<Exported, LogError> {
        let Some(identity) = self.identity else {
            return Err(LogError::NoIdentity { path: self.path.clone() });
        };
        let (base, unreadable_state) = self.state()?;
        let removed = base.as_ref().map_or(0, |(removed, _)| *removed);
        let (unreadable, left_out) = (vec![], 0);
        let mut exported =
            Exported { base: removed, last: removed, unreadable, left_out, unreadable_state };
        self.visit(Scope::File, removed, &mut |part| {
            match part {
                Part::Unreadable(gap) => exported.unreadable.push(gap),
                Part::Record(..) if !exported.unreadable.is_empty() => exported.left_out += 1,
                Part::Record(sequence, _) => exported.last = sequence,
            }
            true
        })?;
        let mut failed = None;
        let mut records = (removed + 1..=exported.last).map_while(|sequence| {
            let bytes = match self.bytes(Scope::File, sequence) {
                Ok(Ok(bytes)) => return Some((sequence, bytes)),
                Ok(Err(reason)) => LogError::Damaged { path: self.path.clone(), sequence, reason },
                Err(error) => error,
            };
            failed = Some(bytes);
            None
        });
        embedded::write_log(target, identity, base, &mut records)?;
        failed.map_or(Ok(exported), Err)
    }

    /// The state that replaces removed records: that of the tree, or else that of the snapshot, if it is
    /// necessary. Also returns the reason why one of them cannot be read.
    fn state(&mut self) -> Result<(Option<Base>, Option<String>), LogError> {
        let Ok(tree) = &self.tree else {
            let snapshot = match self.snapshot() {
                Ok(snapshot) => snapshot,
                Err(reason) => return Ok((None, Some(reason))),
            };
            let found = self.carved()?;
            // Removed records may still be in pages that are free, but not all of them.
            let is_necessary = |at: Sequence| !(1..=at).all(|record| found.contains_key(&record));
            let snapshot = snapshot.filter(|(at, _)| is_necessary(*at));
            return Ok((snapshot.map(before_its_record), None));
        };
        let base = tree.base();
        match tree.read_base() {
            Ok(state) => Ok((state.map(|state| (base, state)), None)),
            Err(LogError::DamagedBase { path, reason }) => match self.snapshot() {
                Ok(Some(snapshot)) if snapshot.0 > base => {
                    let error = LogError::DamagedBase { path, reason };
                    Ok((Some(before_its_record(snapshot)), Some(error.to_string())))
                }
                Ok(_) => Err(LogError::DamagedBase { path, reason }),
                Err(also) => {
                    Err(LogError::DamagedBase { path, reason: format!("{reason}; {also}") })
                }
            },
            Err(error) => Err(error),
        }
    }

    /// The snapshot of this log; `None` if there is none. The error is the reason why it cannot be used.
    fn snapshot(&self) -> Result<Option<Snapshot>, String> {
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let path = directory.join(embedded::SNAPSHOT_FILE);
        let path = path.display();
        match embedded::read_snapshot_file(directory) {
            Ok(None) => Ok(None),
            Ok(Some(stored)) if Some(stored.identity) == self.identity => Ok(Some(stored.snapshot)),
            Ok(Some(stored)) => Err(format!(
                "the snapshot {path} belongs to the data directory {}",
                stored.identity
            )),
            Err(error) => Err(format!("the snapshot {path} cannot be used: {error}")),
        }
    }

    /// Number of the last record that was stored, as far as it is known.
    fn last(&mut self, scope: Scope) -> Result<Sequence, LogError> {
        let stored = match &self.tree {
            Ok(tree) if scope == Scope::Tree => return Ok(tree.last()),
            Ok(tree) => tree.last(),
            Err(_) if scope == Scope::Tree => return Ok(0),
            Err(_) => self.carved()?.last_key_value().map_or(0, |(sequence, _)| *sequence),
        };
        Ok(stored.max(self.proven.map_or(0, |mark| mark.sequence)))
    }

    /// The bytes of a whole record, or the reason why it cannot be read.
    fn bytes(
        &mut self,
        scope: Scope,
        sequence: Sequence,
    ) -> Result<Result<Vec<u8>, String>, LogError> {
        let reason = match &self.tree {
            Err(_) => "it is not in the file".to_owned(),
            Ok(tree) => match tree.record(sequence) {
                Ok(Some(bytes)) => match record::verify(sequence, &bytes) {
                    Ok(_) => return Ok(Ok(bytes)),
                    Err(defect) => reason_of(defect),
                },
                Ok(None) => "it is missing".to_owned(),
                Err(error) => error.to_string(),
            },
        };
        if scope == Scope::Tree {
            return Ok(Err(reason));
        }
        let proven = self.proven;
        let versions = self.carved()?.get(&sequence).cloned().unwrap_or_default();
        let known = proven.filter(|mark| mark.sequence == sequence);
        let mut chosen =
            versions.iter().filter(|version| known.is_none_or(|k| k.checksum == version.checksum));
        match (chosen.next(), chosen.next()) {
            (Some(location), None) => {
                let bytes = carve::read(&self.file, *location);
                Ok(Ok(bytes.map_err(|source| self.unreadable(source))?))
            }
            (Some(_), Some(_)) => Ok(Err("the file contains several versions of it".to_owned())),
            (None, _) => Ok(Err(reason)),
        }
    }

    fn carved(&mut self) -> Result<&Found, LogError> {
        if self.carved.is_none() {
            let found = carve::search(&self.file).map_err(|source| self.unreadable(source))?;
            self.carved = Some(found);
        }
        Ok(self.carved.get_or_insert_default())
    }

    fn unreadable(&self, source: std::io::Error) -> LogError {
        LogError::Beside { doing: "read", path: self.path.clone(), source }
    }
}

/// A state that replaces the records before its own: the new log contains that record, because a log is
/// never without records.
fn before_its_record(snapshot: Snapshot) -> Base {
    (snapshot.0.saturating_sub(1), snapshot)
}

fn reason_of(defect: Defect) -> String {
    match defect {
        Defect::Damaged(reason) => reason,
        Defect::Newer(version) => format!("it has format {version}, which a later version reads"),
    }
}
