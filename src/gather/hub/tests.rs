//! The hub on loopback: what its answers mean for the weights of a model.

use super::{Question, ask_at};
use crate::client::{Hub, Secret};
use crate::gather::{Notices, PlanDirectory};
use crate::models::source::Published;
use crate::models::weights::requested::ModelVersion;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TOKEN: &str = "hf_very_secret";
const FIRST: &str = "1111111111111111111111111111111111111111";
const SECOND: &str = "2222222222222222222222222222222222222222";

/// The answer of the stand-in to one request.
#[derive(Clone)]
enum Reply {
    /// Status, headers and body.
    Now(&'static str, &'static str, String),
    /// A body that is shorter than its announced length.
    Cut,
    /// No answer at all.
    Never,
}

struct StandIn {
    url: String,
    /// Request lines and authorizations.
    asked: Arc<Mutex<Vec<String>>>,
}

/// A hub that gives these replies one after the other, the last one again and again.
fn stand_in(replies: Vec<Reply>) -> StandIn {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for (at, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = stream;
            let lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
            let head: Vec<String> =
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            seen.lock().expect("not poisoned").push(head.join("\n"));
            let reply = replies.get(at).or(replies.last()).cloned();
            let text = match reply.expect("a reply") {
                Reply::Now(status, headers, body) => {
                    let length = body.len();
                    format!(
                        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                    )
                }
                Reply::Cut => "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"sha\":".to_owned(),
                // The connection stays open.
                Reply::Never => {
                    kept.push(stream);
                    continue;
                }
            };
            // The client may have closed the connection.
            let _ = stream.write_all(text.as_bytes());
        }
    });
    StandIn { url, asked }
}

fn listing(commit: &str) -> Reply {
    let body = format!(
        "{{\"sha\": \"{commit}\", \"siblings\": [{{\"rfilename\": \"model.safetensors\", \"size\": 9}}]}}"
    );
    Reply::Now("200 OK", "", body)
}

fn refusal(status: &'static str, headers: &'static str) -> Reply {
    Reply::Now(status, headers, String::new())
}

struct Quiet;
impl Notices for Quiet {
    fn note(&self, text: &str) {
        assert!(!text.contains(TOKEN), "{text}");
    }
    fn warning(&self, text: &str) {
        assert!(!text.contains(TOKEN), "{text}");
    }
    fn step(&self, text: &str) {
        assert!(!text.contains(TOKEN), "{text}");
    }
    fn done(&self) {}
}

/// Asks for the commit of `owner/model`.
async fn answer(stand_in: &StandIn, token: bool) -> Published {
    let version = ModelVersion { model: "owner/model".into(), revision: None };
    let questions = BTreeSet::from([Question { version: version.clone(), describe: false }]);
    let place = tempfile::tempdir().expect("a directory");
    let directory = PlanDirectory::new(place.path());
    let secret = token.then(|| Secret::new(TOKEN));
    let hub = Hub::with_time_limit(&stand_in.url, secret.as_ref(), Duration::from_millis(400));
    let hub = Ok(hub.expect("a hub"));
    let mut answers = ask_at(hub, &Quiet, &directory, questions).await;
    let answer = answers.remove(&version).expect("an answer");
    assert!(!format!("{answer:?}").contains(TOKEN), "the token is in no text");
    answer
}

fn commit_of(answer: &Published) -> &str {
    match answer {
        Published::Known(known) => &known.commit,
        other => panic!("{other:?}"),
    }
}

fn unknown(answer: Published) -> String {
    match answer {
        Published::Unknown(why) => why,
        other => panic!("{other:?}"),
    }
}

fn denied(answer: Published) -> (String, String) {
    match answer {
        Published::Denied(error) => (error.message, error.hint.expect("the next step")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_commit_is_that_of_the_moment_of_the_question() {
    let hub = stand_in(vec![listing(FIRST), listing(SECOND)]);
    let before = answer(&hub, false).await;
    assert_eq!(commit_of(&before), FIRST);
    // The branch moves: a plan that was generated before keeps its commit.
    assert_eq!(commit_of(&answer(&hub, false).await), SECOND);
    assert_eq!(commit_of(&before), FIRST);
    let asked = hub.asked.lock().expect("not poisoned").join("\n");
    assert!(asked.contains("GET /api/models/owner/model/revision/main?blobs=true"), "{asked}");
    assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
}

#[tokio::test]
async fn a_refusal_says_how_to_give_a_token() {
    let hub = stand_in(vec![refusal("401 Unauthorized", "x-error-code: RepoNotFound\r\n")]);
    let (message, hint) = denied(answer(&hub, false).await);
    assert!(message.contains("(status 401): the model does not exist, or is private"), "{message}");
    assert!(hint.contains("set HF_TOKEN, or log in with hf auth login"), "{hint}");
    let (message, hint) = denied(answer(&hub, true).await);
    assert!(message.ends_with("the account of the token has no access"), "{message}");
    assert!(hint.contains("account of the token"), "{hint}");
    let sent = hub.asked.lock().expect("not poisoned").pop().expect("a request");
    assert!(sent.contains(&format!("Bearer {TOKEN}")), "the token is sent to the hub");

    let gated = || vec![refusal("403 Forbidden", "x-error-code: GatedRepo\r\n")];
    let (message, hint) = denied(answer(&stand_in(gated()), true).await);
    assert!(message.contains("(status 403): the model is gated"), "{message}");
    assert!(hint.starts_with("accept the terms of owner/model"), "{hint}");
    let (message, hint) = denied(answer(&stand_in(gated()), false).await);
    assert!(message.ends_with("the model is gated, and no token is given"), "{message}");
    assert!(hint.contains("HF_TOKEN"), "{hint}");
}

#[tokio::test]
async fn a_postponed_request_is_repeated_if_the_wait_is_short() {
    let busy = |headers| refusal("429 Too Many Requests", headers);
    let soon = stand_in(vec![busy("retry-after: 0\r\n"), listing(FIRST)]);
    assert_eq!(commit_of(&answer(&soon, false).await), FIRST);
    let late = stand_in(vec![busy("retry-after: 300\r\n"), listing(FIRST)]);
    let why = unknown(answer(&late, false).await);
    assert_eq!(
        why,
        "the hub limits the number of requests (status 429); it accepts them again in 300 s"
    );
    assert_eq!(late.asked.lock().expect("not poisoned").len(), 1);
    let always = stand_in(vec![busy("retry-after: 0\r\n")]);
    assert!(unknown(answer(&always, false).await).contains("status 429"));
    assert_eq!(always.asked.lock().expect("not poisoned").len(), 3, "repeats have a limit");
}

#[tokio::test]
async fn an_unanswered_question_is_not_an_absent_model() {
    let why = unknown(answer(&stand_in(vec![Reply::Cut]), false).await);
    assert!(why.contains("its response is incomplete"), "{why}");
    let why = unknown(answer(&stand_in(vec![Reply::Never]), false).await);
    assert!(why.contains("no response within the time limit"), "{why}");
    let html = Reply::Now("200 OK", "", "<html>".to_owned());
    let why = unknown(answer(&stand_in(vec![html]), false).await);
    assert!(why.contains("not a list of files"), "{why}");
    let broken = refusal("500 Internal Server Error", "");
    assert!(unknown(answer(&stand_in(vec![broken]), false).await).contains("status 500"));
    let absent = refusal("404 Not Found", "x-error-code: RevisionNotFound\r\n");
    match answer(&stand_in(vec![absent]), false).await {
        Published::Absent(why) => assert_eq!(why, "the hub has no revision main of owner/model"),
        other => panic!("{other:?}"),
    }
}
