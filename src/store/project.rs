//! Projects facts of the event log to rows.

use super::detail::{self, Detail};
use super::tables::{Table, Tables};
use crate::domain::fact::{Fact, Next, Notice};
use crate::domain::id::{LeaseId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use duckdb::params;
use serde_json::value::RawValue;
use std::collections::HashSet;

/// Projects the facts of one batch. It knows the cancelled runs, because a lease of such a run that
/// is returned unstarted ends its test.
pub(super) struct Projection<'a> {
    pub tables: Tables<'a>,
    pub cancelled: &'a mut HashSet<RunId>,
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

impl Projection<'_> {
    pub fn event(&mut self, sequence: u64, event: &Fact) -> duckdb::Result<()> {
        match event {
            Fact::WorkerRegistered { worker, name, capability, at, .. } => {
                let json = serde_json::to_string(&**capability).unwrap_or_default();
                let Timestamp(at) = *at;
                let (os, arch) = (&capability.os, &capability.arch);
                let row = params![sequence, worker.0, name, os, arch, json, at];
                self.tables.append(Table::Workers, row)
            }
            Fact::RunSubmitted { run, name, user, at, .. } => {
                self.tables.append(Table::Runs, params![run.0, name, &**user, at.0])
            }
            Fact::TestsAdded { run, first, tests, last, part, at } => {
                let count = tests.len() as u32;
                let row = params![run.0, *part, count, *last, at.0];
                self.tables.append(Table::RunParts, row)?;
                for (test, spec) in (*first..).zip(tests) {
                    let labels = detail::labels(&spec.launch);
                    self.tables.append(Table::Tests, params![run.0, test, spec.name, labels])?;
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
            Fact::TestSkipped { test, because, at } => {
                let because = because.to_string();
                self.ended(*test, Outcome::Skipped, None, false, Some(&because), *at)
            }
            Fact::TestExpired { test, at } => {
                let waited = Some("its maximum wait was exceeded");
                self.ended(*test, Outcome::Expired, None, false, waited, *at)
            }
            Fact::RunCancelled { run, by, notices, at } => {
                self.run_cancelled(*run, by, notices, *at)
            }
            Fact::LeaseReturned { lease, at, .. } => {
                let test = lease.attempt.test;
                if !self.cancelled.contains(&test.run) {
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
            Fact::WorkerDraining { .. }
            | Fact::WorkerResumed { .. }
            | Fact::WorkerLost { .. }
            | Fact::WorkerForgotten { .. }
            | Fact::LeasesGranted { .. }
            | Fact::LeasesRecalled { .. } => Ok(()),
        }
    }

    fn late_result(
        &mut self,
        LeaseId { attempt, epoch }: LeaseId,
        worker: WorkerId,
        outcome: Outcome,
        detail: Option<&RawValue>,
        at: Timestamp,
    ) -> duckdb::Result<()> {
        let TestId { run, index } = attempt.test;
        let (detail, outcome, number) = (detail.map(RawValue::get), outcome.name(), attempt.number);
        let row = params![run.0, index, number, epoch.0, worker.0, outcome, detail, at.0];
        self.tables.append(Table::LateResults, row)
    }

    fn attempt(&mut self, ended: &Ended<'_>) -> duckdb::Result<()> {
        let LeaseId { attempt, epoch } = ended.lease;
        let TestId { run: RunId(run), index } = attempt.test;
        let number = attempt.number;
        let detail = Detail::parse(ended.detail);
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
                &*detail.message,
                detail.exit_code,
                detail.signal,
                &*detail.isolation,
                detail.peak_memory_bytes,
                detail.cpu_ms,
                ended.detail.map(RawValue::get),
                detail.weights()
            ],
        )?;
        if let Some(cases) = &detail.junit {
            let (total, failed, errors) = (cases.tests, cases.failures, cases.errors);
            let (skipped, flaky) = (cases.skipped, cases.flaky);
            let row = params![run, index, number, total, failed, errors, skipped, flaky];
            self.tables.append(Table::Cases, row)?;
        }
        for metric in &detail.metrics {
            let (name, unit, better) = (&*metric.name, &*metric.unit, &*metric.better);
            let row = params![run, index, number, name, unit, better, metric.list()];
            self.tables.append(Table::Metrics, row)?;
        }
        for check in &detail.checks {
            let (name, message) = (&*check.name, &*check.message);
            let row = params![run, index, number, name, check.passed, message];
            self.tables.append(Table::Checks, row)?;
        }
        match ended.next {
            Next::Done { flaky } => {
                self.ended(attempt.test, ended.outcome, ended.class, flaky, None, ended.at)
            }
            Next::Retry { .. } => Ok(()),
        }
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
        let row = params![test.run.0, test.index, outcome.name(), class, flaky, message, at.0];
        self.tables.append(Table::TestOutcomes, row)
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
        self.cancelled.insert(run);
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

const CANCELLED: &str = "its run was cancelled";
