//! A results database that is damaged while the coordinator runs.

use super::disk;
use super::harness::{Hand, Running, run_of};
use super::refusals::{answer, wait_until};
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::client::Client;
use crate::domain::id::RunId;
use crate::domain::outcome::Outcome;
use crate::store::reports::selection::Runs;
use crate::store::{self, Store};
use reqwest::Method;
use std::path::Path;

/// Submits a run and reports a result for each of its tests.
async fn finish(client: &Client, hand: &mut Hand, tests: u32, detail: &str) -> RunId {
    let run = client.submit(&run_of(tests), None).await.expect("submitted").run;
    let mut reported = 0;
    while reported < tests as usize {
        let leases = hand.claim(10_000).await.leases;
        hand.report(&leases, detail).await;
        reported += leases.len();
    }
    run
}

async fn report(client: &Client, run: RunId) -> ReportView {
    let query = ReportQuery { run: Some(run), ..ReportQuery::default() };
    client.report_view(&query).await.expect("a report")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submissions_and_workers_continue_while_the_results_are_rebuilt() {
    let running = Running::start().await;
    let get = |path: &str| {
        let url = format!("{}{path}", running.url);
        async move { answer(&url, Method::GET, "").await }
    };
    let mut hand = Hand::register(&running.client, 4).await;
    let first = finish(&running.client, &mut hand, 4, r#"{"message":"fine"}"#).await;
    let before = report(&running.client, first).await;

    let repair = running.disk.damage_database();
    // The results of this run find the damage.
    let second = finish(&running.client, &mut hand, 4, r#"{"message":"fine"}"#).await;
    wait_until("the damage is found", async || get("/health/ready").await.0 == 503).await;
    wait_until("the repair begins", async || {
        let (_, ready) = get("/health/ready").await;
        ready["reason"].as_str().is_some_and(|reason| reason.contains("is being checked"))
    })
    .await;
    for path in ["/api/v1/tests", "/api/v1/attempts", "/api/v1/report"] {
        let (status, body) = get(path).await;
        assert_eq!((status, &body["code"]), (503, &"unavailable".into()), "{path}: {body}");
        let message = body["message"].as_str().expect("a text");
        assert!(message.contains("the results database is being checked"), "{path}: {body}");
        assert!(body["hint"].as_str().expect("a hint").contains("/health/ready"), "{body}");
    }
    let third = finish(&running.client, &mut hand, 4, r#"{"message":"fine"}"#).await;
    assert_eq!(get("/health/ready").await.0, 503, "it is still being repaired");

    repair.send(()).expect("it waits for this");
    wait_until("the database is complete", async || get("/health/ready").await.0 == 200).await;
    assert_eq!(report(&running.client, first).await, before);
    for run in [second, third] {
        let totals = report(&running.client, run).await.totals;
        assert_eq!(totals.outcomes.get(&Outcome::Passed), Some(&4));
    }
    running.stop().await;
}

/// Flips a bit in a block of data, so that the database opens but cannot be read.
fn damage(file: &Path) {
    const BLOCK_BYTES: usize = 256 * 1024;
    let whole = std::fs::read(file).expect("reads");
    let mut places = (3..whole.len() / BLOCK_BYTES).map(|block| block * BLOCK_BYTES + 9000);
    let is_damaged = places.any(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(file, &bytes).expect("writes");
        Store::open_read_only(file).is_ok_and(|store| store.run_report(Runs::All, 10).is_err())
    });
    assert!(is_damaged, "no block of data was found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_that_a_reader_finds_is_repaired_while_the_coordinator_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join(store::FILE_NAME);
    let role = disk::start(directory.path()).await;
    let mut hand = Hand::register(&role.client, 50).await;
    let detail = format!("{{\"message\":\"fine\",\"output\":\"{}\"}}", "x".repeat(4000));
    let run = finish(&role.client, &mut hand, 200, &detail).await;
    let before = report(&role.client, run).await;
    role.end().await;

    damage(&file);
    let role = disk::start(directory.path()).await;
    // The client tries again while the coordinator answers that the database is not available.
    assert_eq!(report(&role.client, run).await, before);
    let mut hand = Hand::register(&role.client, 50).await;
    let next = finish(&role.client, &mut hand, 4, &detail).await;
    assert_eq!(report(&role.client, next).await.totals.tests, 4);
    role.end().await;
    assert!(file.with_file_name("results.duckdb.damaged-1").exists(), "the damaged file is kept");
}
