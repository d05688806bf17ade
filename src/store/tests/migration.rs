//! Databases of earlier schemas. Schema 4 is the last one without identity and summaries.

use super::fixture::*;
use crate::domain::storage_id::StorageId;
use crate::store::migrate::{VERSION, migrate_to};
use crate::store::open::connect;
use crate::store::reports::selection::Runs;
use crate::store::rows::AttemptFilter;
use crate::store::{Opened, Store, StoreError};
use std::fs;

/// Contains [`history`] and [`large`].
const SCHEMA_4: &[u8] = include_bytes!("../../../tests/data/results-schema-4.duckdb");

fn migrated() -> (Place, Opened) {
    let place = place();
    fs::write(&place.file, SCHEMA_4).expect("writes");
    let opened = open(&place);
    assert_eq!(opened.rebuilt, None);
    (place, opened)
}

#[test]
fn a_migrated_database_equals_a_new_one() {
    let events = [history(), large()].concat();
    let (_place, old) = migrated();
    let (_other, new) = with(&events);
    assert_eq!(old.writer.watermark(), events.len() as u64);
    let (before, after) =
        (dump(old.writer.connection()), without_launches(new.writer.connection()));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    let report = |opened: &Opened| opened.store.run_report(Runs::All, 100).expect("reports");
    assert_eq!(report(&old), report(&new));
    let all = AttemptFilter { limit: 100, ..AttemptFilter::default() };
    let details = |opened: &Opened| {
        let rows = opened.store.attempts(&all).expect("reads").rows;
        rows.into_iter()
            .map(|row| row.detail.expect("a detail").get().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(details(&old), details(&new));
}

#[test]
fn an_old_database_adopts_the_identity_and_keeps_it() {
    let (place, opened) = migrated();
    drop(opened);
    let before = fs::read(&place.file).expect("reads");
    let other = StorageId::from_bytes([8; 16]);
    let refused = Store::open(&place.file, other).err().expect("it is of another directory");
    let StoreError::OtherIdentity { path, expected, found } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!((path, *expected, *found), (&place.file, other, identity()));
    for part in [other.to_string(), identity().to_string(), place.file.display().to_string()] {
        assert!(refused.to_string().contains(&part), "{refused}");
    }
    assert_eq!(fs::read(&place.file).expect("reads"), before, "nothing was moved or changed");
    assert_eq!(open(&place).rebuilt, None);
}

#[test]
fn an_interrupted_migration_continues() {
    let (_other, opened) = migrated();
    let expected = dump(opened.writer.connection());
    let place = place();
    fs::write(&place.file, SCHEMA_4).expect("writes");
    let connection = connect(&place.file).expect("opens");
    migrate_to(&connection, 4, 11).expect("migrated");
    // The state before the last transactions of this migration, with one row not filled.
    let sql = "DELETE FROM schema_version WHERE version >= 5; \
        UPDATE metrics SET count = NULL, p50 = NULL, spread = NULL WHERE run = 3; \
        UPDATE attempts SET detail_bytes = NULL, environment = NULL WHERE test = 0 AND run = 1";
    connection.execute_batch(sql).expect("undone");
    drop(connection);
    assert_eq!(dump(open(&place).writer.connection()), expected);
}

/// Each has the rows of [`history`] that its schema can have.
const EARLIER: [(u32, &[u8]); 13] = [
    (1, include_bytes!("../../../tests/data/results-schema-1.duckdb")),
    (2, include_bytes!("../../../tests/data/results-schema-2.duckdb")),
    (3, include_bytes!("../../../tests/data/results-schema-3.duckdb")),
    (5, include_bytes!("../../../tests/data/results-schema-5.duckdb")),
    (6, include_bytes!("../../../tests/data/results-schema-6.duckdb")),
    (7, include_bytes!("../../../tests/data/results-schema-7.duckdb")),
    (8, include_bytes!("../../../tests/data/results-schema-8.duckdb")),
    (9, include_bytes!("../../../tests/data/results-schema-9.duckdb")),
    (10, include_bytes!("../../../tests/data/results-schema-10.duckdb")),
    (11, include_bytes!("../../../tests/data/results-schema-11.duckdb")),
    (12, include_bytes!("../../../tests/data/results-schema-12.duckdb")),
    (13, include_bytes!("../../../tests/data/results-schema-13.duckdb")),
    (14, include_bytes!("../../../tests/data/results-schema-14.duckdb")),
];

/// The first schema with cases and series.
const FIRST_WITH_SERIES: u32 = 10;

/// The rows without those values that need the launch of a test.
fn without_launches(connection: &duckdb::Connection) -> Vec<String> {
    let unknown = "UPDATE tests SET case_id = NULL, kind = NULL; UPDATE attempts SET series_id = NULL; \
        UPDATE check_values SET series_id = NULL; UPDATE attempt_metrics SET series_id = NULL";
    connection.execute_batch(unknown).expect("forgotten");
    dump(connection)
}

#[test]
fn a_database_of_each_earlier_schema_equals_a_new_one() {
    let versions: Vec<u32> = EARLIER.iter().map(|(version, _)| *version).chain([4]).collect();
    assert!((1..VERSION).all(|version| versions.contains(&version)), "a file is missing");
    let (_other, new) = with(&history());
    let whole = dump(new.writer.connection());
    assert!(whole.iter().any(|row| row.starts_with("attempt_metrics ")), "{whole:?}");
    let expected = without_launches(new.writer.connection());
    for (version, bytes) in EARLIER {
        let place = place();
        fs::write(&place.file, bytes).expect("writes");
        let outdated = Store::open_read_only(&place.file).err();
        assert!(
            matches!(outdated, Some(StoreError::Outdated { version: found, .. }) if found == version),
            "{outdated:?}"
        );
        let opened = open(&place);
        assert_eq!(opened.rebuilt, None, "schema {version}");
        if version >= FIRST_WITH_SERIES {
            assert_eq!(dump(opened.writer.connection()), whole, "schema {version}");
        }
        let rows = without_launches(opened.writer.connection());
        assert_eq!(rows, expected, "schema {version}");
    }
}

/// Writes a database of an earlier schema from the migrations, with the rows of a new one.
#[test]
#[ignore = "writes a file of tests/data, once for each published schema"]
fn write_a_database_of_each_earlier_schema() {
    let (source, opened) = with(&history());
    drop(opened);
    for version in (1..VERSION).filter(|version| *version != 4) {
        let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let file = data.join(format!("results-schema-{version}.duckdb"));
        if file.exists() {
            continue;
        }
        let connection = duckdb::Connection::open_in_memory().expect("a database");
        let attach = format!(
            "ATTACH '{}' AS source (READ_ONLY); ATTACH '{}' AS earlier (BLOCK_SIZE 16384); USE earlier",
            source.file.display(),
            file.display()
        );
        connection.execute_batch(&attach).expect("attached");
        migrate_to(&connection, 0, version).expect("migrated");
        let sql = "SELECT table_name, string_agg('\"' || column_name || '\"', ', ') FROM duckdb_columns() \
            WHERE database_name = 'earlier' AND table_name IN (SELECT table_name FROM duckdb_tables()) \
            AND column_name <> 'samples' \
            AND table_name NOT IN ('schema_version', 'identity', 'judged', 'verdicts', 'attempt_medians') GROUP BY table_name";
        let mut statement = connection.prepare(sql).expect("prepared");
        let tables = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let tables: Vec<(String, String)> =
            tables.expect("read").map(|table| table.expect("a table")).collect();
        for (table, columns) in tables {
            let copy = format!(
                "DELETE FROM {table}; INSERT INTO {table} ({columns}) SELECT {columns} FROM source.{table}"
            );
            connection.execute_batch(&copy).expect("copied");
        }
        // Since schema 12 the details alone have the raw values.
        if version >= 12 {
            connection
                .execute_batch("CHECKPOINT earlier; USE memory; DETACH earlier")
                .expect("closed");
            continue;
        }
        let values = "UPDATE metrics SET samples = own.samples FROM (SELECT run, test, attempt, name, \
            list(value) AS samples FROM source.metric_values GROUP BY ALL) AS own WHERE own.run = metrics.run \
            AND own.test = metrics.test AND own.attempt = metrics.attempt AND own.name = metrics.name";
        connection.execute_batch(values).expect("filled");
        connection.execute_batch("CHECKPOINT earlier; USE memory; DETACH earlier").expect("closed");
    }
}

#[test]
fn a_new_file_has_the_present_storage_and_an_old_one_keeps_its_own() {
    let storage = |opened: &Opened| -> String {
        let sql = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()";
        opened.writer.connection().query_row(sql, [], |row| row.get(0)).expect("reads")
    };
    let (_place, old) = migrated();
    let (_other, new) = with(&history());
    assert_eq!((&*storage(&old), &*storage(&new)), ("v1.0.0+", "v1.5.0+"));
}
