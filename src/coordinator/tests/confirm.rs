//! Suspected changes are confirmed or refuted by the coordinator itself.

use super::harness::{Hand, Running};
use crate::api::page::PageQuery;
use crate::api::v1::leases::{Report, Reports};
use crate::api::v1::runs::{RunView, SubmitRun};
use crate::api::v1::test_views::TestQuery;
use crate::client::Client;
use crate::domain::id::RunId;
use crate::domain::launch::CONFIRMS;
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::results::{CurrentStore, Reader};
use crate::store::{self, Store};
use crate::trends::judgement::Verdict;
use std::path::Path;

/// A test that takes these seconds.
fn detail(seconds: f64) -> String {
    serde_json::json!({
        "message": "measured",
        "metrics": [{ "name": "latency_seconds", "unit": "seconds", "better": "lower",
            "values": [seconds] }],
    })
    .to_string()
}

/// Claims the next test, and reports how long it took. Returns its run.
async fn work(client: &Client, hand: &mut Hand, outcome: Outcome, seconds: f64) -> RunId {
    let lease = hand.claim(60_000).await.leases.remove(0).lease;
    let finished = vec![Report {
        lease,
        outcome,
        class: None,
        flaky: false,
        duration_ms: Millis(5),
        detail: serde_json::from_str(&detail(seconds)).expect("JSON"),
    }];
    let reports = Reports { incarnation: hand.incarnation, finished, returned: Vec::new() };
    assert_eq!(client.report(hand.worker, &reports).await.expect("reported").conflicts, []);
    lease.attempt.test.run
}

fn run_named(name: &str) -> SubmitRun {
    let test = serde_json::json!({ "name": name, "launch": { "run": { "command": ["true"] } } });
    let run = serde_json::json!({ "name": "a run", "tests": [test] });
    serde_json::from_value(run).expect("a run")
}

/// Runs a test several times, the last time slowly. Returns the last run.
async fn slower(client: &Client, hand: &mut Hand, name: &str) -> RunId {
    let mut last = RunId(0);
    for seconds in [1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 1.5] {
        last = client.submit(&run_named(name), None).await.expect("submitted").run;
        assert_eq!(work(client, hand, Outcome::Passed, seconds).await, last);
    }
    last
}

/// Takes the test that confirms, and has it end after these seconds.
async fn confirm(client: &Client, hand: &mut Hand, outcome: Outcome, seconds: f64) -> RunView {
    let run = work(client, hand, outcome, seconds).await;
    client.run(run).await.expect("the run")
}

/// The names of the runs that confirm something, the newest first.
async fn confirmations(client: &Client) -> Vec<String> {
    let runs = client.runs(&PageQuery::default()).await.expect("runs").items;
    runs.into_iter().filter(|run| run.user == "dtf").map(|run| run.name).collect()
}

/// The verdict about the only metric of a run. `None` if it did not change.
fn verdict(directory: &Path, run: RunId) -> Option<Verdict> {
    let store = Store::open_read_only(&directory.join(store::FILE_NAME)).expect("closed");
    let changed = Reader::new(CurrentStore::new(store)).changed(run).expect("reads");
    changed.first().map(|changed| changed.judgement.verdict)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slower_test_is_run_again_on_its_worker() {
    let running = Running::start().await;
    let client = running.client.clone();
    let mut hand = Hand::register(&client, 1).await;
    let slow = slower(&client, &mut hand, "t0").await;
    let confirmation = confirm(&client, &mut hand, Outcome::Passed, 1.49).await;
    assert_eq!((&*confirmation.name, &*confirmation.user), (&*format!("confirm {slow}"), "dtf"));
    let query = TestQuery { run: Some(confirmation.run), ..TestQuery::default() };
    let tests = client.tests(&query).await.expect("tests").items;
    assert_eq!(tests[0].name, "t0", "the same series");
    assert_eq!(tests[0].labels.get(CONFIRMS), Some(&format!("{slow}.t0")));
    let spec = client.spec(tests[0].test).await.expect("the specification").spec;
    assert_eq!((spec.requirement.worker, spec.priority.get()), (Some(hand.worker), -100));
    let (disk, directory) = running.stop().await;
    assert_eq!(verdict(directory.path(), slow), Some(Verdict::Suspect));

    // A restart judges the same runs again, and submits nothing twice. Runs are judged in their order.
    let running = Running::over(disk, directory).await;
    let client = running.client.clone();
    let mut hand = hand.at(&client);
    hand.register_again().await;
    let other = slower(&client, &mut hand, "other").await;
    confirm(&client, &mut hand, Outcome::Passed, 1.0).await;
    let expected = [format!("confirm {other}"), format!("confirm {slow}")];
    assert_eq!(confirmations(&client).await, expected);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_spike_is_refuted_and_a_repetition_without_a_value_is_tried_once_more() {
    let running = Running::start().await;
    let client = running.client.clone();
    let mut hand = Hand::register(&client, 1).await;
    let slow = slower(&client, &mut hand, "t0").await;
    let failed = confirm(&client, &mut hand, Outcome::Failed, 1.5).await;
    assert_eq!(failed.name, format!("confirm {slow}"));
    let again = confirm(&client, &mut hand, Outcome::Passed, 1.01).await;
    assert_eq!(again.name, format!("confirm {slow} again"));
    // The next run is normal: nothing is left to confirm.
    let next = client.submit(&run_named("t0"), None).await.expect("submitted").run;
    work(&client, &mut hand, Outcome::Passed, 1.0).await;
    let other = slower(&client, &mut hand, "other").await;
    confirm(&client, &mut hand, Outcome::Failed, 1.0).await;
    confirm(&client, &mut hand, Outcome::Failed, 1.0).await;
    let of_other = format!("confirm {other}");
    let expected = [format!("{of_other} again"), of_other, again.name, failed.name];
    assert_eq!(confirmations(&client).await, expected);
    let (_disk, directory) = running.stop().await;
    assert_eq!(verdict(directory.path(), slow), Some(Verdict::Suspect));
    assert_eq!(verdict(directory.path(), again.run), None, "a spike");
    assert_eq!(verdict(directory.path(), next), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_in_quarantine_are_not_confirmed() {
    let running = Running::start().await;
    let client = running.client.clone();
    let mut hand = Hand::register(&client, 1).await;
    let new = serde_json::json!({ "pattern": "t0", "reason": "slow machine" });
    let new = serde_json::from_value(new).expect("a quarantine");
    client.add_quarantine(&new).await.expect("added");
    slower(&client, &mut hand, "t0").await;
    let other = slower(&client, &mut hand, "other").await;
    confirm(&client, &mut hand, Outcome::Passed, 1.0).await;
    assert_eq!(confirmations(&client).await, [format!("confirm {other}")]);
    running.stop().await;
}
