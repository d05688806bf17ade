//! Changes between two sides, as a document of the API.
//!
//! A side that is not named is everything before. Values are always judged by the whole history before the
//! judged side, because one run alone does not show its noise.

mod metrics;
mod series;

use crate::api::SCHEMA;
use crate::api::v1::changes::{
    ChangeTotals, ChangesQuery, ChangesView, MAX_CHANGES, MetricChange, TestChange,
};
use crate::domain::id::RunId;
use crate::domain::time::Timestamp;
use crate::results::changes::metrics::JudgedMetrics;
use crate::results::reader::Reader;
use crate::store::StoreError;
use crate::store::reports::changes::{PairRow, SideRow, Sides};
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::status::{Status, StatusChange};

impl Reader {
    /// Reports what changed. `None` if there is no run on the judged side.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn changes(&self, query: &ChangesQuery) -> Result<Option<ChangesView>, StoreError> {
        let store = self.store();
        let since = query.since_ms.filter(|_| query.to.is_none()).map(Timestamp);
        let Some(range) = store.range_of_runs(since)? else { return Ok(None) };
        let to = query.to.map_or(range, |run| (run, run));
        let is_known = |run: RunId| store.run(run).map(|run| run.is_some());
        for run in query.to.into_iter().chain(query.from) {
            if !is_known(run)? {
                return Ok(None);
            }
        }
        let before = if query.to.is_some() || since.is_some() { to.0 } else { to.1 };
        let from = query.from.map_or((RunId(0), before), |run| (run, run));
        let sides = Sides { to, from, is_named: query.from.is_some() };
        let pairs = store.pairs(sides)?;
        let metrics = metrics::judge(&store, sides)?;
        let limit = query.limit.unwrap_or(MAX_CHANGES).min(MAX_CHANGES) as usize;
        let mut view = ChangesView {
            schema: SCHEMA,
            from: query.from,
            to: query.to,
            since,
            ..ChangesView::default()
        };
        fill(&mut view, pairs, metrics, limit);
        Ok(Some(view))
    }
}

/// Adds the tests with their metrics to the view, and counts them.
fn fill(view: &mut ChangesView, pairs: Vec<PairRow>, mut metrics: JudgedMetrics, limit: usize) {
    count_verdicts(&mut view.totals, &metrics);
    for pair in pairs {
        let totals = &mut view.totals;
        totals.tests += 1;
        totals.without_counterpart += u64::from(pair.after.is_none() || pair.before.is_none());
        let series = pair.after.as_ref().and_then(|after| after.series);
        let changed = series.map(|series| metrics.take(series)).unwrap_or_default();
        let change = test_change(pair, changed);
        *totals.status.entry(change.status).or_default() += 1;
        let is_quiet = matches!(change.status, StatusChange::Steady | StatusChange::New);
        if is_quiet && change.metrics.is_empty() {
            continue;
        }
        if view.tests.len() < limit {
            view.tests.push(change);
        } else {
            view.truncated = true;
        }
    }
    view.workers = metrics.workers;
    view.movers = metrics.movers;
}

fn count_verdicts(totals: &mut ChangeTotals, metrics: &JudgedMetrics) {
    totals.verdicts.clone_from(&metrics.verdicts);
    for change in metrics.changes() {
        if matches!(change.verdict, Verdict::Suspect | Verdict::Confirmed) {
            totals.regressions += u64::from(change.direction == Direction::Worse);
            totals.improvements += u64::from(change.direction == Direction::Better);
        }
    }
}

fn test_change(pair: PairRow, metrics: Vec<MetricChange>) -> TestChange {
    let status =
        |side: &Option<SideRow>| side.as_ref().map(|side| Status::of(side.outcome, side.flaky));
    let change = StatusChange::of(status(&pair.before), status(&pair.after));
    let PairRow { case, after, before } = pair;
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
        metrics,
    }
}
