//! The projector, step by step, over a database that fails as a test asks it to.

use super::*;
use crate::coordinator::projector::feed::MAX_QUEUED_BYTES;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::{Millis, Timestamp};
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Size of the detail of each result.
const DETAIL_BYTES: usize = 1024 * 1024;

/// Content of the database, and its next answers.
#[derive(Default)]
struct State {
    /// Number of records of the log.
    log: u64,
    watermark: u64,
    errors: VecDeque<StoreError>,
    /// Sizes of the batches.
    batches: Vec<usize>,
    /// `anew` of each call to reopen the database.
    reopened: Vec<bool>,
    /// Content of the database after it was opened again.
    left: Option<u64>,
    /// Its readers, of which one meets the fault while the database is opened again.
    readers: Option<Arc<Progress>>,
}

#[derive(Clone, Default)]
struct Database(Arc<Mutex<State>>);

impl Database {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(sequence: u64) -> Committed {
    let detail = format!("{{\"output\":\"{}\"}}", "x".repeat(DETAIL_BYTES));
    let attempt = TestId { run: RunId(1), index: sequence as u32 }.attempt(1);
    let fact = Fact::AttemptFinished {
        lease: LeaseId { attempt, epoch: Epoch(sequence) },
        worker: WorkerId(1),
        outcome: Outcome::Passed,
        class: None,
        duration_ms: Millis(1),
        detail: RawValue::from_string(detail).ok(),
        next: Next::Done { flaky: false },
        at: Timestamp(1),
    };
    Committed { sequence, facts: vec![fact] }
}

impl Projection for Database {
    fn watermark(&self) -> u64 {
        self.state().watermark
    }

    fn project(&mut self, records: &[Committed]) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(error) = state.errors.pop_front() {
            return Err(error);
        }
        for (record, next) in records.iter().zip(state.watermark + 1..) {
            assert_eq!(record.sequence, next, "without gap or repeat");
        }
        state.batches.push(records.iter().map(Committed::bytes).sum());
        state.watermark += records.len() as u64;
        Ok(())
    }

    fn reread(&mut self, after: u64, bytes: usize) -> Result<Vec<Committed>, LogError> {
        let (mut records, mut read) = (Vec::new(), 0);
        for sequence in after + 1..=self.state().log {
            let record = record(sequence);
            read += record.bytes();
            records.push(record);
            if read >= bytes {
                break;
            }
        }
        Ok(records)
    }

    fn reopen(&mut self, anew: bool) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut state = self.state();
        state.reopened.push(anew);
        if let Some(readers) = &state.readers {
            readers.report_fault(Cause::Invalidated);
        }
        if let Some(error) = state.errors.pop_front() {
            return Err(Box::new(error));
        }
        state.watermark = if anew { 0 } else { state.left.take().unwrap_or(state.watermark) };
        Ok(())
    }
}

struct Parts {
    database: Database,
    projector: Projector,
    feed: Feed,
    progress: Arc<Progress>,
    health: Arc<Health>,
}

/// A projector over a log with this number of records, of which none is in the database.
fn parts(records: u64) -> Parts {
    let database = Database::default();
    database.state().log = records;
    let health = Arc::new(Health::new());
    let (projector, feed, progress) =
        Projector::new(Box::new(database.clone()), records, Arc::clone(&health));
    Parts { database, projector, feed, progress, health }
}

impl Parts {
    fn commit(&mut self, sequence: u64) {
        self.database.state().log = sequence;
        self.feed.offer(record(sequence));
        self.progress.set_committed(sequence);
    }

    /// Works until there is nothing to do, or until the projector pauses. Returns its wait.
    fn work(&mut self) -> Option<Duration> {
        loop {
            let wait = self.projector.advance();
            let is_idle = wait != Some(Duration::ZERO);
            self.projector.receive(Some(Duration::ZERO));
            if is_idle && self.projector.queue.bytes.load(Ordering::Relaxed) == 0 {
                return wait;
            }
        }
    }

    fn fail_with(&self, error: StoreError) {
        self.database.state().errors.push_back(error);
    }
}

fn full() -> StoreError {
    let source = std::io::ErrorKind::StorageFull.into();
    StoreError::File { doing: "write to", path: "results".into(), source }
}

fn damaged() -> StoreError {
    StoreError::Foreign { path: "results".into(), reason: "it is damaged".into() }
}

#[test]
fn batches_from_the_log_and_from_the_queue_are_limited_by_their_size() {
    let mut parts = parts(40);
    parts.work();
    for sequence in 41..=60 {
        parts.commit(sequence);
    }
    parts.work();
    assert!(parts.projector.flush());
    let state = parts.database.state();
    assert_eq!(state.watermark, 60);
    let largest = state.batches.iter().max().copied().unwrap_or_default();
    assert!(largest < MAX_TRANSACTION_BYTES + 2 * DETAIL_BYTES, "{largest}");
    assert!(state.batches.len() >= 4, "{:?}", state.batches);
}

