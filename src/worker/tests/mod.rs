//! The whole worker against a coordinator in memory: real processes, real files.

use super::*;
use crate::api::v1::leases::{Claim, Claimed, LeaseView, Report, Reported, Reports};
use crate::api::v1::logs::Appended;
use crate::api::v1::test_views::{Artifact, AttemptDetail};
use crate::api::v1::workers::{Heartbeat, HeartbeatAnswer, Register, Registered};
use crate::domain::accelerator::Backend;
use crate::domain::capability::Capability;
use crate::domain::digest::sha256_hex;
use crate::domain::id::WorkerId;
use crate::domain::id::{AttemptId, Epoch, LeaseId, RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use crate::sys::shutdown::Trigger;
use crate::worker::calibration::hold::PATIENCE;
use crate::worker::environments::NoProgress;
use crate::worker::link::LinkError;
use crate::worker::offer::Offer;
use crate::worker::places::Places;
use crate::worker::weights::limit::{CacheLimit, CacheSettings};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

mod changes;
mod life;
mod measuring;
mod outages;
mod uploads;
mod weights;

const LIMIT: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Fake {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    granted: Vec<LeaseView>,
    stop: Vec<LeaseId>,
    drain: bool,
    received: u64,
    registrations: Vec<Register>,
    reports: Vec<Report>,
    returned: Vec<LeaseId>,
    blobs: BTreeMap<String, Vec<u8>>,
    artifacts: BTreeMap<TestId, Vec<Artifact>>,
    appended: Vec<u8>,
    stale: Vec<LeaseId>,
    forget_worker: bool,
    /// A report is refused as a whole when one of its results has details with this.
    refuse: Option<&'static str>,
    away: bool,
    left: bool,
    /// How uploads end that are not stored.
    uploads: Uploads,
    /// Number of reports that named a file that is not stored.
    missing_files: usize,
    /// Every request is answered with the error that another process has registered.
    displaced: bool,
    /// Requests for chunks of weights are not answered yet.
    chunks_wait: bool,
    /// A report is answered after this number of registrations.
    answer_after: usize,
    /// With the highest notice granted at the time.
    heartbeats: Vec<u64>,
    /// The capabilities that heartbeats have reported.
    offers: Vec<Arc<Capability>>,
    /// Number of the calibrations that heartbeats have reported.
    calibrations: usize,
    /// Whether the latest claim takes no new tests.
    is_held: bool,
}

/// The treatment of uploads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Uploads {
    #[default]
    Stored,
    /// The disk is full.
    Full,
    /// The quota of the run is used up.
    Refused,
    /// The next one is acknowledged and lost, the others are stored.
    OneLost,
    /// All are acknowledged and lost.
    Lost,
}

impl State {
    fn store(&mut self, sha256: String, content: Vec<u8>) -> Result<(), LinkError> {
        match self.uploads {
            Uploads::Full => return Err(LinkError::Full("the disk is full".into())),
            Uploads::Refused => return Err(LinkError::Refused("over the quota".into())),
            Uploads::Lost => return Ok(()),
            Uploads::OneLost => {
                self.uploads = Uploads::Stored;
                return Ok(());
            }
            Uploads::Stored => {}
        }
        self.blobs.insert(sha256, content);
        Ok(())
    }

    fn heartbeats_since(&self, granted: u64) -> usize {
        self.heartbeats.iter().filter(|at| **at >= granted).count()
    }
}

