//! Projects facts of the event log to rows.

pub(super) mod attempt_metrics;
pub(super) mod detail;
mod known;
pub(super) mod marks;
mod software;
pub(super) mod summary;
pub(super) mod tables;
pub(super) mod traits;

pub(super) use known::{Hardware, Held, Known};
pub(super) use software::Software;

use self::attempt_metrics::{Measured, Metrics};
use self::detail::{Detail, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_ROWS, Memory, cut};
use self::known::Cases;
use self::software::Softwares;
use self::summary::Summary;
use self::tables::{Table, Tables};
use self::traits::Traits;
use crate::domain::capability::Capability;
use crate::domain::capability::calibration::Calibration;
use crate::domain::fact::{Fact, Next, Notice};
use crate::domain::id::{AttemptId, LeaseId, RunId, TestId, WorkerId};
use crate::domain::launch::CONFIRMS;
use crate::domain::outcome::{Class, Outcome};
use crate::domain::test::{SkipCause, TestSpec};
use crate::domain::time::{Millis, Timestamp};
use duckdb::{Connection, params};
use serde_json::value::RawValue;
use std::collections::HashSet;

/// Projects the facts of one transaction.
pub(super) struct Projection<'a> {
    tables: Tables<'a>,
    known: &'a mut Known,
    cases: Cases,
    kept: Kept,
    softwares: Softwares,
    /// The tests that ended since the last flush, if a quarantine may cover them.
    ended: Vec<TestId>,
}

/// How much of a detail is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    All,
    /// The columns only, without the text.
    WithoutDetail,
}

impl Kept {
    /// The next smaller part. `None` if there is none.
    pub fn less(self) -> Option<Self> {
        match self {
            Kept::All => Some(Kept::WithoutDetail),
            Kept::WithoutDetail => None,
        }
    }

    /// The note in the row of the attempt about the part that is not stored.
    pub fn note(self) -> Option<&'static str> {
        match self {
            Kept::All => None,
            Kept::WithoutDetail => {
                Some("stored without its detail, which did not fit into the results database")
            }
        }
    }
}

/// An attempt that has ended, as in its fact.
struct Ended<'a> {
    lease: LeaseId,
    worker: WorkerId,
    outcome: Outcome,
    class: Option<Class>,
    duration: Millis,
    detail: Option<&'a RawValue>,
    next: Next,
    at: Timestamp,
}

