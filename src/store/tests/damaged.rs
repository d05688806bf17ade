//! Files that cannot be used make room; files in use do not.

use super::fixture::*;
use crate::store::open::NAME;
use crate::store::pool::connect_again;
use crate::store::reports::selection::Runs;
use crate::store::rows::TestFilter;
use crate::store::{Cause, Opened, Store, StoreError};
use duckdb::Connection;
use std::fs;

fn usable_and_new(opened: &mut Opened) {
    assert_eq!(opened.writer.watermark(), 0);
    opened.writer.project(numbered(&history())).expect("projects");
    let tests = opened.store.tests(&TestFilter { limit: 100, ..TestFilter::default() });
    assert_eq!(tests.expect("reads").len(), 9);
}

#[test]
fn a_file_of_something_else_is_moved_aside() {
    for content in [&b""[..], b"not a database at all", &[0; 16_384]] {
        let place = place();
        fs::write(&place.file, content).expect("writes");
        let mut opened = open(&place);
        let aside = opened.rebuilt.clone().expect("moved");
        assert!(aside.to_string_lossy().ends_with("results.duckdb.damaged-1"), "{aside:?}");
        assert_eq!(fs::read(aside).expect("is kept"), content);
        usable_and_new(&mut opened);
    }
}

#[test]
fn a_torn_file_is_moved_aside_each_time_to_another_name() {
    let (place, opened) = with(&history());
    drop(opened);
    for n in 1..=2 {
        let whole = fs::read(&place.file).expect("reads");
        fs::write(&place.file, &whole[..whole.len() / 3]).expect("writes");
        let mut opened = open(&place);
        let aside = opened.rebuilt.clone().expect("moved");
        assert!(aside.to_string_lossy().ends_with(&format!(".damaged-{n}")), "{aside:?}");
        usable_and_new(&mut opened);
    }
}

#[test]
fn free_blocks_that_were_never_written_are_no_sign_of_a_file_that_was_cut() {
    let (place, opened) = with(&history());
    let connection = connect_again(opened.writer.connection(), Some(NAME)).expect("clones");
    // A block that is taken and given back before the end of its transaction is counted.
    let sql =
        "BEGIN; CREATE TABLE big AS SELECT random() AS x FROM range(2000000); ROLLBACK; CHECKPOINT";
    connection.execute_batch(sql).expect("runs");
    drop((connection, opened));
    assert_eq!(open(&place).rebuilt, None);
}

#[test]
fn databases_of_others_and_of_later_versions_are_moved_aside() {
    let sqls = [
        "CREATE TABLE customers (name VARCHAR)",
        "CREATE TABLE schema_version (version UINTEGER); INSERT INTO schema_version VALUES (99)",
    ];
    for sql in sqls {
        let place = place();
        let connection = Connection::open(&place.file).expect("opens");
        connection.execute_batch(sql).expect("creates");
        drop(connection);
        let read_only = Store::open_read_only(&place.file).err();
        assert!(matches!(read_only, Some(StoreError::Foreign { .. })), "{read_only:?}");
        let mut opened = open(&place);
        assert!(opened.rebuilt.is_some(), "{sql}");
        usable_and_new(&mut opened);
    }
}

/// The files as a killed process leaves them: nothing was closed.
fn killed() -> (Place, Vec<u8>) {
    let (place, opened) = with(&history());
    let left = super::fixture::place();
    fs::copy(&place.file, &left.file).expect("copies");
    let log = fs::read(place.file.with_extension("duckdb.wal")).expect("has a write-ahead log");
    fs::write(left.file.with_extension("duckdb.wal"), &log).expect("copies");
    drop(opened);
    (left, log)
}

#[test]
fn what_a_killed_process_left_is_all_there() {
    let (left, _) = killed();
    let store = Store::open_read_only(&left.file).expect("opens");
    assert_eq!(store.run_report(Runs::All, 100).expect("reports").totals.tests, 9);
    drop(store);
    let opened = open(&left);
    assert_eq!((opened.writer.watermark(), opened.rebuilt), (history().len() as u64, None));
    assert_eq!(opened.store.run_report(Runs::All, 100).expect("reports").totals.tests, 9);
}

#[test]
fn a_damaged_write_ahead_log_never_becomes_wrong_results() {
    let (_left, log) = killed();
    for place in [log.len() / 4, log.len() / 2, log.len() - 100] {
        let (left, mut log) = killed();
        log[place] ^= 0xff;
        fs::write(left.file.with_extension("duckdb.wal"), &log).expect("writes");
        let mut opened = open(&left);
        // The log is refused as a whole, or cut off before the damage. The watermark shows which.
        let watermark = opened.writer.watermark();
        assert!(watermark == 0 || opened.rebuilt.is_none(), "{watermark}");
        opened.writer.project(numbered(&history())).expect("projects");
        let (_other, whole) = with(&history());
        let expected = whole.store.run_report(Runs::All, 100).expect("reports");
        assert_eq!(opened.store.run_report(Runs::All, 100).expect("reports"), expected);
    }
}