impl Fake {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let answer = act(&mut self.state.lock().expect("a lock"));
        self.changed.notify_waiters();
        answer
    }

    fn reachable(&self) -> Result<(), LinkError> {
        // Only reads, so it wakes no waiter.
        let state = self.state.lock().expect("a lock");
        match (state.away, state.forget_worker) {
            (true, _) => Err(LinkError::Away("switched off".into())),
            (_, true) => Err(LinkError::Unknown("forgotten".into())),
            _ => Ok(()),
        }
    }

    fn grant(&self, epoch: u64, seat: u64, launch: serde_json::Value) -> LeaseId {
        self.grant_on(&[], epoch, seat, launch)
    }

    /// Grants a lease that holds the devices with these ids.
    fn grant_on(
        &self,
        devices: &[&str],
        epoch: u64,
        seat: u64,
        launch: serde_json::Value,
    ) -> LeaseId {
        let test = TestId { run: RunId(1), index: u32::try_from(epoch).expect("small") };
        let lease = LeaseId { attempt: test.attempt(1), epoch: Epoch(epoch) };
        let launch = serde_json::value::to_raw_value(&launch).expect("json");
        let view = LeaseView {
            lease,
            seat: Epoch(seat),
            name: "test".into(),
            devices: Vec::new(),
            device_ids: devices.iter().map(|id| (*id).to_owned()).collect(),
            cpu_milli: 2000,
            memory_bytes: 0,
            launch,
        };
        self.with(|state| {
            state.granted.push(view);
            state.received = state.received.max(epoch);
        });
        lease
    }

    fn command(&self, epoch: u64, words: &[&str]) -> LeaseId {
        self.grant(epoch, epoch, json!({ "run": { "command": words }, "grace_ms": 200 }))
    }

    fn script(&self, epoch: u64, code: &str, isolation: &str) -> LeaseId {
        let sha256 = sha256_hex(code.as_bytes());
        self.with(|state| state.blobs.insert(sha256.clone(), code.into()));
        self.grant(
            epoch,
            epoch,
            json!({
                "run": { "script": "t.py" },
                "files": [{ "path": "t.py", "sha256": sha256, "size_bytes": code.len() }],
                "isolation": isolation,
            }),
        )
    }

    async fn until(&self, reached: impl Fn(&State) -> bool) {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if reached(&self.state.lock().expect("a lock")) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("it comes to this in time");
    }

    async fn report(&self, lease: LeaseId) -> (Report, AttemptDetail) {
        self.until(|state| state.reports.iter().any(|report| report.lease == lease)).await;
        let report = self.with(|state| {
            state.reports.iter().find(|report| report.lease == lease).expect("a report").clone()
        });
        let text = report.detail.as_ref().map_or("{}", |detail| detail.get());
        let detail = serde_json::from_str(text).expect("a detail");
        (report, detail)
    }
}

impl Link for Fake {
    async fn register(&self, body: Register) -> Result<Registered, LinkError> {
        self.with(|state| state.forget_worker = false);
        self.reachable()?;
        let holding = body.holding.clone();
        let stale = self.with(|state| {
            state.registrations.push(body);
            holding.iter().filter(|l| state.stale.contains(l)).copied().collect()
        });
        Ok(Registered {
            worker: WorkerId(1),
            heartbeat_ms: Millis(50),
            lease_ms: Millis(30_000),
            epoch: Epoch(u64::MAX),
            stale,
            kept: Vec::new(),
        })
    }

    async fn heartbeat(&self, _: WorkerId, body: Heartbeat) -> Result<HeartbeatAnswer, LinkError> {
        self.reachable()?;
        if self.with(|state| state.displaced) {
            return Err(LinkError::Taken("displaced".into()));
        }
        let stale = self.with(|state| {
            state.heartbeats.push(state.received);
            state.offers.extend(body.capability);
            state.calibrations += usize::from(body.calibration.is_some());
            body.holding.iter().filter(|l| state.stale.contains(l)).copied().collect()
        });
        Ok(HeartbeatAnswer { stale, weights_revision: None })
    }

