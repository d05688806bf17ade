//! Weights over HTTP: a submission requires them, a worker reports them, and `why` names both.

use super::harness::{Hand, Running};
use crate::api::v1::runs::SubmitRun;
use crate::api::v1::workers::{Heartbeat, HeartbeatAnswer};
use crate::client::ClientError;
use crate::domain::held_weights::{HeldWeights, MAX_HELD_WEIGHTS};
use crate::domain::id::TestId;
use crate::domain::weights::WeightsKey;
use serde_json::json;
use std::sync::Arc;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A run of one test for each model, of 13 GiB. One test requires other weights than it launches.
fn run_of(models: &[&str]) -> SubmitRun {
    let test = |model: &&str| {
        let weights =
            json!({"source": "hub", "model": model, "commit": COMMIT, "size_bytes": 13u64 << 30});
        json!({
            "name": model, "requirement": {"weights": {"key": "another"}},
            "launch": {"run": {"command": ["true"]}, "weights": weights},
        })
    };
    let tests: Vec<_> = models.iter().map(test).collect();
    serde_json::from_value(json!({"name": "a run", "tests": tests})).expect("a run")
}

fn key(model: &str) -> WeightsKey {
    WeightsKey::new(format!("{model}@{COMMIT}")).expect("a key")
}

async fn beat(
    running: &Running,
    hand: &Hand,
    weights: Option<HeldWeights>,
) -> Result<HeartbeatAnswer, ClientError> {
    let Hand { incarnation, received, .. } = *hand;
    let weights = weights.map(Arc::new);
    let beat = Heartbeat {
        incarnation,
        received,
        holding: vec![],
        capability: None,
        calibration: None,
        draining: false,
        weights,
    };
    running.client.heartbeat(hand.worker, &beat).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_reports_its_weights_until_they_are_confirmed() {
    let running = Running::start().await;
    let client = &running.client;
    let mut hand = Hand::register(client, 1).await;
    let answer = beat(&running, &hand, None).await.expect("heard");
    assert_eq!(answer.weights_revision, None);
    let small = HeldWeights { revision: 5, capacity_bytes: Some(8 << 30), keys: vec![] };
    let answer = beat(&running, &hand, Some(small.clone())).await.expect("heard");
    assert_eq!(answer.weights_revision, Some(5));

    let submitted = client.submit(&run_of(&["gpt2", "bert"]), None).await.expect("submitted");
    let lacks = submitted.unschedulable[0].nearest[0].lacks.to_string();
    assert_eq!(lacks, "needs 13.0 GiB for weights, its cache has room for 8.0");
    let bert = TestId { run: submitted.run, index: 1 };
    let why = client.why(bert).await.expect("it waits");
    assert_eq!(
        (why.workers[0].explanation.clone(), why.workers[0].has_weights),
        (lacks, Some(false))
    );
    assert!(hand.claim(1).await.leases.is_empty());

    let held = HeldWeights { revision: 6, keys: vec![key("bert")], ..small };
    beat(&running, &hand, Some(held)).await.expect("heard");
    let why = client.why(bert).await.expect("it waits");
    assert_eq!(why.workers[0].explanation, "can run it, but is busy; it has the weights");
    assert_eq!(&*hand.claim(10_000).await.leases[0].name, "bert");
    let weights = client.workers().await.expect("listed").items[0].weights.expect("reported");
    assert_eq!((weights.held, weights.used_bytes >> 30), (1, 13));

    let (disk, directory) = running.stop().await;
    let running = Running::over(disk, directory).await;
    let answer = beat(&running, &hand, None).await.expect("heard");
    assert_eq!(answer.weights_revision, None, "the coordinator has restarted");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_implausible_report_is_refused() {
    let running = Running::start().await;
    let hand = Hand::register(&running.client, 1).await;
    let keys = (0..=MAX_HELD_WEIGHTS).map(|number| key(&format!("m{number}"))).collect();
    let many = HeldWeights { revision: 1, capacity_bytes: None, keys };
    let error = beat(&running, &hand, Some(many)).await.expect_err("too many");
    assert!(error.to_string().contains("513 weights (maximum 512)"), "{error}");
    running.stop().await;
}
