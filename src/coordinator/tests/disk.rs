//! The whole role over a real data directory.

use super::harness::{Hand, run_of};
use crate::api::v1::reports::ReportQuery;
use crate::client::{Client, ClientOptions};
use crate::coordinator::{CoordinatorError, Settings, run};
use crate::domain::outcome::Outcome;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) struct Role {
    pub client: Client,
    pub url: String,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), CoordinatorError>>,
}

pub(super) async fn start(directory: &Path) -> Role {
    start_with(directory, |_| ()).await
}

pub(super) async fn start_with(directory: &Path, change: impl FnOnce(&mut Settings)) -> Role {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let mut settings = Settings::new(directory);
    settings.snapshot_events = 500;
    change(&mut settings);
    #[expect(clippy::disallowed_methods, reason = "joined by `end`")]
    let ended = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        run(settings, listener, |_| (), shutdown).await
    });
    let client = Client::new(ClientOptions::new(&url)).expect("a client");
    Role { client, url, stop, ended }
}

impl Role {
    pub(super) async fn end(self) {
        drop(self.stop);
        self.ended.await.expect("no panic").expect("a clean stop");
    }

    /// Waits for the coordinator to end without being asked to, and returns its error.
    pub(super) async fn refused(self) -> CoordinatorError {
        self.ended.await.expect("no panic").expect_err("refused")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_survive_restarts_with_and_without_snapshot() {
    let directory = tempfile::tempdir().expect("a directory");
    let role = start(directory.path()).await;
    let submitted = role.client.submit(&run_of(600), None).await.expect("submitted");
    let mut hand = Hand::register(&role.client, 4).await;
    let mut done = 0;
    while done < 600 {
        let claimed = hand.claim(10_000).await;
        hand.report(&claimed.leases, r#"{"message":"fine"}"#).await;
        done += claimed.leases.len();
    }
    let query = ReportQuery { run: Some(submitted.run), limit: Some(10), ..ReportQuery::default() };
    let before = role.client.report_view(&query).await.expect("a report");
    assert_eq!(before.totals.outcomes.get(&Outcome::Passed), Some(&600));
    assert_eq!((before.rows.len(), before.truncated), (10, true));
    let status = role.client.status().await.expect("status");
    role.end().await;

    for _ in 0..2 {
        let role = start(directory.path()).await;
        let after = role.client.report_view(&query).await.expect("a report");
        assert_eq!(after, before);
        let again = role.client.status().await.expect("status");
        assert_eq!(again.coordinator, status.coordinator);
        let run = role.client.run(submitted.run).await.expect("the run");
        assert!(run.finished_at.is_some());
        role.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_coordinator_names_the_holder() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = start(directory.path()).await;
    first.client.status().await.expect("it runs");
    let second = start(directory.path()).await;
    let error = second.ended.await.expect("no panic").expect_err("refused");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    first.end().await;
}