    async fn claim(&self, _: WorkerId, body: Claim) -> Result<Claimed, LinkError> {
        self.with(|state| state.is_held = body.notices_only);
        let claimed = || -> Result<Option<Claimed>, LinkError> {
            self.reachable()?;
            let mut state = self.state.lock().expect("a lock");
            let news = |view: &&LeaseView| view.lease.epoch > body.received;
            let granted = state.granted.iter().filter(|_| !body.notices_only);
            let leases: Vec<_> = granted.filter(news).cloned().collect();
            let stop = std::mem::take(&mut state.stop);
            let something = !leases.is_empty() || !stop.is_empty() || state.drain;
            let received = if body.notices_only { body.received } else { Epoch(state.received) };
            let drain = state.drain;
            let claimed =
                Claimed { received, leases, stop, recall: Vec::new(), drain, resume: false };
            Ok(something.then_some(claimed))
        };
        let wait = Duration::from(body.wait_ms).min(Duration::from_millis(100));
        let long_poll = async {
            loop {
                let changed = self.changed.notified();
                if let Some(claimed) = claimed()? {
                    return Ok(claimed);
                }
                changed.await;
            }
        };
        match tokio::time::timeout(wait, long_poll).await {
            Ok(answer) => answer,
            Err(_) => Ok(Claimed { received: body.received, ..Claimed::default() }),
        }
    }

    async fn report(&self, _: WorkerId, body: Reports) -> Result<Reported, LinkError> {
        self.reachable()?;
        let details = || body.finished.iter().filter_map(|report| report.detail.as_ref());
        let refused = self.with(|state| {
            state.refuse.is_some_and(|word| details().any(|detail| detail.get().contains(word)))
        });
        if refused {
            return Err(LinkError::Refused("a detail that nobody may send".into()));
        }
        for detail in details() {
            let detail: AttemptDetail = serde_json::from_str(detail.get()).expect("a detail");
            let logs = detail.log.iter().map(|log| &log.sha256);
            let mut named = logs.chain(detail.artifacts.iter().map(|artifact| &artifact.sha256));
            if !self.with(|state| named.all(|sha256| state.blobs.contains_key(sha256))) {
                self.with(|state| state.missing_files += 1);
                return Err(LinkError::MissingFile("a file is not stored".into()));
            }
        }
        self.with(|state| {
            state.reports.extend(body.finished);
            state.returned.extend(body.returned);
        });
        self.until(|state| state.registrations.len() >= state.answer_after).await;
        Ok(Reported::default())
    }

    async fn leave(&self, _: WorkerId, _: uuid::Uuid) -> Result<(), LinkError> {
        self.reachable()?;
        self.with(|state| state.left = true);
        Ok(())
    }

    async fn append_log(
        &self,
        _: AttemptId,
        _: Epoch,
        offset: u64,
        piece: Vec<u8>,
    ) -> Result<Appended, LinkError> {
        let offset = self.with(|state| {
            assert_eq!(offset, state.appended.len() as u64);
            state.appended.extend(piece);
            state.appended.len() as u64
        });
        Ok(Appended { offset })
    }

    async fn put_blob(&self, sha256: String, run: RunId, file: PathBuf) -> Result<(), LinkError> {
        self.reachable()?;
        assert_eq!(run, RunId(1));
        let content = std::fs::read(file).expect("spooled");
        assert_eq!(sha256_hex(&content), sha256);
        self.with(|state| state.store(sha256, content))
    }

    async fn artifacts(&self, test: TestId) -> Result<Vec<Artifact>, LinkError> {
        Ok(self.with(|state| state.artifacts.get(&test).cloned().unwrap_or_default()))
    }

    async fn get_blob(&self, sha256: String, _: u64, file: PathBuf) -> Result<(), LinkError> {
        let blob = self.with(|state| state.blobs.get(&sha256).cloned());
        let blob = blob.ok_or_else(|| LinkError::Refused("no such blob".into()))?;
        std::fs::write(file, blob).map_err(|error| LinkError::Local(error.to_string()))
    }
}

