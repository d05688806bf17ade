//! The main job over HTTP: submit, claim, report, look; and over a restart.

use super::harness::{Hand, Running, run_of};
use crate::api::page::PageQuery;
use crate::api::v1::test_views::TestQuery;
use crate::client::{ClientError, LogEvent};
use crate::domain::outcome::Outcome;
use crate::domain::test::Phase;
use std::time::Duration;

async fn work_off(hand: &mut Hand, tests: usize, detail: &str) {
    let mut done = 0;
    while done < tests {
        let claimed = hand.claim(10_000).await;
        hand.report(&claimed.leases, detail).await;
        done += claimed.leases.len();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_submitted_claimed_reported_and_finished() {
    let running = Running::start().await;
    let client = &running.client;
    let submitted = client.submit(&run_of(50), Some("key-1")).await.expect("submitted");
    assert_eq!((submitted.tests, submitted.repeated), (50, false));
    assert_eq!(submitted.unschedulable.len(), 1, "no worker is known yet");
    let again = client.submit(&run_of(50), Some("key-1")).await.expect("a repeat");
    assert_eq!((again.run, again.repeated), (submitted.run, true));
    let other = client.submit(&run_of(49), Some("key-1")).await.expect_err("another body");
    assert!(matches!(other, ClientError::Conflict(_)), "{other:?}");

    let mut hand = Hand::register(client, 2).await;
    work_off(&mut hand, 50, "null").await;
    let run = client.run(submitted.run).await.expect("the run");
    assert_eq!(run.counts.done.get(&Outcome::Passed), Some(&50));
    assert!(run.finished_at.is_some());
    let status = client.status().await.expect("status");
    assert_eq!((status.runs_open, status.workers_active), (0, 1));
    let page = client.runs(&PageQuery::default()).await.expect("runs");
    assert_eq!(page.items.len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_waits_for_work_and_ends_empty_without() {
    let running = Running::start().await;
    let mut hand = Hand::register(&running.client, 2).await;
    assert!(hand.claim(1).await.leases.is_empty());
    let run = run_of(1);
    let (claimed, submitted) = tokio::join!(hand.claim(20_000), running.client.submit(&run, None));
    submitted.expect("submitted");
    assert_eq!(claimed.leases.len(), 1);
    assert_eq!(&*claimed.leases[0].name, "t0");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_everything_and_the_lease() {
    let running = Running::start().await;
    let submitted = running.client.submit(&run_of(3), None).await.expect("submitted");
    let mut hand = Hand::register(&running.client, 1).await;
    let claimed = hand.claim(10_000).await;
    let held = claimed.leases[0].lease;
    let (disk, directory) = running.stop().await;

    let running = Running::over(disk, directory).await;
    let run = running.client.run(submitted.run).await.expect("the run");
    assert_eq!(run.counts.total, 3);
    assert!(run.counts.leased >= 1);
    let view = running.client.test(held.attempt.test).await.expect("the test");
    assert_eq!((view.phase, view.attempts), (Phase::Leased, 1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_hold_what_was_acknowledged_before() {
    let running = Running::start().await;
    let client = &running.client;
    let submitted = client.submit(&run_of(7), None).await.expect("submitted");
    let mut query = TestQuery { run: Some(submitted.run), limit: Some(3), ..TestQuery::default() };
    let mut names = Vec::new();
    loop {
        let page = client.tests(&query).await.expect("a page");
        names.extend(page.items.into_iter().map(|test| test.name));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["t0", "t1", "t2", "t3", "t4", "t5", "t6"]);
    let why = client.why("r1.t0".parse().expect("an id")).await.expect("why");
    assert!(why.summary.contains("no worker has registered"), "{}", why.summary);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_is_followed_from_start_to_end() {
    let running = Running::start().await;
    let client = running.client.clone();
    client.submit(&run_of(1), None).await.expect("submitted");
    let mut hand = Hand::register(&client, 1).await;
    let claimed = hand.claim(10_000).await;
    let lease = claimed.leases[0].lease;
    let append = |offset, text: &str| {
        client.append_log(lease.attempt, lease.epoch, offset, text.as_bytes().to_vec())
    };
    append(0, "first line\n").await.expect("stored");
    let stale = crate::domain::id::Epoch(lease.epoch.0 + 1);
    let foreign = client.append_log(lease.attempt, stale, 0, b"x".to_vec()).await;
    assert!(matches!(foreign, Err(ClientError::Conflict(_))), "{foreign:?}");

    let mut stream = client.follow_log(lease.attempt, 0).await.expect("a stream");
    let mut text = String::new();
    while text != "first line\n" {
        match stream.next().await.expect("an event") {
            LogEvent::Output(piece) => text.push_str(&piece.text),
            LogEvent::End => panic!("ended after {text:?}"),
        }
    }
    append(11, "second line\n").await.expect("stored");
    hand.report(&claimed.leases, r#"{"output":"first line\nsecond line\n"}"#).await;
    while let LogEvent::Output(piece) = stream.next().await.expect("an event") {
        text.push_str(&piece.text);
    }
    assert_eq!(text, "first line\nsecond line\n");
    let log = client.log(lease.attempt, 6).await.expect("the log");
    assert_eq!(log, b"line\nsecond line\n");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_followed_output_ends_once_and_is_not_followed_again() {
    let running = Running::start().await;
    let client = running.client.clone();
    client.submit(&run_of(1), None).await.expect("submitted");
    let mut hand = Hand::register(&client, 1).await;
    let claimed = hand.claim(10_000).await;
    let attempt = claimed.leases[0].lease.attempt;
    hand.report(&claimed.leases, r#"{"output":"all of it\n"}"#).await;
    let url = format!("{}/api/v1/attempts/{attempt}/log/stream", running.url);
    let get = async |last: Option<&str>| {
        let request = reqwest::Client::new().get(&url);
        let request = last.into_iter().fold(request, |r, id| r.header("Last-Event-ID", id));
        let answer = request.send().await.expect("an answer");
        let buffering = answer.headers().get("x-accel-buffering").cloned();
        let status = answer.status().as_u16();
        let text = tokio::time::timeout(Duration::from_secs(20), answer.text());
        (status, buffering, text.await.expect("the stream closes").expect("text"))
    };
    let (status, buffering, text) = get(None).await;
    assert_eq!((status, text.matches("event: end").count()), (200, 1), "{text}");
    assert_eq!(buffering.expect("a header"), "no");
    assert!(text.contains("id: 10\n") && text.contains("all of it"), "{text}");
    let (status, _, text) = get(Some("4")).await;
    assert!(status == 200 && text.contains("of it") && !text.contains("all"), "{text}");
    assert_eq!(get(Some("end")).await.0, 204);
    assert_eq!(get(Some("x")).await.0, 400);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_kept_by_content() {
    let running = Running::start().await;
    let client = &running.client;
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert!(!client.has_blob(digest).await.expect("an answer"));
    let wrong = client.put_blob(digest, b"goodbye".to_vec()).await.expect_err("another digest");
    assert_eq!(wrong.refusal().map(|refusal| refusal.status), Some(422));
    client.put_blob(digest, b"hello".to_vec()).await.expect("stored");
    client.put_blob(digest, b"hello".to_vec()).await.expect("a repeat");
    assert!(client.has_blob(digest).await.expect("an answer"));
    assert_eq!(client.get_blob(digest).await.expect("the content"), b"hello");
    running.stop().await;
}
