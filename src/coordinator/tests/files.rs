//! Stored files: damage, missing files, quotas, full disks, and files that nothing names.

use super::disk::start_with;
use super::harness::{Hand, Running, run_of};
use crate::api::error::Code;
use crate::api::v1::leases::{Report, Reports};
use crate::api::v1::runs::SubmitRun;
use crate::api::v1::test_views::AttemptQuery;
use crate::api::v1::workers::Leave;
use crate::blobs::BlobDigest;
use crate::client::{Client, ClientError};
use crate::coordinator::settings::{Settings, StorageLimits};
use crate::domain::id::{AttemptId, RunId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::store;
use crate::sys::clock::file_time;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn path(data_dir: &Path, digest: &BlobDigest) -> PathBuf {
    data_dir.join("blobs").join(digest.group()).join(digest.as_str())
}

async fn put(client: &Client, content: &[u8]) -> BlobDigest {
    let digest = BlobDigest::of(content);
    client.put_blob(digest.as_str(), content.to_vec()).await.expect("stored");
    digest
}

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, Code) {
    let error = result.expect_err("refused");
    let refusal = error.refusal().unwrap_or_else(|| panic!("no refusal: {error}"));
    (refusal.status, refusal.body.code)
}

async fn metric(url: &str, name: &str) -> u64 {
    let text = reqwest::get(format!("{url}/metrics")).await.expect("metrics");
    let text = text.text().await.expect("a text");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect("a metric").parse().expect("a number")
}

/// A run with one test that names these files.
fn run_with(files: &[(&BlobDigest, usize)]) -> SubmitRun {
    let files: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(n, (digest, size))| {
            serde_json::json!({"path": format!("f{n}"), "sha256": digest.as_str(), "size_bytes": size})
        })
        .collect();
    let launch = serde_json::json!({"run": {"command": ["true"]}, "files": files});
    serde_json::from_value(serde_json::json!({
        "name": "a run", "tests": [{"name": "t", "launch": launch}],
    }))
    .expect("a run")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_reported_and_replaced_by_the_next_upload() {
    let running = Running::start().await;
    let client = &running.client;
    let content = vec![7; 300_000];
    let digest = put(client, &content).await;
    let run = run_with(&[(&digest, content.len())]);
    client.submit(&run, None).await.expect("accepted");
    let mut flipped = content.clone();
    flipped[123_456] ^= 1;
    for damaged in [&flipped[..], &content[..1000], b""] {
        std::fs::write(path(running.directory(), &digest), damaged).expect("damaged");
        let error = client.get_blob(digest.as_str()).await.expect_err("damaged");
        let refusal = error.refusal().expect("an answer").clone();
        assert_eq!((refusal.status, refusal.body.code), (500, Code::Damaged));
        assert!(refusal.body.message.contains(digest.as_str()), "{refusal}");
        assert!(refusal.body.hint.expect("a hint").contains("upload the file again"));
        assert!(!client.has_blob(digest.as_str()).await.expect("an answer"), "upload it again");
        assert_eq!(refused(client.submit(&run, None).await), (422, Code::Unprocessable));
        put(client, &content).await;
        assert_eq!(client.get_blob(digest.as_str()).await.expect("replaced"), content);
    }
    assert_ne!(metric(&running.url, "dtf_damaged_files_total").await, 0);
    running.stop().await;
}

/// A worker with one lease.
struct Holder {
    hand: Hand,
    lease: crate::api::v1::leases::LeaseView,
    client: Client,
}

impl Holder {
    async fn new(client: &Client) -> Self {
        client.submit(&run_of(1), None).await.expect("submitted");
        let mut hand = Hand::register(client, 1).await;
        let lease = hand.claim(10_000).await.leases.remove(0);
        Self { hand, lease, client: client.clone() }
    }

    fn attempt(&self) -> AttemptId {
        self.lease.lease.attempt
    }

