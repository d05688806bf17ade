//! Starts a coordinator on port 0 over stores in memory that can be told to fail, and
//! plays workers by hand.

use crate::api::v1::history::{HistoryQuery, HistoryView};
use crate::api::v1::leases::{Claim, Claimed, LeaseView, Report, Reports};
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::api::v1::runs::{RunView, SubmitRun};
use crate::api::v1::templates::TemplateView;
use crate::api::v1::test_views::{AttemptQuery, AttemptView, TestQuery, TestView};
use crate::api::v1::workers::Register;
use crate::client::{Client, ClientOptions, Retry};
use crate::coordinator::commit::Journal;
use crate::coordinator::projector::{Committed, Projection};
use crate::coordinator::results::{Fault, Results};
use crate::coordinator::role::{CoordinatorError, Opened, authenticators, run_opened};
use crate::coordinator::settings::Settings;
use crate::domain::capability::Capability;
use crate::domain::fact::Fact;
use crate::domain::id::{AttemptId, Epoch, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::test::Phase;
use crate::domain::time::Millis;
use crate::scheduler::Scheduler;
use crate::sys::clock::Clock;
use crate::sys::ids;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Log, database and blobs in memory.
#[derive(Default)]
pub struct Disk {
    log: Mutex<Vec<Vec<Fact>>>,
    projected: Mutex<Vec<Fact>>,
    watermark: AtomicU64,
    blobs: Mutex<HashMap<String, Vec<u8>>>,
    pub log_full: AtomicBool,
    pub database_full: AtomicBool,
}

struct OnDisk(Arc<Disk>);

impl Journal for OnDisk {
    fn append(&mut self, events: &[Fact]) -> Result<u64, String> {
        if self.0.log_full.load(Ordering::SeqCst) {
            return Err("no space left".into());
        }
        let mut log = self.0.log.lock().expect("a lock");
        log.push(events.to_vec());
        Ok(log.len() as u64)
    }

    fn write_snapshot(&mut self, at: u64, _: Vec<Vec<u8>>) -> Result<(), String> {
        assert_eq!(at, self.0.log.lock().expect("a lock").len() as u64);
        Ok(())
    }
}

impl Projection for OnDisk {
    fn watermark(&self) -> u64 {
        self.0.watermark.load(Ordering::SeqCst)
    }
    fn project(&mut self, records: &[Committed]) -> Result<(), String> {
        if self.0.database_full.load(Ordering::SeqCst) {
            return Err("no space left".into());
        }
        let mut projected = self.0.projected.lock().expect("a lock");
        for record in records {
            let before = self.0.watermark.swap(record.sequence, Ordering::SeqCst);
            assert_eq!(before + 1, record.sequence, "without gap or repeat");
            projected.extend_from_slice(&record.events);
        }
        Ok(())
    }
    fn reread(&mut self, after: u64, _: usize) -> Result<Vec<Committed>, String> {
        let log = self.0.log.lock().expect("a lock");
        let records = log.iter().zip(1..).skip(after as usize).take(2);
        Ok(records
            .map(|(events, sequence)| Committed { sequence, events: events.clone() })
            .collect())
    }
}

impl Results for OnDisk {
    fn tests(
        &self,
        query: &TestQuery,
        done: Option<bool>,
        after: Option<TestId>,
        limit: usize,
    ) -> Result<Vec<TestView>, Fault> {
        let mut found = Vec::new();
        for event in self.0.projected.lock().expect("a lock").iter() {
            if let Fact::TestsAdded { run, first, tests, .. } = event {
                for (index, spec) in (*first..).zip(tests) {
                    found.push(view(TestId { run: *run, index }, &spec.name));
                }
            }
        }
        found.retain(|test| after.is_none_or(|after| test.test > after));
        found.retain(|test| query.run.is_none_or(|run| run == test.test.run));
        found.retain(|test| done.is_none_or(|done| done == test.outcome.is_some()));
        found.truncate(limit);
        Ok(found)
    }
    fn test(&self, test: TestId) -> Result<Option<TestView>, Fault> {
        let all = self.tests(&TestQuery::default(), None, None, usize::MAX)?;
        Ok(all.into_iter().find(|view| view.test == test))
    }
    fn attempts(
        &self,
        _: &AttemptQuery,
        after: Option<AttemptId>,
        limit: usize,
    ) -> Result<Vec<AttemptView>, Fault> {
        let projected = self.0.projected.lock().expect("a lock");
        let mut found: Vec<AttemptView> = projected.iter().filter_map(attempt).collect();
        found.retain(|view| after.is_none_or(|after| view.attempt > after));
        found.truncate(limit);
        Ok(found)
    }
    fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptView>, Fault> {
        let all = self.attempts(&AttemptQuery::default(), None, usize::MAX)?;
        Ok(all.into_iter().find(|view| view.attempt == attempt))
    }
    fn past(&self, _: &HistoryQuery) -> Result<HistoryView, Fault> {
        Err("not part of this".into())
    }
    /// The scheduler has forgotten none here.
    fn runs(&self, _: Option<RunId>, _: usize) -> Result<Vec<RunView>, Fault> {
        Ok(Vec::new())
    }
    fn run(&self, _: RunId) -> Result<Option<RunView>, Fault> {
        Ok(None)
    }
    fn report(&self, _: &ReportQuery, _: usize) -> Result<ReportView, Fault> {
        Err("not part of this".into())
    }
    fn template_versions(&self, _: Option<&str>) -> Result<Vec<TemplateView>, Fault> {
        Err("not part of this".into())
    }
    fn blob_size(&self, sha256: &str) -> Result<Option<u64>, Fault> {
        let blobs = self.0.blobs.lock().expect("a lock");
        Ok(blobs.get(sha256).map(|blob| blob.len() as u64))
    }
    fn blob(&self, sha256: &str) -> Result<Option<std::fs::File>, Fault> {
        use std::io::{Seek, Write};
        let blobs = self.0.blobs.lock().expect("a lock");
        let Some(blob) = blobs.get(sha256) else { return Ok(None) };
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(blob).expect("written");
        file.rewind().expect("rewound");
        Ok(Some(file))
    }
    fn keep_blob(&self, sha256: &str, file: &Path) -> Result<(), Fault> {
        let content = std::fs::read(file).map_err(|error| error.to_string())?;
        self.0.blobs.lock().expect("a lock").insert(sha256.into(), content);
        Ok(())
    }
}

/// Nothing here says how a test ended: these scenarios ask the scheduler.
fn view(test: TestId, name: &str) -> TestView {
    TestView {
        test,
        name: name.into(),
        phase: Phase::Waiting,
        outcome: None,
        class: None,
        flaky: false,
        attempts: 0,
        message: None,
        finished_at: None,
        labels: std::collections::BTreeMap::new(),
    }
}

fn attempt(event: &Fact) -> Option<AttemptView> {
    let Fact::AttemptFinished { lease, worker, outcome, class, duration_ms, detail, at, .. } =
        event
    else {
        return None;
    };
    let detail = detail.as_ref().and_then(|detail| serde_json::from_str(detail.get()).ok());
    Some(AttemptView {
        attempt: lease.attempt,
        name: String::new(),
        worker: *worker,
        worker_name: String::new(),
        outcome: *outcome,
        class: *class,
        duration_ms: *duration_ms,
        finished_at: *at,
        detail: detail.unwrap_or_default(),
    })
}

/// A running coordinator.
pub struct Running {
    pub client: Client,
    pub url: String,
    pub disk: Arc<Disk>,
    folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    role: JoinHandle<Result<Scheduler, CoordinatorError>>,
}

impl Running {
    pub async fn start() -> Self {
        Self::over(Arc::default(), tempfile::tempdir().expect("a folder")).await
    }

    /// Knows the lines of a token file.
    pub async fn guarded(tokens: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tokens");
        std::fs::write(&file, tokens).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("set");
        let mut settings = Settings::new(folder.path());
        settings.token_file = Some(file);
        Self::with(settings, Arc::default(), folder).await
    }

    /// Replays what is on `disk`.
    pub async fn over(disk: Arc<Disk>, folder: tempfile::TempDir) -> Self {
        Self::with(Settings::new(folder.path()), disk, folder).await
    }

    async fn with(settings: Settings, disk: Arc<Disk>, folder: tempfile::TempDir) -> Self {
        let clock = Clock::start();
        let mut scheduler = Scheduler::new();
        let log = disk.log.lock().expect("a lock").clone();
        for event in log.iter().flatten() {
            scheduler.apply(event);
        }
        scheduler.restarted(clock.now());
        let opened = Opened {
            scheduler,
            since_snapshot: 0,
            committed: log.len() as u64,
            clock,
            identity: "test".into(),
            journal: Box::new(OnDisk(Arc::clone(&disk))),
            projection: Box::new(OnDisk(Arc::clone(&disk))),
            results: Arc::new(OnDisk(Arc::clone(&disk))),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let url = format!("http://{address}");
        let (stop, stopped) = oneshot::channel::<()>();
        let guard = authenticators(&settings, address).expect("loopback");
        #[expect(clippy::disallowed_methods, reason = "joined by `stop`")]
        let role = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            run_opened(&settings, guard, opened, listener, shutdown).await
        });
        let mut options = ClientOptions::new(&url);
        options.retry = Retry::NEVER;
        let client = Client::new(options).expect("a client");
        Self { client, url, disk, folder, stop: Some(stop), role }
    }

    /// Stops in good order.
    pub async fn stop(mut self) -> (Arc<Disk>, tempfile::TempDir) {
        drop(self.stop.take());
        self.role.await.expect("no panic").expect("a clean stop");
        (self.disk, self.folder)
    }

    /// How it ends by itself.
    pub async fn end(self) -> Result<Scheduler, CoordinatorError> {
        self.role.await.expect("no panic")
    }
}

