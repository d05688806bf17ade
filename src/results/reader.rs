//! Runs, tests, attempts and templates as documents of the API.

use crate::api::SCHEMA;
use crate::api::v1::runs::{RunCounts, RunView};
use crate::api::v1::templates::TemplateView;
use crate::api::v1::test_views::{AttemptDetail, AttemptQuery, AttemptView, TestQuery, TestView};
use crate::domain::id::{AttemptId, RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::test::Phase;
use crate::results::known::KnownVerdicts;
use crate::results::quarantined::reference;
use crate::results::substitute::CurrentStore;
use crate::store::rows::{
    AttemptFilter, AttemptRow, AttemptRows, RunRow, TemplateRow, TestFilter, TestRow,
};
use crate::store::{Store, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Answers queries of the API from the results database. Clones share the database.
#[derive(Clone)]
pub struct Reader {
    current: CurrentStore,
}

impl Reader {
    /// A reader of the store that is current at the time of each query.
    #[must_use]
    pub fn new(current: CurrentStore) -> Self {
        Self { current }
    }

    /// The store that is current now.
    #[must_use]
    pub fn store(&self) -> Store {
        self.current.store()
    }

    /// The store that is current now, with the verdicts that are known from it.
    pub(super) fn with_verdicts(&self) -> (Store, Arc<KnownVerdicts>) {
        self.current.with_verdicts()
    }

    /// Lists runs, the newest first. `before` restricts the list to older runs than this one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn runs(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunView>, StoreError> {
        let runs = self.store().runs(before, limit)?;
        Ok(runs.into_iter().map(run_view).collect())
    }

    /// Whether there is a run with this id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn has_run(&self, run: RunId) -> Result<bool, StoreError> {
        self.store().has_run(run)
    }

    /// The run with this id, if there is one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn run(&self, run: RunId) -> Result<Option<RunView>, StoreError> {
        Ok(self.store().run(run)?.map(run_view))
    }

    /// Numbers of ended tests in quarantine by run and outcome, of the runs from `first` to `last`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn quarantined_by_run(
        &self,
        first: RunId,
        last: RunId,
    ) -> Result<HashMap<RunId, BTreeMap<Outcome, u32>>, StoreError> {
        self.store().quarantined_by_run(first, last)
    }

    /// Lists the tests after `after` that `query` matches, in the order of their ids.
    ///
    /// The database does not know the phases of tests that have not ended: they are shown as
    /// waiting, and `query.phase` only separates tests that have ended from the others.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tests(
        &self,
        query: &TestQuery,
        after: Option<TestId>,
        limit: usize,
    ) -> Result<Vec<TestView>, StoreError> {
        let filter = TestFilter {
            run: query.run,
            outcome: query.outcome,
            name: query.name.clone(),
            done: query.phase.map(|phase| phase == Phase::Done),
            after,
            limit,
        };
        let tests = self.store().tests(&filter)?;
        Ok(tests.into_iter().map(test_view).collect())
    }

    /// The test with this id, if there is one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn test(&self, test: TestId) -> Result<Option<TestView>, StoreError> {
        Ok(self.store().test(test)?.map(test_view))
    }

    /// Size in bytes of the files that the results of a run name. A file counts for each result.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn size_of_files(&self, run: RunId) -> Result<u64, StoreError> {
        self.store().size_of_files(run)
    }

    /// Visits every digest that a stored row names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn named_digests(&self, visit: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
        self.store().named_digests(visit)
    }

    /// Lists the ended attempts after `after` that `query` matches, in the order of their ids, and
    /// whether further ones were left out because of the size of the details.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn attempts(
        &self,
        query: &AttemptQuery,
        after: Option<AttemptId>,
        limit: usize,
    ) -> Result<(Vec<AttemptView>, bool), StoreError> {
        let AttemptQuery { run, test, worker, outcome, .. } = *query;
        let filter = AttemptFilter { run, test, worker, outcome, after, limit };
        let AttemptRows { rows, cut } = self.store().attempts(&filter)?;
        let view = |row: AttemptRow| {
            let detail = detail(&row).unwrap_or_else(|error| AttemptDetail {
                message: format!("the detail cannot be read: {error}"),
                ..AttemptDetail::default()
            });
            attempt_view(row, detail)
        };
        Ok((rows.into_iter().map(view).collect(), cut))
    }

    /// The attempt with this id, if it has ended.
    ///
    /// # Errors
    /// The database cannot be read, or its detail of the attempt is damaged.
    pub fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptView>, StoreError> {
        let Some(row) = self.store().attempt(attempt)? else { return Ok(None) };
        let detail = detail(&row).map_err(|error| StoreError::Value {
            what: "the detail of an attempt",
            value: error.to_string(),
        })?;
        Ok(Some(attempt_view(row, detail)))
    }

    /// Lists the versions of the template at `path`, or of all templates, the newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn template_versions(&self, path: Option<&str>) -> Result<Vec<TemplateView>, StoreError> {
        let versions = self.store().template_versions(path)?;
        Ok(versions.into_iter().map(template_view).collect())
    }
}

fn run_view(row: RunRow) -> RunView {
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
            quarantined: Some(row.quarantined),
            ..RunCounts::default()
        },
    }
}

fn test_view(row: TestRow) -> TestView {
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
        quarantined: row.quarantined.map(reference),
    }
}

/// The reported detail of an attempt; only its message if the detail is not stored.
fn detail(row: &AttemptRow) -> serde_json::Result<AttemptDetail> {
    let stored = row.detail.as_ref().map(|text| serde_json::from_str(text.get()));
    stored.unwrap_or_else(|| {
        Ok(AttemptDetail { message: row.message.clone(), ..AttemptDetail::default() })
    })
}

fn attempt_view(row: AttemptRow, detail: AttemptDetail) -> AttemptView {
    AttemptView {
        attempt: row.attempt,
        name: row.name,
        worker: row.worker,
        worker_name: row.worker_name,
        outcome: row.outcome,
        class: row.class,
        duration_ms: row.duration,
        finished_at: row.finished_at,
        note: row.note,
        detail,
    }
}

fn template_view(row: TemplateRow) -> TemplateView {
    TemplateView {
        path: row.path,
        version: row.version,
        sha256: row.sha256,
        user: row.user,
        added_at: row.added_at,
    }
}