fn settings(directory: &std::path::Path) -> Settings {
    Settings {
        name: "w".into(),
        backends: Arc::default(),
        offer: Offer::new(capability(), true),
        assessors: Assessors::default(),
        prove_first: Vec::new(),
        places: Places::of(&capability(), Vec::new()),
        work_dir: directory.to_owned(),
        environments_dir: None,
        weights: CacheSettings {
            directory: directory.join("weights"),
            limit: CacheLimit::Unlimited,
            digests: directory.join("digests"),
        },
        hub: Err("offline".into()),
        ephemeral: false,
        idle_timeout: None,
        null_runner: false,
        quiet_machine: false,
        calibration_patience: PATIENCE,
        offline: true,
        python: None,
        system_packages: false,
        torch_backend: None,
        pass_env: Vec::new(),
        progress: Arc::new(NoProgress),
    }
}

fn capability() -> Capability {
    Capability {
        os: "linux".into(),
        arch: "x86_64".into(),
        container: String::new(),
        cpu_model: String::new(),
        cpu_milli: 2000,
        memory_bytes: 1 << 30,
        slots: 2,
        backends: [Backend::CPU].into(),
        accelerators: Vec::new(),
        tags: Default::default(),
        unusable: Vec::new(),
        detection_errors: Vec::new(),
    }
}

/// A running worker, with its coordinator.
struct Bench {
    fake: Arc<Fake>,
    stop: Trigger,
    work: JoinSet<Result<Summary, WorkerError>>,
    directory: Arc<tempfile::TempDir>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        Self::start(Arc::default(), directory, change)
    }

    fn start(
        fake: Arc<Fake>,
        directory: Arc<tempfile::TempDir>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = settings(directory.path());
        change(&mut settings);
        let (stop, shutdown) = Shutdown::manual();
        let mut work = JoinSet::new();
        work.spawn(run(settings, fake.clone(), shutdown));
        Self { fake, stop, work, directory }
    }

    async fn over(mut self) -> Summary {
        let over = tokio::time::timeout(LIMIT, self.work.join_next()).await;
        let over = over.expect("it ends in time").expect("a worker");
        over.expect("no panic").expect("it ends well")
    }

    async fn finish(self) -> Summary {
        self.stop.next();
        self.over().await
    }
}

#[tokio::test]
async fn commands_run_and_are_reported() {
    let bench = Bench::new();
    let good = bench.fake.command(1, &["true"]);
    let bad = bench.fake.command(2, &["sh", "-c", "echo out; echo err >&2; exit 3"]);
    let absent = bench.fake.command(3, &["no-such-program"]);
    let (report, detail) = bench.fake.report(good).await;
    assert_eq!((report.outcome, detail.exit_code), (Outcome::Passed, Some(0)));
    let (report, detail) = bench.fake.report(bad).await;
    assert_eq!((report.outcome, detail.exit_code), (Outcome::Failed, Some(3)));
    assert_eq!(detail.output, "out\nerr\n");
    let (report, detail) = bench.fake.report(absent).await;
    assert_eq!((report.outcome, report.class), (Outcome::Error, Some(Class::SetUp)));
    assert!(detail.message.contains("no-such-program"));
    let attempts = bench.directory.path().join("attempts");
    let fake = bench.fake.clone();
    let directory = bench.directory.clone();
    let summary = bench.finish().await;
    assert_eq!(summary.outcomes.values().sum::<u64>(), 3);
    assert!(fake.with(|state| state.left));
    assert_eq!(std::fs::read_dir(attempts).expect("a directory").count(), 0);
    drop(directory);
}

#[tokio::test]
async fn a_test_sees_only_its_own_environment_and_directory() {
    let bench = Bench::new();
    let lease = bench.fake.grant(
        1,
        1,
        json!({ "run": { "command": ["env"] }, "env": { "MINE": "1" }, "backend": "cpu" }),
    );
    let (_, detail) = bench.fake.report(lease).await;
    let has = |line: &str| detail.output.lines().any(|have| have == line);
    assert!(has("MINE=1") && has("DTF_ATTEMPT=r1.t1.a1") && has("DTF_BACKEND=cpu"));
    assert!(has("OMP_NUM_THREADS=2") && has("CUDA_VISIBLE_DEVICES=-1"));
    assert!(!detail.output.contains("CARGO"), "{}", detail.output);
    bench.finish().await;
}

