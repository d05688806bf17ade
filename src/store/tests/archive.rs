//! An archive has every row, or is refused with the name of its file.

use super::fixture::*;
use crate::domain::fact::{Fact, Next};
use crate::domain::outcome::Outcome;
use crate::domain::storage_id::StorageId;
use crate::domain::time::Timestamp;
use crate::store::archive::{Archive, ArchiveError};
use crate::store::{Opened, Store};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

fn archives(place: &Place) -> PathBuf {
    place.file.with_file_name("archive")
}

fn export(place: &Place, opened: &Opened) -> Archive {
    let stop = AtomicBool::new(false);
    let archive = opened.store.export(&archives(place), identity(), Timestamp(9), &stop);
    archive.expect("exports")
}

/// Restores the archive and returns the database.
fn restored(archive: &Archive) -> (Place, Opened) {
    let other = place();
    archive.restore(&other.file).expect("restores");
    let opened = open(&other);
    assert_eq!(opened.rebuilt, None);
    (other, opened)
}

fn rows(opened: &Opened) -> Vec<String> {
    dump(opened.writer.connection())
}

#[test]
fn a_restored_database_has_every_row_and_continues() {
    let facts = history();
    let (place, opened) = with(&facts[..12]);
    let archive = export(&place, &opened);
    assert_eq!(archive.path, archives(&place).join("12"));
    let manifest = &archive.manifest;
    assert_eq!((manifest.watermark, manifest.created), (12, Timestamp(9)));
    assert_eq!(manifest.identity, identity());
    assert_eq!(Archive::newest(&archives(&place)).expect("reads"), Some(archive.clone()));

    let (_other, mut rebuilt) = restored(&archive);
    assert_eq!(rebuilt.writer.watermark(), 12);
    assert_eq!(rows(&rebuilt), rows(&opened));
    rebuilt.writer.project(numbered(&facts)).expect("projects");
    let (_whole, whole) = with(&facts);
    assert_eq!(rows(&rebuilt), rows(&whole));
}

/// A copy that is opened for reading only is exported itself: `dtf results export` of a coordinator.
#[test]
fn a_copy_has_the_identity_and_is_exported_again() {
    let (of_history, opened) = with(&history());
    let archive = export(&of_history, &opened);
    let other = place();
    archive.restore(&other.file).expect("restores");
    let copy = Store::open_read_only(&other.file).expect("opens");
    let directory = other.file.with_file_name("exported");
    fs::create_dir(&directory).expect("a directory");
    let again = copy.export_to(&directory, Timestamp(9)).expect("exports");
    assert_eq!(again.manifest.identity, identity());
    assert_eq!(again.manifest.rows(), archive.manifest.rows());
}

#[test]
fn an_archive_shows_one_position_of_the_log_and_can_be_taken_again() {
    let facts = history();
    let (place, mut opened) = with(&facts[..12]);
    let older = export(&place, &opened);
    opened.writer.project(numbered(&facts)).expect("projects");
    let newer = export(&place, &opened);
    assert_eq!(Archive::newest(&archives(&place)).expect("reads"), Some(newer.clone()));
    assert_eq!(rows(&restored(&older).1).len(), rows(&with(&facts[..12]).1).len());
    // A second archive of the same record replaces the first.
    fs::write(newer.path.join(&newer.manifest.parts[0].file), "damaged").expect("writes");
    let again = export(&place, &opened);
    assert_eq!(again.path, newer.path);
    again.verify().expect("whole");

    fs::create_dir(archives(&place).join(".new-left")).expect("creates");
    again.remove_others().expect("removes");
    let left: Vec<_> = fs::read_dir(archives(&place)).expect("reads").collect();
    assert_eq!(left.len(), 1);
    assert!(again.path.exists());
}

#[test]
fn a_stopped_export_leaves_nothing() {
    let (place, opened) = with(&history());
    let stop = AtomicBool::new(true);
    let stopped = opened.store.export(&archives(&place), identity(), Timestamp(9), &stop);
    assert!(matches!(stopped, Err(ArchiveError::Stopped)), "{stopped:?}");
    assert_eq!(fs::read_dir(archives(&place)).expect("reads").count(), 0);
    assert_eq!(Archive::newest(&archives(&place)).expect("reads"), None);
    assert_eq!(Archive::newest(Path::new("/nowhere")).expect("reads"), None);
}

/// Every file of the archive, with its content.
fn files(archive: &Archive) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(&archive.path).expect("reads");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| (path.clone(), fs::read(path).expect("reads"))).collect()
}

