//! From a log to a coordinator that leads.
//!
//! A standby follows the log and folds its facts into the state. A leader has begun a term, so
//! that no other coordinator can append, has folded every record, and is ready to serve.
//! Promise: a record that does not fit the state is an error that names the record, and so is a
//! whole log whose state is contradictory.

use crate::coordinator::clock;
use crate::coordinator::leadership::Leadership;
use crate::coordinator::recovery::error::RecoveryError;
use crate::domain::fact::Fact;
use crate::domain::time::Timestamp;
use crate::log::{EventLog, LogError, Sequence, Term};
use crate::scheduler::Scheduler;
use crate::sys::clock::Clock;

/// Follows the log.
pub(crate) struct Standby {
    log: Box<dyn EventLog>,
    scheduler: Scheduler,
    /// The last record that is folded.
    followed: Sequence,
    /// Facts since the snapshot.
    since_snapshot: u64,
}

/// Ready to serve: nobody else appends to the log, and the state has all of it.
pub(crate) struct Leader {
    pub log: Box<dyn EventLog>,
    pub term: Term,
    pub scheduler: Scheduler,
    pub clock: Clock,
    /// Facts since the snapshot.
    pub since_snapshot: u64,
}

impl Standby {
    /// Starts from the snapshot, if there is one that can be used, and folds the records after it.
    ///
    /// # Errors
    /// The log cannot be read, or a record does not fit.
    pub fn open(log: Box<dyn EventLog>) -> Result<Self, RecoveryError> {
        let (followed, scheduler) = restored(&*log)?;
        let mut standby = Self { log, scheduler, followed, since_snapshot: 0 };
        standby.follow()?;
        Ok(standby)
    }

    /// The last record that the state has.
    pub fn followed(&self) -> Sequence {
        self.followed
    }

    /// Folds the records that were added since the last call.
    ///
    /// # Errors
    /// The log cannot be read, or a record does not fit.
    pub fn follow(&mut self) -> Result<(), RecoveryError> {
        let mut misfit = None;
        self.log.reader().replay(self.followed, &mut |sequence, facts| {
            for fact in &facts {
                if let Err(error) = self.scheduler.apply(fact) {
                    misfit = Some(RecoveryError::Inconsistent { sequence, error });
                    return false;
                }
            }
            self.since_snapshot += facts.len() as u64;
            self.followed = sequence;
            true
        })?;
        misfit.map_or(Ok(()), Err)
    }

    /// Becomes the leader: acquires the leadership, begins a term, and folds the records that an
    /// earlier leader has added until then. `wall`: what the wall clock shows.
    ///
    /// # Errors
    /// Another coordinator leads, the log fails, a record does not fit, or the state is
    /// contradictory.
    pub fn lead(
        mut self,
        leadership: &mut dyn Leadership,
        wall: Timestamp,
    ) -> Result<Leader, RecoveryError> {
        leadership.acquire()?;
        let term = self.log.begin_term()?;
        self.follow()?;
        let sequence = self.followed;
        self.scheduler
            .check_invariants()
            .map_err(|error| RecoveryError::Inconsistent { sequence, error })?;
        let clock = self.start_clock(term, wall)?;
        let Self { log, mut scheduler, since_snapshot, .. } = self;
        scheduler.restarted(clock.now());
        Ok(Leader { log, term, scheduler, clock, since_snapshot })
    }

    /// Starts the clock, and stores a change of it, so that a later restart gives the same state.
    fn start_clock(&mut self, term: Term, wall: Timestamp) -> Result<Clock, RecoveryError> {
        let latest = time_of_last(&*self.log)?;
        let (clock, finding) = Clock::start_after(wall, latest);
        let change = finding.and_then(|finding| clock::at_start(finding, latest, clock.now()));
        if let Some(change) = change {
            self.log.append(self.followed, term, &[change])?;
            self.follow()?;
        }
        Ok(clock)
    }
}

/// The state that all records of the log lead to, without the snapshot, and the time of the last
/// record.
///
/// # Errors
/// The log cannot be read, or a record does not fit.
pub(crate) fn replayed(
    log: &dyn EventLog,
) -> Result<(Scheduler, Option<Timestamp>), RecoveryError> {
    let (after, mut state) = base(log)?;
    let mut misfit = None;
    log.reader().replay(after, &mut |sequence, facts| {
        let applied = facts.iter().try_for_each(|fact| state.apply(fact));
        misfit = applied.err().map(|error| RecoveryError::Inconsistent { sequence, error });
        misfit.is_none()
    })?;
    match misfit {
        Some(error) => Err(error),
        None => Ok((state, time_of_last(log)?)),
    }
}

/// The state that replaces removed records, with the last record that it covers.
fn base(log: &dyn EventLog) -> Result<(Sequence, Scheduler), RecoveryError> {
    let Some((at, pieces)) = log.read_base()? else { return Ok((0, Scheduler::new())) };
    let scheduler = Scheduler::restore(pieces.into_iter()).map_err(RecoveryError::Base)?;
    Ok((at, scheduler))
}

