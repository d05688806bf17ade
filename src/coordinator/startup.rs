//! Starts the parts of a coordinator, and stops and joins them in order.

use crate::blobs::BlobStore;
use crate::coordinator::again::Confirmer;
use crate::coordinator::commit::{self, Listeners, MAX_WAITING};
use crate::coordinator::compaction::{Compaction, CompactionThread};
use crate::coordinator::database::DatabaseWriter;
use crate::coordinator::files::Housekeeping;
use crate::coordinator::files::collect::Collector;
use crate::coordinator::files::run_files::RunFiles;
use crate::coordinator::files::space::Space;
use crate::coordinator::health::{Health, Part};
use crate::coordinator::http::app::App;
use crate::coordinator::http::auth::{Authenticators, LocalAdmin, StaticTokens, TokenFileError};
use crate::coordinator::http::refusals::Refusals;
use crate::coordinator::http::router::bodies::Bodies;
use crate::coordinator::http::serve::serve;
use crate::coordinator::leadership::Leadership;
use crate::coordinator::live::LiveLogs;
use crate::coordinator::mailbox::{Mailbox, MailboxError, Request, Senders};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::pages::streams::Streams;
use crate::coordinator::projector::{Projection, Projector};
use crate::coordinator::recovery::error::RecoveryError;
use crate::coordinator::recovery::{self, Recovered, recover};
use crate::coordinator::runtime::Runtime;
use crate::coordinator::settings::Settings;
use crate::coordinator::standby::Leader;
use crate::coordinator::tick;
use crate::coordinator::weights::WeightsStore;
use crate::log::{EventLog, LogError};
use crate::results::{CurrentStore, Reader};
use crate::scheduler::engine::{Batch, Input, SnapshotPolicy};
use crate::scheduler::{FactError, Scheduler};
use crate::store::{self, archive};
use crate::sys::clock::Clock;
use crate::sys::program;
use crate::sys::spawn::Tasks;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;

/// Time for which a coordinator that must stop still answers with the reason.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// Stack size of the threads.
const STACK_BYTES: usize = 2 * 1024 * 1024;
/// Time for the tick task to end, which it does when the mailbox closes.
const TICK_GRACE: Duration = Duration::from_secs(1);
/// Time for which the search for suspected changes of one run may continue after the stop.
const CONFIRM_GRACE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    #[error("{0} can be reached from other machines, and there is no token file")]
    Exposed(SocketAddr),
    #[error("cannot use {path}: {source}")]
    Directory { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// Everything that was acknowledged is safe.
    #[error("cannot write the event log")]
    LogLost(#[source] LogError),
    #[error("this coordinator does not lead any more: {0}")]
    LeadershipLost(String),
    #[error("internal error: {0} panicked; please report this")]
    Panicked(&'static str),
    #[error("internal error: a decision contradicts the state ({0}); please report this")]
    Inconsistent(#[from] FactError),
    #[error("internal error: the scheduler does not take requests; please report this")]
    Stuck,
}

impl CoordinatorError {
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Recovery(error) => error.hint(),
            Self::Directory { .. } => "use a --data-dir that this user may write to",
            Self::Tokens(error) => {
                error.hint().unwrap_or("name a file that this user can read with --token-file")
            }
            Self::Exposed(_) => "use --token-file, or listen on 127.0.0.1",
            Self::LeadershipLost(_) => {
                "another coordinator may have taken over; check which ones are running"
            }
            Self::LogLost(error @ (LogError::Moved { .. } | LogError::Fenced { .. })) => {
                recovery::error::of_log(error)
            }
            Self::LogLost(LogError::Full { .. }) => {
                "free disk space and start the coordinator again; nothing acknowledged is lost"
            }
            Self::LogLost(_) => {
                "repair the disk and start the coordinator again; nothing acknowledged is lost"
            }
            Self::Start(_) => "check the limits of processes and open files of this user",
            Self::Panicked(_) | Self::Inconsistent(_) | Self::Stuck => {
                "start the coordinator again, and report this with its log lines; nothing \
                 acknowledged is lost"
            }
        }
    }
}

/// The recovered parts that hold state.
pub(crate) struct Opened {
    pub leader: Leader,
    pub leadership: Arc<dyn Leadership>,
    pub identity: String,
    pub projection: Box<dyn Projection>,
    pub results: Reader,
    pub blobs: Arc<dyn BlobStore>,
    pub weights: Arc<WeightsStore>,
}

/// The authenticators for requests to this address.
///
/// # Errors
/// An address that other machines reach without a token file, or a token file that cannot be used.
pub(crate) fn authenticators(
    settings: &Settings,
    address: SocketAddr,
) -> Result<Authenticators, CoordinatorError> {
    match &settings.token_file {
        Some(path) => Ok(Authenticators::new(vec![Box::new(StaticTokens::load(path)?)])),
        None if address.ip().is_loopback() => Ok(Authenticators::new(vec![Box::new(LocalAdmin)])),
        None => Err(CoordinatorError::Exposed(address)),
    }
}

/// The threads that run beside the HTTP server.
struct Threads {
    mailbox: Mailbox,
    health: Arc<Health>,
    owner: JoinHandle<Result<Scheduler, FactError>>,
    committer: JoinHandle<Result<(), LogError>>,
    projector: JoinHandle<()>,
    housekeeping: Housekeeping,
    compaction: CompactionThread,
}

/// Runs a coordinator on `listener` until `shutdown`.
///
/// # Errors
/// A data directory that is in use or damaged, an address that other machines reach without a
/// token file, and a log that cannot be written any more. What was acknowledged is safe.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), CoordinatorError> {
    let address = listener.local_addr().map_err(CoordinatorError::Start)?;
    let authenticators = authenticators(&settings, address)?;
    let (data_dir, accept) = (settings.data_dir.clone(), settings.accept_lost_records);
    let recovered = tokio::task::spawn_blocking(move || recover(&data_dir, accept));
    let recovered = recovered.await.map_err(|_| CoordinatorError::Panicked("the recovery"))??;
    let Recovered {
        leader,
        leadership,
        identity,
        blobs,
        weights,
        store: opened,
        substitute,
        uncompared,
    } = recovered;
    let current = CurrentStore::new(opened.store);
    let projection = DatabaseWriter {
        path: settings.data_dir.join(store::FILE_NAME),
        identity: leader.log.identity(),
        writer: Some(opened.writer),
        log: leader.log.reader(),
        current: current.clone(),
        substitute,
        uncompared,
    };
    // Led until everything has stopped.
    let held = Arc::clone(&leadership);
    let opened = Opened {
        leader,
        leadership,
        identity,
        projection: Box::new(projection),
        results: Reader::new(current),
        blobs,
        weights,
    };
    ready(address);
    run_opened(&settings, authenticators, opened, listener, shutdown).await?;
    drop(held);
    Ok(())
}

