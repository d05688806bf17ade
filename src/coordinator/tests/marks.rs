//! Marks over HTTP: quarantines, acceptances, flaky tests, and who may change them.

use super::harness::{Hand, Running, run_of};
use crate::api::v1::flaky::{FlakyJudgement, FlakyQuery};
use crate::api::v1::leases::{Report, Reports};
use crate::api::v1::marks::{AcceptChanges, AddQuarantine, MarkQuery, QuarantineState};
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::client::{Client, ClientError, ClientOptions, Retry, Secret};
use crate::domain::id::{QuarantineId, RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use serde_json::value::RawValue;

pub(super) fn quarantine(pattern: &str) -> AddQuarantine {
    let (pattern, reason) = (pattern.into(), "flakes since the new driver".into());
    AddQuarantine { pattern, worker: None, backend: None, reason, duration_ms: None }
}

fn acceptance(test: TestId) -> AcceptChanges {
    let reason = "computes more".into();
    AcceptChanges { test: Some(test), run: None, metric: None, reason }
}

/// Submits one test and has it end with an outcome.
pub(super) async fn run_one(client: &Client, hand: &mut Hand, outcome: Outcome) -> RunId {
    run_with(client, hand, outcome, None).await
}

/// Submits one test and has it pass with a latency, and with a metric that never changes.
async fn run_measured(client: &Client, hand: &mut Hand, latency: f64) -> RunId {
    let metric = |name: &str, value: f64| serde_json::json!({"name": name, "unit": "seconds", "better": "lower", "values": [value]});
    let metrics = [metric("latency_seconds", latency), metric("load_seconds", 3.0)];
    let detail = serde_json::value::to_raw_value(&serde_json::json!({"metrics": metrics}));
    run_with(client, hand, Outcome::Passed, Some(detail.expect("JSON"))).await
}

async fn run_with(
    client: &Client,
    hand: &mut Hand,
    outcome: Outcome,
    detail: Option<Box<RawValue>>,
) -> RunId {
    let run = client.submit(&run_of(1), None).await.expect("submitted").run;
    let lease = hand.claim(10_000).await.leases.remove(0).lease;
    let finished =
        vec![Report { lease, outcome, class: None, flaky: false, duration_ms: Millis(5), detail }];
    let reports = Reports { incarnation: hand.incarnation, finished, returned: Vec::new() };
    assert_eq!(client.report(hand.worker, &reports).await.expect("reported").conflicts, []);
    run
}

async fn report(client: &Client, run: RunId) -> ReportView {
    let query = ReportQuery { run: Some(run), ..ReportQuery::default() };
    client.report_view(&query).await.expect("a report")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quarantined_test_is_reported_and_does_not_count() {
    let running = Running::start().await;
    let client = &running.client;
    let mut hand = Hand::register(client, 1).await;
    let before = run_one(client, &mut hand, Outcome::Failed).await;
    let added = client.add_quarantine(&quarantine("t?")).await.expect("added");
    assert_eq!((added.quarantine, added.state), (QuarantineId(1), QuarantineState::InForce));
    let during = run_one(client, &mut hand, Outcome::Failed).await;
    let counted = report(client, before).await;
    assert!(counted.rows[0].quarantined.is_none() && counted.totals.quarantined.is_empty());
    let covered = report(client, during).await;
    let reference = covered.rows[0].quarantined.clone().expect("covered");
    assert_eq!((reference.quarantine, &*reference.reason), (QuarantineId(1), &*added.reason));
    assert_eq!(covered.totals.outcomes, [(Outcome::Failed, 1)].into(), "it is not hidden");
    assert_eq!(covered.totals.quarantined.outcomes, [(Outcome::Failed, 1)].into());

    let again = client.add_quarantine(&quarantine("t?")).await.expect_err("the same");
    assert!(matches!(again, ClientError::Conflict(_)), "{again:?}");
    let mut long = quarantine("x");
    long.duration_ms = Some(Millis::from_secs(91 * 86_400));
    assert!(client.add_quarantine(&long).await.is_err());
    assert_eq!(client.remove_quarantine(QuarantineId(1)).await.expect("removed").items, []);
    let missing = client.remove_quarantine(QuarantineId(1)).await.expect_err("gone");
    assert!(matches!(missing, ClientError::NotFound(_)), "{missing:?}");
    let after = run_one(client, &mut hand, Outcome::Failed).await;
    assert!(report(client, after).await.rows[0].quarantined.is_none());

    // The log alone is enough to know all of it.
    let (disk, directory) = running.stop().await;
    std::fs::remove_file(directory.path().join(crate::store::FILE_NAME)).expect("removed");
    let running = Running::over(disk, directory).await;
    assert_eq!(report(&running.client, during).await, covered);
    let all = running.client.quarantines(&MarkQuery { all: true }).await.expect("a list");
    let [known] = &all.items[..] else { panic!("{all:?}") };
    assert_eq!((known.state, known.tests, known.bad), (QuarantineState::Removed, 1, 1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_is_accepted_and_judged() {
    let running = Running::start().await;
    let client = &running.client;
    let mut hand = Hand::register(client, 1).await;
    let outcomes = [Outcome::Passed, Outcome::Failed, Outcome::Passed, Outcome::Failed];
    let mut last = RunId(0);
    for outcome in outcomes.into_iter().chain([Outcome::Passed]) {
        last = run_one(client, &mut hand, outcome).await;
    }
    let view = client.flaky(&FlakyQuery::default()).await.expect("a view");
    let [test] = &view.tests[..] else { panic!("{view:?}") };
    assert_eq!((test.judgement, test.transitions), (FlakyJudgement::Flaky, 4));
    assert_eq!((test.rate.attempts, test.rate.failed), (5, 2));
    assert_eq!(test.recent, [true, false, true, false, true]);
    assert_eq!((&*view.workers[0].name, view.workers[0].rate.failed), ("hand", 2));
    let of_run = |run| FlakyQuery { run: Some(RunId(run)), ..FlakyQuery::default() };
    assert_eq!(client.flaky(&of_run(1)).await.expect("a view").tests, view.tests);
    let missing = client.flaky(&of_run(99)).await.expect_err("no such run");
    assert!(matches!(missing, ClientError::NotFound(_)), "{missing:?}");

    let unchanged = TestId { run: last, index: 0 };
    let refused = client.accept(&acceptance(unchanged)).await.expect_err("nothing to accept");
    assert!(refused.to_string().contains("no metric of r5.t0 changed"), "{refused}");
    for latency in [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0] {
        last = run_measured(client, &mut hand, latency).await;
    }
    let test = TestId { run: last, index: 0 };
    let accepted = client.accept(&acceptance(test)).await.expect("accepted");
    assert_eq!((accepted.run, accepted.series.len()), (last, 1));
    assert_eq!(accepted.series[0].name.as_deref(), Some("t0"));
    assert_eq!(accepted.series[0].metric.as_deref(), Some("latency_seconds"), "only what changed");
    let mut other = acceptance(test);
    other.metric = Some("nope".into());
    let refused = client.accept(&other).await.expect_err("no such metric");
    assert!(refused.to_string().contains("has no metric"), "{refused}");
    let unknown = TestId { run: RunId(99), index: 0 };
    let missing = client.accept(&acceptance(unknown)).await.expect_err("no such test");
    assert!(matches!(missing, ClientError::NotFound(_)), "{missing:?}");
    let list = client.acceptances(&MarkQuery::default()).await.expect("a list");
    assert_eq!(list.items, std::slice::from_ref(&accepted));
    let removed = client.remove_acceptance(accepted.acceptance).await.expect("removed");
    assert!(removed.removed.is_some());
    assert!(client.remove_acceptance(accepted.acceptance).await.is_err(), "twice");
    let list = client.acceptances(&MarkQuery::default()).await.expect("a list");
    assert_eq!(list.items, []);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_own_marks_are_removed() {
    let tokens = "submitter anna token-of-anna-0123456789abcdef\n\
        submitter bob token-of-bob-0123456789abcdefgh\nadmin root token-of-root-0123456789abcdefg\n\
        viewer eve token-of-eve-0123456789abcdefgh\n";
    let running = Running::guarded(tokens).await;
    let client = |token: &str| {
        let mut options = ClientOptions::new(&running.url);
        options.token = Some(Secret::new(token));
        options.retry = Retry::NEVER;
        Client::new(options).expect("a client")
    };
    let [anna, bob, root, eve] = [
        "token-of-anna-0123456789abcdef",
        "token-of-bob-0123456789abcdefgh",
        "token-of-root-0123456789abcdefg",
        "token-of-eve-0123456789abcdefgh",
    ]
    .map(client);
    assert!(eve.add_quarantine(&quarantine("a")).await.is_err(), "a viewer");
    for (pattern, number) in [("a", 1), ("b", 2)] {
        let added = anna.add_quarantine(&quarantine(pattern)).await.expect("added");
        assert_eq!((added.quarantine, &*added.by), (QuarantineId(number), "anna"));
    }
    assert!(bob.remove_quarantine(QuarantineId(1)).await.is_err(), "of anna");
    anna.remove_quarantine(QuarantineId(1)).await.expect("her own");
    root.remove_quarantine(QuarantineId(2)).await.expect("an administrator");
    assert_eq!(eve.quarantines(&MarkQuery::default()).await.expect("a list").items, []);
    running.stop().await;
}