/// The file that the refusal of the archive names.
fn refused(place: &Place) -> PathBuf {
    let opened = Archive::newest(&archives(place));
    let target = place.file.with_file_name("restored");
    let refused = opened.and_then(|archive| archive.expect("there is one").restore(&target));
    assert!(!target.exists());
    match refused {
        Err(ArchiveError::Damaged { path, .. } | ArchiveError::Newer { path, .. }) => path,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn damage_in_any_file_is_refused_with_its_name() {
    let (place, opened) = with(&history());
    let archive = export(&place, &opened);
    for (path, content) in files(&archive) {
        let half = content.len() / 2;
        for position in [0, 5, half, content.len() - 2] {
            let mut damaged = content.clone();
            damaged[position] ^= 0x04;
            fs::write(&path, damaged).expect("writes");
            assert_eq!(refused(&place), path, "byte {position}");
        }
        for length in [0, half, content.len() - 2] {
            fs::write(&path, &content[..length]).expect("writes");
            assert_eq!(refused(&place), path, "{length} bytes");
        }
        fs::remove_file(&path).expect("removes");
        let named = refused(&place);
        assert!(named == path || path.starts_with(&named), "{}", named.display());
        fs::write(&path, content).expect("writes");
    }
    archive.verify().expect("whole again");
}

#[test]
fn an_archive_can_get_another_identity() {
    let (place, opened) = with(&history());
    let mut archive = export(&place, &opened);
    let other = StorageId::from_bytes([9; 16]);
    archive.adopt(other).expect("stored");
    let read = Archive::newest(&archives(&place)).expect("reads").expect("there is one");
    assert_eq!(read.manifest.identity, other);
    let target = super::fixture::place();
    read.restore(&target.file).expect("restores");
    let adopted = Store::open(&target.file, other).expect("opens");
    assert_eq!((adopted.rebuilt.clone(), rows(&adopted)), (None, rows(&opened)));
}

#[test]
fn names_with_wildcards_and_quotes_are_plain_names() {
    let (place, opened) = with(&history());
    let archives = place.file.with_file_name("it's [a] *.parquet? x=1").join("archive");
    fs::create_dir(archives.parent().expect("a parent")).expect("creates");
    let stop = AtomicBool::new(false);
    let archive = opened.store.export(&archives, identity(), Timestamp(9), &stop).expect("exports");
    assert_eq!(rows(&restored(&archive).1), rows(&opened));
}

/// Less memory than the rows that DuckDB reads at once have.
const MEMORY: &str = "SET memory_limit = '64MB'";

#[test]
fn texts_that_exceed_the_memory_together_are_exported_and_restored() {
    let (place, opened) = with(&history());
    let connection = opened.writer.connection();
    // 2,100 texts of 40,000 bytes have 84 MB; those that are read at once have 82 MB.
    let rows_of_tests = "INSERT INTO tests BY NAME SELECT n AS run, 1 AS test, 'm' AS name, \
         repeat(lpad(n::VARCHAR, 8, '0'), 5000) AS labels FROM range(?, ?) AS numbers(n)";
    for first in (0..2100).step_by(100) {
        connection.execute(rows_of_tests, [first, first + 100]).expect("inserts");
    }
    connection.execute_batch(MEMORY).expect("sets");
    let archive = export(&place, &opened);
    let of_tests = archive.manifest.parts.iter().filter(|part| part.table == "tests");
    let counts: Vec<u64> = of_tests.map(|part| part.rows).collect();
    let all: u64 = counts.iter().sum();
    assert!(all > 2100, "{counts:?}");
    assert!(counts.iter().all(|rows| *rows < 2048), "{counts:?}");

    let other = super::fixture::place();
    archive.restore(&other.file).expect("restores");
    let rebuilt = open(&other);
    let sums = "SELECT sum(run), count(*) FROM tests WHERE run BETWEEN 1000 AND 1100 \
                AND labels[:8]::UINTEGER = run AND len(labels) = 40000";
    let sums = |opened: &Opened| -> (u64, u64) {
        let connection = opened.writer.connection();
        connection.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("reads")
    };
    connection.execute_batch("SET memory_limit = '256MB'").expect("sets");
    assert_eq!(sums(&rebuilt), sums(&opened));
    assert_eq!(sums(&rebuilt).1, 101);
}

#[test]
fn large_details_are_exported_and_restored() {
    let output: String = (0..700_000u64).map(|n| char::from(b'0' + (n * n % 77) as u8)).collect();
    let result = |index| {
        let detail = json!({ "message": "fine", "output": output });
        finished(id(1, index), 1, Outcome::Passed, Next::Done { flaky: false }, &detail)
    };
    let names: Vec<String> = (0..60).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut facts: Vec<Fact> = vec![registered(1, "lab"), submitted(1, 1), added(1, &names)];
    facts.extend((0..60).map(result));
    let (place, opened) = with(&facts);
    opened.writer.connection().execute_batch(MEMORY).expect("sets");
    let archive = export(&place, &opened);
    let (_other, rebuilt) = restored(&archive);
    let detail = |opened: &Opened| {
        let row = opened.store.attempt(id(1, 59).attempt(1)).expect("reads").expect("is there");
        row.detail.expect("a detail").get().to_owned()
    };
    assert_eq!(detail(&rebuilt), detail(&opened));
    assert!(detail(&rebuilt).len() > 700_000);
    assert_eq!(rebuilt.writer.watermark(), facts.len() as u64);
}
