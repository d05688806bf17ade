//! Results in memory, as the fold of the event log: what lists and reports read until a
//! database takes its place behind the same seam (`results`).
//!
//! Limits: grows with the history; rebuilt from the whole log at each start. Files lie
//! in `blobs`.

use crate::api::SCHEMA;
use crate::api::v1::reports::{MetricSummary, ReportQuery, ReportRow, ReportView, Totals};
use crate::api::v1::tests::{
    AttemptDetail, AttemptQuery, AttemptView, Metric, TestQuery, TestView,
};
use crate::blobs::{BlobDigest, BlobError, Blobs};
use crate::coordinator::projector::{Committed, Projection};
use crate::coordinator::results::{Fault, Results};
use crate::domain::event::{Event, Next};
use crate::domain::id::{AttemptId, RunId, TestId, WorkerId};
use crate::domain::launch::Launch;
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::{Phase, TestSpec};
use crate::domain::time::{Millis, Timestamp};
use crate::log::LogReader;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) struct Memory {
    tables: Mutex<Tables>,
    log: Arc<dyn LogReader>,
    blobs: Blobs,
}

#[derive(Default)]
struct Tables {
    watermark: u64,
    runs: BTreeMap<RunId, Timestamp>,
    tests: BTreeMap<TestId, Test>,
    attempts: BTreeMap<AttemptId, Attempt>,
    workers: BTreeMap<WorkerId, Box<str>>,
    late: BTreeMap<RunId, u64>,
}

struct Test {
    spec: Arc<TestSpec>,
    attempts: u16,
    end: Option<End>,
}

#[derive(Clone)]
struct End {
    outcome: Outcome,
    class: Option<Class>,
    flaky: bool,
    message: String,
    at: Timestamp,
}

struct Attempt {
    worker: WorkerId,
    outcome: Outcome,
    class: Option<Class>,
    duration: Millis,
    detail: Option<Box<RawValue>>,
    at: Timestamp,
}

impl Memory {
    pub fn new(log: Arc<dyn LogReader>, blobs: Blobs) -> Arc<Self> {
        Arc::new(Self { tables: Mutex::default(), log, blobs })
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn detail(text: Option<&RawValue>) -> AttemptDetail {
    text.and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default()
}

impl Tables {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::WorkerRegistered { worker, name, .. } => {
                self.workers.insert(*worker, name.clone());
            }
            Event::RunSubmitted { run, at, .. } => {
                self.runs.insert(*run, *at);
            }
            Event::TestsAdded { run, first, tests, .. } => {
                for (index, spec) in (*first..).zip(tests) {
                    let test = Test { spec: Arc::clone(spec), attempts: 0, end: None };
                    self.tests.insert(TestId { run: *run, index }, test);
                }
            }
            Event::AttemptFinished { .. } => self.finish(event),
            Event::TestSkipped { test, because, at } => {
                self.end(*test, Outcome::Skipped, because.to_string(), *at);
            }
            Event::TestExpired { test, at } => {
                self.end(*test, Outcome::Expired, "it waited too long".to_owned(), *at);
            }
            Event::RunCancelled { run, by, notices, at } => self.cancel(*run, by, notices, *at),
            Event::LateResult { lease, .. } => {
                *self.late.entry(lease.attempt.test.run).or_default() += 1;
            }
            _ => {}
        }
    }

    fn finish(&mut self, event: &Event) {
        let Event::AttemptFinished {
            lease,
            worker,
            outcome,
            class,
            duration_ms,
            detail: text,
            next,
            at,
        } = event
        else {
            return;
        };
        let attempt = lease.attempt;
        if let Some(test) = self.tests.get_mut(&attempt.test) {
            test.attempts = test.attempts.max(attempt.number);
            if let Next::Done { flaky } = next {
                let message = detail(text.as_deref()).message;
                let (outcome, class, flaky, at) = (*outcome, *class, *flaky, *at);
                test.end = Some(End { outcome, class, flaky, message, at });
            }
        }
        let ended = Attempt {
            worker: *worker,
            outcome: *outcome,
            class: *class,
            duration: *duration_ms,
            detail: text.clone(),
            at: *at,
        };
        self.attempts.insert(attempt, ended);
    }

    fn end(&mut self, test: TestId, outcome: Outcome, message: String, at: Timestamp) {
        if let Some(test) = self.tests.get_mut(&test) {
            test.end = Some(End { outcome, class: None, flaky: false, message, at });
        }
    }