/// A run of `count` commands that wait for nothing.
pub fn run_of(count: u32) -> SubmitRun {
    let tests: Vec<_> = (0..count)
        .map(|n| serde_json::json!({"name": format!("t{n}"), "launch": {"run": {"command": ["true"]}}}))
        .collect();
    let run = serde_json::json!({"name": "a run", "tests": tests});
    serde_json::from_value(run).expect("a run")
}

/// A worker played by hand.
pub struct Hand {
    pub worker: WorkerId,
    pub incarnation: Uuid,
    pub received: Epoch,
    client: Client,
}

impl Hand {
    pub async fn register(client: &Client, slots: u32) -> Self {
        let incarnation = ids::new_id();
        let register = Register {
            key: ids::new_id(),
            incarnation,
            place: "hand".into(),
            name: "hand".into(),
            capability: Arc::new(capability(slots)),
            holding: Vec::new(),
            version: "0".into(),
        };
        let registered = client.register(&register).await.expect("registered");
        let worker = registered.worker;
        Self { worker, incarnation, received: Epoch(0), client: client.clone() }
    }

    pub async fn claim(&mut self, wait_ms: u64) -> Claimed {
        let claim = Claim {
            incarnation: self.incarnation,
            received: self.received,
            wait_ms: Millis(wait_ms),
        };
        let claimed = self.client.claim(self.worker, &claim).await.expect("claimed");
        assert!(claimed.received >= self.received, "notices only grow");
        self.received = claimed.received;
        claimed
    }

    pub async fn report(&self, leases: &[LeaseView], detail: &str) {
        let finished = leases
            .iter()
            .map(|lease| Report {
                lease: lease.lease,
                outcome: Outcome::Passed,
                class: None,
                flaky: false,
                duration_ms: Millis(5),
                detail: serde_json::from_str(detail).expect("JSON"),
            })
            .collect();
        let reports = Reports { incarnation: self.incarnation, finished, returned: Vec::new() };
        let reported = self.client.report(self.worker, &reports).await.expect("reported");
        assert_eq!(reported.conflicts, []);
    }
}

pub fn capability(slots: u32) -> Capability {
    serde_json::from_value(serde_json::json!({
        "os": "linux", "arch": "x86_64", "cpu_milli": 1000 * u64::from(slots),
        "memory_bytes": 1u64 << 33, "slots": slots, "backends": ["cpu"],
    }))
    .expect("a capability")
}
