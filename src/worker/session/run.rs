//! The main loop of a worker: register, claim, run, report, leave.
//!
//! One task owns the state machine. Requests and attempts run beside it, and their results return
//! to it as inputs.
//!
//! Promises: attempts continue while the coordinator is unreachable. A result is on disk before it
//! is sent and until it is acknowledged. At most one registration, claim, heartbeat and report are
//! open at a time.

use crate::domain::time::{Millis, Timestamp};
use crate::sys::clock;
use crate::sys::shutdown::Shutdown;
use crate::worker::attempt::supervise::StopRequest;
use crate::worker::link::Link;
use crate::worker::session::state::{Answer, MIN_REQUEST_INTERVAL, Pending, Session};
use crate::worker::summary::{Summary, WorkerError};
use crate::worker::work_dir::WorkDirError;
use std::time::Duration;
use tokio::time::Instant;

/// How long a stopping worker tries to send its last results. They remain in the spool.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an ephemeral worker tries to reach its coordinator.
const EPHEMERAL_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum number of checks in a row that find the work directory unusable. With the growing
/// pauses between them they take about a minute.
const MAX_WORK_DIR_FAILURES: u32 = 10;
/// How long killed attempts may take to end.
const KILL_TIMEOUT: Duration = Duration::from_secs(20);

impl<L: Link> Session<L> {
    pub async fn run(mut self, shutdown: Shutdown) -> Result<Summary, WorkerError> {
        match self.serve(shutdown).await {
            Ok(()) => self.leave().await,
            Err(error) => {
                self.stop_all();
                self.flush();
                self.attempts.join(KILL_TIMEOUT).await;
                if let Some(worker) = self.worker
                    && let Err(error) = self.requests.leave(worker).await
                {
                    tracing::warn!(%error, "cannot report to the coordinator that this worker leaves");
                }
                Err(error)
            }
        }
    }

    async fn serve(&mut self, mut shutdown: Shutdown) -> Result<(), WorkerError> {
        let mut next_tick = Instant::now() + self.tick_interval;
        let mut kill_signal = shutdown.clone();
        let (mut is_stopping, mut is_killing) = (false, false);
        while !self.is_over() {
            self.open_requests();
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            let wake = self.wake(next_tick);
            tokio::select! {
                answer = pending(&mut self.registering) => {
                    self.registering = None;
                    self.register_answered(answer)?;
                }
                answer = pending(&mut self.claim) => {
                    self.claim = None;
                    self.claim_answered(answer);
                }
                answer = pending(&mut self.heartbeat) => {
                    self.heartbeat = None;
                    self.heartbeat_answered(answer);
                }
                answer = pending(&mut self.report) => {
                    self.report = None;
                    self.report_answered(answer);
                }
                Some(step) = self.steps.1.recv() => self.attempts_advanced(step),
                () = shutdown.stop(), if !is_stopping => {
                    is_stopping = true;
                    tracing::info!("stopping after the running attempts; stop again to kill them");
                    self.machine.drain();
                }
                () = kill_signal.now(), if !is_killing => {
                    is_killing = true;
                    self.stop_all();
                }
                () = tokio::time::sleep_until(wake) => {
                    if Instant::now() >= next_tick {
                        next_tick = Instant::now() + self.tick_interval;
                        self.tick().await;
                    }
                }
            }
            self.flush();
        }
        Ok(())
    }

    /// Kills all attempts and drains.
    fn stop_all(&mut self) {
        self.context.calibrations.interrupt();
        let mut actions = Vec::new();
        self.machine.shutdown(&mut actions);
        self.perform(actions, StopRequest::Kill);
    }

    /// Whether the worker leaves: nothing is left to do, or the coordinator cannot be reached.
    fn is_over(&mut self) -> bool {
        if !self.machine.draining() {
            self.draining_since = None;
            let has_no_coordinator =
                self.worker.is_none() && self.unregistered_since.elapsed() >= EPHEMERAL_TIMEOUT;
            return self.ephemeral && has_no_coordinator && self.machine.running() == 0;
        }
        let since = *self.draining_since.get_or_insert_with(Instant::now);
        let has_given_up = self.machine.running() == 0 && since.elapsed() >= LEAVE_TIMEOUT;
        self.machine.done() || (has_given_up && self.link_failures.is_failing())
    }

