//! A data directory whose log was compacted shows the same results, whatever is missing of it.

use super::disk::{Role, start_with};
use super::harness::{Hand, run_of};
use crate::api::page::PageQuery;
use crate::api::v1::reports::ReportQuery;
use crate::api::v1::test_views::{AttemptQuery, TestQuery};
use crate::coordinator::compaction::pace::Pace;
use crate::coordinator::{CoordinatorError, RecoveryError};
use crate::domain::time::Millis;
use crate::log::{EmbeddedLog, EventLog, read_identity};
use crate::store::archive::{self, Archive, ArchiveError};
use crate::store::{self, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
pub(super) const DETAIL: &str = r#"{"message":"fine","metrics":[
    {"name":"m","unit":"seconds","better":"lower","values":[1.5,2.5]}]}"#;

/// Starts a coordinator that compacts nothing.
pub(super) async fn start_kept(directory: &Path) -> Role {
    start_with(directory, |settings| settings.storage.log_retention = None).await
}

/// Nothing limits the number of compactions.
pub(super) fn often() -> Pace {
    let short = Duration::from_millis(20);
    Pace { first_check: short, check_interval: short, min_interval: Duration::ZERO }
}

/// Starts a coordinator for which everything is old at once.
pub(super) async fn start_compacting(directory: &Path) -> Role {
    start_with(directory, |settings| {
        settings.storage.log_retention = Some(Millis(1));
        settings.compaction = often();
    })
    .await
}

/// Runs of one test each, which pass.
pub(super) async fn pass(role: &Role, hand: &mut Hand, runs: u32) {
    for _ in 0..runs {
        role.client.submit(&run_of(1), None).await.expect("submitted");
        let claimed = hand.claim(10_000).await;
        assert_eq!(claimed.leases.len(), 1);
        hand.report(&claimed.leases, DETAIL).await;
    }
}

/// The number of a metric.
pub(super) async fn metric(role: &Role, name: &str) -> u64 {
    let answer = reqwest::get(format!("{}/metrics", role.url)).await.expect("metrics");
    let text = answer.text().await.expect("a text");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} in {text}"))
}

pub(super) async fn base(role: &Role) -> u64 {
    metric(role, "dtf_log_base ").await
}

pub(super) async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Everything that people can read, as text.
pub(super) async fn read(role: &Role) -> String {
    let query = ReportQuery { limit: Some(10_000), ..ReportQuery::default() };
    let report = role.client.report_view(&query).await.expect("a report");
    let limit = Some(1000);
    let runs = role.client.runs(&PageQuery { limit, ..PageQuery::default() }).await.expect("runs");
    let tests = TestQuery { limit, ..TestQuery::default() };
    let tests = role.client.tests(&tests).await.expect("tests");
    let attempts = AttemptQuery { limit, ..AttemptQuery::default() };
    let attempts = role.client.attempts(&attempts).await.expect("attempts");
    serde_json::to_string_pretty(&(report, runs.items, tests.items, attempts.items)).expect("JSON")
}

/// Two open tests, of which a worker holds one, and 120 runs that have ended.
async fn history(role: &Role) -> (Hand, Vec<crate::api::v1::leases::LeaseView>) {
    role.client.submit(&run_of(2), None).await.expect("submitted");
    let mut holder = Hand::register(&role.client, 1).await;
    let held = holder.claim(10_000).await.leases;
    assert_eq!(held.len(), 1);
    let mut hand = Hand::register(&role.client, 1).await;
    pass(role, &mut hand, 120).await;
    (holder, held)
}

pub(super) fn database(directory: &Path) -> PathBuf {
    directory.join(store::FILE_NAME)
}

pub(super) fn remove_database(directory: &Path) {
    store::remove_database(&database(directory)).expect("removed");
}

pub(super) fn archives(directory: &Path) -> PathBuf {
    directory.join(archive::DIRECTORY)
}

fn newest(directory: &Path) -> Archive {
    Archive::newest(&archives(directory)).expect("reads").expect("there is one")
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("reads") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// A directory with a history and a whole log, and what it shows.
pub(super) async fn whole() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let role = start_kept(directory.path()).await;
    let mut hand = Hand::register(&role.client, 1).await;
    pass(&role, &mut hand, 120).await;
    let before = read(&role).await;
    role.end().await;
    (directory, before)
}

