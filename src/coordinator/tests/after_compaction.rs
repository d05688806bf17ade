//! Late results, the acceptance of a loss, and live output, over a log that was or may be compacted.

use super::compaction::{
    DETAIL, archives, compact, metric, often, pass, read, remove_database, start_compacting,
    start_kept, wait_until, whole,
};
use super::disk::{Role, start_with};
use super::harness::{Hand, run_of};
use crate::api::v1::reports::ReportQuery;
use crate::coordinator::{CoordinatorError, RecoveryError};
use crate::domain::time::Millis;
use crate::log;
use crate::store;
use crate::store::archive::ArchiveError;
use std::fs;
use std::path::Path;

async fn late_results(role: &Role) -> u64 {
    let query = ReportQuery { limit: Some(1), ..ReportQuery::default() };
    role.client.report_view(&query).await.expect("a report").totals.late_results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_result_counts_once_before_and_after_a_compaction() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let role = start_kept(path).await;
    role.client.submit(&run_of(2), None).await.expect("submitted");
    let mut hand = Hand::register(&role.client, 2).await;
    let lost = hand.claim(10_000).await.leases;
    assert_eq!(lost.len(), 2);
    // A claim acknowledges them; then the process knows nothing of them.
    hand.claim(0).await;
    hand.register_again().await;
    let again = hand.claim(10_000).await.leases;
    hand.report(&again, DETAIL).await;
    let [early, late] = [&lost[..1], &lost[1..]];
    assert_eq!(hand.send(early, DETAIL).await, [early[0].lease]);
    pass(&role, &mut hand, 120).await;
    assert_eq!(late_results(&role).await, 1);
    role.end().await;
    compact(path).await;

    for rebuild in [false, true] {
        if rebuild {
            remove_database(path);
        }
        let role = start_kept(path).await;
        assert!(metric(&role, "dtf_log_base ").await > 100, "the log is not whole");
        hand = hand.at(&role.client);
        // The log has neither the attempts nor the first late result any more.
        for lease in [early, late] {
            assert_eq!(hand.send(lease, DETAIL).await, [lease[0].lease], "every time a conflict");
        }
        assert_eq!(late_results(&role).await, 2, "rebuild: {rebuild}");
        role.end().await;
    }
}

/// Puts back the log of now after more runs have passed.
async fn lose_runs(path: &Path) {
    let old = fs::read(path.join(log::LOG_FILE)).expect("read");
    let role = start_kept(path).await;
    let mut hand = Hand::register(&role.client, 1).await;
    pass(&role, &mut hand, 3).await;
    role.end().await;
    fs::write(path.join(log::LOG_FILE), old).expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loss_of_records_of_a_compacted_log_is_accepted_only_with_its_archive() {
    let (directory, before) = whole().await;
    let path = directory.path();
    compact(path).await;
    lose_runs(path).await;
    let start = async || start_with(path, |settings| settings.accept_lost_records = true).await;
    let kept = || {
        let entries = fs::read_dir(path).expect("listed").map(|entry| entry.expect("an entry"));
        entries.filter(|it| it.file_name().to_string_lossy().contains(".lost-records-")).count()
    };
    // The log itself was opened for writing, which changes its header.
    let content = || {
        let parts = [log::IDENTITY_FILE, log::WITNESS_FILE, store::FILE_NAME];
        parts.map(|name| fs::read(path.join(name)).expect("read"))
    };
    let files = content();
    let refused = async || match start().await.refused().await {
        CoordinatorError::Recovery(RecoveryError::Archive(error)) => error,
        other => panic!("another error: {other}"),
    };

    fs::rename(archives(path), path.join("moved")).expect("renamed");
    let missing = refused().await;
    assert!(matches!(missing, ArchiveError::Missing { .. }), "{missing}");
    fs::rename(path.join("moved"), archives(path)).expect("renamed");
    let archive = store::archive::Archive::newest(&archives(path)).expect("read").expect("one");
    let part = archive.path.join(&archive.manifest.parts[0].file);
    let rows = fs::read(&part).expect("read");
    fs::write(&part, &rows[1..]).expect("written");
    let damaged = refused().await;
    assert!(matches!(&damaged, ArchiveError::Damaged { path, .. } if *path == part), "{damaged}");
    assert!(kept() == 0 && content() == files, "a refused acceptance changes nothing");

    fs::write(&part, &rows).expect("written");
    let role = start().await;
    assert_eq!(read(&role).await, before, "the runs of the removed records are in the archive");
    let mut hand = Hand::register(&role.client, 1).await;
    pass(&role, &mut hand, 1).await;
    let newest = role.client.runs(&Default::default()).await.expect("runs").items;
    assert!(newest[0].run.0 > 123, "the number of a lost run is not used again");
    role.end().await;
    assert!(kept() > 0, "the database with the lost runs is kept");
    let role = start_kept(path).await;
    assert_eq!(late_results(&role).await, 0, "and the next start needs no acceptance");
    role.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_over_its_maximum_size_is_compacted_all_the_same() {
    let (directory, before) = whole().await;
    let path = directory.path();
    let role = start_with(path, |settings| {
        settings.storage.log_retention = Some(Millis(1));
        settings.storage.max_data_bytes = Some(1);
        settings.compaction = often();
    })
    .await;
    wait_until("compacted", async || metric(&role, "dtf_log_base ").await > 100).await;
    assert_eq!(read(&role).await, before);
    role.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_output_waits_for_space_and_continues_where_it_was() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let role = start_compacting(path).await;
    role.client.submit(&run_of(1), None).await.expect("submitted");
    let mut hand = Hand::register(&role.client, 1).await;
    let lease = hand.claim(10_000).await.leases.remove(0).lease;
    let append = async |role: &Role, offset: u64, text: &str| {
        let sent = role.client.append_log(lease.attempt, lease.epoch, offset, text.into());
        sent.await.map(|appended| appended.offset)
    };
    assert_eq!(append(&role, 0, "first ").await.expect("stored"), 6);
    role.end().await;

    let reserve = |bytes| {
        move |settings: &mut super::super::Settings| {
            settings.storage.min_free_bytes = Some(bytes);
        }
    };
    let role = start_with(path, reserve(u64::MAX)).await;
    let error = append(&role, 6, "second").await.expect_err("below half of the reserve");
    let refusal = error.refusal().expect("a refusal");
    assert_eq!(refusal.status, 507, "{refusal}");
    assert!(refusal.body.hint.as_ref().expect("a hint").contains("storage.min_free"), "{refusal}");
    assert_eq!(role.client.log(lease.attempt, 0).await.expect("read"), b"first ");
    // A result without files is stored by the log, and is not refused.
    role.end().await;

    let role = start_with(path, reserve(0)).await;
    assert_eq!(append(&role, 6, "second").await.expect("stored"), 12);
    assert_eq!(role.client.log(lease.attempt, 0).await.expect("read"), b"first second");
    role.end().await;
}
