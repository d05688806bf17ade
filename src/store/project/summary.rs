//! Summaries of the values of metrics, computed once when a result is stored.

/// Maximum spread of a metric that is not called noisy. Measured over 4 seeds of 5 models: 0.007 to 0.057
/// on a core without other programs, 0.28 to 10 with nine runnable programs for each core. The
/// templates have the same limit.
pub const MAX_SPREAD: f64 = 0.1;

/// Percentiles by nearest rank: the smallest value that at least this share does not exceed. `None` if
/// there are too few values for one of them to exceed it: p90 needs 10 values, p99 needs 100.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Summary {
    /// Number of the finite values. The other fields are about these values, and `None` without any.
    pub count: u32,
    /// Interquartile range in proportion to the median. `None` for fewer than four values, and for a
    /// median of zero.
    pub spread: Option<f64>,
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
            let has_enough = percent <= 50 || count * (100 - percent) >= 100;
            let rank = (percent * count).div_ceil(100);
            finite.get(rank.saturating_sub(1)).copied().filter(|_| has_enough)
        };
        let quartiles = [25, 50, 75].map(percentile);
        let spread = match quartiles {
            [Some(lower), Some(middle), Some(upper)] if middle != 0.0 => {
                Some((upper - lower) / middle.abs()).filter(|spread| spread.is_finite())
            }
            _ => None,
        };
        Self {
            count: count as u32,
            spread,
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
    use crate::store::migrate::fill::{fill, fill_spreads};
    use crate::store::migrate::migrate_to;
    use duckdb::Connection;

    /// The summaries of the migration, which are computed in SQL.
    fn by_sql(samples: &[String]) -> Vec<Summary> {
        let connection = Connection::open_in_memory().expect("a database");
        // Schema 12 dropped the column with the values.
        migrate_to(&connection, 0, 11).expect("migrated");
        for list in samples {
            let sql = format!(
                "INSERT INTO metrics (run, test, attempt, name, unit, better, samples) \
                 VALUES (1, 1, 1, 'm', 's', 'lower', {list})"
            );
            connection.execute_batch(&sql).expect("stored");
        }
        fill(&connection).expect("filled");
        fill_spreads(&connection).expect("filled");
        let mut statement = connection
            .prepare("SELECT count, spread, min, p50, p90, p99, max FROM metrics ORDER BY rowid")
            .expect("prepared");
        let rows = statement.query_map([], |row| {
            Ok(Summary {
                count: row.get(0)?,
                spread: row.get(1)?,
                min: row.get(2)?,
                p50: row.get(3)?,
                p90: row.get(4)?,
                p99: row.get(5)?,
                max: row.get(6)?,
            })
        });
        rows.expect("read").map(|row| row.expect("a summary")).collect()
    }

    #[test]
    fn the_templates_have_the_same_limit() {
        let limit = format!("\nMAX_SPREAD = {MAX_SPREAD}\n");
        let has_limit = |(_, text): &(&str, &str)| text.contains(&limit);
        let path = crate::assets::templates().find(has_limit).map(|(path, _)| path);
        assert_eq!(path, Some("_shared/report.py.j2"));
        let view = include_str!("../migrations/0006_figures.sql");
        assert!(view.contains(&format!("metrics.spread > {MAX_SPREAD} AS noisy")));
    }

    #[test]
    fn a_summary_equals_that_of_the_database() {
        let mut cases: Vec<Vec<Option<f64>>> = vec![
            vec![],
            vec![None],
            vec![None, Some(-0.5), None],
            vec![Some(f64::NAN), Some(1e300)],
            vec![Some(0.0); 4],
            vec![Some(-1e308), Some(1e-308), Some(1e-308), Some(1e308)],
            [-5.0, -4.0, -3.0, -1.0, -1.0].map(Some).to_vec(),
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
