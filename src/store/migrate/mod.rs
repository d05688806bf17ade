//! The schema of the database, in numbered steps. A published step never changes, except for the compression of its
//! columns: it is not a part of the schema, and files keep the one with which they were created.

pub(super) mod fill;
mod metrics;
mod typed;

use self::fill::{fill, fill_confirms, fill_spreads};
use duckdb::{Connection, params};

/// The steps in order. The version of a schema is the number of steps that were applied.
const STEPS: &[Step] = &[
    Step::new(include_str!("../migrations/0001_results.sql")),
    Step::new(include_str!("../migrations/0002_templates.sql")),
    Step::new(include_str!("../migrations/0003_weights.sql")),
    Step::new(include_str!("../migrations/0004_cases.sql")),
    Step::filled(include_str!("../migrations/0005_bounded.sql"), fill),
    Step::filled(include_str!("../migrations/0006_figures.sql"), fill_spreads),
    Step::new(include_str!("../migrations/0007_findings.sql")),
    Step::new(include_str!("../migrations/0008_weights_id.sql")),
    Step::new(include_str!("../migrations/0009_capabilities.sql")),
    Step::filled(include_str!("../migrations/0010_typed.sql"), typed::fill),
    Step::new(include_str!("../migrations/0011_verdicts.sql")),
    Step::new(include_str!("../migrations/0012_values.sql")),
    // Its medians are not filled, because step 15 replaces them.
    Step::filled(include_str!("../migrations/0013_medians.sql"), fill_confirms),
    Step::new(include_str!("../migrations/0014_judged.sql")),
    Step {
        sql: include_str!("../migrations/0015_metrics.sql"),
        fill: Some(metrics::fill),
        end: include_str!("../migrations/0015_metrics_end.sql"),
    },
];

/// The tables of which the content follows from the others. They may be empty at any time, and archives leave them
/// out.
pub(super) const DERIVED: [&str; 2] = ["judged", "verdicts"];

struct Step {
    sql: &'static str,
    /// Fills existing rows, in several transactions. The SQL of such a step can be repeated, because
    /// an interrupted migration begins it again.
    fill: Option<Fill>,
    /// The SQL after rows were filled, which is not repeated.
    end: &'static str,
}

type Fill = fn(&Connection) -> duckdb::Result<()>;

impl Step {
    const fn new(sql: &'static str) -> Self {
        Self { sql, fill: None, end: "" }
    }

    const fn filled(sql: &'static str, fill: Fill) -> Self {
        Self { sql, fill: Some(fill), end: "" }
    }
}

/// The version that this program reads and writes.
pub(super) const VERSION: u32 = STEPS.len() as u32;

/// The schema of a file that could be opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Schema {
    Empty,
    Version(u32),
    /// Tables of another program, or a version that this program does not know.
    Foreign(String),
}

pub(super) fn inspect(connection: &Connection) -> duckdb::Result<Schema> {
    let sql = "SELECT max(version) FROM schema_version";
    match connection.query_row(sql, [], |row| row.get::<_, Option<u32>>(0)) {
        Ok(None) => Ok(Schema::Empty),
        Ok(Some(version @ 1..=VERSION)) => Ok(Schema::Version(version)),
        Ok(Some(other)) => Ok(Schema::Foreign(format!(
            "its schema has version {other}, this program reads 1 to {VERSION}"
        ))),
        Err(error) => without_version(connection, error),
    }
}

/// The schema of a database whose version cannot be read. The tables are only listed then, because this takes
/// longer than to read the version.
fn without_version(connection: &Connection, error: duckdb::Error) -> duckdb::Result<Schema> {
    let count = |condition: &str| -> duckdb::Result<u64> {
        let sql = format!("SELECT count(*) FROM duckdb_tables() WHERE {condition}");
        connection.query_row(&sql, [], |row| row.get(0))
    };
    if count("table_name = 'schema_version'")? > 0 {
        return Err(error);
    }
    let tables = count("NOT internal")?;
    let foreign = || Schema::Foreign(format!("it has {tables} tables of another program"));
    Ok(if tables == 0 { Schema::Empty } else { foreign() })
}

/// Applies the missing steps, each in its own transaction unless it fills existing rows.
pub(super) fn migrate(connection: &Connection, from: u32) -> duckdb::Result<()> {
    migrate_to(connection, from, VERSION)
}

/// As [`migrate`], up to the version `to`.
pub(super) fn migrate_to(connection: &Connection, from: u32, to: u32) -> duckdb::Result<()> {
    if from == 0 {
        connection.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version UINTEGER)")?;
    }
    for (version, step) in (1..=to).zip(STEPS).skip(from as usize) {
        if let Some(fill) = step.fill {
            connection.execute_batch(step.sql)?;
            fill(connection)?;
        }
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(if step.fill.is_some() { step.end } else { step.sql })?;
        transaction.execute("INSERT INTO schema_version VALUES (?)", params![version])?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_an_earlier_version_is_migrated_and_keeps_its_rows() {
        let connection = Connection::open_in_memory().expect("a database");
        let first = STEPS.first().expect("a step");
        connection.execute_batch("CREATE TABLE schema_version (version UINTEGER)").expect("made");
        connection.execute_batch(first.sql).expect("step 1");
        connection
            .execute_batch(
                r#"INSERT INTO schema_version VALUES (1); UPDATE watermark SET last_seq = 7;
                INSERT INTO attempts SELECT 1, test, 1, 1, 1, 'passed', NULL, 0, 0, '', 0, NULL, '', NULL, NULL, detail
                FROM (VALUES (0, '{"junit":{"tests":48,"failures":2,"errors":1,"skipped":3,"failed":[]}}'),
                (1, '{"message":"\"junit\":{\"tests\":1"}'), (2, NULL)) AS old(test, detail)"#,
            )
            .expect("written");
        assert_eq!(inspect(&connection).expect("read"), Schema::Version(1));
        migrate(&connection, 1).expect("migrated");
        assert_eq!(inspect(&connection).expect("read"), Schema::Version(VERSION));
        let sql = "SELECT (SELECT last_seq FROM watermark) + (SELECT count(*) FROM template_versions) \
             + (SELECT count(weights) + count(would_not_notice) + count(first_differs) \
             + count(weights_id) FROM attempts)";
        let sum: u64 = connection.query_row(sql, [], |row| row.get(0)).expect("read");
        assert_eq!(sum, 7);
        let sql = "SELECT count(*), sum(test), sum(total), sum(failed), sum(errors), sum(skipped) FROM cases";
        let cases = connection.query_row(sql, [], |row| {
            let column = |at| row.get::<_, u64>(at);
            Ok([column(0)?, column(1)?, column(2)?, column(3)?, column(4)?, column(5)?])
        });
        assert_eq!(cases.expect("read"), [1, 0, 48, 2, 1, 3]);
    }
}
