//! A database of schema 4, the last one without identity and summaries.

use super::fixture::*;
use crate::domain::storage_id::StorageId;
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
    // These need the launch of a test, which only the event log has.
    let unknown = "UPDATE tests SET case_id = NULL, kind = NULL; UPDATE attempts SET series_id = NULL; \
        UPDATE metrics SET series_id = NULL; UPDATE check_values SET series_id = NULL";
    new.writer.connection().execute_batch(unknown).expect("forgotten");
    let (before, after) = (dump(old.writer.connection()), dump(new.writer.connection()));
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
    let (place, opened) = migrated();
    let connection = opened.writer.connection().try_clone().expect("clones");
    let expected = dump(&connection);
    // The state before the last transaction of the migration, with one row not filled.
    let sql = "DELETE FROM schema_version WHERE version >= 5; \
        UPDATE metrics SET count = NULL, p50 = NULL, spread = NULL WHERE run = 3; \
        UPDATE attempts SET detail_bytes = NULL, environment = NULL WHERE test = 0 AND run = 1";
    connection.execute_batch(sql).expect("undone");
    drop((connection, opened));
    assert_eq!(dump(open(&place).writer.connection()), expected);
}
