//! The metrics of a run that seem to be worse than before.

use crate::domain::added::marks::AcceptedSeries;
use crate::domain::id::{RunId, TestId};
use crate::results::reader::Reader;
use crate::store::StoreError;
use crate::store::reports::marks::AcceptanceRow;
use crate::store::reports::recent::RecentRow;
use crate::trends::judgement::{Direction, Judgement, Verdict};
use crate::trends::limits::{Better, Kind, Limits, MAX_VALUES};
use crate::trends::online;

/// A metric of a test that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    pub test: TestId,
    pub series: AcceptedSeries,
    /// Whether the test was started to confirm a change.
    pub is_confirmation: bool,
    pub judgement: Judgement,
}

impl Changed {
    /// Whether another value would decide if the change to the worse is real.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        let Judgement { verdict, direction, .. } = self.judgement;
        !self.is_confirmation && verdict == Verdict::Suspect && direction == Direction::Worse
    }
}

impl Reader {
    /// Lists the metrics of a run with a suspected or confirmed change, judged by the values up to the
    /// run.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn changed(&self, run: RunId) -> Result<Vec<Changed>, StoreError> {
        let store = self.store();
        let accepted = store.acceptances(false)?;
        // A confirmed change is judged against the values before two.
        let rows = store.recent_values(run, MAX_VALUES + 2)?;
        Ok(rows.into_iter().filter_map(|row| changed(row, &accepted)).collect())
    }
}

fn changed(row: RecentRow, accepted: &[AcceptanceRow]) -> Option<Changed> {
    let test = row.values.last()?.test;
    let kind = if row.is_figure { Kind::NumericError } else { Kind::of_unit(&row.unit) };
    let starts: Vec<usize> = accepted
        .iter()
        .filter(|known| known.series == row.series)
        .filter(|known| known.metric.as_ref().is_none_or(|metric| *metric == row.metric))
        .filter_map(|known| row.values.iter().position(|value| value.test.run >= known.run))
        .collect();
    let values: Vec<f64> = row.values.iter().map(|value| value.value).collect();
    let better = Better::of(&row.better);
    let judgement = online::newest(&values, &starts, better, Limits::of(kind));
    if !matches!(judgement.verdict, Verdict::Suspect | Verdict::Confirmed) {
        return None;
    }
    let series =
        AcceptedSeries { case: row.case, series: row.series, metric: Some(row.metric.into()) };
    Some(Changed { test, series, is_confirmation: row.confirms.is_some(), judgement })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::AcceptanceId;
    use crate::domain::series::{CaseId, SeriesId};
    use crate::domain::time::Timestamp;
    use crate::store::reports::recent::RecentValue;

    fn row(values: &[f64]) -> RecentRow {
        let value = |(number, value): (u32, &f64)| RecentValue {
            test: TestId { run: RunId(number), index: 0 },
            at: Timestamp(u64::from(number)),
            value: *value,
        };
        RecentRow {
            case: CaseId(1),
            series: SeriesId(2),
            metric: "latency_seconds".into(),
            unit: "seconds".into(),
            better: "lower".into(),
            is_figure: false,
            name: "t".into(),
            confirms: None,
            values: (1..).zip(values).map(value).collect(),
        }
    }

    fn accepted(metric: Option<&str>, run: u32) -> AcceptanceRow {
        AcceptanceRow {
            id: AcceptanceId(1),
            case: CaseId(1),
            series: SeriesId(2),
            name: None,
            metric: metric.map(str::to_owned),
            run: RunId(run),
            reason: String::new(),
            by: String::new(),
            accepted_at: Timestamp(0),
            removed: None,
        }
    }

    const SLOWER: [f64; 7] = [1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 1.5];

    #[test]
    fn a_slower_test_is_a_suspect_and_a_quicker_one_is_none() {
        let found = changed(row(&SLOWER), &[]).expect("a change");
        assert!(found.is_suspect());
        assert_eq!(found.test.run, RunId(7));
        let mut confirmation = row(&SLOWER);
        confirmation.confirms = Some("r6.t0".into());
        assert!(!changed(confirmation, &[]).expect("a change").is_suspect());
        let mut quicker = row(&SLOWER);
        quicker.values[6].value = 0.5;
        assert!(!changed(quicker, &[]).expect("a change").is_suspect());
        assert_eq!(changed(row(&SLOWER[..6]), &[]), None);
    }

    #[test]
    fn an_accepted_change_is_none() {
        for metric in [None, Some("latency_seconds")] {
            assert_eq!(changed(row(&SLOWER), &[accepted(metric, 7)]), None, "{metric:?}");
        }
        assert!(changed(row(&SLOWER), &[accepted(Some("load_seconds"), 7)]).is_some());
    }
}
