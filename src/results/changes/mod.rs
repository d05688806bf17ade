//! Changes between two sides, as a document of the API.
//!
//! A side that is not named is everything before: the newest test of the case that precedes the judged runs. A
//! case that is new in a judged period is compared with its first test there. Values are always judged by the
//! whole history before the judged side, because one run alone does not show its noise. A test in quarantine is
//! listed and never counts as worse.

mod drift;
mod metrics;
mod series;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod tests;

use crate::api::SCHEMA;
use crate::api::v1::changes::{
    ChangeTotals, ChangesQuery, ChangesView, MAX_CHANGES, MAX_MISSING, MAX_PACKAGES, MetricChange,
    MissingMetric, PackageChange, TestChange,
};
use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::results::changes::metrics::{JudgedMetrics, Missing};
use crate::results::quarantined::reference;
use crate::results::reader::Reader;
use crate::store::reports::changes::{PackageRow, SideRow};
use crate::store::reports::pairs::{Before, EndRow, PairRow, Sides};
use crate::store::{Store, StoreError};
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::status::{Status, StatusChange};
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use metrics::Changed;
pub use series::History;

impl Reader {
    /// Reports what changed. `None` if there is no run on the judged side.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn changes(&self, query: &ChangesQuery) -> Result<Option<ChangesView>, StoreError> {
        let (store, known) = self.with_verdicts();
        let since = query.since_ms.filter(|_| query.to.is_none()).map(Timestamp);
        let to = match query.to {
            Some(run) => (run, run),
            None => match store.range_of_runs(since)? {
                Some(range) => range,
                None => return Ok(None),
            },
        };
        for run in query.to.into_iter().chain(query.from) {
            if !store.has_run(run)? {
                return Ok(None);
            }
        }
        let before = match (query.from, since) {
            (Some(run), _) => Before::Run(run),
            (None, Some(_)) => Before::Period,
            (None, None) => Before::Previous,
        };
        let JudgedMetrics { mut changed, verdicts, missing, explained, workers, movers } =
            metrics::judge(&store, &known, to)?;
        let mut not_measured = BTreeMap::new();
        let mut view = ChangesView {
            schema: SCHEMA,
            from: query.from,
            to: query.to,
            since,
            workers,
            movers,
            ..ChangesView::default()
        };
        view.totals.verdicts = verdicts;
        view.totals.without_case = store.count_without_case(to)?;
        let mut listed = Vec::new();
        for pair in store.pairs(Sides { to, before })? {
            let is_within = pair.before.as_ref().is_some_and(|side| side.test.run >= to.0);
            view.within_period |= before == Before::Period && is_within;
            let is_alone = pair.after.is_none() || pair.before.is_none();
            let metrics = changed.remove(&pair.case).unwrap_or_default();
            add_missing(&pair, &missing, &mut not_measured);
            let change = test_change(pair, metrics);
            count(&mut view.totals, &change, is_alone);
            if explained.contains(&change.case) && change.quarantined.is_none() {
                view.totals.worse_with_worker += 1;
            }
            if is_listed(&change) {
                listed.push(change);
            }
        }
        view.not_measured = not_measured.into_values().take(MAX_MISSING).collect();
        let limit = query.limit.unwrap_or(MAX_CHANGES).min(MAX_CHANGES) as usize;
        view.truncated = listed.len() > limit;
        view.tests = described(&store, listed, limit)?;
        if let (Some(from), Some(to)) = (query.from, query.to)
            && from != to
        {
            let rows = store.package_changes(from, to, MAX_PACKAGES)?;
            let change =
                |PackageRow { package, before, after }| PackageChange { package, before, after };
            view.packages = rows.into_iter().map(change).collect();
        }
        Ok(Some(view))
    }
}

