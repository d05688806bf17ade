//! Starts a coordinator on port 0 over a log in memory, and a results database and files in a temporary
//! directory, all of which fail on demand, with workers that a test controls.

use crate::api::v1::leases::{Claim, Claimed, LeaseView, Report, Reports};
use crate::api::v1::runs::SubmitRun;
use crate::api::v1::workers::Register;
use crate::blobs::{self, Blob, BlobDigest, BlobError, BlobStore, FileBlobs, Stored};
use crate::client::{Client, ClientOptions, Retry};
use crate::coordinator::database::DatabaseWriter;
use crate::coordinator::leadership::DirectoryLeadership;
use crate::coordinator::projector::{Committed, Projection};
use crate::coordinator::settings::{Settings, StorageLimits};
use crate::coordinator::standby::{Leader, Standby};
use crate::coordinator::startup::{CoordinatorError, Opened, authenticators, run_opened};
use crate::coordinator::weights::{self, WeightsStore};
use crate::domain::capability::Capability;
use crate::domain::id::{Epoch, LeaseId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::log::memory::MemoryLog;
use crate::log::{EventLog, LogError};
use crate::results::{CurrentStore, Reader};
use crate::scheduler::Scheduler;
use crate::store::{self, Store, StoreError};
use crate::sys::clock::wall;
use crate::sys::ids;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, SystemTime};
use tempfile::TempPath;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A log in memory that fails on demand, and whether the disk of the database is full.
pub struct Disk {
    pub log: MemoryLog,
    pub database_full: AtomicBool,
    /// No file can be stored.
    pub files_full: AtomicBool,
    /// Set while the database is damaged. It is repaired when the test sends a message.
    damaged: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Disk {
    fn new() -> Arc<Self> {
        let (database_full, files_full) = (AtomicBool::new(false), AtomicBool::new(false));
        let damaged = Mutex::new(None);
        Arc::new(Self { log: MemoryLog::new(), database_full, files_full, damaged })
    }

    /// Damages the database, until the test drops or uses the sender.
    pub fn damage_database(&self) -> mpsc::SyncSender<()> {
        let (repair, repaired) = mpsc::sync_channel(1);
        *self.damaged() = Some(repaired);
        repair
    }

    fn damaged(&self) -> MutexGuard<'_, Option<mpsc::Receiver<()>>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces all records but the last by the state. Nobody else uses the log.
    pub fn compact(&self) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut leadership = DirectoryLeadership::new(directory.path());
        let standby = Standby::open(Box::new(self.log.reopen())).expect("a log that fits");
        let Leader { mut log, scheduler, .. } =
            standby.lead(&mut leadership, wall()).expect("leads");
        let last = log.last();
        let state = scheduler.snapshot();
        log.compact(last - 1, last, &mut state.pieces()).expect("compacted");
    }
}

/// Stored files, whose disk is full on demand.
struct Files {
    blobs: FileBlobs,
    disk: Arc<Disk>,
}

impl Files {
    fn has_space(&self) -> Result<(), BlobError> {
        if self.disk.files_full.load(Ordering::SeqCst) {
            let full = std::io::ErrorKind::StorageFull.into();
            return Err(BlobError::of_io("write", Path::new("blobs"), full));
        }
        Ok(())
    }
}

impl BlobStore for Files {
    fn put(
        &self,
        digest: &BlobDigest,
        content: &mut dyn Read,
        limit: u64,
    ) -> Result<u64, BlobError> {
        self.has_space()?;
        self.blobs.put(digest, content, limit)
    }

    fn put_file(&self, digest: &BlobDigest, file: TempPath) -> Result<(), BlobError> {
        self.has_space()?;
        self.blobs.put_file(digest, file)
    }

    fn open(&self, digest: &BlobDigest) -> Result<Option<Blob>, BlobError> {
        self.blobs.open(digest)
    }

    fn get(&self, digest: &BlobDigest, limit: u64) -> Result<Option<Vec<u8>>, BlobError> {
        self.blobs.get(digest, limit)
    }

    fn verify(&self, digest: &BlobDigest) -> Result<Option<u64>, BlobError> {
        self.blobs.verify(digest)
    }

