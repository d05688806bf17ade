//! Bodies of requests over real connections: too large, too slow, too many.

use super::harness::{Running, run_of};
use crate::api::{MAX_BLOB_BYTES, MAX_BODY_BYTES};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time limit for an answer that waits for nothing. The wait for a turn takes 30 s.
const SOON: Duration = Duration::from_secs(15);

/// Sends the head of a request whose body has this size, without the body.
async fn begin(running: &Running, line: &str, body_bytes: u64) -> TcpStream {
    let address = running.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head =
        format!("{line} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {body_bytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

/// The answer, up to the end of the connection.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("in time").expect("an answer");
    String::from_utf8(bytes).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_announced_too_large_is_refused_before_it_arrives() {
    let running = Running::start().await;
    let blob = format!("PUT /api/v1/blobs/{}", "0".repeat(64));
    for (line, max) in [
        ("POST /api/v1/runs", MAX_BODY_BYTES as u64),
        ("POST /api/v1/templates", MAX_BODY_BYTES as u64),
        ("POST /api/v1/workers/w1/reports", MAX_BODY_BYTES as u64),
        ("POST /api/v1/workers", 1024 * 1024),
        ("GET /api/v1/runs", 1024 * 1024),
        (blob.as_str(), MAX_BLOB_BYTES),
    ] {
        for size in [max + 1, 10_000_000_000] {
            let answer = answer(&mut begin(&running, line, size).await).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{line} {size}: {answer}");
            assert!(answer.contains(&format!("maximum {max} bytes")), "{line} {size}: {answer}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_of_too_much_can_read_the_refusal() {
    let running = Running::start().await;
    let size = 32 * 1024 * 1024;
    for line in ["POST /api/v1/workers", "POST /nowhere"] {
        let mut stream = begin(&running, line, size).await;
        // Sends the whole body before it reads the answer, as simple clients do.
        for _ in 0..size / (1024 * 1024) {
            stream.write_all(&vec![b' '; 1024 * 1024]).await.expect("it is discarded");
        }
        let answer = answer(&mut stream).await;
        let status = if line.ends_with("workers") { "413" } else { "404" };
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    // Without a length, the limit holds as well.
    let mut stream = begin_chunked(&running, "POST /api/v1/workers").await;
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x10_0000], b"\r\n"].concat();
    for _ in 0..2 {
        stream.write_all(&chunk).await.expect("it is discarded");
    }
    let answer = answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    running.stop().await;
}

async fn begin_chunked(running: &Running, line: &str) -> TcpStream {
    let address = running.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_keep_no_other_submission_out() {
    let running = Running::start().await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = begin(&running, "POST /api/v1/runs", 1024 * 1024).await;
        stream.write_all(b"{\"name\":").await.expect("sent");
        slow.push(stream);
    }
    let submitted = timeout(SOON, running.client.submit(&run_of(3), None)).await;
    let submitted = submitted.expect("no wait for the slow bodies").expect("submitted");
    assert_eq!(submitted.tests, 3);
    drop(slow);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomplete_bodies_use_bounded_memory_and_make_room() {
    let running = Running::start().await;
    let announced = 48 * 1024 * 1024;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = begin(&running, "POST /api/v1/runs", announced).await;
        let sent = async {
            for _ in 0..40 {
                stream.write_all(&vec![b' '; 1024 * 1024]).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        // The coordinator may have given up this body already.
        drop(timeout(SOON, sent).await.expect("received or refused"));
        slow.push(stream);
    }
    // 320 MiB were sent and at most 256 MiB are held, so some senders get an answer.
    let starts = slow.iter_mut().map(async |stream| {
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.map(|_| start)
    });
    let mut starts: FuturesUnordered<_> = starts.collect();
    for _ in 0..2 {
        let start = timeout(SOON, starts.next()).await.expect("in time").expect("one of 8");
        assert_eq!(&start.expect("an answer"), b"HTTP/1.1 429");
    }
    drop(starts);
    // A large body that arrives quickly is accepted.
    let text = serde_json::to_string(&run_of(1)).expect("JSON");
    let size = 20 * 1024 * 1024;
    let mut stream = begin(&running, "POST /api/v1/runs", size as u64).await;
    let body = format!("{text}{}", " ".repeat(size - text.len()));
    stream.write_all(body.as_bytes()).await.expect("sent");
    let mut start = [0; 12];
    timeout(SOON, stream.read_exact(&mut start)).await.expect("in time").expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 200");
    drop(slow);
    running.stop().await;
}
