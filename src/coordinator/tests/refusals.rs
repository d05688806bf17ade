//! Bad input, and disks that fail.

use super::harness::{Hand, Running, run_of};
use crate::api::error::Code;
use crate::api::v1::runs::SubmitRun;
use crate::client::{Client, ClientError, ClientOptions, Secret};
use crate::coordinator::http::routes::table;
use crate::coordinator::settings::Settings;
use crate::coordinator::startup::{CoordinatorError, authenticators};
use crate::domain::access::Role;
use crate::log::LogError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(super) async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) async fn answer(
    url: &str,
    method: reqwest::Method,
    body: &str,
) -> (u16, serde_json::Value) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = http.request(method, url).body(body.to_owned()).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("a JSON body"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_is_json_and_says_where() {
    use reqwest::Method;
    let running = Running::start().await;
    let at = |path: &str| format!("{}{path}", running.url);
    let (status, body) = answer(&at("/nowhere"), Method::GET, "").await;
    assert_eq!((status, &body["code"]), (404, &"not_found".into()));
    let (status, _) = answer(&at("/api/v1/status"), Method::DELETE, "").await;
    assert_eq!(status, 405);
    let (status, body) = answer(&at("/api/v1/runs/x1"), Method::GET, "").await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().expect("a text").contains("such as r12"), "{body}");
    let bad = r#"{"name":"n","tests":[{"name":"a","launch":{},"requirement":{"gpu":1}}]}"#;
    let (status, body) = answer(&at("/api/v1/runs"), Method::POST, bad).await;
    assert_eq!(status, 400);
    let message = body["message"].as_str().expect("a text");
    assert!(message.contains("tests[0].requirement"), "{message}");
    let (status, _) = answer(&at("/api/v1/tests?limit=many"), Method::GET, "").await;
    assert_eq!(status, 422);
    let (status, _) = answer(&at("/api/v1/tests?cursor=zz"), Method::GET, "").await;
    assert_eq!(status, 400);
    let large = "x".repeat(2 * 1024 * 1024);
    let (status, body) = answer(&at("/api/v1/workers"), Method::POST, &large).await;
    assert_eq!((status, &body["code"]), (413, &"too_large".into()));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_for_the_permission_of_the_table() {
    let token = |role: &Role| format!("token-of-a-{}", role.name);
    let lines = Role::BUILT_IN.map(|role| format!("{} someone {}\n", role.name, token(&role)));
    let running = Running::guarded(&lines.concat()).await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    for route in table() {
        // Nothing behind the guard is meant to be found, only to be reached.
        let path = route.path.replace(['{', '}'], "-");
        let status = async |token: Option<&str>| {
            let mut request = http.request(route.method.clone(), format!("{}{path}", running.url));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            request.send().await.expect("an answer").status().as_u16()
        };
        let public = route.access.is_public();
        for (token, refused) in [(None, 401), (Some("token-of-a-stranger"), 401)] {
            let status = status(token).await;
            assert_eq!(status == refused, !public, "{} {path}: {status}", route.method);
        }
        for role in Role::BUILT_IN {
            let status = status(Some(&token(&role))).await;
            let allowed = !matches!(status, 401 | 403);
            let needed = route.access.permission();
            let expected = needed.is_none_or(|needed| role.permissions.contains(needed));
            assert_eq!(allowed, expected, "{} {} {path}: {status}", role.name, route.method);
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submitter_changes_only_its_own_runs() {
    let running = Running::guarded(
        "admin boss token-of-an-admin\nsubmitter anna token-of-a-first\n\
         submitter eve token-of-a-second\n",
    )
    .await;
    let client = |token: &str| {
        let mut options = ClientOptions::new(running.url.clone());
        options.token = Some(Secret::new(token));
        Client::new(options).expect("a client")
    };
    let [boss, anna, eve] =
        ["token-of-an-admin", "token-of-a-first", "token-of-a-second"].map(client);
    let run = anna.submit(&run_of(1), None).await.expect("submitted").run;
    let refused = eve.cancel(run).await.expect_err("the run of anna");
    let refusal = refused.refusal().expect("a refusal");
    assert_eq!((refusal.status, refusal.body.code), (403, Code::Forbidden), "{refusal:?}");
    assert!(refusal.body.message.contains("belongs to anna"), "{refusal:?}");
    assert!(!boss.run(run).await.expect("the run").cancelled);
    anna.cancel(run).await.expect("its own run");
    assert!(boss.run(run).await.expect("the run").cancelled);
    let other = eve.submit(&run_of(1), None).await.expect("submitted").run;
    boss.cancel(other).await.expect("an admin cancels every run");
    // The owner of a run that does not exist is nobody: the handler answers.
    let missing = eve.cancel("r99".parse().expect("an id")).await.expect_err("no such run");
    assert_eq!(missing.refusal().map(|refusal| refusal.status), Some(404), "{missing:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_that_no_worker_should_see_is_refused() {
    let running = Running::start().await;
    let cases = [
        (r#"{"run":{"command":[]}}"#, "command is empty"),
        (r#"{"run":{"command":["true"]},"tmeout_ms":1}"#, "tmeout_ms"),
        (
            r#"{"run":{"command":["true"]},"files":[{"path":"a.py","size_bytes":1,
               "sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}]}"#,
            "has not been uploaded",
        ),
    ];
    for (launch, expected) in cases {
        let text = format!(r#"{{"name":"n","tests":[{{"name":"odd","launch":{launch}}}]}}"#);
        let run: SubmitRun = serde_json::from_str(&text).expect("a run");
        let error = running.client.submit(&run, None).await.expect_err(expected);
        let refusal = error.refusal().expect("a refusal");
        assert_eq!(refusal.body.code, Code::Unprocessable, "{refusal:?}");
        assert!(refusal.body.message.contains("\"odd\""), "{refusal:?}");
        assert!(refusal.body.message.contains(expected), "{refusal:?}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_log_disk_acknowledges_nothing_and_stops() {
    let running = Running::start().await;
    running.client.submit(&run_of(1), None).await.expect("submitted");
    running.disk.log.set_full(true);
    let error = running.client.submit(&run_of(1), None).await.expect_err("not stored");
    assert!(matches!(error, ClientError::Busy(_)), "{error:?}");
    let ready = running.client.ready().await.expect_err("not ready");
    assert_eq!(ready.refusal().map(|refusal| refusal.status), Some(503));
    let end = running.end().await;
    assert!(matches!(end, Err(CoordinatorError::LogLost(LogError::Full { .. }))), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_disk_is_not_ready_and_comes_back() {
    let running = Running::start().await;
    running.disk.database_full.store(true, Ordering::SeqCst);
    running.client.submit(&run_of(1), None).await.expect("the log still takes it");
    wait_until("not ready", async || running.client.ready().await.is_err()).await;
    running.disk.database_full.store(false, Ordering::SeqCst);
    wait_until("ready again", async || running.client.ready().await.is_ok()).await;
    let test = running.client.test("r1.t0".parse().expect("an id")).await.expect("projected");
    assert_eq!(test.name, "t0");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_open_claims() {
    let running = Running::start().await;
    let mut hand = Hand::register(&running.client, 1).await;
    let begun = Instant::now();
    let stop = async {
        let metrics = format!("{}/metrics", running.url);
        wait_until("an open claim", async || {
            let text = reqwest::get(&metrics).await.expect("metrics").text().await;
            text.expect("a text").lines().any(|line| line == "dtf_claims_open 1")
        })
        .await;
        running.stop().await
    };
    let (claimed, _) = tokio::join!(hand.claim(25_000), stop);
    assert!(claimed.leases.is_empty());
    assert!(begun.elapsed() < Duration::from_secs(20), "without waiting for the claim's end");
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let settings = Settings::new("unused");
    let exposed = authenticators(&settings, "0.0.0.0:7700".parse().expect("an address"));
    assert!(matches!(exposed.err(), Some(CoordinatorError::Exposed(_))));
    assert!(authenticators(&settings, "127.0.0.1:7700".parse().expect("an address")).is_ok());
}
