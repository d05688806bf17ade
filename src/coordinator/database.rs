//! `results` and `projector`, over the results database and the files by content.

use crate::api::SCHEMA;
use crate::api::v1::history::{HistoryQuery, HistoryView, OutOfMemory, PastTest};
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::api::v1::runs::{RunCounts, RunView};
use crate::api::v1::templates::TemplateView;
use crate::api::v1::test_views::{AttemptDetail, AttemptQuery, AttemptView, TestQuery, TestView};
use crate::blobs::{BlobDigest, BlobError, Blobs};
use crate::coordinator::projector::{Committed, Projection};
use crate::coordinator::results::{Fault, Results};
use crate::coordinator::substitute::{Current, Held};
use crate::domain::causes::with_causes;
use crate::domain::id::{AttemptId, RunId, TestId};
use crate::domain::test::Phase;
use crate::domain::time::Timestamp;
use crate::log::LogReader;
use crate::results;
use crate::store::rows;
use crate::store::{Store, Writer};
use std::path::Path;
use std::sync::Arc;

/// The writing end, with the log to catch up from.
pub(crate) struct DatabaseWriter {
    pub writer: Writer,
    pub log: Arc<dyn LogReader>,
    /// What answers.
    pub current: Current,
    /// Set while `writer` is that of a substitute.
    pub held: Option<Held>,
}

/// The reading end.
pub(crate) struct Database {
    pub current: Current,
    pub blobs: Blobs,
}

impl Database {
    fn store(&self) -> Store {
        self.current.store()
    }
}

impl DatabaseWriter {
    /// Puts the real database in the place of its substitute, once its file is free.
    fn look_again(&mut self) {
        let Some(held) = &mut self.held else { return };
        match held.take_over(&mut self.writer, &self.current, &*self.log) {
            Ok(true) => {
                tracing::info!("the results database is free again, and has caught up");
                self.held = None;
            }
            Ok(false) => {}
            Err(error) => tracing::warn!("{}", fault(error)),
        }
    }
}

/// An error with its causes.
fn fault(error: impl std::error::Error) -> Fault {
    with_causes(&error)
}

impl Projection for DatabaseWriter {
    fn watermark(&self) -> u64 {
        self.writer.watermark()
    }

    fn project(&mut self, records: &[Committed]) -> Result<(), String> {
        let batch = records.iter().map(|record| (record.sequence, &record.events));
        self.writer.project(batch).map_err(fault)?;
        if self.held.as_ref().is_some_and(Held::is_due) {
            self.look_again();
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.look_again();
        if self.held.is_some() {
            tracing::warn!(
                "the results database is still in use by another process; the results are in the \
                 event log, and the next command that finds the database free adds them"
            );
        }
    }

    fn reread(&mut self, after: u64, most: usize) -> Result<Vec<Committed>, String> {
        let (mut records, mut read) = (Vec::new(), 0);
        let replayed = self.log.replay(after, &mut |sequence, events| {
            read += events.len();
            records.push(Committed { sequence, events });
            read < most
        });
        replayed.map(|()| records).map_err(fault)
    }
}

/// A test as the API shows it, from the results alone.
#[must_use]
pub fn test_view(row: rows::TestRow) -> TestView {
    TestView {
        test: row.test,
        name: row.name,
        phase: if row.outcome.is_some() { Phase::Done } else { Phase::Waiting },
        outcome: row.outcome,
        class: row.class,
        flaky: row.flaky,
        attempts: row.attempts,
        message: Some(row.message).filter(|message| !message.is_empty()),
        finished_at: row.finished_at,
        labels: row.labels,
    }
}

#[must_use]
pub fn attempt_view(row: rows::AttemptRow) -> AttemptView {
    // Checked when it was reported.
    let detail: Option<AttemptDetail> =
        row.detail.and_then(|detail| serde_json::from_str(detail.get()).ok());
    AttemptView {
        attempt: row.attempt,
        name: row.name,
        worker: row.worker,
        worker_name: row.worker_name,
        outcome: row.outcome,
        class: row.class,
        duration_ms: row.duration,
        finished_at: row.finished_at,
        detail: detail.unwrap_or_default(),
    }
}

fn run_view(row: rows::RunRow) -> RunView {
    let done: u32 = row.done.values().sum();
    RunView {
        schema: SCHEMA,
        run: row.run,
        name: row.name,
        user: row.user,
        submitted_at: row.submitted_at,
        finished_at: row.finished_at,
        cancelled: row.cancelled,
        counts: RunCounts {
            total: row.total,
            waiting: row.total.saturating_sub(done),
            done: row.done,
            flaky: row.flaky,
            ..RunCounts::default()
        },
    }
}

impl Results for Database {
    fn tests(
        &self,
        query: &TestQuery,
        done: Option<bool>,
        after: Option<TestId>,
        limit: usize,
    ) -> Result<Vec<TestView>, Fault> {
        let filter = rows::TestFilter {
            run: query.run,
            outcome: query.outcome,
            name: query.name.clone(),
            done,
            after,
            limit,
        };
        let found = self.store().tests(&filter).map_err(fault)?;
        Ok(found.into_iter().map(test_view).collect())
    }