    /// Opens every request that is due and not open.
    fn open_requests(&mut self) {
        let now = Instant::now();
        let Some(worker) = self.worker else {
            if self.registering.is_none() && now >= self.next_register {
                self.registering = Some(self.requests.register(self.machine.holding()));
            }
            return;
        };
        let draining = self.machine.wants_to_leave();
        let may_claim = !draining || self.is_drain_reported;
        if self.claim.is_none() && may_claim && now >= self.next_claim && self.can_work() {
            self.next_claim = now + MIN_REQUEST_INTERVAL;
            self.claim = Some(self.requests.claim(worker, self.machine.received(), self.is_held));
        }
        let must_report_drain =
            draining && !self.is_drain_reported && !self.link_failures.is_failing();
        if self.heartbeat.is_none() && (must_report_drain || now >= self.next_heartbeat) {
            self.next_heartbeat = now + self.heartbeat_interval;
            if let Some(read) = &self.read_limits {
                self.context.offer.limited(read());
            }
            let (received, holding) = (self.machine.received(), self.machine.holding());
            self.heartbeat = Some(self.requests.heartbeat(worker, received, holding, draining));
        }
        if self.report.is_none() && now >= self.next_report && self.machine.owes_report() {
            self.next_report = now + MIN_REQUEST_INTERVAL;
            self.report = self.requests.report(worker, &mut self.machine);
        }
    }

    /// Whether attempts can have directories. A worker whose work directory is unusable takes no
    /// tests, instead of failing tests that other workers could run.
    fn can_work(&mut self) -> bool {
        let Err(error) = self.context.directories.check() else {
            self.work_dir_failures.succeeded();
            return true;
        };
        let path = self.context.work_dir.attempts();
        let wait = self.work_dir_failures.pause();
        tracing::warn!(path = %path.display(), %error, retry_in = ?wait, "the work directory is unusable; taking no tests");
        self.next_claim = Instant::now() + wait;
        if self.work_dir_failures.failures() >= MAX_WORK_DIR_FAILURES {
            self.failure = Some(WorkDirError::Unusable { path, error }.into());
        }
        false
    }

    /// Time of the next due request or tick.
    fn wake(&self, next_tick: Instant) -> Instant {
        let registered = self.worker.is_some();
        let due = [
            (!registered && self.registering.is_none(), self.next_register),
            (registered && self.claim.is_none(), self.next_claim),
            (registered && self.heartbeat.is_none(), self.next_heartbeat),
            (registered && self.report.is_none() && self.machine.owes_report(), self.next_report),
        ];
        let now = Instant::now();
        let due = due.into_iter().filter(|(is_waiting, at)| *is_waiting && *at > now);
        due.map(|(_, at)| at).fold(next_tick, Instant::min)
    }

    /// Periodic work: idle timeout, orphaned processes, warm runners, the list of weights.
    async fn tick(&mut self) {
        let now = Millis::from(self.started_at.elapsed());
        self.machine.tick(Timestamp(now.0));
        self.reaper.sweep();
        self.calibrate_if_due(Timestamp(now.0));
        self.context.warm.maintain().await;
        self.context.weights.refresh_if_due().await;
    }

    /// Starts the benchmark if it is due and no test runs, and holds a worker that is never idle. Its
    /// result is in the next heartbeat.
    fn calibrate_if_due(&mut self, now: Timestamp) {
        let calibrations = self.context.calibrations.clone();
        let capability = self.context.offer.current();
        let is_due = !self.null_runner
            && self.worker.is_some()
            && calibrations.is_due(clock::wall(), &capability);
        let may_hold = is_due && !self.leaves_idle && !self.machine.draining();
        let is_held = self.holds.update(now, may_hold);
        if is_held != self.is_held {
            if is_held {
                tracing::info!("taking no new tests until this worker is calibrated");
            } else {
                tracing::info!("taking tests again");
            }
            self.is_held = is_held;
            // A claim of the other kind replaces the open one.
            self.claim = None;
        }
        if !is_due || self.machine.running() > 0 {
            return;
        }
        self.attempts.spawn("calibration", async move {
            calibrations.calibrate(&capability).await;
        });
    }

    /// Ends the session after the main loop.
    async fn leave(mut self) -> Result<Summary, WorkerError> {
        self.flush();
        self.context.calibrations.interrupt();
        self.summary.unsent = self.machine.unacknowledged().count() as u64;
        if !self.attempts.join(KILL_TIMEOUT).await {
            tracing::error!("attempts did not end in time after they were killed");
        }
        // Killed processes are reaped here: the init process of a container may not do it. `Reaper`
        // reaps a process that was already ended at the previous sweep.
        self.reaper.sweep();
        self.reaper.sweep();
        match self.worker {
            Some(worker) => {
                if let Err(error) = self.requests.leave(worker).await {
                    tracing::warn!(%error, "cannot report to the coordinator that this worker leaves");
                }
                Ok(self.summary)
            }
            None if self.ephemeral && self.summary.worker.is_none() => {
                Err(WorkerError::NoCoordinator(EPHEMERAL_TIMEOUT))
            }
            None => Ok(self.summary),
        }
    }
}

async fn pending<T>(request: &mut Pending<T>) -> Answer<T> {
    match request {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}