#[tokio::test]
async fn excessive_output_is_cut_in_the_middle_and_sent_as_a_blob() {
    let bench = Bench::new();
    let lease = bench.fake.command(1, &["sh", "-c", "head -c 30000000 /dev/zero; echo end"]);
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!(report.outcome, Outcome::Passed);
    let log = detail.log.expect("a log");
    assert_eq!(log.written_bytes, 30_000_004);
    let blob = bench.fake.with(|state| state.blobs[&log.sha256].clone());
    assert!(blob.ends_with(b"end\n") && blob.len() as u64 == log.size_bytes);
    assert!(blob.len() < 1_100_000);
    let logs = bench.directory.path().join("spool/logs");
    let directory = bench.directory.clone();
    bench.finish().await;
    assert_eq!(std::fs::read_dir(logs).expect("a directory").count(), 0);
    drop(directory);
}

#[cfg(target_os = "linux")]
fn marked(marker: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("proc").flatten();
    entries
        .filter_map(|entry| std::fs::read(entry.path().join("environ")).ok())
        .filter(|environ| String::from_utf8_lossy(environ).contains(marker))
        .count()
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_process_tree_that_ignores_sigterm_and_leaves_its_group_is_ended_at_the_limit() {
    let bench = Bench::new();
    let program =
        "trap '' TERM; setsid sleep 1000 & (trap '' TERM; sleep 1000) & echo up; wait; sleep 1000";
    let lease = bench.fake.grant(
        1,
        1,
        json!({
            "run": { "command": ["sh", "-c", program] }, "timeout_ms": 300, "grace_ms": 100,
            "env": { "FIND_ME": "a-tree-that-ignores" },
        }),
    );
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!((report.outcome, report.class), (Outcome::TimedOut, Some(Class::WallClock)));
    assert_eq!((detail.exit_code, detail.output.as_str()), (None, "up\n"));
    assert_eq!(marked("FIND_ME=a-tree-that-ignores"), 0);
    bench.finish().await;
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn leftover_processes_neither_block_a_test_nor_outlive_it() {
    let bench = Bench::new();
    let leave = |epoch, program: &str, name: &str| {
        let launch =
            json!({ "run": { "command": ["sh", "-c", program] }, "env": { "FIND_ME": name } });
        bench.fake.grant(epoch, epoch, launch)
    };
    let holder = leave(1, "setsid sleep 1000 & echo held", "holds-output");
    let quiet = leave(2, "setsid sleep 1000 </dev/null >/dev/null 2>&1 & true", "runs-quietly");
    for lease in [holder, quiet] {
        assert_eq!(bench.fake.report(lease).await.0.outcome, Outcome::Passed);
    }
    assert_eq!((marked("FIND_ME=holds-output"), marked("FIND_ME=runs-quietly")), (0, 0));
    bench.finish().await;
}

#[tokio::test]
async fn silence_has_a_separate_time_limit() {
    let bench = Bench::new();
    let lease = bench.fake.grant(
        1,
        1,
        json!({ "run": { "command": ["sleep", "1000"] }, "silence_ms": 200, "grace_ms": 100 }),
    );
    let (report, _) = bench.fake.report(lease).await;
    assert_eq!((report.outcome, report.class), (Outcome::TimedOut, Some(Class::Silence)));
    bench.finish().await;
}

#[tokio::test]
async fn output_is_sent_while_the_attempt_runs() {
    let bench = Bench::new();
    let lease = bench.fake.command(1, &["sh", "-c", "echo early; sleep 1000"]);
    bench.fake.until(|state| state.appended == b"early\n").await;
    bench.fake.with(|state| state.stop.push(lease));
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!(report.outcome, Outcome::Cancelled);
    assert_eq!(detail.signal, Some(15));
    bench.finish().await;
}

const GOOD_SCRIPT: &str = r#"
import json, os
with open(os.environ["DTF_RESULT"], "a") as out:
    for line in [
        {"event": "phase", "name": "load", "status": "begin"},
        {"event": "metric", "name": "latency", "unit": "ms", "better": "lower", "values": [1.0]},
        {"event": "result", "outcome": "passed", "message": "fine"},
    ]:
        out.write(json.dumps(line) + "\n")
print("done", os.getcwd() == os.environ["HOME"])
"#;

#[tokio::test]
async fn scripts_are_judged_by_their_reports() {
    let bench = Bench::new();
    let good = bench.fake.script(1, GOOD_SCRIPT, "cold");
    let mute = bench.fake.script(2, "print('nothing to say')", "cold");
    let broken = bench.fake.script(3, "raise SystemExit(7)", "warm");
    let crash = bench.fake.script(4, "import os; os.kill(os.getpid(), 11)", "cold");
    let (report, detail) = bench.fake.report(good).await;
    assert_eq!(report.outcome, Outcome::Passed, "{detail:?}");
    assert_eq!((detail.output.as_str(), detail.isolation.as_str()), ("done True\n", "cold"));
    assert_eq!(detail.metrics.len(), 1);
    assert!(detail.environment.contains_key("python"));
    let (report, _) = bench.fake.report(mute).await;
    assert_eq!((report.outcome, report.class), (Outcome::Error, Some(Class::NoResult)));
    let (report, detail) = bench.fake.report(broken).await;
    assert_eq!((report.outcome, detail.exit_code), (Outcome::Error, Some(7)));
    let (report, detail) = bench.fake.report(crash).await;
    assert_eq!((report.class, detail.signal), (Some(Class::Crash), Some(11)));
    bench.finish().await;
}

#[tokio::test]
async fn a_file_with_other_content_is_never_run() {
    let bench = Bench::new();
    let lease = bench.fake.script(1, "print(1)", "cold");
    bench.fake.with(|state| state.blobs.values_mut().for_each(|blob| blob[0] = b'q'));
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!(report.class, Some(Class::SetUp));
    assert!(detail.message.contains("does not match its digest"), "{}", detail.message);
    bench.finish().await;
}

#[tokio::test]
async fn the_first_stop_drains_and_the_second_kills() {
    let bench = Bench::new();
    let running = bench.fake.command(1, &["sleep", "1000"]);
    let waits = bench.fake.grant(2, 1, json!({ "run": { "command": ["true"] } }));
    let attempts = bench.directory.path().join("attempts");
    let waiting = async {
        while std::fs::read_dir(&attempts).map_or(0, std::iter::Iterator::count) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("the attempt starts");
    bench.stop.next();
    bench.fake.until(|state| state.returned == [waits]).await;
    assert!(!bench.fake.with(|state| state.left), "{running:?} still runs");
    bench.stop.next();
    let fake = bench.fake.clone();
    bench.over().await;
    assert!(fake.with(|state| state.left && state.reports.is_empty()));
}

#[tokio::test]
async fn ephemeral_workers_leave_automatically() {
    let bench = Bench::with(|settings| settings.ephemeral = true);
    bench.fake.command(1, &["true"]);
    let summary = bench.over().await;
    assert_eq!(summary.outcomes, [(Outcome::Passed, 1)].into());
}

#[tokio::test]
async fn the_null_runner_reports_all_tests_in_few_requests() {
    let bench = Bench::with(|settings| settings.null_runner = true);
    bench.fake.with(|state| state.away = true);
    for epoch in 1..=5000 {
        bench.fake.grant(epoch, epoch % 7, json!({ "run": { "command": ["false"] } }));
    }
    bench.fake.with(|state| state.away = false);
    bench.fake.until(|state| state.reports.len() == 5000).await;
    assert_eq!(bench.finish().await.outcomes, [(Outcome::Passed, 5000)].into());
}