    fn list(&self, group: u8, visit: &mut dyn FnMut(Stored)) -> Result<(), BlobError> {
        self.blobs.list(group, visit)
    }

    fn remove(&self, digest: &BlobDigest, before: SystemTime) -> Result<Option<u64>, BlobError> {
        self.blobs.remove(digest, before)
    }

    fn adopted(&self) -> Result<Option<SystemTime>, BlobError> {
        self.blobs.adopted()
    }

    fn remove_partial(&self, group: u8, before: SystemTime) -> Result<u64, BlobError> {
        self.blobs.remove_partial(group, before)
    }
}

/// The results database, which fails on demand.
struct Database {
    inner: DatabaseWriter,
    disk: Arc<Disk>,
}

impl Projection for Database {
    fn watermark(&self) -> u64 {
        self.inner.watermark()
    }

    fn project(&mut self, records: &[Committed]) -> Result<(), StoreError> {
        if self.disk.database_full.load(Ordering::SeqCst) {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(StoreError::File { doing: "write to", path: "results".into(), source });
        }
        if self.disk.damaged().is_some() {
            return Err(StoreError::Foreign { path: "results".into(), reason: "damage".into() });
        }
        for (record, sequence) in records.iter().zip(self.inner.watermark() + 1..) {
            assert_eq!(record.sequence, sequence, "without gap or repeat");
        }
        self.inner.project(records)
    }

    fn reopen(&mut self, _: bool) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let repair = self.disk.damaged().take();
        // Without a repair to wait for, the fault is of the real database.
        if let Some(repair) = repair {
            repair.recv()?;
        }
        self.inner.reopen(true)
    }

    fn reread(&mut self, after: u64, _: usize) -> Result<Vec<Committed>, LogError> {
        let mut records = Vec::new();
        self.disk.log.reader().replay(after, &mut |sequence, facts| {
            records.push(Committed { sequence, facts });
            records.len() < 2
        })?;
        Ok(records)
    }
}

/// A running coordinator.
pub struct Running {
    pub client: Client,
    pub url: String,
    pub disk: Arc<Disk>,
    directory: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    role: JoinHandle<Result<Scheduler, CoordinatorError>>,
}

impl Running {
    pub async fn start() -> Self {
        Self::over(Disk::new(), tempfile::tempdir().expect("a directory")).await
    }

    /// Starts with the lines of a token file.
    pub async fn guarded(tokens: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("tokens");
        std::fs::write(&file, tokens).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("set");
        let mut settings = Settings::new(directory.path());
        settings.token_file = Some(file);
        Self::with(settings, Disk::new(), directory).await
    }

    /// Starts with limits of what is stored.
    pub async fn limited(storage: StorageLimits) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut settings = Settings::new(directory.path());
        settings.storage = storage;
        Self::with(settings, Disk::new(), directory).await
    }

    /// Starts from the log of `disk`, with limits of what is stored.
    pub async fn limited_over(
        storage: StorageLimits,
        disk: Arc<Disk>,
        directory: tempfile::TempDir,
    ) -> Self {
        let mut settings = Settings::new(directory.path());
        settings.storage = storage;
        Self::with(settings, disk, directory).await
    }

    /// Starts from the log of `disk`, and searches at once for files that nothing names.
    pub async fn collecting(disk: Arc<Disk>, directory: tempfile::TempDir) -> Self {
        let mut settings = Settings::new(directory.path());
        settings.collect_after = Duration::ZERO;
        Self::with(settings, disk, directory).await
    }

    /// Directory of the coordinator.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts from the log of `disk`.
    pub async fn over(disk: Arc<Disk>, directory: tempfile::TempDir) -> Self {
        Self::with(Settings::new(directory.path()), disk, directory).await
    }

    async fn with(settings: Settings, disk: Arc<Disk>, directory: tempfile::TempDir) -> Self {
        let mut leadership = DirectoryLeadership::new(directory.path());
        let standby = Standby::open(Box::new(disk.log.reopen())).expect("a log that fits");
        let leader = standby.lead(&mut leadership, wall()).expect("nobody else leads");
        let path = directory.path().join(store::FILE_NAME);
        let store = Store::open(&path, disk.log.identity()).expect("a database");
        let blobs = FileBlobs::new(directory.path().join(blobs::DIRECTORY));
        let weights = WeightsStore::open(&weights::root(directory.path()), disk.log.identity());
        let weights = weights.expect("weights");
        let current = CurrentStore::new(store.store);
        let database = DatabaseWriter {
            path,
            identity: disk.log.identity(),
            writer: Some(store.writer),
            log: disk.log.reader(),
            current: current.clone(),
            substitute: None,
            uncompared: None,
        };
        let opened = Opened {
            leader,
            leadership: Arc::new(leadership),
            identity: "test".into(),
            projection: Box::new(Database { inner: database, disk: Arc::clone(&disk) }),
            results: Reader::new(current),
            blobs: Arc::new(Files { blobs, disk: Arc::clone(&disk) }),
            weights: Arc::new(weights),
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
        Self { client, url, disk, directory, stop: Some(stop), role }
    }

    /// Stops the coordinator cleanly.
    pub async fn stop(mut self) -> (Arc<Disk>, tempfile::TempDir) {
        drop(self.stop.take());
        self.role.await.expect("no panic").expect("a clean stop");
        (self.disk, self.directory)
    }

    /// Waits for the coordinator to end without being asked to.
    pub async fn end(self) -> Result<Scheduler, CoordinatorError> {
        self.role.await.expect("no panic")
    }
}