impl<'a> Projection<'a> {
    /// A projection of `facts`, which are then passed to [`Projection::event`] in their order.
    pub fn new<'f>(
        connection: &'a Connection,
        known: &'a mut Known,
        kept: Kept,
        facts: impl Iterator<Item = &'f Fact>,
    ) -> duckdb::Result<Self> {
        let cases = Cases::read(connection, facts)?;
        let (tables, ended) = (Tables::new(connection), Vec::new());
        Ok(Self { tables, known, cases, kept, softwares: Softwares::default(), ended })
    }

    /// Makes all rows visible.
    pub fn flush(&mut self) -> duckdb::Result<()> {
        self.tables.flush()?;
        marks::cover(self.tables.connection(), &std::mem::take(&mut self.ended))
    }

    pub fn event(&mut self, sequence: u64, event: &Fact) -> duckdb::Result<()> {
        match event {
            Fact::WorkerRegistered { worker, name, capability, at, .. } => {
                self.worker_registered(sequence, *worker, name, capability, *at)
            }
            Fact::WorkerChanged { worker, capability, at } => {
                self.worker_changed(sequence, *worker, capability, *at)
            }
            Fact::WorkerCalibrated { worker, calibration, at } => {
                self.calibration(sequence, *worker, calibration, *at)
            }
            Fact::RunSubmitted { run, name, user, at, .. } => {
                self.tables.append(Table::Runs, params![run.0, name, &**user, at.0])
            }
            Fact::TestsAdded { run, first, tests, last, part, at } => {
                let row = params![run.0, *part, tests.len() as u32, *last, at.0];
                self.tables.append(Table::RunParts, row)?;
                for (index, spec) in (*first..).zip(tests) {
                    self.test(TestId { run: *run, index }, spec)?;
                }
                Ok(())
            }
            Fact::AttemptFinished {
                lease,
                worker,
                outcome,
                class,
                duration_ms,
                detail,
                next,
                at,
            } => self.attempt(&Ended {
                lease: *lease,
                worker: *worker,
                outcome: *outcome,
                class: *class,
                duration: *duration_ms,
                detail: detail.as_deref(),
                next: *next,
                at: *at,
            }),
            Fact::TestSkipped { test, because, at } => self.skipped(*test, because, *at),
            Fact::TestExpired { test, at } => {
                let waited = Some("its maximum wait was exceeded");
                self.ended(*test, Outcome::Expired, None, false, waited, *at)
            }
            Fact::RunCancelled { run, by, notices, at } => {
                self.run_cancelled(*run, by, notices, *at)
            }
            Fact::LeaseReturned { lease, at, .. } => {
                let test = lease.attempt.test;
                if !self.known.cancelled.contains(&test.run) {
                    return Ok(());
                }
                self.ended(test, Outcome::Cancelled, None, false, Some(CANCELLED), *at)
            }
            Fact::LateResult { lease, worker, outcome, detail, at } => {
                self.late_result(*lease, *worker, *outcome, detail.as_deref(), *at)
            }
            Fact::TemplateAdded { path, sha256, version, user, at } => {
                let row = params![path, *version, sha256, &**user, at.0];
                self.tables.append(Table::TemplateVersions, row)
            }
            Fact::QuarantineAdded { .. }
            | Fact::QuarantineRemoved { .. }
            | Fact::SeriesAccepted { .. }
            | Fact::AcceptanceRemoved { .. } => self.mark(event),
            Fact::WorkerDraining { .. }
            | Fact::WorkerResumed { .. }
            | Fact::WorkerLost { .. }
            | Fact::WorkerForgotten { .. }
            | Fact::LeasesGranted { .. }
            | Fact::LeasesRecalled { .. }
            | Fact::RecordsLost { .. }
            | Fact::ClockChanged { .. } => Ok(()),
        }
    }

    /// Projects a quarantine, an acceptance or their removal.
    fn mark(&mut self, event: &Fact) -> duckdb::Result<()> {
        match event {
            Fact::QuarantineAdded { id, quarantine } => {
                // It does not cover what ended before it.
                self.flush()?;
                self.known.has_quarantines = true;
                marks::quarantine(&mut self.tables, *id, quarantine)
            }
            Fact::QuarantineRemoved { id, by, at } => {
                // It covers what ended before its removal.
                self.flush()?;
                marks::removed(&mut self.tables, marks::QUARANTINE, id.0, by, *at)
            }
            Fact::SeriesAccepted { id, run, series, reason, by, at } => {
                marks::accepted(&mut self.tables, *id, *run, series, (reason, by), *at)
            }
            Fact::AcceptanceRemoved { id, by, at } => {
                marks::removed(&mut self.tables, marks::ACCEPTANCE, id.0, by, *at)
            }
            _ => Ok(()),
        }
    }

    fn test(&mut self, test: TestId, spec: &TestSpec) -> duckdb::Result<()> {
        let TestId { run: RunId(run), index } = test;
        let labels = detail::labels(&spec.launch);
        let traits = Traits::of(&spec.name, &spec.launch);
        self.cases.added(test, &traits);
        let short = |name: &str| traits.label(name).map(|text| cut(text, MAX_NAME_BYTES));
        let row = params![
            run,
            index,
            spec.name,
            labels,
            traits.case.map(|case| case.0),
            short("model"),
            short("family"),
            traits.backend(),
            short("dtype"),
            traits.number("batch"),
            traits.shape(),
            short("runtime"),
            short("template"),
            traits.number("template_version"),
            traits.kind,
            traits.label(CONFIRMS)
        ];
        self.tables.append(Table::Tests, row)
    }

    fn worker_registered(
        &mut self,
        sequence: u64,
        worker: WorkerId,
        name: &str,
        capability: &Capability,
        at: Timestamp,
    ) -> duckdb::Result<()> {
        if !self.ended.is_empty() {
            // A quarantine of a worker is about its name at the end of the test.
            self.flush()?;
        }
        self.known.worker(worker, capability);
        let json = serde_json::to_string(capability).unwrap_or_default();
        let (os, arch) = (&capability.os, &capability.arch);
        let row = params![sequence, worker.0, name, os, arch, json, at.0];
        self.tables.append(Table::Workers, row)
    }

    fn worker_changed(
        &mut self,
        sequence: u64,
        worker: WorkerId,
        capability: &Capability,
        at: Timestamp,
    ) -> duckdb::Result<()> {
        self.known.worker(worker, capability);
        let json = serde_json::to_string(capability).unwrap_or_default();
        self.tables.append(Table::WorkerChanges, params![sequence, worker.0, json, at.0])
    }

    fn calibration(
        &mut self,
        sequence: u64,
        worker: WorkerId,
        calibration: &Calibration,
        at: Timestamp,
    ) -> duckdb::Result<()> {
        let devices = serde_json::to_string(&calibration.devices).unwrap_or_default();
        let (compute, memory) = (&calibration.compute, &calibration.memory);
        let row = params![
            sequence,
            worker.0,
            calibration.threads,
            compute.per_second,
            compute.spread,
            memory.per_second,
            memory.spread,
            devices,
            at.0
        ];
        self.tables.append(Table::Calibrations, row)
    }

    fn late_result(
        &mut self,
        lease: LeaseId,
        worker: WorkerId,
        outcome: Outcome,
        detail: Option<&RawValue>,
        at: Timestamp,
    ) -> duckdb::Result<()> {
        let LeaseId { attempt, epoch } = lease;
        let TestId { run, index } = attempt.test;
        let (outcome, number) = (outcome.name(), attempt.number);
        let detail = self.text(lease, true, detail)?;
        let row = params![run.0, index, number, epoch.0, worker.0, outcome, detail, at.0];
        self.tables.append(Table::LateResults, row)
    }

    fn attempt(&mut self, ended: &Ended<'_>) -> duckdb::Result<()> {
        let LeaseId { attempt, epoch } = ended.lease;
        let TestId { run: RunId(run), index } = attempt.test;
        let number = attempt.number;
        let detail = Detail::parse(ended.detail);
        let text = self.text(ended.lease, false, ended.detail)?;
        let reported = detail.reported();
        let products = detail.products();
        let case = self.cases.of(attempt.test);
        let Held { series, product, driver } = self.known.held(ended.worker, case, &products);
        let series = series.map(|series| series.0);
        let environment = self.environment(&detail)?;
        self.tables.append(
            Table::Attempts,
            params![
                run,
                index,
                number,
                epoch.0,
                ended.worker.0,
                ended.outcome.name(),
                ended.class.map(Class::name),
                ended.duration.0,
                ended.at.0,
                cut(&detail.message, MAX_MESSAGE_BYTES),
                detail.exit_code,
                detail.signal,
                cut(&detail.isolation, MAX_NAME_BYTES),
                detail.peak_memory_bytes,
                detail.cpu_ms,
                text,
                reported.weights,
                detail.environment(),
                detail.devices(),
                ended.detail.map_or(0, |detail| detail.get().len()),
                detail.file_bytes(),
                note(self.kept.note().filter(|_| ended.detail.is_some()), &detail),
                reported.would_not_notice,
                reported.first_differs,
                reported.weights_id,
                series,
                product.as_deref().map(|text| cut(text, MAX_NAME_BYTES)),
                driver.as_deref().map(|text| cut(text, MAX_NAME_BYTES)),
                environment
            ],
        )?;
        if ended.class == Some(Class::OutOfMemory) {
            let Memory { memory_bytes, device_memory_bytes } = detail.memory();
            let (peak, at) = (detail.peak_memory_bytes, ended.at.0);
            let row = params![run, index, number, memory_bytes, device_memory_bytes, peak, at];
            self.tables.append(Table::OutOfMemory, row)?;
        }
        let mut metrics = self.measured(attempt, series, &detail)?;
        self.metrics(attempt, series, ended.outcome, &mut metrics)?;
        match ended.next {
            Next::Done { flaky } => {
                self.ended(attempt.test, ended.outcome, ended.class, flaky, None, ended.at)
            }
            Next::Retry { .. } => Ok(()),
        }
    }

    /// The cases and checks of an attempt. Returns its metrics.
    fn measured<'d>(
        &mut self,
        attempt: AttemptId,
        series: Option<u64>,
        detail: &'d Detail<'_>,
    ) -> duckdb::Result<Metrics<'d>> {
        let mut metrics = Metrics::default();
        let AttemptId { test: TestId { run: RunId(run), index }, number } = attempt;
        if let Some(cases) = &detail.junit {
            let (total, failed, errors) = (cases.tests, cases.failures, cases.errors);
            let (skipped, flaky) = (cases.skipped, cases.flaky);
            let row = params![run, index, number, total, failed, errors, skipped, flaky];
            self.tables.append(Table::Cases, row)?;
        }
        for metric in detail.metrics.iter().take(MAX_ROWS) {
            let [name, unit, better] =
                [&metric.name, &metric.unit, &metric.better].map(|text| cut(text, MAX_NAME_BYTES));
            let of = Measured { is_figure: false, name, unit, better };
            metrics.push(of, Summary::of(&metric.values), metric.threads);
        }
        for check in detail.checks.iter().take(MAX_ROWS) {
            let name = cut(&check.name, MAX_NAME_BYTES);
            let message = cut(&check.message, MAX_MESSAGE_BYTES);
            let row = params![run, index, number, name, check.passed, message];
            self.tables.append(Table::Checks, row)?;
        }
        for (name, figure) in detail.figures() {
            metrics.push_figure(Measured::figure(&name, &figure.name), figure.value);
            let (of, value, most) = (figure.name, figure.value, figure.tolerance);
            let row = params![run, index, number, name, of, value, most, series];
            self.tables.append(Table::CheckValues, row)?;
        }
        Ok(metrics)
    }

    /// The rows of the metrics of an attempt, and of sets of metrics that have none.
    fn metrics(
        &mut self,
        attempt: AttemptId,
        series: Option<u64>,
        outcome: Outcome,
        metrics: &mut Metrics<'_>,
    ) -> duckdb::Result<()> {
        for part in metrics.parts() {
            self.tables.append_metrics(attempt, series, outcome.name(), &part)?;
            // The query sees only rows that are flushed.
            self.tables.flush_one(Table::MetricSets)?;
            if self.known.has_metric_set(self.tables.connection(), part.set)? {
                continue;
            }
            for (position, measured) in part.metrics() {
                let Measured { is_figure, name, unit, better } = measured;
                let row = params![part.set, position, name, unit, better, is_figure];
                self.tables.append(Table::MetricSets, row)?;
            }
        }
        Ok(())
    }

    /// The id of the environment of an attempt, whose versions get rows if they have none.
    fn environment(&mut self, detail: &Detail<'_>) -> duckdb::Result<Option<u64>> {
        let software = detail.software(&mut self.softwares);
        let Some(Software { id, versions }) = software else { return Ok(None) };
        // The query sees only rows that are flushed.
        self.tables.flush_one(Table::Environments)?;
        if !self.known.has_environment(self.tables.connection(), *id)? {
            for (package, version) in versions {
                self.tables.append(Table::Environments, params![id, package, version])?;
            }
        }
        Ok(Some(*id))
    }

    /// The text of a detail for its row. A text that is too large for one row is stored in parts.
    fn text<'d>(
        &mut self,
        LeaseId { attempt, epoch }: LeaseId,
        late: bool,
        detail: Option<&'d RawValue>,
    ) -> duckdb::Result<Option<&'d str>> {
        let Some(text) = detail.map(RawValue::get).filter(|_| self.kept != Kept::WithoutDetail)
        else {
            return Ok(None);
        };
        if text.len() <= detail::MAX_ROW_BYTES {
            return Ok(Some(text));
        }
        let TestId { run: RunId(run), index } = attempt.test;
        for (part, text) in (0u32..).zip(detail::parts(text)) {
            let row = params![run, index, attempt.number, epoch.0, late, part, text];
            self.tables.append(Table::DetailParts, row)?;
        }
        Ok(None)
    }

    fn skipped(&mut self, test: TestId, because: &SkipCause, at: Timestamp) -> duckdb::Result<()> {
        let dependency = match because {
            SkipCause::Dependency(on) => Some(on.index),
            SkipCause::NoWorker(_) => None,
        };
        let (outcome, message) = (Outcome::Skipped.name(), because.to_string());
        let class: Option<&str> = None;
        let TestId { run, index } = test;
        let row = params![run.0, index, outcome, class, false, message, at.0, dependency];
        self.note_end(test);
        self.tables.append(Table::TestOutcomes, row)
    }

    fn ended(
        &mut self,
        test: TestId,
        outcome: Outcome,
        class: Option<Class>,
        flaky: bool,
        message: Option<&str>,
        at: Timestamp,
    ) -> duckdb::Result<()> {
        let class = class.map(Class::name);
        let dependency: Option<u32> = None;
        let TestId { run, index } = test;
        let row = params![run.0, index, outcome.name(), class, flaky, message, at.0, dependency];
        self.note_end(test);
        self.tables.append(Table::TestOutcomes, row)
    }

    /// Takes note of an ended test that a quarantine may cover.
    fn note_end(&mut self, test: TestId) {
        if self.known.has_quarantines {
            self.ended.push(test);
        }
    }

    /// Ends the tests of a cancelled run that no worker holds. The log has no separate facts for them.
    fn run_cancelled(
        &mut self,
        run: RunId,
        by: &str,
        notices: &[Notice],
        at: Timestamp,
    ) -> duckdb::Result<()> {
        self.tables.append(Table::RunCancellations, params![run.0, by, at.0])?;
        self.known.cancelled.insert(run);
        self.tables.flush()?;
        let held: HashSet<u32> = notices.iter().map(|n| n.lease.attempt.test.index).collect();
        let open: Vec<u32> = self
            .tables
            .connection()
            .prepare(
                "SELECT tests.test FROM tests ANTI JOIN test_outcomes
                 ON test_outcomes.run = tests.run AND test_outcomes.test = tests.test
                 WHERE tests.run = ? ORDER BY tests.test",
            )?
            .query_map(params![run.0], |row| row.get(0))?
            .collect::<duckdb::Result<_>>()?;
        for index in open.into_iter().filter(|index| !held.contains(index)) {
            let test = TestId { run, index };
            self.ended(test, Outcome::Cancelled, None, false, Some(CANCELLED), at)?;
        }
        Ok(())
    }
}

/// Parts of a detail that are not stored. The detail itself has all metrics and checks.
fn note(kept: Option<&str>, detail: &Detail<'_>) -> Option<String> {
    let limited = [("metrics", detail.metrics.len()), ("checks", detail.checks.len())]
        .into_iter()
        .filter(|(_, count)| *count > MAX_ROWS)
        .map(|(what, count)| format!("only the first {MAX_ROWS} of its {count} {what} have a row"));
    let notes: Vec<String> = kept.map(str::to_owned).into_iter().chain(limited).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

const CANCELLED: &str = "its run was cancelled";
