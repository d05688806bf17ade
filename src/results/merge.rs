//! Merges the reports of several runs into one.

use crate::api::v1::reports::{ReportView, Totals};

/// Merges reports. The rows are in the order of their ids. `None` if there are no reports.
#[must_use]
pub fn merge(reports: impl IntoIterator<Item = ReportView>) -> Option<ReportView> {
    let mut reports = reports.into_iter();
    let mut merged = reports.next()?;
    for report in reports {
        merged.runs.extend(report.runs);
        merged.rows.extend(report.rows);
        merged.truncated |= report.truncated;
        add(&mut merged.totals, &report.totals);
    }
    merged.runs.sort_unstable();
    merged.rows.sort_by_key(|row| row.test);
    Some(merged)
}

fn add(totals: &mut Totals, more: &Totals) {
    let Totals {
        tests,
        outcomes,
        errors,
        flaky,
        pending,
        attempts,
        late_results,
        all_skipped,
        cases,
        tests_with_cases,
        noisy,
        quarantined,
    } = more;
    totals.tests += tests;
    totals.flaky += flaky;
    totals.pending += pending;
    totals.attempts += attempts;
    totals.late_results += late_results;
    totals.all_skipped += all_skipped;
    totals.tests_with_cases += tests_with_cases;
    totals.noisy += noisy;
    totals.quarantined.add(quarantined);
    if let Some(cases) = cases {
        totals.cases.get_or_insert_default().add(cases);
    }
    for (outcome, count) in outcomes {
        *totals.outcomes.entry(*outcome).or_default() += count;
    }
    for (class, count) in errors {
        *totals.errors.entry(*class).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::marks::QuarantinedTotals;
    use crate::api::v1::reports::Cases;
    use crate::domain::id::RunId;
    use crate::domain::outcome::{Class, Outcome};

    fn quarantined(count: u64) -> QuarantinedTotals {
        QuarantinedTotals {
            tests: 2 * count,
            outcomes: [(Outcome::Failed, count), (Outcome::Error, count)].into(),
            errors: [(Class::SetUp, count)].into(),
            flaky: count,
            all_skipped: count,
        }
    }

    fn report(run: u32, passed: u64, errors: u64) -> ReportView {
        let totals = Totals {
            tests: passed + errors,
            outcomes: [(Outcome::Passed, passed), (Outcome::Error, errors)].into(),
            errors: [(Class::SetUp, errors)].into(),
            flaky: 1,
            pending: 2,
            attempts: 9,
            late_results: 3,
            all_skipped: 1,
            cases: (run == 2).then_some(Cases { total: 3, passed: 2, ..Cases::default() }),
            tests_with_cases: u64::from(run == 2),
            noisy: u64::from(run) * 2,
            quarantined: quarantined(1),
        };
        let (runs, rows) = (vec![RunId(run)], Vec::new());
        ReportView { schema: 1, since: None, until: None, runs, totals, rows, truncated: run == 2 }
    }

    #[test]
    fn totals_are_sums_and_runs_are_in_order() {
        assert_eq!(merge([]), None);
        assert_eq!(merge([report(1, 2, 3)]), Some(report(1, 2, 3)));
        let merged = merge([report(7, 2, 3), report(2, 10, 0)]).expect("a report");
        assert_eq!(merged.runs, [RunId(2), RunId(7)]);
        assert!(merged.truncated);
        let expected = Totals {
            tests: 15,
            outcomes: [(Outcome::Passed, 12), (Outcome::Error, 3)].into(),
            errors: [(Class::SetUp, 3)].into(),
            flaky: 2,
            pending: 4,
            attempts: 18,
            late_results: 6,
            all_skipped: 2,
            cases: Some(Cases { total: 3, passed: 2, ..Cases::default() }),
            tests_with_cases: 1,
            noisy: 18,
            quarantined: quarantined(2),
        };
        assert_eq!(merged.totals, expected);
    }
}