#[test]
fn a_directory_in_the_place_of_the_file_is_moved_aside() {
    let place = place();
    fs::create_dir(&place.file).expect("creates");
    let mut opened = open(&place);
    assert!(opened.rebuilt.clone().expect("moved").is_dir());
    usable_and_new(&mut opened);
}

#[test]
fn a_missing_database_is_said_and_not_created() {
    let place = place();
    let error = Store::open_read_only(&place.file).err();
    assert!(matches!(error, Some(StoreError::Missing(_))), "{error:?}");
    assert!(!place.file.exists());
}

#[test]
fn a_refused_batch_leaves_nothing_behind() {
    let (_place, mut opened) = with(&history()[..4]);
    let before = opened.store.tests(&TestFilter { limit: 100, ..TestFilter::default() });
    let connection = connect_again(opened.writer.connection(), Some(NAME)).expect("clones");
    connection.execute_batch("ALTER TABLE attempts RENAME TO elsewhere").expect("renames");
    let refused = opened.writer.project(numbered(&history()));
    assert!(matches!(refused, Err(StoreError::Query { .. })), "{refused:?}");
    assert_eq!(opened.writer.watermark(), 4);
    connection.execute_batch("ALTER TABLE elsewhere RENAME TO attempts").expect("renames");
    let after = opened.store.tests(&TestFilter { limit: 100, ..TestFilter::default() });
    assert_eq!(after.expect("reads"), before.expect("reads"));
    opened.writer.project(numbered(&history())).expect("projects");
    let tests = opened.store.tests(&TestFilter { limit: 100, ..TestFilter::default() });
    assert_eq!(tests.expect("reads").len(), 9);
}

/// A database that opens, but in which one block of data is damaged.
pub(in crate::store) fn damage_block(place: &Place) {
    let whole = fs::read(&place.file).expect("reads");
    let mut places = (3..whole.len() / BLOCK_BYTES).map(|block| block * BLOCK_BYTES + 9000);
    let damaged = places.any(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(&place.file, &bytes).expect("writes");
        Store::open_read_only(&place.file)
            .is_ok_and(|store| store.run_report(Runs::All, 100).is_err())
    });
    assert!(damaged, "no block of data was found");
}

/// Size of a block of DuckDB.
const BLOCK_BYTES: usize = 256 * 1024;

/// The kinds of errors, each provoked in a real database.
#[test]
fn errors_of_the_database_have_their_cause() {
    let (place, mut opened) = with(&history());
    opened.writer.project((18..).zip(&large()).map(|(n, fact)| (n, [fact]))).expect("projects");
    let connection = connect_again(opened.writer.connection(), Some(NAME)).expect("clones");
    let failing = |sql: &str| {
        let source = connection.execute_batch(sql).expect_err(sql).into();
        StoreError::Query { doing: "test", source }
    };
    let error = failing("SELECT * FROM nowhere");
    assert_eq!((error.cause(), error.is_invalidated()), (Cause::Other, false));
    connection.execute_batch("CHECKPOINT; SET memory_limit = '8MB'").expect("set");
    let error = failing("CREATE TABLE big AS SELECT list(range) FROM range(2000000)");
    assert_eq!((error.cause(), error.is_invalidated()), (Cause::Memory, false), "{error}");
    // The checkpoint of uncommitted memory fails, and DuckDB gives the instance up.
    connection
        .execute_batch("SET memory_limit = '64MB'; INSERT INTO detail_parts SELECT 9, range, 1, 1, false, 0, repeat('x', 9000) FROM range(2000)")
        .expect("stored");
    let error = failing("SET memory_limit = '1MB'; CHECKPOINT");
    assert!(error.is_invalidated(), "{error}");
    let error = opened.store.run_report(Runs::All, 100).expect_err("it is not used any more");
    assert_eq!((error.cause(), error.is_invalidated()), (Cause::Invalidated, true), "{error}");
    drop((connection, opened));

    let opened = open(&place);
    assert_eq!((opened.writer.watermark(), opened.rebuilt.clone()), (21, None), "it was whole");
    opened.writer.check().expect("whole");
    drop(opened);
    damage_block(&place);
    let opened = open(&place);
    assert_eq!(opened.rebuilt, None, "opening does not find it");
    let error = opened.store.run_report(Runs::All, 100).expect_err("damaged");
    assert_eq!(error.cause(), Cause::Damage, "{error}");
    assert_eq!(opened.writer.check().expect_err("damaged").cause(), Cause::Damage);
}

#[test]
fn closing_a_store_closes_its_clones_after_their_queries() {
    let (place, opened) = with(&history());
    let Opened { store, writer, .. } = opened;
    let clone = store.clone();
    store.close();
    // A repair that failed closes the same store again.
    store.close();
    drop(writer);
    assert!(matches!(clone.run_report(Runs::All, 100), Err(StoreError::Closed)));
    // Nothing holds the file any more, so it can be opened with other settings.
    Store::open_read_only(&place.file).expect("opens");
}
