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
    ChangeTotals, ChangesQuery, ChangesView, MAX_CHANGES, MAX_PACKAGES, MetricChange,
    PackageChange, TestChange,
};
use crate::domain::id::RunId;
use crate::domain::time::Timestamp;
use crate::results::changes::metrics::JudgedMetrics;
use crate::results::quarantined::reference;
use crate::results::reader::Reader;
use crate::store::StoreError;
use crate::store::reports::changes::{Before, PackageRow, PairRow, SideRow, Sides};
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::status::{Status, StatusChange};

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
        let Some(range) = store.range_of_runs(since)? else { return Ok(None) };
        let to = query.to.map_or(range, |run| (run, run));
        let is_known = |run: RunId| store.run(run).map(|run| run.is_some());
        for run in query.to.into_iter().chain(query.from) {
            if !is_known(run)? {
                return Ok(None);
            }
        }
        let before = match (query.from, since) {
            (Some(run), _) => Before::Run(run),
            (None, Some(_)) => Before::Period,
            (None, None) => Before::Previous,
        };
        let JudgedMetrics { mut changed, verdicts, workers, movers } =
            metrics::judge(&store, &known, to)?;
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
        let limit = query.limit.unwrap_or(MAX_CHANGES).min(MAX_CHANGES) as usize;
        store.pairs(Sides { to, before }, &mut |pair| {
            let is_within = pair.before.as_ref().is_some_and(|side| side.test.run >= to.0);
            view.within_period |= before == Before::Period && is_within;
            let is_alone = pair.after.is_none() || pair.before.is_none();
            let metrics = changed.remove(&pair.case).unwrap_or_default();
            add(&mut view, test_change(pair, metrics), is_alone, limit);
        })?;
        if let (Some(from), Some(to)) = (query.from, query.to) {
            let rows = store.package_changes(from, to, MAX_PACKAGES)?;
            let change =
                |PackageRow { package, before, after }| PackageChange { package, before, after };
            view.packages = rows.into_iter().map(change).collect();
        }
        Ok(Some(view))
    }
}

/// Counts a test, and lists it unless it is steady.
fn add(view: &mut ChangesView, change: TestChange, is_alone: bool, limit: usize) {
    count(&mut view.totals, &change, is_alone);
    let is_quiet = matches!(change.status, StatusChange::Steady | StatusChange::New);
    if is_quiet && change.metrics.is_empty() {
        return;
    }
    if view.tests.len() < limit {
        view.tests.push(change);
    } else {
        view.truncated = true;
    }
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

fn test_change(pair: PairRow, metrics: Vec<MetricChange>) -> TestChange {
    let status =
        |side: &Option<SideRow>| side.as_ref().map(|side| Status::of(side.outcome, side.flaky));
    let change = StatusChange::of(status(&pair.before), status(&pair.after));
    let PairRow { case, after, before, quarantined } = pair;
    let shown = after.as_ref().or(before.as_ref());
    let message = match (&after, &before) {
        (Some(after), _) => after.message.clone(),
        (None, Some(before)) => format!("{} is not part of the judged run", before.test),
        (None, None) => String::new(),
    };
    TestChange {
        case,
        series: shown.and_then(|side| side.series),
        name: shown.map(|side| side.name.clone()).unwrap_or_default(),
        labels: shown.map(|side| side.labels.clone()).unwrap_or_default(),
        status: change,
        test: after.as_ref().map(|side| side.test),
        outcome: after.as_ref().map(|side| side.outcome),
        message,
        worker: after.and_then(|side| side.worker),
        test_before: before.as_ref().map(|side| side.test),
        outcome_before: before.as_ref().map(|side| side.outcome),
        quarantined: quarantined.map(reference),
        metrics,
    }
}
