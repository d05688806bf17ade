//! The tests that a report is about, as conditions of queries over a table that is named `states`: the view
//! `test_states` or the subquery of `query::states`. Conditions about runs alone need only the column `run`.

use crate::domain::id::RunId;
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::store::error::StoreError;
use crate::store::query::{Conditions, get};
use crate::text::selection::{Patterns, Status, Statuses};
use duckdb::Connection;

/// The runs that a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    All,
    One(RunId),
    /// The runs that were submitted at this time or later.
    Since(Timestamp),
}

/// The tests that a report is about. Conditions are joined by "and".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pub run: Option<RunId>,
    /// Earliest and latest time of submission.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// The first and the last run.
    pub from_run: Option<RunId>,
    pub to_run: Option<RunId>,
    pub model: Option<Patterns>,
    /// Back-ends or products of devices.
    pub hw: Option<Patterns>,
    /// Names of workers.
    pub worker: Option<Patterns>,
    pub family: Option<Patterns>,
    pub status: Option<Statuses>,
}

impl From<Runs> for Selection {
    fn from(runs: Runs) -> Self {
        match runs {
            Runs::All => Self::default(),
            Runs::One(run) => Self { run: Some(run), ..Self::default() },
            Runs::Since(since) => Self { since: Some(since), ..Self::default() },
        }
    }
}

impl Selection {
    /// The runs, in the order of their ids. A run that is selected by its id alone may not exist: then it has no tests.
    pub(super) fn runs(&self, connection: &Connection) -> Result<Vec<RunId>, StoreError> {
        let bounds = (self.since, self.until, self.from_run, self.to_run);
        match self.run {
            Some(run) if bounds == (None, None, None, None) => Ok(vec![run]),
            _ => self.existing_runs(connection),
        }
    }

    /// As [`Self::runs`], only those that exist.
    pub(super) fn existing_runs(&self, connection: &Connection) -> Result<Vec<RunId>, StoreError> {
        let mut conditions = Conditions::default();
        if let Some(run) = self.run {
            conditions.and("run = ?", [run.0]);
        }
        self.submitted(&mut conditions);
        conditions.query(connection, "SELECT run FROM runs", " ORDER BY run", |row| {
            get(row, 0).map(RunId)
        })
    }

    fn submitted(&self, conditions: &mut Conditions) {
        if let Some(since) = self.since {
            conditions.and("submitted_ms >= ?", [since.0]);
        }
        if let Some(until) = self.until {
            conditions.and("submitted_ms <= ?", [until.0]);
        }
        if let Some(first) = self.from_run {
            conditions.and("run >= ?", [first.0]);
        }
        if let Some(last) = self.to_run {
            conditions.and("run <= ?", [last.0]);
        }
    }

    /// Restricts a table or view that is named `states` to the runs from `first` to `last`. The range
    /// of ids lets DuckDB skip whole blocks. It does not suffice for a period, because times of
    /// submission need not grow with the ids.
    pub(super) fn of_runs(&self, first: RunId, last: RunId) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.within(first, last);
        conditions.and("states.run BETWEEN ? AND ?", [first.0, last.0]);
        let submitted = (self.since, self.until);
        let bounds =
            [submitted.0.map_or(0, |since| since.0), submitted.1.map_or(u64::MAX, |u| u.0)];
        if submitted != (None, None) {
            let runs = "states.run IN (SELECT run FROM runs WHERE submitted_ms BETWEEN ? AND ?)";
            conditions.and(runs, bounds);
        }
        conditions
    }

    /// As [`Self::of_runs`], for `attempts AS states`, with the conditions about their tests.
    pub(super) fn of_attempts(&self, first: RunId, last: RunId) -> Conditions {
        let mut of_attempts = self.of_runs(first, last);
        let Self { model, hw, worker, family, status, .. } = self;
        if [model, hw, worker, family].into_iter().any(Option::is_some) || status.is_some() {
            of_attempts.among_states(&self.of_tests(first, last));
        }
        of_attempts
    }

    /// As [`Self::of_runs`], for [`states`](crate::store::query::states) or `test_states AS states`, with the conditions about tests.
    pub(super) fn of_tests(&self, first: RunId, last: RunId) -> Conditions {
        let mut conditions = self.of_runs(first, last);
        if let Some(model) = &self.model {
            conditions.and_texts("regexp_full_match(states.model, ?, 'is')", [expression(model)]);
        }
        if let Some(family) = &self.family {
            conditions.and_texts("regexp_full_match(states.family, ?, 'is')", [expression(family)]);
        }
        if let Some(hw) = &self.hw {
            let on = "(coalesce(regexp_full_match(states.backend, ?, 'is'), false) \
                OR (states.run, states.test) IN (SELECT (run, test) FROM attempts \
                WHERE regexp_full_match(device_product, ?, 'is')))";
            conditions.and_texts(on, [expression(hw), expression(hw)]);
        }
        if let Some(worker) = &self.worker {
            let by = "states.worker IN (SELECT worker FROM worker_names \
                WHERE regexp_full_match(name, ?, 'is'))";
            conditions.and_texts(by, [expression(worker)]);
        }
        if let Some(status) = &self.status {
            let is = "regexp_full_match(CASE WHEN states.outcome = 'passed' AND states.flaky \
                THEN 'flaky' ELSE coalesce(states.outcome, 'pending') END, ?)";
            conditions.and_texts(is, [words(status)]);
        }
        conditions
    }
}

/// A regular expression that matches what one of the patterns matches: `*` is any text.
fn expression(patterns: &Patterns) -> String {
    let one = |pattern: &String| pattern.split('*').map(literal).collect::<Vec<_>>().join(".*");
    patterns.all().iter().map(one).collect::<Vec<_>>().join("|")
}

/// A regular expression for a text. Only ASCII characters have a meaning in expressions.
fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn words(statuses: &Statuses) -> String {
    let word = |status: &Status| match status {
        Status::Ended(outcome) => Outcome::name(*outcome),
        Status::Flaky => "flaky",
        Status::Pending => "pending",
    };
    statuses.all().iter().map(word).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_regular_expressions() {
        let of = |text: &str| expression(&text.parse().expect("patterns"));
        assert_eq!(of("bert*,a.b"), r"bert.*|a\.b");
        assert_eq!(of("é(x)|"), r"é\(x\)\|");
    }
}