    async fn report(&self, detail: &serde_json::Value) -> Result<(), ClientError> {
        let report = Report {
            lease: self.lease.lease,
            outcome: Outcome::Passed,
            class: None,
            flaky: false,
            duration_ms: Millis(5),
            detail: Some(serde_json::value::to_raw_value(detail).expect("JSON")),
        };
        let incarnation = self.hand.incarnation;
        let reports = Reports { incarnation, finished: vec![report], returned: Vec::new() };
        let reported = self.client.report(self.hand.worker, &reports).await?;
        assert_eq!(reported.conflicts, []);
        Ok(())
    }
}

fn log_of(sha256: &str, size: usize) -> serde_json::Value {
    serde_json::json!({"log": {"sha256": sha256, "size_bytes": size, "written_bytes": size}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_names_a_missing_file_is_refused_and_changes_nothing() {
    let running = Running::start().await;
    let holder = Holder::new(&running.client).await;
    let content = vec![b'x'; 10_000];
    let digest = BlobDigest::of(&content);
    let name = digest.as_str();
    let artifact = |sha256: &str, size: usize| serde_json::json!({"artifacts": [{"name": "a", "sha256": sha256, "size_bytes": size}]});
    for malformed in ["../../x", "", &name.to_uppercase(), &name[1..]] {
        for detail in [log_of(malformed, 1), artifact(malformed, 1)] {
            let refusal = refused(holder.report(&detail).await);
            assert_eq!(refusal, (422, Code::Unprocessable), "{detail}");
        }
    }
    let missing = (422, Code::MissingFile);
    assert_eq!(refused(holder.report(&log_of(name, 10_000)).await), missing);
    assert_eq!(refused(holder.report(&artifact(name, 10_000)).await), missing);
    put(&running.client, &content).await;
    assert_eq!(refused(holder.report(&log_of(name, 9_999)).await), missing, "another size");
    std::fs::write(path(running.directory(), &digest), "damaged").expect("damaged");
    assert_eq!(refused(holder.report(&log_of(name, 10_000)).await), missing, "damaged");
    put(&running.client, &content).await;
    holder.report(&log_of(name, 10_000)).await.expect("accepted");
    let read = running.client.log(holder.attempt(), 0).await.expect("the output");
    assert_eq!(read, content);

    std::fs::write(path(running.directory(), &digest), "damaged").expect("damaged");
    assert_eq!(refused(running.client.log(holder.attempt(), 0).await), (500, Code::Damaged));
    std::fs::remove_file(path(running.directory(), &digest)).expect("removed");
    assert_eq!(refused(running.client.log(holder.attempt(), 0).await), (500, Code::Damaged));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_a_run_have_a_quota() {
    let limits = StorageLimits { max_run_bytes: Some(1000), ..StorageLimits::NONE };
    let running = Running::limited(limits).await;
    let client = &running.client;
    let (a, b) = (put(client, &[1; 600]).await, put(client, &[2; 500]).await);
    let over = client.submit(&run_with(&[(&a, 600), (&b, 500)]), None).await;
    assert_eq!(refused(over), (413, Code::QuotaExceeded));
    let run = client.submit(&run_with(&[(&a, 600), (&a, 600)]), None).await.expect("once").run;
    let directory = tempfile::tempdir().expect("a directory");
    let upload = async |run: RunId, content: &[u8]| {
        let file = directory.path().join("file");
        std::fs::write(&file, content).expect("written");
        client.put_blob_of_run(BlobDigest::of(content).as_str(), run, &file).await
    };
    upload(run, &[3; 300]).await.expect("within the quota");
    let error = upload(run, &[4; 101]).await.expect_err("over the quota");
    let refusal = error.refusal().expect("an answer");
    assert_eq!((refusal.status, refusal.body.code), (413, Code::QuotaExceeded));
    assert!(refusal.body.message.contains("the maximum is 1000 B"), "{refusal}");
    assert!(refusal.body.hint.as_ref().expect("a hint").contains("storage.max_run_size"));
    upload(run, &[3; 300]).await.expect("stored already");
    upload(RunId(run.0 + 1), &[4; 101]).await.expect("another run");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_reserve_only_new_work_is_refused() {
    let limits = StorageLimits { min_free_bytes: Some(u64::MAX / 2), ..StorageLimits::NONE };
    let running = Running::limited(limits).await;
    let client = &running.client;
    let full = (507, Code::StorageFull);
    let digest = BlobDigest::of(b"x");
    assert_eq!(refused(client.put_blob(digest.as_str(), b"x".to_vec()).await), full);
    let error = client.submit(&run_of(1), None).await.expect_err("refused");
    assert!(error.hint().expect("a hint").contains("storage.min_free"), "{error}");
    assert_eq!(refused(Err::<(), _>(error)), full);
    wait_until("readiness", async || client.ready().await.is_err()).await;
    let reason = client.ready().await.expect_err("not ready").to_string();
    assert!(reason.contains("nearly full"), "{reason}");
    Hand::register(client, 1).await;
    client.status().await.expect("reads go on");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_reported_and_heals() {
    let running = Running::limited(StorageLimits::NONE).await;
    let client = &running.client;
    client.ready().await.expect("ready");
    running.disk.files_full.store(true, Ordering::SeqCst);
    let digest = BlobDigest::of(b"x");
    let error = client.put_blob(digest.as_str(), b"x".to_vec()).await.expect_err("full");
    assert_eq!(error.hint().as_deref(), Some("free disk space on the coordinator, then try again"));
    assert_eq!(refused(Err::<(), _>(error)), (507, Code::StorageFull));
    let reason = client.ready().await.expect_err("not ready").to_string();
    assert!(reason.contains("the disk of the data directory is full"), "{reason}");
    client.submit(&run_of(1), None).await.expect("the log is not full");
    running.disk.files_full.store(false, Ordering::SeqCst);
    wait_until("readiness", async || client.ready().await.is_ok()).await;
    put(client, b"x").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_directory_has_a_maximum_size() {
    // The database and the log have some MiB.
    let limits = StorageLimits { max_data_bytes: Some(64 << 20), ..StorageLimits::NONE };
    let running = Running::limited(limits).await;
    let client = &running.client;
    put(client, &vec![1; 30 << 20]).await;
    let content = vec![2; 40 << 20];
    let over = client.put_blob(BlobDigest::of(&content).as_str(), content).await;
    let error = over.expect_err("too much");
    assert!(error.to_string().contains("of 64.0 MiB"), "{error}");
    assert!(error.hint().expect("a hint").contains("storage.max_data_size"));
    assert_eq!(refused(Err::<(), _>(error)), (507, Code::StorageFull));
    client.submit(&run_of(1), None).await.expect("there is room for this");
    running.stop().await;
}

/// Makes files older than the grace.
fn age(data_dir: &Path, digests: &[&BlobDigest]) {
    let long_ago = file_time() - Duration::from_hours(25);
    let identity = data_dir.join(crate::blobs::DIRECTORY).join("identity");
    let files = digests.iter().map(|digest| path(data_dir, digest));
    for path in files.chain(identity.exists().then_some(identity)) {
        let file = std::fs::File::options().write(true).open(path);
        file.and_then(|file| file.set_modified(long_ago)).expect("set");
    }
}

/// A file that nothing names is removed after its grace. Files are kept that a submission, a result, a
/// late result or a template names, that are young, or that a client has just found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_nothing_names_are_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let role = start_with(directory.path(), |_| ()).await;
    let (named, logged) = (put(&role.client, b"named").await, put(&role.client, b"logged").await);
    let (unnamed, young) = (put(&role.client, b"unnamed").await, put(&role.client, b"young").await);
    role.client.submit(&run_with(&[(&named, 5)]), None).await.expect("submitted");
    let mut hand = Hand::register(&role.client, 1).await;
    let leases = hand.claim(10_000).await.leases;
    hand.report(&leases, &log_of(logged.as_str(), 6).to_string()).await;
    role.end().await;
    age(directory.path(), &[&named, &logged, &unnamed]);
    let role =
        start_with(directory.path(), |settings| settings.collect_after = Duration::ZERO).await;
    let is_gone = async || !path(directory.path(), &unnamed).exists();
    wait_until("the removal", is_gone).await;
    for digest in [named, logged, young] {
        assert!(role.client.has_blob(digest.as_str()).await.expect("an answer"), "{digest}");
    }
    role.end().await;
}

/// The records that were lost may have named them, and the log may still be found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_stay_for_a_day_after_a_loss_was_accepted() {
    let directory = tempfile::tempdir().expect("a directory");
    let role = start_with(directory.path(), |_| ()).await;
    let unnamed = put(&role.client, b"of a lost result").await;
    role.end().await;
    age(directory.path(), &[&unnamed]);
    std::fs::remove_file(directory.path().join("events.redb")).expect("removed");
    let accept = |settings: &mut Settings| {
        (settings.accept_lost_records, settings.collect_after) = (true, Duration::ZERO);
    };
    let role = start_with(directory.path(), accept).await;
    wait_until("a search", async || metric(&role.url, "dtf_file_searches_total").await == 1).await;
    assert!(path(directory.path(), &unnamed).exists());
    role.end().await;
}

/// After a compaction, the state names the files of open runs, and the database those of results.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_only_removed_records_named_are_kept_while_they_are_needed() {
    let running = Running::start().await;
    let client = running.client.clone();
    let (ended, open) =
        (put(&client, b"of a test that has ended").await, put(&client, b"open").await);
    let (logged, unnamed) = (put(&client, b"logged").await, put(&client, b"unnamed").await);
    client.submit(&run_with(&[(&ended, 24)]), None).await.expect("submitted");
    let mut hand = Hand::register(&client, 1).await;
    let leases = hand.claim(10_000).await.leases;
    hand.report(&leases, &log_of(logged.as_str(), 6).to_string()).await;
    client.submit(&run_with(&[(&open, 4)]), None).await.expect("submitted");
    // The last record stays in the log, so it must name nothing.
    client.leave(hand.worker, &Leave { incarnation: hand.incarnation }).await.expect("left");
    // A list waits until the database has everything.
    client.attempts(&AttemptQuery::default()).await.expect("a list");
    let (disk, directory) = running.stop().await;
    disk.compact();
    age(directory.path(), &[&ended, &open, &logged, &unnamed]);
    let running = Running::collecting(disk, directory).await;
    let data_dir = running.directory().to_owned();
    wait_until("the removal", async || !path(&data_dir, &unnamed).exists()).await;
    wait_until("the removal", async || !path(&data_dir, &ended).exists()).await;
    for digest in [open, logged] {
        assert!(path(&data_dir, &digest).exists(), "{digest}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_removed_while_the_database_is_incomplete() {
    let running = Running::start().await;
    let client = running.client.clone();
    let unnamed = put(&client, b"unnamed").await;
    for _ in 0..2 {
        client.submit(&run_of(1), None).await.expect("submitted");
    }
    let (disk, directory) = running.stop().await;
    disk.compact();
    age(directory.path(), &[&unnamed]);
    std::fs::remove_file(directory.path().join(store::FILE_NAME)).expect("removed");
    disk.database_full.store(true, Ordering::SeqCst);
    let running = Running::collecting(disk, directory).await;
    wait_until("a search", async || {
        metric(&running.url, "dtf_file_searches_failed_total").await >= 1
    })
    .await;
    assert!(path(running.directory(), &unnamed).exists());
    assert_eq!(metric(&running.url, "dtf_collected_files_total").await, 0);
    running.stop().await;
}
