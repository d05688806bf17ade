//! The state of a worker's session with its coordinator.

use crate::api::v1::leases::{Claimed, Reported};
use crate::api::v1::workers::Registered;
use crate::domain::id::{LeaseId, WorkerId};
use crate::sys::process::Reaper;
use crate::sys::spawn::Tasks;
use crate::worker::attempt::context::AttemptContext;
use crate::worker::attempt::result::AttemptResult;
use crate::worker::attempt::run::EndedAttempt;
use crate::worker::attempt::supervise::StopRequest;
use crate::worker::calibration::hold::Holds;
use crate::worker::link::{Link, LinkError};
use crate::worker::machine::{LeavePolicy, Machine};
use crate::worker::reassess::ReadLimits;
use crate::worker::session::dispute::Dispute;
use crate::worker::session::job::Job;
use crate::worker::session::requests::{Beat, Requests};
use crate::worker::session::tries::Tries;
use crate::worker::settings::Settings;
use crate::worker::summary::{Summary, WorkerError};
use crate::worker::work_dir::spool::Spool;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Minimum time between two reports, or two claims, of a worker that is busy.
pub const MIN_REQUEST_INTERVAL: Duration = Duration::from_millis(100);
/// Time between two checks of everything that causes no event. An idle worker wakes for little
/// else.
const TICK_INTERVAL: Duration = Duration::from_secs(5);
/// Heartbeat interval until the coordinator gives one.
const FIRST_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// A step of an attempt that its task reports to the session.
pub enum AttemptStep {
    /// No process of the attempt is left.
    Ended(Box<EndedAttempt>),
    /// The result is complete.
    Settled(AttemptResult),
}

pub type Answer<T> = Result<T, LinkError>;
pub type Pending<T> = Option<BoxFuture<'static, Answer<T>>>;

pub struct Session<L> {
    pub context: Arc<AttemptContext<L>>,
    pub requests: Requests<L>,
    pub machine: Machine<Job, AttemptResult>,
    pub spool: Spool,
    pub null_runner: bool,
    pub ephemeral: bool,
    /// Id given by the coordinator, while registered.
    pub worker: Option<WorkerId>,
    pub heartbeat_interval: Duration,
    pub stop_requests: BTreeMap<LeaseId, watch::Sender<StopRequest>>,
    pub attempts: Tasks,
    pub steps: (mpsc::UnboundedSender<AttemptStep>, mpsc::UnboundedReceiver<AttemptStep>),
    pub registering: Pending<Registered>,
    pub claim: Pending<Claimed>,
    pub heartbeat: Pending<Beat>,
    /// The open report. Its answer comes with the number of its batch.
    pub report: Pending<(u64, Reported)>,
    /// Whether the coordinator knows that this worker drains.
    pub is_drain_reported: bool,
    /// Failures of requests since the last success.
    pub link_failures: Tries,
    pub next_register: Instant,
    pub next_claim: Instant,
    pub next_heartbeat: Instant,
    pub next_report: Instant,
    /// [`TICK_INTERVAL`], or the idle timeout when that is shorter.
    pub tick_interval: Duration,
    pub started_at: Instant,
    /// Start of the period without a registration, while there is none.
    pub unregistered_since: Instant,
    /// Registrations that the coordinator has forgotten.
    pub reregistrations: Tries,
    pub draining_since: Option<Instant>,
    pub dispute: Dispute,
    /// Checks in a row that found the work directory unusable.
    pub work_dir_failures: Tries,
    /// Reason for which the worker has to stop.
    pub failure: Option<WorkerError>,
    pub reaper: Reaper,
    pub summary: Summary,
    /// Reads the limits of the machine again.
    pub read_limits: Option<ReadLimits>,
    pub holds: Holds,
    /// Whether the worker takes no new tests, so that it can be calibrated.
    pub is_held: bool,
    /// Whether the worker leaves when it has no test. It is not held, since it would leave then.
    pub leaves_idle: bool,
}

impl<L: Link> Session<L> {
    /// `unsent` are the results that an earlier worker left in the spool.
    pub fn new(
        settings: &Settings,
        context: Arc<AttemptContext<L>>,
        spool: Spool,
        unsent: Vec<(LeaseId, AttemptResult)>,
    ) -> Self {
        let now = Instant::now();
        let leave_policy =
            LeavePolicy { idle: settings.idle_timeout, ephemeral: settings.ephemeral };
        Self {
            requests: Requests::new(settings, &context),
            context,
            machine: Machine::new(leave_policy, unsent),
            spool,
            null_runner: settings.null_runner,
            ephemeral: settings.ephemeral,
            worker: None,
            heartbeat_interval: FIRST_HEARTBEAT_INTERVAL,
            stop_requests: BTreeMap::new(),
            attempts: Tasks::new(),
            steps: mpsc::unbounded_channel(),
            registering: None,
            claim: None,
            heartbeat: None,
            report: None,
            is_drain_reported: false,
            link_failures: Tries::default(),
            next_register: now,
            next_claim: now,
            next_heartbeat: now,
            next_report: now,
            tick_interval: settings.idle_timeout.map_or(TICK_INTERVAL, |limit| {
                TICK_INTERVAL.min(limit.into()).max(MIN_REQUEST_INTERVAL)
            }),
            started_at: now,
            unregistered_since: now,
            reregistrations: Tries::default(),
            draining_since: None,
            dispute: Dispute::default(),
            work_dir_failures: Tries::default(),
            failure: None,
            reaper: Reaper::default(),
            summary: Summary::default(),
            read_limits: settings.assessors.limits.clone(),
            holds: Holds::new(settings.calibration_patience),
            is_held: false,
            leaves_idle: leave_policy != LeavePolicy::default(),
        }
    }

    /// Writes the results of the last step to the spool.
    pub fn flush(&mut self) {
        if let Err(error) = self.spool.flush() {
            tracing::error!(%error, "cannot write results to the spool; keeping them in memory");
        }
    }
}
