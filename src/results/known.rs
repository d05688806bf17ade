//! The verdicts that earlier questions needed, so that a page which is shown again does not judge again.
//!
//! A verdict about the newest value of a metric follows from the passed attempts of its series, the limits of
//! its test, the accepted changes, and the first judged run. It is given again while these are the same.
//! Limit: [`MAX_KNOWN`] verdicts; all are forgotten beyond it.

use crate::domain::added::change_limits::ChangeLimit;
use crate::domain::id::{RunId, TestId};
use crate::domain::series::SeriesId;
use crate::store::reports::marks::AcceptedRuns;
use crate::store::reports::values::{Attempts, JudgedSeries, SeriesMetric};
use crate::trends::judgement::Judgement;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum number of verdicts: those of a run and of a week of several thousand tests with 25 metrics each.
const MAX_KNOWN: usize = 100_000;

/// The verdict about the newest value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub of: SeriesMetric,
    /// The test with the newest value.
    pub newest: TestId,
    /// The run of the first value after the change.
    pub since: Option<RunId>,
    pub judgement: Judgement,
}

/// The verdicts about the metrics of one series, and what they follow from.
struct OfSeries {
    attempts: Attempts,
    limits: Vec<ChangeLimit>,
    accepted: Option<Vec<(Option<String>, RunId)>>,
    metrics: Vec<Judged>,
}

/// Verdicts by series and by the first judged run.
#[derive(Default)]
pub struct KnownVerdicts(Mutex<HashMap<(SeriesId, RunId), OfSeries>>);

impl KnownVerdicts {
    /// The verdicts about these series that still hold, and the series without any.
    pub fn of<'a>(
        &self,
        series: &'a HashMap<SeriesId, JudgedSeries>,
        first: RunId,
        accepted: &AcceptedRuns,
    ) -> (Vec<Judged>, HashMap<SeriesId, &'a JudgedSeries>) {
        let known = self.lock();
        let (mut verdicts, mut others) = (Vec::new(), HashMap::new());
        for (id, judged) in series {
            let holds = |of: &&OfSeries| {
                of.attempts == judged.attempts
                    && of.limits == judged.limits
                    && of.accepted.as_ref() == accepted.get(id)
            };
            match known.get(&(*id, first)).filter(holds) {
                Some(of) => verdicts.extend(of.metrics.iter().cloned()),
                None => drop(others.insert(*id, judged)),
            }
        }
        (verdicts, others)
    }

    /// Keeps the verdicts about these series.
    pub fn keep(
        &self,
        series: &HashMap<SeriesId, &JudgedSeries>,
        first: RunId,
        accepted: &AcceptedRuns,
        verdicts: &[Judged],
    ) {
        let new = |(id, judged): (&SeriesId, &&JudgedSeries)| {
            let of = OfSeries {
                attempts: judged.attempts,
                limits: judged.limits.clone(),
                accepted: accepted.get(id).cloned(),
                metrics: Vec::new(),
            };
            ((*id, first), of)
        };
        let mut new: HashMap<_, _> = series.iter().map(new).collect();
        for verdict in verdicts {
            if let Some(of) = new.get_mut(&(verdict.of.series, first)) {
                of.metrics.push(verdict.clone());
            }
        }
        let mut known = self.lock();
        known.extend(new);
        if known.values().map(|of| of.metrics.len().max(1)).sum::<usize>() > MAX_KNOWN {
            known.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(SeriesId, RunId), OfSeries>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