    /// Held tests end with the report of their worker; the others end now.
    fn cancel(
        &mut self,
        run: RunId,
        by: &str,
        notices: &[crate::domain::event::Notice],
        at: Timestamp,
    ) {
        let held: Vec<TestId> = notices.iter().map(|notice| notice.lease.attempt.test).collect();
        for (id, test) in self.tests.range_mut(tests_of(run)) {
            if test.end.is_none() && !held.contains(id) {
                let message = format!("cancelled by {by}");
                let outcome = Outcome::Cancelled;
                test.end = Some(End { outcome, class: None, flaky: false, message, at });
            }
        }
    }

    fn attempt(&self, id: AttemptId, attempt: &Attempt) -> AttemptView {
        let name = self.tests.get(&id.test).map(|test| test.spec.name.to_string());
        let worker_name = self.workers.get(&attempt.worker).map(ToString::to_string);
        AttemptView {
            attempt: id,
            name: name.unwrap_or_default(),
            worker: attempt.worker,
            worker_name: worker_name.unwrap_or_default(),
            outcome: attempt.outcome,
            class: attempt.class,
            duration_ms: attempt.duration,
            finished_at: attempt.at,
            detail: detail(attempt.detail.as_deref()),
        }
    }

    fn row(&self, id: TestId, test: &Test) -> ReportRow {
        let last = self.attempts.range(..=id.attempt(u16::MAX)).next_back();
        let last = last.filter(|(attempt, _)| attempt.test == id).map(|(_, attempt)| attempt);
        let end = test.end.clone();
        let metrics = last.map(|last| detail(last.detail.as_deref()).metrics).unwrap_or_default();
        ReportRow {
            test: id,
            name: test.spec.name.to_string(),
            outcome: end.as_ref().map(|end| end.outcome),
            class: end.as_ref().and_then(|end| end.class),
            flaky: end.as_ref().is_some_and(|end| end.flaky),
            attempts: test.attempts,
            worker: last.and_then(|last| self.workers.get(&last.worker)).map(ToString::to_string),
            duration_ms: last.map(|last| last.duration),
            finished_at: end.as_ref().map(|end| end.at),
            message: end.map(|end| end.message).unwrap_or_default(),
            labels: labels(&test.spec),
            metrics: metrics.iter().filter_map(summary).collect(),
        }
    }
}

fn tests_of(run: RunId) -> std::ops::RangeInclusive<TestId> {
    TestId { run, index: 0 }..=TestId { run, index: u32::MAX }
}

fn labels(spec: &TestSpec) -> BTreeMap<String, String> {
    serde_json::from_str::<Launch>(spec.launch.get()).map(|l| l.labels).unwrap_or_default()
}

/// Percentiles by nearest rank.
fn summary(metric: &Metric) -> Option<MetricSummary> {
    let mut values = metric.values.clone();
    values.sort_by(f64::total_cmp);
    let rank = |part: f64| {
        let rank = (part * values.len() as f64).ceil().max(1.0) as usize;
        values.get(rank - 1).copied()
    };
    Some(MetricSummary {
        name: metric.name.clone(),
        unit: metric.unit.clone(),
        count: values.len() as u64,
        min: values.first().copied()?,
        p50: rank(0.5)?,
        p90: rank(0.9)?,
        p99: rank(0.99)?,
        max: values.last().copied()?,
    })
}

fn view(id: TestId, test: &Test) -> TestView {
    TestView {
        test: id,
        name: test.spec.name.to_string(),
        phase: if test.end.is_some() { Phase::Done } else { Phase::Waiting },
        outcome: test.end.as_ref().map(|end| end.outcome),
        class: test.end.as_ref().and_then(|end| end.class),
        flaky: test.end.as_ref().is_some_and(|end| end.flaky),
        attempts: test.attempts,
        message: test.end.as_ref().map(|end| end.message.clone()).filter(|m| !m.is_empty()),
        finished_at: test.end.as_ref().map(|end| end.at),
        labels: labels(&test.spec),
    }
}

impl Projection for Arc<Memory> {
    fn watermark(&self) -> u64 {
        self.lock().watermark
    }

    fn project(&mut self, records: &[Committed]) -> Result<(), String> {
        let mut tables = self.lock();
        for record in records {
            for event in &record.events {
                tables.apply(event);
            }
            tables.watermark = record.sequence;
        }
        Ok(())
    }

    fn reread(&mut self, after: u64, most: usize) -> Result<Vec<Committed>, String> {
        let (mut records, mut events_read) = (Vec::new(), 0);
        let read = self.log.replay(after, &mut |sequence, events| {
            events_read += events.len();
            records.push(Committed { sequence, events });
            events_read < most
        });
        read.map(|()| records).map_err(|error| error.to_string())
    }
}

