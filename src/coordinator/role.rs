//! Starts the parts, joins them, stops them in order.

use crate::blobs::BlobStore;
use crate::coordinator::commit::{self, Batch, Journal, Listeners, MAX_WAITING};
use crate::coordinator::database::DatabaseWriter;
use crate::coordinator::health::{Health, Part};
use crate::coordinator::http::app::{App, MAX_HEAVY};
use crate::coordinator::http::auth::{Authenticators, LocalAdmin, StaticTokens, TokenFileError};
use crate::coordinator::http::refusals::Refusals;
use crate::coordinator::http::serve::serve;
use crate::coordinator::live::LiveLogs;
use crate::coordinator::mailbox::{Failed, Mailbox, Request};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::projector::{Projection, Projector};
use crate::coordinator::recovery::{Recovered, RecoveryError, recover};
use crate::coordinator::runtime::{Runtime, SnapshotPolicy};
use crate::coordinator::settings::Settings;
use crate::coordinator::tick;
use crate::log::EventLog;
use crate::results::{CurrentStore, Reader};
use crate::scheduler::Scheduler;
use crate::sys::clock::Clock;
use crate::sys::lock::LockError;
use crate::sys::spawn::Tasks;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

/// How long a coordinator that lost its log still says so before it stops.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Stack of the threads that own something.
const STACK_BYTES: usize = 2 * 1024 * 1024;
/// For the tick task, which ends with the mailbox.
const TICK_GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    #[error("{0} can be reached by others and there is no token file")]
    Exposed(SocketAddr),
    #[error("cannot use {path}: {source}")]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// Everything acknowledged before is safe.
    #[error("{0}")]
    LogLost(String),
    #[error("a part of the coordinator met a bug and ended: {0}")]
    Bug(&'static str),
}

impl CoordinatorError {
    /// The next step for a person.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Recovery(RecoveryError::Locked(LockError::Held { .. })) => {
                Some("wait until it has ended, or give another --data-dir")
            }
            Self::Folder { .. }
            | Self::Recovery(
                RecoveryError::Folder { .. } | RecoveryError::Locked(LockError::Io { .. }),
            ) => Some("give a --data-dir that this user may write to"),
            Self::Tokens(error) => error.hint(),
            Self::Exposed(_) => Some("give --token-file, or bind 127.0.0.1"),
            Self::LogLost(_) => Some(
                "free disk space or repair the disk, then start again: nothing acknowledged is lost",
            ),
            _ => None,
        }
    }
}

/// What recovery brings: everything that holds state.
pub(crate) struct Opened {
    pub scheduler: Scheduler,
    /// Facts since the snapshot that it was restored from.
    pub since_snapshot: u64,
    /// Last record of the log.
    pub committed: u64,
    pub clock: Clock,
    pub identity: String,
    pub journal: Box<dyn Journal>,
    pub projection: Box<dyn Projection>,
    pub results: Reader,
    pub blobs: Arc<dyn BlobStore>,
}

/// Who is let in at this address.
///
/// # Errors
/// An address that others reach without tokens; a token file that does not do.
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

/// The parts that run beside HTTP.
struct Engine {
    mailbox: Mailbox,
    health: Arc<Health>,
    owner: JoinHandle<()>,
    committer: JoinHandle<()>,
    projector: JoinHandle<()>,
    state: oneshot::Receiver<Scheduler>,
}

/// Runs a coordinator on `listener` until `shutdown`.
///
/// # Errors
/// A data directory in use or damaged, an address that others reach without tokens, and a
/// log that cannot be written any more: what was acknowledged before is safe.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), CoordinatorError> {
    let address = listener.local_addr().map_err(CoordinatorError::Start)?;
    let authenticators = authenticators(&settings, address)?;
    let folder = settings.data_dir.clone();
    let recovered = tokio::task::spawn_blocking(move || recover(&folder));
    let recovered = recovered.await.map_err(|_| CoordinatorError::Bug("recovery"))??;
    let Recovered {
        lock,
        log,
        store,
        substitute,
        scheduler,
        clock,
        identity,
        blobs,
        since_snapshot,
    } = recovered;
    let current = CurrentStore::new(store.store);
    let projection = DatabaseWriter {
        writer: store.writer,
        log: log.reader(),
        current: current.clone(),
        substitute,
    };
    let opened = Opened {
        scheduler,
        since_snapshot,
        committed: log.last(),
        clock,
        identity,
        journal: Box::new(log),
        projection: Box::new(projection),
        results: Reader::new(current),
        blobs: Arc::new(blobs),
    };
    ready(address);
    run_opened(&settings, authenticators, opened, listener, shutdown).await?;
    drop(lock);
    Ok(())
}

