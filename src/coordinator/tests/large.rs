//! Answers about many tests, and about a database that takes time to send.

use super::harness::{Hand, Running, run_of};
use super::refusals::wait_until;
use crate::api::v1::reports::ReportQuery;
use crate::domain::test::Phase;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_of_every_open_test_of_a_large_report_is_that_of_the_scheduler() {
    let running = Running::start().await;
    // The scheduler is asked about 2,000 tests at a time, and for the reasons of 100 in all.
    let count = 4_100;
    running.client.submit(&run_of(count), None).await.expect("submitted");
    let report = running.client.report_view(&ReportQuery::default()).await.expect("a report");
    assert_eq!(report.rows.len(), count as usize);
    assert!(report.rows.iter().all(|row| row.phase == Some(Phase::Waiting)));
    let explained = report.rows.iter().filter(|row| !row.message.is_empty()).count();
    assert_eq!(explained, 100);
    running.stop().await;
}

/// Asks for a copy of the results database, and reads only the beginning of the answer.
async fn slow_reader(running: &Running) -> TcpStream {
    let address = running.url.trim_start_matches("http://").parse().expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("set");
    let mut stream = socket.connect(address).await.expect("connected");
    let request = format!("GET /api/v1/results/snapshot HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.expect("an answer");
    assert_eq!(&begin, b"HTTP/1.1 200");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_copy_of_the_database_is_refused_while_one_is_sent() {
    let running = Running::start().await;
    let mut hand = Hand::register(&running.client, 40).await;
    running.client.submit(&run_of(40), None).await.expect("submitted");
    let leases = hand.claim(10_000).await.leases;
    assert_eq!(leases.len(), 40);
    // 20 MB that cannot be compressed much: more than the buffers of a connection.
    for (number, lease) in (0_u64..).zip(&leases) {
        let mut state = number + 1;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let output: String = (0..50_000).map(|_| format!("{:010x}", random() >> 24)).collect();
        let detail = serde_json::json!({ "message": "", "output": output }).to_string();
        hand.report(std::slice::from_ref(lease), &detail).await;
    }
    let first = slow_reader(&running).await;
    let url = format!("{}/api/v1/results/snapshot", running.url);
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let second = http.get(&url).send().await.expect("an answer");
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    let reason = second.text().await.expect("a text");
    assert!(reason.contains("another copy of the results database is being sent"), "{reason}");
    // A client that goes away gives its turn back.
    drop(first);
    wait_until("a copy is sent again", async || {
        http.get(&url).send().await.expect("an answer").status() == StatusCode::OK
    })
    .await;
    running.stop().await;
}