    fn test(&self, test: TestId) -> Result<Option<TestView>, Fault> {
        Ok(self.store().test(test).map_err(fault)?.map(test_view))
    }

    fn attempts(
        &self,
        query: &AttemptQuery,
        after: Option<AttemptId>,
        limit: usize,
    ) -> Result<Vec<AttemptView>, Fault> {
        let AttemptQuery { run, test, worker, outcome, .. } = *query;
        let filter = rows::AttemptFilter { run, test, worker, outcome, after, limit };
        let found = self.store().attempts(&filter).map_err(fault)?;
        Ok(found.into_iter().map(attempt_view).collect())
    }

    fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptView>, Fault> {
        Ok(self.store().attempt(attempt).map_err(fault)?.map(attempt_view))
    }

    fn past(&self, query: &HistoryQuery) -> Result<HistoryView, Fault> {
        let found = self.store().past(("model", &query.model)).map_err(fault)?;
        let test = |row: rows::PastRow| PastTest {
            name: row.name,
            ended: row.ended,
            failed: row.failed,
            flaky: row.flaky,
            median_ms: row.median.map(|median| median.0),
            peak_memory_bytes: row.peak_memory_bytes,
            peak_device_memory_bytes: row.peak_device_memory_bytes,
        };
        let exhausted = |row: rows::ExhaustedRow| OutOfMemory {
            labels: row.labels,
            memory_bytes: row.memory_bytes,
            device_memory_bytes: row.device_memory_bytes,
        };
        Ok(HistoryView {
            schema: SCHEMA,
            tests: found.tests.into_iter().map(test).collect(),
            out_of_memory: found.exhausted.into_iter().map(exhausted).collect(),
        })
    }

    fn report(&self, query: &ReportQuery, limit: usize) -> Result<ReportView, Fault> {
        let since = query.since_ms.filter(|_| query.run.is_none()).map(Timestamp);
        let asked = rows::ReportQuery { since, run: query.run, limit };
        Ok(results::assemble(self.store().report(&asked).map_err(fault)?))
    }

    fn runs(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunView>, Fault> {
        let found = self.store().runs(before, limit).map_err(fault)?;
        Ok(found.into_iter().map(run_view).collect())
    }

    fn run(&self, run: RunId) -> Result<Option<RunView>, Fault> {
        Ok(self.store().run(run).map_err(fault)?.map(run_view))
    }

    fn template_versions(&self, path: Option<&str>) -> Result<Vec<TemplateView>, Fault> {
        let found = self.store().template_versions(path).map_err(fault)?;
        let view = |row: rows::TemplateRow| TemplateView {
            path: row.path,
            version: row.version,
            sha256: row.sha256,
            user: row.user,
            added_at: row.added_at,
        };
        Ok(found.into_iter().map(view).collect())
    }

    fn blob_size(&self, sha256: &str) -> Result<Option<u64>, Fault> {
        let Some(file) = self.blob(sha256)? else { return Ok(None) };
        file.metadata().map(|metadata| Some(metadata.len())).map_err(fault)
    }

    fn blob(&self, sha256: &str) -> Result<Option<std::fs::File>, Fault> {
        let digest: BlobDigest = sha256.parse().map_err(fault)?;
        match self.blobs.open_blob(&digest) {
            Ok(file) => Ok(Some(file)),
            Err(BlobError::Missing(_)) => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }

    fn keep_blob(&self, sha256: &str, file: &Path) -> Result<(), Fault> {
        let digest: BlobDigest = sha256.parse().map_err(fault)?;
        let content = std::fs::File::open(file).map_err(fault)?;
        let stored = self.blobs.put(&digest, content, crate::api::MAX_BLOB_BYTES);
        stored.map(|_| ()).map_err(fault)
    }
}
