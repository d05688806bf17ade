//! A worker's life with a coordinator: register, claim, run, report, leave.
//!
//! One task owns the state machine; requests and attempts run beside it and come back as
//! inputs. Promises: attempts go on while the coordinator is away; a result is on disk
//! before it is sent and until it is acknowledged; at most one report, claim and heartbeat
//! request are open at a time.

mod dispute;
mod requests;

use crate::api::v1::leases::{Claimed, LeaseView, Reported};
use crate::api::v1::workers::{HeartbeatAnswer, Registered};
use crate::domain::id::{LeaseId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::domain::time::Timestamp;
use crate::sys::process::Reaper;
use crate::sys::shutdown::Shutdown;
use crate::sys::spawn::Tasks;
use crate::worker::attempt::supervise::Stop;
use crate::worker::attempt::{AttemptContext, AttemptResult, EndedAttempt};
use crate::worker::link::{Link, LinkError};
use crate::worker::machine::{Action, Delivery, GrantedLease, LeavePolicy, Machine};
use crate::worker::session::dispute::Dispute;
use crate::worker::session::requests::{Requests, Tries};
use crate::worker::settings::Settings;
use crate::worker::summary::Summary;
use crate::worker::summary::WorkerError;
use crate::worker::verdict::Verdict;
use crate::worker::work_dir::WorkDirError;
use crate::worker::work_dir::spool::Spool;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Between two reports, or claims, of a worker that has enough to do.
const PACE: Duration = Duration::from_millis(100);
/// Between two looks at what no event tells. A worker at rest wakes for little else.
const TICK: Duration = Duration::from_secs(5);
/// How long a stopping worker tries to tell its last results; they leave_policy in the spool.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// How long an ephemeral worker looks for its coordinator.
const EPHEMERAL_PATIENCE: Duration = Duration::from_secs(60);
/// How many times in a row the work directory may turn out to be unusable, with growing waits
/// between, about a minute in all.
const MAX_UNUSABLE: u32 = 10;
/// How long attempts may take to end after they were killed.
const KILL_LIMIT: Duration = Duration::from_secs(20);

/// What attempts tell the session.
enum Step {
    EndedAttempt(Box<EndedAttempt>),
    Settled(AttemptResult),
}

type Answer<T> = Result<T, LinkError>;
type Pending<T> = Option<BoxFuture<'static, Answer<T>>>;

pub(super) struct Session<L> {
    context: Arc<AttemptContext<L>>,
    requests: Requests<L>,
    machine: Machine<Box<LeaseView>, AttemptResult>,
    spool: Spool,
    null_runner: bool,
    ephemeral: bool,
    worker: Option<WorkerId>,
    heartbeat_every: Duration,
    stops: BTreeMap<LeaseId, watch::Sender<Stop>>,
    attempts: Tasks,
    steps: (mpsc::UnboundedSender<Step>, mpsc::UnboundedReceiver<Step>),
    registering: Pending<Registered>,
    claim: Pending<Claimed>,
    heartbeat: Pending<(bool, HeartbeatAnswer)>,
    report: Pending<(u64, Reported)>,
    drain_told: bool,
    away: Tries,
    next_register: Instant,
    next_claim: Instant,
    next_heartbeat: Instant,
    next_report: Instant,
    /// [`TICK`], or less for an idle limit that is shorter.
    tick_every: Duration,
    began: Instant,
    /// Since when it has not been registered, while it is not.
    alone_since: Instant,
    again: Tries,
    draining_since: Option<Instant>,
    dispute: Dispute,
    /// Waits for a work directory that cannot be used.
    unusable: Tries,
    /// Why it cannot go on.
    failure: Option<WorkerError>,
    reaper: Reaper,
    summary: Summary,
}

impl<L: Link> Session<L> {
    pub fn new(
        settings: &Settings,
        context: Arc<AttemptContext<L>>,
        spool: Spool,
        left: Vec<(LeaseId, AttemptResult)>,
    ) -> Self {
        let now = Instant::now();
        let leave_policy =
            LeavePolicy { idle: settings.idle_timeout, ephemeral: settings.ephemeral };
        Self {
            requests: Requests::new(settings, &context),
            context,
            machine: Machine::new(leave_policy, left),
            spool,
            null_runner: settings.null_runner,
            ephemeral: settings.ephemeral,
            worker: None,
            heartbeat_every: Duration::from_secs(10),
            stops: BTreeMap::new(),
            attempts: Tasks::new(),
            steps: mpsc::unbounded_channel(),
            registering: None,
            claim: None,
            heartbeat: None,
            report: None,
            drain_told: false,
            away: Tries::default(),
            next_register: now,
            next_claim: now,
            next_heartbeat: now,
            next_report: now,
            tick_every: settings
                .idle_timeout
                .map_or(TICK, |limit| TICK.min(limit.into()).max(PACE)),
            began: now,
            alone_since: now,
            again: Tries::default(),
            draining_since: None,
            dispute: Dispute::default(),
            unusable: Tries::default(),
            failure: None,
            reaper: Reaper::default(),
            summary: Summary::default(),
        }
    }

    pub async fn run(mut self, shutdown: Shutdown) -> Result<Summary, WorkerError> {
        match self.live(shutdown).await {
            Ok(()) => self.leave().await,
            Err(error) => {
                self.stop_all();
                self.flush();
                self.attempts.join(KILL_LIMIT).await;
                if let Some(worker) = self.worker
                    && let Err(error) = self.requests.leave(worker).await
                {
                    tracing::warn!(%error, "left without a word");
                }
                Err(error)
            }
        }
    }

    async fn live(&mut self, mut shutdown: Shutdown) -> Result<(), WorkerError> {
        let mut next_tick = Instant::now() + self.tick_every;
        let mut now_asked = shutdown.clone();
        let (mut stopping, mut killing) = (false, false);
        while !self.over() {
            self.open_requests();
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            let wake = self.wake(next_tick);
            tokio::select! {
                answer = pending(&mut self.registering) => {
                    self.registering = None;
                    self.registered(answer)?;
                }
                answer = pending(&mut self.claim) => {
                    self.claim = None;
                    self.claimed(answer);
                }
                answer = pending(&mut self.heartbeat) => {
                    self.heartbeat = None;
                    self.beaten(answer);
                }
                answer = pending(&mut self.report) => {
                    self.report = None;
                    self.reported(answer);
                }
                Some(step) = self.steps.1.recv() => self.attempts_stepped(step),
                () = shutdown.stop(), if !stopping => {
                    stopping = true;
                    tracing::info!("stopping: running attempts finish; once more stops them too");
                    self.machine.drain();
                }
                () = now_asked.now(), if !killing => {
                    killing = true;
                    self.stop_all();
                }
                () = tokio::time::sleep_until(wake) => {
                    if Instant::now() >= next_tick {
                        next_tick = Instant::now() + self.tick_every;
                        self.tick().await;
                    }
                }
            }
            self.flush();
        }
        Ok(())
    }

    fn stop_all(&mut self) {
        let mut actions = Vec::new();
        self.machine.shutdown(&mut actions);
        self.act(actions, Stop::Now);
    }

    /// Whether there is nothing more to do, or nobody to tell it to.
    fn over(&mut self) -> bool {
        if !self.machine.draining() {
            self.draining_since = None;
            let lost = self.worker.is_none() && self.alone_since.elapsed() >= EPHEMERAL_PATIENCE;
            return self.ephemeral && lost && self.machine.running() == 0;
        }
        let since = *self.draining_since.get_or_insert_with(Instant::now);
        let silent = self.machine.running() == 0 && since.elapsed() >= LAST_WORDS;
        self.machine.done() || (silent && self.away.failing())
    }

    fn open_requests(&mut self) {
        let now = Instant::now();
        let Some(worker) = self.worker else {
            if self.registering.is_none() && now >= self.next_register {
                self.registering = Some(self.requests.register(self.machine.holding()));
            }
            return;
        };
        let draining = self.machine.wants_to_leave();
        let may_claim = !draining || self.drain_told;
        if self.claim.is_none() && may_claim && now >= self.next_claim && self.can_work() {
            self.next_claim = now + PACE;
            self.claim = Some(self.requests.claim(worker, self.machine.received()));
        }
        let news = draining && !self.drain_told && !self.away.failing();
        if self.heartbeat.is_none() && (news || now >= self.next_heartbeat) {
            self.next_heartbeat = now + self.heartbeat_every;
            let (received, holding) = (self.machine.received(), self.machine.holding());
            self.heartbeat = Some(self.requests.heartbeat(worker, received, holding, draining));
        }
        if self.report.is_none() && now >= self.next_report && self.machine.owes_report() {
            self.next_report = now + PACE;
            self.report = self.requests.report(worker, &mut self.machine);
        }
    }

    /// Whether attempts can have directories. A worker that cannot run anything takes nothing,
    /// instead of failing all tests that others could do.
    fn can_work(&mut self) -> bool {
        let Err(error) = self.context.directories.check() else {
            self.unusable.worked();
            return true;
        };
        let path = self.context.work_dir.attempts();
        let wait = self.unusable.pause();
        tracing::warn!(path = %path.display(), %error, retry_in = ?wait, "no tests are taken");
        self.next_claim = Instant::now() + wait;
        if self.unusable.failures() >= MAX_UNUSABLE {
            self.failure = Some(WorkDirError::Unusable { path, error }.into());
        }
        false
    }

    fn wake(&self, next_tick: Instant) -> Instant {
        let registered = self.worker.is_some();
        let due = [
            (!registered && self.registering.is_none(), self.next_register),
            (registered && self.claim.is_none(), self.next_claim),
            (registered && self.heartbeat.is_none(), self.next_heartbeat),
            (registered && self.report.is_none() && self.machine.owes_report(), self.next_report),
        ];
        let now = Instant::now();
        let due = due.into_iter().filter(|(waits, at)| *waits && *at > now);
        due.map(|(_, at)| at).fold(next_tick, Instant::min)
    }

    fn registered(&mut self, answer: Answer<Registered>) -> Result<(), WorkerError> {
        let registered = match answer {
            Ok(registered) => registered,
            Err(LinkError::Unauthorized(reason)) => return Err(WorkerError::Unauthorized(reason)),
            Err(LinkError::Refused(reason)) => return Err(WorkerError::Refused(reason)),
            Err(LinkError::Taken(reason)) => {
                self.next_register = self.dispute.refused(Instant::now(), &reason)?;
                return Ok(());
            }
            Err(LinkError::Misaddressed(reason)) => return Err(WorkerError::Misaddressed(reason)),
            Err(error) => {
                let wait = self.away.pause();
                tracing::warn!(%error, retry_in = ?wait, "cannot register");
                self.next_register = Instant::now() + wait;
                return Ok(());
            }
        };
        self.away.worked();
        self.dispute.registered();
        tracing::info!(worker = %registered.worker, "registered");
        let now = Instant::now();
        self.heartbeat_every =
            Duration::from(registered.heartbeat_ms).max(Duration::from_millis(10));
        (self.next_claim, self.next_report) = (now, now);
        self.next_heartbeat = now + self.heartbeat_every;
        self.worker = Some(registered.worker);
        self.summary.worker = Some(registered.worker);
        self.drain_told = false;
        self.machine.registered(registered.epoch);
        self.stale(&registered.stale);
        Ok(())
    }

    /// Sorts out a failed request; returns how long to wait before the next.
    fn failed(&mut self, what: &'static str, error: &LinkError) -> Duration {
        let wait = self.away.pause();
        tracing::warn!(%error, what, retry_in = ?wait, "a request failed");
        if let LinkError::Taken(reason) = error {
            self.failure = self.dispute.displaced(reason).err();
        }
        if matches!(error, LinkError::Unknown(_) | LinkError::Taken(_)) {
            // Answers to the old registration must not reach the new one.
            self.worker = None;
            (self.claim, self.heartbeat, self.report) = (None, None, None);
            self.alone_since = Instant::now();
            // With a pause, since whatever made the coordinator forget may do so again.
            self.next_register = self.alone_since + self.again.pause();
        }
        wait
    }

    fn claimed(&mut self, answer: Answer<Claimed>) {
        let claimed = match answer {
            Ok(claimed) => claimed,
            Err(error) => {
                self.next_claim = Instant::now() + self.failed("claim", &error);
                return;
            }
        };
        self.away.worked();
        self.again.worked();
        let grant = |view: LeaseView| GrantedLease {
            lease: view.lease,
            seat: view.seat,
            job: Box::new(view),
        };
        let delivery = Delivery {
            received: claimed.received,
            leases: claimed.leases.into_iter().map(grant).collect(),
            stop: claimed.stop,
            recall: claimed.recall,
            drain: claimed.drain,
            resume: claimed.resume,
        };
        // After a resume that it does not follow it says again that it leaves.
        self.drain_told = (self.drain_told && !delivery.resume) || delivery.drain;
        let mut actions = Vec::new();
        self.machine.claimed(delivery, &mut actions);
        self.act(actions, Stop::Cancel);
        self.hurry();
    }

    /// Does not keep the pace when nothing is left to start: the coordinator then has more.
    fn hurry(&mut self) {
        if !self.machine.has_queued() {
            let now = Instant::now();
            if !self.away.failing() {
                self.next_report = self.next_report.min(now);
                self.next_claim = self.next_claim.min(now);
            }
        }
    }

    fn beaten(&mut self, answer: Answer<(bool, HeartbeatAnswer)>) {
        match answer {
            Ok((draining, answer)) => {
                self.away.worked();
                self.drain_told |= draining;
                self.stale(&answer.stale);
            }
            Err(error) => {
                let wait = self.failed("heartbeat", &error).min(self.heartbeat_every);
                self.next_heartbeat = Instant::now() + wait;
            }
        }
    }

    fn stale(&mut self, leases: &[LeaseId]) {
        if leases.is_empty() {
            return;
        }
        let first = leases.first().map(|lease| lease.attempt.to_string()).unwrap_or_default();
        // What only has a result left to send, from before a restart, loses nobody's work.
        if leases.iter().any(|lease| self.stops.contains_key(lease)) {
            tracing::warn!(
                count = leases.len(),
                first,
                "leases went to others; what runs is stopped"
            );
        } else {
            tracing::info!(count = leases.len(), first, "leases went to others");
        }
        let mut actions = Vec::new();
        self.machine.stale(leases, &mut actions);
        self.act(actions, Stop::Now);
    }

    fn reported(&mut self, answer: Answer<(u64, Reported)>) {
        let (number, reported) = match answer {
            Ok(reported) => reported,
            Err(error) => {
                self.next_report = Instant::now() + self.failed("report", &error);
                if let LinkError::Refused(reason) = &error {
                    self.requests.refused(&mut self.machine, reason);
                }
                return;
            }
        };
        self.away.worked();
        self.requests.taken();
        if !reported.conflicts.is_empty() {
            let first = reported.conflicts.first();
            let first = first.map(|lease| lease.attempt.to_string()).unwrap_or_default();
            tracing::warn!(count = reported.conflicts.len(), first, "results came too late");
        }
        self.summary.conflicts += reported.conflicts.len() as u64;
        self.requests.forget_blobs(&self.machine);
        self.machine.acknowledged(number);
        self.hurry();
        let needed = self.machine.unacknowledged().filter_map(|ended| ended.result.as_ref());
        if let Err(error) = self.spool.compact(needed) {
            tracing::warn!(%error, "cannot shorten the spool");
        }
    }

    fn attempts_stepped(&mut self, first: Step) {
        let mut next = Some(first);
        while let Some(step) = next {
            let mut actions = Vec::new();
            match step {
                Step::EndedAttempt(over) => self.vacate(over, &mut actions),
                Step::Settled(finished) => {
                    let lease = finished.report.lease;
                    self.stops.remove(&lease);
                    self.end(lease, finished, &mut actions);
                }
            }
            self.act(actions, Stop::Cancel);
            next = self.steps.1.try_recv().ok();
        }
        if self.context.directories.failing() {
            // What it may bring would fail, too.
            self.claim = None;
        }
        self.hurry();
    }

    /// Lets the seat go on first: making up a result takes longer than starting a process.
    fn vacate(&mut self, over: Box<EndedAttempt>, actions: &mut Vec<Action<Box<LeaseView>>>) {
        self.stops.remove(&over.lease());
        self.machine.vacated(over.lease(), actions);
        self.act(std::mem::take(actions), Stop::Cancel);
        let (context, steps) = (self.context.clone(), self.steps.0.clone());
        self.attempts.spawn("result", async move {
            let lease = over.lease();
            let _ =
                steps.send(Step::Settled(context.settle(over).await.unwrap_or_else(|| bug(lease))));
        });
    }

    fn end(
        &mut self,
        lease: LeaseId,
        finished: AttemptResult,
        actions: &mut Vec<Action<Box<LeaseView>>>,
    ) {
        self.summary.count(finished.report.outcome);
        self.spool.add(&finished);
        self.machine.ended(lease, finished, actions);
    }

    fn act(&mut self, mut actions: Vec<Action<Box<LeaseView>>>, urgency: Stop) {
        while let Some(action) = actions.pop() {
            match action {
                Action::Start { lease, .. } if self.null_runner => {
                    self.end(lease, AttemptResult::new(lease, Outcome::Passed), &mut actions);
                }
                Action::Start { lease, job } => self.start(lease, job),
                Action::Stop { lease } => {
                    if let Some(stop) = self.stops.get(&lease) {
                        stop.send_modify(|stop| *stop = urgency.max(*stop));
                    }
                }
            }
        }
    }

    fn start(&mut self, lease: LeaseId, job: Box<LeaseView>) {
        let (sender, stop) = watch::channel(Stop::No);
        self.stops.insert(lease, sender);
        let (context, steps) = (self.context.clone(), self.steps.0.clone());
        self.attempts.spawn("attempt", async move {
            let over = AssertUnwindSafe(context.carry_out(job, stop)).catch_unwind().await;
            let step = match over {
                Ok(over) => Step::EndedAttempt(Box::new(over)),
                Err(_) => Step::Settled(bug(lease)),
            };
            // Nobody listens only when the worker is gone already.
            let _ = steps.send(step);
        });
    }

    async fn tick(&mut self) {
        let now = Millis::from(self.began.elapsed());
        self.machine.tick(Timestamp(now.0));
        self.reaper.sweep();
        self.context.warm.look_after().await;
    }

    fn flush(&mut self) {
        if let Err(error) = self.spool.flush() {
            tracing::error!(%error, "results cannot be spooled; they are kept in memory");
        }
    }

    async fn leave(mut self) -> Result<Summary, WorkerError> {
        self.flush();
        self.summary.unsent = self.machine.unacknowledged().count() as u64;
        if !self.attempts.join(KILL_LIMIT).await {
            tracing::error!("attempts did not end in time");
        }
        // What was killed with its test is not left to an init that may not clear it.
        self.reaper.sweep();
        self.reaper.sweep();
        match self.worker {
            Some(worker) => {
                if let Err(error) = self.requests.leave(worker).await {
                    tracing::warn!(%error, "left without a word");
                }
                Ok(self.summary)
            }
            None if self.ephemeral && self.summary.worker.is_none() => {
                Err(WorkerError::NoCoordinator(EPHEMERAL_PATIENCE))
            }
            None => Ok(self.summary),
        }
    }
}

/// The result of an attempt whose task panicked: its seat must not wait for ever.
fn bug(lease: LeaseId) -> AttemptResult {
    AttemptResult::failed(
        lease,
        &Verdict::set_up("the worker met a bug in dtf; its log has the details"),
    )
}

async fn pending<T>(request: &mut Pending<T>) -> Answer<T> {
    match request {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}