/// Compacts the log of a directory.
pub(super) async fn compact(directory: &Path) {
    let role = start_compacting(directory).await;
    wait_until("compacted", async || base(&role).await > 100).await;
    let archives = archives(directory);
    let entries = || fs::read_dir(&archives).expect("reads").count();
    wait_until("one archive is left", async || entries() == 1).await;
    role.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_open_runs_and_leases_survive_compaction_restart_and_rebuild() {
    let directory = tempfile::tempdir().expect("a directory");
    let role = start_compacting(directory.path()).await;
    let (holder, held) = history(&role).await;
    wait_until("compacted", async || base(&role).await > 100).await;
    let before = read(&role).await;
    let status = role.client.status().await.expect("status");
    role.end().await;

    for rebuild in [false, true] {
        if rebuild {
            remove_database(directory.path());
        }
        let role = start_kept(directory.path()).await;
        assert!(base(&role).await > 100, "the log is not whole");
        assert_eq!(read(&role).await, before, "rebuild: {rebuild}");
        let again = role.client.status().await.expect("status");
        assert_eq!(again.coordinator, status.coordinator);
        role.end().await;
    }

    let role = start_kept(directory.path()).await;
    let holder = holder.at(&role.client);
    holder.report(&held, DETAIL).await;
    let test = role.client.test(held[0].lease.attempt.test).await.expect("the test");
    assert!(test.outcome.is_some(), "a lease from before the compaction is reported");
    let next = role.client.submit(&run_of(1), None).await.expect("submitted");
    assert_eq!(next.run.0, 122, "numbers continue");
    role.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_from_before_the_compaction_is_restored_from_the_archive() {
    let (directory, before) = whole().await;
    let (path, older) = (directory.path(), tempfile::tempdir().expect("a directory"));
    // Results that only the log and the archive will have.
    fs::copy(database(path), older.path().join("early")).expect("copied");
    let role = start_kept(path).await;
    let mut hand = Hand::register(&role.client, 1).await;
    pass(&role, &mut hand, 120).await;
    let after = read(&role).await;
    assert_ne!(after, before);
    role.end().await;
    let role = start_compacting(path).await;
    let last = metric(&role, "dtf_log_sequence ").await;
    wait_until("compacted", async || base(&role).await > last / 2 + 50).await;
    role.end().await;
    remove_database(path);
    fs::copy(older.path().join("early"), database(path)).expect("copied");

    let role = start_kept(path).await;
    assert_eq!(read(&role).await, after);
    role.end().await;
    let aside = path.join("results.duckdb.damaged-1");
    assert!(aside.exists(), "the database that was behind is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_database_and_archive_the_start_is_refused_by_name() {
    let (directory, before) = whole().await;
    let path = directory.path();
    compact(path).await;
    let archive = newest(path);
    let file = archive.path.join(&archive.manifest.parts[0].file);
    let whole = fs::read(&file).expect("reads");
    let error = async || match start_kept(path).await.refused().await {
        CoordinatorError::Recovery(RecoveryError::Archive(error)) => error,
        other => panic!("another error: {other}"),
    };

    remove_database(path);
    fs::write(&file, &whole[1..]).expect("writes");
    let damaged = error().await;
    assert!(matches!(&damaged, ArchiveError::Damaged { path, .. } if *path == file), "{damaged}");
    let again = error().await;
    assert!(matches!(again, ArchiveError::Damaged { .. }), "no start opens a database with a gap");
    fs::rename(archives(path), path.join("moved")).expect("renames");
    let missing = error().await;
    assert!(matches!(missing, ArchiveError::Missing { .. }), "{missing}");

    fs::rename(path.join("moved"), archives(path)).expect("renames");
    fs::write(&file, &whole).expect("writes");
    let role = start_kept(path).await;
    assert_eq!(read(&role).await, before);
    role.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_database_gets_a_new_archive_when_the_old_one_is_lost() {
    let (directory, before) = whole().await;
    let path = directory.path();
    compact(path).await;
    let archive = newest(path);
    for damage in [false, true] {
        if damage {
            let file = newest(path).path.join("manifest.json");
            fs::write(file, "{}").expect("writes");
        } else {
            fs::remove_dir_all(archives(path)).expect("removes");
        }
        let role = start_with(path, |settings| settings.compaction = often()).await;
        wait_until("exported", async || matches!(Archive::newest(&archives(path)), Ok(Some(_))))
            .await;
        role.end().await;
        assert!(newest(path).manifest.watermark >= archive.manifest.watermark);
    }
    remove_database(path);
    let role = start_kept(path).await;
    assert_eq!(read(&role).await, before);
    role.end().await;
}

/// The files that a process leaves when it is killed between two steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_in_the_middle_of_a_compaction_starts_and_can_be_rebuilt() {
    let (directory, before) = whole().await;
    let path = directory.path();
    let stages = tempfile::tempdir().expect("a directory");
    let stage = |name: &str| {
        let stage = stages.path().join(name);
        copy(path, &stage);
        stage
    };
    // Files of an archive that has no name yet.
    let unfinished = stage("unfinished");
    fs::create_dir_all(archives(&unfinished).join(".new-abc")).expect("created");
    fs::write(archives(&unfinished).join(".new-abc/runs-0.parquet"), "half").expect("written");
    // An archive, and the log is still whole.
    let exported = stage("exported");
    let identity = read_identity(&exported).expect("reads").expect("there is one");
    let opened = Store::open(&database(&exported), identity).expect("opens");
    let stop = AtomicBool::new(false);
    let now = crate::domain::time::Timestamp(1);
    opened.store.export(&archives(&exported), identity, now, &stop).expect("exports");
    drop(opened);
    // The log is compacted, and the older archive is still there.
    compact(path).await;
    let compacted = stage("compacted");
    fs::create_dir_all(archives(&compacted).join("7")).expect("created");
    // A restored database that has no name yet.
    let restoring = stage("restoring");
    fs::write(restoring.join("results.restored.duckdb"), "half").expect("written");
    fs::write(restoring.join("results.restored.duckdb.wal"), "half").expect("written");

    for stage in [unfinished, exported, compacted, restoring] {
        for rebuild in [false, true] {
            if rebuild {
                remove_database(&stage);
            }
            let role = start_kept(&stage).await;
            assert_eq!(read(&role).await, before, "{}, rebuild: {rebuild}", stage.display());
            role.end().await;
        }
        compact(&stage).await;
        remove_database(&stage);
        let role = start_kept(&stage).await;
        assert_eq!(read(&role).await, before, "{}", stage.display());
        role.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_few_records_and_there_is_one_archive() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let role = start_compacting(path).await;
    let mut hand = Hand::register(&role.client, 1).await;
    for _ in 0..5 {
        pass(&role, &mut hand, 150).await;
        let last = metric(&role, "dtf_log_sequence ").await;
        wait_until("compacted", async || base(&role).await + 200 > last).await;
    }
    role.end().await;
    let log = EmbeddedLog::open(path, None).expect("opens");
    assert!(log.last() - log.base() < 300, "{} to {}", log.base(), log.last());
    assert_eq!(fs::read_dir(archives(path)).expect("reads").count(), 1);
}
