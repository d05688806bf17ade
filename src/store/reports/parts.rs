//! Parts of runs that are read one after the other, so that a question has few rows in memory together.

use crate::domain::id::RunId;
use crate::store::error::StoreError;
use crate::store::query::{Conditions, get};
use duckdb::Connection;
use std::collections::HashMap;

/// Maximum number of rows that are read at once. Those of one test are not divided.
pub(super) const AT_ONCE: u64 = 100_000;

/// Rows that are read at once: of all tests of some runs, or of some tests of one run. The bounds are part of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub runs: (u32, u32),
    pub tests: (u32, u32),
}

/// Divides runs with their numbers of rows and their last tests.
pub(super) fn divided(runs: &[(u32, u64, u32)], at_once: u64) -> Vec<Part> {
    let (mut parts, mut begun): (Vec<Part>, u64) = (Vec::new(), u64::MAX);
    for (run, rows, last) in runs {
        if *rows > at_once {
            // As many tests as if each had one row.
            let step = u32::try_from(at_once).unwrap_or(u32::MAX).max(1);
            parts.extend((0..=*last).step_by(step as usize).map(|first| Part {
                runs: (*run, *run),
                tests: (first, first.saturating_add(step - 1)),
            }));
            begun = u64::MAX;
            continue;
        }
        begun = begun.saturating_add(*rows);
        if let Some(part) = parts.last_mut().filter(|_| begun <= at_once) {
            part.runs.1 = *run;
        } else {
            parts.push(Part { runs: (*run, *run), tests: (0, u32::MAX) });
            begun = *rows;
        }
    }
    parts
}

/// Divides the tests of these runs.
pub(super) fn of_tests(
    connection: &Connection,
    runs: &[RunId],
    at_once: u64,
) -> Result<Vec<Part>, StoreError> {
    let mut sizes: HashMap<RunId, u64> = HashMap::new();
    let mut of_runs = Conditions::default();
    if let (Some(first), Some(last)) = (runs.first(), runs.last()) {
        of_runs.and("run BETWEEN ? AND ?", [first.0, last.0]);
    }
    let select = "SELECT run, tests::UBIGINT FROM run_parts";
    for (run, tests) in of_runs
        .query(connection, select, "", |row| Ok((RunId(get(row, 0)?), get::<u64>(row, 1)?)))?
    {
        *sizes.entry(run).or_default() += tests;
    }
    let size = |run: &RunId| {
        let tests = sizes.get(run).copied().unwrap_or_default();
        (run.0, tests, u32::try_from(tests).unwrap_or(u32::MAX))
    };
    Ok(divided(&runs.iter().map(size).collect::<Vec<_>>(), at_once))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_divided_by_their_rows() {
        let part = |runs, tests| Part { runs, tests };
        let all = (0, u32::MAX);
        let runs = [(1, 2, 1), (7, 1, 0), (1_000_007, 1, 5), (1_000_008, 7, 6), (u32::MAX, 3, 2)];
        let expected = [
            part((1, 7), all),
            part((1_000_007, 1_000_007), all),
            part((1_000_008, 1_000_008), (0, 2)),
            part((1_000_008, 1_000_008), (3, 5)),
            part((1_000_008, 1_000_008), (6, 8)),
            part((u32::MAX, u32::MAX), all),
        ];
        assert_eq!(divided(&runs, 3), expected);
        assert_eq!(divided(&[], 3), []);
    }
}