/// A run of `count` commands that end at once.
pub fn run_of(count: u32) -> SubmitRun {
    let tests: Vec<_> = (0..count)
        .map(|n| serde_json::json!({"name": format!("t{n}"), "launch": {"run": {"command": ["true"]}}}))
        .collect();
    let run = serde_json::json!({"name": "a run", "tests": tests});
    serde_json::from_value(run).expect("a run")
}

/// A worker that a test controls.
pub struct Hand {
    pub worker: WorkerId,
    pub incarnation: Uuid,
    pub received: Epoch,
    key: Uuid,
    slots: u32,
    client: Client,
}

impl Hand {
    pub async fn register(client: &Client, slots: u32) -> Self {
        let (key, incarnation) = (ids::new_id(), ids::new_id());
        let (worker, received) = (WorkerId(0), Epoch(0));
        let hand = Self { worker, incarnation, received, key, slots, client: client.clone() };
        let worker = hand.register_again().await;
        Self { worker, ..hand }
    }

    /// Registers the same process, which holds no lease: those that it has received are lost.
    pub async fn register_again(&self) -> WorkerId {
        let register = Register {
            key: self.key,
            incarnation: self.incarnation,
            place: "hand".into(),
            name: "hand".into(),
            capability: Arc::new(capability(self.slots)),
            holding: Vec::new(),
            weights: None,
            version: "0".into(),
        };
        self.client.register(&register).await.expect("registered").worker
    }

    /// The same worker, at a coordinator that was started again.
    pub fn at(self, client: &Client) -> Self {
        Self { client: client.clone(), ..self }
    }

    pub async fn claim(&mut self, wait_ms: u64) -> Claimed {
        let claim = Claim {
            incarnation: self.incarnation,
            received: self.received,
            wait_ms: Millis(wait_ms),
            notices_only: false,
        };
        let claimed = self.client.claim(self.worker, &claim).await.expect("claimed");
        assert!(claimed.received >= self.received, "notices only grow");
        self.received = claimed.received;
        claimed
    }

    pub async fn report(&self, leases: &[LeaseView], detail: &str) {
        assert_eq!(self.send(leases, detail).await, []);
    }

    /// Reports results, and returns the leases that the worker does not hold.
    pub async fn send(&self, leases: &[LeaseView], detail: &str) -> Vec<LeaseId> {
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
        self.client.report(self.worker, &reports).await.expect("reported").conflicts
    }
}

pub fn capability(slots: u32) -> Capability {
    serde_json::from_value(serde_json::json!({
        "os": "linux", "arch": "x86_64", "cpu_milli": 1000 * u64::from(slots),
        "memory_bytes": 1u64 << 33, "slots": slots, "backends": ["cpu"],
    }))
    .expect("a capability")
}