/// Serves until `shutdown`, or until the log cannot be written. Returns the state at a clean stop.
pub(crate) async fn run_opened(
    settings: &Settings,
    authenticators: Authenticators,
    opened: Opened,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<Scheduler, CoordinatorError> {
    let leadership = Arc::clone(&opened.leadership);
    let (app, threads) = start(settings, authenticators, opened)?;
    let mut tasks = Tasks::new();
    let health = Arc::clone(&threads.health);
    let ticks = tick::run(threads.mailbox.clone(), leadership, Arc::clone(&health));
    tasks.spawn("tick", ticks);
    let mut confirming = Tasks::new();
    if settings.confirm_changes {
        confirming.spawn("confirm", Confirmer::new(Arc::clone(&app)).run());
    }
    let mailbox = threads.mailbox.clone();
    let stop = async move {
        tokio::select! {
            () = shutdown => health.fail(Part::Stopping, "the coordinator is stopping"),
            () = health.fatal() => tokio::time::sleep(SHUTDOWN_GRACE).await,
        }
        // Answers the open claims, so that their connections can close. The scheduler may have ended.
        let _ = mailbox.send(Input::Stop).await;
    };
    serve(app, listener, stop).await;
    let state = threads.join().await?;
    tasks.join(TICK_GRACE).await;
    confirming.join(CONFIRM_GRACE).await;
    Ok(state)
}

/// The output of running attempts, the account of the disk space, and the directory of uploads.
fn working_files(
    settings: &Settings,
    weights: Arc<AtomicU64>,
) -> Result<(Arc<LiveLogs>, Arc<Space>, PathBuf), CoordinatorError> {
    let directory = |path: PathBuf| {
        move |source: io::Error| CoordinatorError::Directory { path: path.clone(), source }
    };
    let live = settings.data_dir.join("live");
    let live = Arc::new(LiveLogs::open(live.clone()).map_err(directory(live))?);
    let space = Arc::new(Space::new(settings.data_dir.clone(), settings.storage, weights));
    // Interrupted uploads are not continued.
    let incoming = space.incoming();
    make_empty(&incoming).map_err(directory(incoming.clone()))?;
    Ok((live, space, incoming))
}

fn start(
    settings: &Settings,
    authenticators: Authenticators,
    opened: Opened,
) -> Result<(Arc<App>, Threads), CoordinatorError> {
    let (live, space, incoming) = working_files(settings, opened.weights.size())?;
    let Opened {
        leader: Leader { mut log, term, scheduler, clock, since_snapshot },
        leadership: _,
        identity,
        projection,
        results,
        blobs,
        weights,
    } = opened;
    let health = Arc::new(Health::new());
    let metrics = Arc::new(Metrics::default());
    let log_reader = log.reader();
    let (projector, feed, progress) = Projector::new(projection, log.last(), Arc::clone(&health));
    let listeners = Listeners {
        progress: Arc::clone(&progress),
        feed,
        live: Arc::clone(&live),
        metrics: Arc::clone(&metrics),
        health: Arc::clone(&health),
        orders: Arc::default(),
    };
    let (mailbox, requests) = Mailbox::new();
    let (batches, waiting) = sync_channel(MAX_WAITING);
    let snapshots = SnapshotPolicy { every: settings.snapshot_events, since: since_snapshot };
    let watched = Arc::clone(&health);
    let runtime = Runtime::new(
        scheduler,
        clock.clone(),
        Arc::clone(&metrics),
        Arc::clone(&health),
        snapshots,
    );
    let owner = thread("dtf-scheduler", move || decide(runtime, requests, &batches, &watched))?;
    let compaction = compaction(settings, &*log, &listeners, &mailbox, &results, &clock, &space);
    let compaction = CompactionThread::start(compaction).map_err(CoordinatorError::Start)?;
    let committer = thread("dtf-log", move || commit::run(&mut *log, term, waiting, &listeners))?;
    let projector = thread("dtf-results", move || projector.run())?;
    let collector = Collector {
        blobs: Arc::clone(&blobs),
        weights: Arc::clone(&weights),
        log: Arc::clone(&log_reader),
        results: results.clone(),
        mailbox: mailbox.clone(),
        runtime: Handle::current(),
        progress: Arc::clone(&progress),
        health: Arc::clone(&health),
        space: Arc::clone(&space),
        metrics: Arc::clone(&metrics),
        first_after: settings.collect_after,
    };
    let housekeeping =
        Housekeeping::start(collector, Arc::clone(&live)).map_err(CoordinatorError::Start)?;
    let app = Arc::new(App {
        mailbox: mailbox.clone(),
        progress,
        results,
        blobs,
        weights,
        log: log_reader,
        live,
        health: Arc::clone(&health),
        metrics,
        space,
        run_files: Arc::new(RunFiles::new(settings.storage.max_run_bytes)),
        authenticators,
        refusals: Refusals::default(),
        streams: Streams::new(),
        clock,
        openapi: crate::coordinator::http::document::text,
        program: program::running(),
        identity,
        incoming,
        bodies: Bodies::new(),
        snapshots: Arc::new(Semaphore::new(1)),
        connections: AtomicUsize::new(0),
    });
    let threads =
        Threads { mailbox, health, owner, committer, projector, housekeeping, compaction };
    Ok((app, threads))
}

/// Runs the owner of the scheduler.
fn decide(
    runtime: Runtime,
    requests: mpsc::Receiver<Request>,
    batches: &SyncSender<Batch<Senders>>,
    health: &Health,
) -> Result<Scheduler, FactError> {
    runtime.run(requests, batches).inspect_err(|error| {
        tracing::error!(%error, "a decision contradicts the state; the coordinator stops");
        health.fail(Part::Scheduler, format!("a decision contradicts the state: {error}"));
    })
}

fn compaction(
    settings: &Settings,
    log: &dyn EventLog,
    listeners: &Listeners,
    mailbox: &Mailbox,
    results: &Reader,
    clock: &Clock,
    space: &Arc<Space>,
) -> Compaction {
    listeners.metrics.log_base.store(log.base(), Relaxed);
    Compaction {
        retention: settings.storage.log_retention,
        pace: settings.compaction,
        archives: settings.data_dir.join(archive::DIRECTORY),
        identity: log.identity(),
        results: results.clone(),
        log: log.reader(),
        base: log.base(),
        progress: Arc::clone(&listeners.progress),
        mailbox: mailbox.clone(),
        orders: Arc::downgrade(&listeners.orders),
        clock: clock.clone(),
        metrics: Arc::clone(&listeners.metrics),
        space: Arc::clone(space),
        stopping: Arc::default(),
        verified: None,
    }
}

/// Creates a directory, or removes the content of an existing one.
fn make_empty(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::create_dir_all(path)
}

fn thread<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, CoordinatorError> {
    let builder = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    builder.spawn(work).map_err(CoordinatorError::Start)
}

impl Threads {
    /// Waits for the threads, which end in order: the scheduler, the log, the results.
    async fn join(self) -> Result<Scheduler, CoordinatorError> {
        let Self { mailbox, health, owner, committer, projector, housekeeping, compaction } = self;
        compaction.stop();
        match mailbox.send(Input::Stop).await {
            Ok(()) | Err(MailboxError::Stopping) => {}
            Err(_) => return Err(CoordinatorError::Stuck),
        }
        let panicked = CoordinatorError::Panicked;
        let joined = tokio::task::spawn_blocking(move || {
            let ended = owner.join().map_err(|_| panicked("the scheduler thread"))?;
            let stored = committer.join().map_err(|_| panicked("the log thread"))?;
            projector.join().map_err(|_| panicked("the results thread"))?;
            housekeeping.join().map_err(|_| panicked("a thread for stored files"))?;
            compaction.join().map_err(|_| panicked("the compaction thread"))?;
            stored.map_err(CoordinatorError::LogLost)?;
            Ok::<_, CoordinatorError>(ended?)
        });
        let state = joined.await.map_err(|_| panicked("the waiting thread"))??;
        match health.fatal_reason() {
            Some(reason) => Err(CoordinatorError::LeadershipLost(reason)),
            None => Ok(state),
        }
    }
}
