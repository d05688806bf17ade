//! Weights over the API: pushed, fetched, interrupted, refused, and kept for the tests that need them.

use super::harness::{Hand, Running};
use crate::api::error::Code;
use crate::api::v1::runs::SubmitRun;
use crate::client::{Client, ClientError, PushError};
use crate::coordinator::settings::StorageLimits;
use crate::domain::digest::sha256_hex;
use crate::domain::weights::ManifestFile;
use crate::domain::weights::{CHUNK_BYTES, Manifest};
use crate::gather::digests::Digests;
use crate::plan::folders::PushedWeights;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;

/// A directory with these files, and what is pushed of it.
fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, PushedWeights) {
    let root = tempfile::tempdir().expect("a directory");
    let mut paths = Vec::new();
    for (path, bytes) in files {
        std::fs::write(root.path().join(path), bytes).expect("written");
        paths.push((*path).to_owned());
    }
    let manifest = Digests::fresh().manifest(root.path(), &paths, &|_, _| {}).expect("a manifest");
    let weights = PushedWeights {
        manifest: Arc::new(manifest),
        root: root.path().into(),
        name: "my-model".to_owned(),
        in_place: false,
    };
    (root, weights)
}

/// Content of more than one chunk.
fn large() -> Vec<u8> {
    (0..CHUNK_BYTES as usize + 70_000).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

async fn push(client: &Client, weights: &PushedWeights) -> Result<u64, PushError> {
    let sent = Mutex::new(0);
    let progress = |pushing: crate::client::Pushing| {
        *sent.lock().expect("no panic") = pushing.sent;
    };
    client.push_weights(weights, &progress).await?;
    let sent = *sent.lock().expect("no panic");
    Ok(sent)
}

async fn fetch(client: &Client, chunk: &str, from: u64) -> Result<Vec<u8>, ClientError> {
    let mut content = Vec::new();
    let mut chunk = client.weights_chunk(chunk, from).await?;
    while let Some(piece) = chunk.next().await? {
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

/// The content of a file of the manifest, as a worker fetches it.
async fn fetch_file(client: &Client, manifest: &Manifest, path: &str) -> Vec<u8> {
    let file = manifest.files.iter().find(|file| file.path == path).expect("listed");
    let mut content = Vec::new();
    for chunk in file.chunk_digests() {
        content.extend(fetch(client, chunk, 0).await.expect("a chunk"));
    }
    content
}

/// A run of one test that needs weights.
fn run_with(manifest: &Manifest, in_place: bool) -> SubmitRun {
    let weights = serde_json::json!({
        "source": "folder", "manifest": manifest.digest(), "size_bytes": manifest.size_bytes(),
        "path": "/home/anna/my-model", "in_place": in_place,
    });
    let launch = serde_json::json!({"run": {"command": ["true"]}, "weights": weights});
    let run = serde_json::json!({"name": "a run", "tests": [{"name": "t", "launch": launch}]});
    serde_json::from_value(run).expect("a run")
}

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, Code, String) {
    let error = result.expect_err("refused");
    let refusal = error.refusal().unwrap_or_else(|| panic!("no refusal: {error}"));
    (refusal.status, refusal.body.code, refusal.body.message.clone())
}

fn chunk_path(data_dir: &Path, chunk: &str) -> PathBuf {
    data_dir.join("weights").join(&chunk[..2]).join(chunk)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_pushed_once_and_fetched_whole_or_in_part() {
    let running = Running::start().await;
    let client = &running.client;
    let content = large();
    let (_root, weights) = folder(&[("model.safetensors", &content), ("config.json", b"{}")]);
    let manifest = &weights.manifest;
    assert_eq!(push(client, &weights).await.expect("pushed"), manifest.size_bytes());
    assert_eq!(push(client, &weights).await.expect("pushed again"), 0, "nothing is sent twice");
    let fetched = client.weights_manifest(&manifest.digest()).await.expect("the manifest");
    assert_eq!(fetched, **manifest);
    assert_eq!(fetch_file(client, &fetched, "model.safetensors").await, content);
    let last = fetched.files[1].chunk_digests().last().expect("a chunk").clone();
    let whole = fetch(client, &last, 0).await.expect("a chunk");
    assert_eq!(fetch(client, &last, 65_000).await.expect("a part"), whole[65_000..]);
    let list = client.weights().await.expect("a list");
    assert_eq!(list.items.len(), 1);
    assert_eq!((&*list.items[0].name, list.items[0].files), ("my-model", 2));
    assert!(list.used_bytes > manifest.size_bytes() && !list.items[0].needed);
    let (_other, changed) = folder(&[("model.safetensors", &content), ("config.json", b"{ }")]);
    assert_eq!(push(client, &changed).await.expect("pushed"), 3, "equal chunks are not sent");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_needs_its_weights_completely_and_keeps_them() {
    let limits = StorageLimits { max_weights_bytes: Some(1000), ..StorageLimits::NONE };
    let running = Running::limited(limits).await;
    let client = &running.client;
    let (_root, weights) = folder(&[("model", &[1; 500])]);
    let run = run_with(&weights.manifest, false);
    let (status, _, message) = refused(client.submit(&run, None).await);
    assert_eq!(status, 422);
    assert!(message.contains("they have not been pushed"), "{message}");
    let in_place = PushedWeights { in_place: true, ..weights.clone() };
    assert_eq!(push(client, &in_place).await.expect("pushed"), 0);
    client.submit(&run_with(&weights.manifest, true), None).await.expect("the manifest suffices");
    let (_, _, message) = refused(client.submit(&run, None).await);
    assert!(message.contains("only their manifest has been pushed"), "{message}");
    push(client, &weights).await.expect("pushed");
    client.submit(&run, None).await.expect("accepted");
    let sha256 = weights.manifest.digest();
    assert_eq!(refused(client.remove_weights(&sha256).await).0, 409, "a test needs them");

    let (_other, more) = folder(&[("model", &[2; 500])]);
    let error = push(client, &more).await.expect_err("no room");
    let PushError::Client(error) = error else { panic!("{error}") };
    let (status, code, message) = refused::<()>(Err(error));
    assert_eq!((status, code), (507, Code::StorageFull));
    let named = format!("my-model (sha256:{}, 500 B, needed by open tests)", &sha256[..12]);
    assert!(message.contains(&named), "{message}");
    assert!(message.starts_with("there is no room for 500 B of weights: "), "{message}");

    let mut hand = Hand::register(client, 1).await;
    for _ in 0..2 {
        let leases = hand.claim(10_000).await.leases;
        hand.report(&leases, "null").await;
    }
    let (status, _, message) = refused(client.remove_weights(&sha256).await);
    assert_eq!(status, 409);
    assert!(message.contains("a submission may be under way"), "{message}");
    assert_eq!(refused(client.remove_weights(&more.manifest.digest()).await).0, 404);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_displace_weights_that_no_open_test_needs() {
    let running = Running::start().await;
    let (_root, idle) = folder(&[("model", &vec![1; 12 << 20])]);
    let (_other, needed) = folder(&[("model", &vec![2; 12 << 20])]);
    for weights in [&idle, &needed] {
        push(&running.client, weights).await.expect("pushed");
    }
    running.client.submit(&run_with(&needed.manifest, false), None).await.expect("accepted");
    let (disk, directory) = running.stop().await;
    // Both were used an hour ago.
    for weights in [&idle, &needed] {
        let records = directory.path().join("weights/records");
        let path = records.join(format!("{}.json", weights.manifest.digest()));
        let text = std::fs::read(&path).expect("a record");
        let mut record: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let used = record["used_at"].as_u64().expect("milliseconds");
        record["used_at"] = (used - 3_600_000).into();
        std::fs::write(&path, record.to_string()).expect("written");
    }
    // The database and the log have some MiB.
    let limits = StorageLimits { max_data_bytes: Some(64 << 20), ..StorageLimits::NONE };
    let running = Running::limited_over(limits, disk, directory).await;
    let client = &running.client;
    let content = vec![3; 20 << 20];
    client.put_blob(&sha256_hex(&content), content.clone()).await.expect("room");
    let kept = async || {
        let items = client.weights().await.expect("a list").items;
        items.into_iter().map(|item| item.sha256).collect::<Vec<_>>()
    };
    assert_eq!(kept().await.len(), 2, "there was room");
    let content = vec![4; 24 << 20];
    client.put_blob(&sha256_hex(&content), content.clone()).await.expect("weights make room");
    assert_eq!(kept().await, [needed.manifest.digest()]);
    let content = vec![5; 30 << 20];
    assert_eq!(refused(client.put_blob(&sha256_hex(&content), content.clone()).await).0, 507);
    assert_eq!(kept().await, [needed.manifest.digest()], "a test needs them");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_detected_and_healed_by_the_next_push() {
    let running = Running::start().await;
    let client = &running.client;
    let (_root, weights) = folder(&[("a", &vec![7; 300_000]), ("b", b"b")]);
    push(client, &weights).await.expect("pushed");
    let chunks: Vec<String> =
        weights.manifest.files.iter().flat_map(ManifestFile::chunk_digests).cloned().collect();
    let mut flipped = vec![7; 300_000];
    flipped[123_456] ^= 1;
    std::fs::write(chunk_path(running.directory(), &chunks[0]), flipped).expect("damaged");
    std::fs::remove_file(chunk_path(running.directory(), &chunks[1])).expect("removed");
    let verified = client.verify_chunks(&chunks).await.expect("verified");
    assert_eq!((&verified.damaged[..], &verified.missing[..]), (&chunks[..1], &chunks[1..]));
    let (status, code, _) = refused(fetch(client, &chunks[0], 0).await);
    assert_eq!((status, code), (500, Code::Damaged));
    assert_eq!(refused(fetch(client, &chunks[1], 0).await).0, 404);
    let (_, _, message) = refused(client.submit(&run_with(&weights.manifest, false), None).await);
    assert!(message.contains("2 of their chunks are missing or damaged"), "{message}");
    assert_eq!(push(client, &weights).await.expect("pushed"), 300_001);
    let verified = client.verify_chunks(&chunks).await.expect("verified");
    assert!(verified.damaged.is_empty() && verified.missing.is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_continues_after_a_restart_and_notices_changed_files() {
    let running = Running::start().await;
    let content = large();
    let (_root, first_chunk) = folder(&[("part", &content[..CHUNK_BYTES as usize])]);
    push(&running.client, &first_chunk).await.expect("pushed");
    let (root, weights) = folder(&[("a", &content), ("b", b"unchanged")]);
    // The file has changed since its digest was computed: the push ends in the middle.
    let mut changed = content.clone();
    changed[CHUNK_BYTES as usize + 5] ^= 1;
    std::fs::write(root.path().join("a"), &changed).expect("changed");
    let error = push(&running.client, &weights).await.expect_err("changed");
    assert!(matches!(&error, PushError::Changed { path } if path.ends_with("a")), "{error}");
    std::fs::write(root.path().join("a"), &content[..1000]).expect("changed");
    let error = push(&running.client, &weights).await.expect_err("shorter");
    assert!(matches!(&error, PushError::Changed { .. }), "{error}");
    std::fs::write(root.path().join("a"), &content).expect("restored");
    let (disk, directory) = running.stop().await;
    let running = Running::over(disk, directory).await;
    let sent = push(&running.client, &weights).await.expect("continued");
    assert!(sent <= 70_000 + 9, "the first chunk is already there: {sent}");
    running.client.submit(&run_with(&weights.manifest, false), None).await.expect("accepted");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_a_manifest_or_chunk_is_refused() {
    let running = Running::start().await;
    let (client, http) = (&running.client, reqwest::Client::new());
    let url = |path: &str| format!("{}/api/v1/weights/{path}", running.url);
    let put = async |path: String, body: Vec<u8>| {
        let answer = http.put(url(&path)).body(body).send().await.expect("an answer");
        answer.status().as_u16()
    };
    let text = br#"{"schema":1,"files":[{"path":"../x","sha256":"","size_bytes":1,"chunks":[]}]}"#;
    let cases: [(&[u8], u16); 3] = [(text, 422), (b"{}", 422), (b"", 422)];
    for (body, status) in cases {
        assert_eq!(put(sha256_hex(body), body.to_vec()).await, status);
    }
    assert_eq!(put(sha256_hex(b"other"), b"{}".to_vec()).await, 422, "another digest");
    assert_eq!(put("..%2Fx".into(), b"{}".to_vec()).await, 400);
    let chunk = |digest: &str| format!("chunks/{digest}");
    assert_eq!(put(chunk(&sha256_hex(b"x")), b"y".to_vec()).await, 422);
    assert_eq!(put(chunk("x"), b"y".to_vec()).await, 400);
    let large = vec![0; CHUNK_BYTES as usize + 1];
    assert_eq!(put(chunk(&sha256_hex(&large)), large).await, 413);
    assert_eq!(client.weights().await.expect("a list").used_bytes, 0);
    running.stop().await;
}