impl Results for Memory {
    fn tests(
        &self,
        query: &TestQuery,
        done: Option<bool>,
        after: Option<TestId>,
        limit: usize,
    ) -> Result<Vec<TestView>, Fault> {
        let tables = self.lock();
        let named = |test: &Test| {
            query.name.as_ref().is_none_or(|part| test.spec.name.contains(part.as_str()))
        };
        let found = tables
            .tests
            .iter()
            .filter(|(id, _)| after.is_none_or(|after| **id > after))
            .filter(|(id, _)| query.run.is_none_or(|run| run == id.run))
            .filter(|(_, test)| done.is_none_or(|done| done == test.end.is_some()))
            .filter(|(_, test)| {
                let outcome = test.end.as_ref().map(|end| end.outcome);
                query.outcome.is_none_or(|wanted| outcome == Some(wanted))
            })
            .filter(|(_, test)| named(test));
        Ok(found.take(limit).map(|(id, test)| view(*id, test)).collect())
    }

    fn test(&self, test: TestId) -> Result<Option<TestView>, Fault> {
        Ok(self.lock().tests.get(&test).map(|found| view(test, found)))
    }

    fn attempts(
        &self,
        query: &AttemptQuery,
        after: Option<AttemptId>,
        limit: usize,
    ) -> Result<Vec<AttemptView>, Fault> {
        let tables = self.lock();
        let found = tables
            .attempts
            .iter()
            .filter(|(id, _)| after.is_none_or(|after| **id > after))
            .filter(|(id, _)| query.run.is_none_or(|run| run == id.test.run))
            .filter(|(id, _)| query.test.is_none_or(|test| test == id.test))
            .filter(|(_, attempt)| query.worker.is_none_or(|worker| worker == attempt.worker))
            .filter(|(_, attempt)| query.outcome.is_none_or(|wanted| wanted == attempt.outcome));
        Ok(found.take(limit).map(|(id, attempt)| tables.attempt(*id, attempt)).collect())
    }

    fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptView>, Fault> {
        let tables = self.lock();
        Ok(tables.attempts.get(&attempt).map(|found| tables.attempt(attempt, found)))
    }

    fn report(&self, query: &ReportQuery, limit: usize) -> Result<ReportView, Fault> {
        let tables = self.lock();
        let since = query.since_ms.filter(|_| query.run.is_none()).map(Timestamp);
        let wanted = tables.runs.iter().filter(|(run, at)| {
            query.run.is_none_or(|only| only == **run) && since.is_none_or(|since| **at >= since)
        });
        let runs: Vec<RunId> = wanted.map(|(run, _)| *run).collect();
        let mut totals = Totals::default();
        let mut rows = Vec::new();
        for run in &runs {
            totals.late_results += tables.late.get(run).copied().unwrap_or(0);
            for (id, test) in tables.tests.range(tests_of(*run)) {
                totals.tests += 1;
                totals.attempts += u64::from(test.attempts);
                match &test.end {
                    Some(end) => {
                        *totals.outcomes.entry(end.outcome).or_default() += 1;
                        totals.flaky += u64::from(end.flaky);
                    }
                    None => totals.pending += 1,
                }
                if rows.len() < limit {
                    rows.push(tables.row(*id, test));
                }
            }
        }
        let truncated = (rows.len() as u64) < totals.tests;
        Ok(ReportView { schema: SCHEMA, since, runs, totals, rows, truncated })
    }

    fn blob_size(&self, sha256: &str) -> Result<Option<u64>, Fault> {
        let Some(file) = self.blob(sha256)? else { return Ok(None) };
        file.metadata().map(|metadata| Some(metadata.len())).map_err(|error| error.to_string())
    }

    fn blob(&self, sha256: &str) -> Result<Option<std::fs::File>, Fault> {
        let digest: BlobDigest = sha256.parse().map_err(|error| format!("{error}"))?;
        match self.blobs.open_blob(&digest) {
            Ok(file) => Ok(Some(file)),
            Err(BlobError::Missing(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn keep_blob(&self, sha256: &str, file: &Path) -> Result<(), Fault> {
        let digest: BlobDigest = sha256.parse().map_err(|error| format!("{error}"))?;
        let content = std::fs::File::open(file).map_err(|error| error.to_string())?;
        let stored = self.blobs.put(&digest, content, crate::api::MAX_BLOB_BYTES);
        stored.map(|_| ()).map_err(|error| error.to_string())
    }
}