/// The time of the last record, whether or not a snapshot covers it.
fn time_of_last(log: &dyn EventLog) -> Result<Option<Timestamp>, LogError> {
    let mut latest = None;
    // A compaction keeps the last record.
    log.reader().replay(log.last().saturating_sub(1), &mut |_, facts| {
        latest = facts.last().map(Fact::at);
        true
    })?;
    Ok(latest)
}

/// The state to start from, with the last record that it covers: that of the snapshot, or of the
/// log's base, or of an empty log.
fn restored(log: &dyn EventLog) -> Result<(Sequence, Scheduler), RecoveryError> {
    if let Some((at, pieces)) = log.read_snapshot()? {
        match Scheduler::restore(pieces.into_iter()) {
            Ok(scheduler) => return Ok((at, scheduler)),
            Err(error) => log.reject_snapshot(&error.to_string()),
        }
    }
    base(log)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::leadership::DirectoryLeadership;
    use crate::domain::id::{RunId, TestId};
    use crate::domain::storage_id::StorageId;
    use crate::domain::time::Millis;
    use crate::log::EmbeddedLog;
    use crate::log::memory::MemoryLog;
    use crate::scheduler::FactError;

    /// 2026-12-01.
    const NOW: Timestamp = Timestamp(1_796_083_200_000);
    const DAY: Millis = Millis::from_secs(86_400);

    fn submitted(run: u32) -> Vec<Fact> {
        let (run, at) = (RunId(run), NOW);
        let (name, user) = ("run".into(), "someone".into());
        vec![
            Fact::RunSubmitted { run, name, idempotency: None, user, closed_world: false, at },
            Fact::TestsAdded { run, first: 0, tests: vec![], last: false, part: 0, at },
        ]
    }

    fn leadership() -> (tempfile::TempDir, DirectoryLeadership) {
        let directory = tempfile::tempdir().expect("a directory");
        let leadership = DirectoryLeadership::new(directory.path());
        (directory, leadership)
    }

    #[test]
    fn a_standby_follows_the_leader_and_takes_over_with_everything() {
        let mut old = MemoryLog::new();
        let standby = old.reopen();
        let term = old.begin_term().expect("a term");
        old.append(0, term, &submitted(1)).expect("stored");
        let mut standby = Standby::open(Box::new(standby)).expect("whole");
        assert_eq!(standby.scheduler.runs().count(), 1);
        old.append(1, term, &submitted(2)).expect("stored");
        standby.follow().expect("whole");
        assert_eq!(standby.scheduler.runs().count(), 2);
        old.append(2, term, &submitted(3)).expect("stored");
        let (_directory, mut leadership) = leadership();
        let leader = standby.lead(&mut leadership, NOW).expect("nobody else leads");
        assert_eq!((leader.scheduler.runs().count(), leader.log.last()), (3, 3));
        assert_eq!(leader.since_snapshot, 6);
        let late = old.append(3, term, &submitted(4));
        assert!(matches!(late, Err(LogError::Fenced { .. })), "{late:?}");
    }

    #[test]
    fn a_record_that_does_not_fit_is_named() {
        let mut log = MemoryLog::new();
        let term = log.begin_term().expect("a term");
        log.append(0, term, &submitted(1)).expect("stored");
        let test = TestId { run: RunId(1), index: 7 };
        log.append(1, term, &[Fact::TestExpired { test, at: Timestamp(6) }]).expect("stored");
        let error = Standby::open(Box::new(log.reopen())).err().expect("it does not fit");
        let expected = FactError::UnknownTest(test);
        assert!(
            matches!(&error, RecoveryError::Inconsistent { sequence: 2, error } if *error == expected),
            "{error}"
        );
        assert_eq!(
            error.to_string(),
            "record 2 of the event log does not fit the records before it: test r1.t7 does not exist"
        );
    }

    #[test]
    fn a_snapshot_spares_the_records_that_it_covers() {
        let mut log = MemoryLog::new();
        let term = log.begin_term().expect("a term");
        log.append(0, term, &submitted(1)).expect("stored");
        let first = Standby::open(Box::new(log.reopen())).expect("whole");
        let snapshot = first.scheduler.snapshot();
        log.write_snapshot(1, &mut snapshot.pieces()).expect("written");
        log.append(1, term, &submitted(2)).expect("stored");
        let second = Standby::open(Box::new(log.reopen())).expect("whole");
        assert_eq!((second.scheduler.runs().count(), second.since_snapshot), (2, 2));
        log.write_snapshot(2, &mut [b"damaged".to_vec()].into_iter()).expect("written");
        let third = Standby::open(Box::new(log.reopen())).expect("whole");
        assert_eq!((third.scheduler.runs().count(), third.since_snapshot), (2, 4));
    }

    #[test]
    fn a_compacted_log_is_restored_with_and_without_a_snapshot() {
        let directory = tempfile::tempdir().expect("a directory");
        let identity = StorageId::from_bytes([7; 16]);
        let mut log = EmbeddedLog::create(directory.path(), identity).expect("a new log");
        let term = log.begin_term().expect("a term");
        let mut state = Scheduler::new();
        for run in 1..=4 {
            let facts = submitted(run);
            log.append(log.last(), term, &facts).expect("stored");
            if run <= 3 {
                for fact in &facts {
                    state.apply(fact).expect("it fits");
                }
            }
        }
        log.compact(2, 3, &mut state.snapshot().pieces()).expect("compacted");
        drop(log);
        let restart = || {
            let log = EmbeddedLog::open(directory.path(), None).expect("a log");
            Standby::open(Box::new(log)).expect("whole")
        };
        let (without, whole) = (restart(), Scheduler::snapshot);
        assert_eq!((without.scheduler.runs().count(), without.since_snapshot), (4, 2));
        let expected: Vec<Vec<u8>> = whole(&without.scheduler).pieces().collect();
        let Standby { mut log, scheduler, .. } = without;
        log.write_snapshot(4, &mut scheduler.snapshot().pieces()).expect("written");
        drop(log);
        let mut with = restart();
        assert_eq!((with.scheduler.runs().count(), with.since_snapshot), (4, 0));
        assert!(whole(&with.scheduler).pieces().eq(expected.iter().cloned()));
        with.log.write_snapshot(4, &mut [b"damaged".to_vec()].into_iter()).expect("written");
        drop(with);
        let again = restart();
        assert_eq!((again.scheduler.runs().count(), again.since_snapshot), (4, 2));
        assert!(whole(&again.scheduler).pieces().eq(expected));
    }

    fn expiring(run: u32, at: Timestamp) -> Vec<Fact> {
        let test = serde_json::json!({
            "name": "waits", "expire_after_ms": DAY, "launch": {"run": {"command": ["true"]}},
        });
        let tests = vec![serde_json::from_str(&test.to_string()).expect("a test")];
        let mut facts = submitted(run);
        facts.truncate(1);
        facts.push(Fact::TestsAdded { run: RunId(run), first: 0, tests, last: true, part: 0, at });
        facts
    }

    fn lead(log: &MemoryLog, wall: Timestamp) -> Leader {
        let (_directory, mut leadership) = leadership();
        let standby = Standby::open(Box::new(log.reopen())).expect("whole");
        standby.lead(&mut leadership, wall).expect("nobody else leads")
    }

    #[test]
    fn a_clock_that_is_ahead_expires_nothing_and_does_not_shift_later_times() {
        let mut log = MemoryLog::new();
        let term = log.begin_term().expect("a term");
        log.append(0, term, &expiring(1, NOW)).expect("stored");
        let hour = NOW.after(Millis::from_secs(3600));
        let wrong = NOW.after(Millis(400 * DAY.0));
        for (wall, snapshot, records) in
            [(wrong, false, 2), (wrong, true, 2), (hour, true, 3), (hour, false, 3)]
        {
            let mut leader = lead(&log, wall);
            let now = leader.clock.now();
            assert!(now.since(wall) < Millis::from_secs(60), "{now:?} follows {wall:?}");
            assert_eq!(leader.log.last(), records, "a change is stored once");
            assert!(leader.scheduler.tick(now).is_empty(), "nothing expires at {now:?}");
            let later = leader.scheduler.tick(now.after(DAY));
            assert!(matches!(later[..], [Fact::TestExpired { .. }]), "{later:?}");
            if snapshot {
                let snapshot = leader.scheduler.snapshot();
                let mut pieces = snapshot.pieces();
                leader.log.write_snapshot(records, &mut pieces).expect("written");
            }
        }
    }

    #[test]
    fn the_time_of_the_last_record_is_known_although_a_snapshot_covers_it() {
        let mut log = MemoryLog::new();
        let term = log.begin_term().expect("a term");
        log.append(0, term, &submitted(1)).expect("stored");
        let first = lead(&log, NOW);
        log.write_snapshot(1, &mut first.scheduler.snapshot().pieces()).expect("written");
        let near = Timestamp(NOW.0 - 1000);
        assert!(lead(&log, near).clock.now() >= NOW, "a small step back repeats no time");
        assert_eq!(log.last(), 1);
    }

    #[test]
    fn a_clock_that_is_not_set_is_not_followed() {
        let mut log = MemoryLog::new();
        let term = log.begin_term().expect("a term");
        log.append(0, term, &expiring(1, NOW)).expect("stored");
        let leader = lead(&log, Timestamp(1000));
        assert!(leader.clock.now() >= NOW);
        assert_eq!(leader.log.last(), 1);
    }
}