/// Serves what was opened until `shutdown` or until the log is lost. Returns the state
/// as it was at a clean stop.
pub(crate) async fn run_opened(
    settings: &Settings,
    authenticators: Authenticators,
    opened: Opened,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<Scheduler, CoordinatorError> {
    let (app, engine) = start(settings, authenticators, opened)?;
    let mut tasks = Tasks::new();
    tasks.spawn("tick", tick::run(engine.mailbox.clone()));
    let health = Arc::clone(&engine.health);
    let mailbox = engine.mailbox.clone();
    let stop = async move {
        tokio::select! {
            () = shutdown => health.fail(Part::Stopping, "the coordinator is stopping"),
            () = health.fatal() => tokio::time::sleep(LAST_WORDS).await,
        }
        // Answers the open claims, so that their connections can close. Already gone: fine.
        let _ = mailbox.send(Request::Stop).await;
    };
    serve(app, listener, stop).await;
    let state = engine.join().await?;
    tasks.join(TICK_GRACE).await;
    Ok(state)
}

fn start(
    settings: &Settings,
    authenticators: Authenticators,
    opened: Opened,
) -> Result<(Arc<App>, Engine), CoordinatorError> {
    let folder = |path: PathBuf| {
        move |source: io::Error| CoordinatorError::Folder { path: path.clone(), source }
    };
    let live = settings.data_dir.join("live");
    let live = Arc::new(LiveLogs::open(live.clone()).map_err(folder(live))?);
    let incoming = settings.data_dir.join("incoming");
    // What an interrupted upload left is of no use.
    let fresh = std::fs::remove_dir_all(&incoming).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    });
    fresh.and_then(|()| std::fs::create_dir_all(&incoming)).map_err(folder(incoming.clone()))?;

    let Opened {
        scheduler,
        since_snapshot,
        committed,
        clock,
        identity,
        mut journal,
        projection,
        results,
        blobs,
    } = opened;
    let health = Arc::new(Health::new());
    let metrics = Arc::new(Metrics::default());
    let (projector, feed, progress) = Projector::new(projection, committed, Arc::clone(&health));
    let listeners = Listeners {
        progress: Arc::clone(&progress),
        feed,
        live: Arc::clone(&live),
        metrics: Arc::clone(&metrics),
        health: Arc::clone(&health),
    };
    let (mailbox, requests) = Mailbox::new();
    let (batches, waiting) = sync_channel::<Batch>(MAX_WAITING);
    let (told, state) = oneshot::channel();
    let counted = Arc::clone(&metrics);
    let snapshots = SnapshotPolicy { every: settings.snapshot_events, since: since_snapshot };
    let owner = thread("dtf-scheduler", move || {
        let scheduler = Runtime::new(scheduler, clock, counted, snapshots).run(requests, &batches);
        // Lets the thread that commits end.
        drop(batches);
        // Nobody may want it.
        drop(told.send(scheduler));
    })?;
    let committer = thread("dtf-log", move || commit::run(&mut *journal, waiting, &listeners))?;
    let projector = thread("dtf-results", move || projector.run())?;
    let app = Arc::new(App {
        mailbox: mailbox.clone(),
        progress,
        results,
        blobs,
        live,
        health: Arc::clone(&health),
        metrics,
        authenticators,
        refusals: Refusals::default(),
        clock,
        openapi: crate::coordinator::http::document::text(),
        identity,
        incoming,
        heavy: Semaphore::new(MAX_HEAVY),
        connections: AtomicUsize::new(0),
    });
    Ok((app, Engine { mailbox, health, owner, committer, projector, state }))
}

fn thread(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, CoordinatorError> {
    let builder = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    builder.spawn(work).map_err(CoordinatorError::Start)
}

impl Engine {
    /// Waits for the threads, which end one after the other: who decides, who commits,
    /// who projects.
    async fn join(self) -> Result<Scheduler, CoordinatorError> {
        let Self { mailbox, health, owner, committer, projector, state } = self;
        match mailbox.send(Request::Stop).await {
            Ok(()) | Err(Failed::Stopping) => {}
            Err(_) => return Err(CoordinatorError::Bug("the scheduler's mailbox is stuck")),
        }
        let bug = CoordinatorError::Bug;
        let joined = tokio::task::spawn_blocking(move || {
            owner.join().map_err(|_| bug("the owner of the scheduler"))?;
            committer.join().map_err(|_| bug("the log thread"))?;
            projector.join().map_err(|_| bug("the results thread"))
        });
        joined.await.map_err(|_| bug("a thread that waits"))??;
        match health.fatal_reason() {
            Some(reason) => Err(CoordinatorError::LogLost(reason)),
            None => state.await.map_err(|_| bug("the owner of the scheduler")),
        }
    }
}
