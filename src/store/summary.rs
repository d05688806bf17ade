//! Summaries of the values of metrics, computed once when a result is stored.

/// Percentiles by nearest rank: the smallest value that at least this share does not exceed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Summary {
    /// Number of the finite values. The other fields are about these values, and `None` without any.
    pub count: u32,
    pub min: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

impl Summary {
    pub fn of(values: &[Option<f64>]) -> Self {
        let mut finite: Vec<f64> = values.iter().flatten().copied().collect();
        finite.retain(|value| value.is_finite());
        finite.sort_unstable_by(f64::total_cmp);
        let count = finite.len();
        let percentile = |percent: usize| {
            let rank = (percent * count).div_ceil(100);
            finite.get(rank.saturating_sub(1)).copied()
        };
        Self {
            count: count as u32,
            min: finite.first().copied(),
            p50: percentile(50),
            p90: percentile(90),
            p99: percentile(99),
            max: finite.last().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fill::fill;
    use crate::store::migrate::migrate;
    use duckdb::Connection;

    /// The summaries of the migration, which are computed in SQL.
    fn by_sql(samples: &[String]) -> Vec<Summary> {
        let connection = Connection::open_in_memory().expect("a database");
        migrate(&connection, 0).expect("migrated");
        for list in samples {
            let sql = format!(
                "INSERT INTO metrics (run, test, attempt, name, unit, better, samples) \
                 VALUES (1, 1, 1, 'm', 's', 'lower', {list})"
            );
            connection.execute_batch(&sql).expect("stored");
        }
        fill(&connection).expect("filled");
        let mut statement = connection
            .prepare("SELECT count, min, p50, p90, p99, max FROM metrics ORDER BY rowid")
            .expect("prepared");
        let rows = statement.query_map([], |row| {
            Ok(Summary {
                count: row.get(0)?,
                min: row.get(1)?,
                p50: row.get(2)?,
                p90: row.get(3)?,
                p99: row.get(4)?,
                max: row.get(5)?,
            })
        });
        rows.expect("read").map(|row| row.expect("a summary")).collect()
    }

    #[test]
    fn a_summary_equals_that_of_the_database() {
        let mut cases: Vec<Vec<Option<f64>>> = vec![
            vec![],
            vec![None],
            vec![None, Some(-0.5), None],
            vec![Some(f64::NAN), Some(1e300)],
        ];
        // No sizes around the steps of the ranks are left out.
        for count in (1..=210).chain([999, 1000, 1001]) {
            // A permutation of multiples of 1/8, with repetitions.
            cases.push((0..count).map(|n| Some(f64::from(n * 7919 % count / 2) / 8.0)).collect());
        }
        let list = |values: &Vec<Option<f64>>| {
            let texts: Vec<String> = values
                .iter()
                .map(|value| {
                    value.filter(|v| v.is_finite()).map_or("NULL".to_owned(), |v| format!("{v:e}"))
                })
                .collect();
            format!("[{}]", texts.join(","))
        };
        let lists: Vec<String> = cases.iter().map(list).collect();
        let expected = by_sql(&lists);
        let computed: Vec<Summary> = cases.iter().map(|values| Summary::of(values)).collect();
        assert_eq!(computed, expected);
    }
}