/// Adds the metrics that the judged test does not have, although the test before, or a later one, has them, by their
/// names. Tests in quarantine do not count.
fn add_missing(
    pair: &PairRow,
    missing: &HashMap<TestId, Vec<Missing>>,
    not_measured: &mut BTreeMap<String, MissingMetric>,
) {
    let (Some(after), Some(before)) = (pair.after, pair.before) else { return };
    let Some(missing) = missing.get(&after.test) else { return };
    if after.outcome != Outcome::Passed || pair.quarantined.is_some() {
        return;
    }
    let recent = missing.iter().filter(|missing| missing.newest >= before.test.run);
    // A metric and a figure may have the same name.
    for name in recent.map(|missing| &missing.of.name).collect::<BTreeSet<_>>() {
        let name = name.to_string();
        let new = || MissingMetric { metric: name.clone(), tests: 0, test: after.test };
        not_measured.entry(name.clone()).or_insert_with(new).tests += 1;
    }
}

/// Whether something about the test changed.
fn is_listed(change: &TestChange) -> bool {
    let is_quiet = matches!(change.status, StatusChange::Steady | StatusChange::New);
    !is_quiet || !change.metrics.is_empty()
}

/// The first changes in the order of their names, with labels, message, worker and series of the judged test; of the one
/// before if the case is not on the judged side.
fn described(
    store: &Store,
    mut changes: Vec<TestChange>,
    limit: usize,
) -> Result<Vec<TestChange>, StoreError> {
    let shown = |change: &TestChange| change.test.or(change.test_before);
    let tests = |changes: &[TestChange]| changes.iter().filter_map(shown).collect::<Vec<_>>();
    if changes.len() > limit {
        let mut names = store.names(&tests(&changes))?;
        for change in &mut changes {
            let name = shown(change).and_then(|test| names.remove(&test));
            change.name = name.unwrap_or_default();
        }
        sort(&mut changes);
        changes.truncate(limit);
    }
    let mut sides = store.sides(&tests(&changes))?;
    for change in &mut changes {
        let Some(side) = shown(change).and_then(|test| sides.remove(&test)) else { continue };
        let SideRow { name, labels, message, worker, series } = side;
        (change.name, change.labels, change.series) = (name, labels, series);
        let only_before = change.test_before.filter(|_| change.test.is_none());
        let is_left_out = |before| format!("{before} is not part of the judged run");
        change.message = only_before.map_or(message, is_left_out);
        change.worker = worker.filter(|_| change.test.is_some());
    }
    sort(&mut changes);
    Ok(changes)
}

fn sort(changes: &mut [TestChange]) {
    changes
        .sort_unstable_by(|one, other| (&one.name, one.case.0).cmp(&(&other.name, other.case.0)));
}

fn count(totals: &mut ChangeTotals, change: &TestChange, is_alone: bool) {
    totals.tests += 1;
    totals.without_counterpart += u64::from(is_alone);
    if change.quarantined.is_some() {
        totals.quarantined += 1;
        return;
    }
    *totals.status.entry(change.status).or_default() += 1;
    totals.worse += u64::from(change.is_worse());
    for metric in &change.metrics {
        if matches!(metric.verdict, Verdict::Suspect | Verdict::Confirmed) {
            totals.regressions += u64::from(metric.direction == Direction::Worse);
            totals.improvements += u64::from(metric.direction == Direction::Better);
        }
    }
}

/// The change of a case, without the texts that [`described`] adds.
fn test_change(pair: PairRow, metrics: Vec<MetricChange>) -> TestChange {
    let PairRow { case, after, before, quarantined } = pair;
    let status = |end: EndRow| Status::of(end.outcome, end.flaky);
    TestChange {
        case,
        series: None,
        name: String::new(),
        labels: BTreeMap::new(),
        status: StatusChange::of(before.map(status), after.map(status)),
        test: after.map(|end| end.test),
        outcome: after.map(|end| end.outcome),
        message: String::new(),
        worker: None,
        test_before: before.map(|end| end.test),
        outcome_before: before.map(|end| end.outcome),
        quarantined: quarantined.map(reference),
        metrics,
    }
}