#[test]
fn records_for_which_the_queue_has_no_room_are_read_again() {
    let mut parts = parts(0);
    for sequence in 1..=80 {
        parts.commit(sequence);
    }
    assert!(parts.projector.queue.bytes.load(Ordering::Relaxed) <= MAX_QUEUED_BYTES);
    parts.work();
    assert!(parts.projector.flush());
    assert_eq!(parts.database.state().watermark, 80);
}

/// Decoding it again would need its memory twice.
#[test]
fn a_record_that_is_larger_than_the_queue_waits_in_it_alone() {
    let parts = parts(0);
    let facts = (0..=MAX_QUEUED_BYTES / DETAIL_BYTES).flat_map(|_| record(1).facts).collect();
    parts.feed.offer(Committed { sequence: 1, facts });
    parts.progress.set_committed(1);
    assert!(parts.projector.queue.bytes.load(Ordering::Relaxed) > MAX_QUEUED_BYTES);
    parts.feed.offer(record(2));
    assert!(parts.projector.queue.messages.try_recv().is_ok(), "the first waits");
    assert!(parts.projector.queue.messages.try_recv().is_err(), "the second is read from the log");
}

#[test]
fn a_full_disk_is_reported_and_tried_again_after_growing_pauses() {
    let mut parts = parts(1);
    let mut last = Duration::ZERO;
    for _ in 0..3 {
        parts.fail_with(full());
        let wait = parts.work().expect("a pause");
        assert!(wait > last && wait <= MAX_PAUSE, "{wait:?}");
        last = wait;
        // The pause is over.
        parts.projector.failures.retry_at = None;
    }
    let reason = parts.health.reason().expect("not ready");
    assert!(reason.contains("the disk is full"), "{reason}");
    assert_eq!(parts.progress.unavailable(), None, "the database can be read");
    parts.work();
    assert_eq!((parts.health.reason(), parts.database.state().watermark), (None, 1));
    assert_eq!(pause(100), MAX_PAUSE);
}

#[test]
fn a_damaged_database_is_opened_again_and_rebuilt_with_the_progress() {
    let mut parts = parts(40);
    parts.work();
    parts.progress.report_fault(Cause::Damage);
    parts.database.state().left = Some(0);
    assert_eq!(parts.projector.advance(), Some(Duration::ZERO));
    let expected = "the results database is being rebuilt: record 0 of 40";
    assert_eq!(parts.progress.unavailable().as_deref(), Some(expected));
    assert_eq!(parts.health.reason().as_deref(), Some(expected));
    parts.projector.advance();
    let reason = parts.health.reason().expect("not ready");
    assert!(reason.ends_with("record 16 of 40"), "{reason}");
    parts.work();
    assert_eq!((parts.progress.unavailable(), parts.health.reason()), (None, None));
    let state = parts.database.state();
    assert_eq!((state.watermark, state.reopened.as_slice()), (40, &[false][..]));
}

#[test]
fn the_writer_reports_damage_itself_and_a_failed_repair_is_repeated() {
    let mut parts = parts(1);
    parts.fail_with(damaged());
    parts.fail_with(full());
    let wait = parts.work().expect("a pause");
    assert!(wait > Duration::ZERO);
    assert!(parts.progress.unavailable().is_some());
    parts.projector.failures.retry_at = None;
    parts.work();
    assert_eq!((parts.progress.unavailable(), parts.health.reason()), (None, None));
    let state = parts.database.state();
    assert_eq!((state.watermark, state.reopened.as_slice()), (1, &[false, false][..]));
}

#[test]
fn a_fault_that_comes_back_makes_the_database_new_and_the_pauses_longer() {
    let mut parts = parts(3);
    parts.work();
    for _ in 0..4 {
        parts.progress.report_fault(Cause::Invalidated);
        parts.work();
        parts.projector.failures.retry_at = None;
        parts.work();
    }
    let state = parts.database.state();
    assert_eq!(state.reopened, [false, false, true, true]);
    assert_eq!(state.watermark, 3);
}

#[test]
fn a_fault_that_several_readers_report_is_repaired_once() {
    let mut parts = parts(3);
    parts.work();
    parts.database.state().readers = Some(Arc::clone(&parts.progress));
    parts.progress.report_fault(Cause::Invalidated);
    parts.work();
    assert_eq!(parts.database.state().reopened, [false]);
}

#[tokio::test]
async fn a_reader_does_not_wait_for_a_database_that_is_being_rebuilt() {
    let mut parts = parts(1);
    let progress = Arc::clone(&parts.progress);
    let waiting = progress.wait_projected(Duration::from_secs(600));
    let repaired = async {
        parts.progress.report_fault(Cause::Damage);
        parts.fail_with(full());
        parts.projector.advance();
    };
    let (reached, ()) = tokio::join!(waiting, repaired);
    assert!(!reached);
    assert!(!progress.wait_projected(Duration::from_secs(600)).await, "at once");
}
